//! Who gets a recipient, and for how long.

use mail::RecipientId;

use super::subject::*;
use crate::{LeaseId, StoreError};

pub(super) async fn nothing_is_claimed_before_it_is_due(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(5), at(7)]).await;
    for _ in 0..2 {
        assert!(claim(subject.store(), at(4)).await.is_empty());
        subject.crash();
    }
    assert_eq!(claim_one(subject.store(), at(5)).await.recipients.len(), 1);
    assert_eq!(claim_one(subject.store(), at(7)).await.recipients.len(), 1);
    assert!(claim(subject.store(), at(9)).await.is_empty());
}

pub(super) async fn the_earliest_is_claimed_first(subject: &mut dyn Subject) {
    for due in [5, 1, 4, 2, 3] {
        accept(subject.store(), at(10), &[at(due)]).await;
    }
    let mut order = Vec::new();
    for round in 0..5 {
        let claims = subject.store().claim(at(10), LEASE, 1).await.unwrap();
        assert_eq!(claims.len(), 1, "round {round}");
        order.push(claims[0].recipients[0].progress.due);
    }
    assert_eq!(order, [at(1), at(2), at(3), at(4), at(5)]);
    subject.crash();
    let claims = subject.store().claim(at(10), LEASE, 3).await.unwrap();
    let order: Vec<_> = claims.iter().map(|claim| claim.recipients[0].progress.due).collect();
    assert_eq!(order, [at(1), at(2), at(3)]);
}

pub(super) async fn recipients_of_one_message_come_in_one_claim(subject: &mut dyn Subject) {
    let a = accept(subject.store(), START, &[at(1), at(3)]).await;
    let b = accept(subject.store(), START, &[at(2), at(4), at(5)]).await;
    let claims = subject.store().claim(at(9), LEASE, 4).await.unwrap();
    let found: Vec<_> = claims.iter().map(|claim| (claim.envelope.message, claim.recipients.len())).collect();
    assert_eq!(found, [(a, 2), (b, 2)]);
    assert_ne!(claims[0].lease, claims[1].lease);
    assert_eq!(claim_one(subject.store(), at(9)).await.envelope.message, b);
}

pub(super) async fn nobody_else_gets_what_is_leased(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(0)]).await;
    claim_one(subject.store(), at(0)).await;
    assert!(claim(subject.store(), at(59)).await.is_empty());
    assert_eq!(subject.store().next_event().await.unwrap(), None);
}

pub(super) async fn a_lease_that_ended_is_given_anew(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(0)]).await;
    let first = claim_one(subject.store(), at(0)).await;
    let second = claim_one(subject.store(), at(60)).await;
    assert!(second.lease > first.lease);
    assert_eq!(first.recipients, second.recipients);
    let late = subject.store().begin(first.lease, &ids(&first), at(61), LEASE).await;
    assert!(matches!(late, Err(StoreError::LeaseLost(lease)) if lease == first.lease));
}

pub(super) async fn a_begun_lease_is_longer(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(0)]).await;
    let first = claim_one(subject.store(), at(0)).await;
    begin(subject.store(), first.lease, &ids(&first), at(50)).await;
    assert!(claim(subject.store(), at(109)).await.is_empty());
    claim_one(subject.store(), at(110)).await;
}

pub(super) async fn begin_is_all_or_nothing(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(0), at(0)]).await;
    accept(subject.store(), START, &[at(20)]).await;
    let first = claim_one(subject.store(), at(0)).await;
    let other = claim_one(subject.store(), at(20)).await;
    let mixed = [ids(&first), ids(&other)].concat();
    for (lease, recipients, now) in [
        (first.lease, mixed.clone(), 30),
        (other.lease, mixed.clone(), 30),
        (LeaseId(1), ids(&first), 30),
        (first.lease, vec![RecipientId(1)], 30),
        (first.lease, ids(&first), 60),
    ] {
        let result = subject.store().begin(lease, &recipients, at(now), LEASE).await;
        assert!(matches!(result, Err(StoreError::LeaseLost(_))), "{lease:?} {now}");
    }
    assert_eq!(claim_one(subject.store(), at(60)).await.recipients.len(), 2);
}

pub(super) async fn what_is_released_is_due_as_before(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(0), at(0)]).await;
    let first = claim_one(subject.store(), at(3)).await;
    subject.store().release(first.lease, &ids(&first)[..1]).await.unwrap();
    assert_eq!(subject.store().next_event().await.unwrap(), Some(at(0)));
    let second = claim_one(subject.store(), at(3)).await;
    assert_eq!(ids(&second), ids(&first)[..1]);
    assert!(second.lease > first.lease);
    let again = subject.store().release(first.lease, &ids(&second)).await;
    assert!(matches!(again, Err(StoreError::LeaseLost(_))));
}

pub(super) async fn release_is_all_or_nothing(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(0)]).await;
    let first = claim_one(subject.store(), at(0)).await;
    let some_unknown = [ids(&first)[0], RecipientId(1)];
    assert!(subject.store().release(first.lease, &some_unknown).await.is_err());
    assert!(claim(subject.store(), at(1)).await.is_empty());
}

pub(super) async fn a_crash_voids_leases(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(0)]).await;
    let first = claim_one(subject.store(), at(0)).await;
    begin(subject.store(), first.lease, &ids(&first), at(0)).await;
    subject.crash();
    let settled = settlement(&first, &ids(&first), &delivered(), false);
    assert!(matches!(subject.store().settle(settled).await, Err(StoreError::LeaseLost(_))));
    assert_eq!(claim_one(subject.store(), at(0)).await.recipients, first.recipients);
}

pub(super) async fn the_next_event_is_the_earliest_that_nobody_holds(subject: &mut dyn Subject) {
    assert_eq!(subject.store().next_event().await.unwrap(), None);
    accept(subject.store(), START, &[at(50)]).await;
    assert_eq!(subject.store().next_event().await.unwrap(), Some(at(50)));
    accept(subject.store(), START, &[at(40), at(60)]).await;
    assert_eq!(subject.store().next_event().await.unwrap(), Some(at(40)));
    subject.crash();
    assert_eq!(subject.store().next_event().await.unwrap(), Some(at(40)));
    let first = claim_one(subject.store(), at(40)).await;
    assert_eq!(subject.store().next_event().await.unwrap(), Some(at(50)));
    let later = settlement(&first, &ids(&first), &retry(at(45)), false);
    subject.store().settle(later).await.unwrap();
    assert_eq!(subject.store().next_event().await.unwrap(), Some(at(45)));
}
