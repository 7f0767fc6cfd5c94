//! Runs a job: some recipients at a time, in the order of their ids, so that none comes twice.

use super::super::Office;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use mail::{MessageId, RecipientId, Timestamp};
use policy::Progress;
use policy::revise::Before;
use serde_json::{Value, json};
use store::{Detail, Look, QueuedRecipient, RevisionOutcome, Sight, StoreError};

use super::super::document::{decided, sender, whole};
use super::super::revise::{Wanted, revise};
use super::super::surroundings::Surroundings;
use super::action::{Order, Target};
use super::record::{Job, State, write};
use super::{Ended, undo};

/// Recipients that are changed in one transaction.
const AT_ONCE: usize = 250;
/// Messages that a preview shows.
const SAMPLE_MAX: usize = 20;

/// Does it to all that are meant.
pub(super) async fn run(api: &Office, job: &mut Job, order: &Order) -> Ended {
    job.total = count(api, order).await?.recipients;
    job.undo_until = order.can_be_undone().then_some(0);
    write(api, job).await?;
    let (mut after, mut chunk) = (None, 0_u64);
    loop {
        if api.jobs.is_stopped(&job.id) || api.tasks.is_closed() {
            return Ok(State::Interrupted);
        }
        let (some, last) = next(api, order, after).await?;
        if some.is_empty() {
            return Ok(State::Done);
        }
        after = last;
        let ids: Vec<_> = some.iter().map(|one| one.recipient).collect();
        let outcomes = revise(api, &job.by, some).await?;
        let mut befores = Vec::new();
        for (id, outcome) in ids.iter().zip(&outcomes) {
            match outcome {
                RevisionOutcome::Changed(change) => {
                    job.done += 1;
                    befores.push((change.message, *id, Before::of(&change.before, &change.after)));
                }
                RevisionOutcome::Unchanged => job.done += 1,
                RevisionOutcome::Missing | RevisionOutcome::Refused(_) => job.failed += 1,
            }
        }
        if order.can_be_undone() {
            undo::keep(api, &job.id, chunk, &befores).await?;
            chunk += 1;
        }
        write(api, job).await?;
        // Deliveries have their turn.
        tokio::task::yield_now().await;
    }
}

fn look(order: &Order, after: Option<RecipientId>) -> Look {
    let contains = match &order.target {
        Target::Filter(filter) => filter.contains(),
        Target::Messages(_) => Vec::new(),
    };
    Look { after: after.map(|id| (Timestamp::EPOCH, id)), contains, ..whole() }
}

/// The next few that are meant, and the last that was looked at.
async fn next(
    api: &Office,
    order: &Order,
    after: Option<RecipientId>,
) -> Result<(Vec<Wanted>, Option<RecipientId>), StoreError> {
    let mut found = Vec::new();
    let mut last = after;
    let around = Surroundings::of(api).await;
    for sight in sights(api, order, after, &around).await? {
        let Some((envelope, queued)) = sight.whole else { continue };
        last = Some(sight.recipient);
        found.push(Wanted {
            envelope,
            recipient: sight.recipient,
            forward_path: queued.recipient.forward_path,
            edits: order.edits.clone(),
        });
    }
    Ok((found, last))
}

/// The next few recipients that are meant.
async fn sights(
    api: &Office,
    order: &Order,
    after: Option<RecipientId>,
    around: &Arc<Surroundings>,
) -> Result<Vec<Sight>, StoreError> {
    if let Target::Messages(ids) = &order.target {
        return by_id(api, ids, after).await;
    }
    let Target::Filter(filter) = &order.target else { return Ok(Vec::new()) };
    let found = Arc::new(Mutex::new(Vec::new()));
    let (seen, around, filter) = (Arc::clone(&found), Arc::clone(around), Arc::clone(filter));
    let see = move |sight: Sight| {
        let mut found = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if Order::takes(&sight) && filter.means(&sight, &around) {
            found.push(sight);
        }
        if found.len() >= AT_ONCE { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    api.world.store.look(look(order, after), Box::new(see)).await?;
    Ok(std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner)))
}

async fn by_id(
    api: &Office,
    ids: &[MessageId],
    after: Option<RecipientId>,
) -> Result<Vec<Sight>, StoreError> {
    let mut found = Vec::new();
    // A recipient's id follows its message's, so a message before the last recipient may have more.
    let first = after.map_or(0, |after| ids.partition_point(|id| id.0 < after.0).saturating_sub(1));
    for some in ids[first..].chunks(50) {
        for message in api.world.store.messages(some).await? {
            let rest = message
                .pending
                .into_iter()
                .filter(|queued| after.is_none_or(|after| queued.recipient.id > after));
            let sight = |queued: QueuedRecipient| Sight {
                next_event: queued.next_event(),
                recipient: queued.recipient.id,
                message: message.envelope.message,
                progress: Some((queued.progress.clone(), queued.state.clone())),
                whole: Some((Arc::clone(&message.envelope), queued)),
            };
            found.extend(rest.map(sight).filter(Order::takes));
        }
        if found.len() >= AT_ONCE {
            found.truncate(AT_ONCE);
            break;
        }
    }
    Ok(found)
}

/// How many messages and recipients are meant.
async fn count(api: &Office, order: &Order) -> Result<Counted, StoreError> {
    let around = Surroundings::of(api).await;
    let mut counted = Counted::default();
    match &order.target {
        Target::Messages(ids) => {
            let mut after = None;
            loop {
                let some = by_id(api, ids, after).await?;
                let Some(last) = some.last() else { break };
                after = Some(last.recipient);
                some.iter().for_each(|sight| counted.take(sight));
            }
        }
        Target::Filter(filter) => {
            let (shared, filter, around) =
                (Arc::new(Mutex::new(Counted::default())), Arc::clone(filter), Arc::clone(&around));
            let seen = Arc::clone(&shared);
            let see = move |sight: Sight| {
                if Order::takes(&sight) && filter.means(&sight, &around) {
                    seen.lock().unwrap_or_else(PoisonError::into_inner).take(&sight);
                }
                ControlFlow::Continue(())
            };
            // What a filter of times alone asks needs no envelopes.
            let detail = order_detail(order);
            api.world.store.look(Look { detail, ..look(order, None) }, Box::new(see)).await?;
            counted = std::mem::take(&mut *shared.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
    Ok(counted)
}

fn order_detail(order: &Order) -> Detail {
    match &order.target {
        Target::Filter(filter) => filter.detail().max(Detail::Progress),
        Target::Messages(_) => Detail::Whole,
    }
}

#[derive(Default)]
struct Counted {
    last: Option<MessageId>,
    messages: u64,
    recipients: u64,
    /// The first of them, as far as they were read wholly.
    sample: Vec<Sight>,
}

impl Counted {
    fn take(&mut self, sight: &Sight) {
        self.recipients += 1;
        if self.last != Some(sight.message) {
            self.last = Some(sight.message);
            self.messages += 1;
        }
        if sight.whole.is_some() && self.sample.len() < SAMPLE_MAX {
            self.sample.push(sight.clone());
        }
    }
}

/// What a job would do: how many it means, and some of them, each with the route that it would take then.
pub(super) async fn preview(api: &Office, order: &Order) -> Result<Value, StoreError> {
    let Counted { messages, recipients, mut sample, .. } = count(api, order).await?;
    let around = Surroundings::of(api).await;
    if sample.is_empty() && recipients > 0 {
        sample = sights(api, order, None, &around).await?;
    }
    let sample: Vec<_> =
        sample.iter().take(SAMPLE_MAX).filter_map(|sight| shown(sight, order, &around)).collect();
    Ok(json!({ "count": messages, "recipients": recipients, "sample": sample }))
}

fn shown(sight: &Sight, order: &Order, around: &Surroundings) -> Option<Value> {
    let (envelope, queued) = sight.whole.as_ref()?;
    let now = decided(envelope, queued, around);
    let progress = &queued.progress;
    let then = order.touches_route().then(|| {
        let then = QueuedRecipient { progress: revised(progress, order, around.now), ..queued.clone() };
        decided(envelope, &then, around)
    });
    let then = then.flatten();
    let cause = around.cause(progress, queued.state.standing());
    Some(json!({
        "id": sight.message.to_string(),
        "returnPath": sender(envelope),
        "recipient": queued.recipient.forward_path.to_string(),
        "route": now.as_ref().map(|now| now.route.clone()),
        "newRoute": then.as_ref().map(|then| then.route.clone()),
        "newNextHop": then.as_ref().map(|then| then.next_hop.clone()),
        "why": cause.why(progress, around.now),
    }))
}

fn revised(progress: &Progress, order: &Order, now: Timestamp) -> Progress {
    use policy::revise::{Revised, Standing, revise};
    match revise(progress, Standing::Pending, &order.edits, "", now) {
        Revised::Goes(progress) | Revised::Ends(progress, _) => progress,
        Revised::Unchanged | Revised::Refused(_) => progress.clone(),
    }
}
