//! What does a message say about itself? A compact record, made once, that answers readers without the message.
//!
//! The record has what ENVELOPE, BODYSTRUCTURE and the properties of a JMAP Email need, and where each part lies.
//! Making it takes time in proportion to the message, whatever is in it ([`limits`]): nothing here calls itself but
//! within [`limits::DEPTH_MAX`].

mod addresses;
mod bodies;
mod charset;
mod date;
mod entity;
mod envelope;
mod fold;
pub mod forms;
mod html;
mod ids;
pub mod limits;
mod parameters;
mod part;
mod record;
mod scan;
mod sections;
mod subject;
#[cfg(test)]
mod tests;
mod text;
mod transfer;
mod words;

use crate::header;

pub use addresses::{AddressItem, Addresses, Mailbox, OwnedAddresses};
pub use bodies::Bodies;
pub use date::{SentAt, days, parse as date};
pub use envelope::Envelope;
pub use fold::fold;
pub use html::text_of_html;
pub use ids::{Ids, parse as message_ids};
pub use parameters::Parameters;
pub use part::{Part, Structure, part, part_text, raw};
pub use sections::{Section, cut, find};
pub use subject::base_subject;
pub use text::{SearchText, text, text_with};
pub use words::{decode as decoded_text, unfold};

use entity::Kind;
use record::{Reader, Writer};
use scan::Node;

/// The form of the record. One of another form is made anew.
pub const VERSION: u64 = 1;

/// What a message says about itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Digest<'a> {
    /// What it says on its head.
    pub envelope: Envelope<'a>,
    /// The Date field, if it can be read.
    pub sent_at: Option<SentAt>,
    /// Identifiers in Message-ID; one, as a rule.
    pub message_ids: Ids<'a>,
    /// Identifiers in In-Reply-To.
    pub in_reply_to: Ids<'a>,
    /// Identifiers in References.
    pub references: Ids<'a>,
    /// The base subject (RFC 5256 section 2.1), without regard to case.
    pub base_subject: &'a str,
    /// Whether the subject says that it is a reply or was forwarded.
    pub is_reply: bool,
    /// Whether there is something to download (RFC 8621 section 4.1.4).
    pub has_attachment: bool,
    /// The begin of its text.
    pub preview: &'a str,
    /// Bytes of the message.
    pub size: u64,
    /// Bytes that stand before it where it lies; they belong to its header.
    shift: u64,
    part_count: usize,
    parts: Reader<'a>,
}

impl<'a> Digest<'a> {
    /// Reads what [`digest`] has made; a damaged record says nothing.
    pub fn read(record: &'a [u8]) -> Digest<'a> {
        let mut reader = Reader(record);
        if reader.number() != VERSION {
            return Digest::default();
        }
        let flags = reader.number();
        let size = reader.number();
        let envelope = Envelope::read(reader.bytes());
        let (seconds, zone) = (reader.signed(), reader.signed());
        let sent_at = SentAt { seconds, zone_minutes: i16::try_from(zone).unwrap_or(0) };
        Digest {
            envelope,
            sent_at: (flags & SENT != 0).then_some(sent_at),
            message_ids: Ids(Reader(reader.bytes())),
            in_reply_to: Ids(Reader(reader.bytes())),
            references: Ids(Reader(reader.bytes())),
            base_subject: reader.text(),
            is_reply: flags & REPLY != 0,
            has_attachment: flags & ATTACHMENT != 0,
            preview: reader.text(),
            size,
            shift: 0,
            part_count: usize::try_from(reader.number()).unwrap_or(0),
            parts: reader,
        }
    }

    /// Whether a record can be read; if not it must be made anew.
    pub fn is_current(record: &[u8]) -> bool {
        Reader(record).number() == VERSION
    }

    /// The same message with so many bytes of header fields before it: what a delivery has put there.
    pub fn with_prefix(mut self, bytes: u64) -> Digest<'a> {
        self.shift = bytes;
        self
    }

    /// The same message as it lies in content of this size, which may begin with fields that a delivery has put there.
    pub fn within(self, content_size: u64) -> Digest<'a> {
        let prefix = content_size.saturating_sub(self.size);
        self.with_prefix(prefix)
    }

    /// The parts, each before those in it; the first is the message itself.
    pub fn parts(&self) -> Vec<Part<'a>> {
        let mut reader = self.parts;
        let count = self.part_count.min(limits::PARTS_MAX + 1);
        let parts = std::iter::from_fn(|| (!reader.is_empty()).then(|| Part::read(&mut reader, self.shift)));
        parts.take(count).collect()
    }

    /// Where the header of the message lies, the empty line included.
    pub fn header(&self) -> std::ops::Range<u64> {
        let mut reader = self.parts;
        if reader.is_empty() { 0..0 } else { Part::read(&mut reader, self.shift).header }
    }
}

const SENT: u64 = 1;
const REPLY: u64 = 2;
const ATTACHMENT: u64 = 4;

/// Makes the record of a message.
pub fn digest(content: &[u8]) -> Vec<u8> {
    let nodes = scan::scan(content);
    let parts = encode_parts(content, &nodes);
    let header = &content[nodes.first().map_or(0..0, |node| node.header.clone())];
    let header = &header[..header.len().min(limits::HEADER_BYTES_MAX)];
    let envelope = envelope::encode(header);
    let said = Envelope::read(&envelope.0);
    let (base_subject, is_reply) = subject::base_subject(said.subject.unwrap_or_default());
    let sent_at = said.date.and_then(date::parse);

    let partial = Digest { part_count: nodes.len(), parts: Reader(&parts.0), ..Digest::default() };
    let list = partial.parts();
    let bodies = Bodies::of(&list);
    let flag = |bit: u64, is_set: bool| if is_set { bit } else { 0 };

    let mut out = Writer::default();
    out.number(VERSION);
    out.number(
        flag(SENT, sent_at.is_some())
            | flag(REPLY, is_reply)
            | flag(ATTACHMENT, bodies.has_attachment(&list)),
    );
    out.number(content.len() as u64);
    out.block(&envelope);
    out.signed(sent_at.map_or(0, |at| at.seconds));
    out.signed(sent_at.map_or(0, |at| i64::from(at.zone_minutes)));
    for ids in [said.message_id, said.in_reply_to, header::fields(header, "References").last()] {
        out.block(&ids::encode(ids.unwrap_or_default()));
    }
    out.bytes(base_subject.as_bytes());
    out.bytes(text::preview(content, &list, &bodies).as_bytes());
    out.number(nodes.len() as u64);
    out.0.extend_from_slice(&parts.0);
    out.0
}

fn encode_parts(content: &[u8], nodes: &[Node]) -> Writer {
    let mut parts = Writer::default();
    let mut envelopes_left = limits::ENVELOPES_BYTES_MAX;
    for (nth, node) in nodes.iter().enumerate() {
        let inner =
            nodes.get(nth + 1).filter(|inner| node.kind == Kind::Message && inner.parent == Some(nth));
        let envelope = inner.map(|inner| {
            let wanted = envelope::encode(&content[inner.header.clone()]);
            let fits = wanted.0.len() <= envelopes_left;
            envelopes_left -= if fits { wanted.0.len() } else { 0 };
            if fits { wanted } else { Writer::default() }
        });
        parts.block(&part::encode(content, node, envelope.as_ref()));
    }
    parts
}
