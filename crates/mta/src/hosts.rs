//! Which hosts, at which addresses, with which security? Gathers what `policy` needs to say so.

use std::net::IpAddr;
use std::sync::Arc;

use mail::{Domain, Envelope};
use policy::dane::{self, DaneFinding};
use policy::dns::{Answer, Security};
use policy::facts::{Facts, HostFacts};
use policy::mx::{self, Host, HostRole, MxRules};
use policy::relay::{self, Question};
use policy::route::{Choice, choose_connection, choose_tls};
use policy::settings::{
    IpLookupStrategy, MtaConnectionStrategy, MtaRoute, MtaTlsStrategy, RelayRoute, RouteKind, TlsLevel,
};
use policy::{Configuration, NextHop, Trouble};
use store::QueuedRecipient;

use crate::gather::decide;
use crate::world::World;

/// Addresses of a relay that are tried at most.
const RELAY_ADDRESSES_MAX: usize = 10;

/// The route of a next hop; a name that is not there any more only defers.
pub(crate) fn route<'a>(
    configuration: &'a Configuration,
    next_hop: &NextHop,
) -> Result<&'a Arc<MtaRoute>, Trouble> {
    let (NextHop::Local { route: name } | NextHop::Mx { route: name, .. } | NextHop::Relay { route: name }) =
        next_hop;
    configuration.routes.get(name).ok_or_else(|| Trouble::ours(format!("there is no route '{name}'")))
}

/// The hosts of a next hop in the order in which they are tried.
pub async fn hosts(
    world: &World,
    route: &MtaRoute,
    next_hop: &NextHop,
    rules: &MxRules,
    seed: u64,
) -> Result<Vec<Host>, Trouble> {
    match (&route.kind, next_hop) {
        (RouteKind::Mx(route), NextHop::Mx { domain, .. }) => {
            let answer = match domain.literal() {
                Some(_) => Ok(Answer::unchecked(Vec::new())),
                None => world.resolver.mx(domain).await,
            };
            mx::mx_hosts(domain, answer, seed, rules, route.max_mx_hosts)
        }
        (RouteKind::Relay(relay), NextHop::Relay { .. }) => relay_hosts(world, relay, rules, seed).await,
        (RouteKind::Local | RouteKind::Mx(_) | RouteKind::Relay(_), _) => {
            Err(Trouble::ours(format!("the route '{}' has changed its kind", route.name)))
        }
    }
}

/// The hosts of a relay in the order in which they are tried.
async fn relay_hosts(
    world: &World,
    route: &RelayRoute,
    rules: &MxRules,
    seed: u64,
) -> Result<Vec<Host>, Trouble> {
    let mut found = Vec::new();
    for question in relay::questions(route, seed) {
        found.push(match question {
            Question::Nothing(host) => Ok(vec![host]),
            Question::Srv(name) => relay::srv_hosts(&name, world.resolver.srv(&name).await, seed),
            Question::Mx(domain, port) => {
                relay::mx_hosts(&domain, world.resolver.mx(&domain).await, seed, rules, port)
            }
        });
    }
    relay::hosts(found)
}

/// Where a host is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// Its addresses in the order in which they are tried.
    pub addresses: Vec<IpAddr>,
    /// How far they are proven.
    pub proven: Security,
    /// The name that they are of, if the host's own is an alias.
    pub canonical: Option<String>,
}

/// The TLSA records of a host (RFC 7672 section 2.2). They are asked for only where the way to them is proven. `domain`
/// is that of the recipients, where MX records lead to the host.
pub async fn dane(
    world: &World,
    domain: Option<&Domain>,
    host: &Host,
    found: &Found,
    strategy: &MtaTlsStrategy,
    rules: &MxRules,
) -> DaneFinding {
    let port = match host.role {
        _ if strategy.dane == TlsLevel::Disable => return DaneFinding::NotAsked,
        HostRole::Literal(_) | HostRole::Socket => return DaneFinding::NotAsked,
        HostRole::Relay { .. } if literal(&host.name).is_some() => return DaneFinding::NotAsked,
        HostRole::Relay { port } => port,
        HostRole::Mx { .. } | HostRole::Implicit => rules.port,
    };
    let proven = host.proven.min(found.proven);
    if proven != Security::Secure {
        return DaneFinding::Unproven(proven);
    }
    let domain = domain.map_or(host.name.as_str(), Domain::as_str);
    let mut finding = DaneFinding::NoRecords;
    // RFC 7672 section 2.2.2: the name at the end of the aliases first, then the host's own.
    for base in found.canonical.iter().chain([&host.name]) {
        let answer = world.resolver.tlsa(&dane::tlsa_name(base, port)).await;
        finding = dane::found(base, &[&host.name, domain], answer);
        if !matches!(finding, DaneFinding::NoRecords | DaneFinding::Unproven(_)) {
            break;
        }
    }
    finding
}

/// Where a host is. An IP address needs no DNS.
pub async fn find(world: &World, route: &MtaRoute, host: &Host, rules: &MxRules) -> Result<Found, Trouble> {
    let (strategy, addresses_max) = match &route.kind {
        RouteKind::Mx(route) => (route.ip_lookup_strategy, route.max_multihomed),
        RouteKind::Relay(relay) => (relay.ip_lookup_strategy, RELAY_ADDRESSES_MAX),
        RouteKind::Local => (IpLookupStrategy::V4ThenV6, RELAY_ADDRESSES_MAX),
    };
    let answers = match (host.role, literal(&host.name)) {
        (HostRole::Literal(ip), _) | (HostRole::Relay { .. }, Some(ip)) => {
            vec![Ok(Answer::unchecked(vec![ip]))]
        }
        (HostRole::Socket, _) => return Ok(Found::default()),
        (HostRole::Mx { .. } | HostRole::Implicit | HostRole::Relay { .. }, _) => {
            let lookups =
                mx::families(strategy).iter().map(|family| world.resolver.addresses(&host.name, *family));
            futures_util::future::join_all(lookups).await
        }
    };
    let (proven, canonical) = mx::provenance(&answers);
    Ok(Found { addresses: mx::addresses(host, answers, rules, addresses_max)?, proven, canonical })
}

fn literal(name: &str) -> Option<IpAddr> {
    name.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// What is known about a recipient when a host is looked at.
pub(crate) fn facts<'a>(
    world: &World,
    envelope: &'a Envelope,
    queued: &'a QueuedRecipient,
    route: Option<&'a MtaRoute>,
    host: HostFacts<'a>,
) -> Facts<'a> {
    let (forward_path, progress) = (&queued.recipient.forward_path, &queued.progress);
    Facts { route, ..Facts::new(envelope, forward_path, progress, world.clock.now()) }.at(host)
}

/// The TLS strategy for a recipient at a host.
pub(crate) async fn tls_strategy(
    world: &World,
    configuration: &Configuration,
    envelope: &Envelope,
    queued: &QueuedRecipient,
    next_hop: &NextHop,
    host: &str,
) -> Result<Arc<MtaTlsStrategy>, Trouble> {
    let host = HostFacts { mx: host, remote_ip: None, local_ip: None };
    let facts = facts(world, envelope, queued, route(configuration, next_hop).ok().map(Arc::as_ref), host);
    decide(world, |answers| choose_tls(configuration, &facts, answers)).await
}

/// The connection strategy for a recipient at an address.
pub(crate) async fn connection_strategy(
    world: &World,
    configuration: &Configuration,
    envelope: &Envelope,
    queued: &QueuedRecipient,
    next_hop: &NextHop,
    host: &str,
    address: Option<IpAddr>,
) -> Result<Arc<MtaConnectionStrategy>, Trouble> {
    let host = HostFacts { mx: host, remote_ip: address, local_ip: None };
    let facts = facts(world, envelope, queued, route(configuration, next_hop).ok().map(Arc::as_ref), host);
    decide(world, |answers| -> Choice<_> { choose_connection(configuration, &facts, answers) }).await
}

/// What makes a choice among equals: different for each message and attempt, the same when asked again.
pub(crate) fn seed(envelope: &Envelope, queued: &QueuedRecipient) -> u64 {
    let attempt = u64::from(queued.progress.retry_num);
    (envelope.message.0 ^ attempt.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
}
