//! Searches of the reference: every message is read.

use super::account::Account;
use crate::messages::{Found, MailboxId, Query};
use crate::search::matching::{Row, ThreadFlags};
use crate::search::naive::{self, Whole};

pub(super) fn search(account: &Account, query: &Query) -> Found {
    let mut threads = ThreadFlags::new();
    for email in account.emails.values() {
        threads.entry(email.thread).or_default().push(email.flags.clone());
    }
    let rows: Vec<Row> = match query.mailbox {
        Some(mailbox) => rows_of(account, mailbox),
        None => account.emails.keys().filter_map(|id| account.email(*id)).map(Row::of_email).collect(),
    };
    let whole = rows.into_iter().map(|row| {
        let email = &account.emails[&row.email];
        Whole { row, digest: email.digest.clone().into(), content: email.whole.clone() }
    });
    naive::search(query, whole, &threads, account.modseq)
}

fn rows_of(account: &Account, mailbox: MailboxId) -> Vec<Row> {
    let entries = account.entries(mailbox).into_values();
    let places =
        |entry: &crate::messages::Entry| account.emails[&entry.email].places.keys().copied().collect();
    entries.map(|entry| Row::of_entry(&entry, places(&entry))).collect()
}
