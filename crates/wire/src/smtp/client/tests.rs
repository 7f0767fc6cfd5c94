//! Dialogues: every stage against every class of reply.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail::{
    Body, ContentTraits, DeliverByMode, MessageId, Origin, Parameters, Recipient, RecipientId, Ret,
    ReversePath, Source, Timestamp,
};
use proptest::prelude::*;

use crate::sasl::exchange::Mechanism;

use super::*;

/// Plays a dialogue and checks each step of it. `C:` lines that follow each other are one flight; `S:` lines arrive
/// one by one; `=` lines name the step that is due, and what happens then.
#[track_caller]
fn play(client: &mut Client, script: &str) {
    let lines: Vec<&str> = script.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        at += 1;
        if let Some(said) = line.strip_prefix("S: ") {
            client.receive(format!("{said}\r\n").as_bytes());
        } else if let Some(first) = line.strip_prefix("C:").map(str::trim_start) {
            let mut flight = format!("{first}\r\n");
            while let Some(next) = lines.get(at).and_then(|line| line.strip_prefix("C: ")) {
                flight += &format!("{next}\r\n");
                at += 1;
            }
            assert_eq!(client.step(), Step::Send, "before {flight:?}");
            assert_eq!(String::from_utf8_lossy(client.output()), flight);
            client.sent();
        } else {
            happen(client, line.strip_prefix("= ").expect("a line of the script"));
        }
    }
}

#[track_caller]
fn happen(client: &mut Client, event: &str) {
    let step = client.step();
    match event {
        "handshake" => {
            assert_eq!(step, Step::Handshake);
            client.secured();
        }
        "content, dot" => assert_eq!(step, Step::SendContent(Framing::Dot)),
        "content, chunk" => assert_eq!(step, Step::SendContent(Framing::Chunk)),
        "sent" => client.content_sent(),
        "interrupted" => client.content_interrupted(),
        "cut" => client.disconnected("cut"),
        "ready" => assert_eq!(step, Step::Ready),
        "over" => assert_eq!(step, Step::Over),
        waits => assert_eq!(format!("{step:?}"), format!("Receive({waits})")),
    }
}

fn envelope() -> Envelope {
    let address = |text| Address::parse(text).expect("valid");
    Envelope {
        message: MessageId(1),
        reverse_path: ReversePath::Address(address("from@example.org")),
        accepted_at: Timestamp::EPOCH,
        origin: Origin {
            source: Source::Authenticated,
            listener: String::new(),
            client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            local_port: 0,
            authenticated_as: None,
        },
        parameters: Parameters::default(),
        traits: ContentTraits::default(),
        size: 10,
        recipients: Vec::new(),
    }
}

fn recipients(names: &[&str]) -> Vec<Recipient> {
    let recipient = |name: &&str| Recipient {
        id: RecipientId(1),
        forward_path: Address::parse(&format!("{name}@example.net")).expect("valid"),
        original: None,
        notify: Notify::DEFAULT,
    };
    names.iter().map(recipient).collect()
}

/// The time that is left at the epoch.
fn deliver_by(envelope: &Envelope) -> Option<DeliverBy> {
    let by = envelope.parameters.deliver_by?;
    Some(DeliverBy { seconds: by.until.seconds_from(Timestamp::EPOCH), mode: by.mode, trace: by.trace })
}

fn begin(client: &mut Client, envelope: &Envelope, recipients: &[Recipient]) -> Result<(), Unable> {
    let forwards: Vec<Forward<'_>> = recipients
        .iter()
        .map(|recipient| Forward {
            forward_path: &recipient.forward_path,
            original: recipient.original.as_ref(),
            notify: recipient.notify,
        })
        .collect();
    let needs_smtputf8 = envelope.parameters.smtputf8;
    client.begin(&Request {
        envelope,
        content_bytes: 10,
        traits: envelope.traits,
        deliver_by: deliver_by(envelope),
        needs_smtputf8,
        recipients: &forwards,
    })
}

/// A client in front of which stands a peer that offers this.
#[track_caller]
fn ready(protocol: Protocol, offers: &[&str]) -> Client {
    let mut client = Client::new(protocol, "me.example", StartTls::Never, None);
    let verb = if protocol == Protocol::Smtp { "EHLO" } else { "LHLO" };
    let lines: String = offers.iter().map(|offer| format!("S: 250-{offer}\n")).collect();
    play(&mut client, &format!("S: 220 mx\nC: {verb} me.example\nS: 250-mx\n{lines}S: 250 HELP\n= ready"));
    client
}

fn answers(client: &mut Client) -> String {
    let answers: Vec<String> = client
        .take_answers()
        .into_iter()
        .map(|answer| match answer {
            Answer::Taken(reply) => format!("taken {}", reply.code),
            Answer::Refused(stage, reply) => format!("{stage} {}", reply.code),
            Answer::Unanswered(stage, _) => format!("unanswered at {stage}"),
            Answer::InDoubt(_) => "in doubt".to_owned(),
        })
        .collect();
    answers.join(", ")
}

/// Plays a transaction for a, b … and checks what is answered.
#[track_caller]
fn transaction(protocol: Protocol, offers: &[&str], names: &[&str], script: &str, expected: &str) {
    let mut client = ready(protocol, offers);
    begin(&mut client, &envelope(), &recipients(names)).expect("able");
    play(&mut client, script);
    assert_eq!(answers(&mut client), expected, "{script}");
}

const PLAIN: &[&str] = &[];
const PIPELINED: &[&str] = &["PIPELINING"];
const CHUNKED: &[&str] = &["PIPELINING", "CHUNKING"];
const FLIGHT: &str = "C: MAIL FROM:<from@example.org>
    C: RCPT TO:<a@example.net>
    C: RCPT TO:<b@example.net>
    C: DATA\n";

#[test]
fn one_command_at_a_time_without_pipelining() {
    transaction(
        Protocol::Smtp,
        PLAIN,
        &["a", "b"],
        "C: MAIL FROM:<from@example.org>
        = Mail
        S: 250 ok
        C: RCPT TO:<a@example.net>
        S: 250 ok
        C: RCPT TO:<b@example.net>
        S: 550 no
        C: DATA
        S: 354 go on
        = content, dot
        = sent
        = Content
        S: 250 queued
        = ready",
        "taken 250, RCPT TO 550",
    );
}

#[test]
fn pipelining_makes_it_two_writes() {
    let script = format!(
        "{FLIGHT}S: 250 ok\nS: 250 ok\nS: 251 ok\nS: 354 go\n= content, dot\n= sent\nS: 250 ok\n= ready"
    );
    transaction(Protocol::Smtp, PIPELINED, &["a", "b"], &script, "taken 250, taken 250");
}

#[test]
fn who_only_asks_ends_before_the_content() {
    for (offers, script) in [
        (
            PIPELINED,
            "C: MAIL FROM:<from@example.org>\nC: RCPT TO:<a@example.net>\nC: RCPT TO:<b@example.net>\nS: 250 ok\nS: 251 ok\nS: 550 no\n= ready",
        ),
        (
            CHUNKED,
            "C: MAIL FROM:<from@example.org>\nC: RCPT TO:<a@example.net>\nC: RCPT TO:<b@example.net>\nS: 250 ok\nS: 251 ok\nS: 550 no\n= ready",
        ),
        (
            PLAIN,
            "C: MAIL FROM:<from@example.org>\nS: 250 ok\nC: RCPT TO:<a@example.net>\nS: 251 ok\nC: RCPT TO:<b@example.net>\nS: 550 no\n= ready",
        ),
    ] {
        let mut client = ready(Protocol::Smtp, offers);
        client.only_ask();
        for reset in [false, true] {
            begin(&mut client, &envelope(), &recipients(&["a", "b"])).expect("able");
            let script = match reset {
                true if offers.is_empty() => format!("C: RSET\nS: 250 ok\n{script}"),
                true => format!("C: RSET\n{}", script.replacen("S: ", "S: 250 ok\nS: ", 1)),
                false => script.to_owned(),
            };
            play(&mut client, &script);
            assert_eq!(answers(&mut client), "taken 251, RCPT TO 550", "{script}");
        }
    }
}

#[test]
fn chunking_sends_the_content_after_the_replies() {
    let mut client = ready(Protocol::Smtp, CHUNKED);
    begin(&mut client, &envelope(), &recipients(&["a"])).expect("able");
    play(
        &mut client,
        "C: MAIL FROM:<from@example.org>
        C: RCPT TO:<a@example.net>
        S: 250 ok
        S: 250 ok
        = content, chunk",
    );
    assert_eq!(client.content_prefix(), b"BDAT 10 LAST\r\n");
    play(&mut client, "= sent\n S: 250 ok\n = ready");
    assert_eq!(answers(&mut client), "taken 250");
}

// proves: E1, E2
#[test]
fn every_stage_refused() {
    for code in [450, 550] {
        for (script, expected) in [
            (format!("S: {code} no\nS: 503 no\nS: 503 no\nS: 503 no\n= ready"), "MAIL FROM, MAIL FROM"),
            (format!("S: 250 ok\nS: {code} no\nS: {code} no\nS: 503 no\n= ready"), "RCPT TO, RCPT TO"),
            (format!("S: 250 ok\nS: 250 ok\nS: 250 ok\nS: {code} no\n= ready"), "DATA, DATA"),
            (
                format!(
                    "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n= content, dot\n= sent\nS: {code} no\n= ready"
                ),
                "end of data, end of data",
            ),
        ] {
            let expected = expected.replace(',', &format!(" {code},")) + &format!(" {code}");
            transaction(Protocol::Smtp, PIPELINED, &["a", "b"], &format!("{FLIGHT}{script}"), &expected);
        }
    }
}

// proves: 5.17 final dot
#[test]
fn what_rcpt_refused_stays_refused_whatever_data_says() {
    let script = format!("{FLIGHT}S: 250 ok\nS: 550 no\nS: 250 ok\nS: 451 later\n= ready");
    transaction(Protocol::Smtp, PIPELINED, &["a", "b"], &script, "RCPT TO 550, DATA 451");
    let script = format!(
        "{FLIGHT}S: 250 ok\nS: 450 no\nS: 250 ok\nS: 354 go\n= content, dot\n= sent\nS: 554 no\n= ready"
    );
    transaction(Protocol::Smtp, PIPELINED, &["a", "b"], &script, "RCPT TO 450, end of data 554");
}

#[test]
fn nothing_more_is_said_after_a_refusal_without_pipelining() {
    let mail_refused = "C: MAIL FROM:<from@example.org>\nS: 550 no\n= ready";
    transaction(Protocol::Smtp, PLAIN, &["a", "b"], mail_refused, "MAIL FROM 550, MAIL FROM 550");
    let all_refused =
        "C: MAIL FROM:<from@example.org>\nS: 250 ok\nC: RCPT TO:<a@example.net>\nS: 550 no\n= ready";
    transaction(Protocol::Smtp, PLAIN, &["a"], all_refused, "RCPT TO 550");
    let chunked =
        "C: MAIL FROM:<from@example.org>\nC: RCPT TO:<a@example.net>\nS: 250 ok\nS: 450 no\n= ready";
    transaction(Protocol::Smtp, CHUNKED, &["a"], chunked, "RCPT TO 450");
}

#[test]
fn reset_goes_before_the_next_transaction_after_one_that_was_not_ended() {
    let mut client = ready(Protocol::Smtp, PIPELINED);
    begin(&mut client, &envelope(), &recipients(&["a"])).expect("able");
    play(
        &mut client,
        "C: MAIL FROM:<from@example.org>
        C: RCPT TO:<a@example.net>
        C: DATA
        S: 250 ok
        S: 550 no
        S: 503 no
        = ready",
    );
    begin(&mut client, &envelope(), &recipients(&["b"])).expect("able");
    play(
        &mut client,
        "C: RSET
        C: MAIL FROM:<from@example.org>
        C: RCPT TO:<b@example.net>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 250 ok
        S: 354 go
        = content, dot
        = sent
        S: 250 ok
        = ready",
    );
    assert_eq!(answers(&mut client), "taken 250");
    begin(&mut client, &envelope(), &recipients(&["c"])).expect("able");
    play(&mut client, "C: MAIL FROM:<from@example.org>\nC: RCPT TO:<c@example.net>\nC: DATA\n= Mail");
}

// proves: E5
#[test]
fn data_answered_354_for_nobody_gets_a_lone_dot() {
    let script =
        format!("{FLIGHT}S: 250 ok\nS: 550 no\nS: 450 no\nS: 354 go\nC: .\n= Content\nS: 250 odd\n= ready");
    transaction(Protocol::Smtp, PIPELINED, &["a", "b"], &script, "RCPT TO 550, RCPT TO 450");
    let script = format!("{FLIGHT}S: 250 ok\nS: 550 no\nS: 450 no\nS: 354 go\n= over");
    transaction(Protocol::Lmtp, PIPELINED, &["a", "b"], &script, "RCPT TO 550, RCPT TO 450");
}

// proves: E3
#[test]
fn a_421_ends_the_connection_and_only_defers() {
    for (script, expected) in [
        ("S: 421 bye\n= over", "MAIL FROM 421, MAIL FROM 421"),
        ("S: 250 ok\nS: 550 no\nS: 421 bye\n= over", "RCPT TO 550, RCPT TO 421"),
        ("S: 250 ok\nS: 550 no\nS: 250 ok\nS: 421 bye\n= over", "RCPT TO 550, DATA 421"),
        (
            "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n= content, dot\n= sent\nS: 421 bye\n= over",
            "end of data 421, end of data 421",
        ),
    ] {
        transaction(Protocol::Smtp, PIPELINED, &["a", "b"], &format!("{FLIGHT}{script}"), expected);
    }
}

// proves: D4, D5
#[test]
fn a_break_is_in_doubt_only_after_the_content_was_sent() {
    let content = "S: 250 ok\nS: 550 no\nS: 250 ok\nS: 354 go\n= content, dot\n";
    for (script, expected) in [
        ("= cut\n= over".to_owned(), "unanswered at MAIL FROM, unanswered at MAIL FROM"),
        ("S: 250 ok\nS: 250 ok\n= cut\n= over".to_owned(), "unanswered at RCPT TO, unanswered at RCPT TO"),
        ("S: 250 ok\nS: 550 no\nS: 250 ok\n= cut\n= over".to_owned(), "RCPT TO 550, unanswered at DATA"),
        (format!("{content}= cut\n= over"), "RCPT TO 550, unanswered at end of data"),
        (format!("{content}= interrupted\n= cut\n= over"), "RCPT TO 550, unanswered at end of data"),
        (format!("{content}= interrupted\n= Content\nS: 552 big\n= over"), "RCPT TO 550, end of data 552"),
        (format!("{content}= interrupted\nS: 250 odd\n= over"), "RCPT TO 550, unanswered at end of data"),
        (format!("{content}= sent\n= cut\n= over"), "RCPT TO 550, in doubt"),
        (format!("{content}= sent\nS: nonsense\n= over"), "RCPT TO 550, in doubt"),
        (format!("{content}= sent\nS: 354 again\n= over"), "RCPT TO 550, in doubt"),
    ] {
        transaction(Protocol::Smtp, PIPELINED, &["a", "b"], &format!("{FLIGHT}{script}"), expected);
    }
}

// proves: E9
#[test]
fn replies_that_make_no_sense_end_the_connection_before_any_content() {
    for script in [
        "S: 354 go\n= over",
        "S: 250 ok\nS: 354 go\n= over",
        "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 250 ok\n= over",
        "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 334 go\n= over",
        "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nS: 354 go\n= over",
        "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nS: 250 ok\n= over",
        "S: 199 ok\n= over",
        "S: 250-ok\nS: 550 ok\n= over",
    ] {
        let mut client = ready(Protocol::Smtp, PIPELINED);
        begin(&mut client, &envelope(), &recipients(&["a", "b"])).expect("able");
        play(&mut client, &format!("{FLIGHT}{script}"));
        assert!(
            client.take_answers().iter().all(|answer| matches!(answer, Answer::Unanswered(..))),
            "{script}"
        );
    }
}

// proves: E11
#[test]
fn more_replies_than_commands_end_the_connection_but_not_what_was_answered() {
    let script = format!(
        "{FLIGHT}S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n= content, dot\n= sent\nS: 250 ok\nS: 250 more\n= over"
    );
    transaction(Protocol::Smtp, PIPELINED, &["a", "b"], &script, "taken 250, taken 250");
}

// proves: E10
#[test]
fn who_talks_while_idle_is_not_talked_to() {
    let mut client = ready(Protocol::Smtp, PIPELINED);
    client.receive(b"421 idle too long\r\n");
    assert_eq!(client.step(), Step::Over);
}

// proves: G1
#[test]
fn lmtp_answers_for_each_recipient() {
    let accepted = format!("{FLIGHT}S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n= content, dot\n= sent\n");
    for (script, expected) in [
        ("S: 250 ok\nS: 452 full\n= ready", "taken 250, end of data 452"),
        ("S: 550 no\nS: 250 ok\n= ready", "end of data 550, taken 250"),
        ("S: 250 ok\n= Content\n= cut\n= over", "taken 250, in doubt"),
        ("S: 250 ok\nS: 250 ok\nS: 250 ok\n= over", "taken 250, taken 250"),
        ("S: 421 bye\n= Content\n= cut\n= over", "end of data 421, in doubt"),
        ("S: 250 ok\nS: 421 bye\n= over", "taken 250, end of data 421"),
    ] {
        transaction(Protocol::Lmtp, PIPELINED, &["a", "b"], &format!("{accepted}{script}"), expected);
    }
    let script = format!(
        "{FLIGHT}S: 250 ok\nS: 550 no\nS: 250 ok\nS: 354 go\n= content, dot\n= sent\nS: 250 ok\n= ready"
    );
    transaction(Protocol::Lmtp, PIPELINED, &["a", "b"], &script, "RCPT TO 550, taken 250");
}

#[test]
fn long_lists_go_in_several_flights() {
    let names: Vec<String> = (0..150).map(|n| format!("r{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut client = ready(Protocol::Smtp, PIPELINED);
    begin(&mut client, &envelope(), &recipients(&names)).expect("able");
    for expected in [100, 52] {
        assert_eq!(client.step(), Step::Send);
        assert_eq!(client.output().split(|byte| *byte == b'\n').count() - 1, expected);
        let data_is_last = client.output().ends_with(b"DATA\r\n");
        client.sent();
        client.receive("250 ok\r\n".repeat(expected - usize::from(data_is_last)).as_bytes());
        if data_is_last {
            client.receive(b"354 go\r\n");
        }
    }
    play(&mut client, "= content, dot\n= sent\nS: 250 ok\n= ready");
    assert_eq!(client.take_answers().len(), 150);
}

// proves: E16, 5.3.4, 5.17 RET ORCPT
#[test]
fn parameters_are_sent_only_where_offered() {
    let mut envelope = envelope();
    envelope.parameters = Parameters {
        body: Body::SevenBit,
        ret: Some(Ret::Headers),
        envelope_id: Some("a=b c".to_owned()),
        smtputf8: true,
        require_tls: true,
        priority: 9,
        hold_until: None,
        deliver_by: Some(by(90, DeliverByMode::Notify)),
    };
    envelope.traits.eight_bit = true;
    let mut recipients = recipients(&["a", "b", "c"]);
    recipients[0].notify = Notify::NEVER;
    recipients[1].notify = Notify { success: true, delay: true, failure: true, explicit: true };
    recipients[1].original =
        Some(OriginalRecipient { kind: "rfc822".to_owned(), address: "b+x@example.net".to_owned() });
    recipients[2].original =
        Some(OriginalRecipient { kind: "utf-8".to_owned(), address: "j\u{fc}+@example.net".to_owned() });
    let all =
        ["SIZE 1000", "8BITMIME", "SMTPUTF8", "REQUIRETLS", "MT-PRIORITY", "DELIVERBY", "DSN", "PIPELINING"];
    let mut client = ready(Protocol::Smtp, &all);
    begin(&mut client, &envelope, &recipients).expect("able");
    play(
        &mut client,
        "C: MAIL FROM:<from@example.org> SIZE=10 BODY=8BITMIME SMTPUTF8 REQUIRETLS MT-PRIORITY=9 BY=90;NT RET=HDRS ENVID=a+3Db+20c
        C: RCPT TO:<a@example.net> NOTIFY=NEVER
        C: RCPT TO:<b@example.net> NOTIFY=SUCCESS,DELAY,FAILURE ORCPT=rfc822;b+2Bx@example.net
        C: RCPT TO:<c@example.net> ORCPT=utf-8;j\u{fc}\\x{2B}@example.net
        C: DATA",
    );
    envelope.parameters.smtputf8 = false;
    envelope.parameters.require_tls = false;
    envelope.reverse_path = ReversePath::Null;
    envelope.traits.eight_bit = false;
    let mut client = ready(Protocol::Smtp, PLAIN);
    begin(&mut client, &envelope, &recipients).expect("able");
    play(&mut client, "C: MAIL FROM:<>\nS: 250 ok\nC: RCPT TO:<a@example.net>");
}

fn by(seconds: i64, mode: DeliverByMode) -> mail::DeliverBy {
    mail::DeliverBy {
        until: Timestamp::EPOCH.plus_seconds(seconds),
        mode,
        trace: mode == DeliverByMode::Notify,
    }
}

// proves: E16
#[test]
fn content_is_declared_as_what_it_is() {
    let declared = |offers: &[&str], (eight_bit, binary, long_lines)| {
        let mut envelope = envelope();
        envelope.traits = ContentTraits { eight_bit, binary, long_lines };
        let mut client = ready(Protocol::Smtp, offers);
        begin(&mut client, &envelope, &recipients(&["a"])).map(|()| {
            assert_eq!(client.step(), Step::Send);
            let said = String::from_utf8_lossy(client.output()).into_owned();
            said.split_once(" BODY=").map(|(_, body)| body.trim().to_owned()).unwrap_or_default()
        })
    };
    let eight_bit = (true, false, false);
    assert_eq!(declared(&["8BITMIME"], (false, false, false)).as_deref(), Ok(""));
    assert_eq!(declared(&["8BITMIME"], eight_bit).as_deref(), Ok("8BITMIME"));
    assert_eq!(declared(&["8BITMIME", "CHUNKING", "BINARYMIME"], eight_bit).as_deref(), Ok("8BITMIME"));
    assert_eq!(declared(&["CHUNKING", "BINARYMIME"], eight_bit).as_deref(), Ok("BINARYMIME"));
    assert_eq!(declared(&["CHUNKING", "BINARYMIME"], (false, false, true)).as_deref(), Ok("BINARYMIME"));
    assert_eq!(declared(&[], eight_bit), Err(Unable::NoEightBitMime));
    assert_eq!(declared(&["8BITMIME"], (true, false, true)), Err(Unable::NoEightBitMime));
}

#[test]
fn a_message_to_be_returned_in_time_goes_only_to_who_can_return_it() {
    let able = |protocol, offers: &[&str], seconds, mode| {
        let mut envelope = envelope();
        envelope.parameters.deliver_by = Some(by(seconds, mode));
        begin(&mut ready(protocol, offers), &envelope, &recipients(&["a"]))
    };
    let (smtp, lmtp) = (Protocol::Smtp, Protocol::Lmtp);
    for (protocol, offers, seconds, mode, expected) in [
        (smtp, &["DELIVERBY"][..], 60, DeliverByMode::Return, Ok(())),
        (smtp, &["DELIVERBY 60"], 60, DeliverByMode::Return, Ok(())),
        (smtp, &["DELIVERBY 61"], 60, DeliverByMode::Return, Err(Unable::NoDeliverBy)),
        (smtp, &["DELIVERBY"], 0, DeliverByMode::Return, Err(Unable::NoDeliverBy)),
        (smtp, &[], 60, DeliverByMode::Return, Err(Unable::NoDeliverBy)),
        (smtp, &[], 60, DeliverByMode::Notify, Ok(())),
        (smtp, &["DELIVERBY 61"], 60, DeliverByMode::Notify, Ok(())),
        (lmtp, &[], 60, DeliverByMode::Return, Ok(())),
    ] {
        assert_eq!(able(protocol, offers, seconds, mode), expected, "{offers:?} {seconds} {mode:?}");
    }
}

// proves: E15
#[test]
fn what_the_peer_cannot_take_is_not_offered() {
    let able = |offers: &[&str], change: fn(&mut Envelope)| {
        let mut envelope = envelope();
        change(&mut envelope);
        begin(&mut ready(Protocol::Smtp, offers), &envelope, &recipients(&["a"]))
    };
    assert_eq!(able(&["SIZE 9"], |_| {}), Err(Unable::TooLarge(9)));
    assert_eq!(able(&["SIZE 10"], |_| {}), Ok(()));
    assert_eq!(able(&["SIZE 0"], |_| {}), Ok(()));
    assert_eq!(able(&[], |envelope| envelope.parameters.smtputf8 = true), Err(Unable::NoSmtpUtf8));
    assert_eq!(able(&[], |envelope| envelope.parameters.require_tls = true), Err(Unable::NoRequireTls));
    assert_eq!(able(&["BINARYMIME"], |envelope| envelope.traits.binary = true), Err(Unable::NoBinaryMime));
    assert_eq!(able(&["CHUNKING"], |envelope| envelope.traits.binary = true), Err(Unable::NoBinaryMime));
    assert_eq!(able(&["CHUNKING", "BINARYMIME"], |envelope| envelope.traits.binary = true), Ok(()));
}

/// What a user has to show.
fn with(mechanisms: &[Mechanism]) -> Login {
    Login {
        username: "user".to_owned(),
        password: "pass".to_owned(),
        mechanisms: mechanisms.to_vec(),
        nonce: "rOprNGfwEbeRWgbNEkqO".to_owned(),
        server: ("mx.example".to_owned(), 587),
    }
}

/// Plays a setup and gives what it ended in.
#[track_caller]
fn setup(start_tls: StartTls, login: bool, script: &str) -> Option<SetupTrouble> {
    let login = login.then(|| with(&Mechanism::WITH_PASSWORD));
    let mut client = Client::new(Protocol::Smtp, "me.example", start_tls, login);
    play(&mut client, script);
    client.take_setup_trouble()
}

const HELLO: &str = "S: 220 mx\nC: EHLO me.example\n";

#[test]
fn greeting_and_hello_refused() {
    for (script, stage, code) in [
        ("S: 421 busy\n= over", Stage::Greeting, 421),
        ("S: 554 no\n= over", Stage::Greeting, 554),
        ("S: 220 mx\nC: EHLO me.example\nS: 450 later\n= over", Stage::Hello, 450),
        (
            "S: 220 mx\nC: EHLO me.example\nS: 502 what\nC: HELO me.example\nS: 550 no\n= over",
            Stage::Hello,
            550,
        ),
    ] {
        match setup(StartTls::IfOffered, false, script) {
            Some(SetupTrouble::Refused(at, reply)) => assert_eq!((at, reply.code), (stage, code), "{script}"),
            other => panic!("{other:?} {script}"),
        }
    }
}

// proves: E2
#[test]
fn hello_falls_back_to_helo_in_smtp_only() {
    assert_eq!(
        setup(
            StartTls::IfOffered,
            false,
            &format!("{HELLO}S: 502 what\nC: HELO me.example\nS: 250 mx\n= ready")
        ),
        None
    );
    let mut client = Client::new(Protocol::Lmtp, "me.example", StartTls::Never, None);
    play(&mut client, "S: 220 mx\nC: LHLO me.example\nS: 500 what\n= over");
    assert!(matches!(client.take_setup_trouble(), Some(SetupTrouble::Refused(Stage::Hello, _))));
}

#[test]
fn nonsense_in_the_setup_ends_it() {
    for script in [
        "S: 250 mx\n= over",
        "S: 220 mx\nS: 220 mx\n= over",
        "S: hello\n= over",
        "S: 220 mx\nC: EHLO me.example\nS: 354 go\n= over",
        "S: 220 mx\nC: EHLO me.example\nS: 250 mx\nS: 250 mx\n= over",
        "= cut\n= over",
        "S: 220 mx\nC: EHLO me.example\nS: 250-mx\n= cut\n= over",
    ] {
        assert!(matches!(setup(StartTls::Never, false, script), Some(SetupTrouble::Broken(..))), "{script}");
    }
}

// proves: E17
#[test]
fn starttls_is_used_where_offered_and_only_the_second_hello_counts() {
    let mut client = Client::new(Protocol::Smtp, "me.example", StartTls::IfOffered, None);
    play(
        &mut client,
        "S: 220 mx
        C: EHLO me.example
        S: 250-mx
        S: 250-PIPELINING
        S: 250 STARTTLS
        C: STARTTLS
        S: 220 go
        = handshake
        C: EHLO me.example
        S: 250-mx
        S: 250 SIZE 5
        = ready",
    );
    assert_eq!(client.capabilities(), &Capabilities { size: Some(5), ..Default::default() });
}

// proves: F2
#[test]
fn what_stands_behind_the_starttls_reply_is_an_injection() {
    let mut client = Client::new(Protocol::Smtp, "me.example", StartTls::IfOffered, None);
    play(&mut client, &format!("{HELLO}S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS"));
    client.receive(b"220 go\r\n250 injected\r\n");
    assert_eq!(client.step(), Step::Over);
}

// proves: F4
#[test]
fn starttls_refused_or_missing() {
    let offered = format!("{HELLO}S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\n");
    assert_eq!(setup(StartTls::IfOffered, false, &format!("{HELLO}S: 250 mx\n= ready")), None);
    assert_eq!(setup(StartTls::Never, false, &format!("{HELLO}S: 250-mx\nS: 250 STARTTLS\n= ready")), None);
    // Not even where it would be welcome only: what follows on this connection is in doubt.
    for start_tls in [StartTls::Required, StartTls::IfOffered] {
        for (script, at) in
            [(format!("{offered}S: 454 no\n= over"), 454), (format!("{offered}S: 502 no\n= over"), 502)]
        {
            match setup(start_tls, false, &script) {
                Some(SetupTrouble::Refused(Stage::StartTls, reply)) => assert_eq!(reply.code, at),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(
        setup(StartTls::Required, false, &format!("{HELLO}S: 250 mx\n= over")),
        Some(SetupTrouble::NoStartTls)
    );
}

#[test]
fn authenticates_by_plain_else_by_login() {
    let plain = format!("{HELLO}S: 250-mx\nS: 250 AUTH LOGIN PLAIN\nC: AUTH PLAIN AHVzZXIAcGFzcw==\n");
    let login = "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dXNlcg==\nS: 334 UGFzc3dvcmQ6\nC: cGFzcw==\nS: 235 ok\n= ready";
    assert_eq!(setup(StartTls::Never, true, &format!("{plain}S: 235 ok\n= ready")), None);
    assert_eq!(
        setup(StartTls::Never, true, &format!("{plain}S: 334 \nC: AHVzZXIAcGFzcw==\nS: 235 ok\n= ready")),
        None
    );
    assert_eq!(setup(StartTls::Never, true, &format!("{plain}S: 504 no\n{login}")), None);
    assert_eq!(setup(StartTls::Never, true, &format!("{HELLO}S: 250-mx\nS: 250 AUTH LOGIN\n{login}")), None);
}

#[test]
fn authentication_refused() {
    let plain = format!("{HELLO}S: 250-mx\nS: 250 AUTH PLAIN LOGIN\nC: AUTH PLAIN AHVzZXIAcGFzcw==\n");
    let endless = format!(
        "{HELLO}S: 250-mx\nS: 250 AUTH LOGIN\nC: AUTH LOGIN\nS: 334 ?\nC: dXNlcg==\nS: 334 ?\nC: cGFzcw==\nS: 334 ?\nC: cGFzcw==\nS: 334 ?\n= over"
    );
    for script in [format!("{plain}S: 535 no\n= over"), format!("{plain}S: 421 no\n= over")] {
        assert!(matches!(setup(StartTls::Never, true, &script), Some(SetupTrouble::Refused(Stage::Auth, _))));
    }
    assert!(matches!(setup(StartTls::Never, true, &endless), Some(SetupTrouble::Broken(Stage::Auth, _))));
    let none = format!("{HELLO}S: 250-mx\nS: 250 AUTH CRAM-MD5\n= over");
    assert_eq!(setup(StartTls::Never, true, &none), Some(SetupTrouble::NoMechanism));
}

#[test]
fn a_server_of_scram_must_prove_itself_before_its_yes_counts() {
    let first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    let proof = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                 p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    let signature = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    let base64 = |text: &str| STANDARD.encode(text);
    let begun = format!(
        "{HELLO}S: 250-mx\nS: 250 AUTH PLAIN SCRAM-SHA-256\nC: AUTH SCRAM-SHA-256 {}\nS: 334 {}\nC: {}\n",
        base64("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"),
        base64(first),
        base64(proof)
    );
    let play_with = |rest: &str| {
        let login = Login { password: "pencil".to_owned(), ..with(&Mechanism::WITH_PASSWORD) };
        let mut client = Client::new(Protocol::Smtp, "me.example", StartTls::Never, Some(login));
        play(&mut client, &format!("{begun}{rest}"));
        client.take_setup_trouble()
    };
    assert_eq!(play_with(&format!("S: 334 {}\nC: \nS: 235 ok\n= ready", base64(signature))), None);
    for rest in ["S: 235 ok\n= over".to_owned(), format!("S: 334 {}\n= over", base64("v=AAAA"))] {
        let trouble = play_with(&rest);
        let unproven = Broken::Proof(ExchangeError::Unproven);
        assert_eq!(trouble, Some(SetupTrouble::Broken(Stage::Auth, unproven)), "{rest}");
    }
}

#[test]
fn a_mechanism_that_is_refused_gives_way_to_the_next_and_a_password_to_none() {
    let offer = format!("{HELLO}S: 250-mx\nS: 250 AUTH SCRAM-SHA-256 PLAIN LOGIN\n");
    let scram = "C: AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=\n";
    let plain = "C: AUTH PLAIN AHVzZXIAcGFzcw==\n";
    let next = format!("{offer}{scram}S: 504 what\n{plain}S: 235 ok\n= ready");
    assert_eq!(setup(StartTls::Never, true, &next), None);
    let stop = format!("{offer}{scram}S: 535 no\n= over");
    assert!(matches!(setup(StartTls::Never, true, &stop), Some(SetupTrouble::Refused(Stage::Auth, _))));
}

#[test]
fn a_token_that_is_refused_is_explained() {
    let login = with(&[Mechanism::OAuthBearer]);
    let mut client = Client::new(Protocol::Smtp, "me.example", StartTls::Never, Some(login));
    let initial = STANDARD.encode("n,a=user,\x01host=mx.example\x01port=587\x01auth=Bearer pass\x01\x01");
    let why = STANDARD.encode(r#"{"status":"invalid_token"}"#);
    let script = format!(
        "{HELLO}S: 250-mx\nS: 250 AUTH PLAIN OAUTHBEARER\nC: AUTH OAUTHBEARER {initial}\nS: 334 {why}\nC: AQ==\n\
         S: 535 5.7.8 no\n= over"
    );
    play(&mut client, &script);
    match client.take_setup_trouble() {
        Some(SetupTrouble::Refused(Stage::Auth, reply)) => {
            assert_eq!(reply.text, r#"no ({"status":"invalid_token"})"#);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_long_token_is_not_crowded_into_the_command() {
    let login = Login { password: "x".repeat(600), ..with(&[Mechanism::XOAuth2]) };
    let response = STANDARD.encode(format!("user=user\x01auth=Bearer {}\x01\x01", login.password));
    let mut client = Client::new(Protocol::Smtp, "me.example", StartTls::Never, Some(login));
    let script = format!(
        "{HELLO}S: 250-mx\nS: 250 AUTH XOAUTH2\nC: AUTH XOAUTH2\nS: 334 \nC: {response}\nS: 235 ok\n= ready"
    );
    play(&mut client, &script);
    assert_eq!(client.take_setup_trouble(), None);
}

#[test]
fn the_password_is_not_shown() {
    let login = with(&Mechanism::WITH_PASSWORD);
    let client = Client::new(Protocol::Smtp, "me.example", StartTls::Never, Some(login));
    assert!(!format!("{client:?}").contains("pass\""));
}

proptest! {
    /// Whatever comes, nothing panics, each recipient has an answer, and none is taken before the content was sent.
    // proves: E6
    #[test]
    fn any_bytes_at_any_place(
        bytes in proptest::collection::vec(prop_oneof![
            Just(b"250 ok\r\n".to_vec()),
            Just(b"354 go\r\n".to_vec()),
            Just(b"250-x\r\n".to_vec()),
            Just(b"421 bye\r\n".to_vec()),
            Just(b"550 no\r\n".to_vec()),
            Just(b"452 full\r\n".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..8),
        ], 0..12),
        pipelined in any::<bool>(),
        lmtp in any::<bool>(),
        send_content in any::<bool>(),
    ) {
        let protocol = if lmtp { Protocol::Lmtp } else { Protocol::Smtp };
        let mut client = ready(protocol, if pipelined { PIPELINED } else { PLAIN });
        begin(&mut client, &envelope(), &recipients(&["a", "b"])).expect("able");
        let mut incoming = bytes.into_iter();
        let mut content_sent = false;
        loop {
            match client.step() {
                Step::Send => client.sent(),
                Step::Receive(_) => match incoming.next() {
                    Some(bytes) => client.receive(&bytes),
                    None => client.disconnected("end"),
                },
                Step::SendContent(_) if send_content => {
                    content_sent = true;
                    client.content_sent();
                }
                Step::SendContent(_) => client.content_interrupted(),
                Step::Handshake => prop_assert!(false, "no handshake is due"),
                Step::Ready | Step::Over => break,
            }
        }
        let answers = client.take_answers();
        prop_assert_eq!(answers.len(), 2);
        for answer in answers {
            match answer {
                Answer::Taken(_) | Answer::InDoubt(_) => prop_assert!(content_sent),
                Answer::Refused(..) | Answer::Unanswered(..) => {}
            }
        }
    }
}
