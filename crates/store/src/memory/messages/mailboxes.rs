//! Mailboxes of the reference: made, changed, removed.

use mail::Role;
use mail::mailbox::composed;

use super::account::{Account, Gone};
use super::altering::Change;
use crate::messages::{Alteration, Altered, Kind, Mailbox, MailboxId, Refusal, limits, rules};

impl Account {
    /// The first mailboxes of a new account.
    pub(super) fn begin(&mut self, change: &mut Change<'_>) {
        for (place, (name, role)) in (0..).zip(rules::FIRST_MAILBOXES) {
            self.add_mailbox(change, None, name, Some(role), place, true);
        }
    }

    pub(super) fn add_mailbox(
        &mut self,
        change: &mut Change<'_>,
        parent: Option<MailboxId>,
        name: &str,
        role: Option<Role>,
        sort_order: u32,
        subscribed: bool,
    ) -> MailboxId {
        let id = MailboxId(change.id());
        self.uid_validity = (self.uid_validity + 1).max(change.now.as_secs().max(1) as u32);
        let next = change.next;
        let mailbox = Mailbox {
            id,
            parent,
            name: composed(name).into_owned(),
            role,
            sort_order,
            subscribed,
            uid_validity: self.uid_validity,
            uid_next: 1,
            highest_modseq: next,
            total: 0,
            unseen: 0,
            deleted: 0,
            size: 0,
            created: next,
            modseq: next,
            counts_modseq: next,
        };
        self.mailboxes.insert(id, mailbox);
        id
    }

    /// The mailboxes above one, itself included, from below.
    fn above(&self, mailbox: Option<MailboxId>) -> Result<Vec<MailboxId>, Refusal> {
        let mut path = Vec::new();
        let mut at = mailbox;
        while let Some(id) = at {
            path.push(id);
            at = self.mailboxes.get(&id).ok_or(Refusal::NoMailbox(id))?.parent;
        }
        Ok(path)
    }

    pub(super) fn may_lie(
        &self,
        id: Option<MailboxId>,
        parent: Option<MailboxId>,
        name: &str,
    ) -> Result<(), Refusal> {
        let above = self.above(parent)?;
        let depth_of = |mailbox: &MailboxId| self.above(Some(*mailbox)).map_or(0, |path| path.len());
        let height = match id {
            None => 1,
            Some(id) => {
                let inner = self
                    .mailboxes
                    .keys()
                    .filter(|other| self.above(Some(**other)).is_ok_and(|path| path.contains(&id)));
                inner.map(depth_of).max().unwrap_or(0) + 1 - depth_of(&id)
            }
        };
        let too_deep = (above.len() + height) as u64 > limits::DEPTH_MAX;
        if too_deep || id.is_some_and(|id| above.contains(&id)) {
            return Err(Refusal::BadParent);
        }
        let name = &*composed(name);
        rules::check_name(name)?;
        let same = |other: &Mailbox| {
            Some(other.id) != id
                && other.parent == parent
                && rules::same_name(parent.is_none(), &other.name, name)
        };
        if self.mailboxes.values().any(same) { Err(Refusal::NameTaken) } else { Ok(()) }
    }

    pub(super) fn may_be(&self, id: Option<MailboxId>, role: Option<Role>) -> Result<(), Refusal> {
        match role.and_then(|role| self.of_role(role)) {
            Some(other) if Some(other) != id => Err(Refusal::RoleTaken(other)),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn update_mailbox(
        &mut self,
        change: &Change<'_>,
        id: MailboxId,
        what: &Alteration,
    ) -> Result<Altered, Refusal> {
        let Alteration::UpdateMailbox { parent, name, role, sort_order, subscribed, .. } = what else {
            unreachable!("only called for updates");
        };
        let old = self.mailboxes.get(&id).ok_or(Refusal::NoMailbox(id))?.clone();
        let mut new = old.clone();
        new.parent = parent.unwrap_or(old.parent);
        new.name = name.as_deref().map_or(new.name, |name| composed(name).into_owned());
        new.role = role.unwrap_or(old.role);
        new.sort_order = sort_order.unwrap_or(old.sort_order);
        new.subscribed = subscribed.unwrap_or(old.subscribed);
        let is_moved = new.parent != old.parent || new.name != old.name;
        if old.role == Some(Role::Inbox) && (is_moved || new.role != old.role) {
            return Err(Refusal::IsInbox);
        }
        if is_moved {
            self.may_lie(Some(id), new.parent, &new.name)?;
        }
        if new.role != old.role {
            self.may_be(Some(id), new.role)?;
        }
        if new != old {
            new.modseq = change.next;
            self.mailboxes.insert(id, new);
        }
        Ok(Altered::Done)
    }

    pub(super) fn destroy_mailbox(
        &mut self,
        change: &Change<'_>,
        id: MailboxId,
        with_emails: bool,
    ) -> Result<Altered, Refusal> {
        let mailbox = self.mailbox(id)?;
        if mailbox.role == Some(Role::Inbox) {
            return Err(Refusal::IsInbox);
        }
        if self.mailboxes.values().any(|other| other.parent == Some(id)) {
            return Err(Refusal::HasChildren);
        }
        if mailbox.total > 0 && !with_emails {
            return Err(Refusal::HasEmails);
        }
        self.expunge(change.next, id, None, false)?;
        self.mailboxes.remove(&id);
        self.annotations.retain(|(of, _), _| *of != Some(id));
        self.gone.push((change.next, Gone::Thing(Kind::Mailbox, id.0)));
        Ok(Altered::Done)
    }
}
