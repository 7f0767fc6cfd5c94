//! What is counted for TLS reports of a try at a host? Once for each new connection, and for each host left out.

use mail::{Domain, Source};
use policy::mta_sts::{Mode, matches};
use policy::plan::Gathered;
use policy::tls_outcome::{AppliedPolicy, StsFinding, TlsFailure, TlsOutcome, TlsResult, applied, refusal};
use policy::{NextHop, Trouble, TroubleKind};

use super::smtp::NoConnection;
use crate::attempt::Delivery;
use crate::connections::{Connection, ConnectionKey, Connections};
use crate::world::World;

/// The domain that is told; none for what has no MX hosts, and none about reports themselves, lest two servers tell
/// each other about their reports for ever.
fn told(delivery: &Delivery) -> Option<&Domain> {
    match &delivery.next_hop {
        NextHop::Mx { domain, .. } if delivery.envelope.origin.source != Source::Report => Some(domain),
        NextHop::Mx { .. } | NextHop::Local { .. } | NextHop::Relay { .. } => None,
    }
}

/// Counts that a host was left out for want of security, if that is why.
pub(super) fn left_out(
    world: &World,
    connections: &Connections,
    delivery: &Delivery,
    (host, gathered): (&str, &Gathered<'_>),
    trouble: &Trouble,
) {
    let result = refusal(gathered.dane, gathered.sts, trouble.kind);
    if let (Some(domain), Some(result)) = (told(delivery), result) {
        let outcome = without_connection(host, applied(None, gathered.sts), result, trouble);
        connections.tls_tallies().note(domain, &outcome, world.clock.now());
    }
}

/// Counts that the MX records are bogus, if that is why there are no hosts.
pub(super) fn no_hosts(world: &World, connections: &Connections, delivery: &Delivery, trouble: &Trouble) {
    let Some(domain) = told(delivery).filter(|_| trouble.kind == TroubleKind::Dane) else { return };
    let outcome = without_connection("", AppliedPolicy::None, TlsResult::DnssecInvalid, trouble);
    connections.tls_tallies().note(domain, &outcome, world.clock.now());
}

fn without_connection(host: &str, policy: AppliedPolicy, result: TlsResult, trouble: &Trouble) -> TlsOutcome {
    TlsOutcome {
        policy,
        host: host.to_owned(),
        receiving_ip: None,
        sending_ip: None,
        result: Err(TlsFailure { result, reason: trouble.text.clone() }),
    }
}

/// Counts how a new connection fared.
pub(super) fn opened(
    world: &World,
    connections: &Connections,
    delivery: &Delivery,
    (key, sts): (&ConnectionKey, &StsFinding),
    opened: &Result<Connection, NoConnection>,
) {
    let Some(domain) = told(delivery) else { return };
    let failure = |result, reason: String| Err(TlsFailure { result, reason });
    let policy = applied(key.tls.dane.as_deref(), sts);
    let result = match opened {
        Ok(connection) if connection.way.tls == "none" => {
            failure(TlsResult::StartTlsNotSupported, format!("{} does not offer STARTTLS", key.host))
        }
        Ok(_) if key.tls.dane.is_none() && !is_named(sts, &key.host) => {
            failure(TlsResult::ValidationFailure, format!("MX \"{}\" not authorized by policy.", key.host))
        }
        // Nobody looked whether the certificate is what the policy demands: it is neither success nor failure.
        Ok(connection)
            if connection.way.tls.ends_with("unverified") && matches!(policy, AppliedPolicy::Sts(_)) =>
        {
            return;
        }
        Ok(_) => Ok(()),
        Err(NoConnection::Insecure(_, why)) => Err(why.clone()),
        Err(NoConnection::Address(_) | NoConnection::Host(_) | NoConnection::Ours(_)) => return,
    };
    let outcome = TlsOutcome {
        policy,
        host: key.host.clone(),
        receiving_ip: key.address.ip(),
        sending_ip: key.source,
        result,
    };
    connections.tls_tallies().note(domain, &outcome, world.clock.now());
}

/// Whether the policy, if there is one, names the host.
fn is_named(sts: &StsFinding, host: &str) -> bool {
    match sts {
        StsFinding::Policy(policy) => policy.mode == Mode::None || matches(policy, host),
        StsFinding::NotAsked | StsFinding::NoPolicy | StsFinding::Unavailable(_) => true,
    }
}
