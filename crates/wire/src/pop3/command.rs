//! What does a POP3 client ask for? RFC 1939, RFC 2449, RFC 2595, RFC 5034, RFC 6856.

use std::fmt;

use thiserror::Error;

/// A command.
#[derive(Clone, PartialEq, Eq)]
pub enum Command<'i> {
    /// The name that a password follows for.
    User(&'i str),
    /// A password; spaces belong to it (RFC 1939 section 7).
    Pass(&'i str),
    /// A login by SASL (RFC 5034 section 4).
    Auth {
        /// The mechanism, in upper case; none asks which there are.
        mechanism: Option<String>,
        /// The initial response, in base64; `=` is an empty one.
        initial: Option<&'i str>,
    },
    /// TLS from here on (RFC 2595 section 4).
    Stls,
    /// What we can (RFC 2449 section 5).
    Capa,
    /// How many messages there are, and how large they are together.
    Stat,
    /// How large a message is, or each.
    List(Option<u32>),
    /// The unique id of a message, or of each.
    Uidl(Option<u32>),
    /// A message.
    Retr(u32),
    /// The header of a message and so many lines of its body.
    Top(u32, u32),
    /// Marks a message, to be deleted at the end.
    Dele(u32),
    /// Takes all marks back.
    Rset,
    /// Nothing.
    Noop,
    /// The end.
    Quit,
    /// Names and fields may be UTF-8 from here on (RFC 6856 section 2).
    Utf8,
    /// The language of what we say, or which there are (RFC 6856 section 3).
    Lang(Option<&'i str>),
    /// A request of another protocol: whoever sends it was led here by somebody else (ALPACA).
    Foreign,
}

/// A password is not shown.
impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::User(name) => write!(f, "User({name:?})"),
            Command::Pass(_) => f.write_str("Pass(****)"),
            Command::Auth { mechanism, .. } => write!(f, "Auth({mechanism:?}, ****)"),
            Command::Stls => f.write_str("Stls"),
            Command::Capa => f.write_str("Capa"),
            Command::Stat => f.write_str("Stat"),
            Command::List(nth) => write!(f, "List({nth:?})"),
            Command::Uidl(nth) => write!(f, "Uidl({nth:?})"),
            Command::Retr(nth) => write!(f, "Retr({nth})"),
            Command::Top(nth, lines) => write!(f, "Top({nth}, {lines})"),
            Command::Dele(nth) => write!(f, "Dele({nth})"),
            Command::Rset => f.write_str("Rset"),
            Command::Noop => f.write_str("Noop"),
            Command::Quit => f.write_str("Quit"),
            Command::Utf8 => f.write_str("Utf8"),
            Command::Lang(tag) => write!(f, "Lang({tag:?})"),
            Command::Foreign => f.write_str("Foreign"),
        }
    }
}

/// Why a line is no command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum CommandError {
    /// There is no such command.
    #[error("unknown command")]
    Unknown,
    /// It has what it must not have, or lacks what it needs.
    #[error("wrong arguments")]
    Arguments,
    /// It is not UTF-8, or has a NUL.
    #[error("not a text")]
    Text,
}

/// Verbs that begin a request of HTTP or a greeting of SMTP.
const FOREIGN: [&str; 9] = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "EHLO", "HELO", "LHLO"];

/// Reads a line without its end.
pub fn parse(line: &[u8]) -> Result<Command<'_>, CommandError> {
    let text = std::str::from_utf8(line).map_err(|_| CommandError::Text)?;
    if text.contains('\0') {
        return Err(CommandError::Text);
    }
    let (verb, rest) = match text.split_once(' ') {
        Some((verb, rest)) => (verb, Some(rest)),
        None => (text, None),
    };
    // What follows is a secret or one word; white space at the end of others is nobody's.
    let word = rest.map(str::trim).filter(|word| !word.is_empty());
    let verb = verb.to_ascii_uppercase();
    match (verb.as_str(), word) {
        ("USER", Some(name)) => Ok(Command::User(name)),
        ("PASS", _) => {
            rest.filter(|secret| !secret.is_empty()).map(Command::Pass).ok_or(CommandError::Arguments)
        }
        ("AUTH", word) => auth(word),
        ("LIST", word) => Ok(Command::List(word.map(number).transpose()?)),
        ("UIDL", word) => Ok(Command::Uidl(word.map(number).transpose()?)),
        ("RETR", Some(word)) => Ok(Command::Retr(number(word)?)),
        ("DELE", Some(word)) => Ok(Command::Dele(number(word)?)),
        ("TOP", Some(words)) => {
            let (nth, lines) = words.split_once(' ').ok_or(CommandError::Arguments)?;
            Ok(Command::Top(number(nth)?, number(lines.trim())?))
        }
        ("LANG", word) => Ok(Command::Lang(word)),
        ("STLS", None) => Ok(Command::Stls),
        ("CAPA", None) => Ok(Command::Capa),
        ("STAT", None) => Ok(Command::Stat),
        ("RSET", None) => Ok(Command::Rset),
        ("NOOP", None) => Ok(Command::Noop),
        ("QUIT", None) => Ok(Command::Quit),
        ("UTF8", None) => Ok(Command::Utf8),
        (
            "USER" | "RETR" | "DELE" | "TOP" | "STLS" | "CAPA" | "STAT" | "RSET" | "NOOP" | "QUIT" | "UTF8",
            _,
        ) => Err(CommandError::Arguments),
        (verb, _) if FOREIGN.contains(&verb) => Ok(Command::Foreign),
        _ => Err(CommandError::Unknown),
    }
}

fn auth(words: Option<&str>) -> Result<Command<'_>, CommandError> {
    let Some(words) = words else { return Ok(Command::Auth { mechanism: None, initial: None }) };
    let (mechanism, initial) = match words.split_once(' ') {
        Some((mechanism, initial)) => (mechanism, Some(initial.trim())),
        None => (words, None),
    };
    if initial.is_some_and(|initial| initial.is_empty() || initial.contains(' ')) {
        return Err(CommandError::Arguments);
    }
    Ok(Command::Auth { mechanism: Some(mechanism.to_ascii_uppercase()), initial })
}

/// Digits and nothing else; one that is greater than any is the greatest.
fn number(word: &str) -> Result<u32, CommandError> {
    if word.is_empty() || !word.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(CommandError::Arguments);
    }
    Ok(word.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(line: &str, expected: Result<Command<'_>, CommandError>) {
        assert_eq!(parse(line.as_bytes()), expected, "{line:?}");
    }

    #[test]
    fn commands_are_read_without_regard_to_case() {
        check("USER anna@example.org", Ok(Command::User("anna@example.org")));
        check("user anna ", Ok(Command::User("anna")));
        check("list", Ok(Command::List(None)));
        check("LIST ", Ok(Command::List(None)));
        check("LiSt 3", Ok(Command::List(Some(3))));
        check("UIDL 3", Ok(Command::Uidl(Some(3))));
        check("RETR 1", Ok(Command::Retr(1)));
        check("TOP 1 0", Ok(Command::Top(1, 0)));
        check("TOP 1  10", Ok(Command::Top(1, 10)));
        check("DELE 99999999999", Ok(Command::Dele(u32::MAX)));
        check("QUIT", Ok(Command::Quit));
        check("LANG *", Ok(Command::Lang(Some("*"))));
        check("Auth", Ok(Command::Auth { mechanism: None, initial: None }));
        check("AUTH plain", Ok(Command::Auth { mechanism: Some("PLAIN".to_owned()), initial: None }));
        check("AUTH PLAIN =", Ok(Command::Auth { mechanism: Some("PLAIN".to_owned()), initial: Some("=") }));
    }

    #[test]
    fn a_password_has_spaces() {
        check("PASS a b", Ok(Command::Pass("a b")));
        check("PASS  a ", Ok(Command::Pass(" a ")));
        check("PASS", Err(CommandError::Arguments));
        check("PASS ", Err(CommandError::Arguments));
    }

    #[test]
    fn what_is_no_command_says_why() {
        check("", Err(CommandError::Unknown));
        check("LAST", Err(CommandError::Unknown));
        check("APOP anna c4c9334bac560ecc979e58001b3e22fb", Err(CommandError::Unknown));
        check("RETR", Err(CommandError::Arguments));
        check("RETR x", Err(CommandError::Arguments));
        check("RETR -1", Err(CommandError::Arguments));
        check("TOP 1", Err(CommandError::Arguments));
        check("STAT 1", Err(CommandError::Arguments));
        check("AUTH PLAIN a b", Err(CommandError::Arguments));
        check("USER an\0na", Err(CommandError::Text));
        assert_eq!(parse(b"USER \xff"), Err(CommandError::Text));
    }

    // proves: F18
    #[test]
    fn requests_of_other_protocols_are_known_as_such() {
        check("GET / HTTP/1.1", Ok(Command::Foreign));
        check("POST /x HTTP/1.1", Ok(Command::Foreign));
        check("EHLO client.example", Ok(Command::Foreign));
    }

    #[test]
    fn a_secret_is_not_shown() {
        let shown = format!("{:?} {:?}", parse(b"PASS secret"), parse(b"AUTH PLAIN c2VjcmV0"));
        assert!(!shown.contains("secret") && !shown.contains("c2VjcmV0"), "{shown}");
    }

    proptest! {
        #[test]
        fn never_panics(line in any::<Vec<u8>>()) {
            let _ = parse(&line);
        }
    }
}
