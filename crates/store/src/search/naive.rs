//! A search without an index: everything is known of every message. What all stores must find.

use bytes::Bytes;
use mail::ModSeq;
use mail::digest::{Digest, text_with};

use super::matching::{Folded, Known, Row, ThreadFlags, plan};
use super::order::{Hit, found};
use crate::messages::{Found, Query};

/// A message with all that is in it.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) row: Row,
    /// What it says about itself, as a record.
    pub(crate) digest: Bytes,
    /// Prefix included.
    pub(crate) content: Bytes,
}

/// What is found among these: the entries of the mailbox that is searched, or all messages of the account.
pub(crate) fn search(
    query: &Query,
    messages: impl Iterator<Item = Whole>,
    threads: &ThreadFlags,
    modseq: ModSeq,
) -> Found {
    let (plan, wanted) = plan(&query.filter);
    let mut hits = Vec::new();
    for message in messages {
        let digest = Digest::read(&message.digest).within(message.content.len() as u64);
        let text = Folded::of(&text_with(&message.content, &digest));
        let known =
            Known { row: &message.row, threads, digest: Some(&digest), answers: None, text: Some(&text) };
        if known.judge(&plan, &wanted) == Some(true) {
            hits.push(Hit::new(message.row, Some(&digest), threads, &query.sort));
        }
    }
    found(hits, query, modseq)
}
