//! What do the parameters of MAIL and RCPT say?

use mail::{Body, DeliverByMode, Notify, OriginalRecipient, Ret, Timestamp, xtext};

use super::answer::Answer;

/// Characters of an `ENVID` at most, decoded (RFC 3461 section 4.4).
const ENVELOPE_ID_CHARS_MAX: usize = 100;
/// Bytes of an `ORCPT` at most (RFC 3461 section 4.2).
const ORIGINAL_BYTES_MAX: usize = 500;
/// Digits of a number of seconds at most (RFC 4865 section 5, RFC 2852 section 4).
const SECONDS_DIGITS_MAX: usize = 9;
/// Digits of a size at most (RFC 1870 section 3).
const SIZE_DIGITS_MAX: usize = 20;

/// Bytes of `SOLICIT` at most (RFC 3865 section 2.2).
const SOLICIT_BYTES_MAX: usize = 1000;

const SYNTAX: Answer = Answer("501 5.5.4 A parameter is malformed");
const TWICE: Answer = Answer("501 5.5.4 A parameter is given twice");
const UNKNOWN: Answer = Answer("555 5.5.4 A parameter is not known here");
const BAD_VALUE: Answer = Answer("501 5.5.4 The value of a parameter is not allowed");
const HOLD_TWICE: Answer = Answer("501 5.5.4 HOLDFOR and HOLDUNTIL exclude each other");

/// What follows the reverse-path.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MailParameters {
    /// `SIZE=` (RFC 1870), bytes.
    pub size: Option<u64>,
    /// `BODY=`.
    pub body: Body,
    /// `SMTPUTF8`.
    pub smtputf8: bool,
    /// `RET=`.
    pub ret: Option<Ret>,
    /// `ENVID=`, decoded.
    pub envelope_id: Option<String>,
    /// `AUTH=` was given; whom it names is not believed (RFC 4954 section 5).
    pub auth: bool,
    /// `REQUIRETLS` (RFC 8689).
    pub require_tls: bool,
    /// `MT-PRIORITY=` (RFC 6710).
    pub priority: Option<i8>,
    /// `HOLDFOR=` or `HOLDUNTIL=`.
    pub hold: Option<Hold>,
    /// `BY=`.
    pub deliver_by: Option<DeliverBy>,
    /// `SOLICIT=` (RFC 3865): the classes that the message is of.
    pub solicit: Option<String>,
}

/// Not before when (RFC 4865).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// This many seconds from now.
    For(u64),
    /// This point in time.
    Until(Timestamp),
}

/// Until when (RFC 2852).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeliverBy {
    /// Seconds from now; zero or negative only with `Notify`.
    pub seconds: i64,
    /// What is to happen when the time is over.
    pub mode: DeliverByMode,
    /// Whether each handing on is to be told (`T`).
    pub trace: bool,
}

/// What follows the forward-path.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RcptParameters {
    /// `NOTIFY=`, if given.
    pub notify: Option<Notify>,
    /// `ORCPT=`, if given.
    pub original: Option<OriginalRecipient>,
}

/// Which parameters were there; each may be given once.
#[derive(Default)]
struct Seen(u16);

impl Seen {
    fn once(&mut self, bit: u16) -> Result<(), Answer> {
        let again = self.0 & (1 << bit) != 0;
        self.0 |= 1 << bit;
        if again { Err(TWICE) } else { Ok(()) }
    }
}

/// Reads the parameters of MAIL.
pub fn parse_mail(text: &str) -> Result<MailParameters, Answer> {
    let mut parameters = MailParameters::default();
    let mut seen = Seen::default();
    for (keyword, value) in split(text) {
        match_mail(&mut parameters, &mut seen, keyword, value)?;
    }
    Ok(parameters)
}

fn match_mail(
    to: &mut MailParameters,
    seen: &mut Seen,
    keyword: &str,
    value: Option<&str>,
) -> Result<(), Answer> {
    let is = |name: &str| keyword.eq_ignore_ascii_case(name);
    if is("SIZE") {
        seen.once(0)?;
        to.size = Some(parse_size(given(value)?)?);
    } else if is("BODY") {
        seen.once(1)?;
        to.body = parse_body(given(value)?)?;
    } else if is("SMTPUTF8") {
        seen.once(2)?;
        to.smtputf8 = absent(value)?;
    } else if is("RET") {
        seen.once(3)?;
        to.ret = Some(parse_ret(given(value)?)?);
    } else if is("ENVID") {
        seen.once(4)?;
        to.envelope_id = Some(parse_envelope_id(given(value)?)?);
    } else if is("AUTH") {
        seen.once(5)?;
        to.auth = parse_auth(given(value)?)?;
    } else if is("REQUIRETLS") {
        seen.once(6)?;
        to.require_tls = absent(value)?;
    } else if is("MT-PRIORITY") {
        seen.once(7)?;
        to.priority = Some(parse_priority(given(value)?)?);
    } else if is("HOLDFOR") || is("HOLDUNTIL") {
        seen.once(if is("HOLDFOR") { 8 } else { 9 })?;
        let hold = parse_hold(is("HOLDFOR"), given(value)?)?;
        if to.hold.replace(hold).is_some() {
            return Err(HOLD_TWICE);
        }
    } else if is("BY") {
        seen.once(10)?;
        to.deliver_by = Some(parse_deliver_by(given(value)?)?);
    } else if is("SOLICIT") {
        seen.once(11)?;
        to.solicit = Some(parse_solicit(given(value)?)?);
    } else {
        return Err(unknown(keyword));
    }
    Ok(())
}

/// Reads the parameters of RCPT.
pub fn parse_rcpt(text: &str) -> Result<RcptParameters, Answer> {
    let mut parameters = RcptParameters::default();
    let mut seen = Seen::default();
    for (keyword, value) in split(text) {
        if keyword.eq_ignore_ascii_case("NOTIFY") {
            seen.once(0)?;
            parameters.notify = Some(parse_notify(given(value)?)?);
        } else if keyword.eq_ignore_ascii_case("ORCPT") {
            seen.once(1)?;
            parameters.original = Some(parse_original(given(value)?)?);
        } else {
            return Err(unknown(keyword));
        }
    }
    Ok(parameters)
}

fn split(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split(' ').filter(|word| !word.is_empty()).map(|word| match word.split_once('=') {
        Some((keyword, value)) => (keyword, Some(value)),
        None => (word, None),
    })
}

fn unknown(keyword: &str) -> Answer {
    let well_formed = keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
        && keyword.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if well_formed { UNKNOWN } else { SYNTAX }
}

fn given(value: Option<&str>) -> Result<&str, Answer> {
    value.filter(|value| !value.is_empty()).ok_or(SYNTAX)
}

fn absent(value: Option<&str>) -> Result<bool, Answer> {
    if value.is_none() { Ok(true) } else { Err(SYNTAX) }
}

/// Digits only, no sign; what does not fit is as large as can be said.
fn number(text: &str, digits_max: usize) -> Result<u64, Answer> {
    let plain = !text.is_empty() && text.len() <= digits_max && text.bytes().all(|b| b.is_ascii_digit());
    if plain { Ok(text.parse().unwrap_or(u64::MAX)) } else { Err(BAD_VALUE) }
}

fn parse_size(value: &str) -> Result<u64, Answer> {
    number(value, SIZE_DIGITS_MAX)
}

fn parse_body(value: &str) -> Result<Body, Answer> {
    match value {
        _ if value.eq_ignore_ascii_case("7BIT") => Ok(Body::SevenBit),
        _ if value.eq_ignore_ascii_case("8BITMIME") => Ok(Body::EightBitMime),
        _ if value.eq_ignore_ascii_case("BINARYMIME") => Ok(Body::BinaryMime),
        _ => Err(BAD_VALUE),
    }
}

fn parse_ret(value: &str) -> Result<Ret, Answer> {
    match value {
        _ if value.eq_ignore_ascii_case("FULL") => Ok(Ret::Full),
        _ if value.eq_ignore_ascii_case("HDRS") => Ok(Ret::Headers),
        _ => Err(BAD_VALUE),
    }
}

fn parse_envelope_id(value: &str) -> Result<String, Answer> {
    let id = xtext::decode(value).ok_or(BAD_VALUE)?;
    if id.is_ascii() && id.len() <= ENVELOPE_ID_CHARS_MAX { Ok(id) } else { Err(BAD_VALUE) }
}

fn parse_auth(value: &str) -> Result<bool, Answer> {
    if value == "<>" || xtext::decode(value).is_some() { Ok(true) } else { Err(BAD_VALUE) }
}

/// RFC 6710 section 4: −9 to 9.
fn parse_priority(value: &str) -> Result<i8, Answer> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let priority = i8::try_from(number(digits, 1)?).map_err(|_| BAD_VALUE)?;
    Ok(if value.starts_with('-') { -priority } else { priority })
}

fn parse_hold(for_seconds: bool, value: &str) -> Result<Hold, Answer> {
    if for_seconds {
        return number(value, SECONDS_DIGITS_MAX).map(Hold::For);
    }
    Timestamp::parse_rfc3339(value).map(Hold::Until).ok_or(BAD_VALUE)
}

/// RFC 2852 section 4: `seconds;R` or `seconds;N`, with `T` behind if tracing is asked for.
fn parse_deliver_by(value: &str) -> Result<DeliverBy, Answer> {
    let (time, mode) = value.split_once(';').ok_or(BAD_VALUE)?;
    let digits = time.strip_prefix(['-', '+']).unwrap_or(time);
    let seconds = i64::try_from(number(digits, SECONDS_DIGITS_MAX)?).map_err(|_| BAD_VALUE)?;
    let seconds = if time.starts_with('-') { -seconds } else { seconds };
    let (mode, trace) = match mode.as_bytes() {
        [mode] => (mode, false),
        [mode, b'T' | b't'] => (mode, true),
        _ => return Err(BAD_VALUE),
    };
    let mode = match mode {
        b'N' | b'n' => DeliverByMode::Notify,
        b'R' | b'r' if seconds > 0 => DeliverByMode::Return,
        _ => return Err(BAD_VALUE),
    };
    Ok(DeliverBy { seconds, mode, trace })
}

/// RFC 3865 section 2.2: classes with a comma between each two.
fn parse_solicit(value: &str) -> Result<String, Answer> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | ',');
    if value.len() <= SOLICIT_BYTES_MAX && value.chars().all(fits) {
        Ok(value.to_owned())
    } else {
        Err(BAD_VALUE)
    }
}

/// RFC 3461 section 4.1: `NEVER` alone, or some of the others.
fn parse_notify(value: &str) -> Result<Notify, Answer> {
    if value.eq_ignore_ascii_case("NEVER") {
        return Ok(Notify::NEVER);
    }
    let mut notify = Notify::NEVER;
    for word in value.split(',') {
        let wanted = match word {
            _ if word.eq_ignore_ascii_case("SUCCESS") => &mut notify.success,
            _ if word.eq_ignore_ascii_case("DELAY") => &mut notify.delay,
            _ if word.eq_ignore_ascii_case("FAILURE") => &mut notify.failure,
            _ => return Err(BAD_VALUE),
        };
        *wanted = true;
    }
    Ok(notify)
}

/// RFC 3461 section 4.2: an address type and the address in xtext; RFC 6533 section 3 lets `utf-8` hold UTF-8.
fn parse_original(value: &str) -> Result<OriginalRecipient, Answer> {
    let (kind, address) = value.split_once(';').ok_or(BAD_VALUE)?;
    let atom = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !atom || address.is_empty() || value.len() > ORIGINAL_BYTES_MAX {
        return Err(BAD_VALUE);
    }
    let kind = kind.to_ascii_lowercase();
    let address = match xtext::decode(address) {
        Some(decoded) => decoded,
        None if kind == "utf-8" && !address.is_ascii() && !address.contains(['+', '=']) => address.to_owned(),
        None => return Err(BAD_VALUE),
    };
    Ok(OriginalRecipient { kind, address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_mail(text: &str, expected: Result<MailParameters, &str>) {
        assert_eq!(parse_mail(text).map_err(|answer| &answer.0[..9]), expected, "{text}");
    }

    #[track_caller]
    fn check_rcpt(text: &str, expected: Result<RcptParameters, &str>) {
        assert_eq!(parse_rcpt(text).map_err(|answer| &answer.0[..9]), expected, "{text}");
    }

    #[test]
    fn mail_parameters_are_read() {
        let none = MailParameters::default;
        check_mail("", Ok(none()));
        check_mail(" SIZE=10  size2", Err("555 5.5.4"));
        check_mail(" size=10", Ok(MailParameters { size: Some(10), ..none() }));
        check_mail(" SIZE=99999999999999999999", Ok(MailParameters { size: Some(u64::MAX), ..none() }));
        check_mail(" BODY=8bitmime", Ok(MailParameters { body: Body::EightBitMime, ..none() }));
        check_mail(" BODY=BINARYMIME", Ok(MailParameters { body: Body::BinaryMime, ..none() }));
        check_mail(" SMTPUTF8", Ok(MailParameters { smtputf8: true, ..none() }));
        check_mail(" RET=HDRS", Ok(MailParameters { ret: Some(Ret::Headers), ..none() }));
        check_mail(" ENVID=a+2Bb", Ok(MailParameters { envelope_id: Some("a+b".to_owned()), ..none() }));
        check_mail(" AUTH=<>", Ok(MailParameters { auth: true, ..none() }));
        check_mail(" AUTH=e+3Dmc2@example.com", Ok(MailParameters { auth: true, ..none() }));
        check_mail(" REQUIRETLS", Ok(MailParameters { require_tls: true, ..none() }));
        check_mail(" MT-PRIORITY=-9", Ok(MailParameters { priority: Some(-9), ..none() }));
        check_mail(" HOLDFOR=60", Ok(MailParameters { hold: Some(Hold::For(60)), ..none() }));
        let until = Hold::Until(Timestamp::from_millis(1_795_509_910_000));
        check_mail(" HOLDUNTIL=2026-11-24T08:45:10Z", Ok(MailParameters { hold: Some(until), ..none() }));
        let by = |seconds, mode, trace| {
            Ok(MailParameters { deliver_by: Some(DeliverBy { seconds, mode, trace }), ..none() })
        };
        check_mail(" BY=120;R", by(120, DeliverByMode::Return, false));
        check_mail(" BY=-120;N", by(-120, DeliverByMode::Notify, false));
        let solicit = Some("org.example:ADV,x.y:z".to_owned());
        check_mail(" SOLICIT=org.example:ADV,x.y:z", Ok(MailParameters { solicit, ..none() }));
        check_mail(" BY=120;rt", by(120, DeliverByMode::Return, true));
        check_mail(" BY=999999999;NT", by(999_999_999, DeliverByMode::Notify, true));
    }

    // proves: H28
    #[test]
    fn malformed_mail_parameters_are_refused() {
        for text in [
            " SIZE",
            " SIZE=",
            " SIZE=-1",
            " SIZE=+1",
            " SIZE=1k",
            " SIZE=999999999999999999999",
            " SIZE=1 SIZE=1",
            " BODY=9BIT",
            " BODY",
            " SMTPUTF8=1",
            " RET=SOME",
            " ENVID=",
            " ENVID=a+0D+0Ab",
            " ENVID=a=b",
            " AUTH=",
            " AUTH=a+0Ab",
            " REQUIRETLS=1",
            " MT-PRIORITY=10",
            " MT-PRIORITY=--1",
            " MT-PRIORITY=",
            " HOLDFOR=-1",
            " HOLDFOR=9999999999",
            " HOLDUNTIL=tomorrow",
            " HOLDFOR=1 HOLDUNTIL=2026-11-24T08:45:10Z",
            " BY=0;R",
            " BY=-1;R",
            " BY=1",
            " BY=1;X",
            " BY=9999999999;N",
            " BY=;N",
            " SOLICIT=<a>",
            " BY=1;RTT",
            " BY=+-1;N",
            " BY=1;",
            " HOLDUNTIL=99999-01-01T00:00:00Z",
            " HOLDUNTIL=2026-11-24 08:45:10",
            " HOLDUNTIL=1969-12-31T23:59:59Z",
            " MT-PRIORITY=-",
            " MT-PRIORITY=99999999999999999999",
            " =1",
            " -a",
            " a_b=1",
        ] {
            check_mail(text, Err("501 5.5.4"));
        }
        check_mail(&format!(" ENVID={}", "a".repeat(101)), Err("501 5.5.4"));
        check_mail(" XFOO=1", Err("555 5.5.4"));
    }

    #[test]
    fn rcpt_parameters_are_read() {
        let none = RcptParameters::default;
        let notify = |success, delay, failure| {
            Ok(RcptParameters { notify: Some(Notify { success, delay, failure, explicit: true }), ..none() })
        };
        check_rcpt(" NOTIFY=NEVER", notify(false, false, false));
        check_rcpt(" notify=success,Failure", notify(true, false, true));
        check_rcpt(" NOTIFY=DELAY", notify(false, true, false));
        let original = |kind: &str, address: &str| {
            let original = OriginalRecipient { kind: kind.to_owned(), address: address.to_owned() };
            Ok(RcptParameters { original: Some(original), ..none() })
        };
        check_rcpt(" ORCPT=RFC822;anna+2Bx@example.org", original("rfc822", "anna+x@example.org"));
        check_rcpt(" ORCPT=utf-8;jos\u{e9}@example.org", original("utf-8", "jos\u{e9}@example.org"));
    }

    #[test]
    fn malformed_rcpt_parameters_are_refused() {
        for text in [
            " NOTIFY",
            " NOTIFY=",
            " NOTIFY=NEVER,DELAY",
            " NOTIFY=NOW",
            " NOTIFY=DELAY,",
            " ORCPT=anna@example.org",
            " ORCPT=rfc822;",
            " ORCPT=;a",
            " ORCPT=rfc822;a+0D+0Ab",
            " ORCPT=rfc 822;a",
            " ORCPT=rfc822;jos\u{e9}",
            " NOTIFY=DELAY NOTIFY=DELAY",
        ] {
            assert!(parse_rcpt(text).is_err_and(|answer| answer.0.starts_with('5')), "{text}");
        }
        check_rcpt(&format!(" ORCPT=rfc822;{}", "a".repeat(500)), Err("501 5.5.4"));
        check_rcpt(" SIZE=1", Err("555 5.5.4"));
    }
}
