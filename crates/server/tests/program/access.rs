//! Who may ask what, as clients over the network meet it.

use std::io::{Read, Write};
use std::net::TcpStream;

use admin::Role;
use admin::access::permissions;
use serde_json::{Value, json};

use crate::fixture::{Place, SETTINGS, Server};

const PASSWORD: &str = "correct horse battery";

/// What is answered over TCP to a request with these header lines.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn cookie(&self) -> String {
        let field = self.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        field.split(';').next().unwrap().to_owned()
    }
}

fn request(server: &Server, method: &str, path: &str, header: &[&str], body: &str) -> Answer {
    let mut stream = TcpStream::connect(&server.admin).unwrap();
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !header.iter().any(|line| line.starts_with("Host:")) {
        head.push_str(&format!("Host: {}\r\n", server.admin));
    }
    if !header.iter().any(|line| line.starts_with("Content-Type:")) {
        head.push_str("Content-Type: application/json\r\n");
    }
    for line in header {
        head.push_str(&format!("{line}\r\n"));
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

fn post(server: &Server, path: &str, header: &[&str], body: &Value) -> Answer {
    request(server, "POST", path, header, &body.to_string())
}

fn calls(calls: &[Value]) -> Value {
    json!({ "using": ["urn:ietf:params:jmap:core", "urn:stalwart:jmap"], "methodCalls": calls })
}

fn add(place: &Place, name: &str, role: &str) -> String {
    let create = json!({ "create": { "a": { "name": name, "role": role, "password": PASSWORD } } });
    let answer = place.asked("x:Administrator/set", &create);
    answer["created"]["a"]["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn token(place: &Place, description: &str, role: &str, methods: &Value) -> String {
    let create =
        json!({ "create": { "t": { "description": description, "role": role, "methods": methods } } });
    let answer = place.asked("x:ApiToken/set", &create);
    answer["created"]["t"]["secret"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn log_in(server: &Server, name: &str) -> Answer {
    post(server, "/auth/login", &[], &json!({ "name": name, "password": PASSWORD }))
}

// proves: L9
#[test]
fn every_role_may_call_what_the_table_says() {
    let place = Place::storing(SETTINGS);
    let server = place.serve();
    let methods: Vec<_> = permissions::all().collect();
    for role in Role::ALL {
        let bearer =
            format!("Authorization: Bearer {}", token(&place, role.name(), role.name(), &Value::Null));
        for some in methods.chunks(30) {
            // Arguments that every method takes and that change nothing.
            let arguments = json!({ "ids": [], "dryRun": true });
            let of = |(object, verb, _): &(&str, &str, Role)| {
                let prefix = if *object == "Core" { "" } else { "x:" };
                json!([format!("{prefix}{object}/{verb}"), arguments, "c"])
            };
            let asked: Vec<Value> = some.iter().map(of).collect();
            let answer = post(&server, "/jmap", &[&bearer], &calls(&asked));
            assert_eq!(answer.status, 200, "{}", answer.body);
            let answers = answer.json();
            for (at, (object, verb, needed)) in some.iter().enumerate() {
                let response = &answers["methodResponses"][at];
                let forbidden = response[0] == "error" && response[1]["type"] == "forbidden";
                let said = response[1]["description"].as_str().unwrap_or_default();
                let by_role = forbidden && said.contains("needs the role");
                assert_eq!(by_role, role < *needed, "{role} {object}/{verb}: {response}");
            }
        }
    }
    assert!(server.end().success());
}

// proves: L9
#[test]
fn a_token_that_is_meant_for_little_is_good_for_nothing_else() {
    let place = Place::storing(SETTINGS);
    let server = place.serve();
    let secret = token(&place, "watcher", "admin", &json!(["MtaRoute/get", "ApiToken/set"]));
    let bearer = format!("Authorization: Bearer {secret}");
    let wide = json!({ "create": { "w": { "description": "wide", "role": "admin" } } });
    let asked = [
        json!(["x:MtaRoute/get", {}, "0"]),
        json!(["x:MtaRoute/set", { "destroy": ["a"] }, "1"]),
        json!(["x:Administrator/get", {}, "2"]),
        json!(["x:ApiToken/set", wide, "3"]),
    ];
    let answer = post(&server, "/jmap", &[&bearer], &calls(&asked)).json();
    let of = |at: usize| &answer["methodResponses"][at];
    assert!(of(0)[1]["list"].is_array(), "{answer}");
    assert_eq!((&of(1)[1]["type"], &of(2)[1]["type"]), (&json!("forbidden"), &json!("forbidden")));
    assert_eq!(of(3)[1]["notCreated"]["w"]["type"], "forbidden", "{answer}");
    assert_eq!(post(&server, "/jmap", &["Authorization: Bearer wpt_x"], &calls(&[])).status, 401);
    assert_eq!(post(&server, "/jmap", &[], &calls(&[])).status, 401);
    assert!(server.end().success());
}

// proves: L3, L15, L16
#[test]
fn the_cookie_is_good_on_our_own_pages_only_and_until_logout() {
    let place = Place::storing(SETTINGS);
    let server = place.serve();
    add(&place, "alice", "admin");
    let login = log_in(&server, "alice");
    assert_eq!(login.status, 200, "{}", login.body);
    for wanted in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(login.head.contains(wanted), "{}", login.head);
    }
    let cookie = format!("Cookie: {}", login.cookie());
    let echo = calls(&[json!(["Core/echo", {}, "0"])]);
    let origin = format!("Origin: http://{}", server.admin);
    for (header, status) in [
        (&["X-Waypost: ui"][..], 200),
        (&["X-Waypost: ui", &origin], 200),
        (&[], 403),
        (&["X-Waypost: ui", "Origin: http://evil.example"], 403),
        (&["X-Waypost: ui", "Origin: null"], 403),
        (&["X-Waypost: ui", "Sec-Fetch-Site: cross-site"], 403),
        (&["X-Waypost: ui", "Host: evil.example"], 421),
        (&["X-Waypost: ui", "Host: evil.example:8080"], 421),
    ] {
        let header: Vec<&str> = header.iter().copied().chain([cookie.as_str()]).collect();
        assert_eq!(post(&server, "/jmap", &header, &echo).status, status, "{header:?}");
    }
    // A form of another page can send neither JSON nor our header.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let kind = format!("Content-Type: {kind}");
        let forged = post(&server, "/jmap", &[&kind, &cookie, "Origin: http://evil.example"], &echo);
        assert!(matches!(forged.status, 400 | 403 | 415), "{}", forged.status);
        let forged =
            post(&server, "/auth/login", &[&kind], &json!({ "name": "alice", "password": PASSWORD }));
        assert_eq!(forged.status, 415);
    }
    let out = post(&server, "/auth/logout", &[&cookie, "X-Waypost: ui"], &json!({}));
    assert!(out.status == 200 && out.head.contains("Max-Age=0"), "{}", out.head);
    assert_eq!(post(&server, "/jmap", &[&cookie, "X-Waypost: ui"], &echo).status, 401);
    for path in ["/", "/auth/me", "/jmap", "/nothing/there"] {
        let answer = request(&server, "GET", path, &[], "");
        for wanted in ["default-src 'none'", "frame-ancestors 'none'", "nosniff", "no-referrer", "DENY"] {
            assert!(answer.head.contains(wanted), "{path}: {}", answer.head);
        }
        assert!(!answer.head.contains("unsafe-eval") && !answer.head.contains("access-control"), "{path}");
    }
    assert!(server.end().success());
}

// proves: L2, L12
#[test]
fn guesses_are_slowed_and_written_down_and_the_socket_stays_open() {
    let place = Place::storing(SETTINGS);
    let server = place.serve();
    add(&place, "alice", "admin");
    let wrong = json!({ "name": "alice", "password": "guess-canary-1" });
    let statuses: Vec<u16> = (0..8).map(|_| post(&server, "/auth/login", &[], &wrong).status).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    let right = log_in(&server, "alice");
    assert!(right.status == 429 && right.head.contains("retry-after: "), "{}", right.head);
    let entries = place.asked("x:AuditEntry/get", &json!({}));
    let list = entries["list"].as_array().unwrap();
    let refused = list.iter().filter(|entry| entry["method"] == "login" && entry["outcome"] == "refused");
    assert_eq!(refused.count(), 1, "the same is told once: {entries}");
    assert!(list.iter().any(|entry| entry["method"] == "x:Administrator/set"), "{entries}");
    assert!(!entries.to_string().contains("canary"), "{entries}");
    assert!(server.end().success());
}

// proves: L1
#[test]
fn elsewhere_than_on_loopback_nothing_listens_without_tls() {
    let place = Place::storing(SETTINGS);
    let boot = std::fs::read_to_string(place.path("waypost.toml")).unwrap();
    place.write(
        "waypost.toml",
        &boot.replace("[admin]\nbind = \"127.0.0.1:0\"", "[admin]\nbind = \"0.0.0.0:0\""),
    );
    let run = place.waypost(&["serve", "--config", "waypost.toml"]).exits(1);
    assert!(run.err.contains("only with TLS"), "{}", run.err);
}

// proves: L1
#[test]
fn the_first_administrator_comes_in_by_a_link_that_is_used_up() {
    let place = Place::storing(SETTINGS);
    let server = place.serve();
    let link = place.asked("x:Administrator/link", &json!({}));
    let url = link["url"].as_str().unwrap();
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with(link["path"].as_str().unwrap()), "{url}");
    let set_up = |name: &str| json!({ "token": link["secret"], "name": name, "password": PASSWORD });
    let weak = json!({ "token": link["secret"], "name": "alice", "password": "alicealice12" });
    assert_eq!(post(&server, "/auth/setup", &[], &weak).status, 422);
    let first = post(&server, "/auth/setup", &[], &set_up("alice"));
    assert_eq!((first.status, &first.json()["role"]), (200, &json!("admin")), "{}", first.body);
    let cookie = format!("Cookie: {}", first.cookie());
    let me = request(&server, "GET", "/auth/me", &[&cookie, "X-Waypost: ui"], "").json();
    assert_eq!((&me["name"], me["expiresAt"].is_string()), (&json!("alice"), true), "{me}");
    assert_eq!(post(&server, "/auth/setup", &[], &set_up("eve")).status, 401);
    assert!(server.end().success());
}

// proves: L7
#[test]
fn the_api_takes_no_secret_from_where_the_boot_file_does_not_allow() {
    let place = Place::storing(SETTINGS);
    place.write("etc-shadow", "root:hash");
    let server = place.serve();
    let file = place.path("etc-shadow").display().to_string();
    for secret in [
        json!({ "@type": "File", "filePath": file }),
        json!({ "@type": "File", "filePath": "/etc/passwd" }),
        json!({ "@type": "EnvironmentVariable", "variableName": "PATH" }),
    ] {
        let create = json!({ "create": { "r": {
            "@type": "Relay", "name": "thief", "address": "192.0.2.9", "authUsername": "x", "authSecret": secret } } });
        let answer = place.asked("x:MtaRoute/set", &create);
        let refused = &answer["notCreated"]["r"];
        assert!(refused["type"].is_string(), "{answer}");
        assert!(refused.to_string().contains("allow"), "{answer}");
    }
    assert!(server.end().success());
}
