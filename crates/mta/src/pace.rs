//! May this delivery pass now? What it wants of the throttles, and what it got.
//!
//! The sender's throttles are asked once for all deliveries of one claim, those of recipients once for each of a
//! delivery's recipient domains, those of hosts by the delivery itself before it turns to a host.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mail::{RecipientId, Timestamp};
use policy::expr::LookupAnswers;
use policy::facts::{Facts, HostFacts};
use policy::route::Choice;
use policy::settings::MtaRoute;
use policy::throttle::bucket::Turn;
use policy::throttle::{Demand, Throttle, demands};
use policy::{Configuration, NextHop, TroubleKind};
use store::QueuedRecipient;
use tracing::warn;

use crate::attempt::{Delivery, Report};
use crate::gather::decide;
use crate::throttles::{Asker, Held, Reservation, Throttles};
use crate::world::World;

/// What the deliveries of one claim got of their sender's throttles, by bucket: each counts once.
#[derive(Debug, Default)]
pub(crate) struct Pass(Mutex<BTreeMap<String, Result<Arc<Reservation>, Held>>>);

/// What a delivery wants.
#[derive(Debug)]
pub(crate) struct Wants {
    sender: Vec<Demand>,
    /// Places of recipients that want the same.
    groups: Vec<(Vec<usize>, Vec<Demand>)>,
}

/// What a delivery got.
#[derive(Debug, Default)]
pub(crate) struct Cleared {
    reservations: Vec<Arc<Reservation>>,
    /// Recipients that may not pass now.
    pub(crate) held: BTreeMap<RecipientId, Held>,
}

impl Cleared {
    /// Counts the delivery, unless it shows that it turned to nobody.
    pub(crate) fn count(&self, delivery: &Delivery, report: &Report) {
        let all_known = report.outcomes.len() == delivery.recipients.len();
        let local = matches!(delivery.next_hop, NextHop::Local { .. });
        let reached = local || report.ways.iter().any(|way| way.address.is_some());
        if report.begun && (reached || !all_known) {
            self.reservations.iter().for_each(|reservation| reservation.keep());
        }
    }
}

/// What a delivery wants; the lookups that this takes otherwise.
pub(crate) fn wants(
    configuration: &Configuration,
    delivery: &Delivery,
    now: Timestamp,
    answers: &LookupAnswers,
) -> Choice<Wants> {
    let local = matches!(delivery.next_hop, NextHop::Local { .. });
    let Some(route) = route(configuration, &delivery.next_hop) else {
        return Choice::Decided(Wants { sender: Vec::new(), groups: Vec::new() });
    };
    let counted = |throttle: &&Throttle| throttle.count_local || !local;
    let mut needed = Vec::new();
    let mut ask = |throttles: &[Throttle], queued: &QueuedRecipient| {
        let facts = facts(delivery, queued, route, now);
        match demands(throttles.iter().filter(counted), configuration, &facts, answers) {
            Choice::Decided(demands) => demands,
            Choice::Needs(lookups) => {
                needed.extend(lookups);
                Vec::new()
            }
            Choice::Undecidable(_) => Vec::new(),
        }
    };
    let outbound = &configuration.outbound;
    let sender = delivery.recipients.first().map(|first| ask(&outbound.sender, first)).unwrap_or_default();
    let mut groups = Vec::new();
    if outbound.rcpt.iter().any(|throttle| counted(&throttle)) {
        for places in groups_of(&delivery.recipients, outbound.rcpt.iter().any(|throttle| throttle.personal))
        {
            let demands = ask(&outbound.rcpt, &delivery.recipients[places[0]]);
            if !demands.is_empty() {
                groups.push((places, demands));
            }
        }
    }
    if needed.is_empty() { Choice::Decided(Wants { sender, groups }) } else { Choice::Needs(needed) }
}

/// Places of recipients of one domain; of one recipient each, if what is asked for differs among them.
fn groups_of(recipients: &[QueuedRecipient], personal: bool) -> Vec<Vec<usize>> {
    if personal {
        return (0..recipients.len()).map(|place| vec![place]).collect();
    }
    let mut domains: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, queued) in recipients.iter().enumerate() {
        domains.entry(queued.recipient.forward_path.domain.as_str()).or_default().push(place);
    }
    domains.into_values().collect()
}

/// Takes what a delivery wants, as far as it is there.
pub(crate) fn clear(
    throttles: &Arc<Throttles>,
    pass: Option<&Pass>,
    delivery: &Delivery,
    wants: Wants,
    now: Timestamp,
) -> Cleared {
    let mut cleared = Cleared::default();
    let recipients = &delivery.recipients;
    if !wants.sender.is_empty() {
        match of_sender(throttles, pass, wants.sender, turn(recipients), now) {
            Ok(reservations) => cleared.reservations.extend(reservations),
            Err(held) => {
                cleared.held = recipients.iter().map(|queued| (queued.recipient.id, held.clone())).collect();
                return cleared;
            }
        }
    }
    let mut got: BTreeMap<String, Result<(), Held>> = BTreeMap::new();
    for (places, demands) in wants.groups {
        let answer = by_group(throttles, &mut got, &mut cleared, demands, turn_of(recipients, &places), now);
        if let Err(held) = answer {
            cleared.held.extend(places.iter().map(|place| (recipients[*place].recipient.id, held.clone())));
        }
    }
    if cleared.held.len() == recipients.len() {
        cleared.reservations.clear();
    }
    cleared
}

/// What a group of recipients wants; what another group of the delivery got of the same bucket is theirs too.
fn by_group(
    throttles: &Arc<Throttles>,
    got: &mut BTreeMap<String, Result<(), Held>>,
    cleared: &mut Cleared,
    demands: Vec<Demand>,
    turn: Turn,
    now: Timestamp,
) -> Result<(), Held> {
    let mut names = Vec::with_capacity(demands.len());
    let mut new = Vec::with_capacity(demands.len());
    for demand in demands {
        match got.get(&demand.bucket) {
            Some(Ok(())) => {}
            Some(Err(held)) => return Err(held.clone()),
            None => {
                names.push(demand.bucket.clone());
                new.push(demand);
            }
        }
    }
    let answer = throttles.reserve(new, Asker::Delivery(turn), now);
    if let Err(held) = &answer
        && let [only] = names.as_slice()
    {
        got.insert(only.clone(), Err(held.clone()));
    }
    cleared.reservations.push(Arc::new(answer?));
    got.extend(names.into_iter().map(|name| (name, Ok(()))));
    Ok(())
}

/// The places of the sender's throttles: those that another delivery of the claim took, and new ones for the rest.
fn of_sender(
    throttles: &Arc<Throttles>,
    pass: Option<&Pass>,
    demands: Vec<Demand>,
    turn: Turn,
    now: Timestamp,
) -> Result<Vec<Arc<Reservation>>, Held> {
    let asker = Asker::Delivery(turn);
    let Some(pass) = pass else { return Ok(vec![Arc::new(throttles.reserve(demands, asker, now)?)]) };
    let mut known = pass.0.lock().unwrap_or_else(PoisonError::into_inner);
    let mut reservations = Vec::new();
    let mut new = Vec::new();
    for demand in demands {
        match known.get(&demand.bucket) {
            Some(Ok(reservation)) => reservations.push(Arc::clone(reservation)),
            Some(Err(held)) => return Err(held.clone()),
            None => new.push(demand),
        }
    }
    if new.is_empty() {
        return Ok(reservations);
    }
    let names: Vec<String> = new.iter().map(|demand| demand.bucket.clone()).collect();
    let answer = throttles.reserve(new, asker, now).map(Arc::new);
    known.extend(names.into_iter().map(|name| (name, answer.clone())));
    reservations.push(answer?);
    Ok(reservations)
}

/// Whether a delivery may turn to a host now, for this recipient and those that are with it; nothing is taken where no
/// throttle applies.
///
/// It counts what the host sees: a message over a connection, whether that is kept or new, or the attempt to connect.
pub(crate) async fn at_host(
    world: &World,
    configuration: &Configuration,
    throttles: &Arc<Throttles>,
    delivery: &Delivery,
    queued: &QueuedRecipient,
    host: HostFacts<'_>,
) -> Result<Option<Reservation>, Held> {
    let all = &configuration.outbound.host;
    let Some(route) = route(configuration, &delivery.next_hop).filter(|_| !all.is_empty()) else {
        return Ok(None);
    };
    let now = world.clock.now();
    let facts = facts(delivery, queued, route, now).at(host);
    let wanted = match decide(world, |answers| demands(all, configuration, &facts, answers)).await {
        Ok(wanted) => wanted,
        Err(trouble) => {
            warn!(why = trouble.text, "it cannot be said whether a rate limit applies; none is applied");
            return Ok(None);
        }
    };
    if wanted.is_empty() {
        return Ok(None);
    }
    throttles.reserve(wanted, Asker::Delivery(turn([queued])), now).map(Some)
}

/// Whether a rate of ours held one of them up before.
pub(crate) fn turn<'a>(recipients: impl IntoIterator<Item = &'a QueuedRecipient>) -> Turn {
    let was_held = |queued: &QueuedRecipient| {
        queued.progress.last.as_ref().is_some_and(|trouble| trouble.kind == TroubleKind::Rate)
    };
    if recipients.into_iter().any(was_held) { Turn::Again } else { Turn::First }
}

fn turn_of(recipients: &[QueuedRecipient], places: &[usize]) -> Turn {
    turn(places.iter().map(|place| &recipients[*place]))
}

/// The route of a next hop; none if the configuration has it no more, and the delivery itself says so.
fn route<'a>(configuration: &'a Configuration, next_hop: &NextHop) -> Option<&'a MtaRoute> {
    let (NextHop::Local { route } | NextHop::Mx { route, .. } | NextHop::Relay { route }) = next_hop;
    configuration.routes.get(route).map(|route| &**route)
}

fn facts<'a>(
    delivery: &'a Delivery,
    queued: &'a QueuedRecipient,
    route: &'a MtaRoute,
    now: Timestamp,
) -> Facts<'a> {
    Facts::new(&delivery.envelope, &queued.recipient.forward_path, &queued.progress, now).by(route)
}
