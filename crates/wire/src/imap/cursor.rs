//! Reads the small words of IMAP out of one whole command: atoms, strings, literals, numbers, lists (RFC 9051 section 9).

use mail::mailbox::composed;
use mail::{Flags, ModSeq, SystemFlag};

use super::names;
use super::set::SequenceSet;

/// Lists within lists at most.
pub(super) const DEPTH_MAX: usize = 100;
/// Search keys of one command at most.
const KEYS_MAX: usize = 1_000;
/// Members of one list at most.
const MEMBERS_MAX: usize = 10_000;

/// Why a command cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is not IMAP; what is wrong.
    Bad(&'static str),
    /// A text has a charset that we do not know (RFC 9051 section 6.4.4).
    BadCharset,
    /// The name is not one that a mailbox can have.
    BadName,
}

/// What was read, or why not.
pub(super) type Read<T> = Result<T, Fault>;

/// How mailbox names are written in this session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Names {
    /// In modified UTF-7, as IMAP4rev1 has it.
    Utf7,
    /// In UTF-8: after ENABLE IMAP4rev2 or UTF8=ACCEPT.
    Utf8,
}

/// Where we are in a command.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'i> {
    rest: &'i [u8],
    names: Names,
    depth: usize,
    keys: usize,
}

impl<'i> Cursor<'i> {
    /// At the start of a command without its last CRLF.
    pub(super) fn new(input: &'i [u8], names: Names) -> Self {
        Cursor { rest: input, names, depth: 0, keys: 0 }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes the byte if it is the next one.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    pub(super) fn expect(&mut self, byte: u8, otherwise: &'static str) -> Read<()> {
        if self.eat(byte) { Ok(()) } else { Err(Fault::Bad(otherwise)) }
    }

    /// One space. Some clients write two where one belongs; they are understood.
    pub(super) fn space(&mut self) -> Read<()> {
        self.expect(b' ', "a space is missing")?;
        while self.eat(b' ') {}
        Ok(())
    }

    /// Nothing more but spaces may follow.
    pub(super) fn end(&mut self) -> Read<()> {
        while self.eat(b' ') {}
        if self.is_at_end() { Ok(()) } else { Err(Fault::Bad("there is more than the command takes")) }
    }

    /// Takes bytes as long as they fit.
    pub(super) fn take_while(&mut self, fits: impl Fn(u8) -> bool) -> &'i [u8] {
        let end = self.rest.iter().position(|byte| !fits(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Takes the words if they come next, in whichever case, and are not the beginning of a longer one.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let Some((head, rest)) = self.rest.split_at_checked(word.len()) else { return false };
        let ends = rest.first().is_none_or(|byte| !is_atom(*byte) || matches!(byte, b'[' | b'<'));
        let found = head.eq_ignore_ascii_case(word.as_bytes()) && ends;
        if found {
            self.rest = rest;
        }
        found
    }

    /// An atom.
    pub(super) fn atom(&mut self) -> Read<&'i str> {
        text_of(self.take_while(is_atom), "a word is missing")
    }

    /// An atom in upper case: the name of something.
    pub(super) fn word(&mut self) -> Read<String> {
        Ok(self.atom()?.to_ascii_uppercase())
    }

    /// A tag (RFC 9051 section 9: any ASTRING-CHAR but `+`).
    pub(super) fn tag(&mut self) -> Read<&'i str> {
        text_of(self.take_while(|byte| is_atom(byte) && byte != b'+' || byte == b']'), "the tag is missing")
    }

    pub(super) fn number64(&mut self) -> Read<u64> {
        let digits = text_of(self.take_while(|byte| byte.is_ascii_digit()), "a number is missing")?;
        digits.parse().ok().filter(|n| *n <= i64::MAX as u64).ok_or(Fault::Bad("a number is too large"))
    }

    pub(super) fn number(&mut self) -> Read<u32> {
        u32::try_from(self.number64()?).map_err(|_| Fault::Bad("a number is too large"))
    }

    pub(super) fn nonzero(&mut self) -> Read<u32> {
        match self.number()? {
            0 => Err(Fault::Bad("a number is zero")),
            number => Ok(number),
        }
    }

    pub(super) fn modseq(&mut self) -> Read<ModSeq> {
        self.number64().map(ModSeq)
    }

    /// A sequence set.
    pub(super) fn set(&mut self) -> Read<SequenceSet> {
        let text = self.set_text();
        SequenceSet::parse(text).ok_or(Fault::Bad("this is not a set of messages"))
    }

    pub(super) fn set_text(&mut self) -> &'i [u8] {
        self.take_while(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b',' | b'*' | b'$'))
    }

    /// Whether a set of messages comes next.
    pub(super) fn at_set(&self) -> bool {
        self.peek().is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'*' | b'$'))
    }

    /// A quoted string or a literal, as bytes.
    pub(super) fn string(&mut self) -> Read<Vec<u8>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => {
                let bytes = self.literal()?;
                match bytes.contains(&0) {
                    true => Err(Fault::Bad("there is a NUL in a literal")),
                    false => Ok(bytes.to_vec()),
                }
            }
            _ => Err(Fault::Bad("a string is missing")),
        }
    }

    fn quoted(&mut self) -> Read<Vec<u8>> {
        self.expect(b'"', "a string is missing")?;
        let mut text = Vec::new();
        loop {
            text.extend_from_slice(self.take_while(|byte| !matches!(byte, b'"' | b'\\' | b'\r' | b'\n' | 0)));
            if self.eat(b'"') {
                return Ok(text);
            }
            self.expect(b'\\', "a quoted string does not end")?;
            match self.peek() {
                Some(byte @ (b'"' | b'\\')) => text.push(byte),
                _ => return Err(Fault::Bad("a backslash quotes what needs no quoting")),
            }
            self.rest = &self.rest[1..];
        }
    }

    /// A literal, or a literal of any bytes (`~{`); the framer has seen to it that it is all there.
    pub(super) fn literal(&mut self) -> Read<&'i [u8]> {
        self.eat(b'~');
        self.expect(b'{', "a literal is missing")?;
        let size = usize::try_from(self.number64()?).map_err(|_| Fault::Bad("a literal is too large"))?;
        let _ = self.eat(b'+') || self.eat(b'-');
        let rest = self.rest.strip_prefix(b"}\r\n").ok_or(Fault::Bad("a literal is malformed"))?;
        let (bytes, rest) = rest.split_at_checked(size).ok_or(Fault::Bad("a literal is cut short"))?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A string or an atom, as bytes.
    pub(super) fn astring_bytes(&mut self) -> Read<Vec<u8>> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(),
            _ => match self.take_while(|byte| is_atom(byte) || byte == b']') {
                [] => Err(Fault::Bad("a word or string is missing")),
                bytes => Ok(bytes.to_vec()),
            },
        }
    }

    /// A string or an atom, as text.
    pub(super) fn astring(&mut self) -> Read<String> {
        String::from_utf8(self.astring_bytes()?).map_err(|_| Fault::Bad("a text is not UTF-8"))
    }

    /// A string as text.
    pub(super) fn text(&mut self) -> Read<String> {
        String::from_utf8(self.string()?).map_err(|_| Fault::Bad("a text is not UTF-8"))
    }

    /// A string as text, or NIL.
    pub(super) fn nstring(&mut self) -> Read<Option<String>> {
        if self.eat_word("NIL") { Ok(None) } else { self.text().map(Some) }
    }

    /// The name of a mailbox.
    pub(super) fn mailbox(&mut self) -> Read<String> {
        let text = self.astring()?;
        self.name(&text)
    }

    /// A name, or a pattern of names, of a LIST.
    pub(super) fn pattern(&mut self) -> Read<String> {
        let bytes = match self.peek() {
            Some(b'"' | b'{') => self.string()?,
            _ => self.take_while(|byte| is_atom(byte) || matches!(byte, b']' | b'%' | b'*')).to_vec(),
        };
        let text = String::from_utf8(bytes).map_err(|_| Fault::Bad("a text is not UTF-8"))?;
        self.name(&text)
    }

    fn name(&self, text: &str) -> Read<String> {
        let name = match self.names {
            Names::Utf8 => text.to_owned(),
            Names::Utf7 => names::from_utf7(text).ok_or(Fault::BadName)?,
        };
        if name.chars().any(char::is_control) {
            return Err(Fault::BadName);
        }
        let name = composed(&name);
        Ok(match name.split_at_checked(5) {
            Some((head, tail))
                if head.eq_ignore_ascii_case("INBOX") && (tail.is_empty() || tail.starts_with('/')) =>
            {
                format!("INBOX{tail}")
            }
            _ => name.into_owned(),
        })
    }

    /// `(`, members with a space between, `)`.
    pub(super) fn list<T>(&mut self, mut member: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        self.expect(b'(', "a list is missing")?;
        let mut members = Vec::new();
        self.deeper(|cursor| {
            while !cursor.eat(b')') {
                if !members.is_empty() {
                    cursor.space()?;
                    if cursor.eat(b')') {
                        break;
                    }
                }
                members.push(member(cursor)?);
                if members.len() > MEMBERS_MAX {
                    return Err(Fault::Bad("a list is too long"));
                }
            }
            Ok(())
        })?;
        Ok(members)
    }

    /// What is read within something else; only so deep.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth >= DEPTH_MAX {
            return Err(Fault::Bad("this is nested too deeply"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Counts a search key: each is judged of each message.
    pub(super) fn count_key(&mut self) -> Read<()> {
        self.keys += 1;
        if self.keys > KEYS_MAX { Err(Fault::Bad("there are too many search keys")) } else { Ok(()) }
    }

    /// `(\Seen keyword)`; `\Recent` is nobody's to set and is passed over.
    pub(super) fn flags(&mut self) -> Read<Flags> {
        let each = self.list(Self::flag)?;
        Ok(each.iter().fold(Flags::NONE, |flags, flag| flags.with(flag)))
    }

    /// One flag.
    pub(super) fn flag(&mut self) -> Read<Flags> {
        if !self.eat(b'\\') {
            let keyword = self.atom()?.to_ascii_lowercase();
            return Ok(Flags { keywords: [keyword].into(), ..Flags::NONE });
        }
        let name = self.atom()?;
        let known = SystemFlag::ALL.into_iter().find(|flag| flag.imap()[1..].eq_ignore_ascii_case(name));
        match known {
            Some(flag) => Ok(Flags::of(flag)),
            None if name.eq_ignore_ascii_case("Recent") => Ok(Flags::NONE),
            None => Err(Fault::Bad("there is no such system flag")),
        }
    }
}

/// A byte that an atom may have (RFC 9051 section 9, ATOM-CHAR). UTF-8 is let through where it is not asked for.
pub(super) fn is_atom(byte: u8) -> bool {
    byte > b' ' && byte != 0x7F && !matches!(byte, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}

fn text_of<'i>(bytes: &'i [u8], missing: &'static str) -> Read<&'i str> {
    match std::str::from_utf8(bytes) {
        Ok("") => Err(Fault::Bad(missing)),
        Ok(text) => Ok(text),
        Err(_) => Err(Fault::Bad("a word is not UTF-8")),
    }
}
