//! What is to be done about a claim? Each recipient is ended, told of, or joined to a delivery.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use mail::{Envelope, RecipientId, Timestamp};
use policy::bounce::Happening;
use policy::expr::LookupAnswers;
use policy::facts::Facts;
use policy::limits::{CLAIM_LEASE, RECIPIENTS_PER_TRANSACTION_MAX};
use policy::revise::Cancellation;
use policy::route::{Choice, choose_route, explain_route, next_hop};
use policy::settings::MtaRoute;
use policy::{Configuration, NextHop, Trouble};
use store::{Claim, QueuedRecipient, RecipientState, StoreError};

use crate::attempt::Delivery;
use crate::gather::decide;
use crate::parts::Means;
use crate::world::World;

/// Recipients of one claim whose lookups run side by side.
const ROUTED_AT_ONCE: usize = 8;

/// What one look into the store brought.
pub(crate) struct Claimed {
    pub(crate) claims: Vec<Claim>,
    /// Whether there may be more.
    pub(crate) more: bool,
    /// When something is due next, if that is known.
    pub(crate) next_event: Option<Timestamp>,
}

/// What is to be done about one recipient now.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    /// It has ended, and its notification is still owed.
    Tell(Happening),
    /// Its time or its attempts are used up.
    Expire,
    /// An operator gave it up.
    Cancel(Cancellation),
    /// Its sender is to be told of the delay.
    Notice,
    /// Nothing yet.
    Wait,
    /// It is tried by this route; why, where that takes lookups to tell.
    Try(Arc<MtaRoute>, Option<String>),
    /// No route can be chosen.
    Stray(Trouble),
}

/// What is to be done about one recipient, with the lookups that were made so far.
pub(crate) fn next(
    configuration: &Configuration,
    envelope: &Envelope,
    queued: &QueuedRecipient,
    now: Timestamp,
    answers: &LookupAnswers,
) -> Choice<Next> {
    let progress = &queued.progress;
    match &queued.state {
        RecipientState::DeliveredUntold(delivered) => {
            return Choice::Decided(Next::Tell(Happening::Delivered(delivered.clone())));
        }
        RecipientState::FailedUntold(trouble) => {
            return Choice::Decided(Next::Tell(Happening::Failed(trouble.clone())));
        }
        RecipientState::Pending => {}
    }
    if let Some(orders) = &progress.orders {
        if let Some(cancellation) = &orders.cancelled {
            return Choice::Decided(Next::Cancel(cancellation.clone()));
        }
        if orders.held.is_some() {
            return Choice::Decided(Next::Wait);
        }
    }
    if progress.expired(now) {
        return Choice::Decided(Next::Expire);
    }
    if progress.due > now {
        return Choice::Decided(if progress.notice_due(now) { Next::Notice } else { Next::Wait });
    }
    let forward_path = &queued.recipient.forward_path;
    let facts = Facts::new(envelope, forward_path, progress, now);
    match choose_route(configuration, &facts, answers) {
        Choice::Decided(route) => Choice::Decided(Next::Try(route, reason(configuration, &facts, answers))),
        Choice::Needs(lookups) => Choice::Needs(lookups),
        Choice::Undecidable(trouble) => Choice::Decided(Next::Stray(trouble)),
    }
}

/// Why the route was chosen, if lookups were made for it: they are not made again for the log.
fn reason(configuration: &Configuration, facts: &Facts<'_>, answers: &LookupAnswers) -> Option<String> {
    if answers.is_empty() {
        return None;
    }
    let (_, explained) = explain_route(configuration, facts, answers);
    explained.reason()
}

/// What is to be done about each recipient of a claim; none if lookups must be made first.
pub(crate) fn next_of_each(
    configuration: &Configuration,
    claim: &Claim,
    now: Timestamp,
) -> Option<Vec<Next>> {
    let none = LookupAnswers::default();
    let decided = |queued| match next(configuration, &claim.envelope, queued, now, &none) {
        Choice::Decided(next) => Some(next),
        Choice::Needs(_) | Choice::Undecidable(_) => None,
    };
    claim.recipients.iter().map(decided).collect()
}

/// A claim, sorted.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// Recipients about which something is written without an attempt.
    pub(crate) errands: Vec<(QueuedRecipient, Next)>,
    /// Recipients to give back.
    pub(crate) early: Vec<RecipientId>,
    /// Deliveries, each with its virtual queue.
    pub(crate) deliveries: Vec<(String, Delivery)>,
}

/// Sorts a claim by what is to be done. Recipients with one virtual queue and one next hop share deliveries.
pub(crate) fn sort(claim: Claim, nexts: Vec<Next>) -> Sorted {
    let mut sorted = Sorted::default();
    let mut groups: BTreeMap<(String, NextHop), Vec<QueuedRecipient>> = BTreeMap::new();
    let mut reasons = BTreeMap::new();
    for (queued, next) in claim.recipients.into_iter().zip(nexts) {
        match next {
            Next::Try(route, reason) => {
                reasons.extend(reason.map(|reason| (queued.recipient.id, reason)));
                let next_hop = next_hop(&route, &queued.recipient.forward_path);
                let key = (queued.progress.virtual_queue.clone(), next_hop);
                groups.entry(key).or_default().push(queued);
            }
            Next::Wait => sorted.early.push(queued.recipient.id),
            Next::Tell(_) | Next::Expire | Next::Cancel(_) | Next::Notice | Next::Stray(_) => {
                sorted.errands.push((queued, next));
            }
        }
    }
    for ((virtual_queue, next_hop), mut recipients) in groups {
        while !recipients.is_empty() {
            let rest = recipients.split_off(recipients.len().min(RECIPIENTS_PER_TRANSACTION_MAX));
            let told = |queued: &QueuedRecipient| reasons.remove_entry(&queued.recipient.id);
            let delivery = Delivery {
                lease: claim.lease,
                envelope: Arc::clone(&claim.envelope),
                next_hop: next_hop.clone(),
                reasons: recipients.iter().filter_map(told).collect(),
                recipients: std::mem::replace(&mut recipients, rest),
            };
            sorted.deliveries.push((virtual_queue.clone(), delivery));
        }
    }
    sorted
}

/// Takes what is due, for so many recipients at most.
pub(crate) async fn claim(world: &World, limit: usize) -> Result<Claimed, StoreError> {
    let claims = world.store.claim(world.clock.now(), CLAIM_LEASE, limit).await?;
    let more = claims.iter().map(|claim| claim.recipients.len()).sum::<usize>() >= limit;
    let next_event = if more { None } else { world.store.next_event().await? };
    Ok(Claimed { claims, more, next_event })
}

/// What is to be done about each recipient of a claim, with all lookups that it takes.
pub(crate) async fn route(means: &Means, claim: &Claim) -> Vec<Next> {
    let now = means.world.clock.now();
    let mut nexts = Vec::with_capacity(claim.recipients.len());
    for some in claim.recipients.chunks(ROUTED_AT_ONCE) {
        nexts.extend(join_all(some.iter().map(|queued| route_one(means, claim, queued, now))).await);
    }
    nexts
}

async fn route_one(means: &Means, claim: &Claim, queued: &QueuedRecipient, now: Timestamp) -> Next {
    let ask = |answers: &LookupAnswers| next(&means.configuration, &claim.envelope, queued, now, answers);
    decide(&means.world, ask).await.unwrap_or_else(Next::Stray)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use mail::{
        Address, ContentTraits, MessageId, Notify, Origin, Parameters, Recipient, ReversePath, Source,
    };
    use policy::Progress;
    use policy::expr::{DnsKind, Lookup, LookupValue};
    use policy::settings::{MxRoute, RelayRoute, RouteKind};
    use store::LeaseId;

    use super::*;

    fn envelope() -> Arc<Envelope> {
        Arc::new(Envelope {
            message: MessageId(1),
            reverse_path: ReversePath::Null,
            accepted_at: Timestamp::EPOCH,
            origin: Origin {
                source: Source::Authenticated,
                listener: String::new(),
                client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
                local_port: 0,
                authenticated_as: None,
            },
            parameters: Parameters::default(),
            traits: ContentTraits::default(),
            size: 1,
            recipients: Vec::new(),
        })
    }

    fn queued(id: u64, address: &str, virtual_queue: &str) -> QueuedRecipient {
        QueuedRecipient {
            recipient: Recipient {
                id: RecipientId(id),
                forward_path: Address::parse(address).unwrap(),
                original: None,
                notify: Notify::DEFAULT,
            },
            progress: Progress {
                virtual_queue: virtual_queue.to_owned(),
                ..Progress::unscheduled(Timestamp::EPOCH)
            },
            state: RecipientState::Pending,
        }
    }

    fn route(name: &str, kind: RouteKind) -> Next {
        Next::Try(Arc::new(MtaRoute { name: name.to_owned(), description: None, kind }), None)
    }

    fn relay() -> Next {
        route("relay", RouteKind::Relay(RelayRoute::to("relay.example.org")))
    }

    fn mx() -> Next {
        let strategy = policy::settings::IpLookupStrategy::V4ThenV6;
        route(
            "mx",
            RouteKind::Mx(MxRoute { ip_lookup_strategy: strategy, max_mx_hosts: 5, max_multihomed: 2 }),
        )
    }

    /// Each delivery as `queue: next hop: recipients`.
    fn deliveries(recipients: Vec<(QueuedRecipient, Next)>) -> Vec<String> {
        let (recipients, nexts) = recipients.into_iter().unzip();
        let claim = Claim { lease: LeaseId(1), envelope: envelope(), recipients };
        let text = |(queue, delivery): &(String, Delivery)| {
            let ids: Vec<u64> = delivery.recipients.iter().map(|queued| queued.recipient.id.0).collect();
            format!("{queue}: {}: {ids:?}", delivery.next_hop)
        };
        sort(claim, nexts).deliveries.iter().map(text).collect()
    }

    // proves: 5.17 grouping
    #[test]
    fn recipients_through_one_relay_travel_together_whatever_their_domains() {
        let sorted = deliveries(vec![
            (queued(1, "a@one.example", "remote"), relay()),
            (queued(2, "b@two.example", "remote"), mx()),
            (queued(3, "c@three.example", "remote"), relay()),
            (queued(4, "d@two.example", "remote"), mx()),
            (queued(5, "e@three.example", "remote"), mx()),
            (queued(6, "f@two.example", "slow"), mx()),
        ]);
        let expected = [
            "remote: mx of three.example via mx: [5]",
            "remote: mx of two.example via mx: [2, 4]",
            "remote: relay via relay: [1, 3]",
            "slow: mx of two.example via mx: [6]",
        ];
        assert_eq!(sorted, expected);
    }

    #[test]
    fn a_transaction_has_a_hundred_recipients_at_most() {
        let many = (0..250).map(|id| (queued(id, "a@one.example", "remote"), relay())).collect();
        let claim = deliveries(many);
        assert_eq!(claim.len(), 3);
        let last: Vec<u64> = (200..250).collect();
        assert_eq!(claim[2], format!("remote: relay via relay: {last:?}"));
    }

    #[test]
    fn what_needs_no_attempt_is_an_errand() {
        let recipients = vec![
            queued(1, "a@one.example", "q"),
            queued(2, "b@one.example", "q"),
            queued(3, "c@one.example", "q"),
        ];
        let claim = Claim { lease: LeaseId(1), envelope: envelope(), recipients };
        let sorted = sort(claim, vec![Next::Expire, Next::Wait, Next::Notice]);
        assert_eq!(sorted.errands.len(), 2);
        assert_eq!(sorted.early, [RecipientId(2)]);
        assert!(sorted.deliveries.is_empty());
    }

    #[test]
    fn a_route_that_took_lookups_says_why() {
        let settings = r#"{ "MtaOutboundStrategy": { "route": {
            "match": [{ "if": "dns_query(rcpt_domain, 'mx')[0] == 'mx.one.example'", "then": "'mx'" }],
            "else": "'local'"
        } } }"#;
        let environment =
            policy::check::Environment { hostname: Some("us.example".to_owned()), ..Default::default() };
        let configuration = Configuration::from_settings_json(settings, &environment).unwrap();
        let mut answers = LookupAnswers::default();
        let lookup = Lookup::Dns { name: "one.example".to_owned(), kind: DnsKind::Mx };
        answers.insert(lookup, Ok(LookupValue::List(vec![LookupValue::Text("mx.one.example".to_owned())])));
        let queued = queued(1, "a@one.example", "remote");
        let Choice::Decided(next) = next(&configuration, &envelope(), &queued, Timestamp::EPOCH, &answers)
        else {
            panic!("the answers are all there")
        };
        let claim = Claim { lease: LeaseId(1), envelope: envelope(), recipients: vec![queued] };
        let (_, delivery) = &sort(claim, vec![next]).deliveries[0];
        let reason = &delivery.reasons[&RecipientId(1)];
        assert!(reason.contains("dns_query") && !reason.contains("needs"), "{reason}");
    }
}
