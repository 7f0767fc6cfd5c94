//! What happened is told as it was: in the history, to Prometheus, to webhooks; and never a password.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::client::message;
use e2e::ledger::{Load, Sink};
use e2e::settings::SENDER;
use e2e::{Client, Settings, Setup, Waypost, eventually, free_port};
use serde_json::{Value, json};

/// One request over the Unix socket of the API; the body of the answer.
fn ask(waypost: &Waypost, head: &str, body: &str) -> String {
    let path = waypost.path("data/admin.sock");
    let mut socket = eventually("the API listens", || UnixStream::connect(&path).ok());
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nHost: localhost\r\nX-Waypost: test\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    answer.split_once("\r\n\r\n").expect("a head and a body").1.to_owned()
}

fn call(waypost: &Waypost, method: &str, arguments: Value) -> Value {
    let request = json!({"using": ["urn:ietf:params:jmap:core", "urn:stalwart:jmap"],
        "methodCalls": [[method, arguments, "0"]]});
    let answer = ask(waypost, "POST /jmap", &request.to_string());
    let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"));
    assert_eq!(answer["methodResponses"][0][0], method, "{answer}");
    answer["methodResponses"][0][1].clone()
}

/// Ids of all messages that match.
fn found(waypost: &Waypost, filter: &Value) -> Vec<String> {
    let (mut ids, mut anchor) = (Vec::new(), Value::Null);
    loop {
        let page = call(
            waypost,
            "x:MessageHistory/query",
            json!({"filter": filter, "limit": 700, "anchor": anchor, "anchorOffset": 1}),
        );
        let page_ids = page["ids"].as_array().unwrap();
        ids.extend(page_ids.iter().map(|id| id.as_str().unwrap().to_owned()));
        anchor = page_ids.last().cloned().unwrap_or(Value::Null);
        if page["more"] == false {
            return ids;
        }
    }
}

fn recipient(_number: u64) -> &'static str {
    "b@there.test"
}

#[test]
fn the_history_says_what_the_sink_got_and_a_kill_takes_nothing_but_its_last_moment() {
    let port = free_port();
    let sink = Sink::start(port);
    let settings = Settings::default().relay("sink", "there.test", port);
    let mut waypost = Setup::with(settings.json()).start();
    let arrived = sink.clone();
    let hold = move |acknowledged| acknowledged > arrived.different() + 500;
    let load = Load::start(waypost.port, 4, recipient, |_| {}, hold.clone());
    eventually("a thousand have arrived", || (sink.different() > 1000).then_some(()));
    let sent = load.stop();
    eventually("the queue is empty", || waypost.queue().is_empty().then_some(()));
    let delivered = found(&waypost, &json!({"outcome": "delivered", "route": "sink", "to": "b@there.test"}));
    assert_eq!(delivered.len() as u64, sink.different());
    assert_eq!(delivered.len(), sent.len());
    let got = call(&waypost, "x:MessageHistory/get", json!({"ids": &delivered[..1]}));
    let told = &got["list"][0]["recipients"][0];
    assert_eq!((&told["state"], &told["address"]), (&json!("delivered"), &json!("b@there.test")));
    let totals = call(&waypost, "x:Statistics/get", json!({}))["totals"].clone();
    assert_eq!(totals["delivered"], json!(delivered.len()));
    assert_eq!(totals["accepted"], totals["delivered"]);

    let load = Load::start(waypost.port, 4, recipient, |_| {}, hold);
    eventually("some are acknowledged", || (load.count() > 300).then_some(()));
    waypost.kill();
    waypost.run();
    load.stop();
    eventually("the queue is empty", || waypost.queue().is_empty().then_some(()));
    let after = found(&waypost, &json!({"outcome": "delivered"}));
    assert!(delivered.iter().all(|id| after.contains(id)), "{} and {}", delivered.len(), after.len());
    let copies: u32 = sink.counts().values().sum();
    assert!(after.len() as u64 <= u64::from(copies), "{} and {copies}", after.len());
}

#[test]
fn prometheus_understands_the_metrics() {
    let waypost = Setup::with(Settings::default().otherwise("'local'").json()).start();
    let reply = Client::ready(waypost.port).send(SENDER, &["nobody@there.test"], &message("x")).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
    eventually("it is counted", || {
        ask(&waypost, "GET /metrics", "").contains("waypost_accepted_messages_total 1").then_some(())
    });
    let page = ask(&waypost, "GET /metrics", "");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is there: Debian package prometheus");
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{page}");
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        assert!(!line.contains('@'), "an address is in the metrics: {line}");
    }
    let documented =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md")).unwrap();
    for name in
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).filter_map(|line| line.split(' ').next())
    {
        assert!(documented.contains(&format!("`{name}`")), "docs/metrics.md does not say what {name} is");
    }
    assert_eq!(ask(&waypost, "GET /healthz/ready", ""), "ready\n");
}

/// A receiver that answers as it is told to; each request's signature and body.
fn receiver(statuses: &'static [u16]) -> (u16, Receiver<(String, String)>) {
    let (sender, received) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut statuses = statuses.iter();
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut signature, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                let (name, value) = line.trim().split_once(": ").unwrap_or(("", ""));
                match name.to_ascii_lowercase().as_str() {
                    "waypost-signature" => value.clone_into(&mut signature),
                    "content-length" => length = value.parse().unwrap(),
                    _ => {}
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let status = statuses.next().copied().unwrap_or(200);
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            let _ = sender.send((signature, String::from_utf8(body).unwrap()));
        }
    });
    (port, received)
}

fn hmac(secret: &str, text: &str) -> String {
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", secret, "-r"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = openssl.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn a_webhook_is_told_signed_and_again_until_it_says_yes() {
    let (port, received) = receiver(&[500, 503]);
    let mut settings = Settings::default().otherwise("'local'").json();
    settings["WebHook"] = json!({"a": {"name": "ops", "url": format!("http://127.0.0.1:{port}/hook"),
        "secret": {"@type": "Value", "secret": "shared"}, "events": ["accepted", "failed"]}});
    let waypost = Setup::with(settings).start();
    let reply = Client::ready(waypost.port).send(SENDER, &["nobody@there.test"], &message("x")).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
    let (mut told, mut requests) = (Vec::new(), 0);
    while told.len() < 2 {
        let (signature, body) = received.recv_timeout(Duration::from_secs(30)).expect("a request comes");
        requests += 1;
        let (time, code) = signature.split_once(",v1=").expect("it is signed");
        let time = time.strip_prefix("t=").unwrap();
        assert_eq!(code, hmac("shared", &format!("{time}.{body}")));
        if requests > 2 {
            let body: Value = serde_json::from_str(&body).unwrap();
            told.extend(body["events"].as_array().unwrap().clone());
        }
    }
    assert_eq!((&told[0]["event"], &told[1]["event"]), (&json!("accepted"), &json!("failed")));
    assert_eq!(told[1]["to"], "nobody@there.test");
    eventually("nothing waits any more", || {
        let state = call(&waypost, "x:WebHookState/get", json!({}))["list"][0].clone();
        (state["waiting"] == 0 && state["failures"] == 0 && state["sent"] == 2).then_some(())
    });
}

/// A relay that offers AUTH and says no, with all that it was shown.
fn gossip() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let _ = stream.get_mut().write_all(b"220 gossip\r\n");
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
                let shown = line.trim().to_owned();
                line.clear();
                let plain = shown.rsplit(' ').next().and_then(|proof| STANDARD.decode(proof).ok());
                let plain = String::from_utf8_lossy(&plain.unwrap_or_default()).replace('\0', " ");
                let answer = match shown.get(..4) {
                    Some("EHLO") => "250-gossip\r\n250 AUTH PLAIN\r\n".to_owned(),
                    Some("AUTH") => format!("535-5.7.8 {shown}\r\n535 5.7.8 that is: {plain}\r\n"),
                    _ => "221 bye\r\n".to_owned(),
                };
                let _ = stream.get_mut().write_all(answer.as_bytes());
            }
        }
    });
    port
}

// proves: L6, 5.17 secrets
#[test]
fn a_password_is_nowhere_even_if_the_relay_repeats_it() {
    const CANARY: &str = "canary-7f3a-pw";
    let port = gossip();
    let route = json!({"@type": "Relay", "name": "out", "address": "127.0.0.1", "port": port,
        "authUsername": "mta", "authSecret": {"@type": "Value", "secret": CANARY}});
    let mut settings = Settings::default().route(route).otherwise("'out'").json();
    settings["MtaTlsStrategy"] = json!([{"name": "default", "startTls": "disable"}]);
    let boot = "[log]\nlevel = \"debug\"\nevents = \"events.jsonl\"";
    let mut waypost = Setup::with(settings).boot(boot).start();
    let reply = Client::ready(waypost.port).send(SENDER, &["a@there.test"], &message("x")).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
    let id =
        eventually("it was tried", || found(&waypost, &json!({"outcome": "deferred"})).into_iter().next());
    let got = call(&waypost, "x:MessageHistory/get", json!({"ids": [id]})).to_string();
    assert!(got.contains("AUTH PLAIN ****"), "{got}");
    let state = waypost.print(&["queue", "list", "--config", "waypost.toml", "--json"]);
    let metrics = ask(&waypost, "GET /metrics", "");
    waypost.stop();
    let mut all =
        vec![got.into_bytes(), state.into_bytes(), metrics.into_bytes(), waypost.log().into_bytes()];
    for file in ["events.jsonl", "data/history.db", "data/waypost.db"] {
        all.push(fs::read(waypost.path(file)).expect("it is there"));
        all.extend(fs::read(waypost.path(&format!("{file}-wal"))).ok());
    }
    for form in [CANARY.to_owned(), STANDARD.encode(CANARY), STANDARD.encode(format!("\0mta\0{CANARY}"))] {
        let seen = all.iter().position(|text| text.windows(form.len()).any(|part| part == form.as_bytes()));
        assert_eq!(seen, None, "{form} is in it");
    }
}
