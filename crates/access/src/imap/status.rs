//! STATUS: how is a mailbox that is not selected? (RFC 9051 section 6.3.11)

use mail::{Address, SystemFlag, UidSet};
use store::StoreError;
use store::messages::{Criterion, Filter, Mailbox, Query};
use wire::imap::list::StatusItem;
use wire::imap::reply;

use super::session::{Answer, Session};
use super::tree::Tree;

/// Entries that are read from the store at once.
const BATCH: usize = 1000;

/// STATUS.
pub(super) async fn status(
    session: &mut Session,
    account: &Address,
    path: &str,
    items: &[StatusItem],
) -> Result<Answer, StoreError> {
    let tree = Tree::load(&session.world, account).await?;
    let Some(mailbox) = tree.find(path) else {
        return Ok(Answer::no("[NONEXISTENT]", "there is no such mailbox"));
    };
    tell(session, account, path, mailbox, items).await?;
    Ok(Answer::ok("that is how it is"))
}

/// Writes the STATUS of a mailbox.
pub(super) async fn tell(
    session: &mut Session,
    account: &Address,
    path: &str,
    mailbox: &Mailbox,
    items: &[StatusItem],
) -> Result<(), StoreError> {
    let mut values = Vec::with_capacity(items.len());
    for (item, name) in StatusItem::ALL {
        if !items.contains(&item) {
            continue;
        }
        let value = match item {
            StatusItem::Messages => mailbox.total.to_string(),
            StatusItem::Recent => "0".to_owned(),
            StatusItem::UidNext => mailbox.uid_next.to_string(),
            StatusItem::UidValidity => mailbox.uid_validity.to_string(),
            StatusItem::Unseen => mailbox.unseen.to_string(),
            StatusItem::Deleted => mailbox.deleted.to_string(),
            StatusItem::Size => mailbox.size.to_string(),
            StatusItem::HighestModSeq => {
                // RFC 7162 section 3.1: who asks understands.
                session.enabled.condstore = true;
                mailbox.highest_modseq.0.max(1).to_string()
            }
            StatusItem::MailboxId => format!("({})", mailbox.id),
            StatusItem::AppendLimit => session.message_bytes_max.to_string(),
            StatusItem::DeletedStorage => deleted_kibibytes(session, account, mailbox).await?.to_string(),
        };
        values.push((name, value));
    }
    let names = session.names();
    reply::status_of(&mut session.talk.output, path, &values, names);
    Ok(())
}

/// What EXPUNGE would free, in units of 1024 bytes (RFC 9208 section 4.1.4).
async fn deleted_kibibytes(
    session: &Session,
    account: &Address,
    mailbox: &Mailbox,
) -> Result<u64, StoreError> {
    if mailbox.deleted == 0 {
        return Ok(0);
    }
    let query = Query {
        mailbox: Some(mailbox.id),
        filter: Filter::Is(Criterion::System(SystemFlag::Deleted)),
        sort: Vec::new(),
        collapse_threads: false,
        limit: None,
    };
    let store = &session.world.messages;
    let found = store.search(account, &query).await?;
    let mut left: UidSet = found.hits.iter().map(|hit| hit.2).collect();
    let mut bytes: u64 = 0;
    while !left.is_empty() {
        let entries = store.entries_of(account, mailbox.id, &left, BATCH).await?;
        bytes = entries.iter().fold(bytes, |sum, entry| sum.saturating_add(entry.size));
        match entries.last().filter(|_| entries.len() >= BATCH) {
            Some(last) => left = left.without(&UidSet::range(1, last.uid)),
            None => break,
        }
    }
    Ok(bytes.div_ceil(1024))
}
