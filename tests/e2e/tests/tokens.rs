//! An issuer of tokens: who comes in by IMAP and SMTP with one, and what if the issuer does not answer.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use e2e::process::program;
use e2e::settings::{PASSWORD, SENDER};
use e2e::{Client, Settings, Setup, free_port};
use serde_json::{Value, json};
use tempfile::TempDir;

/// An issuer with one RSA key; while it is away it closes every connection.
struct Issuer {
    url: String,
    away: Arc<AtomicBool>,
    folder: TempDir,
}

impl Issuer {
    fn start() -> Issuer {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key.pem");
        openssl(&["genrsa", "-out", key.to_str().unwrap(), "2048"]);
        let modulus = openssl(&["rsa", "-in", key.to_str().unwrap(), "-noout", "-modulus"]);
        let digits = String::from_utf8(modulus).unwrap().trim().strip_prefix("Modulus=").unwrap().to_owned();
        let bytes: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect();
        let n = URL_SAFE_NO_PAD.encode(bytes);
        let keys = json!({ "keys": [{ "kty": "RSA", "kid": "k1", "use": "sig", "n": n, "e": "AQAB" }] });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let metadata = json!({ "issuer": url, "jwks_uri": format!("{url}/jwks") });
        let away = Arc::new(AtomicBool::new(false));
        let is_away = Arc::clone(&away);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten().filter(|_| !is_away.load(Ordering::Relaxed)) {
                let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                let asked = head.first().map_or("", |line| line.split(' ').nth(1).unwrap_or_default());
                let body = match asked {
                    "/.well-known/openid-configuration" => metadata.to_string(),
                    "/jwks" => keys.to_string(),
                    other => panic!("nobody asks for {other}"),
                };
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Issuer { url, away, folder }
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let (key, text) = (self.folder.path().join("key.pem"), self.folder.path().join("text"));
        fs::write(&text, &signed).unwrap();
        let sign = ["dgst", "-sha256", "-sign", key.to_str().unwrap(), text.to_str().unwrap()];
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(openssl(&sign)))
    }

    fn claims(&self) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        json!({ "iss": self.url, "aud": "mail", "exp": now + 600, "email": SENDER })
    }
}

#[track_caller]
fn openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program("openssl", "openssl")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// What SMTP says to a token at last (RFC 7628 section 3.2.3).
fn smtp(port: u16, token: &str) -> u16 {
    let shown = STANDARD.encode(format!("n,,\x01auth=Bearer {token}\x01\x01"));
    let mut client = Client::ready(port);
    let reply = client.ask(&format!("AUTH OAUTHBEARER {shown}")).unwrap();
    if reply.code == 334 { client.ask("AQ==").unwrap().code } else { reply.code }
}

/// What IMAP says to a token.
fn imap(port: u16, token: &str) -> String {
    let script = format!(
        "import imaplib\nm = imaplib.IMAP4('127.0.0.1', {port})\n\
         answers = ['n,,\\x01auth=Bearer {token}\\x01\\x01', '\\x01']\n\
         try:\n    m.authenticate('OAUTHBEARER', lambda _: answers.pop(0).encode()); print(m.select()[0])\n\
         except imaplib.IMAP4.error as e: print(e)\n"
    );
    let mut python = Command::new(program("python3", "python3"));
    let output = python.args(["-c", &script]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

// proves: L2
#[test]
fn a_token_lets_in_whom_its_issuer_names() {
    let issuer = Issuer::start();
    issuer.away.store(true, Ordering::Relaxed);
    let mut settings = Settings::default().json();
    settings["Directory"] =
        json!([{ "@type": "Oidc", "name": "login", "issuer": issuer.url, "audience": "mail" }]);
    settings["Domain"] = json!([{ "name": "here.test", "directory": "login" }]);
    settings["SystemSettings"]["saslMechanisms"] = json!(["plain", "oauthBearer"]);
    let port = free_port();
    let boot = format!("[[listener]]\nname = \"imap\"\nprotocol = \"imap\"\nbind = \"127.0.0.1:{port}\"\n");
    let waypost = Setup::with(settings).boot(&boot).start();
    let header = json!({ "alg": "RS256", "kid": "k1" });
    let good = issuer.token(&header, &issuer.claims());

    assert_eq!(smtp(waypost.port, &good), 454, "the issuer does not answer");
    let said = imap(port, &good);
    assert!(said.contains("UNAVAILABLE"), "{said}");
    issuer.away.store(false, Ordering::Relaxed);
    e2e::eventually("the issuer is asked again", || (smtp(waypost.port, &good) == 235).then_some(()));
    assert_eq!(imap(port, &good), "OK\n");

    let with = |name: &str, value: Value| {
        let mut claims = issuer.claims();
        claims[name] = value;
        issuer.token(&header, &claims)
    };
    let unsigned = |token: &str| {
        let none = URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "kid": "k1" }).to_string());
        format!("{none}.{}.", token.split('.').nth(1).unwrap())
    };
    for (what, token) in [
        ("expired", with("exp", json!(1_700_000_000))),
        ("for others", with("aud", json!("chat"))),
        ("of another issuer", with("iss", json!("https://login.example.org"))),
        ("of nobody here", with("email", json!("nobody@here.test"))),
        ("not signed", unsigned(&good)),
        (
            "by a key that is not known",
            issuer.token(&json!({ "alg": "RS256", "kid": "k2" }), &issuer.claims()),
        ),
    ] {
        assert_eq!(smtp(waypost.port, &token), 535, "{what}");
        assert_eq!(smtp(waypost.port, &good), 235, "{what}");
        let said = imap(port, &token);
        assert!(said.contains("AUTHENTICATIONFAILED"), "{what}: {said}");
        assert_eq!(smtp(waypost.port, &good), 235, "{what}");
    }
    // What it said a moment ago holds while it is away; and passwords need no issuer.
    issuer.away.store(true, Ordering::Relaxed);
    assert_eq!(smtp(waypost.port, &good), 235);
    let plain = STANDARD.encode(format!("\0{SENDER}\0{PASSWORD}"));
    assert_eq!(Client::ready(waypost.port).say(&format!("AUTH PLAIN {plain}"), 235).code, 235);
}
