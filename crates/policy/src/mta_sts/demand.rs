//! What does a domain's policy demand of one host? RFC 8461 section 5.

use super::{Mode, Policy, matches};
use crate::outcome::{Scope, Trouble, TroubleKind};
use crate::settings::TlsLevel;
use crate::tls_outcome::StsFinding;

/// What a policy, or the strategy in its absence, demands of a host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Demand {
    /// Nothing.
    Nothing,
    /// TLS.
    Tls,
    /// TLS, with a certificate that verifies.
    VerifiedTls,
}

/// What follows for a host from what was found of its domain's policy. Trouble if the host may not take the mail.
///
/// A host that the policy does not name defers the mail and does not return it: MX records or the policy may be
/// forged or about to change (RFC 8461 section 5.1).
pub fn demand(finding: &StsFinding, level: TlsLevel, host: &str) -> Result<Demand, Trouble> {
    let is_required = level == TlsLevel::Require;
    match finding {
        _ if level == TlsLevel::Disable => Ok(Demand::Nothing),
        StsFinding::Policy(policy) => of_policy(policy, is_required, host),
        StsFinding::NotAsked | StsFinding::NoPolicy | StsFinding::Unavailable(_) if !is_required => {
            Ok(Demand::Nothing)
        }
        StsFinding::Unavailable(failure) => {
            let class = if failure.is_temporary { 4 } else { 5 };
            Err(trouble(class, failure.text.clone(), host))
        }
        StsFinding::NoPolicy | StsFinding::NotAsked => {
            Err(trouble(5, "the domain has no MTA-STS policy: Record not found".to_owned(), host))
        }
    }
}

fn of_policy(policy: &Policy, is_required: bool, host: &str) -> Result<Demand, Trouble> {
    match policy.mode {
        Mode::Enforce if !matches(policy, host) => {
            Err(trouble(4, format!("MX \"{host}\" not authorized by policy."), host))
        }
        Mode::Enforce => Ok(Demand::VerifiedTls),
        Mode::Testing | Mode::None if is_required => Ok(Demand::Tls),
        Mode::Testing | Mode::None => Ok(Demand::Nothing),
    }
}

fn trouble(class: u8, text: String, host: &str) -> Trouble {
    Trouble::new(Scope::Host, TroubleKind::MtaSts, (class, 7, 10), text).at(host)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::tls_outcome::{StsFailure, TlsResult};

    fn policy(mode: Mode) -> StsFinding {
        let mx = vec!["*.example.org".to_owned()];
        StsFinding::Policy(Arc::new(Policy { mode, mx, max_age: Duration::from_secs(86_400) }))
    }

    fn unavailable(is_temporary: bool) -> StsFinding {
        let (result, text) = (TlsResult::StsPolicyFetchError, "x".to_owned());
        StsFinding::Unavailable(StsFailure { result, is_temporary, text })
    }

    // proves: F10, 5.7.1, 5.7.3, 5.7.5
    #[test]
    fn only_a_policy_in_force_demands_anything_unless_the_strategy_does() {
        use Demand::{Nothing, Tls, VerifiedTls};
        let (named, other) = ("mx.example.org", "mx.example.net");
        for (finding, host, optional, required) in [
            (policy(Mode::Enforce), named, Ok(VerifiedTls), Ok(VerifiedTls)),
            (policy(Mode::Enforce), other, Err("4.7.10"), Err("4.7.10")),
            (policy(Mode::Testing), named, Ok(Nothing), Ok(Tls)),
            (policy(Mode::Testing), other, Ok(Nothing), Ok(Tls)),
            (policy(Mode::None), other, Ok(Nothing), Ok(Tls)),
            (StsFinding::NoPolicy, named, Ok(Nothing), Err("5.7.10")),
            (StsFinding::NotAsked, named, Ok(Nothing), Err("5.7.10")),
            (unavailable(true), named, Ok(Nothing), Err("4.7.10")),
            (unavailable(false), named, Ok(Nothing), Err("5.7.10")),
        ] {
            let ask = |level| demand(&finding, level, host).map_err(|trouble| trouble.status.to_string());
            assert_eq!(ask(TlsLevel::Optional), optional.map_err(str::to_owned), "{finding:?} {host}");
            assert_eq!(ask(TlsLevel::Require), required.map_err(str::to_owned), "{finding:?} {host}");
            assert_eq!(ask(TlsLevel::Disable), Ok(Nothing), "{finding:?} {host}");
        }
    }

    #[test]
    fn the_trouble_names_kind_and_host() {
        let refused =
            demand(&policy(Mode::Enforce), TlsLevel::Optional, "mx.example.net").expect_err("refused");
        assert_eq!((refused.kind, refused.host.as_str()), (TroubleKind::MtaSts, "mx.example.net"));
        assert_eq!(refused.text, "MX \"mx.example.net\" not authorized by policy.");
    }
}
