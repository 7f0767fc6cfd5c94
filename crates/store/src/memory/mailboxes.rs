//! The mailboxes of the reference.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use mail::Address;

use crate::{Deposit, MailboxEntry};

/// All mailboxes of all accounts.
#[derive(Debug, Default)]
pub(super) struct MemoryMailboxes {
    boxes: BTreeMap<(Address, String), Mailbox>,
}

#[derive(Debug, Default)]
struct Mailbox {
    uid_last: u32,
    messages: BTreeMap<u32, (MailboxEntry, Bytes)>,
}

impl MemoryMailboxes {
    pub(super) fn deposit(&mut self, deposit: &Deposit, content: &Bytes) {
        let mailbox = self.boxes.entry((deposit.account.clone(), deposit.mailbox.clone())).or_default();
        let mut whole = BytesMut::from(&deposit.prefix[..]);
        whole.extend_from_slice(content);
        mailbox.uid_last += 1;
        let uid = mailbox.uid_last;
        let entry = MailboxEntry { uid, size: whole.len() as u64, received_at: deposit.received_at };
        mailbox.messages.insert(uid, (entry, whole.freeze()));
    }

    /// In no order: the last mailbox comes first.
    pub(super) fn list(&self, account: &Address) -> Vec<(String, u64)> {
        let of_account = self.boxes.iter().rev().filter(|((owner, _), _)| owner == account);
        of_account.map(|((_, name), mailbox)| (name.clone(), mailbox.messages.len() as u64)).collect()
    }

    pub(super) fn entries(&self, account: &Address, mailbox: &str) -> Vec<MailboxEntry> {
        let found = self.boxes.get(&(account.clone(), mailbox.to_owned()));
        found.map(|m| m.messages.values().map(|(entry, _)| entry.clone()).collect()).unwrap_or_default()
    }

    pub(super) fn message(&self, account: &Address, mailbox: &str, uid: u32) -> Option<Bytes> {
        let found = self.boxes.get(&(account.clone(), mailbox.to_owned()))?;
        found.messages.get(&uid).map(|(_, bytes)| bytes.clone())
    }

    pub(super) fn usage(&self, account: &Address) -> u64 {
        let of_account = self.boxes.iter().filter(|((owner, _), _)| owner == account);
        of_account.flat_map(|(_, mailbox)| mailbox.messages.values()).map(|(entry, _)| entry.size).sum()
    }
}
