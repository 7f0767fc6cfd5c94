//! Where is each part of a message? Follows MIME's structure through a stream (RFC 2046 section 5.1.1).

use memchr::memmem;

use super::Unconvertible;
use super::entity::{Entity, Kind};

/// Bytes of one header at most.
pub(super) const HEADER_BYTES_MAX: usize = 256 * 1024;
/// Parts of one message at most.
const PARTS_MAX: usize = 10_000;
/// Multiparts within one another at most.
const DEPTH_MAX: usize = 64;
/// Bytes of a line that are held to see whether it is a delimiter; none is longer.
const LINE_HELD_MAX: usize = 1024;

/// Is told what comes, in order.
pub(super) trait Visitor {
    /// A header, and what it says. A body follows unless the header breaks off at a delimiter or at the end.
    fn header(&mut self, entity: &Entity, header: &[u8], has_body: bool) -> Result<(), Unconvertible>;
    /// Bytes within a line of the body of this part. Of a multipart: before its first or after its last part.
    fn text(&mut self, number: usize, bytes: &[u8]);
    /// A CRLF in it. The last one before a delimiter belongs to the delimiter.
    fn line_end(&mut self, number: usize);
    /// The body is over.
    fn body_end(&mut self, at_delimiter: bool);
    /// A delimiter, and whose epilogue follows it if it is a closing one.
    fn delimiter(
        &mut self,
        line: &[u8],
        has_line_end: bool,
        epilogue_of: Option<usize>,
    ) -> Result<(), Unconvertible>;
}

/// A multipart whose parts are being read.
#[derive(Debug)]
struct Open {
    boundary: Vec<u8>,
    digest: bool,
    number: usize,
    closed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Header,
    Body,
}

/// The walk through one message.
#[derive(Debug)]
pub(super) struct Walker {
    open: Vec<Open>,
    place: Place,
    /// The part whose body is being read.
    number: usize,
    parts: usize,
    /// Whether the header that is being read is a message's and not only a part's.
    is_message: bool,
    /// Whether a part that says nothing of its type is a message (RFC 2046 section 5.1.5).
    in_digest: bool,
    header: Vec<u8>,
    line: Vec<u8>,
    /// Some of the line has been handed on already.
    line_begun: bool,
}

impl Default for Walker {
    fn default() -> Self {
        Walker {
            open: Vec::new(),
            place: Place::Header,
            number: 0,
            parts: 0,
            is_message: true,
            in_digest: false,
            header: Vec::new(),
            line: Vec::new(),
            line_begun: false,
        }
    }
}

impl Walker {
    /// The next bytes.
    pub(super) fn push(&mut self, bytes: &[u8], visitor: &mut impl Visitor) -> Result<(), Unconvertible> {
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if first == b'\n' && self.line.last() == Some(&b'\r') {
                self.line.pop();
                self.line_done(true, visitor)?;
                rest = &rest[1..];
                continue;
            }
            let end = memmem::find(rest, b"\r\n");
            self.line.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
            rest = end.map_or(&[][..], |end| &rest[end + 2..]);
            match end {
                Some(_) => self.line_done(true, visitor)?,
                None => self.relieve(visitor)?,
            }
        }
        Ok(())
    }

    /// Nothing follows.
    pub(super) fn finish(&mut self, visitor: &mut impl Visitor) -> Result<(), Unconvertible> {
        if !self.line.is_empty() {
            self.line_done(false, visitor)?;
        }
        if self.place == Place::Header {
            self.header_done(false, visitor)?;
        }
        visitor.body_end(false);
        Ok(())
    }

    /// Hands on what is held of a line that is too long to be a delimiter.
    fn relieve(&mut self, visitor: &mut impl Visitor) -> Result<(), Unconvertible> {
        if self.place == Place::Header {
            return self.bound_header();
        }
        if self.line.len() > LINE_HELD_MAX {
            let held_back = usize::from(self.line.last() == Some(&b'\r'));
            let handed = self.line.len() - held_back;
            visitor.text(self.number, &self.line[..handed]);
            self.line.drain(..handed);
            self.line_begun = true;
        }
        Ok(())
    }

    fn bound_header(&self) -> Result<(), Unconvertible> {
        let is_long = self.header.len() + self.line.len() > HEADER_BYTES_MAX;
        if is_long { Err(Unconvertible::HeaderTooLong) } else { Ok(()) }
    }

    fn line_done(&mut self, has_line_end: bool, visitor: &mut impl Visitor) -> Result<(), Unconvertible> {
        let line = std::mem::take(&mut self.line);
        let delimiter = if self.line_begun { None } else { self.delimiter(&line) };
        self.line_begun = false;
        match (self.place, delimiter) {
            (place, Some((nth, closes))) => {
                if place == Place::Header {
                    self.header_done(false, visitor)?;
                }
                visitor.body_end(true);
                self.at_delimiter(nth, closes);
                let epilogue_of = closes.then_some(self.number);
                visitor.delimiter(&line, has_line_end, epilogue_of)?;
            }
            (Place::Header, None) if line.is_empty() => self.header_done(true, visitor)?,
            (Place::Header, None) => {
                self.header.extend_from_slice(&line);
                if has_line_end {
                    self.header.extend_from_slice(b"\r\n");
                }
                self.bound_header()?;
            }
            (Place::Body, None) => {
                if !line.is_empty() {
                    visitor.text(self.number, &line);
                }
                if has_line_end {
                    visitor.line_end(self.number);
                }
            }
        }
        self.line = line;
        self.line.clear();
        Ok(())
    }

    /// Which multipart's delimiter this line is, and whether it closes it. The innermost comes first.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let rest = line.strip_prefix(b"--")?;
        // A CR or LF that stands alone is no white space: such a line is no delimiter.
        let end = rest.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |last| last + 1);
        let rest = &rest[..end];
        let is = |open: &Open| !open.closed && rest.starts_with(&open.boundary);
        self.open.iter().enumerate().rev().find_map(|(nth, open)| match rest {
            _ if !is(open) => None,
            rest if rest.len() == open.boundary.len() => Some((nth, false)),
            rest if &rest[open.boundary.len()..] == b"--" => Some((nth, true)),
            _ => None,
        })
    }

    fn at_delimiter(&mut self, nth: usize, closes: bool) {
        self.open.truncate(nth + 1);
        let open = &mut self.open[nth];
        open.closed = closes;
        self.number = open.number;
        self.place = if closes { Place::Body } else { Place::Header };
        self.is_message = false;
        self.in_digest = open.digest;
    }

    fn header_done(&mut self, has_body: bool, visitor: &mut impl Visitor) -> Result<(), Unconvertible> {
        let header = std::mem::take(&mut self.header);
        let entity = Entity::read(&header, self.parts, self.is_message, self.in_digest);
        self.number = self.parts;
        self.parts += 1;
        if self.parts > PARTS_MAX || self.open.len() >= DEPTH_MAX {
            return Err(Unconvertible::TooManyParts);
        }
        visitor.header(&entity, &header, has_body)?;
        self.place = Place::Body;
        match entity.kind {
            Kind::Multipart { boundary, digest } if has_body => {
                self.open.push(Open { boundary, digest, number: self.number, closed: false });
            }
            Kind::Message if has_body => {
                self.place = Place::Header;
                (self.is_message, self.in_digest) = (true, false);
            }
            Kind::Multipart { .. } | Kind::Message | Kind::Sealed | Kind::Text | Kind::Other => {}
        }
        Ok(())
    }
}
