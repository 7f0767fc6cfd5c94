//! SELECT and EXAMINE: how a mailbox is when a session opens it, and what a client that was here before has missed
//! (RFC 9051 section 6.3.2, RFC 7162 section 3.2.5).

use std::io::Write;

use bytes::Bytes;
use mail::{Address, SystemFlag, Timestamp, Uid, UidSet};
use store::messages::{Criterion, Filter, Mailbox, MailboxId, Query, Sort, SortKey};
use store::{KeyChange, KeyValues, MessageStore, StoreError};
use wire::imap::command::{Qresync, Select};
use wire::imap::print;

use super::desk::Selected;
use super::view::{Manner, View};

/// Where it is kept which messages a session has been told of as recent.
const RECENT_SPACE: &str = "imap-recent";

/// Who opens which mailbox.
pub(super) struct Opening<'a> {
    /// Mail at rest.
    pub store: &'a dyn MessageStore,
    /// Small values.
    pub values: &'a dyn KeyValues,
    /// Whose mailbox.
    pub account: &'a Address,
    /// Now.
    pub now: Timestamp,
    /// What the client understands.
    pub manner: Manner,
    /// The name of the mailbox as it is to be printed, quoted if need be.
    pub name: &'a str,
}

/// Opens a mailbox and says how it is; `None` if there is no such mailbox.
pub(super) async fn open(
    opening: &Opening<'_>,
    mailbox: MailboxId,
    select: &Select,
    out: &mut Vec<u8>,
) -> Result<Option<Selected>, StoreError> {
    // Watched before it is read: what comes in between is told as a change.
    let mut changes = opening.store.watch(opening.account);
    changes.borrow_and_update();
    let Some((mailbox, uids)) = opening.store.uids(opening.account, mailbox).await? else { return Ok(None) };
    let recent_from = match opening.manner.rev2 {
        true => mailbox.uid_next,
        false => opening.recent_from(&mailbox, select.read_only).await?,
    };
    let view = View::new(&mailbox, uids, select.read_only, recent_from);
    let mut selected = Selected { view, changes, stale: false };
    opening.describe(&mailbox, &selected.view, out).await?;
    if let Some(known) = select.qresync.as_ref().filter(|known| known.uid_validity == mailbox.uid_validity) {
        opening.resynchronise(&mut selected.view, known, out).await?;
    }
    Ok(Some(selected))
}

impl Opening<'_> {
    async fn describe(&self, mailbox: &Mailbox, view: &View, out: &mut Vec<u8>) -> Result<(), StoreError> {
        view.tell_flag_names(out);
        out.extend_from_slice(b"* OK [PERMANENTFLAGS ");
        if view.read_only {
            out.extend_from_slice(b"()] nothing is changed here\r\n");
        } else {
            print::flags(out, &view.flag_names());
            out.pop();
            out.extend_from_slice(b" \\*)] these are kept\r\n");
        }
        line(out, format_args!("* {} EXISTS", view.exists()));
        if !self.manner.rev2 {
            line(out, format_args!("* {} RECENT", view.recent()));
            if let Some(number) = self.first_unseen(mailbox, view).await? {
                line(out, format_args!("* OK [UNSEEN {number}] the first that has not been read"));
            }
        }
        line(out, format_args!("* OK [UIDVALIDITY {}] UIDs hold as long as this", mailbox.uid_validity));
        line(out, format_args!("* OK [UIDNEXT {}] the next UID", mailbox.uid_next));
        line(out, format_args!("* OK [HIGHESTMODSEQ {}] the latest change", mailbox.highest_modseq.0.max(1)));
        line(out, format_args!("* OK [MAILBOXID ({})] this mailbox", mailbox.id));
        if self.manner.rev2 {
            line(out, format_args!("* LIST () \"/\" {}", self.name));
        }
        Ok(())
    }

    async fn first_unseen(&self, mailbox: &Mailbox, view: &View) -> Result<Option<u32>, StoreError> {
        if mailbox.unseen == 0 {
            return Ok(None);
        }
        let query = Query {
            mailbox: Some(mailbox.id),
            filter: Filter::Not(Box::new(Filter::Is(Criterion::System(SystemFlag::Seen)))),
            sort: vec![Sort { key: SortKey::Uid, descending: false }],
            collapse_threads: false,
            limit: Some(1),
        };
        let found = self.store.search(self.account, &query).await?;
        Ok(found.hits.first().and_then(|hit| view.number(hit.2)))
    }

    /// The first message of which no session has been told yet. A session that may change the mailbox takes them.
    async fn recent_from(&self, mailbox: &Mailbox, read_only: bool) -> Result<Uid, StoreError> {
        let key = recent_key(self.account, mailbox.id, mailbox.uid_validity);
        let value = self.values.value(RECENT_SPACE, &key, self.now).await?;
        let from = value.and_then(|value| std::str::from_utf8(&value).ok()?.parse().ok()).unwrap_or(1);
        if from < mailbox.uid_next && !read_only {
            self.values
                .change(
                    vec![recent_told(self.account, mailbox.id, mailbox.uid_validity, mailbox.uid_next)],
                    self.now,
                )
                .await?;
        }
        Ok(from)
    }

    /// Says what has changed since the client was here (RFC 7162 section 3.2.5.1).
    async fn resynchronise(
        &self,
        view: &mut View,
        known: &Qresync,
        out: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let changes = self.store.mailbox_changes(self.account, view.mailbox, known.modseq).await?;
        let Some(changes) = changes else { return Ok(()) };
        let had =
            known.known.clone().unwrap_or_else(|| UidSet::range(1, view.uid_next().saturating_sub(1).max(1)));
        let gone = if changes.forgotten { had } else { changes.vanished.and(&had) };
        let gone = gone.without(view.uids());
        if !gone.is_empty() {
            line(out, format_args!("* VANISHED (EARLIER) {gone}"));
        }
        for entry in &changes.entries {
            view.tell_entry(entry, Manner { condstore: true, ..self.manner }, out);
        }
        Ok(())
    }
}

/// Sessions have been told of the messages before this UID.
pub(super) fn recent_told(
    account: &Address,
    mailbox: MailboxId,
    uid_validity: u32,
    uid_next: Uid,
) -> KeyChange {
    KeyChange::put(
        RECENT_SPACE,
        &recent_key(account, mailbox, uid_validity),
        Bytes::from(uid_next.to_string()),
        None,
    )
}

fn recent_key(account: &Address, mailbox: MailboxId, uid_validity: u32) -> Vec<u8> {
    format!("{}/{uid_validity}/{account}", mailbox.0).into_bytes()
}

fn line(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(format_args!("{arguments}\r\n")).expect("writing to memory does not fail");
}
