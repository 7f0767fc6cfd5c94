//! A server's session of SMTP or LMTP: bytes in, steps out, replies collected. It never waits.
//!
//! The caller hands in what it has read, takes steps until [`Step::NeedInput`], answers those that ask something, and
//! writes [`ServerSession::output`] before it waits. `T` is what the caller keeps with a transaction; it lives inside
//! the session's transaction and leaves with it, so that no error and no end of data can keep it.

mod auth;
mod dispatch;
mod intake;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use mail::{Body, ContentTraits, Reply};

use self::auth::Dialogue;
pub use self::dispatch::AUTHENTICATE_FIRST;
use self::intake::Intake;
pub use self::intake::check_content;
use super::answer::{Answer, append_reply};
use super::command::{HelloVerb, MailFrom, RcptTo};
use super::content::DataDecoder;
use super::extensions::Extensions;
use super::limits::{BareLineEnd, SessionLimits};
use super::lines::LineCutter;
use crate::sasl::server::Ask;

/// What is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// RFC 5321.
    Smtp,
    /// RFC 2033: a reply for each recipient after the final dot.
    Lmtp,
}

/// How this end is set up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerProfile {
    /// What is spoken.
    pub protocol: Protocol,
    /// The name that the greeting bears.
    pub hostname: String,
    /// Whether STARTTLS is offered.
    pub starttls: bool,
    /// Whether mail is refused before TLS.
    pub require_tls: bool,
    /// Whether mail is refused before authentication.
    pub require_auth: bool,
    /// What one session may ask for.
    pub limits: SessionLimits,
}

/// When AUTH is offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuthOffer {
    /// Never.
    Never,
    /// Only over TLS.
    OverTls,
    /// Also without TLS: the client is on this machine.
    Always,
}

/// What the caller is to do next.
#[derive(Debug)]
pub enum Step<'i, T> {
    /// Write the output, read more.
    NeedInput,
    /// The client said hello. Answer with `accept_hello`.
    Hello,
    /// VRFY or EXPN of this. Answer with `answer_lookup`.
    Lookup(String),
    /// Answer with `accept_mail` or `refuse`.
    Mail(Box<MailFrom>),
    /// Answer with `accept_recipient` or `refuse`.
    Recipient(Box<RcptTo>),
    /// Content follows. Answer with `accept_content` or `refuse`.
    ContentBegins,
    /// A piece of content, to be added to the transaction's.
    Content(&'i [u8]),
    /// The content is whole. Answer with `finish`.
    ContentEnds(Finished<T>),
    /// Write the output, do the handshake, then call `tls_established`.
    StartTls,
    /// Answer with `authenticated`, `scram_keys` or `refuse_authentication`.
    Authenticate(Ask),
    /// Write the output and close.
    Close,
}

/// A transaction whose content is whole; the session knows nothing of it any more.
#[derive(Debug)]
pub struct Finished<T> {
    /// What the caller kept with it.
    pub transaction: T,
    /// What the bytes are like.
    pub traits: ContentTraits,
    /// Bytes of content.
    pub size: u64,
}

/// How the client said hello.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// With which verb.
    pub verb: HelloVerb,
    /// The name that it gave itself. Harmless in a comment of a header field, perhaps not ASCII.
    pub name: String,
}

/// One session.
#[derive(Debug)]
pub struct ServerSession<T> {
    profile: Arc<ServerProfile>,
    auth: AuthOffer,
    output: Vec<u8>,
    lines: LineCutter,
    tls: bool,
    hello: Option<Hello>,
    user: Option<String>,
    extensions: Extensions,
    /// The client said QUIT.
    quit: bool,
    phase: Phase,
    transaction: Option<Transaction<T>>,
    counters: Counters,
}

/// What the next byte, or the caller's next call, belongs to.
#[derive(Debug)]
enum Phase {
    /// A command.
    Command,
    /// The caller's answer.
    Asked(Question),
    /// The client's next response in an AUTH exchange.
    Exchange(Box<Dialogue>),
    /// Content up to the final dot.
    Data { decoder: DataDecoder, intake: Box<Intake> },
    /// A BDAT chunk.
    Chunk { left: u64, last: bool, intake: Box<Intake> },
    /// Nothing any more.
    Over,
}

/// What the caller was asked and has not answered yet.
#[derive(Debug)]
enum Question {
    Hello,
    Lookup,
    Mail { smtputf8: bool, body: Body },
    Recipient,
    Data,
    FirstChunk { size: u64, last: bool },
    Finish { replies: u32 },
    Tls,
    Authenticate(Box<Dialogue>),
}

/// MAIL has been accepted.
#[derive(Debug)]
struct Transaction<T> {
    kept: T,
    smtputf8: bool,
    body: Body,
    recipients: u32,
    /// Between two BDAT chunks.
    chunks: Option<Box<Intake>>,
}

/// What a session has done so far. The first three are forgiven when a message is accepted.
#[derive(Debug, Default)]
struct Counters {
    errors: u32,
    junk_commands: u32,
    broken_lines: u32,
    messages: u32,
    auth_failures: u32,
}

impl<T> ServerSession<T> {
    /// A session that has not been greeted yet.
    pub fn new(profile: Arc<ServerProfile>, auth: AuthOffer) -> Self {
        ServerSession {
            profile,
            auth,
            output: Vec::new(),
            lines: LineCutter::default(),
            tls: false,
            hello: None,
            user: None,
            extensions: Extensions::default(),
            quit: false,
            phase: Phase::Command,
            transaction: None,
            counters: Counters::default(),
        }
    }

    /// Takes one step; says how much of the input was used up. The rest is to be handed in again.
    pub fn step<'i>(&mut self, input: &'i [u8]) -> (usize, Step<'i, T>) {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            let (more, step) = match self.phase {
                Phase::Command => self.step_command(rest),
                Phase::Exchange(_) => self.step_exchange(rest),
                Phase::Data { .. } => self.step_data(rest),
                Phase::Chunk { .. } => self.step_chunk(rest),
                Phase::Over => (rest.len(), Some(Step::Close)),
                Phase::Asked(_) => {
                    debug_assert!(false, "the caller answers before it goes on");
                    (0, Some(Step::NeedInput))
                }
            };
            used += more;
            if let Some(step) = step {
                return (used, step);
            }
        }
    }

    /// Greets.
    pub fn greet(&mut self) {
        let name = match self.profile.protocol {
            Protocol::Smtp => "ESMTP",
            Protocol::Lmtp => "LMTP",
        };
        let line = format!("220 {} {name} ready\r\n", self.profile.hostname);
        self.output.extend_from_slice(line.as_bytes());
    }

    /// The replies not yet written; the caller takes them out.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// What the caller keeps with the transaction, while there is one.
    pub fn transaction(&mut self) -> Option<&mut T> {
        self.transaction.as_mut().map(|transaction| &mut transaction.kept)
    }

    /// How the client said hello, once it has.
    pub fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// As whom the client authenticated.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Whether TLS runs.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whether nothing is under way that closing would break off.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Command) && self.transaction.is_none()
    }

    /// Whether content is being taken.
    pub fn in_content(&self) -> bool {
        matches!(self.phase, Phase::Data { .. } | Phase::Chunk { .. })
    }

    /// Whether the content of this transaction is to go through a `LineEndMender`. It still ends at CRLF.CRLF only.
    pub fn mends_line_ends(&self) -> bool {
        self.profile.limits.bare_line_end == BareLineEnd::MendForUsers
            && self.user.is_some()
            && self.transaction.as_ref().is_some_and(|transaction| transaction.body != Body::BinaryMime)
    }

    /// Whether the client said QUIT: nothing of its is left unread when we close.
    pub fn has_quit(&self) -> bool {
        self.quit
    }

    /// Recipients accepted in this transaction.
    pub fn recipients(&self) -> u32 {
        self.transaction.as_ref().map_or(0, |transaction| transaction.recipients)
    }

    /// TLS runs from the first byte.
    pub fn tls_from_start(&mut self) {
        self.tls = true;
    }

    /// TLS runs now; everything said before is forgotten (RFC 3207 section 4.2).
    pub fn tls_established(&mut self) {
        debug_assert!(matches!(self.phase, Phase::Asked(Question::Tls)), "STARTTLS was asked for");
        self.tls = true;
        self.hello = None;
        self.user = None;
        self.extensions = Extensions::default();
        self.transaction = None;
        self.lines = LineCutter::default();
        self.phase = Phase::Command;
    }

    /// Says a last word and is over.
    pub fn close(&mut self, answer: Answer) {
        answer.append_to(&mut self.output);
        self.transaction = None;
        self.phase = Phase::Over;
    }

    /// [`Self::close`] with a reply that is not known when the program is written.
    pub fn close_saying(&mut self, reply: &Reply) {
        append_reply(reply, &mut self.output);
        self.transaction = None;
        self.phase = Phase::Over;
    }

    /// The reverse-path is taken; the transaction begins.
    pub fn accept_mail(&mut self, kept: T) {
        let Phase::Asked(Question::Mail { smtputf8, body }) = self.phase else {
            debug_assert!(false, "MAIL was asked");
            return;
        };
        self.transaction = Some(Transaction { kept, smtputf8, body, recipients: 0, chunks: None });
        self.phase = Phase::Command;
        self.say(Answer("250 2.1.0 Sender ok"));
    }

    /// The recipient is taken.
    pub fn accept_recipient(&mut self) {
        debug_assert!(matches!(self.phase, Phase::Asked(Question::Recipient)), "RCPT was asked");
        if let Some(transaction) = &mut self.transaction {
            transaction.recipients = transaction.recipients.saturating_add(1);
        }
        self.phase = Phase::Command;
        self.say(Answer("250 2.1.5 Recipient ok"));
    }

    /// The content may come.
    pub fn accept_content(&mut self) {
        let limits = &self.profile.limits;
        let (recipients, body) =
            self.transaction.as_ref().map_or((0, Body::SevenBit), |t| (t.recipients, t.body));
        let mut intake = Box::new(Intake::new(limits, recipients, body == Body::BinaryMime));
        intake.mended = self.mends_line_ends();
        match self.phase {
            Phase::Asked(Question::Data) => {
                self.phase = Phase::Data { decoder: DataDecoder::default(), intake };
                self.say(Answer("354 Go ahead, end with a dot"));
            }
            Phase::Asked(Question::FirstChunk { size, last }) => {
                self.phase = Phase::Chunk { left: size, last, intake };
            }
            _ => debug_assert!(false, "content was asked"),
        }
    }

    /// What was asked is refused. A refused recipient leaves the transaction as it was, refused content ends it.
    pub fn refuse(&mut self, reply: &Reply) {
        match std::mem::replace(&mut self.phase, Phase::Command) {
            Phase::Asked(Question::FirstChunk { size, last }) => {
                let recipients = self.recipients();
                self.transaction = None;
                let intake = Box::new(Intake::refused(reply.clone(), recipients));
                self.phase = Phase::Chunk { left: size, last, intake };
                return;
            }
            Phase::Asked(Question::Data) => self.transaction = None,
            _ => {}
        }
        self.say_reply(reply);
    }

    /// What became of the message. In LMTP each recipient is told.
    pub fn finish(&mut self, reply: &Reply) {
        let Phase::Asked(Question::Finish { replies }) = self.phase else {
            debug_assert!(false, "the content is whole");
            return;
        };
        self.phase = Phase::Command;
        for _ in 0..replies {
            append_reply(reply, &mut self.output);
        }
        if reply.code == 421 {
            self.phase = Phase::Over;
        } else if (200..300).contains(&reply.code) {
            self.counters.errors = 0;
            self.counters.junk_commands = 0;
            self.counters.broken_lines = 0;
        } else {
            self.count_error(reply.code >= 500);
        }
    }

    /// The client has said hello, and is offered this.
    pub fn accept_hello(&mut self, extensions: Extensions) {
        debug_assert!(matches!(self.phase, Phase::Asked(Question::Hello)), "hello was said");
        self.phase = Phase::Command;
        self.extensions = extensions;
        self.answer_hello();
    }

    /// What VRFY or EXPN asked for is this.
    pub fn answer_lookup(&mut self, reply: &Reply) {
        debug_assert!(matches!(self.phase, Phase::Asked(Question::Lookup)), "it was asked");
        self.phase = Phase::Command;
        self.say_reply(reply);
        self.count_junk();
    }

    fn say(&mut self, answer: Answer) {
        answer.append_to(&mut self.output);
        self.count_error(answer.is_permanent());
    }

    fn say_reply(&mut self, reply: &Reply) {
        append_reply(reply, &mut self.output);
        if reply.code == 421 {
            self.transaction = None;
            self.phase = Phase::Over;
        }
        self.count_error(reply.code >= 500);
    }

    /// RFC 5321 section 4.2.1 calls 5yz a refusal for good: a client that collects them is not a mail server.
    fn count_error(&mut self, is_error: bool) {
        self.counters.errors = self.counters.errors.saturating_add(u32::from(is_error));
        if is_error
            && self.counters.errors >= self.profile.limits.errors_max
            && !matches!(self.phase, Phase::Over)
        {
            self.close(Answer("421 4.7.0 Too many errors"));
        }
    }
}
