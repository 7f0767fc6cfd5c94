//! JMAP as a mail program uses it: what is sent arrives, can be taken back, and is sent once.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::fixture::{Place, Server};

const SETTINGS: &str = r#"{
  "SystemSettings": { "defaultHostname": "mail.home.example", "defaultDomain": "home.example" },
  "Domain": [{ "name": "home.example" }],
  "Account": [
    { "name": "ann@home.example", "aliases": ["info@home.example"], "secret": "hush hush" },
    { "name": "bob@home.example", "secret": "open sesame" }
  ],
  "MtaRoute": [{ "@type": "Local", "name": "local" }],
  "MtaOutboundStrategy": { "route": { "match": [], "else": "'local'" } }
}"#;

fn place() -> Place {
    let place = Place::with(SETTINGS);
    place.write(
        "waypost.toml",
        "data_directory = \"data\"\nsettings = \"settings.json\"\n\
         [[listener]]\nname = \"jmap\"\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ntls = \"none\"\n\
         [admin]\nbind = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n",
    );
    place
}

/// A mail program of one account.
struct Program {
    address: String,
    login: String,
    account: String,
}

impl Program {
    fn of(server: &Server, name: &str, password: &str) -> Program {
        let login = STANDARD.encode(format!("{name}:{password}"));
        let mut program = Program { address: server.address.clone(), login, account: String::new() };
        let session = program.http("GET", "/.well-known/jmap", "");
        program.account =
            session["primaryAccounts"]["urn:ietf:params:jmap:mail"].as_str().unwrap().to_owned();
        program
    }

    fn http(&self, verb: &str, path: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!(
            "{verb} {path} HTTP/1.1\r\nHost: mail\r\nConnection: close\r\nAuthorization: Basic {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.login,
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    /// The arguments of the answers to these calls.
    fn ask(&self, calls: Value) -> Vec<Value> {
        let calls: Vec<Value> = calls
            .as_array()
            .unwrap()
            .iter()
            .map(|call| {
                let mut arguments = call[1].clone();
                arguments["accountId"] = self.account.as_str().into();
                json!([call[0], arguments, "0"])
            })
            .collect();
        let using = ["core", "mail", "submission", "vacationresponse", "quota"]
            .map(|name| format!("urn:ietf:params:jmap:{name}"));
        let body = json!({ "using": using, "methodCalls": calls }).to_string();
        let answer = self.http("POST", "/jmap", &body);
        let answers = answer["methodResponses"].as_array().unwrap_or_else(|| panic!("{answer}"));
        answers.iter().map(|answer| answer[1].clone()).collect()
    }

    fn draft(&self, from: &str, subject: &str) -> String {
        let mailboxes = self.ask(json!([["Mailbox/get", {}]]));
        let drafts =
            mailboxes[0]["list"].as_array().unwrap().iter().find(|one| one["role"] == "drafts").unwrap();
        let email = json!({
            "mailboxIds": { drafts["id"].as_str().unwrap(): true },
            "from": [{ "email": from }], "to": [{ "email": "bob@home.example" }], "bcc": [{ "email": "info@home.example" }],
            "subject": subject, "bodyValues": { "b": { "value": "hi" } }, "textBody": [{ "partId": "b", "type": "text/plain" }],
        });
        let made = self.ask(json!([["Email/set", { "create": { "e": email } }]]));
        made[0]["created"]["e"]["id"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned()
    }

    fn send(&self, email: &str, envelope: Value) -> Value {
        let identity = self.ask(json!([["Identity/get", {}]]))[0]["list"][0]["id"].clone();
        let submission = json!({ "identityId": identity, "emailId": email, "envelope": envelope });
        self.ask(json!([["EmailSubmission/set", { "create": { "k": submission } }]]))[0].clone()
    }

    /// The subjects of all messages, once there are so many.
    fn subjects(&self, count: usize) -> Vec<Value> {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let found = self.ask(json!([["Email/query", {}]]));
            let ids = found[0]["ids"].clone();
            if ids.as_array().unwrap().len() >= count {
                let all = self.ask(json!([["Email/get", { "ids": ids, "properties": ["subject", "bcc"] }]]));
                return all[0]["list"].as_array().unwrap().clone();
            }
            assert!(Instant::now() < until, "no {count} messages: {found:?}");
            std::thread::yield_now();
        }
    }
}

fn held() -> Value {
    json!({
        "mailFrom": { "email": "ann@home.example", "parameters": { "HOLDFOR": "3600" } },
        "rcptTo": [{ "email": "bob@home.example" }],
    })
}

#[test]
fn what_is_sent_arrives_without_its_blind_copies_and_once() {
    let place = place();
    let server = place.serve();
    let ann = Program::of(&server, "ann@home.example", "hush hush");
    let bob = Program::of(&server, "bob@home.example", "open sesame");
    let email = ann.draft("ann@home.example", "One");
    let first = ann.send(&email, Value::Null)["created"]["k"]["id"].clone();
    // The answer was not heard, and the program asks again.
    assert!(first.is_string());
    assert_eq!(ann.send(&email, Value::Null)["created"]["k"]["id"], first);
    let got = bob.subjects(1);
    assert_eq!((got.len(), &got[0]["subject"], &got[0]["bcc"]), (1, &json!("One"), &Value::Null));
    let forged = ann.draft("bob@home.example", "Two");
    assert_eq!(ann.send(&forged, Value::Null)["notCreated"]["k"]["type"], "forbiddenFrom");
    let envelope =
        json!({ "mailFrom": { "email": "bob@home.example" }, "rcptTo": [{ "email": "bob@home.example" }] });
    assert_eq!(ann.send(&email, envelope)["notCreated"]["k"]["type"], "forbiddenMailFrom");
    let envelope =
        json!({ "mailFrom": { "email": "ann@home.example" }, "rcptTo": [{ "email": "no@home.example" }] });
    assert_eq!(ann.send(&email, envelope)["notCreated"]["k"]["type"], "invalidRecipients");
    assert!(server.end().success());
}

#[test]
fn what_is_held_is_taken_back_whole_also_after_a_restart() {
    let place = place();
    let server = place.serve();
    let ann = Program::of(&server, "ann@home.example", "hush hush");
    let email = ann.draft("ann@home.example", "Held");
    let sent = ann.send(&email, held())["created"]["k"].clone();
    assert_eq!(sent["undoStatus"], "pending");
    assert!(server.end().success());
    let server = place.serve();
    let ann = Program::of(&server, "ann@home.example", "hush hush");
    let undo = |id: &str| {
        let update = json!({ id: { "undoStatus": "canceled" } });
        ann.ask(json!([["EmailSubmission/set", { "update": update }]]))[0].clone()
    };
    let id = sent["id"].as_str().unwrap();
    assert!(undo(id)["updated"].as_object().unwrap().contains_key(id));
    let shown = ann.ask(json!([["EmailSubmission/get", { "ids": [id] }]]));
    assert_eq!(shown[0]["list"][0]["undoStatus"], "canceled");
    let run = place.waypost(&["queue", "list", "--config", "waypost.toml"]);
    assert!(!run.out.contains("bob@home.example"), "{}", run.out);
    let now = ann.send(&email, Value::Null)["created"]["k"]["id"].as_str().unwrap().to_owned();
    assert_eq!(undo(&now)["notUpdated"][&now]["type"], "cannotUnsend");
    assert!(server.end().success());
}

#[test]
fn who_is_away_answers_each_sender_once() {
    let place = place();
    let server = place.serve();
    let ann = Program::of(&server, "ann@home.example", "hush hush");
    let bob = Program::of(&server, "bob@home.example", "open sesame");
    let away = json!({ "singleton": { "isEnabled": true, "subject": "Gone", "textBody": "Away" } });
    let set = bob.ask(json!([["VacationResponse/set", { "update": away }]]));
    assert!(set[0]["updated"].is_object(), "{set:?}");
    for subject in ["One", "Two"] {
        let email = ann.draft("ann@home.example", subject);
        let envelope = json!({ "mailFrom": { "email": "ann@home.example" }, "rcptTo": [{ "email": "bob@home.example" }] });
        assert!(ann.send(&email, envelope)["created"]["k"].is_object());
    }
    bob.subjects(2);
    // Two drafts, and the one answer.
    let answers = |all: &[Value]| all.iter().filter(|one| one["subject"] == "Gone").count();
    assert_eq!(answers(&ann.subjects(3)), 1);
    assert!(server.end().success());
}
