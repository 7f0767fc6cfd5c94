//! Traces and logs in OpenTelemetry's form, as a collector gets them over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use e2e::client::message;
use e2e::settings::SENDER;
use e2e::{Client, Settings, Setup};
use serde_json::Value;

/// A request: its path, its fields in lower case, its body.
struct Request {
    path: String,
    fields: BTreeMap<String, String>,
    body: Value,
}

/// A collector that is busy once, and then takes everything.
fn collector() -> (u16, Receiver<Request>) {
    let (sender, received) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let path = line.split(' ').nth(1).unwrap().to_owned();
            let mut fields = BTreeMap::new();
            loop {
                line.clear();
                stream.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim().split_once(": ") else { break };
                fields.insert(name.to_ascii_lowercase(), value.to_owned());
            }
            let mut body = vec![0; fields["content-length"].parse().unwrap()];
            stream.read_exact(&mut body).unwrap();
            let status = if number == 0 { 503 } else { 200 };
            let head =
                format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n");
            stream.get_mut().write_all(format!("{head}Connection: close\r\n\r\n{{}}").as_bytes()).unwrap();
            if number > 0 {
                let body = serde_json::from_slice(&body).expect("it is JSON");
                let _ = sender.send(Request { path, fields, body });
            }
        }
    });
    (port, received)
}

/// An attribute's value, whatever its type.
fn attribute(of: &Value, key: &str) -> Value {
    let all = of["attributes"].as_array().expect("attributes");
    let found = all.iter().find(|attribute| attribute["key"] == key);
    let value =
        found.and_then(|attribute| attribute["value"].as_object()).and_then(|value| value.values().next());
    value.cloned().unwrap_or(Value::Null)
}

#[track_caller]
fn is_id(value: &Value, digits: usize) {
    let text = value.as_str().expect("a text");
    assert!(text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
    assert!(text.bytes().any(|byte| byte != b'0'), "only zeros are no identifier");
}

#[track_caller]
fn nanos(value: &Value) -> u64 {
    let number = value.as_str().expect("64 bits are a text").parse().expect("a number");
    assert!(number > 1_600_000_000_000_000_000, "it is in nanoseconds: {number}");
    number
}

/// Requests until there are so many spans and so many log records that matter; the fields of each request are looked at.
fn gathered(received: &Receiver<Request>) -> (Vec<Value>, Vec<Value>) {
    let (mut spans, mut records) = (Vec::new(), Vec::new());
    let is_of_message = |record: &&Value| record["traceId"].is_string();
    while spans.len() < 2 || records.iter().filter(is_of_message).count() < 2 {
        let request = received.recv_timeout(Duration::from_secs(30)).expect("a request comes");
        assert_eq!(request.fields["x-key"], "canary-otlp");
        assert_eq!(request.fields["content-type"], "application/json");
        let (resources, scopes, items, all) = match request.path.as_str() {
            "/base/v1/traces" => ("resourceSpans", "scopeSpans", "spans", &mut spans),
            "/base/v1/logs" => ("resourceLogs", "scopeLogs", "logRecords", &mut records),
            other => panic!("nothing is told to {other}"),
        };
        let resource = &request.body[resources][0];
        assert_eq!(attribute(&resource["resource"], "service.name"), "waypost");
        assert_eq!(resource[scopes][0]["scope"]["name"], "waypost");
        all.extend(resource[scopes][0][items].as_array().expect("a list").clone());
    }
    (spans, records)
}

#[test]
fn a_collector_gets_a_span_for_each_step_and_a_record_for_each_event() {
    let (port, received) = collector();
    let boot = format!(
        "[otlp]\nendpoint = \"http://127.0.0.1:{port}/base\"\nheaders = {{ \"x-key\" = \"canary-otlp\" }}"
    );
    let settings = Settings::default().otherwise("'local'").json();
    let mut waypost = Setup::with(settings).boot(&boot).start();
    let reply = Client::ready(waypost.port).send(SENDER, &["nobody@there.test"], &message("x")).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
    let (spans, records) = gathered(&received);

    let named = |name: &str| spans.iter().find(|span| span["name"] == name).expect(name);
    let (accept, deliver) = (named("accept"), named("deliver"));
    for span in [accept, deliver] {
        is_id(&span["traceId"], 32);
        is_id(&span["spanId"], 16);
        assert!(nanos(&span["endTimeUnixNano"]) >= nanos(&span["startTimeUnixNano"]));
    }
    assert_eq!(accept["traceId"], deliver["traceId"]);
    assert_eq!(accept["spanId"], deliver["parentSpanId"]);
    assert_eq!((&accept["kind"], &deliver["kind"]), (&Value::from(2), &Value::from(3)));
    assert_eq!(deliver["status"]["code"], 2, "{deliver}");
    let id = attribute(accept, "waypost.id");
    let id = id.as_str().unwrap();
    assert!(accept["traceId"].as_str().unwrap().ends_with(id), "a message's trace is found by its id");
    for (key, value) in
        [("waypost.route", "local"), ("waypost.outcome", "failed"), ("waypost.to", "nobody@there.test")]
    {
        assert_eq!(attribute(deliver, key), value, "{key}: {deliver}");
    }
    assert!(attribute(deliver, "waypost.durationMs").is_string(), "64 bits are a text");

    let failed = records.iter().find(|record| record["eventName"] == "waypost.failed").expect("it failed");
    assert_eq!((&failed["traceId"], &failed["spanId"]), (&deliver["traceId"], &deliver["spanId"]));
    assert_eq!(failed["severityText"], "WARN");
    assert!(failed["body"]["stringValue"].as_str().unwrap().contains("nobody@there.test"));
    nanos(&failed["timeUnixNano"]);
    waypost.stop();
    assert!(!waypost.log().contains("canary-otlp"));
}
