//! Stories of mail that comes in, over real sockets.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mail::Source;
use mta::listen::ConnectionLimits;
use socket2::SockRef;
use store::MemoryStore;
use support::failing_store::{Failing, Failure};
use support::{Server, listener};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wire::smtp::limits::BareLineEnd;

const HELLO: &str = "EHLO client.example";
const MAIL: &str = "MAIL FROM:<x@client.example>";
const RCPT: &str = "RCPT TO:<anna@example.org>";

#[tokio::test]
async fn what_was_acknowledged_is_in_the_queue_with_our_trace_in_front() {
    let server = Server::start();
    let mut client = server.client("smtp").await;
    client.expect("220").await;
    client.ask(HELLO, "250").await;
    client.ask(MAIL, "250").await;
    client.ask(RCPT, "250").await;
    client.ask("DATA", "354").await;
    let reply = client.ask("Subject: one\r\n\r\n..two\r\n.", "250 2.0.0").await;
    let queued = server.queued().await;
    let (claim, content) = &queued[0];
    assert!(reply.contains(&claim.envelope.message.to_string()), "{reply}");
    assert_eq!(claim.envelope.origin.source, Source::Unauthenticated);
    assert_eq!(claim.envelope.origin.local_port, server.address("smtp").port());
    assert_eq!(claim.envelope.size, content.len() as u64);
    let content = String::from_utf8(content.clone()).unwrap();
    let (trace, rest) = content.split_once("Subject:").unwrap();
    assert!(
        trace
            .starts_with("Received: from client.example ([127.0.0.1])\r\n\tby mx.example.org with ESMTP id ")
    );
    assert!(
        trace.contains("\r\n\tfor <anna@example.org>;\r\n\t") && trace.ends_with(" +0000\r\n"),
        "{trace}"
    );
    assert_eq!(rest, " one\r\n\r\n.two\r\n");
    server.stop().await;
}

#[tokio::test]
async fn a_user_over_tls_sends_to_anywhere() {
    let server = Server::start();
    let mut client = server.client("smtps").await;
    client.expect("220").await;
    client.ask(HELLO, "250").await;
    client.ask("AUTH PLAIN AGluZm9AZXhhbXBsZS5vcmcAc2VjcmV0", "235").await;
    client.ask("MAIL FROM:<anna@example.org> ENVID=e1 RET=HDRS", "250").await;
    client.ask("RCPT TO:<a@elsewhere.example> NOTIFY=NEVER", "250").await;
    client.ask("RCPT TO:<b@elsewhere.example>", "250").await;
    client.ask("DATA", "354").await;
    client.ask("x\r\n.", "250").await;
    let queued = server.queued().await;
    let (claim, content) = &queued[0];
    assert_eq!(claim.envelope.origin.source, Source::Authenticated);
    assert_eq!(claim.envelope.origin.authenticated_as.as_deref(), Some("anna@example.org"));
    assert_eq!(claim.envelope.parameters.envelope_id.as_deref(), Some("e1"));
    assert_eq!(claim.recipients.len(), 2);
    let content = String::from_utf8_lossy(content);
    // Two recipients: neither is told of the other.
    assert!(content.contains(" with ESMTPSA id ") && !content.contains("for <"), "{content}");
    server.stop().await;
}

#[tokio::test]
async fn the_line_ends_of_an_old_device_are_mended() {
    let mut settings = listener("smtp");
    settings.limits.bare_line_end = BareLineEnd::MendForUsers;
    let server = Server::start_with(vec![settings], ConnectionLimits::default());
    let mut client = server.client("smtp").await;
    client.expect("220").await;
    client.ask(HELLO, "250").await;
    client.ask("AUTH PLAIN AGluZm9AZXhhbXBsZS5vcmcAc2VjcmV0", "235").await;
    client.ask(MAIL, "250").await;
    client.ask(RCPT, "250").await;
    client.ask("DATA", "354").await;
    client.ask("Subject: scan\n\nx\n.\ny\rz\r\n.", "250").await;
    let queued = server.queued().await;
    assert!(queued[0].1.ends_with(b"\r\nSubject: scan\r\n\r\nx\r\n.\r\ny\r\nz\r\n"));
    assert!(!queued[0].0.envelope.traits.binary);
    server.stop().await;
}

#[tokio::test]
async fn large_content_comes_through_byte_by_byte() {
    let server = Server::start();
    let mut client = server.client("smtp").await;
    let lines: String = (0..20_000).map(|number| format!(".line {number} of many\r\n")).collect();
    client.expect("220").await;
    client.ask(HELLO, "250").await;
    client.ask(MAIL, "250").await;
    client.ask(RCPT, "250").await;
    client.ask("DATA", "354").await;
    client.send(lines.replace(".line", "..line")).await;
    client.ask(".", "250").await;
    client.ask(MAIL, "250").await;
    client.ask(RCPT, "250").await;
    client.send(format!("BDAT {} LAST\r\n{lines}", lines.len())).await;
    client.expect("250 2.0.0 Message queued").await;
    for (_, content) in server.queued().await {
        assert!(content.ends_with(lines.as_bytes()));
        assert_eq!(content.windows(2).filter(|two| two == b"..").count(), 0);
    }
    server.stop().await;
}

// proves: A2, D12
#[tokio::test]
async fn a_client_that_vanishes_at_any_byte_leaves_a_whole_message_or_none() {
    let server = Server::start();
    let dialogue = format!("{HELLO}\r\n|{MAIL}\r\n{RCPT}\r\nDATA\r\n|a: b\r\n\r\nc\r\n.\r\n|{MAIL}\r\n");
    let whole = dialogue.replace('|', "").len();
    let end = dialogue.find(".\r\n|").unwrap() + 1;
    for cut in (0..=whole).step_by(3) {
        let mut client = server.client("smtp").await;
        client.expect("220").await;
        let mut left = cut;
        for part in dialogue.split('|') {
            let said = &part.as_bytes()[..part.len().min(left)];
            client.send(said).await;
            left -= said.len();
            if left == 0 {
                break;
            }
            client.expect(if part.starts_with("MAIL") { "250" } else { "2" }).await;
            if part.contains("DATA") {
                client.expect("250").await;
                client.expect("354").await;
            }
        }
        client.half_close().await;
        while !client.reply().await.is_empty() {}
    }
    let queued = server.queued().await;
    assert!((1..whole - end).contains(&queued.len()), "{}", queued.len());
    assert!(queued.iter().all(|(_, content)| content.ends_with(b"a: b\r\n\r\nc\r\n")));
    server.stop().await;
}

// proves: A22
#[tokio::test]
async fn a_store_that_is_full_or_broken_is_no_loss() {
    let memory = Arc::new(MemoryStore::new());
    let failing = Arc::new(Failing::new(Arc::clone(&memory)));
    let server = Server::start_over(
        memory,
        Arc::clone(&failing) as _,
        vec![listener("smtp")],
        ConnectionLimits::default(),
    );
    let mut client = server.client("smtp").await;
    client.expect("220").await;
    client.ask(HELLO, "250").await;
    let cases = [
        (Failure::WriterFull, "452 4.3.1"),
        (Failure::AcceptFull, "452 4.3.1"),
        (Failure::AcceptDatabase, "451 4.3.0"),
        (Failure::None, "250 2.0.0"),
        (Failure::AcceptStopped, "421 4.3.0"),
    ];
    for (failure, expected) in cases {
        failing.fail(failure);
        client.ask(MAIL, "250").await;
        client.ask(RCPT, "250").await;
        if failure == Failure::WriterFull {
            client.ask("DATA", expected).await;
        } else {
            client.ask("DATA", "354").await;
            client.ask("x\r\n.", expected).await;
        }
    }
    assert!(client.is_closed().await);
    assert_eq!(server.queued().await.len(), 1);
    server.stop().await;
}

// proves: A26
#[tokio::test]
async fn a_commit_that_takes_too_long_is_not_acknowledged() {
    let memory = Arc::new(MemoryStore::new());
    let failing = Arc::new(Failing::new(Arc::clone(&memory)));
    let mut settings = listener("smtp");
    settings.times.commit = Duration::from_millis(50);
    let server =
        Server::start_over(memory, Arc::clone(&failing) as _, vec![settings], ConnectionLimits::default());
    failing.fail(Failure::AcceptNever);
    let mut client = server.client("smtp").await;
    client.expect("220").await;
    client.ask(HELLO, "250").await;
    client.ask(MAIL, "250").await;
    client.ask(RCPT, "250").await;
    client.ask("DATA", "354").await;
    client.ask("x\r\n.", "451 4.3.0").await;
    assert!(server.queued().await.is_empty());
    server.stop().await;
}

// proves: K1
#[tokio::test]
async fn who_is_too_many_is_told_to_come_again() {
    let limits = ConnectionLimits { total: 100, per_client: 2 };
    let server = Server::start_with(vec![listener("smtp"), listener("relay")], limits);
    let (mut first, mut second) = (server.client("smtp").await, server.client("smtp").await);
    first.expect("220").await;
    second.expect("220").await;
    let mut third = server.client("smtp").await;
    third.expect("421 4.3.2").await;
    assert!(third.is_closed().await);
    // Networks that may relay are not counted.
    server.client("relay").await.expect("220").await;
    first.ask("QUIT", "221").await;
    assert!(first.is_closed().await);
    // The place is given back, though not necessarily before the client sees the end.
    let mut next = server.client("smtp").await;
    while !next.reply().await.starts_with("220") {
        next = server.client("smtp").await;
    }
    server.stop().await;
}

// proves: A34
#[tokio::test]
async fn shutdown_ends_idle_sessions_and_lets_transactions_finish() {
    let server = Server::start();
    let (mut idle, mut busy) = (server.client("smtp").await, server.client("smtp").await);
    for client in [&mut idle, &mut busy] {
        client.expect("220").await;
        client.ask(HELLO, "250").await;
    }
    busy.ask(MAIL, "250").await;
    busy.ask(RCPT, "250").await;
    server.shutdown.cancel();
    idle.expect("421 4.3.2").await;
    assert!(idle.is_closed().await);
    busy.ask("DATA", "354").await;
    busy.ask("x\r\n.", "250").await;
    busy.expect("421 4.3.2").await;
    assert_eq!(server.queued().await.len(), 1);
    server.stop().await;
}

// proves: D11
#[tokio::test]
async fn the_slow_are_not_waited_for() {
    let mut settings = listener("smtp");
    settings.times.command = Duration::from_millis(100);
    settings.times.data_window = Duration::from_secs(1);
    settings.times.data_rate_min = 1_000_000;
    let server = Server::start_with(vec![settings], ConnectionLimits::default());
    let mut client = server.client("smtp").await;
    client.expect("220").await;
    client.send("EH").await;
    client.expect("421 4.4.2").await;
    assert!(client.is_closed().await);

    let mut client = server.client("smtp").await;
    client.expect("220").await;
    client.ask(HELLO, "250").await;
    client.ask(MAIL, "250").await;
    client.ask(RCPT, "250").await;
    client.ask("DATA", "354").await;
    client.send("one line, then nothing\r\n").await;
    client.expect("421 4.4.2").await;
    assert!(client.is_closed().await);
    server.stop().await;
}

// proves: H29
#[tokio::test]
async fn who_never_reads_our_replies_is_left() {
    let mut settings = listener("smtp");
    settings.times.write = Duration::from_millis(100);
    let server = Server::start_with(vec![settings], ConnectionLimits::default());
    let mut deaf = TcpStream::connect(server.address("smtp")).await.unwrap();
    SockRef::from(&deaf).set_recv_buffer_size(4096).unwrap();
    let mut heard = [0; 1024];
    assert!(deaf.read(&mut heard).await.unwrap() > 0);
    deaf.write_all(format!("{HELLO}\r\n").as_bytes()).await.unwrap();
    assert!(deaf.read(&mut heard).await.unwrap() > 0);
    // From here on it only talks.
    let flood = format!("{RCPT}\r\n").repeat(1000);
    let flooding = async {
        let begin = format!("{MAIL}\r\n");
        let mut written = deaf.write_all(begin.as_bytes()).await;
        while written.is_ok() {
            written = deaf.write_all(flood.as_bytes()).await;
        }
    };
    tokio::time::timeout(support::PATIENCE, flooding).await.unwrap();
    server.stop().await;
}

// proves: H14
#[tokio::test]
async fn who_talks_before_the_greeting_is_turned_away() {
    let mut settings = listener("smtp");
    settings.times.greeting_delay = support::PATIENCE;
    let server = Server::start_with(vec![settings], ConnectionLimits::default());
    let mut client = server.client("smtp").await;
    client.send("EHLO client.example\r\n").await;
    client.expect("554 5.5.0").await;
    assert!(client.is_closed().await);
    server.stop().await;
}

// proves: H7
#[tokio::test]
async fn a_hundred_thousand_recipients_are_told_when_it_is_enough() {
    let server = Server::start();
    let mut client = server.client("relay").await;
    client.expect("220").await;
    client.ask(HELLO, "250").await;
    client.ask(MAIL, "250").await;
    let (mut taken, mut refused) = (0, 0);
    for batch in 0..1000 {
        let commands: String = (0..101)
            .map(|number| format!("RCPT TO:<u{}@elsewhere.example>\r\n", batch * 101 + number))
            .collect();
        client.send(commands).await;
        for _ in 0..101 {
            match client.reply().await {
                reply if reply.starts_with("250 2.1.5") => taken += 1,
                reply if reply.starts_with("452 4.5.3") => refused += 1,
                reply => panic!("{reply}"),
            }
        }
    }
    assert_eq!((taken, refused), (1000, 100_000));
    client.ask("DATA", "354").await;
    client.ask("x\r\n.", "250").await;
    assert_eq!(server.queued().await[0].0.envelope.recipients.len(), 1000);
    server.stop().await;
}

#[tokio::test]
async fn many_sessions_at_once_lose_nothing() {
    let server = Arc::new(Server::start());
    let failed = Arc::new(AtomicBool::new(false));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (server, failed) = (Arc::clone(&server), Arc::clone(&failed));
        clients.spawn(async move {
            let mut client = server.client("relay").await;
            client.expect("220").await;
            client.ask(HELLO, "250").await;
            for _ in 0..50 {
                client.send(format!("{MAIL}\r\n{RCPT}\r\nDATA\r\n")).await;
                client.expect("250").await;
                client.expect("250").await;
                client.expect("354").await;
                let reply = client.ask("x\r\n.", "").await;
                failed.fetch_or(!reply.starts_with("250"), Ordering::Relaxed);
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    assert!(!failed.load(Ordering::Relaxed));
    assert_eq!(server.queued().await.len(), 1000);
    let Ok(server) = Arc::try_unwrap(server) else { panic!("the clients are gone") };
    server.stop().await;
}
