//! Which hosts may take mail for a domain that publishes an MTA-STS policy? RFC 8461.

mod demand;
mod keep;
mod parse;

use std::time::Duration;

pub use demand::{Demand, demand};
pub use keep::{Failed, Kept, Step, after_fetch, refresh_due, step};
pub use parse::{Record, page, parse, record};

/// A policy that a domain publishes (RFC 8461 section 3.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// What is to be done where it does not hold.
    pub mode: Mode,
    /// The hosts that may take mail, in lower case; one that begins with `*.` stands for all with one more label.
    pub mx: Vec<String>,
    /// How long it holds after it was fetched.
    pub max_age: Duration,
}

/// What is to be done where a policy does not hold (RFC 8461 section 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// No delivery.
    Enforce,
    /// A report, and delivery as if there were no policy.
    Testing,
    /// Nothing: the domain has given up its policy.
    None,
}

impl Mode {
    /// Its name in a policy.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Testing => "testing",
            Mode::None => "none",
        }
    }
}

impl Policy {
    /// The lines of the policy, as a TLS report shows them.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec!["version: STSv1".to_owned(), format!("mode: {}", self.mode.name())];
        lines.extend(self.mx.iter().map(|mx| format!("mx: {mx}")));
        lines.push(format!("max_age: {}", self.max_age.as_secs()));
        lines
    }
}

/// Whether a policy permits a host: its very name, or a wildcard for exactly its left-most label (RFC 8461 section 4.1).
pub fn matches(policy: &Policy, host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    policy.mx.iter().any(|pattern| match pattern.strip_prefix("*.") {
        Some(rest) => host.split_once('.').is_some_and(|(first, others)| !first.is_empty() && others == rest),
        None => *pattern == host,
    })
}

/// Where the record of a domain is.
pub fn record_name(domain: &mail::Domain) -> String {
    format!("_mta-sts.{domain}")
}

/// Where the policy of a domain is.
pub fn policy_url(domain: &mail::Domain) -> String {
    format!("https://mta-sts.{domain}/.well-known/mta-sts.txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: F10
    #[test]
    fn a_wildcard_stands_for_one_label() {
        let mx = vec!["mx.example.org".to_owned(), "*.example.net".to_owned()];
        let policy = Policy { mode: Mode::Enforce, mx, max_age: Duration::from_secs(86_400) };
        for (host, expected) in [
            ("mx.example.org", true),
            ("MX.example.org.", true),
            ("mx.example.net", true),
            ("a.mx.example.net", false),
            ("example.net", false),
            (".example.net", false),
            ("other.example.org", false),
        ] {
            assert_eq!(matches(&policy, host), expected, "{host}");
        }
    }

    // proves: F10
    #[test]
    fn the_policy_is_that_of_the_recipient_domain() {
        let domain = mail::Domain::parse("Bücher.example").expect("valid");
        assert_eq!(record_name(&domain), "_mta-sts.xn--bcher-kva.example");
        assert_eq!(policy_url(&domain), "https://mta-sts.xn--bcher-kva.example/.well-known/mta-sts.txt");
    }
}
