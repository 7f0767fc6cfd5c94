//! Clients that mean harm: open-relay tricks, smuggled messages, endless lines, floods of recipients, vanishing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use e2e::client::message;
use e2e::settings::ANN;
use e2e::{Client, Reply, Settings, Setup, Waypost, eventually, free_port};

fn closed() -> Waypost {
    Setup::with(Settings::default().json()).closed().start()
}

/// Forms by which relays have been talked into sending a stranger's mail elsewhere.
const RELAY_FORMS: [&str; 32] = [
    "<user@there.test>",
    "<user@THERE.TEST>",
    "<user@there.test.>",
    "<\"user\"@there.test>",
    "<user@[127.0.0.2]>",
    "<user@[IPv6:::2]>",
    "<user@here.test.there.test>",
    "<user@there.test@here.test>",
    "<user@here.test@there.test>",
    "<\"user@there.test\"@here.test>",
    "<\"user@there.test\">",
    "<\"user@there.test\"@[127.0.0.1]>",
    "<user%there.test@here.test>",
    "<user%there.test@mx.here.test>",
    "<user%there.test@[127.0.0.1]>",
    "<user%there.test>",
    "<\"user%there.test\"@here.test>",
    "<user%there.test%here.test@here.test>",
    "<there.test!user@here.test>",
    "<there.test!user@[127.0.0.1]>",
    "<there.test!user>",
    "<here.test!there.test!user>",
    "<@here.test:user@there.test>",
    "<@mx.here.test:user@there.test>",
    "<@here.test,@mx.here.test:user@there.test>",
    "<@[127.0.0.1]:user@there.test>",
    "<ann@here.test,user@there.test>",
    "<ann@here.test;user@there.test>",
    "<ann@here.test> <user@there.test>",
    "<user@there.test",
    "user@there.test",
    "<user@localhost>",
];

// proves: H22
#[test]
fn no_form_of_address_makes_an_open_relay() {
    let waypost = closed();
    for from in ["", "x@client.test", ANN, "postmaster@here.test", "x@there.test"] {
        for form in RELAY_FORMS {
            let mut client = Client::ready(waypost.port);
            client.say(&format!("MAIL FROM:<{from}>"), 250);
            let reply = client.ask(&format!("RCPT TO:{form}")).unwrap();
            assert!(
                (500..600).contains(&reply.code),
                "from <{from}> to {form}: {} {}",
                reply.code,
                reply.text
            );
            assert!(matches!(client.ask("DATA").unwrap().code, 503 | 554), "{form}");
        }
    }
    assert!(waypost.queue().is_empty());
}

/// Everything between two lines that some server has taken for the end of a message, and that is none.
const FALSE_ENDS: [&[u8]; 14] = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
    b"\r\r\n.\r\r\n",
    b"\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n..\n",
    b"\n\r.\n\r",
];

// proves: H1, 5.1.6
#[test]
fn nothing_is_smuggled_behind_a_false_end() {
    let waypost = closed();
    for end in FALSE_ENDS {
        for step in [usize::MAX, 1] {
            let mut client = Client::ready(waypost.port);
            client.say("MAIL FROM:<x@client.test>", 250);
            client.say(&format!("RCPT TO:<{ANN}>"), 250);
            client.say("DATA", 354);
            let mut bytes = b"Subject: outer\r\n\r\nbody".to_vec();
            bytes.extend_from_slice(end);
            bytes.extend_from_slice(b"MAIL FROM:<evil@client.test>\r\nRCPT TO:<ann@here.test>\r\nDATA\r\n");
            bytes.extend_from_slice(b"Subject: smuggled\r\n\r\nbody\r\n.\r\nQUIT\r\n");
            for piece in bytes.chunks(step.min(bytes.len())) {
                if client.write(piece).is_err() {
                    break;
                }
            }
            let replies = rest(&mut client);
            let taken = replies.iter().filter(|reply| reply.code == 250).count();
            assert!(taken <= 1, "{:?}: {replies:?}", end.escape_ascii().to_string());
            assert!(
                replies.iter().all(|reply| reply.code != 354),
                "{:?}: {replies:?}",
                end.escape_ascii().to_string()
            );
        }
    }
    eventually("the queue is empty", || waypost.queue().is_empty().then_some(()));
    assert!(!waypost.inbox(ANN).contains("smuggled"), "{}", waypost.inbox(ANN));
    assert!(!waypost.inbox(ANN).contains("evil"), "{}", waypost.inbox(ANN));
}

/// All replies until the connection ends.
fn rest(client: &mut Client) -> Vec<Reply> {
    std::iter::from_fn(|| client.reply().ok()).collect()
}

// proves: H4
#[test]
fn a_malformed_command_is_refused_and_the_session_goes_on() {
    let waypost = closed();
    let commands: [&[u8]; 30] = [
        b"",
        b" ",
        b"\t",
        b"NONSENSE",
        b"NO\0OP",
        b"\xff\xfe\xfd",
        b"EHLO",
        b"HELO",
        b"MAIL",
        b"MAIL FROM",
        b"MAIL FROM:",
        b"MAIL FROM:x@client.test x",
        b"MAIL FROM:<x@client.test",
        b"MAIL FROM:<x@>",
        b"MAIL FROM:<@client.test>",
        b"MAIL FROM:<x@client..test>",
        b"MAIL FROM:<x@client.test> SIZE=x",
        b"MAIL FROM:<x@client.test> SIZE=99999999999999999999",
        b"MAIL FROM:<x@client.test> BODY=9BIT",
        b"MAIL FROM:<x@client.test> UNKNOWN=1",
        b"MAIL FROM:<x@client.test> RET=HALF",
        b"MAIL FROM:<\xc3\xa4@client.test>",
        b"RCPT TO:<ann@here.test>",
        b"DATA",
        b"DATA x",
        b"BDAT",
        b"BDAT x",
        b"BDAT -1 LAST",
        b"AUTH",
        b"AUTH NONSENSE",
    ];
    for command in commands {
        let mut client = Client::ready(waypost.port);
        client.write(&[command, b"\r\n"].concat()).unwrap();
        let reply = client.reply().unwrap();
        let shown = command.escape_ascii().to_string();
        assert!((500..600).contains(&reply.code), "{shown}: {} {}", reply.code, reply.text);
        client.say("NOOP", 250);
        client.say("MAIL FROM:<x@client.test>", 250);
    }
}

// proves: H16
#[test]
fn chunk_sizes_that_are_wrong_are_refused() {
    let waypost = closed();
    for size in
        ["9223372036854775807", "9223372036854775808", "18446744073709551616", "-1", "1e3", "0x10", "5 FIRST"]
    {
        let mut client = Client::ready(waypost.port);
        client.say("MAIL FROM:<x@client.test>", 250);
        client.say(&format!("RCPT TO:<{ANN}>"), 250);
        let reply = client.ask(&format!("BDAT {size}")).unwrap();
        assert!((500..600).contains(&reply.code), "BDAT {size}: {} {}", reply.code, reply.text);
    }
    let mut client = Client::ready(waypost.port);
    client.say("MAIL FROM:<x@client.test>", 250);
    client.say(&format!("RCPT TO:<{ANN}>"), 250);
    client.write(b"BDAT 9\r\nSubject: BDAT 10\r\nin chunks\rBDAT 12 LAST\r\n\nx\r\n\r\nbody\r\n").unwrap();
    for _ in 0..3 {
        client.expect(250);
    }
    client.say("BDAT 0 LAST", 503);
}

// proves: H5
#[test]
fn overlong_lines_are_refused_without_being_kept() {
    let waypost = closed();
    let mut client = Client::ready(waypost.port);
    let long = "x".repeat(5_000);
    let reply = client.ask(&format!("NOOP {long}")).unwrap();
    assert_eq!(reply.code, 500, "{}", reply.text);
    client.say("NOOP", 250);
    let endless = vec![b'x'; 8 * 1024 * 1024];
    let mut client = Client::ready(waypost.port);
    let _ = client.write(&endless);
    let _ = client.write(b"\r\n");
    if let Ok(reply) = client.reply() {
        assert!(matches!(reply.code, 421 | 500), "{} {}", reply.code, reply.text);
    }
    Client::ready(waypost.port).say("NOOP", 250);
}

// proves: H7
#[test]
fn a_hundred_thousand_and_one_recipients_are_too_many() {
    const ALL: usize = 100_001;
    const BATCH: usize = 500;
    let settings = Settings::default().relay("nowhere", "there.test", free_port());
    let waypost = Setup::with(settings.json()).start();
    let mut client = Client::ready(waypost.port);
    client.say("MAIL FROM:<x@client.test>", 250);
    let (mut taken, mut refused) = (0, 0);
    let mut sent = 0;
    while sent < ALL {
        let batch = BATCH.min(ALL - sent);
        let lines: String =
            (sent..sent + batch).map(|n| format!("RCPT TO:<user{n}@there.test>\r\n")).collect();
        if client.write(lines.as_bytes()).is_err() {
            break;
        }
        let mut open = true;
        for _ in 0..batch {
            match client.reply().map(|reply| reply.code) {
                Ok(250) => taken += 1,
                Ok(452) => refused += 1,
                Ok(421) | Err(_) => {
                    open = false;
                    break;
                }
                Ok(code) => panic!("reply {code}"),
            }
        }
        if !open {
            break;
        }
        sent += batch;
    }
    assert!(
        (100..=10_000).contains(&taken),
        "RFC 5321 section 4.5.3.1.8 wants 100 at least; {taken} were taken"
    );
    assert!(refused > 0, "the rest is refused");
    Client::ready(waypost.port).say("NOOP", 250);
}

// proves: A2
#[test]
fn a_client_may_vanish_at_any_byte() {
    let waypost = closed();
    let dialogue = format!(
        "EHLO client.test\r\nMAIL FROM:<x@client.test>\r\nRCPT TO:<{ANN}>\r\nDATA\r\n{}.\r\n",
        message("vanishing")
    );
    for length in 0..dialogue.len() {
        let mut client = Client::greeted(waypost.port);
        client.write(&dialogue.as_bytes()[..length]).unwrap();
    }
    let reply = Client::ready(waypost.port).send("x@client.test", &[ANN], &message("whole")).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
    let inbox = eventually("the whole message is in the inbox", || {
        Some(waypost.inbox(ANN)).filter(|inbox| inbox.contains("whole"))
    });
    assert!(!inbox.contains("vanishing"), "nothing was taken before its final dot:\n{inbox}");
}

// proves: H17
#[test]
fn a_message_that_is_too_large_is_refused_and_the_session_goes_on() {
    let boot = "[limits]\nmessage_bytes_max = 100000\n";
    let waypost = Setup::with(Settings::default().json()).boot(boot).start();
    let mut client = Client::ready(waypost.port);
    let declared = client.ask("MAIL FROM:<x@client.test> SIZE=200000").unwrap();
    assert_eq!(declared.code, 552, "{}", declared.text);
    let body = "A line of text.\r\n".repeat(10_000);
    let reply = client.send("x@client.test", &[ANN], &format!("Subject: large\r\n\r\n{body}")).unwrap();
    assert_eq!(reply.code, 552, "{}", reply.text);
    let reply = client.send("x@client.test", &[ANN], &message("small")).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
}

// proves: H18
#[test]
fn a_message_that_goes_in_circles_is_stopped() {
    let waypost = closed();
    let trace = "Received: from a by b; Tue, 24 Nov 2026 10:00:00 +0000\r\n".repeat(150);
    let reply =
        Client::ready(waypost.port).send("x@client.test", &[ANN], &(trace + &message("circles"))).unwrap();
    assert_eq!(reply.code, 554, "{}", reply.text);
    assert!(reply.text.contains("5.4.6"), "{}", reply.text);
}
