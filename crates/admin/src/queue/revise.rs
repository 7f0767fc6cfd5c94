//! Writes edits of recipients, and tells those who count and those who listen.

use super::Office;
use std::sync::Arc;

use mail::{Address, Envelope, RecipientId};
use mta::events::{Event, Operator, OperatorAction};
use policy::Edit;
use store::{Revision, RevisionOutcome, StoreError};

/// What is to be done to one recipient.
pub(super) struct Wanted {
    pub(super) envelope: Arc<Envelope>,
    pub(super) recipient: RecipientId,
    pub(super) forward_path: Address,
    pub(super) edits: Vec<Edit>,
}

/// Writes all of it in one transaction; what became of each, in order.
pub(super) async fn revise(
    api: &Office,
    by: &str,
    wanted: Vec<Wanted>,
) -> Result<Vec<RevisionOutcome>, StoreError> {
    let now = api.world.clock.now();
    let revision = |one: &Wanted| Revision { recipient: one.recipient, edits: one.edits.clone() };
    let revisions = wanted.iter().map(revision).collect();
    let outcomes = api.world.store.revise(revisions, by, now).await?;
    let mut left = Vec::new();
    let listens = api.world.events.wanted().events;
    for (one, outcome) in wanted.iter().zip(&outcomes) {
        let RevisionOutcome::Changed(change) = outcome else { continue };
        if change.ended {
            left.push((change.message, one.recipient));
        }
        tracing::info!(target: "queue", id = %change.message, recipient = %one.forward_path, by,
            what = words(&one.edits), running = change.running, "an operator has changed a queued recipient");
        if listens {
            for edit in &one.edits {
                api.world.events.report(Event::Operator(Box::new(told(one, edit, by, now))));
            }
        }
    }
    if !left.is_empty() {
        api.world.desk.left(left);
    }
    Ok(outcomes)
}

fn told(one: &Wanted, edit: &Edit, by: &str, at: mail::Timestamp) -> Operator {
    Operator {
        at,
        envelope: Arc::clone(&one.envelope),
        forward_path: Some(one.forward_path.clone()),
        action: match edit {
            Edit::Hold { .. } => OperatorAction::Held,
            Edit::Release | Edit::Revive | Edit::Undo(_) | Edit::Unpark => OperatorAction::Released,
            Edit::Cancel { .. } => OperatorAction::Cancelled,
            Edit::Reroute(_) | Edit::ClearRoute => OperatorAction::Rerouted,
            Edit::Due(_)
            | Edit::RetryCount(_)
            | Edit::NoticeCount(_)
            | Edit::NoticeDue(_)
            | Edit::Expiry(_) => OperatorAction::Rescheduled,
        },
        by: by.to_owned(),
        reason: reason(edit),
    }
}

fn reason(edit: &Edit) -> String {
    match edit {
        Edit::Due(at) => format!("next attempt {at}"),
        Edit::RetryCount(count) => format!("{count} attempts"),
        Edit::NoticeCount(count) => format!("{count} notices"),
        Edit::NoticeDue(due) => due.map_or_else(|| "no notice".to_owned(), |at| format!("notice {at}")),
        Edit::Expiry(policy::Expiry::At(at)) => format!("expires {at}"),
        Edit::Expiry(policy::Expiry::Attempts(count)) => format!("expires after {count} attempts"),
        Edit::Hold { reason, .. } => reason.clone(),
        Edit::Release => String::new(),
        Edit::Reroute(route) => format!("by route {route}"),
        Edit::ClearRoute => "by the strategy again".to_owned(),
        Edit::Cancel { notify: true } => "the sender is told".to_owned(),
        Edit::Cancel { notify: false } => "nobody is told".to_owned(),
        Edit::Revive => "tried again".to_owned(),
        Edit::Undo(_) => "an edit is taken back".to_owned(),
        Edit::Unpark => String::new(),
    }
}

fn words(edits: &[Edit]) -> String {
    edits.iter().map(reason).filter(|reason| !reason.is_empty()).collect::<Vec<_>>().join(", ")
}
