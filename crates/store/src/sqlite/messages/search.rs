//! Looks for messages: rows first, digests next, the text index, and content last.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mail::ModSeq;
use mail::digest::{Digest, digest, text_with};
use rusqlite::{Connection, OptionalExtension, params};

use super::log::{Gone, gone_since};
use super::rows::{self, AccountRow, number};
use super::{content, read};
use crate::StoreError;
use crate::messages::{Criterion, EmailId, Entry, Found, MailboxId, Query};
use crate::search::answers::Answers;
use crate::search::index::{Index, IndexError, Source};
use crate::search::matching::{
    Folded, Known, Plan, Row, ThreadFlags, Wanted, asks_places, asks_threads, must, plan,
};
use crate::search::order::{Hit, found, needs_digests, needs_threads};
use crate::sqlite::database::cannot;
use crate::sqlite::files::Files;
use crate::sqlite::shared::Shared;
use crate::sqlite::write::integer;

/// Messages that are looked at themselves rather than asking the index.
const FEW: usize = 16;
/// How long a search waits for the index to catch up; what is not in it then is read.
const CATCH_UP_MAX: Duration = Duration::from_secs(3);
/// Lower than what serves people.
const NICE: i32 = 10;

/// An account in one snapshot.
pub(in crate::sqlite) struct Account<'a> {
    pub(in crate::sqlite) db: &'a Connection,
    pub(in crate::sqlite) row: AccountRow,
    pub(in crate::sqlite) files: &'a Files,
}

/// Whether the index or messages themselves may have to be read.
pub(super) fn reads_messages(query: &Query) -> bool {
    !plan(&query.filter).1.is_empty()
}

/// Held by whoever waits for a search.
pub(super) struct Waiting {
    _waits: Arc<()>,
}

/// Known to the search: whether anybody still waits for it.
pub(super) struct Asked(Weak<()>);

/// Both ends.
pub(super) fn asked() -> (Waiting, Asked) {
    let wanted = Arc::new(());
    let asked = Asked(Arc::downgrade(&wanted));
    (Waiting { _waits: wanted }, asked)
}

/// What is found in an account; ends early if nobody waits for it any more.
pub(super) fn search(
    account: &Account<'_>,
    index: &Index,
    query: &Query,
    asked: &Asked,
) -> Result<Found, StoreError> {
    let (plan, wanted) = plan(&query.filter);
    let rows = account.rows(query, &plan)?;
    let asks = asks_threads(&plan) || needs_threads(&query.sort);
    let threads = if asks { account.thread_flags()? } else { ThreadFlags::new() };
    let mut matching = Vec::new();
    let open = sift(rows, &mut matching, |row| {
        Known { row, threads: &threads, digest: None, answers: None, text: None }.judge(&plan, &wanted)
    });
    let is_indexed = open.len() > FEW && wanted.iter().any(|wanted| !wanted.needle.is_empty());
    let answers = if is_indexed { ask(account, index, &wanted)? } else { None };
    let answers = answers.as_ref();
    let open = sift(open, &mut matching, |row| {
        Known { row, threads: &threads, digest: None, answers, text: None }.judge(&plan, &wanted)
    });
    for row in open {
        if asked.0.strong_count() == 0 {
            break;
        }
        if account.matches(&row, &threads, answers, &plan, &wanted)? {
            matching.push(row);
        }
    }
    let needs_digest = needs_digests(&query.sort);
    let mut hits = Vec::with_capacity(matching.len());
    for row in matching {
        let record = if needs_digest { account.record(row.email)? } else { None };
        let said = record.as_deref().map(Digest::read);
        hits.push(Hit::new(row, said.as_ref(), &threads, &query.sort));
    }
    Ok(found(hits, query, account.row.state.modseq))
}

/// Keeps those that match, and gives those of which more must be known.
fn sift(rows: Vec<Row>, matching: &mut Vec<Row>, judge: impl Fn(&Row) -> Option<bool>) -> Vec<Row> {
    let mut open = Vec::new();
    for row in rows {
        match judge(&row) {
            Some(true) => matching.push(row),
            Some(false) => {}
            None => open.push(row),
        }
    }
    open
}

/// What the index knows; nothing if it cannot be used.
fn ask(account: &Account<'_>, index: &Index, wanted: &[Wanted]) -> Result<Option<Answers>, StoreError> {
    let until = Instant::now() + CATCH_UP_MAX;
    let caught_up = loop {
        match index.catch_up(account.row.id, account) {
            Ok(false) if Instant::now() < until => {}
            done => break done,
        }
    };
    let answers = caught_up.and_then(|_| index.answers(account.row.id, wanted));
    match answers {
        Ok(answers) => Ok(Some(answers)),
        // It has been said there; the messages themselves are searched.
        Err(IndexError::Index(_)) => Ok(None),
        Err(IndexError::Store(error)) => Err(error),
    }
}

impl Account<'_> {
    /// What may match, as far as that can be said in SQL.
    fn rows(&self, query: &Query, plan: &Plan<'_>) -> Result<Vec<Row>, StoreError> {
        let fail = cannot("search the local store");
        let Some(mailbox) = query.mailbox else {
            let inside = must(plan, &|criterion| match criterion {
                Criterion::InMailbox(id) => Some(*id),
                _ => None,
            });
            return self.emails(inside).map_err(fail);
        };
        let uids = must(plan, &|criterion| match criterion {
            Criterion::Uids(uids) => Some(uids),
            _ => None,
        });
        let entries = match uids {
            Some(uids) => read::entries_of(self.db, self.row.id, mailbox, uids, usize::MAX >> 1),
            None => self.entries(mailbox),
        };
        let mut rows: Vec<Row> =
            entries.map_err(&fail)?.iter().map(|entry| Row::of_entry(entry, vec![mailbox])).collect();
        if asks_places(plan) {
            for row in &mut rows {
                let email = rows::email_of(self.db, self.row.id, row.email).map_err(&fail)?;
                row.places = email.map(|email| Row::of_email(email).places).unwrap_or_default();
            }
        }
        Ok(rows)
    }

    fn entries(&self, mailbox: MailboxId) -> rusqlite::Result<Vec<Entry>> {
        let sql = format!("{} WHERE account = ?1 AND mailbox = ?2 ORDER BY uid", rows::ENTRY);
        let mut statement = self.db.prepare_cached(&sql)?;
        statement.query_map(params![self.row.id, integer(mailbox.0)], rows::entry)?.collect()
    }

    fn emails(&self, inside: Option<MailboxId>) -> rusqlite::Result<Vec<Row>> {
        let all = format!("{} WHERE account = ?1 AND ?2 IS NULL", rows::EMAIL);
        let of_mailbox = format!(
            "{} WHERE account = ?1 AND id IN (SELECT email FROM entry WHERE account = ?1 AND mailbox = ?2)",
            rows::EMAIL
        );
        let mut statement = self.db.prepare_cached(if inside.is_some() { &of_mailbox } else { &all })?;
        let arguments = params![self.row.id, inside.map(|id| integer(id.0))];
        let rows = statement.query_map(arguments, |row| rows::email(row).map(Row::of_email))?;
        rows.collect()
    }

    fn thread_flags(&self) -> Result<ThreadFlags, StoreError> {
        let mut threads = ThreadFlags::new();
        for row in self.emails(None).map_err(cannot("search the local store"))? {
            threads.entry(row.thread).or_default().push(row.flags);
        }
        Ok(threads)
    }

    /// Whether a message matches, of which neither its row nor the index could tell.
    fn matches(
        &self,
        row: &Row,
        threads: &ThreadFlags,
        answers: Option<&Answers>,
        plan: &Plan<'_>,
        wanted: &[Wanted],
    ) -> Result<bool, StoreError> {
        let record = self.record(row.email)?;
        let said = record.as_deref().map(Digest::read);
        let known = Known { row, threads, digest: said.as_ref(), answers, text: None };
        if let Some(matches) = known.judge(plan, wanted) {
            return Ok(matches);
        }
        let Some(text) = self.folded(row.email, record.as_deref())? else { return Ok(false) };
        Ok(Known { text: Some(&text), ..known }.judge(plan, wanted) == Some(true))
    }

    /// What a message says about itself; read from the message if nobody has noted it.
    fn record(&self, email: EmailId) -> Result<Option<Bytes>, StoreError> {
        let mut records =
            read::digests(self.db, self.row.id, &[email]).map_err(cannot("search the local store"))?;
        match records.pop().flatten().filter(|record| Digest::is_current(record)) {
            Some(record) => Ok(Some(record)),
            None => Ok(self.content(email)?.map(|content| digest(&content).into())),
        }
    }

    /// A message; one that is damaged or whose file is not there (it may be gone since this snapshot) is passed over, and
    /// said: one message does not hide all others.
    fn content(&self, email: EmailId) -> Result<Option<Bytes>, StoreError> {
        match content::email(self.db, self.files, self.row.id, email) {
            Err(error @ (StoreError::Damaged { .. } | StoreError::File { .. })) => {
                tracing::error!(%error, email = email.0, "a message cannot be searched");
                Ok(None)
            }
            content => content,
        }
    }

    fn folded(&self, email: EmailId, record: Option<&[u8]>) -> Result<Option<Folded>, StoreError> {
        let Some(content) = self.content(email)? else { return Ok(None) };
        let made;
        let record = match record {
            Some(record) => record,
            None => {
                made = digest(&content);
                &made
            }
        };
        let said = Digest::read(record).within(content.len() as u64);
        Ok(Some(Folded::of(&text_with(&content, &said))))
    }
}

impl Source for Account<'_> {
    fn modseq(&self) -> ModSeq {
        self.row.state.modseq
    }

    fn added(&self, after: EmailId, limit: usize) -> Result<Vec<EmailId>, StoreError> {
        let read = || -> rusqlite::Result<Vec<EmailId>> {
            let sql = "SELECT id FROM email WHERE account = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
            let mut statement = self.db.prepare_cached(sql)?;
            let arguments = params![self.row.id, integer(after.0), integer(limit as u64)];
            statement.query_map(arguments, |row| number(row, 0).map(EmailId))?.collect()
        };
        read().map_err(cannot("read what is to be indexed"))
    }

    fn gone(&self, since: ModSeq) -> Result<Option<Vec<EmailId>>, StoreError> {
        if since < self.row.state.log_since {
            return Ok(None);
        }
        let gone = gone_since(self.db, self.row.id, Gone::Email, since);
        let gone = gone.map_err(cannot("read what is gone"))?;
        Ok(Some(gone.into_iter().map(|(id, _)| EmailId(id)).collect()))
    }

    fn present(&self, emails: &[EmailId]) -> Result<Vec<bool>, StoreError> {
        let read = || -> rusqlite::Result<Vec<bool>> {
            let sql = "SELECT 1 FROM email WHERE account = ?1 AND id = ?2";
            let mut statement = self.db.prepare_cached(sql)?;
            emails.iter().map(|id| statement.exists(params![self.row.id, integer(id.0)])).collect()
        };
        read().map_err(cannot("read what is gone"))
    }

    fn text(&self, email: EmailId) -> Result<Option<Folded>, StoreError> {
        let record = self.record(email)?;
        self.folded(email, record.as_deref())
    }
}

/// Indexes what is told until it is to stop; first what was left when the store was closed. Runs on a thread of its
/// own.
pub(in crate::sqlite) fn index_accounts(shared: &Shared, db: &Connection) {
    // If it cannot be nice, it works all the same.
    let _ = rustix::process::setpriority_process(None, NICE);
    let names = account_names(db).unwrap_or_else(|error| {
        tracing::error!(%error, "cannot read the accounts whose mail is to be indexed");
        Vec::new()
    });
    shared.indexing.tell(names.iter().map(|name| &name[..]));
    while let Some(accounts) = shared.indexing.next() {
        for name in accounts {
            while !shared.indexing.is_stopped() && shared.running().is_ok() {
                match index_some(shared, db, &name) {
                    Ok(false) => {}
                    Ok(true) => break,
                    Err(error) => {
                        tracing::warn!(%error, account = name, "cannot index mail; searches read it");
                        break;
                    }
                }
            }
        }
    }
}

fn account_names(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = db.prepare("SELECT name FROM account ORDER BY id")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// One batch of an account, in a snapshot of its own. Whether that was all.
fn index_some(shared: &Shared, db: &Connection, name: &str) -> Result<bool, IndexError> {
    let fail = cannot("read the local store");
    let snapshot = db.unchecked_transaction().map_err(&fail)?;
    let found = rows::account(&snapshot, name).optional();
    let Some(row) = found.map_err(&fail)?.flatten() else { return Ok(true) };
    let account = Account { db: &snapshot, row, files: &shared.files };
    shared.indexing.index.catch_up(row.id, &account)
}
