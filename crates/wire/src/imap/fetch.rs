//! Reads FETCH and STORE (RFC 9051 sections 6.4.5 and 6.4.6, RFC 7162).

use mail::ModSeq;

use super::command::FlagStore;
use super::cursor::{Cursor, Fault, Read};
use super::set::{Numbers, SequenceSet};

/// Items of one FETCH at most.
const ITEMS_MAX: usize = 1000;
/// Levels of a part's number at most.
const PATH_MAX: usize = 100;

/// FETCH.
#[derive(Clone, PartialEq, Debug)]
pub struct Fetch {
    /// What the numbers are.
    pub numbers: Numbers,
    /// Of which messages.
    pub set: SequenceSet,
    /// What is wanted.
    pub items: Vec<Item>,
    /// Only of what has changed after this (RFC 7162 section 3.1.4.1).
    pub changed_since: Option<ModSeq>,
    /// What is gone, too (RFC 7162 section 3.2.6).
    pub vanished: bool,
}

/// STORE.
#[derive(Clone, PartialEq, Debug)]
pub struct Store {
    /// What the numbers are.
    pub numbers: Numbers,
    /// Of which messages.
    pub set: SequenceSet,
    /// What becomes of the flags.
    pub change: FlagStore,
    /// Whether the new flags need not be told.
    pub silent: bool,
    /// Only of what has not changed after this (RFC 7162 section 3.1.3).
    pub unchanged_since: Option<ModSeq>,
}

/// What FETCH can ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// UID.
    Uid,
    /// FLAGS.
    Flags,
    /// INTERNALDATE.
    InternalDate,
    /// RFC822.SIZE.
    Size,
    /// ENVELOPE.
    Envelope,
    /// BODY: the structure without extension data.
    Body,
    /// BODYSTRUCTURE.
    BodyStructure,
    /// MODSEQ.
    ModSeq,
    /// EMAILID.
    EmailId,
    /// THREADID.
    ThreadId,
    /// SAVEDATE.
    SaveDate,
    /// PREVIEW; whether it may be left out where it costs (RFC 8970).
    Preview(Lazy),
    /// RFC822, which sets `\Seen`.
    Rfc822,
    /// RFC822.HEADER.
    Rfc822Header,
    /// RFC822.TEXT, which sets `\Seen`.
    Rfc822Text,
    /// `BODY[…]` and `BODY.PEEK[…]`.
    Section(Section, Option<Partial>, Peek),
    /// `BINARY[…]` and `BINARY.PEEK[…]`.
    Binary(Vec<u32>, Option<Partial>, Peek),
    /// `BINARY.SIZE[…]`.
    BinarySize(Vec<u32>),
}

/// Whether `\Seen` is left as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peek {
    /// It is.
    Yes,
    /// It is set.
    No,
}

/// Whether a preview may be left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lazy {
    /// It may.
    Yes,
    /// It may not.
    No,
}

/// A part of a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Section {
    /// The numbers of the part, from outside inwards; empty for the message itself.
    pub path: Vec<u32>,
    /// What of it.
    pub text: SectionText,
}

/// What of a part.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum SectionText {
    /// All of it.
    #[default]
    All,
    /// The header of the message.
    Header,
    /// These fields of the header.
    HeaderFields(Vec<String>),
    /// All fields but these.
    HeaderFieldsNot(Vec<String>),
    /// The body of the message.
    Text,
    /// The MIME header of the part.
    Mime,
}

/// `<offset.count>`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Partial {
    /// From where.
    pub offset: u64,
    /// How many bytes at most; never 0.
    pub count: u64,
}

impl Item {
    /// Whether it sets `\Seen`.
    pub fn sets_seen(&self) -> bool {
        matches!(
            self,
            Item::Rfc822 | Item::Rfc822Text | Item::Section(_, _, Peek::No) | Item::Binary(_, _, Peek::No)
        )
    }
}

/// Reads FETCH, after its space.
pub(super) fn fetch(cursor: &mut Cursor<'_>, numbers: Numbers) -> Read<Fetch> {
    let set = cursor.set()?;
    cursor.space()?;
    let mut fetch = Fetch { numbers, set, items: items(cursor)?, changed_since: None, vanished: false };
    if !cursor.is_at_end() {
        cursor.space()?;
        if !cursor.is_at_end() {
            cursor.list(|cursor| {
                match cursor.word()?.as_str() {
                    "CHANGEDSINCE" => {
                        cursor.space()?;
                        fetch.changed_since = Some(cursor.modseq()?);
                    }
                    "VANISHED" => fetch.vanished = true,
                    _ => return Err(Fault::Bad("there is no such modifier")),
                }
                Ok(())
            })?;
        }
    }
    if fetch.vanished && (fetch.changed_since.is_none() || numbers != Numbers::Uid) {
        return Err(Fault::Bad("VANISHED needs UID FETCH and CHANGEDSINCE"));
    }
    Ok(fetch)
}

/// What is wanted: one item, a list, or a macro.
pub(super) fn items(cursor: &mut Cursor<'_>) -> Read<Vec<Item>> {
    const FAST: [Item; 3] = [Item::Flags, Item::InternalDate, Item::Size];
    if cursor.eat_word("FAST") {
        return Ok(FAST.into());
    }
    if cursor.eat_word("ALL") {
        return Ok([&FAST[..], &[Item::Envelope]].concat());
    }
    if cursor.eat_word("FULL") {
        return Ok([&FAST[..], &[Item::Envelope, Item::Body]].concat());
    }
    if cursor.peek() != Some(b'(') {
        return Ok(vec![item(cursor)?]);
    }
    let mut items = cursor.list(item)?;
    if items.is_empty() || items.len() > ITEMS_MAX {
        return Err(Fault::Bad("this is not a list of items"));
    }
    // Asking twice is answering once.
    let mut seen: Vec<Item> = Vec::with_capacity(items.len());
    items.retain(|item| {
        let new = !seen.contains(item);
        if new {
            seen.push(item.clone());
        }
        new
    });
    Ok(items)
}

fn item(cursor: &mut Cursor<'_>) -> Read<Item> {
    let name = cursor.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    let name = String::from_utf8_lossy(name).to_ascii_uppercase();
    let at_section = cursor.peek() == Some(b'[');
    Ok(match name.as_str() {
        "UID" => Item::Uid,
        "FLAGS" => Item::Flags,
        "INTERNALDATE" => Item::InternalDate,
        "RFC822.SIZE" => Item::Size,
        "ENVELOPE" => Item::Envelope,
        "BODYSTRUCTURE" => Item::BodyStructure,
        "MODSEQ" => Item::ModSeq,
        "EMAILID" => Item::EmailId,
        "THREADID" => Item::ThreadId,
        "SAVEDATE" => Item::SaveDate,
        "PREVIEW" => Item::Preview(lazy(cursor)?),
        "RFC822" => Item::Rfc822,
        "RFC822.HEADER" => Item::Rfc822Header,
        "RFC822.TEXT" => Item::Rfc822Text,
        "BODY" if !at_section => Item::Body,
        "BODY" => Item::Section(section(cursor)?, partial(cursor)?, Peek::No),
        "BODY.PEEK" => Item::Section(section(cursor)?, partial(cursor)?, Peek::Yes),
        "BINARY" => Item::Binary(binary_path(cursor)?, partial(cursor)?, Peek::No),
        "BINARY.PEEK" => Item::Binary(binary_path(cursor)?, partial(cursor)?, Peek::Yes),
        "BINARY.SIZE" => Item::BinarySize(binary_path(cursor)?),
        _ => return Err(Fault::Bad("there is no such item")),
    })
}

fn lazy(cursor: &mut Cursor<'_>) -> Read<Lazy> {
    let mut ahead = cursor.clone();
    if !ahead.eat(b' ') || ahead.peek() != Some(b'(') {
        return Ok(Lazy::No);
    }
    let modifiers = ahead.list(|cursor| match cursor.word()?.as_str() {
        "LAZY" => Ok(()),
        _ => Err(Fault::Bad("there is no such modifier")),
    });
    // What follows a single item may also be the modifiers of the whole FETCH.
    if modifiers.is_err() {
        return Ok(Lazy::No);
    }
    *cursor = ahead;
    Ok(Lazy::Yes)
}

fn path(cursor: &mut Cursor<'_>) -> Read<Vec<u32>> {
    let mut path = Vec::new();
    while cursor.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        path.push(cursor.nonzero()?);
        if path.len() > PATH_MAX {
            return Err(Fault::Bad("this is nested too deeply"));
        }
        if !cursor.eat(b'.') {
            return Ok(path);
        }
    }
    Ok(path)
}

fn section(cursor: &mut Cursor<'_>) -> Read<Section> {
    cursor.expect(b'[', "a section is missing")?;
    let before = cursor.clone();
    let path = path(cursor)?;
    let word = cursor.take_while(|byte| byte.is_ascii_alphabetic() || byte == b'.');
    let text = match String::from_utf8_lossy(word).to_ascii_uppercase().as_str() {
        "" => {
            // A number must not end with a dot.
            let mut whole = before;
            let text = whole.take_while(|byte| byte != b']');
            if text.ends_with(b".") {
                return Err(Fault::Bad("there is no such section"));
            }
            SectionText::All
        }
        "HEADER" => SectionText::Header,
        "TEXT" => SectionText::Text,
        "MIME" if !path.is_empty() => SectionText::Mime,
        "HEADER.FIELDS" => SectionText::HeaderFields(fields(cursor)?),
        "HEADER.FIELDS.NOT" => SectionText::HeaderFieldsNot(fields(cursor)?),
        _ => return Err(Fault::Bad("there is no such section")),
    };
    cursor.expect(b']', "a section does not end")?;
    Ok(Section { path, text })
}

fn fields(cursor: &mut Cursor<'_>) -> Read<Vec<String>> {
    cursor.space()?;
    let names = cursor.list(Cursor::astring)?;
    // They are said again in the answer, where they must be printable.
    let good = |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    if names.is_empty() || !names.iter().all(good) {
        return Err(Fault::Bad("this is not a list of header fields"));
    }
    Ok(names)
}

fn binary_path(cursor: &mut Cursor<'_>) -> Read<Vec<u32>> {
    cursor.expect(b'[', "a section is missing")?;
    let path = path(cursor)?;
    cursor.expect(b']', "a section does not end")?;
    Ok(path)
}

fn partial(cursor: &mut Cursor<'_>) -> Read<Option<Partial>> {
    if !cursor.eat(b'<') {
        return Ok(None);
    }
    let offset = cursor.number64()?;
    cursor.expect(b'.', "a part of a section is malformed")?;
    let count = cursor.number64()?;
    cursor.expect(b'>', "a part of a section is malformed")?;
    if count == 0 {
        return Err(Fault::Bad("a number is zero"));
    }
    Ok(Some(Partial { offset, count }))
}

/// Reads STORE, after its space.
pub(super) fn store(cursor: &mut Cursor<'_>, numbers: Numbers) -> Read<Store> {
    let set = cursor.set()?;
    cursor.space()?;
    let mut unchanged_since = None;
    if cursor.peek() == Some(b'(') {
        cursor.list(|cursor| {
            if cursor.word()? != "UNCHANGEDSINCE" {
                return Err(Fault::Bad("there is no such modifier"));
            }
            cursor.space()?;
            unchanged_since = Some(cursor.modseq()?);
            Ok(())
        })?;
        cursor.space()?;
    }
    let name = cursor.word()?;
    let (name, silent) = match name.strip_suffix(".SILENT") {
        Some(name) => (name, true),
        None => (name.as_str(), false),
    };
    if !matches!(name, "FLAGS" | "+FLAGS" | "-FLAGS") {
        return Err(Fault::Bad("only FLAGS can be stored"));
    }
    cursor.space()?;
    let flags = match cursor.peek() {
        Some(b'(') => cursor.flags()?,
        _ => {
            let mut flags = cursor.flag()?;
            while cursor.eat(b' ') {
                if !cursor.is_at_end() {
                    flags = flags.with(&cursor.flag()?);
                }
            }
            flags
        }
    };
    let change = match name {
        "+FLAGS" => FlagStore::Add(flags),
        "-FLAGS" => FlagStore::Remove(flags),
        _ => FlagStore::Replace(flags),
    };
    Ok(Store { numbers, set, change, silent, unchanged_since })
}
