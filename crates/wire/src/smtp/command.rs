//! What does a command line say? The parser of every SMTP and LMTP command.
//!
//! Nothing that it yields holds a control character, so that no value from an envelope can begin a line
//! in a header, a log or a report.

use mail::{Address, AddressError, ReversePath};

use super::answer::Answer;
use super::parameter;
pub use super::parameter::{DeliverBy, Hold, MailParameters, RcptParameters};
use super::path::{self, Path};

/// A command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command<'a> {
    /// `EHLO`, `HELO` or `LHLO` with the client's name.
    Hello(HelloVerb, &'a str),
    /// `MAIL FROM:`.
    Mail(Box<MailFrom>),
    /// `RCPT TO:`.
    Rcpt(Box<RcptTo>),
    /// `DATA`.
    Data,
    /// `BDAT` with the size of the chunk.
    Bdat {
        /// Bytes that follow.
        size: u64,
        /// Whether it is the last chunk.
        last: bool,
    },
    /// `RSET`.
    Rset,
    /// `NOOP`.
    Noop,
    /// `QUIT`.
    Quit,
    /// `VRFY` of an address or a name.
    Vrfy(&'a str),
    /// `EXPN` of an address or a name.
    Expn(&'a str),
    /// `HELP`.
    Help,
    /// `STARTTLS`.
    StartTls,
    /// `AUTH` with mechanism and initial response.
    Auth {
        /// The mechanism as given.
        mechanism: &'a str,
        /// The initial response, in base64, if given.
        initial: Option<&'a str>,
    },
    /// `ETRN`.
    Etrn,
    /// The first word of an HTTP request: a browser was led here (ALPACA).
    Http,
    /// A header of the PROXY protocol where none is expected: whoever wrote it means to be somebody else.
    Proxy,
}

/// With which verb a client said hello.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HelloVerb {
    /// `HELO`.
    Helo,
    /// `EHLO`.
    Ehlo,
    /// `LHLO` (RFC 2033).
    Lhlo,
}

/// What `MAIL FROM` said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailFrom {
    /// The reverse-path.
    pub reverse_path: ReversePath,
    /// What follows it.
    pub parameters: MailParameters,
}

/// What `RCPT TO` said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RcptTo {
    /// The forward-path.
    pub forward_path: ForwardPath,
    /// What follows it.
    pub parameters: RcptParameters,
    /// Whether the line may only be said in a transaction with SMTPUTF8 (RFC 6531 section 3.2).
    pub needs_smtputf8: bool,
}

/// A forward-path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ForwardPath {
    /// `<postmaster>`, which needs no domain (RFC 5321 section 4.5.1).
    Postmaster,
    /// An address.
    Address(Address),
}

const NOT_TEXT: Answer = Answer("500 5.5.2 Command lines are printable text in UTF-8");
const UNKNOWN: Answer = Answer("500 5.5.1 Command not recognized");
const NO_ARGUMENT: Answer = Answer("501 5.5.4 This command takes no argument");
const HELLO_SYNTAX: Answer = Answer("501 5.5.4 Syntax: EHLO name");
const MAIL_SYNTAX: Answer = Answer("501 5.5.4 Syntax: MAIL FROM:<address>");
const RCPT_SYNTAX: Answer = Answer("501 5.5.4 Syntax: RCPT TO:<address>");
const BDAT_SYNTAX: Answer = Answer("501 5.5.4 Syntax: BDAT size [LAST]");
const AUTH_SYNTAX: Answer = Answer("501 5.5.4 Syntax: AUTH mechanism [response]");
const ONE_ARGUMENT: Answer = Answer("501 5.5.4 An argument is missing");
const BAD_SENDER: Answer = Answer("501 5.1.7 The sender address is malformed");
const BAD_RECIPIENT: Answer = Answer("501 5.1.3 The recipient address is malformed");
const PATH_TOO_LONG: Answer = Answer("501 5.1.3 The address is too long");
const NULL_RECIPIENT: Answer = Answer("501 5.1.3 There is no recipient between the brackets");
/// RFC 6531 section 3.5.
pub(super) const NEEDS_SMTPUTF8: Answer = Answer("553 5.6.7 The address needs SMTPUTF8");

/// Bytes of a client's name at most.
const HELLO_NAME_BYTES_MAX: usize = 255;
/// Digits of a chunk's size at most.
const CHUNK_SIZE_DIGITS_MAX: usize = 20;

/// Reads a command line without its CRLF, or says what is to be answered to it.
pub fn parse(line: &[u8]) -> Result<Command<'_>, Answer> {
    let line = std::str::from_utf8(line).map_err(|_| NOT_TEXT)?;
    if line.chars().any(char::is_control) {
        return Err(NOT_TEXT);
    }
    let line = line.trim_end_matches(' ');
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    // An upper-case copy on the stack: no verb is longer.
    let mut upper = [0_u8; 8];
    let Some(upper) = upper.get_mut(..verb.len()) else { return Err(UNKNOWN) };
    upper.copy_from_slice(verb.as_bytes());
    upper.make_ascii_uppercase();
    match &*upper {
        b"MAIL" => parse_mail(rest),
        b"RCPT" => parse_rcpt(rest),
        b"DATA" => without_argument(rest, Command::Data),
        b"BDAT" => parse_bdat(rest),
        b"EHLO" => parse_hello(HelloVerb::Ehlo, rest),
        b"HELO" => parse_hello(HelloVerb::Helo, rest),
        b"LHLO" => parse_hello(HelloVerb::Lhlo, rest),
        b"RSET" => without_argument(rest, Command::Rset),
        b"QUIT" => without_argument(rest, Command::Quit),
        b"NOOP" => Ok(Command::Noop),
        b"HELP" => Ok(Command::Help),
        b"VRFY" => parse_lookup(rest).map(Command::Vrfy),
        b"EXPN" => parse_lookup(rest).map(Command::Expn),
        b"ETRN" => Ok(Command::Etrn),
        b"STARTTLS" => without_argument(rest, Command::StartTls),
        b"AUTH" => parse_auth(rest),
        b"GET" | b"POST" | b"PUT" | b"HEAD" | b"OPTIONS" | b"DELETE" | b"CONNECT" | b"PATCH" => {
            Ok(Command::Http)
        }
        b"PROXY" => Ok(Command::Proxy),
        _ => Err(UNKNOWN),
    }
}

fn without_argument<'a>(rest: &str, command: Command<'a>) -> Result<Command<'a>, Answer> {
    if rest.is_empty() { Ok(command) } else { Err(NO_ARGUMENT) }
}

/// RFC 6531 section 3.7.4.2: VRFY and EXPN say themselves whether their argument is in UTF-8.
fn parse_lookup(rest: &str) -> Result<&str, Answer> {
    let (argument, parameter) = rest.split_once(' ').unwrap_or((rest, ""));
    if argument.is_empty() {
        Err(ONE_ARGUMENT)
    } else if !argument.is_ascii() && !parameter.eq_ignore_ascii_case("SMTPUTF8") {
        Err(NEEDS_SMTPUTF8)
    } else {
        Ok(argument)
    }
}

/// A host name or an address literal is asked for; what clients say is taken if it could be written in a comment.
fn parse_hello(verb: HelloVerb, name: &str) -> Result<Command<'_>, Answer> {
    let harmless = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let fits = !name.is_empty() && name.len() <= HELLO_NAME_BYTES_MAX;
    if fits && name.chars().all(harmless) { Ok(Command::Hello(verb, name)) } else { Err(HELLO_SYNTAX) }
}

fn parse_mail(rest: &str) -> Result<Command<'static>, Answer> {
    let (path, parameters) = path_and_parameters(rest, "FROM:").ok_or(MAIL_SYNTAX)?;
    let reverse_path = match path::parse(path) {
        Ok(Path::Null) => ReversePath::Null,
        Ok(Path::Address(address)) => ReversePath::Address(address),
        Err(AddressError::TooLong | AddressError::LocalPartTooLong) => return Err(PATH_TOO_LONG),
        Ok(Path::Postmaster) | Err(_) => return Err(BAD_SENDER),
    };
    let parameters = parameter::parse_mail(parameters)?;
    if !rest.is_ascii() && !parameters.smtputf8 {
        return Err(NEEDS_SMTPUTF8);
    }
    Ok(Command::Mail(Box::new(MailFrom { reverse_path, parameters })))
}

fn parse_rcpt(rest: &str) -> Result<Command<'static>, Answer> {
    let (path, parameters) = path_and_parameters(rest, "TO:").ok_or(RCPT_SYNTAX)?;
    let forward_path = match path::parse(path) {
        Ok(Path::Null) => return Err(NULL_RECIPIENT),
        Ok(Path::Postmaster) => ForwardPath::Postmaster,
        Ok(Path::Address(address)) => ForwardPath::Address(address),
        Err(AddressError::TooLong | AddressError::LocalPartTooLong) => return Err(PATH_TOO_LONG),
        Err(_) => return Err(BAD_RECIPIENT),
    };
    let parameters = parameter::parse_rcpt(parameters)?;
    Ok(Command::Rcpt(Box::new(RcptTo { forward_path, parameters, needs_smtputf8: !rest.is_ascii() })))
}

/// RFC 5321 section 4.1.1.2 has no space after the colon, but many devices send one: it is taken as if it
/// were not there. Nothing else is forgiven.
fn path_and_parameters<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let given = rest.get(..keyword.len())?;
    let (path, parameters) = path::split(rest[keyword.len()..].trim_start_matches(' '))?;
    let apart = parameters.is_empty() || parameters.starts_with(' ');
    (given.eq_ignore_ascii_case(keyword) && apart).then_some((path, parameters))
}

/// RFC 3030 section 2. A size that does not fit is as large as can be said: the session then closes, since
/// nobody could say where the chunk ends.
fn parse_bdat(rest: &str) -> Result<Command<'static>, Answer> {
    let (size, mark) = rest.split_once(' ').unwrap_or((rest, ""));
    let digits = !size.is_empty() && size.bytes().all(|b| b.is_ascii_digit());
    let last = mark.eq_ignore_ascii_case("LAST");
    if !digits || size.len() > CHUNK_SIZE_DIGITS_MAX || !(last || mark.is_empty()) {
        return Err(BDAT_SYNTAX);
    }
    Ok(Command::Bdat { size: size.parse().unwrap_or(u64::MAX), last })
}

fn parse_auth(rest: &str) -> Result<Command<'_>, Answer> {
    let (mechanism, initial) = match rest.split_once(' ') {
        Some((mechanism, initial)) => (mechanism, Some(initial)),
        None => (rest, None),
    };
    if mechanism.is_empty() || initial.is_some_and(|initial| initial.contains(' ')) {
        return Err(AUTH_SYNTAX);
    }
    Ok(Command::Auth { mechanism, initial })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(line: &str, expected: Result<Command<'_>, &str>) {
        assert_eq!(parse(line.as_bytes()).map_err(|answer| answer.0), expected, "{line}");
    }

    #[track_caller]
    fn check_code(line: &[u8], code: &str) {
        let answer = parse(line).map_err(|answer| answer.0).expect_err(&String::from_utf8_lossy(line));
        assert!(answer.starts_with(code), "{}: {answer}", String::from_utf8_lossy(line));
    }

    #[track_caller]
    fn check_rcpt(path: &str, expected: &str) {
        let line = format!("RCPT TO:{path}");
        let got = match parse(line.as_bytes()) {
            Ok(Command::Rcpt(rcpt)) => match rcpt.forward_path {
                ForwardPath::Postmaster => "postmaster".to_owned(),
                ForwardPath::Address(address) => address.to_string(),
            },
            Ok(other) => format!("{other:?}"),
            Err(answer) => answer.0[..9].to_owned(),
        };
        assert_eq!(got, expected, "{path}");
    }

    #[test]
    fn verbs_in_any_case() {
        check("ehlo mx.example.org", Ok(Command::Hello(HelloVerb::Ehlo, "mx.example.org")));
        check("HELO [192.0.2.1]", Ok(Command::Hello(HelloVerb::Helo, "[192.0.2.1]")));
        check("LHLO x", Ok(Command::Hello(HelloVerb::Lhlo, "x")));
        check("data", Ok(Command::Data));
        check("Quit ", Ok(Command::Quit));
        check("RSET", Ok(Command::Rset));
        check("NOOP and so on", Ok(Command::Noop));
        check("HELP MAIL", Ok(Command::Help));
        check("VRFY anna", Ok(Command::Vrfy("anna")));
        check("EXPN list", Ok(Command::Expn("list")));
        check("ETRN example.org", Ok(Command::Etrn));
        check("STARTTLS", Ok(Command::StartTls));
        check("GET / HTTP/1.1", Ok(Command::Http));
        check("AUTH PLAIN", Ok(Command::Auth { mechanism: "PLAIN", initial: None }));
        check("AUTH PLAIN =", Ok(Command::Auth { mechanism: "PLAIN", initial: Some("=") }));
        check("BDAT 12", Ok(Command::Bdat { size: 12, last: false }));
        check("BDAT 0 last", Ok(Command::Bdat { size: 0, last: true }));
        check("BDAT 99999999999999999999", Ok(Command::Bdat { size: u64::MAX, last: false }));
    }

    #[test]
    fn malformed_lines_are_refused() {
        for line in ["", " ", "MAIL", "MAILFROM:<a@b>", "FOO", "AVERYLONGVERB", "m\u{e4}il"] {
            check_code(line.as_bytes(), "50");
        }
        for line in [
            "DATA x",
            "RSET x",
            "QUIT x",
            "STARTTLS x",
            "EHLO",
            "EHLO a b",
            "EHLO a(b",
            "EHLO <a>",
            "VRFY",
            "EXPN",
            "BDAT",
            "BDAT x",
            "BDAT -1",
            "BDAT +1",
            "BDAT 1 FIRST",
            "BDAT 1 LAST LAST",
            "BDAT 999999999999999999999",
            "AUTH",
            "AUTH PLAIN a b",
            "MAIL FROM",
            "MAIL FROM :<a@example.org>",
            "MAIL FROM:a@example.org",
            "MAIL FROM:<a@example.org",
            "MAIL FROM:<a@example.org>SIZE=1",
            "MAIL TO:<a@example.org>",
            "RCPT FROM:<a@example.org>",
            "RCPT TO :<a@example.org>",
        ] {
            check_code(line.as_bytes(), "501 5.5.4");
        }
        check_code(format!("EHLO {}", "a".repeat(256)).as_bytes(), "501 5.5.4");
    }

    #[test]
    fn a_space_after_the_colon_is_forgiven() {
        assert_eq!(parse(b"MAIL FROM: <a@example.org>"), parse(b"MAIL FROM:<a@example.org>"));
        assert!(parse(b"RCPT TO:  <a@example.org> NOTIFY=NEVER").is_ok());
    }

    // proves: H12
    #[test]
    fn control_characters_are_refused_everywhere() {
        for line in [
            &b"NOOP\0"[..],
            b"NOOP \t",
            b"EHLO a\rb",
            b"MAIL FROM:<a@b>\n",
            b"NOOP \x7f",
            b"NOOP \xff",
            b"NOOP \xc2\x85",
        ] {
            check_code(line, "500 5.5.2");
        }
    }

    #[test]
    fn forward_paths() {
        check_rcpt("<anna@Example.ORG>", "anna@example.org");
        check_rcpt("<Postmaster>", "postmaster");
        check_rcpt("<@a.example,@b.example:c@d.example>", "c@d.example");
        check_rcpt("<@[IPv6:2001:db8::1]:c@d.example>", "c@d.example");
        check_rcpt("<\"a\\\"b\"@x.example>", "\"a\\\"b\"@x.example");
        check_rcpt("<\">\"@x.example>", "\">\"@x.example");
        check_rcpt("<\"@\"@x.example>", "\"@\"@x.example");
        check_rcpt("<user%other@relay.example>", "user%other@relay.example");
        check_rcpt("<a!b@relay.example>", "a!b@relay.example");
        check_rcpt("<a@[192.0.2.1]>", "a@[192.0.2.1]");
        check_rcpt("<>", "501 5.1.3");
        check_rcpt("<anna>", "501 5.1.3");
        check_rcpt("<@a.example>", "501 5.1.3");
        check_rcpt("<@a.example:>", "501 5.1.3");
        check_rcpt("<@a.example,b.example:c@d.example>", "501 5.1.3");
        check_rcpt("<@:c@d.example>", "501 5.1.3");
        check_rcpt("<a b@x.example>", "501 5.1.3");
        check_rcpt("<a(comment)@x.example>", "501 5.1.3");
        check_rcpt("<a@x.example@y.example>", "501 5.1.3");
        check_rcpt("<<a@x.example>>", "501 5.5.4");
        check_rcpt(&format!("<{}@x.example>", "a".repeat(64)), &format!("{}@x.example", "a".repeat(64)));
        check_rcpt(&format!("<{}@x.example>", "a".repeat(65)), "501 5.1.3");
        check_rcpt(&format!("<a@{}>", "b.".repeat(300)), "501 5.1.3");
    }

    #[test]
    fn the_null_reverse_path_is_one() {
        let Ok(Command::Mail(mail)) = parse(b"MAIL FROM:<>") else { panic!("it is one") };
        assert_eq!(mail.reverse_path, ReversePath::Null);
        check_code(b"MAIL FROM:<postmaster>", "501 5.1.7");
        check_code(b"MAIL FROM:<a>", "501 5.1.7");
        check_code(b"MAIL FROM:< >", "501 5.1.7");
    }

    #[test]
    fn utf8_must_be_announced() {
        check_code("MAIL FROM:<jos\u{e9}@example.org>".as_bytes(), "553 5.6.7");
        check_code("MAIL FROM:<a@b\u{fc}cher.example>".as_bytes(), "553 5.6.7");
        check_code("VRFY jos\u{e9}".as_bytes(), "553 5.6.7");
        assert!(parse("MAIL FROM:<jos\u{e9}@example.org> SMTPUTF8".as_bytes()).is_ok());
        let Ok(Command::Rcpt(rcpt)) = parse("RCPT TO:<jos\u{e9}@example.org>".as_bytes()) else {
            panic!("parses")
        };
        assert!(rcpt.needs_smtputf8);
    }

    proptest! {
        // proves: H12
        #[test]
        fn never_panics_and_yields_no_control_character(
            start in prop::sample::select(vec!["MAIL FROM:<", "RCPT TO:<", "EHLO ", "AUTH ", "BDAT ", ""]),
            rest in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let line = [start.as_bytes(), &rest].concat();
            if let Ok(command) = parse(&line) {
                let shown = format!("{command:?}");
                prop_assert!(!shown.contains("\\r") && !shown.contains("\\n") && !shown.contains("\\0"));
            }
        }
    }
}
