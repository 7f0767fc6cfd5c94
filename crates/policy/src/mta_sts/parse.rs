//! What does a domain publish? Its record in DNS (RFC 8461 section 3.1) and its policy on the web (section 3.2).

use std::collections::BTreeMap;
use std::time::Duration;

use mail::Domain;

use super::{Mode, Policy};
use crate::limits::{
    STS_AGE_DEFAULT, STS_AGE_MAX, STS_AGE_MIN, STS_ID_BYTES_MAX, STS_MX_PATTERNS_MAX, STS_POLICY_BYTES_MAX,
};
use crate::tls_outcome::{StsFailure, TlsResult};

/// What stands in DNS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// There is a policy, and this is which.
    Id(String),
    /// There is none.
    Absent,
    /// What is there cannot be used, and why. As good as none (RFC 8461 section 3.1).
    Invalid(String),
}

/// Reads the TXT records of `_mta-sts`. Those of other versions do not count.
pub fn record(texts: &[String]) -> Record {
    let of_version: Vec<&String> = texts.iter().filter(|text| is_of_version(text)).collect();
    match of_version[..] {
        [] => Record::Absent,
        [text] => match id(text) {
            Ok(id) => Record::Id(id),
            Err(why) => Record::Invalid(why),
        },
        [..] => Record::Invalid(format!("there are {} records", of_version.len())),
    }
}

fn is_of_version(text: &str) -> bool {
    text.strip_prefix("v=STSv1").is_some_and(|rest| rest.trim_start_matches([' ', '\t']).starts_with(';'))
}

fn id(text: &str) -> Result<String, String> {
    let mut found = None;
    for field in text.split(';').skip(1).map(|field| field.trim_matches([' ', '\t'])) {
        match field.split_once('=') {
            None if field.is_empty() => {}
            None => return Err(format!("the record has a field without a value: {field:?}")),
            Some(("id", value)) => found = found.or(Some(value)),
            Some(_) => {}
        }
    }
    let id = found.ok_or("the record has no id")?;
    let is_id = !id.is_empty() && id.len() <= STS_ID_BYTES_MAX;
    if is_id && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Ok(id.to_owned())
    } else {
        Err(format!("the record has an id that is none: {id:?}"))
    }
}

/// Reads what the web server of a domain answered: only a 200 with plain text is a policy (RFC 8461 section 3.3).
pub fn page(status: u16, content_type: Option<&str>, body: &[u8]) -> Result<Policy, StsFailure> {
    if status != 200 {
        let hint = if (300..400).contains(&status) { ", which is not followed" } else { "" };
        let is_temporary = !matches!(status, 404 | 410);
        let text = format!("the policy cannot be fetched: HTTP status {status}{hint}");
        return Err(StsFailure { result: TlsResult::StsPolicyFetchError, is_temporary, text });
    }
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("text/plain") {
        return Err(invalid(&format!("it is of the type {media_type:?} and not text/plain")));
    }
    parse(body).map_err(|why| invalid(&why))
}

fn invalid(why: &str) -> StsFailure {
    let text = format!("the policy is invalid: {why}");
    StsFailure { result: TlsResult::StsPolicyInvalid, is_temporary: false, text }
}

/// Reads the text of a policy, or says what is wrong with it. Of a field that comes twice the first counts, unknown
/// ones do not (RFC 8461 section 3.2).
pub fn parse(body: &[u8]) -> Result<Policy, String> {
    if body.len() > STS_POLICY_BYTES_MAX {
        return Err(format!("it is longer than {STS_POLICY_BYTES_MAX} bytes"));
    }
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut fields = BTreeMap::new();
    let mut mx = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let (name, value) =
            line.split_once(':').ok_or_else(|| format!("line {number} has no colon: {line:?}"))?;
        let (name, value) = (name.trim(), value.trim());
        if name == "mx" {
            mx.push(pattern(value).ok_or_else(|| format!("line {number} names no host: {value:?}"))?);
        } else {
            fields.entry(name).or_insert(value);
        }
    }
    let field = |name| fields.get(name).copied().ok_or_else(|| format!("it has no {name}"));
    let version = field("version")?;
    if !version.eq_ignore_ascii_case("STSv1") {
        return Err(format!("it is of the version {version:?}"));
    }
    let mode = mode(field("mode")?)?;
    let max_age = max_age(field("max_age")?)?;
    if mx.len() > STS_MX_PATTERNS_MAX {
        return Err(format!("it has more than {STS_MX_PATTERNS_MAX} mx"));
    }
    if mx.is_empty() && mode != Mode::None {
        return Err("it has no mx".to_owned());
    }
    Ok(Policy { mode, mx, max_age })
}

fn mode(value: &str) -> Result<Mode, String> {
    let all = [Mode::Enforce, Mode::Testing, Mode::None];
    let found = all.into_iter().find(|mode| mode.name().eq_ignore_ascii_case(value));
    found.ok_or_else(|| format!("it has the unknown mode {value:?}"))
}

/// A time that makes no sense to keep a policy for is a day.
fn max_age(value: &str) -> Result<Duration, String> {
    if value.is_empty() || value.len() > 10 || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("its max_age is no number of seconds: {value:?}"));
    }
    let age = Duration::from_secs(value.parse().unwrap_or(0));
    Ok(if (STS_AGE_MIN..=STS_AGE_MAX).contains(&age) { age } else { STS_AGE_DEFAULT })
}

/// A host or `*.` before one, in lower case and A-labels.
fn pattern(value: &str) -> Option<String> {
    let (wildcard, name) = value.strip_prefix("*.").map_or(("", value), |name| ("*.", name));
    let name = Domain::parse(name).ok().filter(|name| name.literal().is_none())?;
    Some(format!("{wildcard}{name}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mta_sts::matches;

    #[track_caller]
    fn check_record(texts: &[&str], expected: Result<&str, &str>) {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        match (record(&texts), expected) {
            (Record::Id(id), Ok(expected)) => assert_eq!(id, expected),
            (Record::Absent, Err("")) => {}
            (Record::Invalid(why), Err(part)) if !part.is_empty() => assert!(why.contains(part), "{why}"),
            (other, expected) => panic!("{texts:?}: {other:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_record_names_its_policy() {
        check_record(&["v=STSv1; id=20160831085700Z;"], Ok("20160831085700Z"));
        check_record(&["v=STSv1;id=a"], Ok("a"));
        check_record(&["v=STSv1 ; future=x y ; id=a ; id=b ;"], Ok("a"));
        check_record(&["v=spf1 -all", "v=STSv1; id=a", "v=STSv2; id=b"], Ok("a"));
    }

    #[test]
    fn a_record_that_is_none_names_nothing() {
        check_record(&[], Err(""));
        check_record(&["v=spf1 -all"], Err(""));
        check_record(&["v=stsv1; id=a"], Err(""));
        check_record(&["v=STSv1"], Err(""));
        check_record(&["v=STSv1; id=a", "v=STSv1; id=a"], Err("there are 2 records"));
        check_record(&["v=STSv1;"], Err("has no id"));
        check_record(&["v=STSv1; id="], Err("id that is none"));
        check_record(&["v=STSv1; id=2016-08"], Err("id that is none"));
        check_record(&["v=STSv1; id=a; nonsense"], Err("without a value"));
        check_record(&[&format!("v=STSv1; id={}", "a".repeat(33))], Err("id that is none"));
    }

    const HEAD: &str = "version: STSv1\nmode: enforce\nmax_age: 604800\n";

    fn policy(mode: Mode, mx: &[&str], max_age: u64) -> Result<Policy, String> {
        let mx = mx.iter().map(|mx| (*mx).to_owned()).collect();
        Ok(Policy { mode, mx, max_age: Duration::from_secs(max_age) })
    }

    #[test]
    fn a_policy_is_read_as_the_standard_has_it() {
        let text = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmx: backupmx.example.com\r\nmax_age: 604800\r\n";
        let mx = ["mail.example.com", "*.example.net", "backupmx.example.com"];
        assert_eq!(parse(text.as_bytes()), policy(Mode::Enforce, &mx, 604_800));
        let odd =
            "mx:MX.Example.org.\nmax_age:86400\n\nmode:  Testing\nversion:stsv1\nmode: enforce\nnews: x";
        assert_eq!(parse(odd.as_bytes()), policy(Mode::Testing, &["mx.example.org"], 86_400));
    }

    // proves: F10
    #[test]
    fn a_policy_that_was_given_up_needs_no_hosts() {
        let text = "version: STSv1\nmode: none\nmax_age: 86400\n";
        assert_eq!(parse(text.as_bytes()), policy(Mode::None, &[], 86_400));
    }

    // proves: F10
    #[test]
    fn an_age_of_no_sense_is_a_day() {
        for (age, expected) in [
            ("0", 86_400),
            ("3599", 86_400),
            ("3600", 3_600),
            ("31557600", 31_557_600),
            ("31557601", 86_400),
            ("9999999999", 86_400),
        ] {
            let text = format!("version: STSv1\nmode: none\nmax_age: {age}\n");
            assert_eq!(parse(text.as_bytes()), policy(Mode::None, &[], expected), "{age}");
        }
    }

    // proves: F10, 5.7.6
    #[test]
    fn names_compare_as_a_labels() {
        let text = format!("{HEAD}mx: mx.bücher.example\nmx: *.MÜNCHEN.example\n");
        let policy = parse(text.as_bytes()).expect("valid");
        assert_eq!(policy.mx, ["mx.xn--bcher-kva.example", "*.xn--mnchen-3ya.example"]);
        assert!(matches(&policy, "MX.xn--bcher-kva.example"));
        assert!(matches(&policy, "a.xn--mnchen-3ya.example."));
        assert!(!matches(&policy, "xn--mnchen-3ya.example"));
    }

    // proves: 5.7.2
    #[test]
    fn what_is_wrong_with_a_policy_is_said() {
        for (text, expected) in [
            ("", "no version"),
            ("version: STSv2\nmode: none\nmax_age: 1", "of the version"),
            ("version: STSv1\nmax_age: 86400\nmx: a.example", "no mode"),
            ("version: STSv1\nmode: strict\nmax_age: 86400\nmx: a.example", "unknown mode"),
            ("version: STSv1\nmode: enforce\nmx: a.example", "no max_age"),
            ("version: STSv1\nmode: enforce\nmax_age: -1\nmx: a.example", "no number"),
            ("version: STSv1\nmode: enforce\nmax_age: 12345678901\nmx: a.example", "no number"),
            (HEAD, "no mx"),
            ("version: STSv1\nmode: enforce\nmax_age: 86400\nmx: [192.0.2.1]", "names no host"),
            ("version: STSv1\nmode: enforce\nmax_age: 86400\nmx: *.*.example", "names no host"),
            ("<html>\n<body>", "no colon"),
        ] {
            let why = parse(text.as_bytes()).expect_err(text);
            assert!(why.contains(expected), "{text:?}: {why}");
        }
        assert!(parse(b"version: \xff").is_err());
        assert!(parse(&vec![b'\n'; STS_POLICY_BYTES_MAX + 1]).is_err());
        let many = HEAD.to_owned() + &"mx: a.example\n".repeat(STS_MX_PATTERNS_MAX + 1);
        assert!(parse(many.as_bytes()).expect_err("too many").contains("more than"));
    }

    // proves: F9
    #[test]
    fn only_plain_text_with_status_200_is_a_policy() {
        let body = format!("{HEAD}mx: a.example\n");
        let ask = |status, content_type| page(status, content_type, body.as_bytes());
        for plain in ["text/plain", "Text/Plain; charset=utf-8", "text/plain;x"] {
            assert!(ask(200, Some(plain)).is_ok(), "{plain}");
        }
        for (status, content_type, result, is_temporary) in [
            (404, Some("text/plain"), TlsResult::StsPolicyFetchError, false),
            (410, Some("text/plain"), TlsResult::StsPolicyFetchError, false),
            (301, Some("text/plain"), TlsResult::StsPolicyFetchError, true),
            (500, Some("text/plain"), TlsResult::StsPolicyFetchError, true),
            (206, Some("text/plain"), TlsResult::StsPolicyFetchError, true),
            (200, Some("text/html"), TlsResult::StsPolicyInvalid, false),
            (200, None, TlsResult::StsPolicyInvalid, false),
        ] {
            let failure = ask(status, content_type).expect_err("not a policy");
            assert_eq!((failure.result, failure.is_temporary), (result, is_temporary), "{}", failure.text);
        }
    }

    #[test]
    fn what_was_written_is_read_back() {
        let policy = policy(Mode::Testing, &["a.example", "*.b.example"], 5_000);
        let text = policy.clone().expect("given").lines().join("\n");
        assert_eq!(parse(text.as_bytes()), policy);
    }

    proptest! {
        #[test]
        fn no_text_does_harm(text in "(version: STSv1\n|mode: (enforce|none)\n|mx: [*a-zü.]{0,9}\n|max_age: [0-9]{0,12}\n|.{0,20}\n){0,8}", record_text in "v=STSv1[ ;=a-z0-9]{0,40}") {
            if let Ok(policy) = parse(text.as_bytes()) {
                let again = parse(policy.lines().join("\r\n").as_bytes());
                prop_assert_eq!(again.as_ref(), Ok(&policy));
            }
            let _ = record(&[record_text]);
        }
    }
}
