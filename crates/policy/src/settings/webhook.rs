//! `WebHook`: who is told by HTTP what happens, and of which events?

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::json::fields;
use super::secret::SecretKeyOptional;
use super::shape;

/// One receiver of events.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebHook {
    /// What the webhook is called; unique.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Name")]
    pub name: String,
    /// For people.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub description: Option<String>,
    /// Where events are posted to: `https://…`; `http://…` only to a loopback address.
    #[serde(deserialize_with = "url")]
    #[schemars(with = "shape::Text")]
    pub url: String,
    /// What signs each request, so that the receiver knows that it is from here.
    #[serde(default)]
    pub secret: SecretKeyOptional,
    /// Which events are told; all of them if empty.
    #[serde(default)]
    pub events: BTreeSet<WebHookEvent>,
    /// Whether the receiver may have a private address, such as 10.0.0.5. Loopback and link-local ones are told apart:
    /// loopback must be written in the URL, link-local is never asked.
    #[serde(default)]
    pub allow_private: bool,
    /// Whether it is told anything.
    #[serde(default = "yes")]
    pub enable: bool,
}

/// What a receiver may be told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum WebHookEvent {
    /// A message became ours.
    Accepted,
    /// A client was told no.
    Refused,
    /// A recipient was delivered.
    Delivered,
    /// A recipient is tried again later.
    Deferred,
    /// A recipient was not tried, for a limit of ours.
    Postponed,
    /// A recipient was given up.
    Failed,
    /// A notification was queued.
    Bounced,
    /// An operator held, released, cancelled, rescheduled or rerouted a recipient.
    Operator,
    /// A next hop is down and deliveries to it were put off, or the queue is under pressure.
    Queue,
    /// Another configuration is in force.
    Configuration,
}

impl WebHookEvent {
    /// Each, with the name that settings know it by.
    pub const NAMES: [(&'static str, WebHookEvent); 10] = [
        ("accepted", WebHookEvent::Accepted),
        ("refused", WebHookEvent::Refused),
        ("delivered", WebHookEvent::Delivered),
        ("deferred", WebHookEvent::Deferred),
        ("postponed", WebHookEvent::Postponed),
        ("failed", WebHookEvent::Failed),
        ("bounced", WebHookEvent::Bounced),
        ("operator", WebHookEvent::Operator),
        ("queue", WebHookEvent::Queue),
        ("configuration", WebHookEvent::Configuration),
    ];
}

impl WebHook {
    /// Whether the URL itself names this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback_url(&self.url)
    }
}

/// Whether a URL itself names this machine.
pub fn is_loopback_url(url: &str) -> bool {
    is_loopback(authority(url))
}

fn yes() -> bool {
    true
}

/// A URL with a host, without a password.
fn url<'de, D: Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    let url = fields::text(json)?;
    url_fault(&url).map_or(Ok(url), |why| Err(D::Error::custom(why)))
}

/// Why events are not told to this URL, if they are not.
pub fn url_fault(url: &str) -> Option<String> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let authority = authority(url);
    if authority.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some(format!("'{url}' is no URL"));
    }
    if authority.contains('@') {
        return Some("a URL with a user or a password in it would show them".to_owned());
    }
    match scheme {
        "https" => None,
        "http" if is_loopback(authority) => None,
        "http" => Some("events are told by https; http is for loopback addresses".to_owned()),
        _ => Some(format!("'{url}' does not begin with https://")),
    }
}

/// The host and the port.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_https_or_loopback() {
        for (url, refused) in [
            ("https://hooks.example.org/mail?x=1", None),
            ("https://192.0.2.1:8443/", None),
            ("http://127.0.0.1:8000/hook", None),
            ("http://[::1]:8000/hook", None),
            ("http://localhost/hook", None),
            ("http://hooks.example.org/", Some("by https")),
            ("http://127.0.0.1.example.org/", Some("by https")),
            ("https://user:pw@hooks.example.org/", Some("password")),
            ("https:///path", Some("no URL")),
            ("ftp://hooks.example.org/", Some("https://")),
            ("hooks.example.org", Some("https://")),
        ] {
            let found = url_fault(url);
            let matches = match (refused, &found) {
                (None, None) => true,
                (Some(part), Some(why)) => why.contains(part),
                _ => false,
            };
            assert!(matches, "{url}: {found:?}");
        }
    }
}
