//! A mailbox made, changed, removed.

use mail::Role;
use mail::mailbox::composed;
use rusqlite::params;

use super::account::{Account, Altering};
use crate::messages::limits::{DEPTH_MAX, MAILBOXES_MAX};
use crate::messages::{Altered, Mailbox, MailboxId, Refusal, rules};
use crate::sqlite::write::integer;

/// Other properties of a mailbox.
#[derive(Debug)]
pub(super) struct Update<'a> {
    pub(super) parent: Option<Option<MailboxId>>,
    pub(super) name: Option<&'a str>,
    pub(super) role: Option<Option<Role>>,
    pub(super) sort_order: Option<u32>,
    pub(super) subscribed: Option<bool>,
}

impl Account<'_> {
    pub(super) fn create_mailbox(
        &mut self,
        parent: Option<MailboxId>,
        name: &str,
        role: Option<Role>,
        sort_order: u32,
        subscribed: bool,
    ) -> Altering<Altered> {
        if self.all_mailboxes()?.count() as u64 >= MAILBOXES_MAX {
            return Err(Refusal::TooMany("mailboxes", MAILBOXES_MAX).into());
        }
        self.can_make(1)?;
        let depth = self.depth(parent)?;
        if depth >= DEPTH_MAX {
            return Err(Refusal::BadParent.into());
        }
        let name = composed(name);
        self.is_name_free(None, parent, &name)?;
        self.is_role_free(None, role)?;
        Ok(Altered::Mailbox(self.make_mailbox(parent, name.into_owned(), role, sort_order, subscribed)?))
    }

    pub(super) fn update_mailbox(&mut self, id: MailboxId, update: &Update<'_>) -> Altering<Altered> {
        self.know_all()?;
        let old = self.mailbox(id)?.clone();
        let mut new = Mailbox {
            parent: update.parent.unwrap_or(old.parent),
            role: update.role.unwrap_or(old.role),
            sort_order: update.sort_order.unwrap_or(old.sort_order),
            subscribed: update.subscribed.unwrap_or(old.subscribed),
            ..old.clone()
        };
        if let Some(name) = update.name {
            new.name = composed(name).into_owned();
        }
        let is_moved = (new.parent, &new.name) != (old.parent, &old.name);
        if old.role == Some(Role::Inbox) && (is_moved || new.role != old.role) {
            return Err(Refusal::IsInbox.into());
        }
        if is_moved {
            let above = self.depth_outside(new.parent, id)?;
            if above + self.height(id)? > DEPTH_MAX {
                return Err(Refusal::BadParent.into());
            }
            self.is_name_free(Some(id), new.parent, &new.name)?;
        }
        if new.role != old.role {
            self.is_role_free(Some(id), new.role)?;
        }
        if new != old {
            new.modseq = self.next;
            *self.changing(id)? = new;
        }
        Ok(Altered::Done)
    }

    pub(super) fn destroy_mailbox(&mut self, id: MailboxId, with_emails: bool) -> Altering<Altered> {
        let has_children = self.all_mailboxes()?.any(|mailbox| mailbox.parent == Some(id));
        let mailbox = self.mailbox(id)?;
        if mailbox.role == Some(Role::Inbox) {
            return Err(Refusal::IsInbox.into());
        }
        if has_children {
            return Err(Refusal::HasChildren.into());
        }
        if mailbox.total > 0 && !with_emails {
            return Err(Refusal::HasEmails.into());
        }
        for entry in self.entries(id, None)? {
            let mut email = self.email(entry.email)?;
            self.displace(&mut email, id, &entry)?;
            self.settle_places(&email)?;
        }
        let arguments = params![self.row.id, integer(id.0)];
        self.db
            .prepare_cached("DELETE FROM annotation WHERE account = ?1 AND mailbox = ?2")?
            .execute(arguments)?;
        self.db.prepare_cached("DELETE FROM mailbox WHERE account = ?1 AND id = ?2")?.execute(arguments)?;
        self.forget_mailbox(id);
        Ok(Altered::Done)
    }

    /// How many levels there are down to this one.
    fn depth(&mut self, mailbox: Option<MailboxId>) -> Altering<u64> {
        let (mut depth, mut at) = (0, mailbox);
        while let Some(id) = at.filter(|_| depth <= DEPTH_MAX) {
            depth += 1;
            at = self.mailbox(id)?.parent;
        }
        Ok(depth)
    }

    /// The same, if it does not lie in `inner`, nor is it.
    fn depth_outside(&mut self, mailbox: Option<MailboxId>, inner: MailboxId) -> Altering<u64> {
        let mut at = mailbox;
        let mut steps = 0;
        while let Some(id) = at {
            if id == inner || steps > DEPTH_MAX {
                return Err(Refusal::BadParent.into());
            }
            steps += 1;
            at = self.mailbox(id)?.parent;
        }
        Ok(steps)
    }

    /// How many levels there are from this one on.
    fn height(&mut self, id: MailboxId) -> Altering<u64> {
        let mut level = vec![id];
        let mut height = 0;
        while !level.is_empty() && height <= DEPTH_MAX {
            height += 1;
            let below = |mailbox: &&Mailbox| mailbox.parent.is_some_and(|parent| level.contains(&parent));
            level = self.all_mailboxes()?.filter(below).map(|mailbox| mailbox.id).collect();
        }
        Ok(height)
    }

    fn is_name_free(&mut self, id: Option<MailboxId>, parent: Option<MailboxId>, name: &str) -> Altering<()> {
        rules::check_name(name)?;
        let same = |mailbox: &Mailbox| {
            mailbox.parent == parent
                && Some(mailbox.id) != id
                && rules::same_name(parent.is_none(), &mailbox.name, name)
        };
        if self.all_mailboxes()?.any(same) {
            return Err(Refusal::NameTaken.into());
        }
        Ok(())
    }

    fn is_role_free(&mut self, id: Option<MailboxId>, role: Option<Role>) -> Altering<()> {
        let Some(role) = role else { return Ok(()) };
        let taken =
            self.all_mailboxes()?.find(|mailbox| mailbox.role == Some(role) && Some(mailbox.id) != id);
        match taken {
            Some(mailbox) => Err(Refusal::RoleTaken(mailbox.id).into()),
            None => Ok(()),
        }
    }

    /// The mailbox of that path, for a delivery; made if it is not there, the inbox if it cannot be.
    pub(super) fn mailbox_for(&mut self, path: &str) -> Altering<MailboxId> {
        if path.eq_ignore_ascii_case("INBOX") {
            return Ok(self.inbox()?);
        }
        let mut at = None;
        for name in composed(path).split('/') {
            let here = |mailbox: &&Mailbox| {
                mailbox.parent == at && rules::same_name(at.is_none(), &mailbox.name, name)
            };
            let found = self.all_mailboxes()?.find(here).map(|mailbox| mailbox.id);
            at = match found {
                Some(id) => Some(id),
                None => match self.create_mailbox(at, name, None, 10, true) {
                    Ok(Altered::Mailbox(id)) => Some(id),
                    Ok(_) | Err(super::account::Stop::Refused(_)) => return Ok(self.inbox()?),
                    Err(broken) => return Err(broken),
                },
            };
        }
        match at {
            Some(id) => Ok(id),
            None => Ok(self.inbox()?),
        }
    }
}
