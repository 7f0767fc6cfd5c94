//! Takes back what is still held, whole; and says how far a message is.

use std::sync::Arc;
use std::time::Duration;

use mail::{Address, Envelope, MessageId, RecipientId, Timestamp};
use policy::outcome::Delivered;
use policy::{Edit, Trouble};
use store::{QueuedMessage, QueuedRecipient, RecipientState, Revision, RevisionOutcome, StoreError};

use super::came_from;
use crate::events::{Event, Operator, OperatorAction};
use crate::world::World;

/// For how long a message is put off while it is taken back: after a crash in between it is sent then.
const PUT_OFF: Duration = Duration::from_secs(60);

/// How far one recipient is.
#[derive(Clone, PartialEq, Debug)]
pub enum Standing {
    /// It waits; the last trouble, if it was tried.
    Waits(Option<Trouble>),
    /// It was delivered.
    Delivered(Delivered),
    /// It was given up.
    Failed(Trouble),
}

/// Takes a message of this account back, if nothing of it was tried; whether it was. Then nobody gets it, and nobody is
/// told.
///
/// First all recipients are put off, in one transaction: whoever is being tried says so, and nobody else can begin. Only
/// then are they cancelled.
pub async fn recall(world: &World, account: &Address, message: MessageId) -> Result<bool, StoreError> {
    let Some(queued) = held(world, account, message).await? else { return Ok(false) };
    let by = account.to_string();
    let until = world.clock.now().plus(PUT_OFF);
    let put_off = revise(world, &queued.pending, &by, |one| {
        Edit::Due(until.max(one.progress.due).plus(Duration::from_millis(1)))
    });
    let outcomes = put_off.await?;
    let moved =
        |outcome: &RevisionOutcome| matches!(outcome, RevisionOutcome::Changed(change) if !change.running);
    if !outcomes.iter().all(moved) {
        revise(world, &queued.pending, &by, |one| Edit::Due(one.progress.due)).await?;
        return Ok(false);
    }
    let outcomes = revise(world, &queued.pending, &by, |_| Edit::Cancel { notify: false }).await?;
    let gone =
        |outcome: &RevisionOutcome| matches!(outcome, RevisionOutcome::Changed(change) if change.ended);
    let all = outcomes.iter().all(gone);
    world.desk.left(queued.pending.iter().map(|one| (message, one.recipient.id)));
    queued.pending.iter().for_each(|one| told(world, &queued.envelope, one, &by));
    tracing::info!(id = %message, by, "a message was taken back by its sender");
    Ok(all)
}

/// The message, if it is this account's and nothing of it was tried.
async fn held(
    world: &World,
    account: &Address,
    message: MessageId,
) -> Result<Option<QueuedMessage>, StoreError> {
    let queued = world.store.messages(&[message]).await?.into_iter().next();
    let now = world.clock.now();
    let untouched = |one: &QueuedRecipient| {
        one.state == RecipientState::Pending && one.progress.retry_num == 0 && one.progress.due > now
    };
    Ok(queued.filter(|queued| {
        came_from(&queued.envelope, account)
            && queued.ended.is_empty()
            && !queued.pending.is_empty()
            && queued.pending.iter().all(untouched)
    }))
}

async fn revise(
    world: &World,
    recipients: &[QueuedRecipient],
    by: &str,
    edit: impl Fn(&QueuedRecipient) -> Edit,
) -> Result<Vec<RevisionOutcome>, StoreError> {
    let revision = |one: &QueuedRecipient| Revision { recipient: one.recipient.id, edits: vec![edit(one)] };
    let revisions = recipients.iter().map(revision).collect();
    world.store.revise(revisions, by, world.clock.now()).await
}

fn told(world: &World, envelope: &Arc<Envelope>, one: &QueuedRecipient, by: &str) {
    if !world.events.wanted().events {
        return;
    }
    world.events.report(Event::Operator(Box::new(Operator {
        at: world.clock.now(),
        envelope: Arc::clone(envelope),
        forward_path: Some(one.recipient.forward_path.clone()),
        action: OperatorAction::Cancelled,
        by: by.to_owned(),
        reason: "taken back by its sender".to_owned(),
    })));
}

/// How far each recipient of a message of this account is; nobody if it has left the queue, or is not this account's.
pub async fn standing(
    world: &World,
    account: &Address,
    message: MessageId,
) -> Result<Vec<(RecipientId, Address, Standing)>, StoreError> {
    let queued = world.store.messages(&[message]).await?.into_iter().next();
    let Some(queued) = queued.filter(|queued| came_from(&queued.envelope, account)) else {
        return Ok(Vec::new());
    };
    let mut standing: Vec<_> = queued.pending.into_iter().chain(queued.ended).map(one).collect();
    standing.sort_by_key(|(id, ..)| *id);
    Ok(standing)
}

fn one(queued: QueuedRecipient) -> (RecipientId, Address, Standing) {
    let QueuedRecipient { recipient, progress, state } = queued;
    let standing = match state {
        RecipientState::Pending => Standing::Waits(progress.last),
        RecipientState::DeliveredUntold(delivered) => Standing::Delivered(delivered),
        RecipientState::FailedUntold(trouble) => Standing::Failed(trouble),
    };
    (recipient.id, recipient.forward_path, standing)
}

/// The message of this account in the queue that was sent with this envelope id since then, if there is one: what became
/// of a submission of which only the beginning is known.
pub async fn find(
    world: &World,
    account: &Address,
    envelope_id: &str,
    since: Timestamp,
) -> Result<Option<MessageId>, StoreError> {
    let (sender, found) = tokio::sync::oneshot::channel();
    let (account, envelope_id) = (account.clone(), envelope_id.to_owned());
    let mut sender = Some(sender);
    let look =
        store::Look { contains: Vec::new(), backwards: true, ..store::Look::all(store::Detail::Whole) };
    let see = move |sight: store::Sight| {
        let Some((envelope, _)) = sight.whole else { return std::ops::ControlFlow::Continue(()) };
        if envelope.accepted_at < since {
            return std::ops::ControlFlow::Break(());
        }
        let is_it = envelope.parameters.envelope_id.as_deref() == Some(&envelope_id);
        if is_it
            && came_from(&envelope, &account)
            && let Some(sender) = sender.take()
        {
            let _ = sender.send(envelope.message);
            return std::ops::ControlFlow::Break(());
        }
        std::ops::ControlFlow::Continue(())
    };
    world.store.look(look, Box::new(see)).await?;
    Ok(found.await.ok())
}
