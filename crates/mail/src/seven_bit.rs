//! Makes content fit a peer that takes no 8-bit or binary content, or no long lines (RFC 6152 section 3, RFC 2045).
//!
//! Two passes over the content, which is never held as a whole: a [`Survey`] finds out what each part has in it, then a
//! [`Conversion`] encodes those parts that need it as quoted-printable or base64 and leaves all others as they are.
//! What a reader decodes is the same before and after. Signed and encrypted parts are never touched.

mod entity;
mod field;
#[cfg(test)]
mod tests;
mod transfer;
mod walk;

use thiserror::Error;

use self::entity::{Encoding, Entity, Kind};
pub(crate) use self::transfer::base64;
use self::transfer::{Base64, Base64Mender, QuotedPrintableMender};
use self::walk::{Visitor, Walker};
use crate::quoted_printable;

/// Bytes of a line at most, CRLF not counted (RFC 5322 section 2.1.1).
pub const LINE_BYTES_MAX: usize = 998;

/// What the peer takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// Lines of US-ASCII.
    SevenBit,
    /// Lines of any bytes (8BITMIME).
    EightBit,
}

/// Why content cannot be made to fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Unconvertible {
    /// A change would break a signature or an encryption (RFC 1847), or the part must not be encoded (RFC 2046).
    #[error("a signed, encrypted or partial part of it must not be changed")]
    Sealed,
    /// It is encoded in a way that we do not know.
    #[error("a part of it has an unknown transfer encoding")]
    Encoding,
    /// A header field cannot be written with less.
    #[error("a header field of it cannot be written in this way")]
    Header,
    /// A header is longer than [`walk::HEADER_BYTES_MAX`].
    #[error("a header of it is too long")]
    HeaderTooLong,
    /// It has more parts, or deeper ones, than we look at.
    #[error("it has too many parts")]
    TooManyParts,
}

/// What there is in a part's body; in a multipart's, before its first and after its last part.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Finding {
    eight_bit: bool,
    /// NUL, or a CR or LF that stands alone.
    binary: bool,
    long_line: bool,
    not_utf8: bool,
}

impl Finding {
    fn exceeds(self, target: Target) -> bool {
        self.binary || self.long_line || (self.eight_bit && target == Target::SevenBit)
    }
}

/// What each part of a message has in it, in the order of the parts.
#[derive(Debug)]
pub struct Plan(Vec<Finding>);

/// The first pass.
#[derive(Debug, Default)]
pub struct Survey {
    walker: Walker,
    findings: Findings,
}

impl Survey {
    /// Looks at the next bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Unconvertible> {
        self.walker.push(bytes, &mut self.findings)
    }

    /// Nothing follows.
    pub fn finish(mut self) -> Result<Plan, Unconvertible> {
        self.walker.finish(&mut self.findings)?;
        Ok(Plan(self.findings.all))
    }
}

/// The second pass.
#[derive(Debug)]
pub struct Conversion {
    walker: Walker,
    writer: Rewriter,
}

impl Conversion {
    /// For content that was surveyed.
    pub fn new(plan: Plan, target: Target) -> Self {
        let writer = Rewriter { plan, target, mode: Mode::Copy, out: Vec::new() };
        Conversion { walker: Walker::default(), writer }
    }

    /// Takes the next bytes; gives what is to be sent for those that are done.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Unconvertible> {
        self.walker.push(bytes, &mut self.writer)?;
        Ok(std::mem::take(&mut self.writer.out))
    }

    /// Nothing follows; gives the rest.
    pub fn finish(mut self) -> Result<Vec<u8>, Unconvertible> {
        self.walker.finish(&mut self.writer)?;
        Ok(self.writer.out)
    }
}

/// Both passes over content that is in memory.
pub fn convert(content: &[u8], target: Target) -> Result<Vec<u8>, Unconvertible> {
    let mut survey = Survey::default();
    survey.push(content)?;
    let mut conversion = Conversion::new(survey.finish()?, target);
    let mut out = conversion.push(content)?;
    out.extend(conversion.finish()?);
    Ok(out)
}

#[derive(Debug, Default)]
struct Findings {
    all: Vec<Finding>,
    line_bytes: usize,
    /// The beginning of a UTF-8 character whose end has not come.
    character: Vec<u8>,
}

impl Findings {
    fn look_for_utf8(&mut self, bytes: &[u8]) -> bool {
        if bytes.is_ascii() {
            return std::mem::take(&mut self.character).is_empty();
        }
        self.character.extend_from_slice(bytes);
        match std::str::from_utf8(&self.character) {
            Ok(_) => self.character.clear(),
            Err(error) if error.error_len().is_none() => {
                self.character.drain(..error.valid_up_to());
            }
            Err(_) => {
                self.character.clear();
                return false;
            }
        }
        true
    }
}

impl Visitor for Findings {
    fn header(&mut self, _entity: &Entity, _header: &[u8], _has_body: bool) -> Result<(), Unconvertible> {
        self.all.push(Finding::default());
        self.line_bytes = 0;
        self.character.clear();
        Ok(())
    }

    fn text(&mut self, number: usize, bytes: &[u8]) {
        self.line_bytes = self.line_bytes.saturating_add(bytes.len());
        let is_utf8 = self.look_for_utf8(bytes);
        let finding = &mut self.all[number];
        finding.eight_bit |= !bytes.is_ascii();
        finding.not_utf8 |= !is_utf8;
        finding.binary |= memchr::memchr3(b'\r', b'\n', 0, bytes).is_some();
        finding.long_line |= self.line_bytes > LINE_BYTES_MAX;
    }

    fn line_end(&mut self, number: usize) {
        self.line_bytes = 0;
        self.all[number].not_utf8 |= !std::mem::take(&mut self.character).is_empty();
    }

    fn body_end(&mut self, _at_delimiter: bool) {}

    fn delimiter(
        &mut self,
        line: &[u8],
        _has_line_end: bool,
        _epilogue_of: Option<usize>,
    ) -> Result<(), Unconvertible> {
        self.line_bytes = 0;
        if line.len() > LINE_BYTES_MAX { Err(Unconvertible::Header) } else { Ok(()) }
    }
}

/// What becomes of a body.
#[derive(Debug)]
enum Mode {
    Copy,
    /// It says nothing to a reader.
    Drop,
    QuotedPrintable(quoted_printable::Encoder),
    Base64(Base64),
    QuotedPrintableMended(QuotedPrintableMender),
    Base64Mended(Base64Mender),
}

#[derive(Debug)]
struct Rewriter {
    plan: Plan,
    target: Target,
    mode: Mode,
    out: Vec<u8>,
}

impl Rewriter {
    fn finding(&self, number: usize) -> Finding {
        self.plan.0.get(number).copied().unwrap_or_default()
    }

    /// How the body is written, and what the header then says about it.
    fn mode(&self, entity: &Entity) -> Result<(Mode, Encoding), Unconvertible> {
        let finding = self.finding(entity.number);
        let must = finding.exceeds(self.target);
        let left = match (entity.encoding, self.target) {
            (Encoding::EightBit | Encoding::Binary, Target::SevenBit) => Encoding::SevenBit,
            (Encoding::Binary, Target::EightBit) => Encoding::EightBit,
            (encoding, _) => encoding,
        };
        Ok(match (&entity.kind, entity.encoding) {
            (Kind::Sealed, _) if must => return Err(Unconvertible::Sealed),
            (Kind::Sealed, encoding) => (Mode::Copy, encoding),
            (Kind::Multipart { .. }, _) if must => (Mode::Drop, left),
            (Kind::Multipart { .. } | Kind::Message, _) => (Mode::Copy, left),
            (Kind::Text | Kind::Other, _) if !must => (Mode::Copy, left),
            (_, Encoding::Unknown) => return Err(Unconvertible::Encoding),
            (_, Encoding::QuotedPrintable) => {
                (Mode::QuotedPrintableMended(QuotedPrintableMender::default()), left)
            }
            (_, Encoding::Base64) => (Mode::Base64Mended(Base64Mender::default()), left),
            (Kind::Text, _) if !finding.binary => {
                (Mode::QuotedPrintable(quoted_printable::Encoder::default()), Encoding::QuotedPrintable)
            }
            (Kind::Text | Kind::Other, _) => (Mode::Base64(Base64::default()), Encoding::Base64),
        })
    }

    /// What a reader must know of a body that said nothing about itself before.
    fn add_missing(&mut self, entity: &Entity) {
        if entity.is_message && !entity.has_version {
            self.out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        }
        let finding = self.finding(entity.number);
        if !entity.has_type && finding.eight_bit {
            let charset = if finding.not_utf8 { "unknown-8bit" } else { "utf-8" };
            self.out.extend_from_slice(format!("Content-Type: text/plain; charset={charset}\r\n").as_bytes());
        }
    }
}

impl Visitor for Rewriter {
    fn header(&mut self, entity: &Entity, header: &[u8], has_body: bool) -> Result<(), Unconvertible> {
        let (mode, encoding) = self.mode(entity)?;
        let encoded = matches!(mode, Mode::QuotedPrintable(_) | Mode::Base64(_));
        let mut to_say = (encoding != entity.encoding).then_some(encoding.name());
        for raw in entity::fields(header) {
            let name = field::name(raw);
            if name.eq_ignore_ascii_case(entity::ENCODING_FIELD.as_bytes()) && encoding != entity.encoding {
                if let Some(name) = to_say.take() {
                    self.out.extend_from_slice(format!("{}: {name}\r\n", entity::ENCODING_FIELD).as_bytes());
                }
            } else {
                field::write(raw, self.target, &mut self.out)?;
            }
        }
        if encoded && has_body {
            self.add_missing(entity);
        }
        if let Some(name) = to_say {
            self.out.extend_from_slice(format!("{}: {name}\r\n", entity::ENCODING_FIELD).as_bytes());
        }
        if has_body {
            self.out.extend_from_slice(b"\r\n");
        }
        self.mode = mode;
        Ok(())
    }

    fn text(&mut self, _number: usize, bytes: &[u8]) {
        let out = &mut self.out;
        match &mut self.mode {
            Mode::Copy => out.extend_from_slice(bytes),
            Mode::Drop => {}
            Mode::QuotedPrintable(encoder) => encoder.text(bytes, out),
            Mode::Base64(encoder) => encoder.text(bytes, out),
            Mode::QuotedPrintableMended(mender) => mender.text(bytes, out),
            Mode::Base64Mended(mender) => mender.text(bytes, out),
        }
    }

    fn line_end(&mut self, _number: usize) {
        let out = &mut self.out;
        match &mut self.mode {
            Mode::Copy => out.extend_from_slice(b"\r\n"),
            Mode::Drop | Mode::Base64Mended(_) => {}
            Mode::QuotedPrintable(encoder) => encoder.line_end(out),
            Mode::Base64(encoder) => encoder.line_end(out),
            Mode::QuotedPrintableMended(mender) => mender.line_end(out),
        }
    }

    fn body_end(&mut self, at_delimiter: bool) {
        let out = &mut self.out;
        match std::mem::replace(&mut self.mode, Mode::Copy) {
            Mode::Copy | Mode::Drop => {}
            Mode::QuotedPrintable(encoder) => encoder.finish(out),
            Mode::Base64(encoder) => encoder.finish(at_delimiter, out),
            Mode::QuotedPrintableMended(mender) => mender.finish(out),
            Mode::Base64Mended(mender) => mender.finish(out),
        }
    }

    fn delimiter(
        &mut self,
        line: &[u8],
        has_line_end: bool,
        epilogue_of: Option<usize>,
    ) -> Result<(), Unconvertible> {
        if !line.is_ascii() && self.target == Target::SevenBit {
            return Err(Unconvertible::Header);
        }
        self.out.extend_from_slice(line);
        if has_line_end {
            self.out.extend_from_slice(b"\r\n");
        }
        let drops = epilogue_of.is_some_and(|number| self.finding(number).exceeds(self.target));
        self.mode = if drops { Mode::Drop } else { Mode::Copy };
        Ok(())
    }
}
