//! Who is told what, and how it looks.

use mail::{Domain, EnhancedStatus, OriginalRecipient, RecipientId, Reply, Ret};
use proptest::prelude::*;

use super::*;
use crate::check::Environment;
use crate::expr::LookupAnswers;
use crate::limits::DSN_MESSAGE_BYTES_MAX;
use crate::outcome::{Scope, TroubleKind};
use crate::reporter::choose_reporter;
use crate::retry::Expiry;
use crate::route::Choice;

const NOW: Timestamp = Timestamp::from_millis(1_795_509_920_000);
const ORIGINAL: &[u8] = b"Subject: hello\r\nFrom: a\r\n\r\nbody\r\n";

fn envelope(reverse_path: &str) -> Envelope {
    Envelope {
        message: MessageId(0x2a),
        reverse_path: match reverse_path {
            "" => ReversePath::Null,
            address => ReversePath::Address(Address::parse(address).unwrap()),
        },
        accepted_at: Timestamp::from_millis(1_795_509_910_000),
        origin: Origin::own(Source::Authenticated),
        parameters: Parameters { envelope_id: Some("env7".to_owned()), ..Parameters::default() },
        traits: ContentTraits::default(),
        size: ORIGINAL.len() as u64,
        recipients: Vec::new(),
    }
}

fn recipient(id: u64, address: &str, notify: Notify) -> Recipient {
    Recipient { id: RecipientId(id), forward_path: Address::parse(address).unwrap(), original: None, notify }
}

const ALL: Notify = Notify { success: true, delay: true, failure: true, explicit: true };

fn delivered(host: &str, dsn_handed_on: bool) -> Happening {
    Happening::Delivered(Delivered {
        host: host.to_owned(),
        reply: Reply::new(250, Some(EnhancedStatus::new(2, 0, 0)), "taken"),
        last_hop: host == "localhost",
        dsn_handed_on,
        traced: false,
    })
}

fn refused() -> Trouble {
    Trouble {
        scope: Scope::Recipient,
        kind: TroubleKind::UnexpectedReply,
        status: EnhancedStatus::new(5, 1, 1),
        text: "no such user".to_owned(),
        host: "mx.example.org".to_owned(),
        reply: Some((
            "RCPT TO:<a@example.org>".to_owned(),
            Reply::new(550, Some(EnhancedStatus::new(5, 1, 1)), "no such\nuser"),
        )),
        in_doubt: false,
    }
}

fn unreachable() -> Trouble {
    Trouble {
        scope: Scope::Host,
        kind: TroubleKind::Connection,
        status: EnhancedStatus::new(4, 4, 1),
        text: "connection refused".to_owned(),
        host: "mx.example.net".to_owned(),
        reply: None,
        in_doubt: false,
    }
}

fn progress(last: Option<Trouble>) -> Progress {
    Progress {
        retry_num: 3,
        due: NOW,
        notify_num: 0,
        notify_due: None,
        expiry: Expiry::At(Timestamp::from_millis(1_795_600_000_000)),
        virtual_queue: "dsn".to_owned(),
        last,
        envelope_expiry: None,
        envelope_notice: false,
        last_hop: None,
        orders: None,
    }
}

const SETTINGS: &str = r#"{
    "SystemSettings": {"defaultHostname": "mx.test.example", "defaultDomain": "test.example"},
    "Domain": [{"name": "test.example"}, {"name": "split.example", "allowRelaying": true}],
    "Account": [{"name": "known@split.example"}]
}"#;

fn configured(more: &str) -> Configuration {
    let json = SETTINGS.replacen('{', &format!("{{ {more}"), 1);
    Configuration::from_settings_json(&json, &Environment::default()).unwrap()
}

fn notify_with(envelope: &Envelope, happenings: &[(Recipient, Happening)]) -> Option<(Accepted, String)> {
    notify_by(&configured(""), envelope, happenings)
}

fn notify_by(
    configuration: &Configuration,
    envelope: &Envelope,
    happenings: &[(Recipient, Happening)],
) -> Option<(Accepted, String)> {
    let is_wanted = |(recipient, happening): &&(Recipient, Happening)| {
        wanted(configuration, envelope, recipient, happening)
    };
    let told: Vec<_> = happenings.iter().filter(is_wanted).cloned().collect();
    let to = addressee(configuration, envelope)?;
    let none = LookupAnswers::default();
    let Choice::Decided(reporter) = choose_reporter(configuration, envelope, &none) else {
        panic!("nothing is to be looked up")
    };
    let content = notification(envelope, &to, &told, ORIGINAL, &reporter, NOW)?;
    let accepted = accepted(envelope, &to, &content, progress(None), NOW);
    Some((accepted, String::from_utf8(content).unwrap()))
}

// proves: 5.13.1
#[test]
fn tells_those_who_asked() {
    let flags = |success, delay, failure| Notify { success, delay, failure, explicit: true };
    let happenings = [
        delivered("mx.example.org", false),
        Happening::Delayed(progress(Some(unreachable()))),
        Happening::Failed(refused()),
    ];
    let table = [
        (Notify::DEFAULT, [false, true, true]),
        (Notify::NEVER, [false, false, false]),
        (flags(true, false, false), [true, false, false]),
        (flags(false, true, false), [false, true, false]),
        (flags(false, false, true), [false, false, true]),
        (ALL, [true, true, true]),
    ];
    for (notify, expected) in table {
        let recipient = recipient(1, "a@example.org", notify);
        let sent = happenings.each_ref().map(|happening| {
            notify_with(&envelope("s@test.example"), &[(recipient.clone(), happening.clone())]).is_some()
        });
        assert_eq!(sent, expected, "{notify:?}");
        for happening in &happenings {
            let told = notify_with(&envelope(""), &[(recipient.clone(), happening.clone())]);
            assert!(told.is_none(), "I3");
        }
    }
}

#[test]
fn success_is_told_by_whoever_was_asked_last() {
    let told = |happening| {
        let recipient = recipient(1, "a@example.org", ALL);
        let (_, content) = notify_with(&envelope("s@test.example"), &[(recipient, happening)])?;
        DeliveryStatus::find(content.as_bytes()).map(|status| status.recipients[0].action)
    };
    assert_eq!(told(delivered("localhost", false)), Some(Action::Delivered));
    assert_eq!(told(delivered("mx.example.org", false)), Some(Action::Relayed));
    assert_eq!(told(delivered("mx.example.org", true)), None);
    let Happening::Delivered(handed_on) = delivered("lmtp.example.org", false) else { unreachable!() };
    let by_lmtp = Happening::Delivered(Delivered { last_hop: true, ..handed_on });
    assert_eq!(told(by_lmtp), Some(Action::Delivered));
}

/// Compares with a stored sample, and shows what came instead.
#[track_caller]
fn check_sample(content: &str, expected: &str) {
    let content = content.replace("\r\n", "\n");
    assert!(content == expected, "this is not the sample:\n{content}");
}

// proves: 5.13.2
#[test]
fn one_notification_tells_all() {
    let mut failed = recipient(3, "a@example.org", ALL);
    failed.original =
        Some(OriginalRecipient { kind: "rfc822".to_owned(), address: "first@test.example".to_owned() });
    let lookup = Trouble { kind: TroubleKind::Dns, host: "example.com".to_owned(), ..unreachable() };
    let happenings = [
        (failed, Happening::Failed(refused())),
        (recipient(2, "b@example.net", ALL), Happening::Delayed(progress(Some(unreachable())))),
        (recipient(1, "c@example.com", ALL), delivered("localhost", false)),
        (recipient(4, "d@example.com", ALL), Happening::Failed(lookup)),
        (recipient(5, "silent@example.com", Notify::NEVER), Happening::Failed(refused())),
    ];
    let (accepted, content) = notify_with(&envelope("s@test.example"), &happenings).unwrap();
    check_sample(&content, include_str!("samples/mixed.eml"));
    assert_eq!(accepted.reverse_path(), &ReversePath::Null);
    assert_eq!(accepted.origin().source, Source::Dsn);
    assert_eq!(accepted.size(), content.len() as u64);
    assert_eq!(accepted.recipients()[0].notify, Notify::NEVER);
    assert_eq!(accepted.recipients()[0].forward_path.to_string(), "s@test.example");
}

#[track_caller]
fn check_subject(happenings: &[Happening], expected: &str) {
    let happenings: Vec<_> = happenings
        .iter()
        .zip(1..)
        .map(|(happening, id)| (recipient(id, "a@example.org", ALL), happening.clone()))
        .collect();
    let (_, content) = notify_with(&envelope("s@test.example"), &happenings).unwrap();
    assert!(content.contains(&format!("\r\nSubject: {expected}\r\n")), "{content}");
}

#[test]
fn the_subject_says_what_happened() {
    let good = delivered("localhost", false);
    let late = Happening::Delayed(progress(None));
    let bad = Happening::Failed(refused());
    check_subject(std::slice::from_ref(&good), "Successfully delivered message");
    check_subject(std::slice::from_ref(&late), "Warning: Delay in message delivery");
    check_subject(std::slice::from_ref(&bad), "Failed to deliver message");
    check_subject(&[good.clone(), late.clone()], "Partially delivered message");
    check_subject(&[good, late.clone(), bad.clone()], "Partially delivered message");
    check_subject(&[late, bad], "Warning: Temporary and permanent failures during message delivery");
}

#[test]
fn the_message_is_returned_whole_only_on_failure_and_on_request() {
    let mut asked = envelope("s@test.example");
    asked.parameters.ret = Some(Ret::Full);
    let whole = |envelope: &Envelope, happening: Happening| {
        let (_, content) = notify_with(envelope, &[(recipient(1, "a@example.org", ALL), happening)]).unwrap();
        content.contains("Content-Type: message/rfc822\r\n") && content.contains("\r\nbody\r\n")
    };
    assert!(whole(&asked, Happening::Failed(refused())));
    assert!(!whole(&asked, Happening::Delayed(progress(None))));
    assert!(!whole(&envelope("s@test.example"), Happening::Failed(refused())));
    asked.traits.binary = true;
    assert!(!whole(&asked, Happening::Failed(refused())));
    asked.traits.binary = false;
    asked.size = DSN_MESSAGE_BYTES_MAX + 1;
    assert!(!whole(&asked, Happening::Failed(refused())));
}

proptest! {
    // proves: E12
    #[test]
    fn no_text_of_a_peer_adds_a_line(host: String, text: String, command: String, reply: String) {
        let hostile = Trouble { host, text, reply: Some((command, Reply::new(550, None, reply))), ..refused() };
        let quiet = Trouble { reply: Some((String::new(), Reply::new(550, None, ""))), ..refused() };
        for kind in [TroubleKind::UnexpectedReply, TroubleKind::Connection, TroubleKind::Io, TroubleKind::Dns] {
            let lines = |trouble: &Trouble| {
                let happening = Happening::Failed(Trouble { kind, ..trouble.clone() });
                let told = (recipient(1, "a@example.org", ALL), happening);
                let host = Domain::parse("mx.test.example").unwrap();
                text_lines(&text_of(&told, &host))
            };
            prop_assert_eq!(lines(&hostile), lines(&quiet));
        }
    }
}

fn text_of(told: &(Recipient, Happening), host: &Domain) -> String {
    text::text(&[told], &Reporter::plain(host.clone(), host.clone()), false)
}

fn text_lines(text: &str) -> usize {
    text.chars().filter(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')).count()
}

fn failed() -> (Recipient, Happening) {
    (recipient(1, "a@example.org", ALL), Happening::Failed(refused()))
}

fn late() -> (Recipient, Happening) {
    let original = OriginalRecipient { kind: "rfc822".to_owned(), address: "list@test.example".to_owned() };
    let recipient = Recipient { original: Some(original), ..recipient(3, "c@example.net", ALL) };
    (recipient, Happening::Delayed(progress(Some(unreachable()))))
}

// proves: 5.13.2, 5.13.3
#[test]
fn each_kind_of_news_alone_looks_like_its_sample() {
    let good = (recipient(2, "b@example.com", ALL), delivered("mx.example.com", false));
    for (happening, sample) in [
        (failed(), include_str!("samples/failure.eml")),
        (good, include_str!("samples/success.eml")),
        (late(), include_str!("samples/delay.eml")),
    ] {
        let (_, content) = notify_with(&envelope("s@test.example"), &[happening]).unwrap();
        check_sample(&content, sample);
    }
}

// proves: 5.13.1
#[test]
fn nothing_is_written_where_nothing_was_asked_for() {
    let silent = (recipient(1, "a@example.org", Notify::NEVER), Happening::Failed(refused()));
    assert!(notify_with(&envelope("s@test.example"), &[silent]).is_none());
}

// proves: 5.13.6
#[test]
fn the_settings_say_in_whose_name() {
    let configuration = configured(
        r#""DsnReportSettings": {"fromName": "'Post für ' + sender", "fromAddress": "'bounce@' + sender_domain",
            "dkimSignDomain": "sender_domain"},
        "ReportSettings": {"outboundReportSubmitter": "'out.' + rcpt_domain"},"#,
    );
    let envelope = envelope("s@test.example");
    let (_, content) = notify_by(&configuration, &envelope, &[failed()]).unwrap();
    assert!(
        content.starts_with("From: =?utf-8?Q?Post_f=C3=BCr_s=40test=2Eexample?= <bounce@test.example>\r\n")
    );
    assert!(content.contains("\r\nReporting-MTA: dns;out.test.example\r\n"));
    assert!(content.contains(".1@out.test.example>\r\n"), "the Message-ID");
}

#[test]
fn settings_that_yield_nothing_hold_no_notification_up() {
    let configuration = configured(
        r#""DsnReportSettings": {"fromName": "1", "fromAddress": "'nobody'", "dkimSignDomain": "false"},
        "ReportSettings": {"outboundReportSubmitter": "'no host'"},"#,
    );
    let envelope = envelope("s@test.example");
    let none = LookupAnswers::default();
    let Choice::Decided(reporter) = choose_reporter(&configuration, &envelope, &none) else { panic!() };
    let plain = Reporter::plain(configuration.hostname.clone(), configuration.domain.clone());
    assert_eq!(reporter, plain);
}

#[track_caller]
fn check_told(source: Source, setting: &str, expected: [bool; 4]) {
    let configuration = configured(setting);
    let envelope = Envelope { origin: Origin::own(source), ..envelope("s@elsewhere.example") };
    let told = ["box@test.example", "known@split.example", "guess@split.example", "a@relayed.example"].map(
        |address| {
            let recipient = recipient(1, address, Notify::DEFAULT);
            wanted(&configuration, &envelope, &recipient, &Happening::Failed(refused()))
        },
    );
    assert_eq!(told, expected, "{source:?} {setting}");
}

// proves: H25
#[test]
fn strangers_are_told_only_of_recipients_that_were_known() {
    let setting = |which: &str| format!(r#""DsnReportSettings": {{"notifyUnauthenticated": "{which}"}},"#);
    check_told(Source::Authenticated, &setting("never"), [true; 4]);
    check_told(Source::DmarcPass, &setting("never"), [true; 4]);
    check_told(Source::Unauthenticated, &setting("never"), [false; 4]);
    check_told(Source::Unauthenticated, &setting("always"), [true; 4]);
    check_told(Source::Unauthenticated, "", [true, true, false, true]);
}

// proves: E23, 5.17 double bounce
#[test]
fn a_notification_that_fails_is_told_to_nobody_or_to_the_postmaster_once() {
    let failed = |to: &str| (recipient(1, to, Notify::NEVER), Happening::Failed(refused()));
    let of_nobody = envelope("");
    assert!(notify_with(&of_nobody, &[failed("a@example.org")]).is_none());
    let configuration = configured(r#""DsnReportSettings": {"doubleBounceToPostmaster": true},"#);
    let (accepted, content) = notify_by(&configuration, &of_nobody, &[failed("a@example.org")]).unwrap();
    assert_eq!(accepted.recipients()[0].forward_path.to_string(), "postmaster@test.example");
    assert_eq!(accepted.reverse_path(), &ReversePath::Null);
    assert!(content.contains("You get this because the settings say"), "{content}");
    // Were that one lost too, it ends there.
    assert!(notify_by(&configuration, &of_nobody, &[failed("Postmaster@test.example")]).is_none());
    let late = (recipient(1, "a@example.org", ALL), Happening::Delayed(progress(None)));
    assert!(notify_by(&configuration, &of_nobody, &[late]).is_none());
}

// proves: 5.17 RET ORCPT
#[test]
fn original_recipient_and_envelope_id_come_back_once() {
    let (_, content) = notify_with(&envelope("s@test.example"), &[late()]).unwrap();
    assert_eq!(content.matches("\r\nOriginal-Recipient: rfc822;list@test.example\r\n").count(), 1);
    assert_eq!(content.matches("\r\nOriginal-Envelope-Id: env7\r\n").count(), 1);
}

#[test]
fn addresses_in_utf8_make_a_global_notification() {
    let original = OriginalRecipient { kind: "utf-8".to_owned(), address: "größe@test.example".to_owned() };
    let told = Recipient { original: Some(original), ..recipient(1, "grün@example.org", ALL) };
    let mut asked = envelope("s@test.example");
    asked.parameters.smtputf8 = true;
    let (_, content) = notify_with(&asked, &[(told, Happening::Failed(refused()))]).unwrap();
    assert!(content.contains("report-type=global-delivery-status"), "{content}");
    let status = DeliveryStatus::find(content.as_bytes()).unwrap();
    assert_eq!(status.recipients[0].final_recipient.to_string(), "grün@example.org");
    assert!(content.contains("Content-Type: message/global-delivery-status\r\n"));
    assert!(content.contains("Final-Recipient: utf-8;gr=C3=BCn@example.org"), "{content}");
}
