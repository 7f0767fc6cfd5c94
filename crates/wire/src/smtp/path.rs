//! Paths in angle brackets, as MAIL FROM and RCPT TO carry them.

use mail::address::PATH_BYTES_MAX;
use mail::{Address, AddressError, Domain};

/// What stood between the angle brackets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Path {
    /// Nothing.
    Null,
    /// `postmaster` without a domain.
    Postmaster,
    /// An address, its source route taken off.
    Address(Address),
}

/// Cuts `text` after the `>` that closes the path at its start. The rest is what follows.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'>' if !quoted => return Some((&inner[..at], &inner[at + 1..])),
            b'"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && byte == b'\\' && !escaped;
    }
    None
}

/// Reads what stood between the brackets.
pub(super) fn parse(inner: &str) -> Result<Path, AddressError> {
    if inner.is_empty() {
        return Ok(Path::Null);
    }
    if inner.len() + 2 > PATH_BYTES_MAX {
        return Err(AddressError::TooLong);
    }
    if inner.eq_ignore_ascii_case("postmaster") {
        return Ok(Path::Postmaster);
    }
    Address::parse(without_source_route(inner)?).map(Path::Address)
}

/// RFC 5321 section 4.1.1.3: a source route is read and ignored.
fn without_source_route(inner: &str) -> Result<&str, AddressError> {
    let mut rest = inner;
    while let Some(hop) = rest.strip_prefix('@') {
        // An address literal may hold colons.
        let skip = if hop.starts_with('[') { hop.find(']').unwrap_or(0) } else { 0 };
        let end = hop[skip..].find([',', ':']).ok_or(AddressError::LocalPart)? + skip;
        Domain::parse(&hop[..end])?;
        rest = &hop[end + 1..];
        if hop.as_bytes()[end] == b':' {
            return Ok(rest);
        }
        if !rest.starts_with('@') {
            return Err(AddressError::LocalPart);
        }
    }
    Ok(rest)
}
