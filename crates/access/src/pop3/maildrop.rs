//! The inbox as one POP3 session sees it: numbered at login, with marks that take effect at the end.

use mail::{SystemFlag, Uid, UidSet};
use store::StoreError;
use store::messages::{Alteration, EmailId, FlagChange, MailboxId, Target};

use super::limits::{ENTRIES_BATCH, MESSAGES_MAX};
use crate::world::World;

/// One message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) uid: Uid,
    pub(super) email: EmailId,
    pub(super) size: u64,
    deleted: bool,
    read: bool,
}

/// All of them; numbers begin with 1 and stay the same.
#[derive(Debug)]
pub(super) struct Maildrop {
    inbox: MailboxId,
    uid_validity: u32,
    messages: Vec<Message>,
}

impl Maildrop {
    /// The inbox as it is now.
    pub(super) async fn open(world: &World, account: &mail::Address) -> Result<Self, StoreError> {
        let store = &world.messages;
        store.open(account, world.clock.now()).await?;
        let list = store.mailbox_list(account).await?;
        let inbox = list.into_iter().find(|mailbox| mailbox.role == Some(mail::Role::Inbox));
        let inbox = inbox.map(|mailbox| mailbox.id);
        let found = match inbox {
            Some(inbox) => store.uids(account, inbox).await?.map(|(mailbox, uids)| (inbox, mailbox, uids)),
            None => None,
        };
        let Some((inbox, mailbox, uids)) = found else {
            return Err(StoreError::Damaged {
                what: format!("account {account}"),
                why: "it has no inbox".to_owned(),
            });
        };
        let mut drop = Maildrop { inbox, uid_validity: mailbox.uid_validity, messages: Vec::new() };
        let (mut from, Some(last)) = (1, uids.last()) else { return Ok(drop) };
        while drop.messages.len() < MESSAGES_MAX {
            let batch = store.entries_of(account, inbox, &UidSet::range(from, last), ENTRIES_BATCH).await?;
            let Some(end) = batch.last().map(|entry| entry.uid) else { break };
            drop.messages.extend(batch.iter().map(|entry| Message {
                uid: entry.uid,
                email: entry.email,
                size: entry.size,
                deleted: false,
                read: false,
            }));
            match end.checked_add(1) {
                Some(next) if next <= last => from = next,
                Some(_) | None => break,
            }
        }
        drop.messages.truncate(MESSAGES_MAX);
        Ok(drop)
    }

    /// How many there were at login.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// The message of this number, unless it is marked.
    pub(super) fn message(&self, number: u32) -> Option<&Message> {
        self.messages.get(place(number)?).filter(|message| !message.deleted)
    }

    /// Those that are not marked, with their numbers.
    pub(super) fn messages(&self) -> impl Iterator<Item = (usize, &Message)> {
        let numbered = self.messages.iter().enumerate();
        numbered.filter(|(_, message)| !message.deleted).map(|(place, message)| (place + 1, message))
    }

    /// How many are not marked, and their bytes.
    pub(super) fn total(&self) -> (usize, u64) {
        self.messages()
            .fold((0, 0_u64), |(count, size), (_, message)| (count + 1, size.saturating_add(message.size)))
    }

    /// The id by which a client knows a message again in later sessions. It holds as long as UIDs do.
    pub(super) fn unique_id(&self, message: &Message) -> String {
        format!("{:08x}{:08x}", message.uid, self.uid_validity)
    }

    /// Marks a message; whether there was one.
    pub(super) fn delete(&mut self, number: u32) -> bool {
        let found = place(number).and_then(|place| self.messages.get_mut(place));
        found.is_some_and(|message| !std::mem::replace(&mut message.deleted, true))
    }

    /// Takes all marks back.
    pub(super) fn reset(&mut self) {
        self.messages.iter_mut().for_each(|message| message.deleted = false);
    }

    /// That a message went out whole.
    pub(super) fn was_read(&mut self, number: u32) {
        if let Some(message) = place(number).and_then(|place| self.messages.get_mut(place)) {
            message.read = true;
        }
    }

    /// What the session has made of the inbox, and how many messages it deletes.
    pub(super) fn update(&self) -> (Vec<Alteration>, u64) {
        let (mut read, mut deleted) = (UidSet::EMPTY, UidSet::EMPTY);
        for message in &self.messages {
            match (message.deleted, message.read) {
                (true, _) => deleted.insert(message.uid),
                (false, true) => read.insert(message.uid),
                (false, false) => {}
            }
        }
        let (mut alterations, count) = (Vec::new(), deleted.len());
        if !read.is_empty() {
            alterations.push(Alteration::Flag {
                target: Target::Entries(self.inbox, read),
                change: FlagChange::Add(mail::Flags::of(SystemFlag::Seen)),
                unchanged_since: None,
            });
        }
        if !deleted.is_empty() {
            alterations.push(Alteration::Expunge {
                mailbox: self.inbox,
                uids: Some(deleted),
                deleted_only: false,
            });
        }
        (alterations, count)
    }
}

fn place(number: u32) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}
