//! The bounds of single properties, for `#[serde(deserialize_with)]`.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};

/// A text that is not empty, without white space around it.
pub(crate) fn text<'de, D: Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    let text = String::deserialize(json)?;
    match text.trim() {
        "" => Err(D::Error::custom("must not be empty")),
        trimmed => Ok(trimmed.to_owned()),
    }
}

/// [`text`], or nothing.
pub(crate) fn optional_text<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(json)? {
        None => Ok(None),
        Some(text) if text.trim().is_empty() => {
            Err(D::Error::custom("must not be empty; null says that there is none"))
        }
        Some(text) => Ok(Some(text.trim().to_owned())),
    }
}

/// A name of 1 to 8 bytes.
pub(crate) fn short_name<'de, D: Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    const BYTES_MAX: usize = 8;
    let name = text(json)?;
    match name.len() {
        length if length > BYTES_MAX => {
            Err(D::Error::custom(format!("'{name}' has {length} bytes; {BYTES_MAX} are allowed")))
        }
        _ => Ok(name),
    }
}

/// A whole number, 1 or more.
pub(crate) fn at_least_one<'de, D: Deserializer<'de>>(json: D) -> Result<usize, D::Error> {
    let number = u64::deserialize(json)?;
    usize::try_from(number)
        .ok()
        .filter(|number| *number >= 1)
        .ok_or_else(|| D::Error::custom("must be at least 1"))
}

/// [`at_least_one`], or nothing.
pub(crate) fn optional_count<'de, D: Deserializer<'de>>(json: D) -> Result<Option<u64>, D::Error> {
    match Option::<u64>::deserialize(json)? {
        Some(0) => Err(D::Error::custom("must be at least 1; null says that there is no limit")),
        count => Ok(count),
    }
}

/// How many a rate lets pass.
pub(crate) fn rate_count<'de, D: Deserializer<'de>>(json: D) -> Result<u32, D::Error> {
    const COUNT_MAX: u32 = 1_000_000;
    let number = u64::deserialize(json)?;
    let count = u32::try_from(number).ok().filter(|count| (1..=COUNT_MAX).contains(count));
    count.ok_or_else(|| D::Error::custom(format!("must be 1 to {COUNT_MAX}")))
}

/// A port.
pub(crate) fn port<'de, D: Deserializer<'de>>(json: D) -> Result<u16, D::Error> {
    let number = u64::deserialize(json)?;
    let port = u16::try_from(number).ok().filter(|port| *port >= 1);
    port.ok_or_else(|| D::Error::custom(format!("{number} is no port; ports are 1 to 65535")))
}

/// A duration from milliseconds, longer than nothing.
pub(crate) fn millis<'de, D: Deserializer<'de>>(json: D) -> Result<Duration, D::Error> {
    const HINT: &str = "must be a whole number of milliseconds above 0";
    match Millis::deserialize(json)? {
        Millis(0) => Err(D::Error::custom(HINT)),
        Millis(millis) => Ok(Duration::from_millis(millis)),
    }
}

/// A host name, an IP address, or the whole name of SRV records, such as `_submission._tcp.example.org`.
pub(crate) fn relay_place<'de, D: Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    let text = text(json)?;
    host_name(&text)
        .or_else(|| service_name(&text))
        .ok_or_else(|| D::Error::custom(format!("'{text}' is neither a host name nor an IP address")))
}

/// RFC 2782: `_service._proto.name`, in lower case.
fn service_name(text: &str) -> Option<String> {
    let [service, protocol, name] = text.splitn(3, '.').collect::<Vec<_>>()[..] else { return None };
    let is_label = |label: &str| {
        label.len() > 1
            && label.starts_with('_')
            && label[1..].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let name = host_name(name).filter(|name| name.parse::<IpAddr>().is_err())?;
    (is_label(service) && is_label(protocol))
        .then(|| format!("{service}.{protocol}.{name}").to_ascii_lowercase())
}

/// A host name in lower case, or nothing.
pub(crate) fn optional_host<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    let Some(text) = optional_text(json)? else { return Ok(None) };
    let host = host_name(&text).ok_or_else(|| D::Error::custom(format!("'{text}' is no host name")));
    host.map(Some)
}

/// An IP address that can be bound or reached.
pub(crate) fn ip<'de, D: Deserializer<'de>>(json: D) -> Result<IpAddr, D::Error> {
    let ip: IpAddr = parsed(&text(json)?, "an IP address")?;
    if ip.is_unspecified() { Err(D::Error::custom(format!("{ip} is no address of a host"))) } else { Ok(ip) }
}

/// A domain.
pub(crate) fn domain<'de, D: Deserializer<'de>>(json: D) -> Result<mail::Domain, D::Error> {
    parse_domain(&text(json)?)
}

/// A domain, or nothing.
pub(crate) fn optional_domain<'de, D: Deserializer<'de>>(json: D) -> Result<Option<mail::Domain>, D::Error> {
    optional_text(json)?.map(|text| parse_domain(&text)).transpose()
}

/// A set of domains.
pub(crate) fn domains<'de, D: Deserializer<'de>>(json: D) -> Result<Vec<mail::Domain>, D::Error> {
    Vec::<String>::deserialize(json)?.iter().map(|text| parse_domain(text)).collect()
}

/// An address.
pub(crate) fn address<'de, D: Deserializer<'de>>(json: D) -> Result<mail::Address, D::Error> {
    parse_address(&text(json)?)
}

/// An address, or nothing.
pub(crate) fn optional_address<'de, D: Deserializer<'de>>(
    json: D,
) -> Result<Option<mail::Address>, D::Error> {
    optional_text(json)?.map(|text| parse_address(&text)).transpose()
}

/// A set of addresses.
pub(crate) fn addresses<'de, D: Deserializer<'de>>(json: D) -> Result<Vec<mail::Address>, D::Error> {
    Vec::<String>::deserialize(json)?.iter().map(|text| parse_address(text)).collect()
}

/// A text that stands for an expression; numbers and truth values too, as old files have them.
pub(crate) fn formula<'de, D: Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    json.deserialize_any(Formula)
}

/// [`formula`]; nothing if it is absent or empty.
pub(crate) fn optional_formula<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    let text = json.deserialize_any(Formula)?;
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

struct Formula;

impl serde::de::Visitor<'_> for Formula {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an expression in a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_bool<E>(self, truth: bool) -> Result<String, E> {
        Ok(truth.to_string())
    }

    fn visit_u64<E>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok(String::new())
    }
}

struct Millis(u64);

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Millis(0))
    }
}

impl serde::de::Visitor<'_> for Millis {
    type Value = Millis;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a whole number of milliseconds")
    }

    fn visit_u64<E>(self, millis: u64) -> Result<Millis, E> {
        Ok(Millis(millis))
    }
}

fn host_name(text: &str) -> Option<String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return (!ip.is_unspecified()).then(|| ip.to_string());
    }
    let name = mail::Domain::parse(text).ok()?;
    // What looks like a number would be an address that is not one: 127.1, 10.0.0.256.
    let numeric =
        name.as_str().rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    (name.literal().is_none() && !numeric).then(|| name.as_str().to_owned())
}

fn parse_domain<E: Error>(text: &str) -> Result<mail::Domain, E> {
    match host_name(text) {
        Some(name) if name.parse::<IpAddr>().is_err() => parsed_with(text, mail::Domain::parse),
        _ => Err(E::custom(format!("'{text}' is not a domain name"))),
    }
}

fn parse_address<E: Error>(text: &str) -> Result<mail::Address, E> {
    parsed_with(text.trim(), mail::Address::parse)
}

fn parsed_with<T, R: std::fmt::Display, E: Error>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, R>,
) -> Result<T, E> {
    parse(text).map_err(|reason| E::custom(format!("'{text}': {reason}")))
}

fn parsed<T: FromStr, E: Error>(text: &str, what: &str) -> Result<T, E> {
    text.parse().map_err(|_| E::custom(format!("'{text}' is not {what}")))
}
