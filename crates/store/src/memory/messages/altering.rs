//! Alterations of the reference. Each works on a copy of the account that is thrown away if it is refused.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mail::{Flags, MessageId, ModSeq, SystemFlag, Timestamp, Uid, UidSet};

use super::account::{Account, Gone, Message, Place};
use crate::messages::alteration::Source;
use crate::messages::{
    Alteration, Altered, EmailId, FlagChange, Kind, MailboxId, Refusal, Room, Target, ThreadId, rules,
};

/// What an alteration needs besides the account.
pub(super) struct Change<'a> {
    /// The change that is being made.
    pub(super) next: ModSeq,
    pub(super) now: Timestamp,
    pub(super) room: Room,
    /// Ids given by it.
    pub(super) made: u64,
    /// What the account has uploaded.
    pub(super) uploads: &'a dyn Fn(MessageId) -> Option<Bytes>,
    /// The name of content that comes from outside.
    pub(super) message: MessageId,
}

/// A message about to be made.
pub(super) struct New {
    pub(super) message: MessageId,
    pub(super) whole: Bytes,
    pub(super) digest: Vec<u8>,
    pub(super) thread: Option<ThreadId>,
    pub(super) flags: Flags,
    pub(super) received_at: Timestamp,
}

impl Change<'_> {
    pub(super) fn id(&mut self) -> u64 {
        self.made += 1;
        rules::made(self.next, self.made - 1)
    }
}

impl Account {
    pub(super) fn alter(&mut self, change: &mut Change<'_>, what: &Alteration) -> Result<Altered, Refusal> {
        match what {
            Alteration::CreateMailbox { parent, name, role, sort_order, subscribed } => {
                self.may_lie(None, *parent, name)?;
                self.may_be(None, *role)?;
                let id = self.add_mailbox(change, *parent, name, *role, *sort_order, *subscribed);
                Ok(Altered::Mailbox(id))
            }
            Alteration::UpdateMailbox { id, .. } => self.update_mailbox(change, *id, what),
            Alteration::DestroyMailbox { id, with_emails } => self.destroy_mailbox(change, *id, *with_emails),
            Alteration::Append { mailboxes, content, flags, received_at } => {
                self.append(change, mailboxes, content, flags, *received_at)
            }
            Alteration::Flag { target, change: flags, unchanged_since } => {
                self.flag(change.next, target, flags, *unchanged_since)
            }
            Alteration::Copy { from, uids, to } => self.copy(change, *from, uids, *to, false),
            Alteration::Move { from, uids, to } => self.copy(change, *from, uids, *to, true),
            Alteration::Expunge { mailbox, uids, deleted_only } => {
                self.expunge(change.next, *mailbox, uids.as_ref(), *deleted_only)
            }
            Alteration::Place { email, mailboxes } => self.place(change, *email, mailboxes),
            Alteration::Refile { email, into, out_of } => self.refile(change, *email, into, out_of),
            Alteration::DestroyEmail(id) => {
                let places = self.email(*id).ok_or(Refusal::NoEmail(*id))?.places;
                places.iter().for_each(|(mailbox, _)| self.displace(change.next, *id, *mailbox));
                self.remove_if_nowhere(change.next, *id);
                Ok(Altered::Done)
            }
            Alteration::PutRecord { kind, id, document } => self.put(change, *kind, *id, document),
            Alteration::DestroyRecord { kind, id } => {
                self.records.remove(&(*kind, *id)).ok_or(Refusal::NoRecord(*id))?;
                self.gone.push((change.next, Gone::Thing(*kind, *id)));
                Ok(Altered::Done)
            }
            Alteration::Annotate { mailbox, entry, value } => {
                self.annotate(*mailbox, &entry.to_ascii_lowercase(), value.as_ref())
            }
        }
    }

    fn append(
        &mut self,
        change: &mut Change<'_>,
        mailboxes: &[MailboxId],
        content: &Source,
        flags: &Flags,
        received_at: Timestamp,
    ) -> Result<Altered, Refusal> {
        if mailboxes.is_empty() {
            return Err(Refusal::Nowhere);
        }
        for mailbox in mailboxes {
            self.mailbox(*mailbox)?;
        }
        rules::check_flags(flags)?;
        let from_outside = |message, whole: Bytes| {
            let digest = rules::digest_of(&whole);
            New { message, whole, digest, thread: None, flags: flags.clone(), received_at }
        };
        let new = match content {
            Source::Bytes(bytes) => from_outside(change.message, bytes.clone()),
            Source::Uploaded(id) => from_outside(*id, (change.uploads)(*id).ok_or(Refusal::NoContent)?),
            Source::Email(id) => {
                let email = self.emails.get(id).ok_or(Refusal::NoEmail(*id))?;
                let (thread, digest) = (Some(email.thread), email.digest.clone());
                let (message, whole) = (email.message, email.whole.clone());
                New { message, whole, digest, thread, flags: flags.clone(), received_at }
            }
        };
        self.has_room(change.room, new.whole.len() as u64)?;
        Ok(self.add(change, new, mailboxes))
    }

    fn has_room(&self, room: Room, bytes: u64) -> Result<(), Refusal> {
        match room.bytes_max {
            Some(max) if self.usage() + bytes > max => Err(Refusal::OverQuota),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn add(&mut self, change: &mut Change<'_>, new: New, mailboxes: &[MailboxId]) -> Altered {
        let id = EmailId(change.id());
        let keys = rules::thread_keys(&new.digest);
        let found = keys.iter().filter_map(|key| self.threads.get(key)).map(|(thread, _)| *thread).min();
        let thread = new.thread.or(found).unwrap_or(ThreadId(id.0));
        for key in keys {
            self.threads.entry(key).or_insert((thread, 0)).1 += 1;
        }
        let deleted = new.flags.has(SystemFlag::Deleted);
        let email = Message {
            thread,
            message: new.message,
            whole: new.whole,
            digest: new.digest,
            flags: new.flags.without(&Flags::of(SystemFlag::Deleted)),
            received_at: new.received_at,
            modseq: change.next,
            places: BTreeMap::new(),
        };
        let (message, size) = (email.message, email.size());
        self.emails.insert(id, email);
        let mut places = Vec::new();
        for mailbox in mailboxes {
            if places.iter().any(|(known, _, _)| known == mailbox) {
                continue;
            }
            let uid = self.put_in(change, id, *mailbox, deleted);
            places.push((*mailbox, uid, self.mailboxes[mailbox].uid_validity));
        }
        Altered::Email { id, thread, message, size, places }
    }

    fn put_in(&mut self, change: &Change<'_>, id: EmailId, mailbox: MailboxId, deleted: bool) -> Uid {
        let of = self.mailboxes.get_mut(&mailbox).expect("looked at before");
        let uid = of.uid_next;
        of.uid_next += 1;
        (of.highest_modseq, of.counts_modseq) = (change.next, change.next);
        let email = self.emails.get_mut(&id).expect("looked at before");
        email.places.insert(mailbox, Place { uid, deleted, modseq: change.next, saved_at: change.now });
        email.modseq = change.next;
        uid
    }

    fn displace(&mut self, next: ModSeq, id: EmailId, mailbox: MailboxId) {
        let email = self.emails.get_mut(&id).expect("looked at before");
        let Some(place) = email.places.remove(&mailbox) else { return };
        email.modseq = next;
        let of = self.mailboxes.get_mut(&mailbox).expect("messages lie where there is something");
        (of.highest_modseq, of.counts_modseq) = (next, next);
        self.gone.push((next, Gone::Entry(mailbox, place.uid)));
    }

    fn remove_if_nowhere(&mut self, next: ModSeq, id: EmailId) {
        if !self.emails[&id].places.is_empty() {
            return;
        }
        let email = self.emails.remove(&id).expect("looked at just now");
        self.gone.push((next, Gone::Thing(Kind::Email, id.0)));
        let goes_on = self.emails.values().any(|other| other.thread == email.thread);
        self.gone.push((
            next,
            if goes_on { Gone::OfThread(email.thread) } else { Gone::Thing(Kind::Thread, email.thread.0) },
        ));
        for key in rules::thread_keys(&email.digest) {
            if let Some((_, uses)) = self.threads.get_mut(&key) {
                *uses -= 1;
            }
        }
        self.threads.retain(|_, (_, uses)| *uses > 0);
    }

    fn flag(
        &mut self,
        next: ModSeq,
        target: &Target,
        change: &FlagChange,
        unchanged_since: Option<ModSeq>,
    ) -> Result<Altered, Refusal> {
        let (FlagChange::Add(flags) | FlagChange::Remove(flags) | FlagChange::Replace(flags)) = change;
        rules::check_flags(flags)?;
        let since = unchanged_since.unwrap_or(ModSeq(u64::MAX));
        let (mut changed, mut modified, mut emails_left) = (UidSet::EMPTY, UidSet::EMPTY, Vec::new());
        match target {
            Target::Entries(mailbox, uids) => {
                self.mailbox(*mailbox)?;
                for (uid, entry) in self.entries(*mailbox) {
                    if !uids.contains(uid) {
                        continue;
                    }
                    if entry.modseq > since {
                        modified.insert(uid);
                    } else if self.set(next, entry.email, Some(*mailbox), &applied(change, &entry.flags))? {
                        changed.insert(uid);
                    }
                }
            }
            Target::Emails(ids) => {
                for id in ids.iter().copied().collect::<BTreeSet<_>>() {
                    match self.emails.get(&id) {
                        Some(email) if email.modseq <= since => {
                            let flags = applied(change, &email.flags);
                            self.set(next, id, None, &flags)?;
                        }
                        Some(_) | None => emails_left.push(id),
                    }
                }
            }
        }
        Ok(Altered::Flagged { changed, modified, emails_left })
    }

    /// Sets the flags of a message, and `\Deleted` in the place by which it was asked for. Gives whether that is new.
    fn set(
        &mut self,
        next: ModSeq,
        id: EmailId,
        at: Option<MailboxId>,
        new: &Flags,
    ) -> Result<bool, Refusal> {
        rules::check_flags(new)?;
        let email = self.emails.get_mut(&id).expect("looked at before");
        let flags = new.without(&Flags::of(SystemFlag::Deleted));
        let (of_email, seen) = (flags != email.flags, SystemFlag::Seen);
        let seen_changes = flags.has(seen) != email.flags.has(seen);
        let mut is_new = of_email;
        for (mailbox, place) in &mut email.places {
            let deleted = if at == Some(*mailbox) { new.has(SystemFlag::Deleted) } else { place.deleted };
            if !of_email && deleted == place.deleted {
                continue;
            }
            is_new = true;
            let of = self.mailboxes.get_mut(mailbox).expect("messages lie where there is something");
            of.highest_modseq = next;
            if seen_changes || deleted != place.deleted {
                of.counts_modseq = next;
            }
            (place.deleted, place.modseq) = (deleted, next);
        }
        if of_email {
            (email.flags, email.modseq) = (flags, next);
        }
        Ok(is_new)
    }

    fn copy(
        &mut self,
        change: &mut Change<'_>,
        from: MailboxId,
        uids: &UidSet,
        to: MailboxId,
        moves: bool,
    ) -> Result<Altered, Refusal> {
        self.mailbox(from)?;
        let uid_validity = self.mailbox(to)?.uid_validity;
        let entries: Vec<_> =
            self.entries(from).into_values().filter(|entry| uids.contains(entry.uid)).collect();
        let own = entries.iter().filter(|entry| self.emails[&entry.email].places.contains_key(&to));
        if !(moves && from == to) && own.clone().count() > 0 {
            self.has_room(change.room, own.map(|entry| entry.size).sum())?;
        }
        let mut pairs = Vec::new();
        for entry in entries {
            if moves {
                self.displace(change.next, entry.email, from);
            }
            let email = self.emails[&entry.email].clone();
            if email.places.contains_key(&to) {
                let new = New {
                    message: email.message,
                    whole: email.whole,
                    digest: email.digest,
                    thread: Some(email.thread),
                    flags: entry.flags,
                    received_at: email.received_at,
                };
                let Altered::Email { places, .. } = self.add(change, new, &[to]) else {
                    unreachable!("a message was made")
                };
                pairs.push((entry.uid, places[0].1));
            } else {
                let deleted = entry.flags.has(SystemFlag::Deleted);
                pairs.push((entry.uid, self.put_in(change, entry.email, to, deleted)));
            }
        }
        Ok(Altered::Copied { uid_validity, pairs })
    }

    pub(super) fn expunge(
        &mut self,
        next: ModSeq,
        mailbox: MailboxId,
        uids: Option<&UidSet>,
        deleted_only: bool,
    ) -> Result<Altered, Refusal> {
        self.mailbox(mailbox)?;
        let mut expunged = UidSet::EMPTY;
        for (uid, entry) in self.entries(mailbox) {
            let asked = uids.is_none_or(|uids| uids.contains(uid));
            if asked && (!deleted_only || entry.flags.has(SystemFlag::Deleted)) {
                expunged.insert(uid);
                self.displace(next, entry.email, mailbox);
                self.remove_if_nowhere(next, entry.email);
            }
        }
        Ok(Altered::Expunged(expunged))
    }

    fn place(
        &mut self,
        change: &Change<'_>,
        id: EmailId,
        mailboxes: &[MailboxId],
    ) -> Result<Altered, Refusal> {
        let wanted: BTreeSet<_> = mailboxes.iter().copied().collect();
        if wanted.is_empty() {
            return Err(Refusal::Nowhere);
        }
        let there: BTreeSet<_> =
            self.emails.get(&id).ok_or(Refusal::NoEmail(id))?.places.keys().copied().collect();
        for mailbox in &wanted {
            self.mailbox(*mailbox)?;
        }
        for mailbox in &there - &wanted {
            self.displace(change.next, id, mailbox);
        }
        for mailbox in &wanted - &there {
            self.put_in(change, id, mailbox, false);
        }
        Ok(Altered::Done)
    }

    fn refile(
        &mut self,
        change: &Change<'_>,
        id: EmailId,
        into: &[MailboxId],
        out_of: &[MailboxId],
    ) -> Result<Altered, Refusal> {
        let email = self.emails.get(&id).ok_or(Refusal::NoEmail(id))?;
        let mut wanted: BTreeSet<MailboxId> = email.places.keys().copied().collect();
        wanted.retain(|mailbox| !out_of.contains(mailbox));
        wanted.extend(into);
        self.place(change, id, &wanted.into_iter().collect::<Vec<_>>())
    }

    fn put(
        &mut self,
        change: &mut Change<'_>,
        kind: Kind,
        id: Option<u64>,
        document: &str,
    ) -> Result<Altered, Refusal> {
        let id = match id {
            Some(id) if !self.records.contains_key(&(kind, id)) => return Err(Refusal::NoRecord(id)),
            Some(id) => id,
            None => change.id(),
        };
        let record = self.records.entry((kind, id)).or_insert((String::new(), ModSeq(0)));
        if record.0 != document || record.1 == ModSeq(0) {
            *record = (document.to_owned(), change.next);
        }
        Ok(Altered::Record(id))
    }

    fn annotate(
        &mut self,
        mailbox: Option<MailboxId>,
        entry: &str,
        value: Option<&Bytes>,
    ) -> Result<Altered, Refusal> {
        if let Some(id) = mailbox {
            self.mailbox(id)?;
        }
        match value {
            Some(value) => self.annotations.insert((mailbox, entry.to_owned()), value.clone()),
            None => self.annotations.remove(&(mailbox, entry.to_owned())),
        };
        Ok(Altered::Done)
    }
}

fn applied(change: &FlagChange, flags: &Flags) -> Flags {
    match change {
        FlagChange::Add(more) => flags.with(more),
        FlagChange::Remove(fewer) => flags.without(fewer),
        FlagChange::Replace(all) => all.clone(),
    }
}
