//! Secrets of every kind go in, everything that comes out is searched for them.

use std::io::{Read, Write};
use std::net::TcpStream;

use admin::access::permissions;
use serde_json::{Value, json};

use crate::fixture::{Place, SETTINGS, Server};

/// All that was said by the server.
#[derive(Default)]
struct Said(Vec<(String, String)>);

impl Said {
    fn hear(&mut self, of: &str, text: impl Into<String>) {
        self.0.push((of.to_owned(), text.into()));
    }

    /// Asks and hears the answer, whatever it is.
    fn asked(&mut self, place: &Place, method: &str, arguments: &Value) -> Value {
        let answer = place.ask(method, arguments);
        self.hear(&format!("{method} {arguments:.60}"), answer.to_string());
        answer[1].clone()
    }

    #[track_caller]
    fn has_none_of(&self, secrets: &[String]) {
        for (of, text) in &self.0 {
            for secret in secrets {
                let at = text.find(secret.as_str());
                let around = at.map(|at| text.get(at.saturating_sub(80)..).unwrap_or(text));
                assert_eq!(
                    around.map(|text| text.chars().take(200).collect::<String>()),
                    None,
                    "{of}: {secret}"
                );
            }
        }
    }
}

fn over_tcp(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(&server.admin).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn post(server: &Server, path: &str, body: &Value, more: &str) -> String {
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
        server.admin,
        body.len()
    );
    over_tcp(server, &format!("{head}Connection: close\r\n{more}\r\n{body}"))
}

/// What a login gave, out of the answer's head, so that the rest can be searched.
fn cookie_of(answer: &str) -> String {
    let field = answer.lines().find_map(|line| line.strip_prefix("set-cookie: waypost=")).unwrap();
    field.split(';').next().unwrap().to_owned()
}

/// A key of its own, and a line of it.
fn dkim_key(place: &Place) -> (String, String) {
    let made = ["dkim", "new", "home.example", "--selector", "s1", "--key-file", "key.pem"];
    let run = place.waypost(&made);
    assert_eq!(run.code, Some(0), "{run:?}");
    let pem = std::fs::read_to_string(place.path("key.pem")).unwrap();
    let line = pem.lines().nth(1).unwrap().chars().skip(20).take(24).collect();
    (pem, line)
}

/// Everything that can be read, over and over in each form.
fn read_all(place: &Place, said: &mut Said) {
    for (object, verb, _) in permissions::all() {
        if matches!(verb, "get" | "query" | "export" | "diff" | "check" | "describe") && object != "Core" {
            for arguments in [json!({}), json!({ "from": 1, "to": 3 })] {
                said.asked(place, &format!("x:{object}/{verb}"), &arguments);
            }
        }
    }
    let explanation = json!({ "from": "a@b.example", "to": ["x@far.example", "ann@home.example"] });
    said.asked(place, "x:Explanation/get", &explanation);
    for path in [
        "/metrics",
        "/healthz/live",
        "/healthz/ready",
        "/api/openapi.json",
        "/api/schema",
        "/",
        "/jmap",
        "/auth/me",
    ] {
        let (_, head, body) = place.http("GET", path, "");
        said.hear(path, format!("{head}\n{body}"));
    }
}

// proves: L6, 5.17 secrets
#[test]
#[allow(clippy::too_many_lines, reason = "one story from the first secret to the last answer")]
fn no_secret_comes_out_again() {
    let place = Place::storing(SETTINGS);
    let (pem, of_key) = dkim_key(&place);
    let mut server = place.serve();
    let mut said = Said::default();

    // Nobody listens there: the database cannot be reached, and says so.
    let relay = json!({ "create": { "r": {
        "@type": "Relay", "name": "canary", "address": "127.0.0.1", "port": 1, "authUsername": "user",
        "authSecret": { "@type": "Value", "secret": "canary-relay-password" } } }, "comment": "a relay" });
    let id = said.asked(&place, "x:MtaRoute/set", &relay)["created"]["r"]["id"].clone();
    let id = id.as_str().unwrap().to_owned();
    let hook = json!({ "create": { "h": { "name": "hook", "url": "https://127.0.0.1:1/x",
        "secret": { "@type": "Value", "secret": "canary-webhook-secret" } } } });
    said.asked(&place, "x:WebHook/set", &hook);
    let store = json!({ "create": { "s": { "@type": "PostgreSql", "name": "db", "host": "127.0.0.1", "port": 1,
        "database": "d", "authUsername": "u", "tls": "disable",
        "authSecret": { "@type": "Value", "secret": "canary-store-password" } } } });
    said.asked(&place, "x:StoreLookup/set", &store);
    let key = json!({ "create": { "k": { "name": "k", "domain": "home.example", "selector": "s1",
        "key": { "@type": "Value", "secret": pem } } } });
    let made = said.asked(&place, "x:DkimSignature/set", &key);
    assert!(made["created"]["k"]["id"].is_string(), "{made}");
    let account =
        json!({ "create": { "a": { "name": "eve@home.example", "secret": "canary-account-password" } } });
    said.asked(&place, "x:Account/set", &account);

    let alice = json!({ "create": { "a": { "name": "alice", "role": "admin", "password": "canary-admin-password" } } });
    said.asked(&place, "x:Administrator/set", &alice);
    let create = json!({ "create": { "t": { "description": "backup", "role": "admin" } } });
    let token = place.asked("x:ApiToken/set", &create)["created"]["t"]["secret"].as_str().unwrap().to_owned();
    let link = place.asked("x:Administrator/link", &json!({}))["secret"].as_str().unwrap().to_owned();
    let login =
        post(&server, "/auth/login", &json!({ "name": "alice", "password": "canary-admin-password" }), "");
    let session = cookie_of(&login);
    said.hear("login", login.replace(&session, ""));

    // Wrong requests with secrets in the wrong places.
    for wrong in [
        json!({ "authSecret": "canary-wrong-place" }),
        json!({ "authSecret": ["canary-wrong-place"] }),
        json!({ "authSecret": { "@type": "Value", "secret": ["canary-wrong-place"] } }),
        json!({ "authSecret": { "@type": "Value", "secrets": "canary-wrong-place" } }),
        json!({ "authSecret/secret/deep": "canary-wrong-place" }),
        json!({ "authSecret": { "@type": "Value", "secret": "canary-wrong-place", "port": 70000 } }),
        json!({ "authSecret": { "@type": "Value", "secret": "canary-wrong-place" }, "port": 70000 }),
    ] {
        let answer = said.asked(&place, "x:MtaRoute/set", &json!({ "update": { id.clone(): wrong } }));
        assert!(answer["notUpdated"][&id]["type"].is_string(), "{wrong}: {answer}");
    }
    for (name, password) in [("alice", "canary-guessed"), ("nobody", "canary-guessed")] {
        said.hear("guess", post(&server, "/auth/login", &json!({ "name": name, "password": password }), ""));
    }
    said.hear(
        "broken",
        post(&server, "/auth/login", &json!({ "name": ["x"], "password": { "p": "canary-guessed" } }), ""),
    );
    said.hear(
        "weak",
        post(&server, "/auth/setup", &json!({ "token": link, "name": "bob", "password": "canary" }), ""),
    );
    let wrong_token = "Authorization: Bearer wpt_canary-token\r\n";
    said.hear("token", post(&server, "/jmap", &json!({}), wrong_token));
    let bearer = format!("Authorization: Bearer {token}\r\n");
    said.hear(
        "bearer",
        post(&server, "/jmap", &json!({ "using": ["urn:stalwart:jmap"], "methodCalls": [] }), &bearer),
    );

    // The secrets are used: a route is tested, mail is sent there, a revision is compared and gone back to.
    let test = json!({ "create": { "t": { "route": "canary", "from": "", "to": "x@far.example" } } });
    said.asked(&place, "x:RouteTest/set", &test);
    place.waypost_with(
        &["send", "--server", &server.address, "-f", "bob@home.example", "ann@home.example"],
        "x\n",
    );
    read_all(&place, &mut said);
    let back = json!({ "number": 1, "comment": "back" });
    said.asked(&place, "x:Revision/restore", &back);
    said.asked(&place, "x:Revision/diff", &json!({ "from": 1, "to": 2 }));
    read_all(&place, &mut said);

    let logged = server.log_to_the_end();
    said.hear("the log", logged);
    let secrets = [
        "canary-relay-password",
        "canary-webhook-secret",
        "canary-store-password",
        "canary-account-password",
        "canary-admin-password",
        "canary-wrong-place",
        "canary-guessed",
        "wpt_canary-token",
        "hush-hush",
        "open sesame",
    ];
    let made = [of_key, token, link, session];
    let secrets: Vec<String> = secrets.into_iter().map(str::to_owned).chain(made).collect();
    said.has_none_of(&secrets);
    assert!(said.0.iter().any(|(_, text)| text.contains("****")), "secrets are masked, not left out");
}
