//! Which security must the hop have?

mod reason;

use std::sync::Arc;

use crate::dane::{self, Binding, DaneDemand, DaneFinding};
use crate::mta_sts::{self, Demand, Mode};
use crate::outcome::{Scope, Trouble, TroubleKind};
use crate::plan::TlsRequirement;
use crate::settings::{MtaTlsStrategy, RelayRoute, TlsLevel};
use crate::tls_outcome::StsFinding;
pub use reason::{DaneWord, Demander, StsWord, TlsReason};

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
    /// Whether it is certain that the next hop means this host: configured, the domain itself, or proven by DNSSEC.
    pub is_meant: bool,
    /// What is known of the MTA-STS policy of the recipient domain.
    pub sts: &'a StsFinding,
    /// What is known of the host's TLSA records.
    pub dane: &'a DaneFinding,
}

/// The security that a host must have, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HopTls {
    /// Whether TLS, and whether it must verify.
    pub requirement: TlsRequirement,
    /// The records by which its certificate verifies, instead of by name and root.
    pub dane: Option<Arc<Binding>>,
    /// Why.
    pub reason: TlsReason,
}

impl HopTls {
    /// Nothing is asked of it.
    pub fn none() -> Self {
        let reason = TlsReason { demander: None, dane: DaneWord::NotAsked, sts: StsWord::NotAsked };
        HopTls { requirement: TlsRequirement::Never, dane: None, reason }
    }
}

/// The security that a host must have.
///
/// A password is only shown to a host that is configured, proven, or within a configured name. A demand for TLS, by whichever of policy, message, route or password, wins over `startTls: disable`. DANE wins over
/// MTA-STS (RFC 8461 section 2). A password is only sent over TLS with a verified certificate, or on this machine; the
/// route's own `allowPlaintextAuth` lifts that. A TLS strategy never does, since the strategy may change with the last
/// error.
pub fn requirement(strategy: &MtaTlsStrategy, hop: HopSecurity<'_>) -> Result<HopTls, Trouble> {
    if password_needs_tls(&hop) && !hop.is_meant && !is_within_configured(&hop) {
        return Err(stranger(hop.host));
    }
    let dane = dane::demand(hop.dane, strategy.dane, hop.host)?;
    let sts = match (&dane, hop.relay) {
        (DaneDemand::Match(_), _) => Demand::Nothing,
        // A relay is configured and has no policy to ask for. What is left of the demand is TLS.
        (_, Some(_)) if strategy.mta_sts == TlsLevel::Require => Demand::Tls,
        (_, Some(_)) => Demand::Nothing,
        (_, None) => mta_sts::demand(hop.sts, strategy.mta_sts, hop.host)?,
    };
    if hop.require_tls && !hop.is_meant && !sts_names(hop.sts, hop.host) {
        return Err(not_meant(hop.host));
    }
    let demander = demander(strategy, &hop, &dane, sts);
    let verify = must_verify(&hop, &dane, sts) || !may_be_anybody(strategy, &hop);
    let requirement = match demander {
        _ if hop.relay.is_some_and(|relay| relay.implicit_tls) => TlsRequirement::Implicit { verify },
        Some(_) => TlsRequirement::StartTls { verify },
        None if strategy.start_tls == TlsLevel::Disable => TlsRequirement::Never,
        None => TlsRequirement::Opportunistic { verify },
    };
    let reason = TlsReason {
        demander,
        dane: DaneWord::of(hop.dane, strategy.dane),
        sts: StsWord::of(hop.sts, strategy.mta_sts),
    };
    let dane = match dane {
        DaneDemand::Match(binding) => Some(binding),
        DaneDemand::Nothing | DaneDemand::AnyTls => None,
    };
    Ok(HopTls { requirement, dane, reason })
}

/// Who demands TLS; the strongest of them.
fn demander(
    strategy: &MtaTlsStrategy,
    hop: &HopSecurity<'_>,
    dane: &DaneDemand,
    sts: Demand,
) -> Option<Demander> {
    let relay_demands = hop.relay.is_some_and(|relay| relay.require_tls);
    match dane {
        DaneDemand::Match(_) => Some(Demander::Dane),
        _ if sts == Demand::VerifiedTls => Some(Demander::MtaSts),
        _ if hop.require_tls => Some(Demander::Message),
        DaneDemand::AnyTls => Some(Demander::UnusableTlsa),
        _ if password_needs_tls(hop) => Some(Demander::Password),
        _ if relay_demands => Some(Demander::Route),
        _ if sts == Demand::Tls || strategy.start_tls == TlsLevel::Require => Some(Demander::Strategy),
        DaneDemand::Nothing => None,
    }
}

fn must_verify(hop: &HopSecurity<'_>, dane: &DaneDemand, sts: Demand) -> bool {
    hop.require_tls || sts == Demand::VerifiedTls || matches!(dane, DaneDemand::Match(_))
}

fn may_be_anybody(strategy: &MtaTlsStrategy, hop: &HopSecurity<'_>) -> bool {
    // RFC 7672 section 2.2: where no record can be used there is nothing to authenticate by.
    let unusable = matches!(hop.dane, DaneFinding::Unusable) && strategy.dane != TlsLevel::Disable;
    let relay_allows = hop.relay.is_some_and(|relay| relay.allow_invalid_certs) && !password_needs_tls(hop);
    relay_allows || ((strategy.allow_invalid_certs || unusable) && !hop.credentials)
}

fn password_needs_tls(hop: &HopSecurity<'_>) -> bool {
    let may_show = hop.loopback || hop.relay.is_some_and(|relay| relay.allow_plaintext_auth);
    hop.credentials && !may_show
}

/// Whether the host bears a configured name or one below it, so that whoever holds the name holds the host. The labels
/// of a service are no part of the name.
fn is_within_configured(hop: &HopSecurity<'_>) -> bool {
    let host = hop.host.trim_end_matches('.').to_ascii_lowercase();
    let is_within = |configured: &str| {
        let mut name = configured.trim_end_matches('.');
        while let Some((_, rest)) = name.split_once('.').filter(|_| name.starts_with('_')) {
            name = rest;
        }
        host.strip_suffix(&name.to_ascii_lowercase())
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    hop.relay.is_some_and(|relay| relay.hosts().iter().any(|place| is_within(&place.address)))
}

/// Whether a policy of the recipient domain names the host, whatever it says is to be done otherwise.
fn sts_names(sts: &StsFinding, host: &str) -> bool {
    matches!(sts, StsFinding::Policy(policy) if policy.mode != Mode::None && mta_sts::matches(policy, host))
}

/// RFC 8689 section 4.2.1: a name that is not proven could be anybody's.
fn not_meant(host: &str) -> Trouble {
    let text = format!(
        "the sender demanded REQUIRETLS, and neither DNSSEC nor MTA-STS shows that {host} is meant to take this mail"
    );
    tls_trouble(TroubleKind::Tls, (5, 7, 30), text, host)
}

/// RFC 6186 section 6: a certificate of a name that a forger chose proves nothing.
fn stranger(host: &str) -> Trouble {
    let text = format!("the password is not shown to {host}, which unsigned DNS names");
    tls_trouble(TroubleKind::Tls, (4, 7, 10), text, host)
}

/// STARTTLS is demanded and not offered. For good only if nobody but our own strategy demands it: a policy, a message
/// or a password may have met somebody who strips it.
pub fn not_offered(host: &str, reason: TlsReason) -> Trouble {
    let (class, why) = match reason.demander {
        None | Some(Demander::Strategy) => (5, "which is required"),
        Some(Demander::Dane | Demander::UnusableTlsa) => (4, "which its TLSA records demand"),
        Some(Demander::MtaSts) => (4, "which the MTA-STS policy demands"),
        Some(Demander::Message) => (4, "which the sender demanded"),
        Some(Demander::Password) => (4, "and the password is not sent without TLS"),
        Some(Demander::Route) => (4, "which the route requires"),
    };
    let text = format!("{host} does not offer STARTTLS, {why}");
    tls_trouble(TroubleKind::Tls, (class, 7, 10), text, host)
}

/// The handshake did not succeed. Nothing is sent in clear instead; the next attempt may have another strategy.
pub fn handshake_failed(host: &str, reason: TlsReason, why: &str) -> Trouble {
    let kind = if reason.demander == Some(Demander::Dane) { TroubleKind::Dane } else { TroubleKind::Tls };
    tls_trouble(kind, (4, 7, 5), format!("TLS with {host}: {why}"), host)
}

fn tls_trouble(kind: TroubleKind, status: (u8, u16, u16), text: String, host: &str) -> Trouble {
    Trouble::new(Scope::Host, kind, status, text).at(host)
}

#[cfg(test)]
mod tests;
