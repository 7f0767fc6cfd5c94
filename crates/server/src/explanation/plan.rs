//! Which hosts would be tried, in which order, with which security and why?

use std::net::IpAddr;
use std::sync::Arc;

use policy::NextHop;
use policy::mx::{self, Host, HostRole, MxRules};
use policy::plan::{PlannedHost, TlsRequirement, planned_host};
use policy::route::{Choice, Explained};
use policy::settings::{
    IpLookupStrategy, MtaRoute, MtaTlsStrategy, RelayProtocol, RelayRoute, RouteKind, TlsLevel,
};
use serde::Serialize;

use super::Subject;

/// Addresses of a relay at most.
const RELAY_ADDRESSES_MAX: usize = 10;

/// One host of the plan, fit to be shown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HostReport {
    /// Its name.
    pub(crate) name: String,
    /// Where the name comes from.
    pub(crate) origin: String,
    /// Its addresses in order.
    pub(crate) addresses: Vec<IpAddr>,
    /// Its port.
    pub(crate) port: u16,
    /// `smtp` or `lmtp`.
    pub(crate) protocol: &'static str,
    /// The security it must have; empty if there is trouble before that.
    pub(crate) tls: String,
    /// Why.
    pub(crate) tls_because: String,
    /// The user name for AUTH.
    pub(crate) username: Option<String>,
    /// How the TLS strategy was chosen.
    pub(crate) tls_strategy: Option<Explained>,
    /// How the connection strategy was chosen.
    pub(crate) connection_strategy: Option<Explained>,
    /// Why the host would not be tried.
    pub(crate) trouble: Option<String>,
}

/// The hosts of a route for one recipient; why there are none otherwise. A Local route has none.
pub(crate) async fn hosts(
    subject: &Subject<'_>,
    route: &MtaRoute,
    next_hop: &NextHop,
    rules: &MxRules,
) -> Result<Vec<HostReport>, String> {
    let named = match (&route.kind, next_hop) {
        (RouteKind::Mx(mx), NextHop::Mx { domain, .. }) => {
            let answer = match domain.literal() {
                Some(_) => Ok(Vec::new()),
                None => subject.world.resolver.mx(domain).await,
            };
            mx::mx_hosts(domain, answer, 0, rules, mx.max_mx_hosts).map_err(|trouble| trouble.text)?
        }
        (RouteKind::Relay(relay), _) => {
            vec![Host { name: relay.address.clone(), role: HostRole::Relay }]
        }
        (RouteKind::Local | RouteKind::Mx(_), _) => Vec::new(),
    };
    let mut reports = Vec::with_capacity(named.len());
    for host in &named {
        reports.push(host_report(subject, route, host, rules).await);
    }
    Ok(reports)
}

async fn host_report(subject: &Subject<'_>, route: &MtaRoute, host: &Host, rules: &MxRules) -> HostReport {
    let relay = match &route.kind {
        RouteKind::Relay(relay) => Some(relay),
        RouteKind::Local | RouteKind::Mx(_) => None,
    };
    let mut report = HostReport {
        name: host.name.clone(),
        origin: origin(host.role),
        addresses: Vec::new(),
        port: relay.map_or(rules.port, |relay| relay.port),
        protocol: match relay.map(|relay| relay.protocol) {
            Some(RelayProtocol::Lmtp) => "lmtp",
            Some(RelayProtocol::Smtp) | None => "smtp",
        },
        tls: String::new(),
        tls_because: String::new(),
        username: relay.and_then(|relay| relay.auth_username.clone()),
        tls_strategy: None,
        connection_strategy: None,
        trouble: None,
    };
    if let Err(trouble) = fill(subject, route, host, rules, &mut report).await {
        report.trouble = Some(trouble);
    }
    report
}

async fn fill(
    subject: &Subject<'_>,
    route: &MtaRoute,
    host: &Host,
    rules: &MxRules,
    report: &mut HostReport,
) -> Result<(), String> {
    report.addresses = addresses(subject, route, host, rules).await?;
    let (choice, explained) = subject.tls(&host.name).await;
    report.tls_strategy = Some(explained);
    let strategy = decided(choice)?;
    let (choice, explained) = subject.connection(&host.name).await;
    report.connection_strategy = Some(explained);
    decided(choice)?;
    let addresses = report.addresses.clone();
    let planned =
        planned_host(subject.configuration, route, &strategy, subject.envelope, host, addresses, rules)
            .map_err(|trouble| trouble.text)?;
    report.tls = tls_words(planned.tls).to_owned();
    report.tls_because = tls_because(route, &strategy, &planned);
    Ok(())
}

fn decided<T>(choice: Choice<Arc<T>>) -> Result<Arc<T>, String> {
    match choice {
        Choice::Decided(decided) => Ok(decided),
        Choice::Undecidable(trouble) => Err(trouble.text),
        Choice::Needs(_) => Err("an expression asks for more lookups than are allowed".to_owned()),
    }
}

async fn addresses(
    subject: &Subject<'_>,
    route: &MtaRoute,
    host: &Host,
    rules: &MxRules,
) -> Result<Vec<IpAddr>, String> {
    let (strategy, addresses_max) = match &route.kind {
        RouteKind::Mx(mx) => (mx.ip_lookup_strategy, mx.max_multihomed),
        RouteKind::Relay(_) | RouteKind::Local => (IpLookupStrategy::V4ThenV6, RELAY_ADDRESSES_MAX),
    };
    let literal = match host.role {
        HostRole::Literal(ip) => Some(ip),
        HostRole::Relay => host.name.parse().ok(),
        HostRole::Mx { .. } | HostRole::Implicit => None,
    };
    let mut answers = Vec::new();
    match literal {
        Some(ip) => answers.push(Ok(vec![ip])),
        None => {
            for family in mx::families(strategy) {
                answers.push(subject.world.resolver.addresses(&host.name, *family).await);
            }
        }
    }
    mx::addresses(host, answers, rules, addresses_max).map_err(|trouble| trouble.text)
}

fn origin(role: HostRole) -> String {
    match role {
        HostRole::Mx { preference } => format!("MX record, preference {preference}"),
        HostRole::Implicit => "no MX record, so the domain itself".to_owned(),
        HostRole::Literal(_) => "address literal".to_owned(),
        HostRole::Relay => "configured relay".to_owned(),
    }
}

fn tls_words(requirement: TlsRequirement) -> &'static str {
    match requirement {
        TlsRequirement::Never => "not used",
        TlsRequirement::Opportunistic { verify: true } => "used where offered, its certificate must verify",
        TlsRequirement::Opportunistic { verify: false } => "used where offered, any certificate will do",
        TlsRequirement::StartTls { verify: true } => "required by STARTTLS, its certificate must verify",
        TlsRequirement::StartTls { verify: false } => "required by STARTTLS, any certificate will do",
        TlsRequirement::Implicit { verify: true } => "from the first byte, its certificate must verify",
        TlsRequirement::Implicit { verify: false } => "from the first byte, any certificate will do",
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
    if planned.credentials.is_some() {
        because.push("a password is to be sent".to_owned());
    }
    if relay.is_some_and(|relay| relay.allow_invalid_certs) {
        because.push(format!("route '{}' says allowInvalidCerts", route.name));
    } else if strategy.allow_invalid_certs {
        because.push(format!("TLS strategy '{}' says allowInvalidCerts", strategy.name));
    }
    because.join("; ")
}
