//! Signatures against the vectors of the standards, and keys that are none.

use mail::canonical::BodyCanonicalizer;
use policy::Configuration;
use policy::check::Environment;

use super::*;

/// The Ed25519 key of RFC 8463 appendix A.2.
const RFC_8463_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";

const MESSAGE: &str = "Received: from x\r\nFrom: Joe SixPack <joe@football.example.com>\r\n\
    To: Suzie Q <suzie@shopping.example.net>\r\nSubject: Is dinner ready?\r\n\
    Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
    Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n\
    Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

fn configuration(signatures: &str) -> Configuration {
    let environment = Environment { open_key: Some(open), ..Environment::default() };
    let json = format!(r#"{{"Domain": {{"name": "example.com"}}, "DkimSignature": {signatures}}}"#);
    Configuration::from_settings_json(&json, &environment).unwrap()
}

fn signature(name: &str, key: &str, more: &str) -> String {
    let key = key.replace('\n', "\\n");
    format!(
        r#"{{"name": "{name}", "domain": "football.example.com", "selector": "{name}",
             "key": {{"@type": "Value", "secret": "{key}"}}{more}}}"#
    )
}

async fn signed(configuration: &Configuration, message: &str) -> String {
    let domain = Domain::parse("football.example.com").unwrap();
    let fields =
        sign(configuration, &domain, message.as_bytes(), Timestamp::from_millis(1_528_637_909_000)).await;
    String::from_utf8(fields).unwrap()
}

fn unfolded(field: &str) -> String {
    field.replace("\r\n\t ", "").replace("\r\n\t", " ")
}

/// RFC 8463 appendix A.3: the same key, header fields, time and body give the same body hash and signature.
#[test]
fn the_example_of_rfc_8463() {
    let (_, body) = split(MESSAGE.as_bytes());
    let mut hash = BodyHash::begin(Canonicalization::Relaxed);
    hash.push(body);
    assert_eq!(BASE64.encode(hash.finish()), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
    let key = open(RFC_8463_KEY).unwrap();
    assert_eq!(BASE64.encode(key.public_key()), "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    let field = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; \
        i=@football.example.com;\r\n q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n \
        subject : date : message-id : from : subject : date;\r\n \
        bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=\r\n";
    let mut text = Vec::new();
    let fields: Vec<_> = header::split_fields(MESSAGE.as_bytes()).collect();
    for name in ["from", "to", "subject", "date", "message-id"] {
        let found = |field: &&&[u8]| header::parts(field).unwrap().0.eq_ignore_ascii_case(name.as_bytes());
        Canonicalization::Relaxed.append_field(fields.iter().find(found).unwrap(), &mut text);
    }
    Canonicalization::Relaxed.append_field(field.as_bytes(), &mut text);
    text.truncate(text.len() - 2);
    assert_eq!(
        BASE64.encode(key.sign(&text).unwrap()),
        "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
    );
}

/// RFC 6376 sections 3.4.3 and 3.4.4 give these hashes of an empty body.
#[test]
fn the_hash_of_no_body() {
    let hash = |how| BASE64.encode(BodyHash::begin(how).finish());
    assert_eq!(hash(Canonicalization::Simple), "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=");
    assert_eq!(hash(Canonicalization::Relaxed), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

// proves: 5.13.4
#[tokio::test]
async fn every_signature_of_the_domain_is_made_in_the_order_of_names() {
    let rsa = generate(NewKey::Rsa2048).unwrap();
    let configuration = configuration(&format!(
        "[{}, {}, {}]",
        signature("b-rsa", &rsa, r#", "canonicalization": "simple/simple", "expire": 86400000"#),
        signature("a-ed", RFC_8463_KEY, ""),
        signature("c-off", RFC_8463_KEY, r#", "enable": false"#),
    ));
    let fields = unfolded(&signed(&configuration, MESSAGE).await);
    let lines: Vec<_> = fields.lines().collect();
    assert_eq!(lines.len(), 2, "{fields}");
    assert!(
        lines[0]
            .contains("a=ed25519-sha256; c=relaxed/relaxed; d=football.example.com; s=a-ed; t=1528637909;")
    );
    assert!(lines[1].contains(
        "a=rsa-sha256; c=simple/simple; d=football.example.com; s=b-rsa; t=1528637909; x=1528724309;"
    ));
    let other = Domain::parse("example.com").unwrap();
    assert!(sign(&configuration, &other, MESSAGE.as_bytes(), Timestamp::EPOCH).await.is_empty());
}

#[tokio::test]
async fn a_header_without_a_body_and_no_header_at_all_are_signed() {
    let configuration = configuration(&signature("a", RFC_8463_KEY, ""));
    for message in
        ["From: a@football.example.com\r\n", "From: a@football.example.com\r\n\r\n", "", "\r\nbody"]
    {
        let field = unfolded(&signed(&configuration, message).await);
        assert!(field.contains("h=From:"), "{message:?}: {field}");
        assert_eq!(field.contains("bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), message != "\r\nbody");
    }
}

#[test]
fn a_key_is_refused_with_a_reason_that_tells_nothing_of_it() {
    let check = |pem: &str, expected: &str| {
        let Err(error) = open(pem) else { panic!("{pem} is no key") };
        assert!(error.contains(expected), "{error:?} does not contain {expected:?}");
        assert!(!error.contains("MC4C"), "{error}");
    };
    check("", "PEM");
    check("MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v", "PEM");
    check("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----\n", "Ed25519 or RSA");
    check("-----BEGIN RSA PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END RSA PRIVATE KEY-----\n", "RSA");
    check("-----BEGIN EC PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END EC PRIVATE KEY-----\n", "known");
}

#[test]
fn keys_that_were_made_can_be_opened() {
    for (kind, algorithm) in [
        (NewKey::Ed25519, SigningAlgorithm::Ed25519),
        (NewKey::Rsa2048, SigningAlgorithm::Rsa { bits: 2048 }),
    ] {
        let key = open(&generate(kind).unwrap()).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert!(!key.public_key().is_empty());
    }
}

/// Memory does not grow with the body, and pieces make no difference.
#[test]
fn a_large_body_is_hashed_in_pieces() {
    let piece = b"some  text \t\r\n".repeat(1000);
    for how in [Canonicalization::Simple, Canonicalization::Relaxed] {
        let (mut whole, mut pieces) = (BodyHash::begin(how), BodyHash::begin(how));
        whole.push(&piece.repeat(20));
        for cut in piece.repeat(20).chunks(777) {
            pieces.push(cut);
        }
        assert_eq!(whole.finish(), pieces.finish());
    }
    let mut count = 0;
    let mut canonicalizer = BodyCanonicalizer::new(Canonicalization::Relaxed);
    canonicalizer.push(&piece, &mut |bytes| count += bytes.len());
    canonicalizer.finish(&mut |bytes| count += bytes.len());
    assert_eq!(count, 1000 * "some text\r\n".len());
}
