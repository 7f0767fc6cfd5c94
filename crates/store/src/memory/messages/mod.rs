//! The message store of the reference.

mod account;
mod altering;
mod mailboxes;
mod search;

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use mail::mailbox::composed;
use mail::{Address, Flags, MessageId, ModSeq, Role, SystemFlag, Timestamp, UidSet};
use tokio::sync::watch;

use super::MemoryStore;
use super::state::State;
use crate::messages::rules::{self, Change as Fate};
use crate::messages::watchers::Watchers;
use crate::messages::{
    AccountState, Alteration, Altered, Changes, Email, EmailId, Entry, Found, Kind, Mailbox, MailboxChanges,
    MailboxId, Outcome, Query, Record, Refusal, Room, ThreadCount, ThreadId, limits,
};
use crate::{Deposit, MailboxEntry, MessageStore, StoreError};
use account::{Account, Gone};
use altering::{Change, New};

/// All accounts.
#[derive(Debug, Default)]
pub(super) struct MemoryMessages {
    accounts: BTreeMap<Address, Account>,
    uploads: BTreeMap<MessageId, (Address, Bytes, Timestamp)>,
    pub(super) watchers: Watchers,
}

impl MemoryMessages {
    fn account(&self, account: &Address) -> Account {
        self.accounts.get(account).cloned().unwrap_or_default()
    }

    /// Makes one change of an account, whatever it consists of.
    fn change<T>(
        &mut self,
        name: &Address,
        now: Timestamp,
        room: Room,
        work: impl FnOnce(&mut Account, &mut Change<'_>) -> T,
    ) -> (ModSeq, T) {
        let mut account = self.account(name);
        let next = ModSeq(account.modseq.0 + 1);
        self.uploads.retain(|_, (owner, _, until)| owner != name || *until > now);
        let uploads = |id| {
            let found = self.uploads.get(&id).filter(|(owner, _, _)| owner == name);
            found.map(|(_, bytes, _): &(Address, Bytes, Timestamp)| bytes.clone())
        };
        let mut change = Change { next, now, room, made: 0, uploads: &uploads, message: MessageId(0) };
        let before = account.clone();
        if account.modseq == ModSeq(0) {
            account.begin(&mut change);
        }
        let done = work(&mut account, &mut change);
        if account != before {
            account.modseq = next;
            self.accounts.insert(name.clone(), account.clone());
            self.watchers.tell([(&name.to_string()[..], next)]);
        }
        (account.modseq, done)
    }

    /// Puts a delivered message into a mailbox.
    pub(super) fn deposit(&mut self, message: MessageId, deposit: &Deposit, content: &Bytes) {
        let mut whole = BytesMut::from(&deposit.prefix[..]);
        whole.extend_from_slice(content);
        let new = New {
            message,
            whole: whole.freeze(),
            digest: rules::digest_of(content),
            thread: None,
            flags: Flags::NONE,
            received_at: deposit.received_at,
        };
        self.change(&deposit.account, deposit.received_at, Room::default(), |account, change| {
            let mailbox = for_delivery(account, change, &deposit.mailbox);
            account.add(change, new, &[mailbox]);
        });
    }

    pub(super) fn usage(&self, account: &Address) -> u64 {
        self.account(account).usage()
    }

    /// Paths of mailboxes with how many messages each has, in no order: the last one comes first.
    pub(super) fn list(&self, account: &Address) -> Vec<(String, u64)> {
        let account = self.account(account);
        let total = |id| account.mailbox(id).map_or(0, |mailbox| mailbox.total);
        account.mailboxes.keys().rev().map(|id| (path(&account, *id), total(*id))).collect()
    }

    pub(super) fn entries(&self, account: &Address, mailbox: &str) -> Vec<MailboxEntry> {
        let account = self.account(account);
        let Some(id) = account.mailboxes.keys().find(|id| path(&account, **id) == mailbox) else {
            return Vec::new();
        };
        let shown =
            |entry: Entry| MailboxEntry { uid: entry.uid, size: entry.size, received_at: entry.received_at };
        account.entries(*id).into_values().map(shown).collect()
    }

    pub(super) fn message(&self, account: &Address, mailbox: &str, uid: u32) -> Option<Bytes> {
        let account = self.account(account);
        let id = account.mailboxes.keys().find(|id| path(&account, **id) == mailbox)?;
        account.at(*id, uid).map(|email| account.emails[&email].whole.clone())
    }
}

fn path(account: &Account, id: MailboxId) -> String {
    let mailbox = &account.mailboxes[&id];
    let above = mailbox.parent.map(|parent| path(account, parent) + "/");
    above.unwrap_or_default() + &mailbox.name
}

/// The mailbox of that path; made if it is not there, the inbox if it cannot be.
fn for_delivery(account: &mut Account, change: &mut Change<'_>, path: &str) -> MailboxId {
    let inbox = account.of_role(Role::Inbox).expect("there always is one");
    if path.eq_ignore_ascii_case("INBOX") {
        return inbox;
    }
    let mut at = None;
    for name in composed(path).split('/') {
        let here =
            |mailbox: &&Mailbox| mailbox.parent == at && rules::same_name(at.is_none(), &mailbox.name, name);
        let found = account.mailboxes.values().find(here).map(|mailbox| mailbox.id);
        let create = Alteration::CreateMailbox {
            parent: at,
            name: name.to_owned(),
            role: None,
            sort_order: 10,
            subscribed: true,
        };
        at = match found {
            Some(id) => Some(id),
            None => match account.alter(change, &create) {
                Ok(Altered::Mailbox(id)) => Some(id),
                Ok(_) | Err(_) => return inbox,
            },
        };
    }
    at.unwrap_or(inbox)
}

impl MemoryStore {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> Result<T, StoreError> {
        Ok(work(&mut *self.state()?))
    }

    fn look_at<T>(&self, account: &Address, work: impl FnOnce(Account) -> T) -> Result<T, StoreError> {
        self.with(|state| work(state.mailboxes.account(account)))
    }
}

#[async_trait]
impl MessageStore for MemoryStore {
    async fn open(&self, account: &Address, now: Timestamp) -> Result<AccountState, StoreError> {
        self.with(|state| {
            let messages = &mut state.mailboxes;
            if !messages.accounts.contains_key(account) {
                messages.change(account, now, Room::default(), |_, _| ());
            }
            messages.account(account).state()
        })
    }

    fn watch(&self, account: &Address) -> watch::Receiver<ModSeq> {
        let state = self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.mailboxes.watchers.watch(account.to_string())
    }

    async fn mailbox_list(&self, account: &Address) -> Result<Vec<Mailbox>, StoreError> {
        self.look_at(account, |account| {
            let mut by_parent: BTreeMap<_, Vec<Mailbox>> = BTreeMap::new();
            for mailbox in account.mailboxes.keys().filter_map(|id| account.mailbox(*id).ok()) {
                by_parent.entry(mailbox.parent).or_default().push(mailbox);
            }
            rules::in_order(by_parent)
        })
    }

    async fn entries_of(
        &self,
        account: &Address,
        mailbox: MailboxId,
        uids: &UidSet,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.look_at(account, |account| {
            let entries = account.entries(mailbox).into_values();
            entries.filter(|entry| uids.contains(entry.uid)).take(limit).collect()
        })
    }

    async fn uids(
        &self,
        account: &Address,
        mailbox: MailboxId,
    ) -> Result<Option<(Mailbox, UidSet)>, StoreError> {
        self.look_at(account, |account| {
            let uids = account.entries(mailbox).into_keys().collect();
            account.mailbox(mailbox).ok().map(|mailbox| (mailbox, uids))
        })
    }

    async fn mailbox_changes(
        &self,
        account: &Address,
        mailbox: MailboxId,
        since: ModSeq,
    ) -> Result<Option<MailboxChanges>, StoreError> {
        self.look_at(account, |account| {
            let vanished = |(modseq, gone): &(ModSeq, Gone)| match gone {
                Gone::Entry(of, uid) if *of == mailbox && *modseq > since => Some(*uid),
                Gone::Entry(..) | Gone::Thing(..) | Gone::OfThread(_) => None,
            };
            let entries = account.entries(mailbox).into_values();
            Some(MailboxChanges {
                mailbox: account.mailbox(mailbox).ok()?,
                entries: entries.filter(|entry| entry.modseq > since).collect(),
                vanished: account.gone.iter().filter_map(vanished).collect(),
                forgotten: false,
            })
        })
    }

    async fn emails(&self, account: &Address, ids: &[EmailId]) -> Result<Vec<Email>, StoreError> {
        self.look_at(account, |account| ids.iter().filter_map(|id| account.email(*id)).collect())
    }

    async fn digests(&self, account: &Address, ids: &[EmailId]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.look_at(account, |account| {
            let of = |id| account.emails.get(id).map(|email| Bytes::from(email.digest.clone()));
            ids.iter().map(of).collect()
        })
    }

    async fn content(&self, account: &Address, email: EmailId) -> Result<Option<Bytes>, StoreError> {
        self.look_at(account, |account| account.emails.get(&email).map(|email| email.whole.clone()))
    }

    async fn threads(
        &self,
        account: &Address,
        ids: &[ThreadId],
    ) -> Result<Vec<(ThreadId, Vec<EmailId>)>, StoreError> {
        self.look_at(account, |account| {
            let of = |thread: &ThreadId| {
                let all = account.emails.iter().filter(|(_, email)| email.thread == *thread);
                let mut emails: Vec<_> = all.map(|(id, email)| (email.received_at, *id)).collect();
                emails.sort_unstable();
                (*thread, emails.into_iter().map(|(_, id)| id).collect::<Vec<_>>())
            };
            ids.iter().map(of).filter(|(_, emails)| !emails.is_empty()).collect()
        })
    }

    async fn thread_counts(&self, account: &Address) -> Result<Vec<ThreadCount>, StoreError> {
        self.look_at(account, |account| {
            account.mailboxes.keys().map(|id| count_threads(&account, *id)).collect()
        })
    }

    async fn changes(
        &self,
        account: &Address,
        kind: Kind,
        since: ModSeq,
        limit: usize,
    ) -> Result<Option<Changes>, StoreError> {
        self.look_at(account, |account| {
            (since <= account.modseq).then(|| changes(&account, kind, since, limit))
        })
    }

    async fn search(&self, account: &Address, query: &Query) -> Result<Found, StoreError> {
        self.look_at(account, |account| search::search(&account, query))
    }

    async fn records(
        &self,
        account: &Address,
        kind: Kind,
        ids: Option<&[u64]>,
    ) -> Result<Vec<Record>, StoreError> {
        self.look_at(account, |account| {
            let record = |id: u64| {
                let (document, modseq) = account.records.get(&(kind, id))?.clone();
                Some(Record { id, document, created: rules::created(id), modseq })
            };
            match ids {
                Some(ids) => ids.iter().filter_map(|id| record(*id)).collect(),
                None => {
                    let of_kind = account.records.keys().filter(|(other, _)| *other == kind);
                    of_kind.filter_map(|(_, id)| record(*id)).collect()
                }
            }
        })
    }

    async fn annotations(
        &self,
        account: &Address,
        mailbox: Option<MailboxId>,
    ) -> Result<Vec<(String, Bytes)>, StoreError> {
        self.look_at(account, |account| {
            let here = account.annotations.into_iter().filter(|((of, _), _)| *of == mailbox);
            here.map(|((_, entry), value)| (entry, value)).collect()
        })
    }

    async fn upload(
        &self,
        account: &Address,
        content: Bytes,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Result<MessageId, Refusal>, StoreError> {
        self.with(|state| {
            let id = MessageId(state.ids.take(now, 1));
            state.mailboxes.change(account, now, Room::default(), |_, _| ());
            let uploads = &mut state.mailboxes.uploads;
            let of_account = uploads.values().filter(|(owner, _, _)| owner == account);
            let bytes: usize = of_account.map(|(_, bytes, _)| bytes.len()).sum();
            if (bytes + content.len()) as u64 > limits::UPLOADS_BYTES_MAX {
                return Err(Refusal::TooMany("bytes of uploads", limits::UPLOADS_BYTES_MAX));
            }
            uploads.insert(id, (account.clone(), content, until));
            Ok(id)
        })
    }

    async fn uploaded(&self, account: &Address, id: MessageId) -> Result<Option<Bytes>, StoreError> {
        self.with(|state| {
            let found = state.mailboxes.uploads.get(&id).filter(|(owner, _, _)| owner == account);
            found.map(|(_, bytes, _)| bytes.clone())
        })
    }

    async fn alter(
        &self,
        account: &Address,
        alterations: Vec<Alteration>,
        room: Room,
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        self.with(|state| {
            let ids: Vec<_> = alterations.iter().map(|_| MessageId(state.ids.take(now, 1))).collect();
            let (modseq, each) = state.mailboxes.change(account, now, room, |account, change| {
                let one = |(alteration, id)| {
                    let (mut tried, made) = (account.clone(), change.made);
                    change.message = id;
                    let altered = tried.alter(change, alteration);
                    match &altered {
                        Ok(_) => *account = tried,
                        Err(_) => change.made = made,
                    }
                    altered
                };
                alterations.iter().zip(ids).map(one).collect()
            });
            Outcome { modseq, each }
        })
    }
}

fn count_threads(account: &Account, mailbox: MailboxId) -> ThreadCount {
    let trash = account.of_role(Role::Trash);
    let threads: std::collections::BTreeSet<_> =
        account.entries(mailbox).into_values().map(|entry| entry.thread).collect();
    let is_unread = |thread: &&ThreadId| {
        account.emails.values().filter(|email| email.thread == **thread).any(|email| {
            let unread = !email.flags.has(SystemFlag::Seen) && !email.flags.has(SystemFlag::Draft);
            let counts = email.places.keys().any(|place| (Some(*place) == trash) == (Some(mailbox) == trash));
            unread && counts
        })
    };
    ThreadCount {
        mailbox,
        total: threads.len() as u64,
        unread: threads.iter().filter(is_unread).count() as u64,
    }
}

fn changes(account: &Account, kind: Kind, since: ModSeq, limit: usize) -> Changes {
    let since_then = account.gone.iter().filter(|(modseq, _)| *modseq > since);
    let gone: Vec<_> = since_then
        .clone()
        .filter_map(|(modseq, gone)| match gone {
            Gone::Thing(of, id) if *of == kind => Some(Fate::Gone(*id, *modseq)),
            Gone::Thing(..) | Gone::Entry(..) | Gone::OfThread(_) => None,
        })
        .collect();
    let mut counts_only = false;
    let live: BTreeMap<u64, ModSeq> = match kind {
        Kind::Mailbox => {
            let all = account.mailboxes.values();
            let latest = |mailbox: &Mailbox| (mailbox.id.0, mailbox.modseq.max(mailbox.counts_modseq));
            let old = all.clone().filter(|mailbox| mailbox.created <= since);
            counts_only = old.clone().all(|mailbox| mailbox.modseq <= since);
            all.map(latest).collect()
        }
        Kind::Email => account.emails.iter().map(|(id, email)| (id.0, email.modseq)).collect(),
        Kind::Thread => {
            let mut latest = BTreeMap::new();
            for (id, email) in &account.emails {
                let known: &mut ModSeq = latest.entry(email.thread.0).or_default();
                *known = (*known).max(rules::created(id.0));
            }
            for (modseq, gone) in since_then {
                if let Gone::OfThread(thread) = gone
                    && let Some(known) = latest.get_mut(&thread.0)
                {
                    *known = (*known).max(*modseq);
                }
            }
            latest
        }
        Kind::Identity | Kind::Submission | Kind::Vacation | Kind::PushSubscription | Kind::SieveScript => {
            let of_kind = account.records.iter().filter(|((of, _), _)| *of == kind);
            of_kind.map(|((_, id), (_, modseq))| (*id, *modseq)).collect()
        }
    };
    let live = live.into_iter().filter(|(_, modseq)| *modseq > since);
    let all = live.map(|(id, modseq)| Fate::Live(id, modseq)).chain(gone);
    let changes = rules::changes(all, since, account.modseq, limit);
    Changes { counts_only: counts_only && !changes.updated.is_empty(), ..changes }
}
