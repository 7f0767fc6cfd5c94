//! A job on the queue that the machine does not let end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::fixture::Place;

/// No step may take longer.
const PATIENCE: Duration = Duration::from_secs(60);
const MESSAGES: usize = 60;
const RECIPIENTS: usize = 100;

/// A host that takes all, and tells who got a copy.
fn sink() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, got) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            std::thread::spawn(move || drop(take(&stream, &sender)));
        }
    });
    (port, got)
}

fn take(mut stream: &TcpStream, got: &Sender<String>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut recipients = Vec::new();
    stream.write_all(b"220 sink.example ready\r\n")?;
    while let Some(line) = lines.next() {
        let line = line?;
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "RCPT" => recipients.push(address(&line)),
            "DATA" => {
                stream.write_all(b"354 go on\r\n")?;
                while lines.next().transpose()?.is_some_and(|line| line != ".") {}
                recipients.drain(..).for_each(|recipient| drop(got.send(recipient)));
            }
            "RSET" | "MAIL" => recipients.clear(),
            _ => {}
        }
        stream.write_all(b"250 ok\r\n")?;
    }
    Ok(())
}

fn address(line: &str) -> String {
    let (_, rest) = line.split_once('<').unwrap();
    rest.split_once('>').unwrap().0.to_owned()
}

/// One step of a session.
#[track_caller]
fn say(stream: &mut BufReader<TcpStream>, line: &str, code: &str) {
    stream.get_mut().write_all(line.as_bytes()).unwrap();
    let mut reply = String::new();
    while reply.as_bytes().get(3) != Some(&b' ') {
        reply.clear();
        assert_ne!(stream.read_line(&mut reply).unwrap(), 0, "{line:?}: the connection was closed");
    }
    assert!(reply.starts_with(code), "{line:?}: {reply}");
}

fn fill(address: &str) -> BTreeSet<String> {
    let mut stream = BufReader::new(TcpStream::connect(address).unwrap());
    say(&mut stream, "", "220");
    say(&mut stream, "EHLO client.example\r\n", "250");
    let mut all = BTreeSet::new();
    for message in 0..MESSAGES {
        say(&mut stream, "MAIL FROM:<ann@home.example>\r\n", "250");
        for recipient in 0..RECIPIENTS {
            let address = format!("r{message}-{recipient}@far.example");
            say(&mut stream, &format!("RCPT TO:<{address}>\r\n"), "250");
            all.insert(address);
        }
        say(&mut stream, "DATA\r\n", "354");
        say(&mut stream, "Subject: a test\r\n\r\nhello\r\n.\r\n", "250");
    }
    all
}

/// Who is still to get a copy.
fn waiting(place: &Place) -> BTreeSet<String> {
    let ids = place.asked("x:QueuedMessage/query", &json!({}))["ids"].clone();
    let messages = place.asked("x:QueuedMessage/get", &json!({ "ids": ids }));
    let mut all = BTreeSet::new();
    for message in messages["list"].as_array().unwrap() {
        let open = |recipient: &Value| {
            recipient["flags"] == json!({}) && recipient["status"]["@type"] == "Scheduled"
        };
        let recipients = message["recipients"].as_object().unwrap().iter();
        all.extend(recipients.filter(|(_, recipient)| open(recipient)).map(|(name, _)| name.clone()));
    }
    all
}

fn act(place: &Place, action: &str) {
    let answer = place.asked("x:Action/set", &json!({ "create": { "a": { "@type": action } } }));
    assert!(answer["created"]["a"].is_object(), "{answer}");
}

// proves: 5.15.2
#[test]
fn a_job_that_is_killed_is_shown_as_interrupted_and_has_edited_each_recipient_or_left_it() {
    let (port, got) = sink();
    let settings = json!({
        "SystemSettings": { "defaultHostname": "mail.home.example", "defaultDomain": "home.example" },
        "MtaRoute": [{ "@type": "Relay", "name": "sink", "address": "127.0.0.1", "port": port }],
        "MtaOutboundStrategy": { "route": { "else": "'sink'" } },
    });
    let place = Place::with(&settings.to_string());
    let boot = std::fs::read_to_string(place.path("waypost.toml")).unwrap();
    let named = "settings = \"settings.json\"\n";
    place
        .write("waypost.toml", &boot.replace(named, &format!("{named}relay_networks = [\"127.0.0.0/8\"]\n")));
    let server = place.serve();
    act(&place, "PauseMtaQueue");
    let all = fill(&server.address);

    let order = json!({ "action": "cancel", "filter": { "to": "far.example" }, "notify": false });
    let created = place.asked("x:QueueJob/set", &json!({ "create": { "j": order } }));
    let id = created["created"]["j"]["id"].clone();
    let job = || place.asked("x:QueueJob/get", &json!({ "ids": [id] }))["list"][0].clone();
    let until = Instant::now() + PATIENCE;
    while job()["done"] == 0 {
        assert!(Instant::now() < until, "{}", job());
    }
    server.signal(Signal::KILL);
    drop(server);

    let server = place.serve();
    let job = place.asked("x:QueueJob/get", &json!({ "ids": [id] }))["list"][0].clone();
    assert_eq!(job["state"], "interrupted", "{job}");
    let left = waiting(&place);
    let cancelled = all.difference(&left).count() as u64;
    assert!(left.is_subset(&all) && !left.is_empty() && cancelled >= job["done"].as_u64().unwrap(), "{job}");

    act(&place, "ResumeMtaQueue");
    let mut copies: BTreeMap<String, u32> = BTreeMap::new();
    while copies.len() < left.len() {
        *copies.entry(got.recv_timeout(PATIENCE).unwrap()).or_default() += 1;
    }
    let until = Instant::now() + PATIENCE;
    while place.asked("x:QueuedMessage/query", &json!({}))["ids"] != json!([]) {
        assert!(Instant::now() < until, "the queue does not drain");
    }
    assert!(server.end().success());
    got.try_iter().for_each(|recipient| *copies.entry(recipient).or_default() += 1);
    assert!(copies.values().all(|copies| *copies == 1), "{copies:?}");
    assert_eq!(copies.into_keys().collect::<BTreeSet<_>>(), left);
}
