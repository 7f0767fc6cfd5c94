//! What an operator's edit makes of recipients, whoever holds them at that moment, and what people see of the queue.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use mail::{RecipientId, Timestamp};
use policy::{Edit, Progress, Verdict};

use super::subject::*;
use crate::{
    Change, Detail, Look, Order, RecipientState, Revision, RevisionOutcome, Sight, Store, StoreError,
};

async fn revise(
    store: &dyn Store,
    recipient: RecipientId,
    edits: &[Edit],
    now: Timestamp,
) -> RevisionOutcome {
    let revision = Revision { recipient, edits: edits.to_vec() };
    store.revise(vec![revision], "alice", now).await.unwrap().remove(0)
}

async fn change(store: &dyn Store, recipient: RecipientId, edits: &[Edit], now: Timestamp) -> Change {
    match revise(store, recipient, edits, now).await {
        RevisionOutcome::Changed(change) => *change,
        other => panic!("{other:?}"),
    }
}

fn hold() -> Edit {
    Edit::Hold { reason: "asked".to_owned(), counts: false }
}

async fn progress_of(store: &dyn Store, recipient: RecipientId) -> Progress {
    let all = store.pending(None, 1000).await.unwrap();
    let mut all = all.into_iter().flat_map(|claim| claim.recipients);
    all.find(|queued| queued.recipient.id == recipient).unwrap().progress
}

async fn look(store: &dyn Store, look: Look, limit: usize) -> Vec<Sight> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let of = Arc::clone(&seen);
    let see = move |sight: Sight| {
        let mut seen = of.lock().unwrap();
        seen.push(sight);
        if seen.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    store.look(look, Box::new(see)).await.unwrap();
    std::mem::take(&mut *seen.lock().unwrap())
}

pub(super) async fn what_is_held_is_not_claimed_until_it_is_released(subject: &mut dyn Subject) {
    let message = accept(subject.store(), START, &[at(0), at(0)]).await;
    let (first, second) = (RecipientId(message.0 + 1), RecipientId(message.0 + 2));
    let changed = change(subject.store(), first, &[hold()], at(0)).await;
    assert!(!changed.running && !changed.ended && changed.after.held().is_some());
    for _ in 0..2 {
        let claimed = claim_one(subject.store(), at(5)).await;
        assert_eq!(ids(&claimed), [second]);
        subject.crash();
    }
    assert_eq!(revise(subject.store(), first, &[hold()], at(6)).await, RevisionOutcome::Unchanged);
    change(subject.store(), first, &[Edit::Release], at(7)).await;
    let claimed = claim_one(subject.store(), at(7)).await;
    assert_eq!(ids(&claimed), [first, second]);
}

pub(super) async fn a_claim_of_which_nothing_has_begun_is_taken_back(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(0), at(0)]).await;
    let claimed = claim_one(subject.store(), at(0)).await;
    let both = ids(&claimed);
    assert!(!change(subject.store(), both[0], &[Edit::Due(at(50))], at(1)).await.running);
    let begun = subject.store().begin(claimed.lease, &both[1..], at(1), LEASE).await;
    assert!(matches!(begun, Err(StoreError::LeaseLost(_))));
    assert_eq!(ids(&claim_one(subject.store(), at(1)).await), both[1..], "the other one is free at once");
    assert_eq!(ids(&claim_one(subject.store(), at(50)).await), both[..1]);
}

pub(super) async fn an_attempt_that_runs_settles_and_the_edit_holds(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(0), at(0), at(0), at(0)]).await;
    let claimed = claim_one(subject.store(), at(0)).await;
    let all = ids(&claimed);
    begin(subject.store(), claimed.lease, &all[..3], at(0)).await;
    assert!(change(subject.store(), all[0], &[hold()], at(1)).await.running);
    assert!(change(subject.store(), all[1], &[Edit::Due(at(9))], at(1)).await.running);
    assert!(change(subject.store(), all[2], &[hold()], at(1)).await.running);
    assert!(change(subject.store(), all[3], &[hold()], at(1)).await.running, "its claim has begun");
    let late = subject.store().begin(claimed.lease, &all[3..], at(1), LEASE).await;
    assert!(matches!(late, Err(StoreError::LeaseLost(_))), "what is held does not begin");
    subject.store().release(claimed.lease, &all[3..]).await.unwrap();
    let retried = settlement(&claimed, &all[..2], &retry(at(30)), false);
    subject.store().settle(retried).await.unwrap();
    subject.store().settle(settlement(&claimed, &all[2..3], &delivered(), false)).await.unwrap();
    for _ in 0..2 {
        let held = progress_of(subject.store(), all[0]).await;
        assert_eq!((held.retry_num, held.due, held.held().is_some()), (1, at(30), true));
        let rescheduled = progress_of(subject.store(), all[1]).await;
        assert_eq!((rescheduled.retry_num, rescheduled.due), (1, at(9)), "the new time stays");
        assert!(progress_of(subject.store(), all[3]).await.held().is_some());
        assert_eq!(pending(subject.store()).await, 3, "what was delivered has ended");
        subject.crash();
    }
    assert_eq!(ids(&claim_one(subject.store(), at(100)).await), all[1..2]);
}

pub(super) async fn what_is_cancelled_stays_cancelled(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(0), at(0), at(0)]).await;
    let claimed = claim_one(subject.store(), at(0)).await;
    let all = ids(&claimed);
    begin(subject.store(), claimed.lease, &all, at(0)).await;
    for (recipient, notify) in [(all[0], false), (all[1], true)] {
        assert!(change(subject.store(), recipient, &[Edit::Cancel { notify }], at(1)).await.running);
    }
    subject.store().settle(settlement(&claimed, &all, &retry(at(30)), false)).await.unwrap();
    for _ in 0..2 {
        let found = subject.store().messages(&[claimed.envelope.message]).await.unwrap().remove(0);
        let ended: Vec<_> = found.ended.iter().map(|queued| queued.recipient.id).collect();
        assert_eq!(ended, all[..1]);
        let state = &found.pending.iter().find(|queued| queued.recipient.id == all[1]).unwrap().state;
        assert!(
            matches!(state, RecipientState::FailedUntold(why) if why.text == "delivery cancelled by alice")
        );
        assert_eq!(ids(&claim_one(subject.store(), at(1)).await), all[1..2], "it is to be told");
        subject.crash();
    }
}

pub(super) async fn who_is_given_up_unseen_leaves_with_its_message(subject: &mut dyn Subject) {
    let message = accept(subject.store(), START, &[at(0), at(100)]).await;
    let (first, second) = (RecipientId(message.0 + 1), RecipientId(message.0 + 2));
    let cancel = [Edit::Cancel { notify: false }];
    assert!(change(subject.store(), first, &cancel, at(0)).await.ended);
    let found = subject.store().messages(&[message]).await.unwrap().remove(0);
    assert_eq!((found.pending.len(), found.ended.len()), (1, 1));
    assert!(subject.store().content(message).await.unwrap().is_some());
    assert!(change(subject.store(), second, &cancel, at(0)).await.ended);
    for _ in 0..2 {
        assert!(subject.store().messages(&[message]).await.unwrap().is_empty());
        assert!(subject.store().content(message).await.unwrap().is_none(), "its content has left");
        assert_eq!(revise(subject.store(), first, &cancel, at(0)).await, RevisionOutcome::Missing);
        assert!(claim(subject.store(), at(1000)).await.is_empty());
        subject.crash();
    }
}

pub(super) async fn what_has_failed_is_revived_while_its_message_is_there(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(0), at(0), at(500)]).await;
    let claimed = claim_one(subject.store(), at(0)).await;
    let both = ids(&claimed);
    begin(subject.store(), claimed.lease, &both, at(0)).await;
    subject.store().settle(settlement(&claimed, &both[..1], &failed(), false)).await.unwrap();
    subject.store().settle(settlement(&claimed, &both[1..], &delivered(), false)).await.unwrap();
    subject.crash();
    let found = subject.store().messages(&[claimed.envelope.message]).await.unwrap().remove(0);
    let states: Vec<_> = found.ended.iter().map(|queued| queued.state.clone()).collect();
    assert!(matches!(&states[..], [RecipientState::FailedUntold(_), RecipientState::DeliveredUntold(_)]));
    let delivered = revise(subject.store(), both[1], &[Edit::Revive], at(1)).await;
    assert_eq!(delivered, RevisionOutcome::Refused("it has been delivered"));
    change(subject.store(), both[0], &[Edit::Revive], at(1)).await;
    assert_eq!(ids(&claim_one(subject.store(), at(1)).await), both[..1]);
}

pub(super) async fn what_was_given_up_by_time_is_not_once_it_has_more(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(0), at(0)]).await;
    let claimed = claim_one(subject.store(), at(0)).await;
    let both = ids(&claimed);
    begin(subject.store(), claimed.lease, &both[..1], at(0)).await;
    let more = Edit::Expiry(policy::Expiry::At(at(9999)));
    change(subject.store(), both[1], &[more], at(1)).await;
    let errand = settlement(&claimed, &both[1..], &failed(), false);
    assert!(matches!(subject.store().settle(errand).await, Err(StoreError::LeaseLost(_))));
    assert_eq!(ids(&claim_one(subject.store(), at(2)).await), both[1..], "it is looked at anew");
}

pub(super) async fn an_edit_wakes_who_waits(subject: &mut dyn Subject) {
    let message = accept(subject.store(), START, &[at(500)]).await;
    subject.store().arrival().await;
    change(subject.store(), RecipientId(message.0 + 1), &[Edit::Due(at(1))], at(1)).await;
    subject.store().arrival().await;
    assert_eq!(subject.store().next_event().await.unwrap(), Some(at(1)));
}

pub(super) async fn too_many_edits_are_refused(subject: &mut dyn Subject) {
    let revision = Revision { recipient: RecipientId(1), edits: Vec::new() };
    let many = vec![revision; policy::limits::REVISIONS_MAX + 1];
    let refused = subject.store().revise(many, "alice", at(0)).await;
    assert!(matches!(refused, Err(StoreError::TooLong { .. })), "{refused:?}");
}

pub(super) async fn the_queue_is_seen_in_both_orders_and_directions(subject: &mut dyn Subject) {
    let mut messages = Vec::new();
    for due in [30, 10, 20] {
        messages.push(accept(subject.store(), START, &[at(due)]).await);
    }
    let order = |sights: &[Sight]| -> Vec<_> {
        sights.iter().map(|sight| messages.iter().position(|id| *id == sight.message).unwrap()).collect()
    };
    let by = |order, backwards| Look { order, backwards, ..Look::all(Detail::Keys) };
    let check = async |order_by, backwards, expected: [usize; 3]| {
        let seen = look(subject.store(), by(order_by, backwards), 9).await;
        assert_eq!(order(&seen), expected, "{order_by:?} {backwards}");
        let after = Some((seen[0].next_event, seen[0].recipient));
        let rest = look(subject.store(), Look { after, ..by(order_by, backwards) }, 9).await;
        assert_eq!(order(&rest), expected[1..], "{order_by:?} {backwards}");
    };
    check(Order::Message, false, [0, 1, 2]).await;
    check(Order::Message, true, [2, 1, 0]).await;
    check(Order::Due, false, [1, 2, 0]).await;
    check(Order::Due, true, [0, 2, 1]).await;
    let enough = look(subject.store(), by(Order::Due, false), 1).await;
    assert_eq!(order(&enough), [1]);
    assert!(enough[0].progress.is_none() && enough[0].whole.is_none());
}

pub(super) async fn what_is_seen_is_as_much_as_was_asked_for(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(0), at(0)]).await;
    let progress = look(subject.store(), Look::all(Detail::Progress), 9).await;
    assert_eq!(progress.len(), 2);
    assert!(
        matches!(&progress[0].progress, Some((progress, RecipientState::Pending)) if progress.due == at(0))
    );
    for (text, count) in [("alice@", 2), ("r1@example", 2), ("nobody@", 0), ("", 2)] {
        let contains = vec![text.to_owned()];
        let whole = look(subject.store(), Look { contains, ..Look::all(Detail::Whole) }, 9).await;
        assert_eq!(whole.len(), count, "{text:?}");
        assert!(whole.iter().all(|sight| sight.whole.is_some()));
    }
}

/// What an attempt writes without knowing of an edit.
pub(super) async fn an_attempt_keeps_what_was_ordered_before_it(subject: &mut dyn Subject) {
    let message = accept(subject.store(), START, &[at(0)]).await;
    let id = RecipientId(message.0 + 1);
    change(subject.store(), id, &[Edit::Reroute("other".into())], at(0)).await;
    let claimed = claim_one(subject.store(), at(0)).await;
    begin(subject.store(), claimed.lease, &[id], at(0)).await;
    let next = Progress { due: at(30), ..claimed.recipients[0].progress.clone() };
    let settled = settlement(&claimed, &[id], &Verdict::Retry(next.clone()), false);
    subject.store().settle(settled).await.unwrap();
    assert_eq!(progress_of(subject.store(), id).await, next);
}
