//! Tests of tokens: which are good, whose they are, and what if the issuer changes its keys or does not answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;

const ISSUER: &str = "https://login.example.org";
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct Signer {
    id: &'static str,
    pair: EcdsaKeyPair,
}

impl Signer {
    fn new(id: &'static str) -> Self {
        Signer { id, pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
    }

    fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "kty": "EC", "crv": "P-256", "kid": self.id, "x": part(&point[1..33]), "y": part(&point[33..]) })
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The issuer's pages, and how often its keys were fetched; nothing answers while there are none.
#[derive(Default)]
struct Pages {
    keys: Mutex<Option<Vec<Value>>>,
    fetched: AtomicUsize,
}

#[async_trait]
impl Fetch for Pages {
    async fn fetch(&self, url: &str, _allow_private: bool) -> Result<Vec<u8>, String> {
        let keys = lock(&self.keys).clone().ok_or("connection refused")?;
        if url == format!("{ISSUER}/.well-known/openid-configuration") {
            return Ok(json!({ "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/keys") }).to_string().into());
        }
        assert_eq!(url, format!("{ISSUER}/keys"));
        self.fetched.fetch_add(1, Ordering::Relaxed);
        Ok(json!({ "keys": keys }).to_string().into())
    }
}

fn issuer() -> (Oidc, Arc<Pages>, Signer) {
    let signer = Signer::new("one");
    let pages = Arc::new(Pages::default());
    *lock(&pages.keys) = Some(vec![signer.jwk()]);
    let settings = OidcDirectory {
        issuer: ISSUER.to_owned(),
        audience: "mail".to_owned(),
        claim_address: "email".to_owned(),
        jwks_url: None,
        allow_private: false,
    };
    (Oidc::new(settings, pages.clone()), pages, signer)
}

fn claims() -> Value {
    let now = NOW.as_secs();
    json!({ "iss": ISSUER, "aud": ["other", "mail"], "exp": now + 300, "nbf": now, "email": "anna@example.org" })
}

fn header(id: &str) -> Value {
    json!({ "alg": "ES256", "kid": id })
}

// proves: L2
#[tokio::test]
async fn a_token_is_good_from_its_issuer_for_us_in_its_time_and_signed() {
    let (oidc, _, signer) = issuer();
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        claims
    };
    let now = NOW.as_secs();
    let signed = |claims: Value| signer.token(&header("one"), &claims);
    let none = URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "kid": "one" }).to_string());
    let good = signed(claims());
    let payload = good.split('.').nth(1).unwrap();
    let other = Signer::new("one");
    let cases = [
        (good.clone(), true),
        (signed(with("exp", json!(now - 61))), false),
        (signed(with("exp", json!(now - 30))), true),
        (signed(with("exp", Value::Null)), false),
        (signed(with("nbf", json!(now + 90))), false),
        (signed(with("aud", json!("other"))), false),
        (signed(with("aud", json!("mail"))), true),
        (signed(with("iss", json!("https://evil.example"))), false),
        (signed(with("email_verified", json!(false))), false),
        (signed(with("email", json!(7))), false),
        (format!("{none}.{payload}."), false),
        (format!("{none}.{payload}.{}", good.rsplit('.').next().unwrap()), false),
        (other.token(&header("one"), &claims()), false),
        (signer.token(&json!({ "alg": "HS256", "kid": "one" }), &claims()), false),
        (signer.token(&json!({ "alg": "ES256", "kid": "one", "crit": ["x"] }), &claims()), false),
        (signer.token(&json!({ "alg": "ES256" }), &claims()), true),
        ("rubbish".to_owned(), false),
    ];
    let anna = Address::parse("anna@example.org").unwrap();
    for (token, is_good) in cases {
        assert_eq!(oidc.owner(&token, NOW).await, Ok(is_good.then(|| anna.clone())), "{token}");
    }
}

#[tokio::test]
async fn keys_are_fetched_again_when_a_token_names_one_that_is_not_known_but_not_each_time() {
    let (oidc, pages, one) = issuer();
    let two = Signer::new("two");
    let token = two.token(&header("two"), &claims());
    assert!(oidc.owner(&one.token(&header("one"), &claims()), NOW).await.unwrap().is_some());
    *lock(&pages.keys) = Some(vec![two.jwk()]);
    for _ in 0..3 {
        assert_eq!(oidc.owner(&token, NOW).await, Ok(None), "it was fetched a moment ago");
    }
    assert_eq!(pages.fetched.load(Ordering::Relaxed), 1);
    let later = NOW.plus(FETCH_AGAIN);
    assert!(oidc.owner(&token, later).await.unwrap().is_some());
    assert_eq!(oidc.owner(&one.token(&header("one"), &claims()), later).await, Ok(None), "it was taken back");
    assert_eq!(pages.fetched.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_makes_nobody_wrong_and_its_old_keys_hold_for_a_day() {
    let (oidc, pages, one) = issuer();
    let keys = lock(&pages.keys).take();
    let mut claims = claims();
    claims["exp"] = json!(NOW.as_secs() + 10 * 24 * 60 * 60);
    let token = one.token(&header("one"), &claims);
    assert!(oidc.owner(&token, NOW).await.is_err());
    *lock(&pages.keys) = keys;
    assert!(oidc.owner(&token, NOW).await.is_err(), "it is not asked again at once");
    let back = NOW.plus(FAILED_AGAIN);
    assert!(oidc.owner(&token, back).await.unwrap().is_some());
    *lock(&pages.keys) = None;
    assert!(oidc.owner(&token, back.plus(KEYS_FRESH)).await.unwrap().is_some());
    assert!(oidc.owner(&token, back.plus(KEYS_MAX)).await.is_err());
}
