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

#[cfg(test)]
mod tests {
    use mail::digest::{Digest, digest};

    use super::*;

    const MESSAGE: &str = "From: A B <a@x.test>\r\nTo: jo@here.test, friends: \"Q, R\" <q@x.test>;\r\nSubject: one\r\n\
        Content-Type: multipart/mixed; boundary=b1\r\n\r\n--b1\r\n\
        Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nFrom: i@x.test\r\n\r\ninner\r\n--b1\r\n\
        Content-Type: application/x-y; name=a.bin\r\nContent-Disposition: attachment; filename=\"a.bin\"\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b1--\r\n";

    fn printed(print: impl FnOnce(&mut Vec<u8>, &Digest<'_>)) -> String {
        let record = digest(MESSAGE.as_bytes());
        let mut out = Vec::new();
        print(&mut out, &Digest::read(&record));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_envelope_has_groups_and_who_is_not_said() {
        assert_eq!(
            printed(|out, digest| envelope(out, &digest.envelope, Names::Utf7)),
            "(NIL \"one\" ((\"A B\" NIL \"a\" \"x.test\")) ((\"A B\" NIL \"a\" \"x.test\")) \
             ((\"A B\" NIL \"a\" \"x.test\")) ((NIL NIL \"jo\" \"here.test\")(NIL NIL \"friends\" NIL)\
             (\"Q, R\" NIL \"q\" \"x.test\")(NIL NIL NIL NIL)) NIL NIL NIL NIL)"
        );
    }

    #[test]
    fn a_structure_is_told_with_and_without_extensions() {
        let inner = "(NIL \"inner\" ((NIL NIL \"i\" \"x.test\")) ((NIL NIL \"i\" \"x.test\")) \
            ((NIL NIL \"i\" \"x.test\")) NIL NIL NIL NIL NIL)";
        let basic = printed(|out, digest| body(out, &digest.parts(), Extent::Basic, Names::Utf7));
        assert!(basic.starts_with("((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" "), "{basic}");
        assert!(basic.contains(inner), "{basic}");
        assert!(
            basic.ends_with("(\"application\" \"x-y\" (\"name\" \"a.bin\") NIL NIL \"base64\" 4) \"mixed\")")
        );
        let extended = printed(|out, digest| body(out, &digest.parts(), Extent::Extended, Names::Utf7));
        assert!(extended.contains(" NIL (\"attachment\" (\"filename\" \"a.bin\")) NIL NIL)"), "{extended}");
        assert!(extended.ends_with("\"mixed\" (\"boundary\" \"b1\") NIL NIL NIL)"), "{extended}");
    }

    #[test]
    fn nothing_is_still_a_part() {
        let mut out = Vec::new();
        body(&mut out, &[], Extent::Basic, Names::Utf7);
        assert!(out.starts_with(b"(\"text\" \"plain\" "));
    }
}
