//! `Authentication-Results` (RFC 8601): who claims to have written one, and how do ours look?

use crate::address::Domain;
use crate::header;

/// The field's name.
pub const FIELD_NAME: &str = "Authentication-Results";
/// Characters of a value that is quoted from a message, at most.
const VALUE_CHARS_MAX: usize = 256;
/// A value longer than this begins a line of its own, so that no line grows too long (RFC 5322 section 2.1.1).
const VALUE_BESIDE_MAX: usize = 64;
/// Comments within comments at most.
const NESTING_MAX: usize = 20;

/// The header without those fields that claim to be written by this server, which wrote none yet (section 5); nothing
/// if there are none. One that cannot be read is taken for such a one: readers may differ about it.
pub fn without_claims(header: &[u8], own: &Domain) -> Option<Vec<u8>> {
    let is_claim = |field: &&[u8]| {
        header::parts(field)
            .filter(|(name, _)| name.eq_ignore_ascii_case(FIELD_NAME.as_bytes()))
            .is_some_and(|(_, value)| claims(value, own))
    };
    if !header::split_fields(header).any(|field| is_claim(&field)) {
        return None;
    }
    Some(header::split_fields(header).filter(|field| !is_claim(field)).collect::<Vec<_>>().concat())
}

/// Whether the value begins with this server's name.
fn claims(value: &[u8], own: &Domain) -> bool {
    let Some(name) = authserv_id(value) else { return true };
    let name = name.strip_suffix(b".").unwrap_or(&name);
    name.eq_ignore_ascii_case(own.as_str().as_bytes())
}

/// The first word, a token or a quoted string, comments and white space before it passed over.
fn authserv_id(value: &[u8]) -> Option<Vec<u8>> {
    let mut rest = value;
    loop {
        rest = rest.trim_ascii_start();
        match rest.first()? {
            b'(' => rest = after_comment(rest)?,
            b'"' => return quoted(&rest[1..]),
            _ => break,
        }
    }
    let ends = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b'"' | b'/');
    let len = rest.iter().position(ends).unwrap_or(rest.len());
    (len > 0).then(|| rest[..len].to_vec())
}

fn after_comment(text: &[u8]) -> Option<&[u8]> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match text.get(at)? {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' if depth <= 1 => return text.get(at + 1..),
            b')' => depth -= 1,
            _ => {}
        }
        if depth > NESTING_MAX {
            return None;
        }
        at += 1;
    }
}

fn quoted(text: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut at) = (Vec::new(), 0);
    loop {
        match text.get(at)? {
            b'"' => return Some(out),
            b'\\' => {
                at += 1;
                out.push(*text.get(at)?);
            }
            b'\r' | b'\n' => {}
            byte => out.push(*byte),
        }
        at += 1;
    }
}

fn space_before(value: &str) -> &'static str {
    if value.len() > VALUE_BESIDE_MAX { "\r\n\t" } else { " " }
}

/// A field in the making.
#[derive(Clone, Debug)]
pub struct Results {
    text: String,
    empty: bool,
}

impl Results {
    /// Of this server, nothing in it yet.
    pub fn of(own: &Domain) -> Self {
        Results { text: format!("{FIELD_NAME}: {own}"), empty: true }
    }

    /// How a method ended, such as `spf` with `pass`, and a remark in plain words.
    pub fn add(&mut self, method: &str, result: &str, remark: Option<&str>) {
        self.empty = false;
        self.text.extend([";\r\n\t", method, "=", result]);
        if let Some(remark) = remark {
            let plain =
                |c: char| if c.is_ascii_graphic() && !"()\\".contains(c) || c == ' ' { c } else { '?' };
            self.text.push_str(space_before(remark));
            self.text.push('(');
            self.text.extend(remark.chars().take(VALUE_CHARS_MAX).map(plain));
            self.text.push(')');
        }
    }

    /// What the method was about, such as `smtp.mailfrom`. Nothing in the value can begin another result.
    pub fn about(&mut self, property: &str, value: &str) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-./=?^_`{|}~@:<>".contains(c);
        self.text.extend([space_before(value), property, "="]);
        if !value.is_empty() && value.len() <= VALUE_CHARS_MAX && value.chars().all(is_plain) {
            self.text.push_str(value);
            return;
        }
        self.text.push('"');
        for c in value.chars().take(VALUE_CHARS_MAX) {
            match c {
                '"' | '\\' => self.text.extend(['\\', c]),
                c if c.is_ascii_graphic() || c == ' ' => self.text.push(c),
                _ => self.text.push('?'),
            }
        }
        self.text.push('"');
    }

    /// The field, CRLF at its end.
    pub fn finish(mut self) -> Vec<u8> {
        self.text.push_str(if self.empty { "; none\r\n" } else { "\r\n" });
        self.text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn own() -> Domain {
        Domain::parse("mx.example.org").unwrap()
    }

    #[test]
    fn a_field_that_claims_to_be_ours_is_removed() {
        let check = |field: &str, removed: bool| {
            let header = format!("From: a@b\r\n{field}\r\nSubject: x\r\n");
            let expected = removed.then(|| b"From: a@b\r\nSubject: x\r\n".to_vec());
            assert_eq!(without_claims(header.as_bytes(), &own()), expected, "{field:?}");
        };
        check("Authentication-Results: mx.example.org; spf=pass", true);
        check("authentication-results : MX.Example.ORG.; none", true);
        check("Authentication-Results:\r\n\tmx.example.org;\r\n\tdmarc=pass", true);
        check("Authentication-Results: (a (nested\\) one)) mx.example.org 1; spf=pass", true);
        check("Authentication-Results: \"mx.example\\.org\"; spf=pass", true);
        check("Authentication-Results: mx.example.org(comment); spf=pass", true);
        check("Authentication-Results: mx.example.org/1; spf=pass", true);
        check("Authentication-Results: (never ends mx.other.org; spf=pass", true);
        check("Authentication-Results:", true);
        check("Authentication-Results: mx.other.org; spf=pass", false);
        check("Authentication-Results: mx.example.org.evil.net; spf=pass", false);
        check("ARC-Authentication-Results: i=1; mx.example.org; spf=pass", false);
        check("X-Note: Authentication-Results: mx.example.org; spf=pass", false);
        check("X-Note: a\r\n\tAuthentication-Results: mx.example.org", false);
    }

    #[test]
    fn our_field() {
        let mut results = Results::of(&own());
        assert_eq!(results.clone().finish(), b"Authentication-Results: mx.example.org; none\r\n");
        results.add("spf", "pass", None);
        results.about("smtp.mailfrom", "a@example.net");
        results.add("dkim", "fail", Some("bad (\r\nX: y"));
        results.about("header.d", "ex\"ample;\r\n.net");
        let expected = "Authentication-Results: mx.example.org;\r\n\tspf=pass smtp.mailfrom=a@example.net;\r\n\
                        \tdkim=fail (bad ???X: y) header.d=\"ex\\\"ample;??.net\"\r\n";
        assert_eq!(String::from_utf8(results.finish()).unwrap(), expected);
    }

    #[test]
    fn no_line_of_our_field_is_too_long() {
        for len in [60, VALUE_BESIDE_MAX, VALUE_BESIDE_MAX + 1, 1000] {
            let mut results = Results::of(&own());
            let value = "\"".repeat(len);
            results.add("dkim", "fail", Some(&value));
            for property in ["header.d", "header.s", "header.b"] {
                results.about(property, &value);
            }
            let field = String::from_utf8(results.finish()).unwrap();
            assert!(field.split("\r\n").all(|line| line.len() <= 998), "{field}");
        }
    }

    proptest! {
        #[test]
        fn what_is_left_claims_nothing(fields in prop::collection::vec(
            "(Authentication-Results|authentication-results |From|X)[ ]?:[ \t\r\n]{0,3}[()\" a-z.\\\\]{0,12}(mx.example.org)?[;. ]{0,2}\r\n", 0..6)) {
            let header = fields.concat();
            if let Some(left) = without_claims(header.as_bytes(), &own()) {
                prop_assert_eq!(without_claims(&left, &own()), None);
                prop_assert!(left.len() < header.len());
            }
        }

        #[test]
        fn our_field_is_one_field(values in prop::collection::vec(any::<String>(), 0..5)) {
            let mut results = Results::of(&own());
            for value in &values {
                results.add("dkim", "pass", Some(value));
                results.about("header.d", value);
            }
            let field = results.finish();
            prop_assert_eq!(header::split_fields(&field).count(), 1);
            prop_assert!(claims(header::parts(&field).unwrap().1, &own()));
        }
    }
}
