//! Which hosts, at which addresses, with which security? Gathers what `policy` needs to say so.

use std::net::IpAddr;
use std::sync::Arc;

use mail::Envelope;
use policy::dns::Answer;
use policy::facts::{Facts, HostFacts};
use policy::mx::{self, Host, HostRole, MxRules};
use policy::relay::{self, Question};
use policy::route::{Choice, choose_connection, choose_tls};
use policy::settings::{
    IpLookupStrategy, MtaConnectionStrategy, MtaRoute, MtaTlsStrategy, RelayRoute, RouteKind,
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

/// The addresses of a host in the order in which they are tried. An IP address needs no DNS.
pub async fn addresses(
    world: &World,
    route: &MtaRoute,
    host: &Host,
    rules: &MxRules,
) -> Result<Vec<IpAddr>, Trouble> {
    let (strategy, addresses_max) = match &route.kind {
        RouteKind::Mx(route) => (route.ip_lookup_strategy, route.max_multihomed),
        RouteKind::Relay(relay) => (relay.ip_lookup_strategy, RELAY_ADDRESSES_MAX),
        RouteKind::Local => (IpLookupStrategy::V4ThenV6, RELAY_ADDRESSES_MAX),
    };
    let answers = match (host.role, literal(&host.name)) {
        (HostRole::Literal(ip), _) | (HostRole::Relay { .. }, Some(ip)) => {
            vec![Ok(Answer::unchecked(vec![ip]))]
        }
        (HostRole::Socket, _) => return Ok(Vec::new()),
        (HostRole::Mx { .. } | HostRole::Implicit | HostRole::Relay { .. }, _) => {
            let lookups =
                mx::families(strategy).iter().map(|family| world.resolver.addresses(&host.name, *family));
            futures_util::future::join_all(lookups).await
        }
    };
    mx::addresses(host, answers, rules, addresses_max)
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
