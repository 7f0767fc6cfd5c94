//! Flags and places of messages: set, copied, moved, expunged.

use std::collections::{BTreeMap, BTreeSet};

use mail::{Flags, ModSeq, SystemFlag, Uid, UidSet};

use super::account::{Account, Altering};
use super::rows::of_email;
use crate::messages::{Altered, Email, EmailId, Entry, FlagChange, MailboxId, Refusal, Room, Target, rules};

/// Flags that differ from what is there: of a message, and of the entry by which it was asked for.
struct Flagging {
    email: Email,
    /// New flags of the message, without `\Deleted`.
    flags: Flags,
    /// The entry, and whether it has `\Deleted` from now on.
    entry: Option<((MailboxId, Uid), bool)>,
}

impl Account<'_> {
    pub(super) fn flag(
        &mut self,
        target: &Target,
        change: &FlagChange,
        unchanged_since: Option<ModSeq>,
    ) -> Altering<Altered> {
        let (FlagChange::Add(flags) | FlagChange::Remove(flags) | FlagChange::Replace(flags)) = change;
        rules::check_flags(flags)?;
        match target {
            Target::Entries(mailbox, uids) => self.flag_entries(*mailbox, uids, change, unchanged_since),
            Target::Emails(ids) => self.flag_emails(ids, change, unchanged_since),
        }
    }

    fn flag_entries(
        &mut self,
        mailbox: MailboxId,
        uids: &UidSet,
        change: &FlagChange,
        unchanged_since: Option<ModSeq>,
    ) -> Altering<Altered> {
        self.mailbox(mailbox)?;
        let (mut changed, mut modified) = (UidSet::EMPTY, UidSet::EMPTY);
        let mut all = Vec::new();
        for entry in self.entries(mailbox, Some(uids))? {
            if unchanged_since.is_some_and(|since| entry.modseq > since) {
                modified.insert(entry.uid);
                continue;
            }
            let new = apply(change, &entry.flags);
            if new != entry.flags {
                rules::check_flags(&new)?;
                changed.insert(entry.uid);
                let deleted = new.has(SystemFlag::Deleted);
                all.push((entry.email, of_email(&new), ((mailbox, entry.uid), deleted)));
            }
        }
        for (id, flags, entry) in all {
            let email = self.email(id)?;
            self.write_flags(Flagging { email, flags, entry: Some(entry) })?;
        }
        Ok(Altered::Flagged { changed, modified, emails_left: Vec::new() })
    }

    fn flag_emails(
        &mut self,
        ids: &[EmailId],
        change: &FlagChange,
        unchanged_since: Option<ModSeq>,
    ) -> Altering<Altered> {
        let (mut all, mut emails_left) = (Vec::new(), Vec::new());
        for id in ids.iter().copied().collect::<BTreeSet<_>>() {
            let found = super::rows::email_of(self.db, self.row.id, id)?;
            let old_enough = |email: &Email| unchanged_since.is_none_or(|since| email.modseq <= since);
            let Some(email) = found.filter(old_enough) else {
                emails_left.push(id);
                continue;
            };
            let flags = of_email(&apply(change, &email.flags));
            if flags != email.flags {
                rules::check_flags(&flags)?;
                all.push(Flagging { email, flags, entry: None });
            }
        }
        for flagging in all {
            self.write_flags(flagging)?;
        }
        Ok(Altered::Flagged { changed: UidSet::EMPTY, modified: UidSet::EMPTY, emails_left })
    }

    /// Writes flags in all places of a message; `\Deleted` in the one place that was asked for.
    fn write_flags(&mut self, flagging: Flagging) -> Altering<()> {
        let Flagging { mut email, flags, entry: asked } = flagging;
        let is_of_email = flags != email.flags;
        for place in email.places.clone() {
            let here = asked.filter(|(asked, _)| *asked == place);
            if !is_of_email && here.is_none() {
                continue;
            }
            let Some(entry) = self.entry(place)? else { continue };
            let deleted = here.map_or(entry.flags.has(SystemFlag::Deleted), |(_, deleted)| deleted);
            let new = if deleted { flags.with(&Flags::of(SystemFlag::Deleted)) } else { flags.clone() };
            self.flag_entry(place.0, place.1, &entry.flags, &new)?;
        }
        if is_of_email {
            email.flags = flags;
            self.update_email(&email)?;
        }
        Ok(())
    }

    pub(super) fn copy(
        &mut self,
        from: MailboxId,
        uids: &UidSet,
        to: MailboxId,
        room: Room,
    ) -> Altering<Altered> {
        self.mailbox(from)?;
        let uid_validity = self.mailbox(to)?.uid_validity;
        let copying = self.about_to_place(from, uids, to, room)?;
        let mut pairs = Vec::with_capacity(copying.len());
        for entry in copying {
            let email = self.email(entry.email)?;
            pairs.push((entry.uid, self.place_again(email, &entry.flags, to)?));
        }
        Ok(Altered::Copied { uid_validity, pairs })
    }

    pub(super) fn relocate(
        &mut self,
        from: MailboxId,
        uids: &UidSet,
        to: MailboxId,
        room: Room,
    ) -> Altering<Altered> {
        self.mailbox(from)?;
        let uid_validity = self.mailbox(to)?.uid_validity;
        let moving = if from == to {
            let count = self.entries(from, Some(uids))?;
            self.can_make(count.len() as u64)?;
            count
        } else {
            self.about_to_place(from, uids, to, room)?
        };
        let mut pairs = Vec::with_capacity(moving.len());
        for entry in moving {
            let mut email = self.email(entry.email)?;
            self.displace(&mut email, from, &entry)?;
            if email.places.iter().any(|(mailbox, _)| *mailbox == to) {
                self.update_email(&email)?;
            }
            pairs.push((entry.uid, self.place_again(email, &entry.flags, to)?));
        }
        Ok(Altered::Copied { uid_validity, pairs })
    }

    /// Entries that are about to get another place, if there is room for those that become messages of their own.
    fn about_to_place(
        &mut self,
        from: MailboxId,
        uids: &UidSet,
        to: MailboxId,
        room: Room,
    ) -> Altering<Vec<Entry>> {
        let entries = self.entries(from, Some(uids))?;
        let (mut bytes, mut count) = (0_u64, 0);
        for entry in &entries {
            let email = self.email(entry.email)?;
            if email.places.iter().any(|(mailbox, _)| *mailbox == to) {
                bytes = bytes.saturating_add(email.size);
                count += 1;
            }
        }
        if count > 0 {
            self.has_room(room, bytes)?;
            self.can_make(count)?;
        }
        let uid_next = self.mailbox(to)?.uid_next;
        if u64::from(uid_next) + entries.len() as u64 > u64::from(u32::MAX) {
            return Err(Refusal::TooMany("messages that were ever in a mailbox", u64::from(u32::MAX)).into());
        }
        Ok(entries)
    }

    /// Gives a message another place; if it lies there already, a message of its own.
    fn place_again(&mut self, mut email: Email, flags: &Flags, to: MailboxId) -> Altering<Uid> {
        if email.places.iter().any(|(mailbox, _)| *mailbox == to) {
            return Ok(self.duplicate(&email, flags, to)?.0);
        }
        let (uid, _) = self.add_entry(to, &email, flags)?;
        email.places.push((to, uid));
        email.places.sort_unstable();
        self.update_email(&email)?;
        Ok(uid)
    }

    pub(super) fn expunge(
        &mut self,
        mailbox: MailboxId,
        uids: Option<&UidSet>,
        deleted_only: bool,
    ) -> Altering<Altered> {
        if self.mailbox(mailbox)?.deleted == 0 && deleted_only {
            return Ok(Altered::Expunged(UidSet::EMPTY));
        }
        let mut expunged = UidSet::EMPTY;
        let flags = if deleted_only { Flags::of(SystemFlag::Deleted).system } else { 0 };
        for entry in self.entries_with(mailbox, uids, flags)? {
            expunged.insert(entry.uid);
            let mut email = self.email(entry.email)?;
            self.displace(&mut email, mailbox, &entry)?;
            self.settle_places(&email)?;
        }
        Ok(Altered::Expunged(expunged))
    }

    pub(super) fn place(&mut self, id: EmailId, mailboxes: &[MailboxId]) -> Altering<Altered> {
        let wanted: BTreeSet<_> = mailboxes.iter().copied().collect();
        if wanted.is_empty() {
            return Err(Refusal::Nowhere.into());
        }
        let mut email = self.email(id)?;
        for mailbox in &wanted {
            self.mailbox(*mailbox)?;
        }
        let there: BTreeMap<_, _> = email.places.iter().copied().collect();
        for place in email.places.clone() {
            if !wanted.contains(&place.0)
                && let Some(entry) = self.entry(place)?
            {
                self.displace(&mut email, place.0, &entry)?;
            }
        }
        let flags = email.flags.clone();
        for mailbox in wanted.iter().filter(|mailbox| !there.contains_key(mailbox)) {
            let (uid, _) = self.add_entry(*mailbox, &email, &flags)?;
            email.places.push((*mailbox, uid));
        }
        email.places.sort_unstable();
        if email.places.iter().copied().collect::<BTreeMap<_, _>>() != there {
            self.update_email(&email)?;
        }
        Ok(Altered::Done)
    }

    pub(super) fn refile(
        &mut self,
        id: EmailId,
        into: &[MailboxId],
        out_of: &[MailboxId],
    ) -> Altering<Altered> {
        let places = self.email(id)?.places;
        let there = places.iter().map(|(mailbox, _)| mailbox).filter(|mailbox| !out_of.contains(mailbox));
        let wanted: Vec<MailboxId> = there.chain(into).copied().collect();
        self.place(id, &wanted)
    }

    pub(super) fn destroy_email(&mut self, id: EmailId) -> Altering<Altered> {
        let mut email = self.email(id)?;
        for place in email.places.clone() {
            if let Some(entry) = self.entry(place)? {
                self.displace(&mut email, place.0, &entry)?;
            }
        }
        email.places.clear();
        self.settle_places(&email)?;
        Ok(Altered::Done)
    }
}

/// Flags after a change.
fn apply(change: &FlagChange, flags: &Flags) -> Flags {
    match change {
        FlagChange::Add(more) => flags.with(more),
        FlagChange::Remove(fewer) => flags.without(fewer),
        FlagChange::Replace(all) => all.clone(),
    }
}
