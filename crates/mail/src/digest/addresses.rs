//! Which addresses does a field name? RFC 5322 section 3.4, with much of what is written in its place.

use super::limits::{ADDRESSES_MAX, FIELD_BYTES_MAX};
use super::record::{Reader, Writer};
use super::words;

/// One step in a list of addresses. Texts are as in the message, without quotes, encoded words as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressItem<'a> {
    /// A group of this name begins.
    Group(&'a [u8]),
    /// The group ends.
    GroupEnd,
    /// An address.
    Mailbox(Mailbox<'a>),
}

/// One address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mailbox<'a> {
    /// The name of whom it is; encoded words as they are.
    pub name: Option<&'a [u8]>,
    /// Before the `@`; all of it if there is none.
    pub local: &'a [u8],
    /// After the `@`; empty if there is none.
    pub host: &'a [u8],
}

impl Mailbox<'_> {
    /// The name, decoded.
    pub fn decoded_name(&self) -> Option<String> {
        self.name.map(words::decode).filter(|name| !name.is_empty())
    }

    /// `local@host`, with quotes where they must be.
    pub fn address(&self) -> String {
        let (local, host) = (String::from_utf8_lossy(self.local), String::from_utf8_lossy(self.host));
        let must_be_quoted = |c: char| c.is_ascii_whitespace() || "()<>[]:;@\\,\"".contains(c);
        match () {
            () if host.is_empty() => local.into_owned(),
            () if local.contains(must_be_quoted) => {
                format!("\"{}\"@{host}", local.replace('\\', "\\\\").replace('"', "\\\""))
            }
            () => format!("{local}@{host}"),
        }
    }
}

/// The addresses of a field.
#[derive(Clone, Copy, Debug, Default)]
pub struct Addresses<'a>(pub(super) Reader<'a>);

impl<'a> Addresses<'a> {
    /// In order, groups too.
    pub fn items(&self) -> impl Iterator<Item = AddressItem<'a>> + use<'a> {
        let mut reader = self.0;
        std::iter::from_fn(move || {
            if reader.is_empty() {
                return None;
            }
            Some(match reader.number() {
                0 => AddressItem::Group(reader.bytes()),
                1 => AddressItem::GroupEnd,
                _ => {
                    let name = reader.optional();
                    AddressItem::Mailbox(Mailbox { name, local: reader.bytes(), host: reader.bytes() })
                }
            })
        })
    }

    /// In order, without the groups.
    pub fn mailboxes(&self) -> impl Iterator<Item = Mailbox<'a>> + use<'a> {
        self.items().filter_map(|item| match item {
            AddressItem::Mailbox(mailbox) => Some(mailbox),
            AddressItem::Group(_) | AddressItem::GroupEnd => None,
        })
    }

    /// Whether it names nobody and nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As one text, names decoded: what is searched.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for item in self.items() {
            let text = match item {
                AddressItem::Group(name) => words::decode(name) + ":",
                AddressItem::GroupEnd => continue,
                AddressItem::Mailbox(mailbox) => match mailbox.decoded_name() {
                    Some(name) => format!("{name} <{}>", mailbox.address()),
                    None => mailbox.address(),
                },
            };
            if !out.is_empty() {
                out.push_str(if out.ends_with(':') { " " } else { ", " });
            }
            out.push_str(&text);
        }
        out
    }
}

/// Addresses that are not in a digest.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OwnedAddresses(Vec<u8>);

impl OwnedAddresses {
    /// Reads the value of a field.
    pub fn parse(value: &[u8]) -> OwnedAddresses {
        OwnedAddresses(encode(value).0)
    }

    /// They, to look at.
    pub fn borrow(&self) -> Addresses<'_> {
        Addresses(Reader(&self.0))
    }
}

/// Reads the value of a field and writes what is in it.
pub(super) fn encode(value: &[u8]) -> Writer {
    let value = &value[..value.len().min(FIELD_BYTES_MAX)];
    let mut list = List { out: Writer::default(), left: ADDRESSES_MAX, in_group: false };
    let mut tokens = Tokens { rest: value };
    let mut pending = Pending::default();
    while let Some(token) = tokens.next(pending.angle.is_some()) {
        if list.left == 0 {
            break;
        }
        match token {
            Token::Special(b',') if pending.is_route() => pending.push(b",", false),
            Token::Special(b',') => list.mailbox(&mut pending),
            Token::Special(b':') if pending.angle.is_none() && !list.in_group => list.group(&mut pending),
            Token::Special(b';') => {
                list.mailbox(&mut pending);
                list.group_end();
            }
            Token::Special(b'<') => pending.angle = pending.angle.take().or(Some(Vec::new())),
            Token::Special(b'>') => pending.angle_closed = true,
            Token::Special(byte) => pending.push(&[byte], false),
            Token::Word(text, spaced) => pending.push(&text, spaced),
            Token::Comment(text) => pending.comment = Some(text),
        }
    }
    list.mailbox(&mut pending);
    list.group_end();
    list.out
}

struct List {
    out: Writer,
    left: usize,
    in_group: bool,
}

impl List {
    fn mailbox(&mut self, pending: &mut Pending) {
        let pending = std::mem::take(pending);
        let phrase = pending.phrase;
        let (name, address) = match pending.angle {
            Some(address) => (Some(phrase).filter(|name| !name.is_empty()).or(pending.comment), address),
            None => (pending.comment, pending.address),
        };
        if address.is_empty() && name.is_none() {
            return;
        }
        // A source route says nothing of who it is (RFC 5322 section 4.4).
        let address = match address.iter().position(|byte| *byte == b':') {
            Some(colon) if address.starts_with(b"@") => &address[colon + 1..],
            _ => &address[..],
        };
        let at = address.iter().rposition(|byte| *byte == b'@');
        let (local, host) = at.map_or((address, &[][..]), |at| (&address[..at], &address[at + 1..]));
        self.out.number(2);
        self.out.optional(name.as_deref());
        self.out.bytes(local);
        self.out.bytes(host);
        self.left -= 1;
    }

    fn group(&mut self, pending: &mut Pending) {
        let pending = std::mem::take(pending);
        self.out.number(0);
        self.out.bytes(&pending.phrase);
        self.left -= 1;
        self.in_group = true;
    }

    fn group_end(&mut self) {
        if std::mem::take(&mut self.in_group) {
            self.out.number(1);
        }
    }
}

/// What has been read of an address.
#[derive(Default)]
struct Pending {
    /// Words with one space between them.
    phrase: Vec<u8>,
    /// Words without spaces, if it should turn out to be the address.
    address: Vec<u8>,
    angle: Option<Vec<u8>>,
    angle_closed: bool,
    comment: Option<Vec<u8>>,
}

impl Pending {
    /// Whether hosts of a source route come, with commas between them.
    fn is_route(&self) -> bool {
        let begun = self.angle.as_ref().filter(|_| !self.angle_closed);
        begun.is_some_and(|route| route.starts_with(b"@") && !route.contains(&b':'))
    }

    fn push(&mut self, text: &[u8], spaced: bool) {
        match &mut self.angle {
            Some(address) if !self.angle_closed => address.extend_from_slice(text),
            Some(_) => {}
            None => {
                if spaced && !self.phrase.is_empty() {
                    self.phrase.push(b' ');
                }
                self.phrase.extend_from_slice(text);
                self.address.extend_from_slice(text);
            }
        }
    }
}

enum Token {
    Special(u8),
    Word(Vec<u8>, bool),
    Comment(Vec<u8>),
}

struct Tokens<'a> {
    rest: &'a [u8],
}

impl Tokens<'_> {
    fn next(&mut self, in_angle: bool) -> Option<Token> {
        let trimmed = self.rest.trim_ascii_start();
        let spaced = trimmed.len() < self.rest.len();
        self.rest = trimmed;
        let &first = trimmed.first()?;
        match first {
            b'"' => Some(Token::Word(self.delimited(b'"', b'"'), spaced)),
            b'(' => Some(Token::Comment(self.delimited(b'(', b')'))),
            b'<' | b'>' | b',' | b';' => self.special(first),
            b':' if !in_angle => self.special(first),
            _ => {
                let ends = |byte: &u8| {
                    byte.is_ascii_whitespace()
                        || matches!(byte, b'"' | b'(' | b'<' | b'>' | b',' | b';')
                        || *byte == b':' && !in_angle
                };
                let len = trimmed.iter().position(ends).unwrap_or(trimmed.len());
                let (word, rest) = trimmed.split_at(domain_literal(trimmed).unwrap_or(len));
                self.rest = rest;
                Some(Token::Word(word.to_vec(), spaced))
            }
        }
    }

    fn special(&mut self, byte: u8) -> Option<Token> {
        self.rest = &self.rest[1..];
        Some(Token::Special(byte))
    }

    /// What stands between delimiters, which may lie in one another if they differ; escapes are undone.
    fn delimited(&mut self, open: u8, close: u8) -> Vec<u8> {
        let (mut out, mut depth, mut at) = (Vec::new(), 1, 1);
        while let Some(&byte) = self.rest.get(at) {
            at += 1;
            match byte {
                b'\\' => {
                    out.extend(self.rest.get(at));
                    at += 1;
                    continue;
                }
                b'\r' | b'\n' => continue,
                byte if byte == close => depth -= 1,
                byte if byte == open => depth += 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            out.push(byte);
        }
        self.rest = self.rest.get(at..).unwrap_or_default();
        out
    }
}

/// The end of a word that has a domain literal, in which colons are no specials.
fn domain_literal(text: &[u8]) -> Option<usize> {
    let open = text
        .iter()
        .position(|byte| !byte.is_ascii_graphic() || matches!(byte, b'[' | b',' | b'>' | b';' | b'<'))?;
    (text[open] == b'[').then_some(())?;
    let close = text[open..].iter().position(|byte| matches!(byte, b']' | b',' | b'>' | b'\n'))?;
    (text[open + close] == b']').then_some(open + close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> String {
        let owned = OwnedAddresses::parse(value.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let items = owned.borrow().items().map(|item| match item {
            AddressItem::Group(name) => format!("{}:", text(name)),
            AddressItem::GroupEnd => ";".into(),
            AddressItem::Mailbox(m) => {
                format!("{}|{}|{}", m.name.map(text).unwrap_or_default(), text(m.local), text(m.host))
            }
        });
        items.collect::<Vec<_>>().join(" / ")
    }

    #[test]
    fn addresses_as_they_are_written() {
        for (value, expected) in [
            ("a@example.org", "|a|example.org"),
            ("A B <a@example.org>, \"C, D\" <c@example.org>", "A B|a|example.org / C, D|c|example.org"),
            ("a@example.org (A B)", "A B|a|example.org"),
            ("=?utf-8?q?J=C3=B6rg?= <j@example.org>", "=?utf-8?q?J=C3=B6rg?=|j|example.org"),
            ("Friends: a@x, B <b@y>;, c@z", "Friends: / |a|x / B|b|y / ; / |c|z"),
            ("undisclosed-recipients:;", "undisclosed-recipients: / ;"),
            ("<@relay,@other:a@example.org>", "|a|example.org"),
            ("\"a b\"@example.org", "|a b|example.org"),
            ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete|pete|silly.test"),
            ("a@[IPv6:2001:db8::1]", "|a|[IPv6:2001:db8::1]"),
            ("no address", "|noaddress|"),
            ("<>", ""),
            ("", ""),
            (",,;", ""),
            ("A <a@x", "A|a|x"),
            ("\"open", "|open|"),
            ("Mary Smith\r\n <mary@x.test>", "Mary Smith|mary|x.test"),
            ("A.B. C <a@x>", "A.B. C|a|x"),
        ] {
            assert_eq!(shown(value), expected, "{value}");
        }
    }

    #[test]
    fn a_flood_ends() {
        let flood = "a@b,".repeat(200_000);
        assert!(OwnedAddresses::parse(flood.as_bytes()).borrow().mailboxes().count() <= ADDRESSES_MAX);
        let nested = "(".repeat(1_000_000);
        assert_eq!(OwnedAddresses::parse(nested.as_bytes()).borrow().mailboxes().count(), 1);
    }
}
