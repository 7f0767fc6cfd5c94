//! What is searched in a message, and how does its text begin?

use crate::header;

use super::bodies::Bodies;
use super::html::text_of_html;
use super::limits::{HEADER_BYTES_MAX, PREVIEW_CHARS_MAX, PREVIEW_SOURCE_BYTES_MAX, SEARCHED_BYTES_MAX};
use super::part::{Part, Structure, part_text};
use super::{Addresses, Digest, digest, words};

/// What is searched. Everything is decoded; [`super::fold`] makes it comparable.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SearchText {
    /// Who is in From.
    pub from: String,
    /// Who is in To.
    pub to: String,
    /// Who is in Cc.
    pub cc: String,
    /// Who is in Bcc.
    pub bcc: String,
    /// The subject.
    pub subject: String,
    /// All fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Texts of all parts, names of attachments, and what nested messages say on their heads.
    pub body: String,
}

/// What is searched in a message.
pub fn text(content: &[u8]) -> SearchText {
    let record = digest(content);
    text_with(content, &Digest::read(&record))
}

/// Likewise, if its digest is known.
pub fn text_with(content: &[u8], digest: &Digest<'_>) -> SearchText {
    let addresses = |list: Option<Addresses<'_>>| list.map(|list| list.text()).unwrap_or_default();
    let said = &digest.envelope;
    let parts = digest.parts();
    SearchText {
        from: addresses(said.from),
        to: addresses(said.to),
        cc: addresses(said.cc),
        bcc: addresses(said.bcc),
        subject: said.decoded_subject().unwrap_or_default(),
        headers: parts.first().map(|root| headers(content, root)).unwrap_or_default(),
        body: body(content, &parts),
    }
}

fn headers(content: &[u8], of: &Part<'_>) -> Vec<(String, String)> {
    let end = usize::try_from(of.header.end).unwrap_or(usize::MAX).min(content.len()).min(HEADER_BYTES_MAX);
    let fields = header::split_fields(&content[..end]).filter_map(header::parts);
    fields
        .map(|(name, value)| (String::from_utf8_lossy(name).to_ascii_lowercase(), words::decode(value)))
        .collect()
}

fn body(content: &[u8], parts: &[Part<'_>]) -> String {
    let mut out = String::new();
    for part in parts {
        if out.len() > SEARCHED_BYTES_MAX {
            break;
        }
        let name = if part.parent.is_some() { part.name() } else { None };
        let said = part.envelope.map(|said| {
            let lists = [said.from, said.to, said.cc].into_iter().flatten().map(|list| list.text());
            lists.chain(said.decoded_subject()).collect::<Vec<_>>().join("\n")
        });
        for text in name.into_iter().chain(said) {
            out.push_str(&text);
            out.push('\n');
        }
        if part.structure == Structure::Leaf && part.media == "text" {
            let (text, _) = part_text(content, part);
            if part.subtype == "html" {
                out.push_str(&text_of_html(&text))
            } else {
                out.push_str(&text)
            }
            out.push('\n');
        }
    }
    let mut end = out.len().min(SEARCHED_BYTES_MAX);
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out
}

/// The begin of the text that is shown, on one line.
pub(super) fn preview(content: &[u8], parts: &[Part<'_>], bodies: &Bodies) -> String {
    let mut out = String::new();
    for nth in &bodies.text {
        let Some(part) = parts.get(*nth).filter(|part| part.media == "text") else { continue };
        let mut begin = part.clone();
        begin.body.end = begin.body.end.min(begin.body.start.saturating_add(PREVIEW_SOURCE_BYTES_MAX as u64));
        let (text, _) = part_text(content, &begin);
        let stripped = if part.subtype == "html" { text_of_html(&text) } else { text.into_owned() };
        for word in
            stripped.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty())
        {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(word);
            if out.len() > PREVIEW_CHARS_MAX * 4 {
                break;
            }
        }
    }
    out.chars().take(PREVIEW_CHARS_MAX).collect()
}
