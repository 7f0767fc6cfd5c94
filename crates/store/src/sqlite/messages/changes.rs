//! What has changed in an account since then?

use std::collections::{BTreeMap, BTreeSet};

use mail::ModSeq;
use rusqlite::{Connection, Result, params};

use super::log::{Gone, gone_since};
use super::rows::{self, AccountRow, number};
use crate::messages::rules::{self, Change};
use crate::messages::{Changes, Kind};
use crate::sqlite::write::integer;

/// Ids with their latest change.
type Changed = Vec<(u64, ModSeq)>;

pub(super) fn changes(
    db: &Connection,
    account: &AccountRow,
    kind: Kind,
    since: ModSeq,
    limit: usize,
) -> Result<Option<Changes>> {
    let state = account.state;
    if since > state.modseq || since < state.log_since {
        return Ok(None);
    }
    let gone = gone_since(db, account.id, Gone::of(kind), since)?;
    let (live, counts_only) = match kind {
        Kind::Mailbox => mailboxes(db, account.id, since)?,
        Kind::Thread => (threads(db, account.id, since)?, false),
        Kind::Email => {
            let sql = "SELECT id, modseq FROM email WHERE account = ?1 AND modseq > ?2";
            (list(db, sql, params![account.id, integer(since.0)])?, false)
        }
        Kind::Identity | Kind::Submission | Kind::Vacation | Kind::PushSubscription | Kind::SieveScript => {
            let sql = "SELECT id, modseq FROM record WHERE account = ?1 AND modseq > ?2 AND kind = ?3";
            let arguments = params![account.id, integer(since.0), Gone::of(kind) as i64];
            (list(db, sql, arguments)?, false)
        }
    };
    let live = live.into_iter().map(|(id, modseq)| Change::Live(id, modseq));
    let gone = gone.into_iter().map(|(id, modseq)| Change::Gone(id, modseq));
    let changes = rules::changes(live.chain(gone), since, state.modseq, limit);
    Ok(Some(Changes { counts_only: counts_only && !changes.updated.is_empty(), ..changes }))
}

fn list(db: &Connection, sql: &str, arguments: &[&dyn rusqlite::ToSql]) -> Result<Changed> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(arguments, |row| Ok((number(row, 0)?, ModSeq(number(row, 1)?))))?;
    rows.collect()
}

/// With whether those that are not new have changed in nothing but counts.
fn mailboxes(db: &Connection, account: i64, since: ModSeq) -> Result<(Changed, bool)> {
    let all = rows::mailboxes(db, account)?;
    let latest = |modseq: ModSeq, counts: ModSeq| modseq.max(counts);
    let changed: Vec<_> =
        all.into_iter().filter(|mailbox| latest(mailbox.modseq, mailbox.counts_modseq) > since).collect();
    let counts_only = changed.iter().all(|mailbox| mailbox.created > since || mailbox.modseq <= since);
    let ids = changed.iter().map(|mailbox| (mailbox.id.0, latest(mailbox.modseq, mailbox.counts_modseq)));
    Ok((ids.collect(), counts_only))
}

/// A conversation changes when a message comes or goes. It has the id of its first message.
fn threads(db: &Connection, account: i64, since: ModSeq) -> Result<Changed> {
    let mut latest: BTreeMap<u64, ModSeq> = BTreeMap::new();
    let mut note = |thread: u64, modseq: ModSeq| {
        let known = latest.entry(thread).or_default();
        *known = (*known).max(modseq);
    };
    // What is new has an id above that of any older change.
    let first_new = rules::made(ModSeq(since.0.saturating_add(1)), 0);
    let sql = "SELECT thread, id FROM email WHERE account = ?1 AND id >= ?2";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![account, integer(first_new)])?;
    while let Some(row) = rows.next()? {
        note(number(row, 0)?, rules::created(number(row, 1)?));
    }
    for (thread, modseq) in gone_since(db, account, Gone::ThreadEmail, since)? {
        note(thread, modseq);
    }
    let dead: BTreeSet<u64> =
        gone_since(db, account, Gone::Thread, since)?.into_iter().map(|(thread, _)| thread).collect();
    Ok(latest.into_iter().filter(|(thread, _)| !dead.contains(thread)).collect())
}
