//! Stories of sessions.

mod model;

use super::*;
use mail::EnhancedStatus;
use memchr::memmem;

/// A caller that takes everybody but `nobody@…`, everything but what says `unwanted`, and one password.
struct Caller {
    session: ServerSession<Vec<u8>>,
    extensions: Extensions,
    held: Vec<u8>,
    taken: Vec<(Vec<u8>, ContentTraits)>,
    closed: bool,
}

fn profile() -> ServerProfile {
    ServerProfile {
        protocol: Protocol::Smtp,
        hostname: "mx.example.org".to_owned(),
        starttls: true,
        require_tls: false,
        require_auth: false,
        limits: SessionLimits { message_bytes_max: 1000, ..SessionLimits::default() },
    }
}

fn refusal(code: u16) -> Reply {
    let class = if code >= 500 { 5 } else { 4 };
    Reply::new(code, Some(EnhancedStatus::new(class, 7, 1)), "no")
}

impl Caller {
    fn new(profile: ServerProfile) -> Self {
        let session = ServerSession::new(Arc::new(profile), AuthOffer::Always);
        let extensions = Extensions::default();
        Caller { session, extensions, held: Vec::new(), taken: Vec::new(), closed: false }
    }

    /// Hands in bytes; returns the replies to them.
    fn say(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        while !self.closed {
            let (used, step) = self.session.step(&self.held);
            match step {
                Step::NeedInput => {
                    self.held.drain(..used);
                    break;
                }
                Step::Mail(_) => self.session.accept_mail(Vec::new()),
                Step::Recipient(rcpt) if format!("{rcpt:?}").contains("nobody") => {
                    self.session.refuse(&refusal(550));
                }
                Step::Recipient(_) => self.session.accept_recipient(),
                Step::ContentBegins => self.session.accept_content(),
                Step::Content(bytes) => {
                    let bytes = bytes.to_vec();
                    self.session.transaction().expect("content has one").extend(bytes);
                }
                Step::ContentEnds(finished) => {
                    if memmem::find(&finished.transaction, b"unwanted").is_some() {
                        self.session.finish(&refusal(451));
                    } else {
                        assert_eq!(finished.size, finished.transaction.len() as u64);
                        self.taken.push((finished.transaction, finished.traits));
                        self.session.finish(&Reply::new(250, None, "taken"));
                    }
                }
                Step::Hello => self.session.accept_hello(self.extensions.clone()),
                Step::Lookup(_) => self.session.answer_lookup(&Reply::new(250, None, "anna")),
                Step::StartTls => self.session.tls_established(),
                Step::Authenticate(Ask::Password(credentials)) if credentials.password == "secret" => {
                    let extensions = Extensions {
                        deliver_by: true,
                        mt_priority: Some("MIXER"),
                        future_release: Some("60 2026-11-24T09:00:00Z".to_owned()),
                        ..self.extensions.clone()
                    };
                    self.extensions = extensions.clone();
                    self.session.authenticated(credentials.username, extensions);
                }
                Step::Authenticate(_) => self.session.refuse_authentication(&refusal(535)),
                Step::Close => self.closed = true,
            }
            self.held.drain(..used);
        }
        String::from_utf8(std::mem::take(self.session.output())).unwrap()
    }

    /// Hands in lines; returns the code of the last reply line.
    fn code(&mut self, bytes: &[u8]) -> u16 {
        let replies = self.say(bytes);
        replies.lines().last().map_or(0, |line| line[..3].parse().unwrap())
    }
}

/// Lines that begin with `C` are said, what is answered must begin as the lines with `S` do, in order.
#[track_caller]
fn check_with(profile: ServerProfile, dialogue: &[&str]) -> Caller {
    let mut caller = Caller::new(profile);
    let mut replies = String::new();
    for line in dialogue {
        if let Some(said) = line.strip_prefix("C ") {
            assert_eq!(replies, "", "left over before {line}");
            replies = caller.say(said.as_bytes());
        } else if *line == "CLOSED" {
            assert!(caller.closed);
        } else {
            let expected = line.strip_prefix("S ").unwrap();
            let (first, rest) =
                replies.split_once("\r\n").unwrap_or_else(|| panic!("no reply, but {expected}"));
            assert!(first.starts_with(expected), "{first} instead of {expected}");
            replies = rest.to_owned();
        }
    }
    assert_eq!(replies, "", "left over at the end");
    caller
}

#[track_caller]
fn check(dialogue: &[&str]) -> Caller {
    check_with(profile(), &[&["C HELO a\r\n", "S 250 mx"], dialogue].concat())
}

const MAIL: &str = "C MAIL FROM:<a@example.org>\r\n";
const RCPT: &str = "C RCPT TO:<b@example.org>\r\n";
const BEGUN: [&str; 4] = [MAIL, "S 250 2.1.0", RCPT, "S 250 2.1.5"];

#[track_caller]
fn check_begun(dialogue: &[&str]) -> Caller {
    check(&[&BEGUN[..], dialogue].concat())
}

#[test]
fn a_message_in_a_pipeline() {
    let caller = check(&[
        "C MAIL FROM:<a@example.org> SIZE=5\r\nRCPT TO:<b@example.org>\r\nRCPT TO:<nobody@example.org>\r\nDATA\r\n",
        "S 250 2.1.0",
        "S 250 2.1.5",
        "S 550 5.7.1",
        "S 354",
        "C a: b\r\n\r\n..c\r\n.\r\nQUIT\r\n",
        "S 250 taken",
        "S 221 2.0.0",
        "CLOSED",
    ]);
    assert_eq!(caller.taken, [(b"a: b\r\n\r\n.c\r\n".to_vec(), ContentTraits::default())]);
}

#[test]
fn ehlo_says_what_is_offered() {
    let mut caller = Caller::new(profile());
    let replies = caller.say(b"EHLO a\r\n");
    for offer in [
        "PIPELINING",
        "SIZE 1000",
        "8BITMIME",
        "SMTPUTF8",
        "CHUNKING",
        "BINARYMIME",
        "DSN",
        "ENHANCEDSTATUSCODES",
        "STARTTLS",
        "AUTH PLAIN LOGIN",
    ] {
        assert!(replies.contains(offer), "{offer}");
    }
    assert!(!replies.contains("REQUIRETLS"));
    caller.say(b"STARTTLS\r\n");
    let replies = caller.say(b"EHLO a\r\n");
    assert!(replies.contains("REQUIRETLS") && !replies.contains("STARTTLS"));
    caller.say(b"AUTH PLAIN AGFubmEAc2VjcmV0\r\n");
    let replies = caller.say(b"EHLO a\r\n");
    assert!(replies.contains("DELIVERBY") && !replies.contains("AUTH"));
    assert!(replies.contains("FUTURERELEASE 60 2026-11-24T09:00:00Z"));
}

#[test]
fn lmtp_answers_for_each_recipient() {
    let lmtp = ServerProfile { protocol: Protocol::Lmtp, ..profile() };
    let begun = [
        &["C LHLO a\r\n"][..],
        &["S 250-"; 10],
        &["S 250 SIZE"],
        &BEGUN,
        &[RCPT, "S 250", "C DATA\r\n", "S 354"],
    ]
    .concat();
    check_with(lmtp.clone(), &[&begun[..], &["C x\r\n.\r\n", "S 250 taken", "S 250 taken"]].concat());
    check_with(lmtp.clone(), &[&begun[..], &["C \0\r\n.\r\n", "S 550 5.6.0", "S 550 5.6.0"]].concat());
    check_with(lmtp, &["C EHLO a\r\n", "S 500 5.5.1", "C HELO a\r\n", "S 500 5.5.1"]);
    check_with(profile(), &["C LHLO a\r\n", "S 500 5.5.1"]);
}

#[test]
fn a_bare_line_end_refuses_the_message_at_its_true_end_and_closes() {
    for content in ["x\n.\nMAIL FROM:<c@d>\r\n", "x\n.\r\ny\r\n", "x\r.\r\ny\r\n", "x\r\n.\ny\r\n"] {
        let said = format!("C {content}.\r\nNOOP\r\n");
        let caller = check_begun(&["C DATA\r\n", "S 354", &said, "S 550 5.6.11", "CLOSED"]);
        assert!(caller.taken.is_empty());
    }
}

#[test]
fn the_line_ends_of_a_user_are_mended_where_the_listener_says_so() {
    let limits = SessionLimits { bare_line_end: BareLineEnd::MendForUsers, ..SessionLimits::default() };
    let with = |dialogue: &[&str]| {
        check_with(
            ServerProfile { limits: limits.clone(), ..profile() },
            &[&["C HELO a\r\n", "S 250 mx"], dialogue].concat(),
        )
    };
    let data = ["C DATA\r\n", "S 354", "C x\n.\ny\rz\r\n.\r\n"];
    let stranger = with(&[&BEGUN[..], &data, &["S 550 5.6.11", "CLOSED"]].concat());
    assert!(stranger.taken.is_empty());
    let auth = ["C AUTH PLAIN AGFubmEAc2VjcmV0\r\n", "S 235"];
    let user = with(&[&auth[..], &BEGUN, &data, &["S 250 taken"]].concat());
    // The caller mends; what it is told is true of the mended bytes.
    assert_eq!(user.taken[0].0, b"x\n.\ny\rz\r\n");
    assert!(!user.taken[0].1.binary);
    assert!(!user.session.mends_line_ends());
}

#[test]
fn content_that_must_not_pass_is_refused_and_the_session_goes_on() {
    let noop = ["C NOOP\r\n", "S 250 2.0.0", "C DATA\r\n", "S 503 5.5.1"];
    let refused = |content: &str, code: &str| {
        let said = format!("C {content}\r\n.\r\n");
        let expected = format!("S {code}");
        check_begun(&[&["C DATA\r\n", "S 354", &said, &expected][..], &noop].concat());
    };
    refused("a\0b", "550 5.6.0");
    refused(&"x".repeat(1001), "552 5.3.4");
    refused(&"Received: x\r\n".repeat(51), "554 5.4.6");
    refused("unwanted", "451 4.7.1");
    let big = ServerProfile { limits: SessionLimits::default(), ..profile() };
    let line = format!("C {}\r\n.\r\n", "x".repeat(65 * 1024));
    check_with(
        big,
        &[&["C HELO a\r\n", "S 250"][..], &BEGUN, &["C DATA\r\n", "S 354", &line, "S 500 5.6.0"]].concat(),
    );
}

// proves: H17, H30
#[test]
fn the_size_may_be_exactly_the_limit() {
    let said = format!("C {}\r\n.\r\n", "x".repeat(998));
    check_begun(&["C DATA\r\n", "S 354", &said, "S 250 taken"]);
    check(&["C MAIL FROM:<> SIZE=1001\r\n", "S 552 5.3.4", "C MAIL FROM:<> SIZE=1000\r\n", "S 250"]);
    check(&["C MAIL FROM:<> SIZE=99999999999999999999\r\n", "S 552 5.3.4"]);
}

#[test]
fn chunks() {
    let caller = check_begun(&["C BDAT 3\r\na\r\nBDAT 2 LAST\r\n..", "S 250 2.0.0 3", "S 250 taken"]);
    assert_eq!(caller.taken[0].0, b"a\r\n..");
    check_begun(&["C BDAT 0\r\n", "S 250 2.0.0 0", "C BDAT 0 LAST\r\n", "S 250 taken"]);
    check_begun(&["C BDAT 0 LAST\r\n", "S 250 taken", "C BDAT 0 LAST\r\n", "S 503 5.5.1"]);
    check_begun(&["C BDAT 1 LAST\r\nxBDAT 1 LAST\r\nx", "S 250 taken", "S 503 5.5.1"]);
    check_begun(&["C BDAT -1\r\n", "S 501 5.5.4", "C BDAT 1 LAST\r\nx", "S 250 taken"]);
    check_begun(&["C BDAT 9223372036854775808\r\n", "S 552 5.3.4", "CLOSED"]);
    check_begun(&["C BDAT 99999999999999999999\r\n", "S 552 5.3.4", "CLOSED"]);
    check_begun(&[
        "C BDAT 1\r\nx",
        "S 250",
        "C DATA\r\n",
        "S 503 5.5.1",
        "C BDAT 1 LAST\r\nx",
        "S 503 5.5.1",
    ]);
    check_begun(&[
        "C BDAT 1\r\nx",
        "S 250",
        RCPT,
        "S 503",
        MAIL,
        "S 503",
        "C BDAT 1 LAST\r\nx",
        "S 250 taken",
    ]);
    check_begun(&["C BDAT 1\r\nx", "S 250", "C RSET\r\n", "S 250", "C BDAT 1 LAST\r\nx", "S 503 5.5.1"]);
    check(&["C BDAT 6\r\nRSET\r\nNOOP\r\n", "S 503 5.5.1", "S 250 2.0.0"]);
    let too_big = format!("C BDAT 1001\r\n{}", "x".repeat(1001));
    check_begun(&[&too_big, "S 552 5.3.4", "C BDAT 0 LAST\r\n", "S 503 5.5.1"]);
}

#[test]
fn chunks_are_binary_only_where_said() {
    check_begun(&["C BDAT 1 LAST\r\n\n", "S 550 5.6.11", "CLOSED"]);
    check_begun(&["C BDAT 1\r\n\r", "S 250", "C BDAT 1 LAST\r\n\n", "S 250 taken"]);
    check_begun(&["C BDAT 1 LAST\r\n\r", "S 550 5.6.11", "CLOSED"]);
    let binary = ["C MAIL FROM:<> BODY=BINARYMIME\r\n", "S 250", RCPT, "S 250"];
    let caller = check(&[&binary[..], &["C BDAT 3 LAST\r\n\n\0\r", "S 250 taken"]].concat());
    assert!(caller.taken[0].1.binary);
    check(&[&binary[..], &["C DATA\r\n", "S 503 5.5.1"]].concat());
}

// proves: H16
#[test]
fn chunks_are_counted() {
    let limits = SessionLimits { chunks_max: 10, ..profile().limits };
    let mut caller = Caller::new(ServerProfile { limits, ..profile() });
    caller.say(b"HELO a\r\n");
    caller.say(b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\n");
    let codes: Vec<u16> = (0..12).map(|_| caller.code(b"BDAT 1\r\nx")).collect();
    assert_eq!(codes, [&[250; 10][..], &[552, 503]].concat());
}

// proves: F1
#[test]
fn nothing_may_follow_starttls() {
    check(&["C STARTTLS\r\nMAIL FROM:<a@example.org>\r\n", "S 501 5.5.1", "CLOSED"]);
    check(&["C STARTTLS\r\n", "S 220", MAIL, "S 503 5.5.1", "C STARTTLS\r\n", "S 503 5.5.1"]);
    check_begun(&["C STARTTLS\r\n", "S 503 5.5.1"]);
    check_with(ServerProfile { starttls: false, ..profile() }, &["C STARTTLS\r\n", "S 502 5.5.1"]);
}

#[test]
fn authentication() {
    let good = "C AUTH PLAIN AGFubmEAc2VjcmV0\r\n";
    check(&[good, "S 235 2.7.0", good, "S 503 5.5.1"]);
    check(&["C AUTH PLAIN\r\n", "S 334 ", "C AGFubmEAc2VjcmV0\r\n", "S 235"]);
    check(&[
        "C AUTH PLAIN =\r\n",
        "S 501",
        "C AUTH PLAIN\r\n",
        "S 334",
        "C *\r\n",
        "S 501 5.7.0",
        good,
        "S 235",
    ]);
    check(&[
        "C auth login\r\n",
        "S 334 VXNlcm5hbWU6",
        "C YW5uYQ==\r\n",
        "S 334 UGFzc3dvcmQ6",
        "C c2VjcmV0\r\n",
        "S 235",
    ]);
    check(&["C AUTH LOGIN YW5uYQ==\r\n", "S 334 UGFzc3dvcmQ6", "C *\r\n", "S 501"]);
    check(&["C AUTH PLAIN !!\r\n", "S 501 5.5.2", "C AUTH GSSAPI\r\n", "S 504 5.5.4"]);
    check_begun(&[good, "S 503 5.5.1"]);
    let bad = "C AUTH PLAIN AGFubmEAd3Jvbmc=\r\n";
    check(&[bad, "S 535", bad, "S 535", bad, "S 535", "S 421 4.7.0", "CLOSED"]);
    check_with(profile(), &[good, "S 503 5.5.1"]);
    let long = format!("C AUTH PLAIN {}\r\n", "A".repeat(8000));
    check(&[&long, "S 501"]);
}

#[test]
fn authentication_waits_for_tls() {
    let mut session: ServerSession<()> = ServerSession::new(Arc::new(profile()), AuthOffer::OverTls);
    session.step(b"EHLO a\r\n");
    session.accept_hello(Extensions::default());
    assert!(!session.output().windows(4).any(|four| four == b"AUTH"));
    session.output().clear();
    session.step(b"AUTH PLAIN AGFubmEAc2VjcmV0\r\n");
    assert!(session.output().starts_with(b"538 5.7.11"));
}

#[test]
fn mail_may_need_tls_or_authentication() {
    let need = |require_tls, require_auth| ServerProfile { require_tls, require_auth, ..profile() };
    check_with(need(true, false), &["C HELO a\r\n", "S 250", MAIL, "S 530 5.7.0"]);
    check_with(need(false, true), &["C HELO a\r\n", "S 250", MAIL, "S 530 5.7.0"]);
}

#[test]
fn parameters_are_taken_only_where_offered() {
    for parameter in ["MT-PRIORITY=1", "BY=60;N", "HOLDFOR=60", "REQUIRETLS", "XFOO"] {
        check(&[&format!("C MAIL FROM:<a@example.org> {parameter}\r\n"), "S 555 5.5.4"]);
    }
    let authenticated = ["C AUTH PLAIN AGFubmEAc2VjcmV0\r\n", "S 235"];
    check(&[&authenticated[..], &["C MAIL FROM:<> MT-PRIORITY=1 BY=60;N HOLDFOR=9\r\n", "S 250"]].concat());
}

// proves: H11
#[test]
fn utf8_must_be_announced_in_mail() {
    check(&[MAIL, "S 250", "C RCPT TO:<jos\u{e9}@example.org>\r\n", "S 553 5.6.7"]);
    check(&["C MAIL FROM:<> SMTPUTF8\r\n", "S 250", "C RCPT TO:<jos\u{e9}@example.org>\r\n", "S 250"]);
}

// proves: H14
#[test]
fn who_talks_too_early_is_heard_no_more() {
    check_with(profile(), &["C EHLO a\r\nMAIL FROM:<a@example.org>\r\n", "S 554 5.5.0", "CLOSED"]);
    check_begun(&["C DATA\r\nMAIL FROM:<evil@example.org>\r\n", "S 554 5.5.0", "CLOSED"]);
    check(&["C DATA\r\nMAIL FROM:<evil@example.org>\r\n", "S 554 5.5.0", "CLOSED"]);
    check_with(profile(), &["C GET / HTTP/1.1\r\nHost: x\r\n", "S 554 5.5.0", "CLOSED"]);
}

#[test]
fn what_a_session_may_ask_is_bounded() {
    let mut caller = Caller::new(profile());
    let errors = (0..30).map(|_| caller.code(b"FOO\r\n")).collect::<Vec<_>>();
    assert_eq!(errors, [&[500; 19][..], &[421], &[0; 10]].concat());

    let mut caller = Caller::new(profile());
    assert_eq!((0..200).filter(|_| caller.code(b"NOOP\r\n") == 250).count(), 100);
    assert!(caller.closed);

    let mut caller = Caller::new(profile());
    assert_eq!([0; 4].map(|_| caller.code(b"\0\r\n")), [500, 500, 421, 0]);

    let limits = SessionLimits { messages_max: 1, recipients_max: 2, ..profile().limits };
    let mut caller = Caller::new(ServerProfile { limits, ..profile() });
    caller.say(b"HELO a\r\n");
    caller.say(b"MAIL FROM:<>\r\n");
    assert_eq!([0; 4].map(|_| caller.code(b"RCPT TO:<b@example.org>\r\n")), [250, 250, 452, 452]);
    caller.say(b"DATA\r\n");
    assert_eq!(caller.code(b"x\r\n.\r\n"), 250);
    assert_eq!(caller.code(b"MAIL FROM:<>\r\n"), 421);
    assert!(caller.closed);
}

#[test]
fn endless_lines_are_passed_over_and_floods_closed() {
    let long = format!("C NOOP {}\r\n", "x".repeat(3000));
    check(&[&long, "S 500 5.5.6", "C NOOP\r\n", "S 250"]);
    let flood = format!("C {}", "x".repeat(70_000));
    check(&[&flood, "S 500 5.5.6", "S 421 4.7.0", "CLOSED"]);
    check(&["C NOOP\nRSET\r\n", "S 500 5.5.2", "C NOOP\r\n", "S 250"]);
}

#[test]
fn a_refused_store_ends_the_transaction() {
    let mut session: ServerSession<Vec<u8>> = ServerSession::new(Arc::new(profile()), AuthOffer::Never);
    session.step(b"HELO a\r\n");
    session.accept_hello(Extensions::default());
    for (content, then) in [(&b"DATA\r\n"[..], &b""[..]), (b"BDAT 5 LAST\r\n", b"RSET\r")] {
        assert!(matches!(session.step(b"MAIL FROM:<>\r\n").1, Step::Mail(_)));
        session.accept_mail(Vec::new());
        assert!(matches!(session.step(b"RCPT TO:<a@b>\r\n").1, Step::Recipient(_)));
        session.accept_recipient();
        session.output().clear();
        assert!(matches!(session.step(content).1, Step::ContentBegins));
        session.refuse(&refusal(452));
        assert!(matches!(session.step(then).1, Step::NeedInput));
        assert_eq!(session.output(), b"452 4.7.1 no\r\n");
        assert!(session.transaction().is_none() && session.is_idle());
    }
}

// proves: H28
#[test]
fn what_is_not_offered_is_not_taken() {
    let mut caller = Caller::new(profile());
    caller.extensions = Extensions {
        pipelining: false,
        chunking: false,
        require_tls: false,
        dsn: false,
        no_soliciting: Some("org.example:ADV,net.example:X".to_owned()),
        ..Extensions::default()
    };
    let replies = caller.say(b"EHLO client.example\r\n");
    assert!(replies.contains("NO-SOLICITING org.example:ADV,net.example:X"), "{replies}");
    for keyword in ["PIPELINING", "CHUNKING", "BINARYMIME", "DSN", "VRFY", "EXPN", "DELIVERBY", "MT-PRIORITY"]
    {
        assert!(!replies.contains(keyword), "{replies}");
    }
    for parameter in
        ["RET=FULL", "ENVID=a", "BODY=BINARYMIME", "BY=1;R", "HOLDFOR=1", "MT-PRIORITY=0", "REQUIRETLS"]
    {
        assert_eq!(caller.code(format!("MAIL FROM:<> {parameter}\r\n").as_bytes()), 555, "{parameter}");
    }
    assert_eq!(caller.code(b"MAIL FROM:<> SOLICIT=a.b:C,net.example:x\r\n"), 550);
    assert_eq!(caller.code(b"MAIL FROM:<> BODY=8BITMIME SOLICIT=a.b:C\r\n"), 250);
    assert_eq!(caller.code(b"RCPT TO:<b@example.org> NOTIFY=NEVER\r\n"), 555);
    assert_eq!(caller.code(b"RCPT TO:<b@example.org> ORCPT=rfc822;b\r\n"), 555);
    assert_eq!(caller.code(b"RCPT TO:<b@example.org>\r\n"), 250);
    assert_eq!(caller.code(b"BDAT 4 LAST\r\na: b"), 503);
    assert_eq!(caller.code(b"NOOP\r\n"), 250, "the chunk was not taken for commands");
}

// proves: H26
#[test]
fn vrfy_says_something_only_to_whom_it_is_offered() {
    let mut caller = Caller::new(profile());
    caller.say(b"EHLO client.example\r\n");
    assert_eq!(caller.code(b"VRFY anna\r\n"), 252);
    assert_eq!(caller.code(b"EXPN list\r\n"), 502);
    caller.extensions = Extensions { vrfy: true, expn: true, ..Extensions::default() };
    caller.say(b"EHLO client.example\r\n");
    assert_eq!(caller.code(b"VRFY anna\r\n"), 250);
    assert_eq!(caller.code(b"EXPN list\r\n"), 250);
}
