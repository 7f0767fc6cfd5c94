//! What is accepted is kept.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use mail::Timestamp;

use super::subject::*;
use crate::{Content, LeaseId, PREFIX_BYTES_MAX, RecipientState, Store};

pub(super) async fn what_was_accepted_comes_back_whole(subject: &mut dyn Subject) {
    let store = subject.store();
    let accepted = message(START, &[at(0), at(0)]);
    let id = store.accept(accepted.clone(), Content::Memory(Bytes::from_static(b"hello"))).await.unwrap();
    let mut claim = claim_one(store, at(0)).await;
    assert_eq!(claim.envelope.message, id);
    assert_eq!(&claim.envelope.reverse_path, accepted.reverse_path());
    assert_eq!(&claim.envelope.origin, accepted.origin());
    assert_eq!((claim.envelope.accepted_at, claim.envelope.size), (START, 5));
    claim.recipients.sort_by_key(|queued| queued.recipient.id);
    for (queued, new) in claim.recipients.iter().zip(accepted.recipients()) {
        assert_eq!((&queued.recipient.forward_path, &queued.progress), (&new.forward_path, &new.progress));
        assert_eq!((queued.recipient.notify, &queued.state), (new.notify, &RecipientState::Pending));
    }
    assert_eq!(claim.envelope.recipients.len(), 2);
    assert_eq!(bytes(store.content(id).await.unwrap()).unwrap(), "hello");
}

pub(super) async fn what_was_accepted_survives_a_crash(subject: &mut dyn Subject) {
    accept(subject.store(), START, &[at(0), at(5)]).await;
    let before = subject.store().pending(None, 10).await.unwrap();
    subject.crash();
    let after = subject.store().pending(None, 10).await.unwrap();
    assert_eq!(before[0].recipients, after[0].recipients);
    assert_eq!(before[0].envelope, after[0].envelope);
    assert_eq!(claim_one(subject.store(), at(9)).await.envelope, before[0].envelope);
}

pub(super) async fn content_of_any_size_comes_back(subject: &mut dyn Subject) {
    for size in [0_usize, 1, 4095, 8192, 262_144, 262_145, 1_000_000] {
        let content: Bytes = (0..size).map(|i| (i % 251) as u8).collect();
        let accepted = message(START, &[at(0)]);
        let id = subject.store().accept(accepted, Content::Memory(content.clone())).await.unwrap();
        assert_eq!(bytes(subject.store().content(id).await.unwrap()).unwrap(), content, "{size} fresh");
        subject.crash();
        assert_eq!(
            bytes(subject.store().content(id).await.unwrap()).unwrap(),
            content,
            "{size} after a crash"
        );
    }
}

pub(super) async fn content_in_pieces_is_put_together(subject: &mut dyn Subject) {
    for pieces in [0_usize, 1, 3, 100] {
        let mut writer = subject.store().writer().await.unwrap();
        let mut whole = Vec::new();
        for piece in 0..pieces {
            let piece = vec![piece as u8; 10_000];
            writer.write(&piece).await.unwrap();
            whole.extend(piece);
        }
        let content = writer.finish().await.unwrap();
        assert_eq!(content.len(), whole.len() as u64);
        let id = subject.store().accept(message(START, &[at(0)]), content).await.unwrap();
        subject.crash();
        assert_eq!(bytes(subject.store().content(id).await.unwrap()).unwrap(), whole);
    }
}

pub(super) async fn what_comes_last_may_stand_first(subject: &mut dyn Subject) {
    for (pieces, prefix) in [(0_usize, 1_usize), (1, 100), (26, 1), (27, 5_000), (100, PREFIX_BYTES_MAX)] {
        let mut writer = subject.store().writer().await.unwrap();
        writer.expect_prefix();
        let prefix = vec![255; prefix];
        let mut whole = prefix.clone();
        for piece in 0..pieces {
            let piece = vec![piece as u8; 10_000];
            writer.write(&piece).await.unwrap();
            whole.extend(piece);
        }
        let content = writer.finish_behind(prefix.into()).await.unwrap();
        assert_eq!(content.len(), whole.len() as u64);
        assert_eq!(bytes(Some(content.clone())).unwrap(), whole);
        let id = subject.store().accept(message(START, &[at(0)]), content).await.unwrap();
        assert_eq!(bytes(subject.store().content(id).await.unwrap()).unwrap(), whole, "{pieces} fresh");
        subject.crash();
        assert_eq!(
            bytes(subject.store().content(id).await.unwrap()).unwrap(),
            whole,
            "{pieces} after a crash"
        );
    }
}

pub(super) async fn a_prefix_that_was_not_needed_leaves_no_trace(subject: &mut dyn Subject) {
    for pieces in [0_usize, 1, 100] {
        let mut writer = subject.store().writer().await.unwrap();
        writer.expect_prefix();
        for _ in 0..pieces {
            writer.write(&[7; 10_000]).await.unwrap();
        }
        let content = writer.finish().await.unwrap();
        let id = subject.store().accept(message(START, &[at(0)]), content).await.unwrap();
        subject.crash();
        assert_eq!(bytes(subject.store().content(id).await.unwrap()).unwrap(), vec![7; pieces * 10_000]);
    }
}

pub(super) async fn content_that_nobody_finished_leaves_nothing(subject: &mut dyn Subject) {
    let mut writer = subject.store().writer().await.unwrap();
    writer.write(&vec![1; 400_000]).await.unwrap();
    drop(writer);
    let mut writer = subject.store().writer().await.unwrap();
    writer.write(&vec![2; 400_000]).await.unwrap();
    drop(writer.finish().await.unwrap());
    assert_eq!(pending(subject.store()).await, 0);
}

pub(super) async fn there_is_no_content_of_no_message(subject: &mut dyn Subject) {
    assert!(subject.store().content(mail::MessageId(1)).await.unwrap().is_none());
}

pub(super) async fn ids_grow_even_if_the_clock_goes_back(subject: &mut dyn Subject) {
    let mut last = 0;
    for time in [at(9), at(3), Timestamp::EPOCH, at(4)] {
        let id = accept(subject.store(), time, &[time]).await;
        let claims = claim(subject.store(), at(10)).await;
        for claim in claims {
            assert!(claim.lease > LeaseId::NONE);
            let recipients = ids(&claim);
            begin(subject.store(), claim.lease, &recipients, at(10)).await;
            let all = settlement(&claim, &recipients, &delivered(), false);
            subject.store().settle(all).await.unwrap();
        }
        assert!(id.0 > last, "{} after {last}", id.0);
        last = id.0 + 1;
        subject.crash();
    }
}

pub(super) async fn an_arrival_is_told(subject: &mut dyn Subject) {
    let store: &dyn Store = subject.store();
    while store.arrival().now_or_never().is_some() {}
    assert!(store.arrival().now_or_never().is_none());
    accept(store, START, &[at(0)]).await;
    tokio::time::timeout(Duration::from_secs(10), store.arrival()).await.unwrap();
    assert!(store.arrival().now_or_never().is_none());
}

pub(super) async fn the_queue_is_listed_by_message(subject: &mut dyn Subject) {
    let store = subject.store();
    let mut all = Vec::new();
    for count in 1..=5 {
        all.push(accept(store, START, &vec![at(7); count]).await);
    }
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = store.pending(after, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.envelope.message);
        for claim in page {
            assert_eq!(claim.lease, LeaseId::NONE);
            assert_eq!(claim.recipients.len(), claim.envelope.recipients.len());
            listed.push(claim.envelope.message);
        }
    }
    assert_eq!(listed, all);
}
