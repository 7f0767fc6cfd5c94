//! Writes what a message says on its head and how it is made: ENVELOPE, BODY, BODYSTRUCTURE (RFC 9051 section 7.5.2).

use mail::digest::{AddressItem, Addresses, Envelope, Parameters, Part, Structure};

use super::cursor::Names;
use super::print;

/// Whether extension data is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// BODY: it is not.
    Basic,
    /// BODYSTRUCTURE: it is.
    Extended,
}

/// How it is to be written.
#[derive(Clone, Copy, Debug)]
struct Style {
    extent: Extent,
    names: Names,
}

/// Writes an ENVELOPE.
pub fn envelope(out: &mut Vec<u8>, envelope: &Envelope<'_>, names: Names) {
    out.push(b'(');
    print::nstring(out, envelope.date, names);
    out.push(b' ');
    print::nstring(out, envelope.subject, names);
    let lists = [
        envelope.from,
        envelope.sender_or_from(),
        envelope.reply_to_or_from(),
        envelope.to,
        envelope.cc,
        envelope.bcc,
    ];
    for list in lists {
        out.push(b' ');
        addresses(out, list, names);
    }
    out.push(b' ');
    print::nstring(out, envelope.in_reply_to, names);
    out.push(b' ');
    print::nstring(out, envelope.message_id, names);
    out.push(b')');
}

fn addresses(out: &mut Vec<u8>, list: Option<Addresses<'_>>, names: Names) {
    let Some(list) = list.filter(|list| !list.is_empty()) else { return nil(out) };
    out.push(b'(');
    for item in list.items() {
        let (name, local, host) = match item {
            AddressItem::Group(name) => (None, Some(name), None),
            AddressItem::GroupEnd => (None, None, None),
            AddressItem::Mailbox(mailbox) => (mailbox.name, Some(mailbox.local), Some(mailbox.host)),
        };
        out.push(b'(');
        print::nstring(out, name, names);
        // Source routes are gone from the mail (RFC 5321 appendix C).
        out.extend_from_slice(b" NIL ");
        print::nstring(out, local, names);
        out.push(b' ');
        print::nstring(out, host, names);
        out.push(b')');
    }
    out.push(b')');
}

/// Writes the structure of a message; `parts` are all of its parts, itself first.
pub fn body(out: &mut Vec<u8>, parts: &[Part<'_>], extent: Extent, names: Names) {
    let mut children = vec![Vec::new(); parts.len()];
    for (index, part) in parts.iter().enumerate() {
        // A part comes after the one that it lies in: so this ends.
        if let Some(parent) = part.parent.filter(|parent| *parent < index) {
            children[parent].push(index);
        }
    }
    match parts.is_empty() {
        true => empty(out),
        false => Tree { parts, children }.part(out, 0, Style { extent, names }),
    }
}

/// Parts, and what lies in each.
struct Tree<'p, 'a> {
    parts: &'p [Part<'a>],
    children: Vec<Vec<usize>>,
}

impl Tree<'_, '_> {
    fn part(&self, out: &mut Vec<u8>, index: usize, style: Style) {
        let part = &self.parts[index];
        out.push(b'(');
        match part.structure {
            Structure::Multipart => self.multipart(out, index, style),
            Structure::Message | Structure::Leaf => self.single(out, index, style),
        }
        if style.extent == Extent::Extended {
            extension(out, part, style);
        }
        out.push(b')');
    }

    fn multipart(&self, out: &mut Vec<u8>, index: usize, style: Style) {
        for child in &self.children[index] {
            self.part(out, *child, style);
        }
        if self.children[index].is_empty() {
            empty(out);
        }
        out.push(b' ');
        print::string(out, self.parts[index].subtype.as_bytes(), style.names);
        if style.extent == Extent::Extended {
            out.push(b' ');
            parameters(out, self.parts[index].parameters, style.names);
        }
    }

    fn single(&self, out: &mut Vec<u8>, index: usize, style: Style) {
        let part = &self.parts[index];
        print::string(out, part.media.as_bytes(), style.names);
        out.push(b' ');
        print::string(out, part.subtype.as_bytes(), style.names);
        out.push(b' ');
        match part.has_type || part.media != "text" {
            true => parameters(out, part.parameters, style.names),
            false => out.extend_from_slice(b"(\"charset\" \"us-ascii\")"),
        }
        for text in [part.id, part.description] {
            out.push(b' ');
            print::nstring(out, text, style.names);
        }
        out.push(b' ');
        let encoding = if part.encoding.is_empty() { "7bit" } else { part.encoding };
        print::string(out, encoding.as_bytes(), style.names);
        out.push(b' ');
        print::number(out, part.body.end.saturating_sub(part.body.start));
        if part.is("message", "rfc822") {
            self.message(out, index, style);
        }
        if part.media == "text" || part.is("message", "rfc822") {
            out.push(b' ');
            print::number(out, part.lines);
        }
        if style.extent == Extent::Extended {
            out.push(b' ');
            print::nstring(out, part.md5, style.names);
        }
    }

    /// What a message that lies in a message says; of one that cannot be read there is nothing.
    fn message(&self, out: &mut Vec<u8>, index: usize, style: Style) {
        let child = self.children[index].first();
        let head = self.parts[index].envelope.or_else(|| child.and_then(|child| self.parts[*child].envelope));
        out.push(b' ');
        envelope(out, &head.unwrap_or_default(), style.names);
        out.push(b' ');
        match child {
            Some(child) => self.part(out, *child, style),
            None => empty(out),
        }
    }
}

fn extension(out: &mut Vec<u8>, part: &Part<'_>, style: Style) {
    out.push(b' ');
    match part.disposition {
        None => nil(out),
        Some((name, of_disposition)) => {
            out.push(b'(');
            print::string(out, name.as_bytes(), style.names);
            out.push(b' ');
            parameters(out, of_disposition, style.names);
            out.push(b')');
        }
    }
    out.push(b' ');
    match &part.languages[..] {
        [] => nil(out),
        languages => {
            out.push(b'(');
            for (index, language) in languages.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                print::string(out, language.as_bytes(), style.names);
            }
            out.push(b')');
        }
    }
    out.push(b' ');
    print::nstring(out, part.location, style.names);
}

fn parameters(out: &mut Vec<u8>, parameters: Parameters<'_>, names: Names) {
    if parameters.is_empty() {
        return nil(out);
    }
    out.push(b'(');
    for (index, (name, value)) in parameters.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        print::string(out, name.as_bytes(), names);
        out.push(b' ');
        print::string(out, value, names);
    }
    out.push(b')');
}

/// A part of which there is nothing, where the grammar wants one.
fn empty(out: &mut Vec<u8>) {
    out.extend_from_slice(b"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0)");
}

fn nil(out: &mut Vec<u8>) {
    out.extend_from_slice(b"NIL");
}
