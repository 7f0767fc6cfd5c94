//! Content on its way in: what must not pass is refused, once it is whole.

use mail::{ContentTraits, EnhancedStatus, Reply};

use super::{Finished, Phase, Protocol, Question, ServerSession, Step};
use crate::smtp::answer::{Answer, append_reply};
use crate::smtp::content::{ContentScan, Piece};
use crate::smtp::limits::{NulInContent, SessionLimits};

/// Bytes of refused content that are read past the limit, so that the client hears why; then the session is closed.
pub(super) const REFUSED_BYTES_MAX: u64 = 64 * 1024 * 1024;

const FLOOD: Answer = Answer("421 4.3.4 Too much data");

/// What is known of the content so far.
#[derive(Debug)]
pub(super) struct Intake {
    scan: ContentScan,
    bytes_max: u64,
    hops_max: u32,
    nul: NulInContent,
    /// Anything may be in it.
    binary: bool,
    /// The caller makes every line end CRLF.
    pub(super) mended: bool,
    /// Why it is refused, and whether the session is closed then.
    fault: Option<(Reply, bool)>,
    /// Bytes since it was refused.
    refused_bytes: u64,
    /// Recipients to be told, in LMTP.
    recipients: u32,
    chunks: u32,
}

impl Intake {
    pub(super) fn new(limits: &SessionLimits, recipients: u32, binary: bool) -> Self {
        Intake {
            scan: ContentScan::default(),
            bytes_max: if limits.message_bytes_max == 0 { u64::MAX } else { limits.message_bytes_max },
            hops_max: limits.hops_max,
            nul: limits.nul,
            binary,
            mended: false,
            fault: None,
            refused_bytes: 0,
            recipients,
            chunks: 1,
        }
    }

    /// Content that is passed over and then refused.
    pub(super) fn refused(reply: Reply, recipients: u32) -> Self {
        let mut intake = Intake::new(&SessionLimits::default(), recipients, false);
        intake.fault = Some((reply, false));
        intake
    }

    /// One more chunk begins.
    pub(super) fn next_chunk(&mut self, chunks_max: u32) {
        self.chunks = self.chunks.saturating_add(1);
        if self.chunks > chunks_max && self.fault.is_none() {
            self.fault = Some((reply(552, 5, 3, 4, "Too many chunks"), false));
        }
    }

    fn look_at(&mut self, bytes: &[u8]) {
        if self.fault.is_some() {
            self.refused_bytes = self.refused_bytes.saturating_add(bytes.len() as u64);
            return;
        }
        self.scan.look_at(bytes);
        self.fault = self.judge();
    }

    fn end(&mut self) {
        if self.fault.is_none() {
            self.scan.end();
            self.fault = self.judge();
        }
    }

    /// What the bytes are like that the caller keeps.
    fn traits(&self) -> ContentTraits {
        let traits = self.scan.traits();
        if self.mended { ContentTraits { binary: self.scan.nul, ..traits } } else { traits }
    }

    fn judge(&self) -> Option<(Reply, bool)> {
        let scan = &self.scan;
        if scan.size > self.bytes_max {
            return Some((reply(552, 5, 3, 4, "The message is too big"), false));
        }
        if scan.bare_line_end && !self.binary && !self.mended {
            // What follows could be the rest of an attempt at smuggling: hear it out, then hang up.
            return Some((reply(550, 5, 6, 11, "CR or LF stands alone in the message"), true));
        }
        if scan.nul && !self.binary && self.nul == NulInContent::Refuse {
            return Some((reply(550, 5, 6, 0, "There is a NUL in the message"), false));
        }
        if scan.has_endless_line() && !self.binary {
            return Some((reply(500, 5, 6, 0, "A line of the message is too long"), false));
        }
        // RFC 5321 section 6.3: loops are found by counting.
        (scan.hops > self.hops_max).then(|| (reply(554, 5, 4, 6, "Too many hops, this may be a loop"), false))
    }
}

/// What the bytes of a whole message are like, or why a session with these limits would refuse it.
pub fn check_content(content: &[u8], limits: &SessionLimits) -> Result<ContentTraits, Reply> {
    let mut intake = Intake::new(limits, 1, false);
    intake.look_at(content);
    intake.end();
    match intake.fault.take() {
        Some((reply, _)) => Err(reply),
        None => Ok(intake.traits()),
    }
}

fn reply(code: u16, class: u8, subject: u16, detail: u16, text: &str) -> Reply {
    Reply::new(code, Some(EnhancedStatus::new(class, subject, detail)), text)
}

impl<T> ServerSession<T> {
    pub(super) fn step_data<'i>(&mut self, input: &'i [u8]) -> (usize, Option<Step<'i, T>>) {
        let Phase::Data { decoder, intake } = &mut self.phase else { return (0, None) };
        let (used, piece) = decoder.next(input);
        match piece {
            Piece::NeedInput => (used, Some(Step::NeedInput)),
            Piece::Content(bytes) => {
                intake.look_at(bytes);
                (used, self.content_step(bytes))
            }
            Piece::End => {
                intake.end();
                (used, self.content_ends(true))
            }
        }
    }

    pub(super) fn step_chunk<'i>(&mut self, input: &'i [u8]) -> (usize, Option<Step<'i, T>>) {
        let Phase::Chunk { left, last, intake } = &mut self.phase else { return (0, None) };
        if *left == 0 {
            let last = *last;
            if last {
                intake.end();
            }
            let refused = intake.fault.is_some();
            return (0, if last || refused { self.content_ends(last) } else { self.chunk_ends() });
        }
        let count = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
        if count == 0 {
            return (0, Some(Step::NeedInput));
        }
        *left -= count as u64;
        let bytes = &input[..count];
        intake.look_at(bytes);
        (count, self.content_step(bytes))
    }

    /// Hands a piece on, or passes over it once the content is refused.
    fn content_step<'i>(&mut self, bytes: &'i [u8]) -> Option<Step<'i, T>> {
        let (Phase::Data { intake, .. } | Phase::Chunk { intake, .. }) = &self.phase else { return None };
        if intake.fault.is_none() {
            return Some(Step::Content(bytes));
        }
        let flood = intake.refused_bytes > REFUSED_BYTES_MAX;
        self.transaction = None;
        if flood {
            self.close(FLOOD);
        }
        None
    }

    /// A chunk is whole, more will follow.
    fn chunk_ends(&mut self) -> Option<Step<'static, T>> {
        if let Phase::Chunk { intake, .. } = std::mem::replace(&mut self.phase, Phase::Command) {
            let reply = format!("250 2.0.0 {} octets received\r\n", intake.scan.size);
            self.output.extend_from_slice(reply.as_bytes());
            if let Some(transaction) = &mut self.transaction {
                transaction.chunks = Some(intake);
            }
        }
        None
    }

    /// The transaction ends here, whatever becomes of its content. `whole`: its end was seen, so that in LMTP
    /// each recipient is answered for.
    fn content_ends(&mut self, whole: bool) -> Option<Step<'static, T>> {
        let transaction = self.transaction.take();
        let (Phase::Data { intake, .. } | Phase::Chunk { intake, .. }) =
            std::mem::replace(&mut self.phase, Phase::Command)
        else {
            return None;
        };
        let each = whole && self.profile.protocol == Protocol::Lmtp;
        let replies = if each { intake.recipients.max(1) } else { 1 };
        let (traits, size) = (intake.traits(), intake.scan.size);
        match (intake.fault, transaction) {
            (None, Some(transaction)) => {
                self.phase = Phase::Asked(Question::Finish { replies });
                self.counters.messages = self.counters.messages.saturating_add(1);
                Some(Step::ContentEnds(Finished { transaction: transaction.kept, traits, size }))
            }
            (fault, _) => {
                let (reply, close) = fault.unwrap_or_else(|| (reply(503, 5, 5, 1, "No transaction"), false));
                for _ in 0..replies {
                    append_reply(&reply, &mut self.output);
                }
                if close || reply.code == 421 {
                    self.phase = Phase::Over;
                } else {
                    self.count_error(reply.code >= 500);
                }
                None
            }
        }
    }
}
