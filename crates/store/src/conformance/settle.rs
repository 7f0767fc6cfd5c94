//! What becomes of a recipient, and what a crash then means.

use mail::RecipientId;

use super::subject::*;
use crate::{Deposit, RecipientState, Settlement, StoreError};

/// A message whose recipients are claimed and begun.
async fn begun(subject: &dyn Subject, count: usize) -> crate::Claim {
    accept(subject.store(), START, &vec![at(0); count]).await;
    let claim = claim_one(subject.store(), at(0)).await;
    begin(subject.store(), claim.lease, &ids(&claim), at(0)).await;
    claim
}

pub(super) async fn what_is_delivered_is_gone(subject: &mut dyn Subject) {
    let claimed = begun(subject, 1).await;
    let settled = settlement(&claimed, &ids(&claimed), &delivered(), false);
    subject.store().settle(settled.clone()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(pending(subject.store()).await, 0);
        assert!(claim(subject.store(), at(1000)).await.is_empty());
        assert_eq!(subject.store().next_event().await.unwrap(), None);
        assert!(matches!(subject.store().settle(settled.clone()).await, Err(StoreError::LeaseLost(_))));
        subject.crash();
    }
}

pub(super) async fn what_is_retried_is_due_later(subject: &mut dyn Subject) {
    let first = begun(subject, 1).await;
    subject.store().settle(settlement(&first, &ids(&first), &retry(at(30)), false)).await.unwrap();
    for _ in 0..2 {
        assert!(claim(subject.store(), at(29)).await.is_empty());
        subject.crash();
    }
    let second = claim_one(subject.store(), at(30)).await;
    assert_ne!(first.lease, second.lease);
    assert_eq!(second.recipients[0].recipient, first.recipients[0].recipient);
    let progress = &second.recipients[0].progress;
    assert_eq!((progress.retry_num, progress.last.as_ref()), (1, Some(&trouble())));
    assert_eq!(second.recipients[0].state, RecipientState::Pending);
}

pub(super) async fn what_is_owed_stays_until_it_is_told(subject: &mut dyn Subject) {
    let first = begun(subject, 2).await;
    let both = ids(&first);
    subject.store().settle(settlement(&first, &both[..1], &delivered(), true)).await.unwrap();
    subject.store().settle(settlement(&first, &both[1..], &failed(), true)).await.unwrap();
    assert_eq!(pending(subject.store()).await, 2);
    assert!(claim(subject.store(), at(59)).await.is_empty(), "it stays under the same lease");
    subject.crash();
    let second = claim_one(subject.store(), at(0)).await;
    let mut states: Vec<_> = second.recipients.iter().map(|q| (q.recipient.id, q.state.clone())).collect();
    states.sort_by_key(|(id, _)| *id);
    assert!(matches!(&states[0].1, RecipientState::DeliveredUntold(d) if d.host == "mx.example.net"));
    assert_eq!(states[1].1, RecipientState::FailedUntold(trouble()));
    let again = settlement(&second, &both[..1], &retry(at(5)), false);
    assert!(subject.store().settle(again).await.is_err(), "it has ended already");
    let told = Settlement { told: both.clone(), notices: vec![notice(at(1))], ..nothing(&second) };
    subject.store().settle(told).await.unwrap();
    for _ in 0..2 {
        assert_eq!(pending(subject.store()).await, 1, "only the notice");
        subject.crash();
    }
}

pub(super) async fn an_ending_and_its_notice_are_one_transaction(subject: &mut dyn Subject) {
    let first = begun(subject, 1).await;
    let mut settled = settlement(&first, &ids(&first), &failed(), false);
    settled.notices = vec![notice(at(1)), notice(at(1))];
    subject.store().settle(settled).await.unwrap();
    let claims = claim(subject.store(), at(1)).await;
    assert_eq!(claims.len(), 2);
    for claim in claims {
        let content = subject.store().content(claim.envelope.message).await.unwrap();
        assert_eq!(bytes(content).unwrap(), "sorry");
    }
    subject.crash();
    assert_eq!(claim(subject.store(), at(1)).await.len(), 2);
}

pub(super) async fn owed_and_told_at_once_ends(subject: &mut dyn Subject) {
    let first = begun(subject, 1).await;
    let mut settled = settlement(&first, &ids(&first), &failed(), true);
    settled.told = ids(&first);
    settled.notices = vec![notice(at(1))];
    subject.store().settle(settled).await.unwrap();
    assert_eq!(pending(subject.store()).await, 1);
}

pub(super) async fn nobody_settles_with_a_lease_that_went_to_another(subject: &mut dyn Subject) {
    let first = begun(subject, 1).await;
    let second = claim_one(subject.store(), at(60)).await;
    let late = settlement(&first, &ids(&first), &delivered(), false);
    assert!(matches!(subject.store().settle(late).await, Err(StoreError::LeaseLost(_))));
    begin(subject.store(), second.lease, &ids(&second), at(60)).await;
    subject.store().settle(settlement(&second, &ids(&second), &delivered(), false)).await.unwrap();
    assert_eq!(pending(subject.store()).await, 0);
}

pub(super) async fn nothing_is_delivered_that_was_not_begun(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(0), at(0), at(0)]).await;
    let claim = claim_one(subject.store(), at(0)).await;
    let all = ids(&claim);
    begin(subject.store(), claim.lease, &all[..1], at(0)).await;
    let too_much = settlement(&claim, &all[..2], &delivered(), false);
    assert!(matches!(subject.store().settle(too_much).await, Err(StoreError::LeaseLost(_))));
    subject.store().settle(settlement(&claim, &all[..1], &delivered(), false)).await.unwrap();
    subject.store().settle(settlement(&claim, &all[1..2], &failed(), false)).await.unwrap();
    subject.store().settle(settlement(&claim, &all[2..], &retry(at(9)), false)).await.unwrap();
    assert_eq!(pending(subject.store()).await, 1);
}

pub(super) async fn what_cannot_be_settled_changes_nothing(subject: &mut dyn Subject) {
    let other = begun(subject, 1).await;
    accept(subject.store(), START, &[at(0), at(0)]).await;
    let mine = claim_one(subject.store(), at(0)).await;
    let both = ids(&mine);
    begin(subject.store(), mine.lease, &both, at(0)).await;
    let good = settlement(&mine, &both[..1], &delivered(), false);
    let deposit = |recipient| Deposit {
        recipient,
        account: address("bob@example.net"),
        mailbox: "INBOX".into(),
        prefix: "".into(),
        received_at: at(0),
    };
    let cases: Vec<(&str, Settlement)> = vec![
        ("nothing at all", nothing(&mine)),
        ("only a notice", Settlement { notices: vec![notice(at(0))], ..nothing(&mine) }),
        ("another's recipient", settlement(&mine, &[both[0], ids(&other)[0]], &delivered(), false)),
        ("another's message", Settlement { message: other.envelope.message, ..good.clone() }),
        ("another's lease", Settlement { lease: other.lease, ..good.clone() }),
        ("an unknown recipient", settlement(&mine, &[both[0], RecipientId(1)], &failed(), false)),
        ("one named twice", settlement(&mine, &[both[0], both[0]], &failed(), false)),
        ("told that owes nothing", Settlement { told: vec![both[1]], ..good.clone() }),
        (
            "told that is retried",
            Settlement { told: vec![both[0]], ..settlement(&mine, &both[..1], &retry(at(5)), true) },
        ),
        (
            "told twice",
            Settlement { told: vec![both[0], both[0]], ..settlement(&mine, &both[..1], &failed(), true) },
        ),
        ("a deposit without a delivery", Settlement { deposits: vec![deposit(both[1])], ..good.clone() }),
        (
            "a deposit for a failure",
            Settlement {
                deposits: vec![deposit(both[0])],
                ..settlement(&mine, &both[..1], &failed(), false)
            },
        ),
    ];
    for (what, settlement) in cases {
        let result = subject.store().settle(settlement).await;
        assert!(matches!(result, Err(StoreError::LeaseLost(_))), "{what}: {result:?}");
        assert_eq!(pending(subject.store()).await, 3, "{what}");
    }
    assert!(subject.store().mailboxes(&address("bob@example.net")).await.unwrap().is_empty());
    subject.store().settle(good).await.unwrap();
    assert_eq!(pending(subject.store()).await, 2);
}

pub(super) async fn content_leaves_with_the_last_recipient(subject: &mut dyn Subject) {
    for size in [5_usize, 300_000] {
        let accepted = message(START, &[at(0), at(0)]);
        let content = crate::Content::Memory(vec![7; size].into());
        let id = subject.store().accept(accepted, content).await.unwrap();
        let claim = claim_one(subject.store(), at(0)).await;
        let both = ids(&claim);
        begin(subject.store(), claim.lease, &both, at(0)).await;
        subject.store().settle(settlement(&claim, &both[..1], &delivered(), false)).await.unwrap();
        assert_eq!(bytes(subject.store().content(id).await.unwrap()).unwrap().len(), size);
        subject.store().settle(settlement(&claim, &both[1..], &failed(), false)).await.unwrap();
        assert!(subject.store().content(id).await.unwrap().is_none());
        subject.crash();
        assert!(subject.store().content(id).await.unwrap().is_none());
    }
}

pub(super) async fn many_at_once_all_end(subject: &mut dyn Subject) {
    let store = subject.store();
    let deliver = |_| async move {
        accept(store, START, &[at(0), at(0)]).await;
        for claim in claim(store, at(0)).await {
            let all = ids(&claim);
            begin(store, claim.lease, &all, at(0)).await;
            store.settle(settlement(&claim, &all, &delivered(), false)).await.unwrap();
        }
    };
    futures_util::future::join_all((0..100).map(deliver)).await;
    assert!(claim(store, at(1000)).await.is_empty());
    assert_eq!(pending(store).await, 0);
}
