//! Dialogues of JMAP clients, one file each: what is asked, and what must be in the answer.
#![allow(clippy::unwrap_used, reason = "test code")]

mod jmap_world;

use std::collections::BTreeMap;
use std::path::Path;

use jmap_world::{ANN, BOB, Server};
use serde_json::{Map, Value, json};

/// What `$name` stands for; learnt from the first answer that has it.
type Names = BTreeMap<String, Value>;

/// The text with names in their places.
fn filled(value: &Value, names: &Names) -> Value {
    match value {
        Value::String(text) if text.starts_with('$') && names.contains_key(&text[1..]) => {
            names[&text[1..]].clone()
        }
        Value::String(text) => {
            let mut text = text.clone();
            for (name, value) in names {
                text = text.replace(&format!("${{{name}}}"), value.as_str().unwrap_or_default());
            }
            text.into()
        }
        Value::Array(items) => items.iter().map(|item| filled(item, names)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| {
                let key = filled(&Value::from(key.as_str()), names);
                (key.as_str().unwrap().to_owned(), filled(value, names))
            })
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Why an answer is not as expected. Objects may have more members; `...` stands for anything.
fn differs(expected: &Value, found: &Value, names: &mut Names, at: &str) -> Option<String> {
    match (expected, found) {
        (Value::String(text), _) if text == "..." => None,
        (Value::String(text), _) if text.starts_with('$') && !names.contains_key(&text[1..]) => {
            names.insert(text[1..].to_owned(), found.clone());
            None
        }
        (Value::String(text), _) if text.starts_with('$') || text.contains("${") => {
            let wanted = filled(expected, names);
            (wanted != *found).then(|| format!("{at}: {found} is not {wanted}"))
        }
        (Value::Object(wanted), Value::Object(members)) => wanted.iter().find_map(|(key, value)| {
            let key = filled(&Value::from(key.as_str()), names);
            let key = key.as_str().unwrap();
            let at = format!("{at}/{key}");
            match members.get(key) {
                Some(member) => differs(value, member, names, &at),
                None => (*value != "absent").then(|| format!("{at} is missing in {found}")),
            }
        }),
        (Value::Array(wanted), Value::Array(items)) if wanted.len() == items.len() => wanted
            .iter()
            .zip(items)
            .enumerate()
            .find_map(|(nth, (value, item))| differs(value, item, names, &format!("{at}/{nth}"))),
        _ => (expected != found).then(|| format!("{at}: {found} is not {expected}")),
    }
}

/// One step: `{ "user", "upload" | "download" | "calls", "expect" }`.
async fn step(server: &Server, step: &Value, names: &mut Names, place: &str) {
    let user = if step["user"] == "bob" { BOB } else { ANN };
    let account = server.account_id(user).await;
    names.insert("account".to_owned(), account.clone().into());
    let found = if let Some(text) = step["upload"].as_str() {
        let head = format!("POST /jmap/upload/{account}/ HTTP/1.1\r\nContent-Type: message/rfc822");
        server.http(&head, Some(user), text.replace('\n', "\r\n").as_bytes()).await.json()
    } else if let Some(blob) = step.get("download") {
        let blob = filled(blob, names);
        let path = format!("/jmap/download/{account}/{}/a.txt?type=text/plain", blob.as_str().unwrap());
        let answer = server.http(&format!("GET {path} HTTP/1.1"), Some(user), b"").await;
        json!({ "status": answer.status, "text": String::from_utf8_lossy(&answer.body) })
    } else {
        let calls = filled(&step["calls"], names);
        let calls: Vec<Value> = calls
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
            .map(|(nth, call)| {
                let mut arguments = call[1].clone();
                if arguments.get("accountId").is_none() {
                    arguments["accountId"] = account.clone().into();
                }
                json!([call[0], arguments, nth.to_string()])
            })
            .collect();
        let using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"];
        let mut request = json!({ "using": using, "methodCalls": calls });
        if let Some(ids) = step.get("createdIds") {
            request["createdIds"] = ids.clone();
        }
        let answer = server.request(user, &request).await.json();
        let responses = answer["methodResponses"].as_array().unwrap_or_else(|| panic!("{place}: {answer}"));
        responses.iter().map(|response| json!([response[0], response[1]])).collect()
    };
    if let Some(why) = differs(&step["expect"], &found, names, place) {
        panic!("{why}\n{found:#}");
    }
}

// proves: 5.17 JMAP errors, I6
#[tokio::test]
async fn dialogues() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jmap");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 3, "the dialogues are there");
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let steps: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let server = Server::new();
        let mut names = Names::new();
        for (nth, one) in steps.as_array().unwrap().iter().enumerate() {
            step(&server, one, &mut names, &format!("{name} step {nth}")).await;
        }
    }
}
