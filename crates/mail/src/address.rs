//! Addresses as envelopes carry them: parsed once at the edge, then compared as parsed.
//!
//! A [`Domain`] is always in lower-case A-label form, so two spellings of one domain are equal.
//! A [`LocalPart`] keeps its case (RFC 5321 section 2.4) and is held without its quotes.

use std::borrow::Borrow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// Bytes of a local part at most (RFC 5321 section 4.5.3.1.1).
pub const LOCAL_PART_BYTES_MAX: usize = 64;
/// Bytes of a domain at most (RFC 5321 section 4.5.3.1.2).
pub const DOMAIN_BYTES_MAX: usize = 255;
/// Bytes of a path at most, angle brackets included (RFC 5321 section 4.5.3.1.3).
pub const PATH_BYTES_MAX: usize = 256;

/// Why a text is not an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum AddressError {
    /// There is no `@`.
    #[error("there is no @ in the address")]
    NoAt,
    /// The part before the `@` is not a dot-string or quoted string.
    #[error("the local part is malformed")]
    LocalPart,
    /// The part before the `@` is longer than 64 bytes.
    #[error("the local part is longer than {LOCAL_PART_BYTES_MAX} bytes")]
    LocalPartTooLong,
    /// The part after the `@` is neither a domain name nor an address literal.
    #[error("the domain is malformed")]
    Domain,
    /// The whole is longer than a path may be.
    #[error("the address is longer than {PATH_BYTES_MAX} bytes")]
    TooLong,
}

/// A domain name in lower-case A-label form without a trailing dot, or an address literal
/// such as `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(Box<str>);

impl Domain {
    /// Parses a domain name (also with U-labels, also with a trailing dot) or an address literal.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if let Some(literal) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return Self::parse_literal(literal);
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_ascii() && is_plain_name(text) {
            return Ok(Domain(text.to_ascii_lowercase().into()));
        }
        if text.is_ascii() && !text.contains("xn--") {
            return Err(AddressError::Domain);
        }
        match idna::domain_to_ascii_strict(text) {
            Ok(ascii) if is_plain_name(&ascii) => Ok(Domain(ascii.into())),
            _ => Err(AddressError::Domain),
        }
    }

    fn parse_literal(literal: &str) -> Result<Self, AddressError> {
        let ip = match literal.get(..5) {
            Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => literal[5..].parse().map(IpAddr::V6).ok(),
            _ => literal.parse().map(IpAddr::V4).ok(),
        };
        ip.map(Domain::from).ok_or(AddressError::Domain)
    }

    /// The name, or the literal with its brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, if this is an address literal.
    pub fn literal(&self) -> Option<IpAddr> {
        let inner = self.0.strip_prefix('[')?.strip_suffix(']')?;
        match inner.strip_prefix("IPv6:") {
            Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => inner.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        }
    }
}

impl Borrow<str> for Domain {
    /// So that a map by domain can be asked with a text; it must be in lower-case A-label form to be found.
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<IpAddr> for Domain {
    fn from(ip: IpAddr) -> Self {
        Domain(match ip {
            IpAddr::V4(v4) => format!("[{v4}]").into(),
            IpAddr::V6(v6) => format!("[IPv6:{v6}]").into(),
        })
    }
}

/// Letters, digits, hyphens and underscores in labels of 1 to 63, 253 bytes in all.
///
/// The underscore is not a host name's, but names with one receive mail in practice.
fn is_plain_name(name: &str) -> bool {
    let label_ok = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    name.len() <= 253 && name.split('.').all(label_ok)
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// The part before the `@`, without quotes and escapes, in the case it was given.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalPart(Box<str>);

impl LocalPart {
    /// Parses a dot-string or a quoted string (RFC 5321 section 4.1.2, RFC 6531 section 3.3).
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let plain = match text.strip_prefix('"') {
            Some(rest) => unquote(rest).ok_or(AddressError::LocalPart)?,
            None if is_dot_string(text) => text.to_owned(),
            None => return Err(AddressError::LocalPart),
        };
        if plain.is_empty() {
            return Err(AddressError::LocalPart);
        }
        if plain.len() > LOCAL_PART_BYTES_MAX {
            return Err(AddressError::LocalPartTooLong);
        }
        Ok(LocalPart(plain.into()))
    }

    /// Without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LocalPart {
    /// As it goes on the wire: quoted where it must be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(&self.0) {
            return f.write_str(&self.0);
        }
        f.write_str("\"")?;
        for c in self.0.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

impl fmt::Debug for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

fn is_dot_string(text: &str) -> bool {
    let atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii();
    let clean = |c: char| atext(c) && !c.is_control();
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(clean))
}

/// Takes off the closing quote and the escapes; `None` if there is more or less than that.
fn unquote(rest: &str) -> Option<String> {
    let mut plain = String::with_capacity(rest.len());
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return chars.next().is_none().then_some(plain),
            '\\' => plain.push(chars.next().filter(|c| !c.is_control() && c.is_ascii())?),
            c if c.is_control() => return None,
            c => plain.push(c),
        }
    }
}

/// A mailbox address: local part and domain.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Before the `@`.
    pub local_part: LocalPart,
    /// After the `@`.
    pub domain: Domain,
}

impl Address {
    /// Parses `local@domain`, split at the last `@` outside quotes.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.len() + 2 > PATH_BYTES_MAX {
            return Err(AddressError::TooLong);
        }
        let at = match text.strip_prefix('"') {
            Some(rest) => closing_quote(rest).map(|end| end + 2).ok_or(AddressError::LocalPart)?,
            None => text.find('@').ok_or(AddressError::NoAt)?,
        };
        let domain = text[at..].strip_prefix('@').ok_or(AddressError::LocalPart)?;
        Ok(Address { local_part: LocalPart::parse(&text[..at])?, domain: Domain::parse(domain)? })
    }

    /// Whether it needs SMTPUTF8 to travel: the local part is not ASCII (RFC 6531 section 3.4).
    pub fn needs_smtputf8(&self) -> bool {
        !self.local_part.as_str().is_ascii()
    }
}

/// Where in `rest`, which follows an opening quote, the closing quote stands.
fn closing_quote(rest: &str) -> Option<usize> {
    let mut escaped = false;
    rest.bytes().position(|b| {
        let closes = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        closes
    })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local_part, self.domain)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{self}>")
    }
}

/// The path that MAIL FROM gave: whom a notification would go to, if anyone.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ReversePath {
    /// `<>`: nobody is told.
    Null,
    /// The address to tell.
    Address(Address),
}

impl ReversePath {
    /// The address, if there is one.
    pub fn address(&self) -> Option<&Address> {
        match self {
            ReversePath::Null => None,
            ReversePath::Address(address) => Some(address),
        }
    }
}

impl fmt::Display for ReversePath {
    /// The address without angle brackets; nothing for the null reverse-path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReversePath::Null => Ok(()),
            ReversePath::Address(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, AddressError>) {
        let got = Address::parse(text).map(|address| address.to_string());
        assert_eq!(got.as_deref().map_err(|error| *error), expected, "{text}");
    }

    // proves: H10
    #[test]
    fn accepts_what_rfc_5321_allows() {
        check("a.b+c@Example.ORG", Ok("a.b+c@example.org"));
        check("a@example.org.", Ok("a@example.org"));
        check("\"a b\"@example.org", Ok("\"a b\"@example.org"));
        check("\"a\\\"b\"@example.org", Ok("\"a\\\"b\"@example.org"));
        check("\"plain\"@example.org", Ok("plain@example.org"));
        check("\"@\"@example.org", Ok("\"@\"@example.org"));
        check("a@[192.0.2.1]", Ok("a@[192.0.2.1]"));
        check("a@[ipv6:2001:DB8::1]", Ok("a@[IPv6:2001:db8::1]"));
        check("jos\u{e9}@b\u{fc}cher.example", Ok("jos\u{e9}@xn--bcher-kva.example"));
        check("a%b@example.org", Ok("a%b@example.org"));
    }

    #[test]
    fn refuses_the_rest() {
        check("", Err(AddressError::NoAt));
        check("a", Err(AddressError::NoAt));
        check("@example.org", Err(AddressError::LocalPart));
        check("a..b@example.org", Err(AddressError::LocalPart));
        check("a b@example.org", Err(AddressError::LocalPart));
        check("\"a@example.org", Err(AddressError::LocalPart));
        check("\"a\"b@example.org", Err(AddressError::LocalPart));
        check("a@", Err(AddressError::Domain));
        check("a@b@example.org", Err(AddressError::Domain));
        check("a@-x.example", Err(AddressError::Domain));
        check("a@exa mple.org", Err(AddressError::Domain));
        check("a@[300.1.1.1]", Err(AddressError::Domain));
        check("a\r\nb@example.org", Err(AddressError::LocalPart));
        check(&format!("{}@example.org", "a".repeat(65)), Err(AddressError::LocalPartTooLong));
        check(&format!("a@{}", "b.".repeat(200)), Err(AddressError::TooLong));
    }

    // proves: C18, H11
    #[test]
    fn u_label_equals_a_label() {
        assert_eq!(Domain::parse("B\u{dc}CHER.example"), Domain::parse("xn--bcher-kva.example"));
    }

    proptest! {
        // proves: H10
        #[test]
        fn what_is_printed_parses_to_the_same(text in "\\PC{0,40}@[a-z]{1,10}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(&address.to_string()), Ok(address));
            }
        }

        #[test]
        fn never_panics_and_never_yields_control_characters(text in any::<String>()) {
            if let Ok(address) = Address::parse(&text) {
                prop_assert!(!address.to_string().chars().any(char::is_control));
            }
        }
    }
}
