//! Which bytes of a message a section names: `BODY[2.1.MIME]` and the like (RFC 9051 section 6.4.5.1).

use std::borrow::Cow;
use std::ops::Range;

use mail::digest::{self, Part};
use wire::imap::fetch::{Partial, Section, SectionText};

use super::fields::{Which, select};

/// The bytes that a section names; `None` if there is no such part.
pub(super) fn section<'c>(content: &'c [u8], parts: &[Part<'_>], section: &Section) -> Option<Cow<'c, [u8]>> {
    if section.path.is_empty() && section.text == SectionText::All {
        return Some(Cow::Borrowed(content));
    }
    let what = match section.text {
        SectionText::All => digest::Section::Body,
        SectionText::Header | SectionText::HeaderFields(_) | SectionText::HeaderFieldsNot(_) => {
            digest::Section::Header
        }
        SectionText::Text => digest::Section::Text,
        SectionText::Mime => digest::Section::Mime,
    };
    let found = slice(content, &digest::cut(parts, &section.path, what)?);
    Some(match &section.text {
        SectionText::HeaderFields(names) => Cow::Owned(select(found, names, Which::Named)),
        SectionText::HeaderFieldsNot(names) => Cow::Owned(select(found, names, Which::Others)),
        SectionText::All | SectionText::Header | SectionText::Text | SectionText::Mime => {
            Cow::Borrowed(found)
        }
    })
}

fn slice<'c>(content: &'c [u8], range: &Range<u64>) -> &'c [u8] {
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
    content.get(index(range.start)..index(range.end)).unwrap_or_default()
}

/// The part of it that is wanted; nothing if it lies behind the end.
pub(super) fn partial(octets: Cow<'_, [u8]>, partial: Option<Partial>) -> Cow<'_, [u8]> {
    let Some(Partial { offset, count }) = partial else { return octets };
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(octets.len());
    let (from, to) = (index(offset), index(offset.saturating_add(count)));
    match octets {
        Cow::Borrowed(all) => Cow::Borrowed(&all[from..to]),
        Cow::Owned(all) => Cow::Owned(all[from..to].to_vec()),
    }
}
