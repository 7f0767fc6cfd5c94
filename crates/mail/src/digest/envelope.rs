//! What stands on the letter's head? The fields of ENVELOPE (RFC 9051 section 7.5.2), as they are written.

use crate::header;

use super::addresses::{self, Addresses};
use super::limits::{FIELD_BYTES_MAX, HEADER_BYTES_MAX};
use super::record::{Reader, Writer};
use super::words;

/// Fields of a header; `None` where there is none. Of several with one name the last counts (RFC 8621 section 4.1.3).
#[derive(Clone, Copy, Debug, Default)]
pub struct Envelope<'a> {
    /// Date, unfolded.
    pub date: Option<&'a [u8]>,
    /// Subject, unfolded; encoded words as they are.
    pub subject: Option<&'a [u8]>,
    /// From.
    pub from: Option<Addresses<'a>>,
    /// Sender.
    pub sender: Option<Addresses<'a>>,
    /// Reply-To.
    pub reply_to: Option<Addresses<'a>>,
    /// To.
    pub to: Option<Addresses<'a>>,
    /// Cc.
    pub cc: Option<Addresses<'a>>,
    /// Bcc.
    pub bcc: Option<Addresses<'a>>,
    /// In-Reply-To, unfolded.
    pub in_reply_to: Option<&'a [u8]>,
    /// Message-ID, unfolded.
    pub message_id: Option<&'a [u8]>,
}

impl<'a> Envelope<'a> {
    /// Sender; From if there is nobody in it, as ENVELOPE says it.
    pub fn sender_or_from(&self) -> Option<Addresses<'a>> {
        self.sender.filter(|list| !list.is_empty()).or(self.from)
    }

    /// Reply-To; From if there is nobody in it, as ENVELOPE says it.
    pub fn reply_to_or_from(&self) -> Option<Addresses<'a>> {
        self.reply_to.filter(|list| !list.is_empty()).or(self.from)
    }

    /// The subject, decoded.
    pub fn decoded_subject(&self) -> Option<String> {
        self.subject.map(words::decode)
    }

    pub(super) fn read(record: &'a [u8]) -> Envelope<'a> {
        let mut reader = Reader(record);
        let mut texts = [None; 4];
        texts.iter_mut().for_each(|text| *text = reader.optional());
        let mut lists = [None; 6];
        lists.iter_mut().for_each(|list| *list = reader.optional().map(|list| Addresses(Reader(list))));
        let [date, subject, in_reply_to, message_id] = texts;
        let [from, sender, reply_to, to, cc, bcc] = lists;
        Envelope { date, subject, from, sender, reply_to, to, cc, bcc, in_reply_to, message_id }
    }
}

const TEXTS: [&str; 4] = ["date", "subject", "in-reply-to", "message-id"];
const LISTS: [&str; 6] = ["from", "sender", "reply-to", "to", "cc", "bcc"];

/// What a header says, as a record.
pub(super) fn encode(header: &[u8]) -> Writer {
    let mut texts: [Option<&[u8]>; 4] = [None; 4];
    let mut lists: [Option<&[u8]>; 6] = [None; 6];
    for field in header::split_fields(&header[..header.len().min(HEADER_BYTES_MAX)]) {
        let Some((name, value)) = header::parts(field) else { continue };
        let is = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
        if let Some(nth) = TEXTS.iter().position(&is) {
            texts[nth] = Some(value);
        } else if let Some(nth) = LISTS.iter().position(is) {
            lists[nth] = Some(value);
        }
    }
    let mut out = Writer::default();
    for text in texts {
        out.optional(text.map(|text| words::unfold(&text[..text.len().min(FIELD_BYTES_MAX)])).as_deref());
    }
    for list in lists {
        out.optional_block(list.map(addresses::encode).as_ref());
    }
    out
}
