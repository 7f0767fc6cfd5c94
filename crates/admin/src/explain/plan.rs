//! Which hosts would be tried, in which order, with which security and why?

use std::net::IpAddr;
use std::sync::Arc;

use mail::Domain;
use mta::mta_sts::StsPolicies;
use policy::mx::{Host, HostRole, MxRules};
use policy::plan::{Gathered, PlannedHost, TlsRequirement, planned_host};
use policy::route::Explained;
use policy::settings::{
    MtaConnectionStrategy, MtaRoute, MtaTlsStrategy, RelayProtocol, RelayRoute, RouteKind, TlsLevel,
};
use policy::tls::{DaneWord, Demander, HopTls, TlsReason};
use policy::tls_outcome::StsFinding;
use policy::{NextHop, Trouble};
use serde::Serialize;

use super::subject::Subject;

/// One host of the plan, fit to be shown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostReport {
    /// Its name.
    pub name: String,
    /// Where the name comes from.
    pub origin: String,
    /// Its addresses in order.
    pub addresses: Vec<IpAddr>,
    /// Its port.
    pub port: u16,
    /// `smtp` or `lmtp`.
    pub protocol: &'static str,
    /// The security it must have; empty if there is trouble before that.
    pub tls: String,
    /// Why.
    pub tls_because: String,
    /// The user name for AUTH.
    pub username: Option<String>,
    /// How the TLS strategy was chosen.
    pub tls_strategy: Option<Explained>,
    /// How the connection strategy was chosen.
    pub connection_strategy: Option<Explained>,
    /// From which addresses, and under which name.
    pub source: Option<String>,
    /// Why the host would not be tried.
    pub trouble: Option<String>,
}

/// The hosts of a route for one recipient; why there are none otherwise. A Local route has none.
pub async fn hosts(
    subject: &Subject<'_>,
    route: &MtaRoute,
    next_hop: &NextHop,
    rules: &MxRules,
) -> Result<Vec<HostReport>, String> {
    if matches!(route.kind, RouteKind::Local) {
        return Ok(Vec::new());
    }
    let named = mta::hosts::hosts(subject.world, route, next_hop, rules, 0).await;
    let named = named.map_err(|trouble| trouble.text)?;
    let mut reports = Vec::with_capacity(named.len());
    let domain = match next_hop {
        NextHop::Mx { domain, .. } => Some((domain, Arc::default())),
        NextHop::Local { .. } | NextHop::Relay { .. } => None,
    };
    for host in &named {
        reports.push(host_report(subject, route, host, rules, domain.as_ref()).await);
    }
    Ok(reports)
}

/// The recipient domain of an Mx route, and what is known of policies.
type MxDomain<'a> = (&'a Domain, Arc<StsPolicies>);

async fn host_report(
    subject: &Subject<'_>,
    route: &MtaRoute,
    host: &Host,
    rules: &MxRules,
    domain: Option<&MxDomain<'_>>,
) -> HostReport {
    let relay = match &route.kind {
        RouteKind::Relay(relay) => Some(relay),
        RouteKind::Local | RouteKind::Mx(_) => None,
    };
    let mut report = HostReport {
        name: host.name.clone(),
        origin: origin(host.role),
        addresses: Vec::new(),
        port: match host.role {
            HostRole::Relay { port } => port,
            _ => rules.port,
        },
        protocol: match relay.map(|relay| relay.protocol) {
            Some(RelayProtocol::Lmtp) => "lmtp",
            Some(RelayProtocol::Smtp) | None => "smtp",
        },
        tls: String::new(),
        tls_because: String::new(),
        username: relay.and_then(|relay| relay.auth_username.clone()),
        tls_strategy: None,
        connection_strategy: None,
        source: None,
        trouble: None,
    };
    if let Err(trouble) = fill(subject, route, host, rules, domain, &mut report).await {
        report.trouble = Some(trouble);
    }
    report
}

async fn fill(
    subject: &Subject<'_>,
    route: &MtaRoute,
    host: &Host,
    rules: &MxRules,
    domain: Option<&MxDomain<'_>>,
    report: &mut HostReport,
) -> Result<(), String> {
    let text = |trouble: Trouble| trouble.text;
    let found = mta::hosts::find(subject.world, route, host, rules).await.map_err(text)?;
    report.addresses.clone_from(&found.addresses);
    let (strategy, explained) = subject.tls(route, &host.name).await;
    report.tls_strategy = Some(explained);
    let strategy = strategy.map_err(text)?;
    let (connection, explained) = subject.connection(route, &host.name).await;
    report.connection_strategy = Some(explained);
    let connection = connection.map_err(text)?;
    report.source = Some(source_words(&connection));
    let proofs = mta::secrets::proofs(subject.world, route).await.map_err(text)?;
    let sts = match domain {
        Some((domain, policies)) => {
            mta::mta_sts::finding(subject.world, policies, domain, &strategy).await.map_err(text)?
        }
        None => StsFinding::NotAsked,
    };
    let mx_domain = domain.map(|(domain, _)| *domain);
    let dane = mta::hosts::dane(subject.world, mx_domain, host, &found, &strategy, rules).await;
    let gathered = Gathered { addresses: &found.addresses, proofs: &proofs, sts: &sts, dane: &dane };
    let planned = planned_host(route, &strategy, subject.envelope, host, gathered, rules).map_err(text)?;
    report.tls = tls_words(&planned.tls);
    report.tls_because = tls_because(route, &strategy, &planned);
    if let Some(words) = sts_words(&sts) {
        report.tls_because += "; ";
        report.tls_because += &words;
    }
    Ok(())
}

/// From where a connection strategy connects.
fn source_words(connection: &MtaConnectionStrategy) -> String {
    let from: Vec<String> = connection.source_ips.iter().map(|source| source.source_ip.to_string()).collect();
    let from = if from.is_empty() { "any address of this machine".to_owned() } else { from.join(" or ") };
    match &connection.ehlo_hostname {
        Some(name) => format!("{from}, as {name}"),
        None => from,
    }
}

fn origin(role: HostRole) -> String {
    match role {
        HostRole::Mx { preference } => format!("MX record, preference {preference}"),
        HostRole::Implicit => "no MX record, so the domain itself".to_owned(),
        HostRole::Literal(_) => "address literal".to_owned(),
        HostRole::Relay { .. } => "configured relay".to_owned(),
        HostRole::Socket => "configured Unix socket".to_owned(),
    }
}

/// Where a next hop is, in words.
pub fn next_hop_words(next_hop: &NextHop) -> String {
    match next_hop {
        NextHop::Local { .. } => "a mailbox of this server".to_owned(),
        NextHop::Mx { domain, .. } => format!("the MX hosts of {domain}"),
        NextHop::Relay { .. } => "the relay of the route".to_owned(),
    }
}

fn tls_words(tls: &HopTls) -> String {
    if let Some(binding) = &tls.dane {
        let records: Vec<String> = binding.records.iter().map(|record| record.parameters()).collect();
        return format!("required, its certificate must match TLSA {}", records.join(" or "));
    }
    let words = match tls.requirement {
        TlsRequirement::Never => "not used",
        TlsRequirement::Opportunistic { verify: true } => "used where offered, its certificate must verify",
        TlsRequirement::Opportunistic { verify: false } => "used where offered, any certificate will do",
        TlsRequirement::StartTls { verify: true } => "required by STARTTLS, its certificate must verify",
        TlsRequirement::StartTls { verify: false } => "required by STARTTLS, any certificate will do",
        TlsRequirement::Implicit { verify: true } => "from the first byte, its certificate must verify",
        TlsRequirement::Implicit { verify: false } => "from the first byte, any certificate will do",
    };
    words.to_owned()
}

/// What is known of the policy of the recipient domain, if it has one.
fn sts_words(sts: &StsFinding) -> Option<String> {
    match sts {
        StsFinding::NotAsked | StsFinding::NoPolicy => None,
        StsFinding::Policy(policy) => {
            Some(format!("the domain's MTA-STS policy says {}", policy.mode.name()))
        }
        StsFinding::Unavailable(failure) => Some(failure.text.clone()),
    }
}

fn anybody_will_do(requirement: TlsRequirement) -> bool {
    match requirement {
        TlsRequirement::Never => false,
        TlsRequirement::Opportunistic { verify }
        | TlsRequirement::StartTls { verify }
        | TlsRequirement::Implicit { verify } => !verify,
    }
}

/// What DANE has to do with it.
fn dane_words(reason: TlsReason) -> Option<String> {
    match (reason.dane, reason.demander) {
        (DaneWord::NotAsked, _) => None,
        (DaneWord::Records, Some(Demander::Dane)) => Some("its TLSA records are signed".to_owned()),
        (DaneWord::Records, _) => Some("its TLSA records are signed, and none can be used".to_owned()),
        (DaneWord::Unchecked, _) => Some("no DANE, since the name server does not validate".to_owned()),
        (DaneWord::Unsigned, _) => Some("no DANE, since its DNS is not signed".to_owned()),
        (DaneWord::NoRecords, _) => Some("it has no TLSA records".to_owned()),
    }
}

/// The settings that led to the requirement.
fn tls_because(route: &MtaRoute, strategy: &MtaTlsStrategy, planned: &PlannedHost) -> String {
    let mut because = Vec::new();
    let relay: Option<&RelayRoute> = match &route.kind {
        RouteKind::Relay(relay) => Some(relay),
        RouteKind::Local | RouteKind::Mx(_) => None,
    };
    let level = match strategy.start_tls {
        TlsLevel::Optional => "optional",
        TlsLevel::Require => "require",
        TlsLevel::Disable => "disable",
    };
    if relay.is_some_and(|relay| relay.implicit_tls) {
        because.push(format!("route '{}' says implicitTls", route.name));
    } else {
        because.push(format!("TLS strategy '{}' says startTls {level}", strategy.name));
    }
    if planned.tls.reason.demander == Some(Demander::Route) {
        because.push(format!("route '{}' says requireTls", route.name));
    }
    if planned.proofs.credentials.is_some() {
        because.push("a password is to be sent".to_owned());
    }
    because.extend(dane_words(planned.tls.reason));
    if anybody_will_do(planned.tls.requirement) && planned.tls.reason.demander != Some(Demander::UnusableTlsa)
    {
        let relay_allows = relay.is_some_and(|relay| relay.allow_invalid_certs);
        let (what, name) =
            if relay_allows { ("route", &route.name) } else { ("TLS strategy", &strategy.name) };
        because.push(format!("{what} '{name}' says allowInvalidCerts"));
    }
    because.join("; ")
}
