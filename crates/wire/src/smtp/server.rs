//! A server's session of SMTP or LMTP: bytes in, steps out, replies collected. It never waits.
//!
//! The caller hands in what it has read, takes steps until [`Step::NeedInput`], answers those that ask something, and
//! writes [`ServerSession::output`] before it waits. `T` is what the caller keeps with a transaction; it lives inside
//! the session's transaction and leaves with it, so that no error and no end of data can keep it.

use mail::{ContentTraits, Reply};

use super::command::{MailFrom, RcptTo};
use super::limits::SessionLimits;
use crate::sasl::PlainCredentials;

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
    /// When AUTH is offered.
    pub auth: AuthOffer,
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
    /// Answer with `authenticated` or `refuse_authentication`.
    Authenticate(PlainCredentials),
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

/// One session.
#[derive(Debug)]
pub struct ServerSession<T> {
    transaction: Option<T>,
}

impl<T> ServerSession<T> {
    /// A session that has not been greeted yet.
    pub fn new(_profile: ServerProfile) -> Self {
        todo!()
    }
    /// Greets.
    pub fn greet(&mut self) {
        todo!()
    }
    /// Takes one step; says how much of the input was used up.
    pub fn step<'i>(&mut self, _input: &'i [u8]) -> (usize, Step<'i, T>) {
        todo!()
    }
    /// The replies not yet written; the caller clears it.
    pub fn output(&mut self) -> &mut Vec<u8> {
        todo!()
    }
    /// What the caller keeps with the transaction, while there is one.
    pub fn transaction(&mut self) -> Option<&mut T> {
        self.transaction.as_mut()
    }
    /// The reverse-path is taken; the transaction begins.
    pub fn accept_mail(&mut self, _transaction: T) {
        todo!()
    }
    /// The recipient is taken.
    pub fn accept_recipient(&mut self) {
        todo!()
    }
    /// The content may come.
    pub fn accept_content(&mut self) {
        todo!()
    }
    /// What was asked is refused.
    pub fn refuse(&mut self, _reply: &Reply) {
        todo!()
    }
    /// What became of the message.
    pub fn finish(&mut self, _reply: &Reply) {
        todo!()
    }
    /// The client has shown that it is this user.
    pub fn authenticated(&mut self, _username: String) {
        todo!()
    }
    /// The client has not.
    pub fn refuse_authentication(&mut self, _reply: &Reply) {
        todo!()
    }
    /// TLS runs now; everything said before is forgotten.
    pub fn tls_established(&mut self) {
        todo!()
    }
}
