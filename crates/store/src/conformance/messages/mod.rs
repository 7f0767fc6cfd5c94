//! What the message store does, whichever it is.

pub(crate) mod history;

use bytes::Bytes;
use mail::{Address, Flags, ModSeq, Role, SystemFlag, UidSet};

use super::subject::*;
use crate::MessageStore;
use crate::messages::alteration::Source;
use crate::messages::{Alteration, Altered, EmailId, FlagChange, Kind, MailboxId, Room, Target};

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
