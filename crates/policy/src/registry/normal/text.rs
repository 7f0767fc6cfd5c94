//! How is a text of a certain meaning written, whatever way it was given?

use std::net::IpAddr;

use crate::registry::schema::TextKind;

/// Bytes of a text that has no limit of its own; keys in PEM form fit.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Why a text is none of its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::registry) enum Fault {
    /// Bytes that are allowed.
    TooLong(usize),
    /// What it is not.
    NotA(&'static str),
}

/// The text as it is kept. Finer rules are those of the settings structs.
pub(in crate::registry) fn normal(kind: TextKind, text: &str) -> Result<String, Fault> {
    let max = match kind {
        TextKind::Plain(Some(max)) => max,
        _ => TEXT_BYTES_MAX,
    };
    if text.len() > max {
        return Err(Fault::TooLong(max));
    }
    let lower = || text.to_ascii_lowercase();
    match kind {
        TextKind::Plain(_) | TextKind::Lines | TextKind::Path | TextKind::Url => Ok(text.to_owned()),
        TextKind::Host | TextKind::Place => {
            Ok(text.parse::<IpAddr>().map_or_else(|_| lower(), |ip| ip.to_string()))
        }
        TextKind::Ip => {
            let ip = text.parse::<IpAddr>().map_err(|_| Fault::NotA("an IP address"))?;
            if ip.is_unspecified() { Err(Fault::NotA("the address of a host")) } else { Ok(ip.to_string()) }
        }
        TextKind::Domain => {
            let domain = mail::Domain::parse(text).map_err(|_| Fault::NotA("a domain name"))?;
            Ok(domain.as_str().to_owned())
        }
        TextKind::Address => {
            let address = mail::Address::parse(text).map_err(|_| Fault::NotA("a mail address"))?;
            Ok(address.to_string())
        }
    }
}
