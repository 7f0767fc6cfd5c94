//! Writes one answer of FETCH: what was asked of one message (RFC 9051 section 7.5.2).

use std::borrow::Cow;

use bytes::Bytes;
use mail::digest::{self, Digest, Part, Structure};
use store::messages::Entry;
use wire::imap::fetch::{Item, Partial, Section, SectionText};
use wire::imap::structure::{self, Extent};
use wire::imap::{Names, date, print};

use super::{sections, view};

/// How often an answer may have the content of its message, in all its items together.
const TIMES_MAX: usize = 3;
/// Bytes that it may have besides.
const SLACK_BYTES: usize = 1 << 20;

/// What must be read of each message, and done to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Needs {
    /// What it says about itself.
    pub digest: bool,
    /// How it is made.
    pub parts: bool,
    /// Its content.
    pub content: bool,
    /// It is marked as read.
    pub seen: bool,
}

impl Needs {
    /// Of these items.
    pub(super) fn of(items: &[Item]) -> Needs {
        let mut needs = Needs::default();
        for item in items {
            needs.seen |= item.sets_seen();
            match item {
                Item::Uid | Item::Flags | Item::InternalDate | Item::Size | Item::ModSeq => {}
                Item::EmailId | Item::ThreadId | Item::SaveDate => {}
                Item::Envelope | Item::Preview(_) => needs.digest = true,
                Item::Body | Item::BodyStructure | Item::BinarySize(_) => {
                    (needs.digest, needs.parts) = (true, true);
                }
                Item::Rfc822 => needs.content = true,
                Item::Section(section, ..) if *section == Section::default() => needs.content = true,
                Item::Rfc822Header | Item::Rfc822Text | Item::Section(..) | Item::Binary(..) => {
                    (needs.digest, needs.parts, needs.content) = (true, true, true);
                }
            }
        }
        needs
    }
}

/// A message that is told of.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// Its sequence number.
    pub number: u32,
    /// Its place.
    pub entry: &'a Entry,
    /// What it says about itself, if that was read.
    pub digest: Option<&'a Bytes>,
    /// Its content, if that was read.
    pub content: Option<&'a Bytes>,
    /// Whether it is recent.
    pub recent: bool,
    /// How texts are written.
    pub names: Names,
}

/// How much of what was asked is in an answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) enum Told {
    /// All.
    #[default]
    All,
    /// Something could not be decoded (RFC 3516 section 4.3).
    Undecoded,
    /// Something is left out: the client asked for the same bytes again and again.
    Cut,
}

/// Bytes of an answer about one message, beyond which nothing is added but what is short.
fn bytes_max(message: &Message<'_>) -> usize {
    let size = message.content.map_or(0, Bytes::len);
    size.saturating_mul(TIMES_MAX).saturating_add(SLACK_BYTES)
}

/// Writes the answer; says how much of it there is.
pub(super) fn print(message: &Message<'_>, items: &[Item], out: &mut Vec<u8>) -> Told {
    let end = out.len().saturating_add(bytes_max(message));
    let mut cut = false;
    let needs = Needs::of(items);
    let record: &[u8] = message.digest.map_or(&[], |record| record);
    let digest =
        if needs.digest { Digest::read(record).within(message.entry.size) } else { Digest::default() };
    let parts = if needs.parts { digest.parts() } else { Vec::new() };
    let content: &[u8] = message.content.map_or(&[], |content| content);
    let mut whole = true;
    out.extend_from_slice(b"* ");
    print::number(out, u64::from(message.number));
    out.extend_from_slice(b" FETCH (");
    for (index, item) in items.iter().enumerate() {
        if out.len() > end && !is_short(item) {
            cut = true;
            continue;
        }
        if index > 0 {
            out.push(b' ');
        }
        match item {
            Item::Rfc822 => answer(out, b"RFC822", &section(SectionText::All), None, content, &parts),
            Item::Rfc822Header => {
                answer(out, b"RFC822.HEADER", &section(SectionText::Header), None, content, &parts)
            }
            Item::Rfc822Text => {
                answer(out, b"RFC822.TEXT", &section(SectionText::Text), None, content, &parts)
            }
            Item::Section(wanted, partial, _) => {
                let mut name = b"BODY".to_vec();
                section_name(wanted, &mut name, message.names);
                answer(out, &name, wanted, *partial, content, &parts);
            }
            Item::Binary(path, partial, _) => whole &= binary(out, path, *partial, content, &parts),
            Item::BinarySize(path) => whole &= binary_size(out, path, message.entry.size, &parts),
            Item::Envelope | Item::Body | Item::BodyStructure | Item::Preview(_) => {
                described(out, item, (&digest, &parts), message.names);
            }
            _ => placed(out, item, message),
        }
    }
    out.extend_from_slice(b")\r\n");
    match whole {
        _ if cut => Told::Cut,
        true => Told::All,
        false => Told::Undecoded,
    }
}

/// Whether the item is of the place, and takes a few bytes.
fn is_short(item: &Item) -> bool {
    Needs::of(std::slice::from_ref(item)) == Needs::default()
}

/// What the entry says.
fn placed(out: &mut Vec<u8>, item: &Item, message: &Message<'_>) {
    let entry = message.entry;
    let mut name = |text: &[u8]| out.extend_from_slice(text);
    match item {
        Item::Uid => {
            name(b"UID ");
            print::number(out, u64::from(entry.uid));
        }
        Item::Flags => {
            name(b"FLAGS ");
            view::flags(out, &entry.flags, message.recent);
        }
        Item::InternalDate => {
            name(b"INTERNALDATE \"");
            date::print_date_time(out, entry.received_at);
            out.push(b'"');
        }
        Item::Size => {
            name(b"RFC822.SIZE ");
            print::number(out, entry.size);
        }
        Item::ModSeq => {
            name(b"MODSEQ (");
            print::number(out, entry.modseq.0);
            out.push(b')');
        }
        Item::EmailId => name(format!("EMAILID ({})", entry.email).as_bytes()),
        Item::ThreadId => name(format!("THREADID ({})", entry.thread).as_bytes()),
        Item::SaveDate => {
            name(b"SAVEDATE \"");
            date::print_date_time(out, entry.saved_at);
            out.push(b'"');
        }
        _ => {}
    }
}

/// What the digest says.
fn described(out: &mut Vec<u8>, item: &Item, (digest, parts): (&Digest<'_>, &[Part<'_>]), names: Names) {
    match item {
        Item::Envelope => {
            out.extend_from_slice(b"ENVELOPE ");
            structure::envelope(out, &digest.envelope, names);
        }
        Item::Body => {
            out.extend_from_slice(b"BODY ");
            structure::body(out, parts, Extent::Basic, names);
        }
        Item::BodyStructure => {
            out.extend_from_slice(b"BODYSTRUCTURE ");
            structure::body(out, parts, Extent::Extended, names);
        }
        _ => {
            out.extend_from_slice(b"PREVIEW ");
            print::string(out, digest.preview.as_bytes(), names);
        }
    }
}

fn section(text: SectionText) -> Section {
    Section { path: Vec::new(), text }
}

fn answer(
    out: &mut Vec<u8>,
    name: &[u8],
    wanted: &Section,
    part: Option<Partial>,
    content: &[u8],
    parts: &[Part<'_>],
) {
    out.extend_from_slice(name);
    origin(out, part);
    out.push(b' ');
    match sections::section(content, parts, wanted) {
        None => out.extend_from_slice(b"NIL"),
        // Not `literal8`, whatever is in it: this item cannot have one (RFC 9051 section 9, msg-att-static).
        Some(octets) => literal(out, b"{", &sections::partial(octets, part)),
    }
}

fn literal(out: &mut Vec<u8>, open: &[u8], octets: &[u8]) {
    out.extend_from_slice(open);
    print::number(out, octets.len() as u64);
    out.extend_from_slice(b"}\r\n");
    out.extend_from_slice(octets);
}

fn origin(out: &mut Vec<u8>, partial: Option<Partial>) {
    if let Some(partial) = partial {
        out.push(b'<');
        print::number(out, partial.offset);
        out.push(b'>');
    }
}

fn path_name(path: &[u32], out: &mut Vec<u8>) {
    for (index, number) in path.iter().enumerate() {
        if index > 0 {
            out.push(b'.');
        }
        print::number(out, u64::from(*number));
    }
}

fn section_name(section: &Section, out: &mut Vec<u8>, names: Names) {
    out.push(b'[');
    path_name(&section.path, out);
    let dot = if section.path.is_empty() { "" } else { "." };
    let (word, fields): (&str, &[String]) = match &section.text {
        SectionText::All => ("", &[]),
        SectionText::Header => ("HEADER", &[]),
        SectionText::HeaderFields(fields) => ("HEADER.FIELDS", fields),
        SectionText::HeaderFieldsNot(fields) => ("HEADER.FIELDS.NOT", fields),
        SectionText::Text => ("TEXT", &[]),
        SectionText::Mime => ("MIME", &[]),
    };
    if !word.is_empty() {
        out.extend_from_slice(dot.as_bytes());
        out.extend_from_slice(word.as_bytes());
    }
    for (index, field) in fields.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b" (" } else { b" " });
        print::astring(out, field, names);
    }
    if !fields.is_empty() {
        out.push(b')');
    }
    out.push(b']');
}

/// BINARY: a part, decoded (RFC 3516 section 4.3).
fn binary(
    out: &mut Vec<u8>,
    path: &[u32],
    part: Option<Partial>,
    content: &[u8],
    parts: &[Part<'_>],
) -> bool {
    out.extend_from_slice(b"BINARY[");
    path_name(path, out);
    out.push(b']');
    origin(out, part);
    out.push(b' ');
    let found = if path.is_empty() { None } else { digest::find(parts, path) };
    let octets = match found.and_then(|found| parts.get(found)) {
        _ if path.is_empty() => Cow::Borrowed(content),
        Some(found) if found.structure == Structure::Leaf && !found.has_known_encoding() => {
            out.extend_from_slice(b"NIL");
            return false;
        }
        Some(found) => digest::part(content, found),
        None => {
            out.extend_from_slice(b"NIL");
            return true;
        }
    };
    let octets = sections::partial(octets, part);
    let open: &[u8] = if octets.contains(&0) { b"~{" } else { b"{" };
    literal(out, open, &octets);
    true
}

fn binary_size(out: &mut Vec<u8>, path: &[u32], size: u64, parts: &[Part<'_>]) -> bool {
    out.extend_from_slice(b"BINARY.SIZE[");
    path_name(path, out);
    out.extend_from_slice(b"] ");
    let found = digest::find(parts, path).and_then(|found| parts.get(found));
    let (size, known) = match found {
        _ if path.is_empty() => (size, true),
        Some(found) if found.structure == Structure::Leaf => (found.decoded_size, found.has_known_encoding()),
        Some(found) => (found.body.end.saturating_sub(found.body.start), true),
        None => (0, true),
    };
    print::number(out, if known { size } else { 0 });
    known
}

#[cfg(test)]
mod tests {
    use mail::{Flags, ModSeq, Timestamp};
    use store::messages::{EmailId, ThreadId};

    use super::*;

    #[test]
    fn content_asked_for_again_and_again_is_left_out_in_the_end() {
        let content = Bytes::from(vec![b'x'; SLACK_BYTES]);
        let now = Timestamp::from_millis(0);
        let entry = Entry {
            uid: 7,
            email: EmailId(1),
            thread: ThreadId(1),
            modseq: ModSeq(1),
            flags: Flags::NONE,
            size: content.len() as u64,
            received_at: now,
            saved_at: now,
        };
        let message = Message {
            number: 1,
            entry: &entry,
            digest: None,
            content: Some(&content),
            recent: false,
            names: Names::Utf8,
        };
        let mut items = vec![Item::Rfc822; 3];
        items.push(Item::Uid);
        let mut out = Vec::new();
        assert_eq!(print(&message, &items, &mut out), Told::All);
        let mut items = vec![Item::Rfc822; 50];
        items.push(Item::Uid);
        out.clear();
        assert_eq!(print(&message, &items, &mut out), Told::Cut);
        assert!(out.len() < 6 * content.len());
        // What is short is told all the same, and the answer is one that can be read.
        assert!(out.ends_with(b"x UID 7)\r\n"));
    }
}
