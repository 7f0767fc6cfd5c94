//! What the message store does, whichever it is.

pub(crate) mod history;

use bytes::Bytes;
use mail::{Address, Flags, ModSeq, Role, SystemFlag, UidSet};

use super::subject::*;
use crate::MessageStore;
use crate::messages::alteration::Source;
use crate::messages::{Alteration, Altered, EmailId, FlagChange, Kind, MailboxId, Refusal, Room, Target};

pub(crate) fn ann() -> Address {
    address("ann@example.org")
}

pub(crate) async fn inbox(store: &dyn MessageStore) -> MailboxId {
    of_role(store, Role::Inbox).await
}

async fn of_role(store: &dyn MessageStore, role: Role) -> MailboxId {
    store.open(&ann(), at(0)).await.unwrap();
    let all = store.mailbox_list(&ann()).await.unwrap();
    all.iter().find(|mailbox| mailbox.role == Some(role)).unwrap().id
}

pub(crate) fn append(mailbox: MailboxId, content: &str) -> Alteration {
    Alteration::Append {
        mailboxes: vec![mailbox],
        content: Source::Bytes(Bytes::copy_from_slice(content.as_bytes())),
        flags: Flags::NONE,
        received_at: at(1),
    }
}

pub(crate) async fn alter(store: &dyn MessageStore, alterations: Vec<Alteration>) -> Vec<Altered> {
    let outcome = store.alter(&ann(), alterations, Room::default(), at(5)).await.unwrap();
    outcome.each.into_iter().map(|each| each.unwrap()).collect()
}

pub(super) async fn an_account_begins_with_mailboxes(subject: &mut dyn Subject) {
    let store = subject.messages();
    let state = store.open(&ann(), at(0)).await.unwrap();
    assert_eq!((state.modseq, state.usage, state.emails), (ModSeq(1), 0, 0));
    let names: Vec<_> = store.mailbox_list(&ann()).await.unwrap().into_iter().map(|m| m.name).collect();
    assert_eq!(names, ["INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"]);
    assert_eq!(store.open(&ann(), at(9)).await.unwrap(), state);
}

pub(super) async fn a_message_is_flagged_copied_and_expunged(subject: &mut dyn Subject) {
    let store = subject.messages();
    let (inbox, trash) = (inbox(store).await, of_role(store, Role::Trash).await);
    let before = store.open(&ann(), at(0)).await.unwrap().modseq;
    let Altered::Email { id, .. } = alter(store, vec![append(inbox, "hello")]).await.remove(0) else {
        panic!()
    };
    let seen = FlagChange::Add(Flags::of(SystemFlag::Seen));
    let flag = Alteration::Flag {
        target: Target::Entries(inbox, UidSet::one(1)),
        change: seen,
        unchanged_since: None,
    };
    let copy = Alteration::Copy { from: inbox, uids: UidSet::range(1, u32::MAX), to: trash };
    alter(store, vec![flag, copy]).await;
    let email = store.emails(&ann(), &[id, EmailId(7)]).await.unwrap().remove(0);
    assert_eq!(email.places, [(inbox, 1), (trash, 1)]);
    assert!(email.flags.has(SystemFlag::Seen));
    let changes = store.changes(&ann(), Kind::Email, before, 10).await.unwrap().unwrap();
    assert_eq!((changes.created, changes.updated), (vec![id.0], vec![]));
    assert_eq!(store.content(&ann(), id).await.unwrap().unwrap(), "hello");
    let expunge = |mailbox| Alteration::Expunge { mailbox, uids: None, deleted_only: false };
    let expunged = alter(store, vec![expunge(inbox), expunge(trash)]).await;
    assert_eq!(expunged, [Altered::Expunged(UidSet::one(1)), Altered::Expunged(UidSet::one(1))]);
    assert_eq!(store.open(&ann(), at(0)).await.unwrap().usage, 0);
    assert_eq!(store.content(&ann(), id).await.unwrap(), None);
    let (mailbox, uids) = store.uids(&ann(), inbox).await.unwrap().unwrap();
    assert_eq!((mailbox.uid_next, mailbox.total, uids), (2, 0, UidSet::EMPTY));
}

pub(super) async fn what_two_want_of_the_places_of_a_message_comes_together(subject: &mut dyn Subject) {
    let store = subject.messages();
    let inbox = inbox(store).await;
    let (junk, trash) = (of_role(store, Role::Junk).await, of_role(store, Role::Trash).await);
    let Altered::Email { id, .. } = alter(store, vec![append(inbox, "hello")]).await.remove(0) else {
        panic!()
    };
    let refile = |into: &[MailboxId], out_of: &[MailboxId]| Alteration::Refile {
        email: id,
        into: into.to_vec(),
        out_of: out_of.to_vec(),
    };
    // Both have seen it in the inbox alone.
    alter(store, vec![refile(&[junk], &[])]).await;
    alter(store, vec![refile(&[trash], &[inbox])]).await;
    let places = store.emails(&ann(), &[id]).await.unwrap().remove(0).places;
    let places: Vec<_> = places.into_iter().map(|(mailbox, _)| mailbox).collect();
    let mut expected = vec![junk, trash];
    expected.sort_unstable();
    assert_eq!(places, expected);
    let nowhere = vec![refile(&[], &[junk, trash])];
    let outcome = store.alter(&ann(), nowhere, Room::default(), at(5)).await.unwrap();
    assert_eq!(outcome.each, [Err(Refusal::Nowhere)]);
}

pub(super) async fn names_of_mailboxes_are_composed(subject: &mut dyn Subject) {
    let store = subject.messages();
    inbox(store).await;
    let create = |name: &str| Alteration::CreateMailbox {
        parent: None,
        name: name.to_owned(),
        role: None,
        sort_order: 7,
        subscribed: false,
    };
    let composed = "Entw\u{fc}rfe";
    let Altered::Mailbox(id) = alter(store, vec![create("Entwu\u{308}rfe")]).await.remove(0) else {
        panic!()
    };
    let name = async || {
        let all = store.mailbox_list(&ann()).await.unwrap();
        all.into_iter().find(|mailbox| mailbox.id == id).unwrap().name
    };
    assert_eq!(name().await, composed);
    let again = store.alter(&ann(), vec![create(composed)], Room::default(), at(5)).await.unwrap();
    assert_eq!(again.each, [Err(Refusal::NameTaken)]);
    let rename = |name: &str| Alteration::UpdateMailbox {
        id,
        parent: None,
        name: Some(name.to_owned()),
        role: None,
        sort_order: None,
        subscribed: None,
    };
    alter(store, vec![rename("Re\u{301}sume\u{301}")]).await;
    assert_eq!(name().await, "R\u{e9}sum\u{e9}");
}
