//! What every store holds to: how ids are made, which names may be, which mailboxes there are at first.

use std::collections::BTreeMap;

use mail::digest::Digest;
use mail::{Flags, ModSeq, Role};

use super::alteration::Refusal;
use super::limits::{KEYWORD_BYTES_MAX, KEYWORDS_MAX, MADE_MAX, NAME_BYTES_MAX};
use super::{Changes, Mailbox, MailboxId};

/// Bits of an id that number what one change makes.
const NUMBER_BITS: u32 = MADE_MAX.trailing_zeros();

/// The mailboxes of a new account.
pub(crate) const FIRST_MAILBOXES: [(&str, Role); 6] = [
    ("INBOX", Role::Inbox),
    ("Drafts", Role::Drafts),
    ("Sent", Role::Sent),
    ("Junk", Role::Junk),
    ("Trash", Role::Trash),
    ("Archive", Role::Archive),
];

/// The id of what a change makes as its `number`th.
pub(crate) fn made(modseq: ModSeq, number: u64) -> u64 {
    debug_assert!(number < MADE_MAX, "refused before");
    modseq.0 << NUMBER_BITS | number
}

/// The change that made it.
pub(crate) fn created(id: u64) -> ModSeq {
    ModSeq(id >> NUMBER_BITS)
}

/// Whether a mailbox may have this name of its own.
pub(crate) fn check_name(name: &str) -> Result<(), Refusal> {
    let bad = if name.is_empty() {
        "it is empty"
    } else if name.len() > NAME_BYTES_MAX {
        "it is too long"
    } else if name.contains('/') {
        "it has a /"
    } else if name.chars().any(char::is_control) {
        "it has a control character"
    } else if name.trim() != name {
        "it begins or ends with a space"
    } else {
        return Ok(());
    };
    Err(Refusal::BadName(bad))
}

/// Whether two names are the same beside each other: at the top, INBOX is so in any case (RFC 9051 section 5.1).
pub(crate) fn same_name(at_top: bool, left: &str, right: &str) -> bool {
    left == right || at_top && left.eq_ignore_ascii_case("INBOX") && right.eq_ignore_ascii_case("INBOX")
}

/// Whether a message may have these flags.
pub(crate) fn check_flags(flags: &Flags) -> Result<(), Refusal> {
    if flags.keywords.len() as u64 > KEYWORDS_MAX {
        return Err(Refusal::TooMany("keywords of a message", KEYWORDS_MAX));
    }
    let bad = |keyword: &String| {
        keyword.is_empty()
            || keyword.len() > KEYWORD_BYTES_MAX
            || keyword.chars().any(|c| c.is_whitespace() || c.is_control())
    };
    if flags.keywords.iter().any(bad) {
        return Err(Refusal::BadName("a keyword is empty, too long, or has a space"));
    }
    Ok(())
}

/// Mailboxes, parents before children, siblings by sort order and name. What hangs on nothing is left out.
pub(crate) fn in_order(mut by_parent: BTreeMap<Option<MailboxId>, Vec<Mailbox>>) -> Vec<Mailbox> {
    fn take(
        by_parent: &mut BTreeMap<Option<MailboxId>, Vec<Mailbox>>,
        parent: Option<MailboxId>,
    ) -> Vec<Mailbox> {
        let mut siblings = by_parent.remove(&parent).unwrap_or_default();
        siblings.sort_by(|a, b| (b.sort_order, &b.name).cmp(&(a.sort_order, &a.name)));
        siblings
    }
    // The next one comes last.
    let mut waiting = take(&mut by_parent, None);
    let mut list = Vec::new();
    while let Some(mailbox) = waiting.pop() {
        waiting.extend(take(&mut by_parent, Some(mailbox.id)));
        list.push(mailbox);
    }
    list
}

/// What has become of something, with the latest change of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// It is there.
    Live(u64, ModSeq),
    /// It was removed.
    Gone(u64, ModSeq),
}

/// What a client has missed since then: as many whole changes, oldest first, as fit into the limit, one at least.
/// What was made since counts as a thing of the change that made it, even if it has changed again, so that a client
/// that asks again in between hears first that it was made.
pub(crate) fn changes(
    all: impl Iterator<Item = Change>,
    since: ModSeq,
    now: ModSeq,
    limit: usize,
) -> Changes {
    let mut by_change: BTreeMap<ModSeq, Vec<Change>> = BTreeMap::new();
    for change in all {
        let at = match change {
            Change::Live(id, modseq) => {
                if created(id) > since {
                    created(id)
                } else {
                    modseq
                }
            }
            Change::Gone(id, _) if created(id) > since => continue,
            Change::Gone(_, modseq) => modseq,
        };
        by_change.entry(at).or_default().push(change);
    }
    let mut changes = Changes { state: now, ..Changes::default() };
    let (mut count, mut until) = (0, None);
    for (at, group) in by_change {
        count += group.len();
        if let Some(until) = until.filter(|_| count > limit) {
            return Changes { state: until, more: true, ..changes };
        }
        until = Some(at);
        for change in group {
            match change {
                Change::Live(id, _) if created(id) > since => changes.created.push(id),
                Change::Live(id, _) => changes.updated.push(id),
                Change::Gone(id, _) => changes.destroyed.push(id),
            }
        }
    }
    changes
}

/// What content says about itself.
pub(crate) fn digest_of(content: &[u8]) -> Vec<u8> {
    mail::digest::digest(content)
}

/// By what a message finds its conversation, and others find it.
pub(crate) fn thread_keys(digest: &[u8]) -> Vec<u64> {
    if digest.is_empty() { Vec::new() } else { policy::thread::keys(&Digest::read(digest)) }
}
