//! Which hosts may take mail for a domain that publishes an MTA-STS policy? RFC 8461.

/// A policy that a domain publishes (RFC 8461 section 3.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// What is to be done where it does not hold.
    pub mode: Mode,
    /// The hosts that may take mail, in lower case; one that begins with `*.` stands for all with one more label.
    pub mx: Vec<String>,
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

/// Whether a policy permits a host: its very name, or a wildcard for exactly its left-most label (RFC 8461 section 4.1).
pub fn matches(policy: &Policy, host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    policy.mx.iter().any(|pattern| match pattern.strip_prefix("*.") {
        Some(rest) => host.split_once('.').is_some_and(|(first, others)| !first.is_empty() && others == rest),
        None => *pattern == host,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let policy =
            Policy { mode: Mode::Enforce, mx: vec!["mx.example.org".to_owned(), "*.example.net".to_owned()] };
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
}
