//! An account of the reference: its mailboxes and messages. What can be counted is counted when it is asked for.

use std::collections::BTreeMap;

use bytes::Bytes;
use mail::{Flags, MessageId, ModSeq, Role, SystemFlag, Timestamp, Uid};

use crate::messages::{
    AccountState, Email, EmailId, Entry, Kind, Mailbox, MailboxId, Refusal, ThreadId, rules,
};

#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Account {
    pub(super) modseq: ModSeq,
    pub(super) uid_validity: u32,
    /// With counts of zero.
    pub(super) mailboxes: BTreeMap<MailboxId, Mailbox>,
    pub(super) emails: BTreeMap<EmailId, Message>,
    pub(super) records: BTreeMap<(Kind, u64), (String, ModSeq)>,
    /// Those of the account are under none.
    pub(super) annotations: BTreeMap<(Option<MailboxId>, String), Bytes>,
    pub(super) gone: Vec<(ModSeq, Gone)>,
    /// The conversation that each key was first seen in, and how many messages have the key.
    pub(super) threads: BTreeMap<u64, (ThreadId, u64)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gone {
    Entry(MailboxId, Uid),
    Thing(Kind, u64),
    /// A conversation has one message less.
    OfThread(ThreadId),
}

/// A message with its places.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Message {
    pub(super) thread: ThreadId,
    pub(super) message: MessageId,
    /// Prefix included.
    pub(super) whole: Bytes,
    pub(super) digest: Vec<u8>,
    pub(super) flags: Flags,
    pub(super) received_at: Timestamp,
    pub(super) modseq: ModSeq,
    pub(super) places: BTreeMap<MailboxId, Place>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) uid: Uid,
    pub(super) deleted: bool,
    pub(super) modseq: ModSeq,
    pub(super) saved_at: Timestamp,
}

impl Message {
    pub(super) fn size(&self) -> u64 {
        self.whole.len() as u64
    }

    /// Its flags in a place.
    pub(super) fn flags_at(&self, place: &Place) -> Flags {
        if place.deleted { self.flags.with(&Flags::of(SystemFlag::Deleted)) } else { self.flags.clone() }
    }
}

impl Account {
    pub(super) fn state(&self) -> AccountState {
        AccountState {
            modseq: self.modseq,
            log_since: ModSeq(0),
            usage: self.usage(),
            emails: self.emails.len() as u64,
        }
    }

    pub(super) fn usage(&self) -> u64 {
        self.emails.values().map(Message::size).sum()
    }

    /// The messages of a mailbox by UID.
    pub(super) fn entries(&self, mailbox: MailboxId) -> BTreeMap<Uid, Entry> {
        let here = |(id, email): (&EmailId, &Message)| {
            let place = email.places.get(&mailbox)?;
            let entry = Entry {
                uid: place.uid,
                email: *id,
                thread: email.thread,
                modseq: place.modseq,
                flags: email.flags_at(place),
                size: email.size(),
                received_at: email.received_at,
                saved_at: place.saved_at,
            };
            Some((place.uid, entry))
        };
        self.emails.iter().filter_map(here).collect()
    }

    /// A mailbox with what is counted in it.
    pub(super) fn mailbox(&self, id: MailboxId) -> Result<Mailbox, Refusal> {
        let mailbox = self.mailboxes.get(&id).ok_or(Refusal::NoMailbox(id))?;
        let entries = self.entries(id);
        let count = |what: &dyn Fn(&Flags) -> bool| {
            entries.values().filter(|entry| what(&entry.flags)).count() as u64
        };
        Ok(Mailbox {
            total: entries.len() as u64,
            unseen: count(&|flags| !flags.has(SystemFlag::Seen)),
            deleted: count(&|flags| flags.has(SystemFlag::Deleted)),
            size: entries.values().map(|entry| entry.size).sum(),
            ..mailbox.clone()
        })
    }

    pub(super) fn email(&self, id: EmailId) -> Option<Email> {
        let email = self.emails.get(&id)?;
        Some(Email {
            id,
            thread: email.thread,
            message: email.message,
            places: email.places.iter().map(|(mailbox, place)| (*mailbox, place.uid)).collect(),
            flags: email.flags.clone(),
            size: email.size(),
            received_at: email.received_at,
            created: rules::created(id.0),
            modseq: email.modseq,
        })
    }

    /// The message of a UID.
    pub(super) fn at(&self, mailbox: MailboxId, uid: Uid) -> Option<EmailId> {
        self.entries(mailbox).get(&uid).map(|entry| entry.email)
    }

    pub(super) fn of_role(&self, role: Role) -> Option<MailboxId> {
        self.mailboxes.values().find(|mailbox| mailbox.role == Some(role)).map(|mailbox| mailbox.id)
    }
}
