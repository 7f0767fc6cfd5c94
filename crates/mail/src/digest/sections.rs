//! Where is the section that IMAP asks for by numbers? RFC 9051 section 6.4.5.1.

use std::ops::Range;

use super::part::{Part, Structure};

/// What of a part is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    /// Its body; of no number at all the whole message. `BODY[]`, `BODY[1.2]`.
    Body,
    /// Its own header. `BODY[1.2.MIME]`.
    Mime,
    /// The header of the message in it, or of the message itself. `BODY[HEADER]`, `BODY[1.2.HEADER]`.
    Header,
    /// The body of the message in it, or of the message itself. `BODY[TEXT]`, `BODY[1.2.TEXT]`.
    Text,
}

/// The part with these numbers: an index into all parts. Of no numbers the message itself.
pub fn find(parts: &[Part<'_>], numbers: &[u32]) -> Option<usize> {
    let mut at = 0;
    // A message that is no multipart has itself as its first part.
    let mut is_message = true;
    for &number in numbers {
        if parts.get(at)?.structure == Structure::Message && !is_message {
            (at, is_message) = (child(parts, at, 1)?, true);
        }
        match parts.get(at)?.structure {
            Structure::Multipart => (at, is_message) = (child(parts, at, number)?, false),
            Structure::Message | Structure::Leaf if is_message && number == 1 => is_message = false,
            Structure::Message | Structure::Leaf => return None,
        }
    }
    (at < parts.len()).then_some(at)
}

fn child(parts: &[Part<'_>], parent: usize, number: u32) -> Option<usize> {
    let nth = usize::try_from(number).ok()?.checked_sub(1)?;
    let rest = parts.iter().enumerate().skip(parent + 1);
    rest.filter(|(_, part)| part.parent == Some(parent)).nth(nth).map(|(at, _)| at)
}

/// Where a section lies in the content; `None` if there is no such part or it has no such section.
pub fn cut(parts: &[Part<'_>], numbers: &[u32], section: Section) -> Option<Range<u64>> {
    let at = find(parts, numbers)?;
    let part = parts.get(at)?;
    let inner = match numbers {
        [] => Some(part),
        _ if part.structure == Structure::Message => parts.get(child(parts, at, 1)?),
        _ => None,
    };
    match (section, numbers) {
        (Section::Body, []) => Some(part.header.start..part.body.end),
        (Section::Body, _) => Some(part.body.clone()),
        (Section::Mime, []) => None,
        (Section::Mime, _) => Some(part.header.clone()),
        (Section::Header, _) => inner.map(|inner| inner.header.clone()),
        (Section::Text, _) => inner.map(|inner| inner.body.clone()),
    }
}
