//! Which bytes of a message a section names: `BODY[2.1.MIME]` and the like (RFC 9051 section 6.4.5.1).

use std::borrow::Cow;
use std::ops::Range;

use mail::digest::{Digest, Part, Structure};
use wire::imap::fetch::{Partial, Section, SectionText};

use super::fields::{Which, select};

/// The bytes that a section names; `None` if there is no such part.
pub fn section<'c>(content: &'c [u8], digest: &Digest<'_>, section: &Section) -> Option<Cow<'c, [u8]>> {
    let parts = &digest.parts;
    let message = match &section.path[..] {
        [] => Some(0),
        path => {
            let part = part_at(parts, path)?;
            match section.text {
                SectionText::All => return Some(Cow::Borrowed(slice(content, &parts.get(part)?.body))),
                SectionText::Mime => return Some(Cow::Borrowed(slice(content, &parts.get(part)?.header))),
                _ => message_in(parts, part),
            }
        }
    };
    // Header and text are those of a message; other parts have none.
    let whole = parts.get(message?)?;
    let header = slice(content, &whole.header);
    Some(match &section.text {
        SectionText::All | SectionText::Mime => Cow::Borrowed(content),
        SectionText::Header => Cow::Borrowed(header),
        SectionText::HeaderFields(names) => Cow::Owned(select(header, names, Which::Named)),
        SectionText::HeaderFieldsNot(names) => Cow::Owned(select(header, names, Which::Others)),
        SectionText::Text => Cow::Borrowed(slice(content, &whole.body)),
    })
}

/// The part with this number: an index into all parts.
pub fn part_at(parts: &[Part<'_>], path: &[u32]) -> Option<usize> {
    let (mut at, mut is_message) = (0, true);
    for number in path {
        if !is_message && parts.get(at)?.structure == Structure::Message {
            (at, is_message) = (message_in(parts, at)?, true);
        }
        match (parts.get(at)?.structure, is_message) {
            (Structure::Multipart, _) => at = children(parts, at).nth(usize::try_from(number.checked_sub(1)?).ok()?)?,
            // The body of a message without parts is its part 1.
            (Structure::Message | Structure::Leaf, true) if *number == 1 => {}
            _ => return None,
        }
        is_message = false;
    }
    Some(at)
}

/// The message that is in this part.
fn message_in(parts: &[Part<'_>], part: usize) -> Option<usize> {
    (parts.get(part)?.structure == Structure::Message).then(|| children(parts, part).next()).flatten()
}

fn children<'p>(parts: &'p [Part<'_>], of: usize) -> impl Iterator<Item = usize> + 'p {
    let later = parts.iter().enumerate().skip(of + 1);
    later.filter(move |(_, part)| part.parent == Some(of)).map(|(index, _)| index)
}

fn slice<'c>(content: &'c [u8], range: &Range<u64>) -> &'c [u8] {
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
    content.get(index(range.start)..index(range.end)).unwrap_or_default()
}

/// The part of it that is wanted; nothing if it lies behind the end.
pub fn partial(octets: Cow<'_, [u8]>, partial: Option<Partial>) -> Cow<'_, [u8]> {
    let Some(Partial { offset, count }) = partial else { return octets };
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(octets.len());
    let (from, to) = (index(offset), index(offset.saturating_add(count)));
    match octets {
        Cow::Borrowed(all) => Cow::Borrowed(&all[from..to]),
        Cow::Owned(all) => Cow::Owned(all[from..to].to_vec()),
    }
}
