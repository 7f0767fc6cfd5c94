//! Which security must the hop have?

use crate::mta_sts::{self, Demand};
use crate::outcome::{Scope, Trouble, TroubleKind};
use crate::plan::TlsRequirement;
use crate::settings::{MtaTlsStrategy, RelayRoute, TlsLevel};
use crate::tls_outcome::StsFinding;

/// What besides the TLS strategy bears on the security of a hop.
#[derive(Clone, Copy, Debug)]
pub struct HopSecurity<'a> {
    /// The host, for the texts.
    pub host: &'a str,
    /// The relay route, if it is one.
    pub relay: Option<&'a RelayRoute>,
    /// Whether a password will be sent.
    pub credentials: bool,
    /// Whether every address of the host is a loopback address, so that nobody listens on the way.
    pub loopback: bool,
    /// Whether the sender demanded REQUIRETLS (RFC 8689).
    pub require_tls: bool,
    /// What is known of the MTA-STS policy of the recipient domain.
    pub sts: &'a StsFinding,
}

/// The security that a host must have.
///
/// A demand for TLS, by whichever of policy, message, route or password, wins over `startTls: disable`. A password is
/// only sent over TLS with a verified certificate, or on this machine; the route's own `allowPlaintextAuth` lifts that.
/// A TLS strategy never does, since the strategy may change with the last error.
pub fn requirement(strategy: &MtaTlsStrategy, hop: HopSecurity<'_>) -> Result<TlsRequirement, Trouble> {
    if strategy.dane == TlsLevel::Require {
        return Err(not_available(TroubleKind::Dane, "DANE", strategy, hop.host));
    }
    let sts = match hop.relay {
        // A relay is configured and has no policy to ask for. What is left of the demand is TLS.
        Some(_) if strategy.mta_sts == TlsLevel::Require => Demand::Tls,
        Some(_) => Demand::Nothing,
        None => mta_sts::demand(hop.sts, strategy.mta_sts, hop.host)?,
    };
    let password_may_show = hop.loopback || hop.relay.is_some_and(|relay| relay.allow_plaintext_auth);
    let password_needs_tls = hop.credentials && !password_may_show;
    let relay_allows = hop.relay.is_some_and(|relay| relay.allow_invalid_certs) && !password_needs_tls;
    let strategy_allows = strategy.allow_invalid_certs && !hop.credentials;
    let must_verify = hop.require_tls || sts == Demand::VerifiedTls;
    let verify = must_verify || !(relay_allows || strategy_allows);
    if hop.relay.is_some_and(|relay| relay.implicit_tls) {
        return Ok(TlsRequirement::Implicit { verify });
    }
    let relay_demands = hop.relay.is_some_and(|relay| relay.require_tls);
    let is_demanded = hop.require_tls || relay_demands || sts != Demand::Nothing;
    Ok(match strategy.start_tls {
        TlsLevel::Disable if password_needs_tls => return Err(no_tls_for_password(hop.host)),
        _ if is_demanded || password_needs_tls => TlsRequirement::StartTls { verify },
        TlsLevel::Disable => TlsRequirement::Never,
        TlsLevel::Optional => TlsRequirement::Opportunistic { verify },
        TlsLevel::Require => TlsRequirement::StartTls { verify },
    })
}

fn not_available(kind: TroubleKind, what: &str, strategy: &MtaTlsStrategy, host: &str) -> Trouble {
    let text = format!(
        "the TLS strategy '{}' requires {what}, which is not available in this version",
        strategy.name
    );
    tls_trouble(kind, (4, 7, 5), text, host)
}

fn no_tls_for_password(host: &str) -> Trouble {
    let text = format!("the password for {host} is not sent without TLS, which the TLS strategy disables");
    tls_trouble(TroubleKind::Tls, (4, 7, 10), text, host)
}

/// STARTTLS is required and not offered. For good, unless a password of ours is what requires it.
pub fn not_offered(host: &str, credentials: bool) -> Trouble {
    if credentials {
        let text = format!("{host} does not offer STARTTLS, and the password is not sent without TLS");
        return tls_trouble(TroubleKind::Tls, (4, 7, 10), text, host);
    }
    tls_trouble(
        TroubleKind::Tls,
        (5, 7, 10),
        format!("{host} does not offer STARTTLS, which is required"),
        host,
    )
}

/// The handshake did not succeed. Nothing is sent in clear instead; the next attempt may have another strategy.
pub fn handshake_failed(host: &str, why: &str) -> Trouble {
    tls_trouble(TroubleKind::Tls, (4, 7, 5), format!("TLS with {host}: {why}"), host)
}

fn tls_trouble(kind: TroubleKind, status: (u8, u16, u16), text: String, host: &str) -> Trouble {
    Trouble::new(Scope::Host, kind, status, text).at(host)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn strategy(start_tls: TlsLevel, allow_invalid_certs: bool) -> MtaTlsStrategy {
        MtaTlsStrategy {
            name: "default".to_owned(),
            description: None,
            dane: TlsLevel::Optional,
            mta_sts: TlsLevel::Optional,
            start_tls,
            allow_invalid_certs,
            tls_timeout: Duration::from_secs(180),
            mta_sts_timeout: Duration::from_secs(300),
        }
    }

    fn relay(implicit_tls: bool, allow_invalid_certs: bool) -> RelayRoute {
        RelayRoute { implicit_tls, allow_invalid_certs, ..RelayRoute::to("relay.example.org") }
    }

    const MX: HopSecurity<'_> = HopSecurity {
        host: "mx",
        relay: None,
        credentials: false,
        loopback: false,
        require_tls: false,
        sts: &StsFinding::NotAsked,
    };

    #[track_caller]
    fn check(strategy: &MtaTlsStrategy, hop: HopSecurity<'_>, expected: Result<TlsRequirement, &str>) {
        let got = requirement(strategy, hop).map_err(|trouble| trouble.status.to_string());
        assert_eq!(got, expected.map_err(str::to_owned), "{strategy:?} {hop:?}");
    }

    #[test]
    fn mx_hosts_follow_the_strategy() {
        use TlsRequirement::{Never, Opportunistic, StartTls};
        for (level, allow, expected) in [
            (TlsLevel::Optional, false, Opportunistic { verify: true }),
            (TlsLevel::Optional, true, Opportunistic { verify: false }),
            (TlsLevel::Require, false, StartTls { verify: true }),
            (TlsLevel::Require, true, StartTls { verify: false }),
            (TlsLevel::Disable, false, Never),
            (TlsLevel::Disable, true, Never),
        ] {
            check(&strategy(level, allow), MX, Ok(expected));
        }
    }

    #[test]
    fn requiretls_wins_over_the_strategy() {
        for level in [TlsLevel::Optional, TlsLevel::Require, TlsLevel::Disable] {
            let hop = HopSecurity { require_tls: true, ..MX };
            check(&strategy(level, true), hop, Ok(TlsRequirement::StartTls { verify: true }));
        }
    }

    #[test]
    fn a_relay_may_allow_invalid_certificates_for_itself() {
        for (implicit, allow, expected) in [
            (true, false, TlsRequirement::Implicit { verify: true }),
            (true, true, TlsRequirement::Implicit { verify: false }),
            (false, false, TlsRequirement::Opportunistic { verify: true }),
            (false, true, TlsRequirement::Opportunistic { verify: false }),
        ] {
            let relay = relay(implicit, allow);
            let hop = HopSecurity { relay: Some(&relay), ..MX };
            check(&strategy(TlsLevel::Optional, false), hop, Ok(expected));
        }
    }

    // proves: G5
    #[test]
    fn a_password_is_not_sent_in_clear_or_to_a_stranger() {
        let (strict, lax) = (relay(false, false), relay(false, true));
        let hop = HopSecurity { relay: Some(&strict), credentials: true, ..MX };
        check(&strategy(TlsLevel::Optional, false), hop, Ok(TlsRequirement::StartTls { verify: true }));
        check(&strategy(TlsLevel::Optional, true), hop, Ok(TlsRequirement::StartTls { verify: true }));
        check(&strategy(TlsLevel::Disable, false), hop, Err("4.7.10"));
        let hop = HopSecurity { relay: Some(&lax), ..hop };
        check(&strategy(TlsLevel::Optional, false), hop, Ok(TlsRequirement::StartTls { verify: true }));
        let said = RelayRoute { allow_plaintext_auth: true, ..lax.clone() };
        let open = HopSecurity { relay: Some(&said), ..hop };
        check(
            &strategy(TlsLevel::Optional, false),
            open,
            Ok(TlsRequirement::Opportunistic { verify: false }),
        );
        check(&strategy(TlsLevel::Disable, false), open, Ok(TlsRequirement::Never));
        let hop = HopSecurity { loopback: true, ..hop };
        check(&strategy(TlsLevel::Optional, false), hop, Ok(TlsRequirement::Opportunistic { verify: false }));
        check(&strategy(TlsLevel::Disable, false), hop, Ok(TlsRequirement::Never));
    }

    #[test]
    fn a_relay_may_demand_tls_whatever_the_strategy_says() {
        let relay = RelayRoute { require_tls: true, ..relay(false, true) };
        let hop = HopSecurity { relay: Some(&relay), ..MX };
        for level in [TlsLevel::Optional, TlsLevel::Require, TlsLevel::Disable] {
            check(&strategy(level, false), hop, Ok(TlsRequirement::StartTls { verify: false }));
        }
    }

    #[test]
    fn what_is_not_there_yet_defers() {
        let dane = MtaTlsStrategy { dane: TlsLevel::Require, ..strategy(TlsLevel::Optional, false) };
        check(&dane, MX, Err("4.7.5"));
        let mta_sts = MtaTlsStrategy { mta_sts: TlsLevel::Require, ..strategy(TlsLevel::Optional, false) };
        check(&mta_sts, MX, Err("5.7.10"));
        let relay = relay(false, false);
        let hop = HopSecurity { relay: Some(&relay), ..MX };
        check(&mta_sts, hop, Ok(TlsRequirement::StartTls { verify: true }));
        let contradictory = MtaTlsStrategy { start_tls: TlsLevel::Disable, ..mta_sts };
        check(&contradictory, hop, Ok(TlsRequirement::StartTls { verify: true }));
    }

    #[test]
    fn missing_starttls_is_final_only_without_a_password() {
        assert_eq!(not_offered("mx", false).status.class, 5);
        assert_eq!(not_offered("mx", true).status.class, 4);
        assert_eq!(handshake_failed("mx", "no").kind, TroubleKind::Tls);
    }
}
