//! SMTP and LMTP as a client, without the socket: what the peer says goes in, what is to be done next comes out.
//!
//! A [`Client`] serves one connection: first the setup (greeting, EHLO, STARTTLS, AUTH: `setup`), then one
//! transaction after another (`transaction`). It reports what the peer said; what that means is judged in `policy`.

mod setup;
#[cfg(test)]
mod tests;
mod transaction;

use mail::{Address, ContentTraits, Envelope, Notify, OriginalRecipient, Reply, Stage};
use thiserror::Error;

pub use crate::sasl::exchange::Login;
use crate::sasl::exchange::{Exchange, ExchangeError, Mechanisms};

use super::capabilities::Capabilities;
use super::parameter::DeliverBy;
use super::reply::{self, ReplyError, ReplyParser};
use setup::Setup;
use transaction::Transaction;

/// What is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// RFC 5321.
    Smtp,
    /// RFC 2033.
    Lmtp,
}

/// Whether STARTTLS is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartTls {
    /// No: it is not wanted, or TLS is there already.
    Never,
    /// If the peer offers it and does not refuse it then.
    IfOffered,
    /// Or nothing.
    Required,
}

/// What is to be done next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Write [`Client::output`], then say [`Client::sent`].
    Send,
    /// Read, and give what came to [`Client::receive`]; what is awaited belongs to this stage.
    Receive(Stage),
    /// Make the TLS handshake, then say [`Client::secured`].
    Handshake,
    /// Write [`Client::content_prefix`], the content and its end in this framing; say [`Client::content_sent`] as soon as
    /// the last byte has been handed over, or [`Client::content_interrupted`] if it cannot be.
    SendContent(Framing),
    /// Nothing: the next transaction may begin. The answers of the last one are there.
    Ready,
    /// Close the connection: nothing more can be said over it.
    Over,
}

/// How content travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// Stuffed, ended by a lone dot.
    Dot,
    /// As it is, counted (RFC 3030).
    Chunk,
}

/// Why the dialogue cannot go on.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Broken {
    /// What came is not a reply.
    #[error("{0}")]
    Reply(#[from] ReplyError),
    /// A reply that makes no sense at this place.
    #[error("the reply makes no sense here: {0}")]
    Unexpected(Reply),
    /// Something was said before it was asked for.
    #[error("the server talks out of turn")]
    OutOfTurn,
    /// The proof of who we are led nowhere.
    #[error("{0}")]
    Proof(#[from] ExchangeError),
    /// The connection failed; the text says how.
    #[error("{0}")]
    Connection(String),
}

/// Why the setup did not succeed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetupTrouble {
    /// The peer said no.
    Refused(Stage, Reply),
    /// STARTTLS is required and not offered.
    NoStartTls,
    /// The peer offers no mechanism that we know.
    NoMechanism,
    /// The dialogue broke.
    Broken(Stage, Broken),
}

/// What the peer said about one recipient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It took the message for this recipient.
    Taken(Reply),
    /// It said no, at this stage.
    Refused(Stage, Reply),
    /// The dialogue broke before the end of the content was sent: the peer cannot have the message.
    Unanswered(Stage, Broken),
    /// The dialogue broke after the end of the content was sent: the peer may have the message (RFC 1047).
    InDoubt(Broken),
}

/// Why a message cannot be offered to this peer at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unable {
    /// It is larger than the peer takes: the limit in bytes.
    TooLarge(u64),
    /// It needs SMTPUTF8.
    NoSmtpUtf8,
    /// It needs BINARYMIME and CHUNKING.
    NoBinaryMime,
    /// It needs 8BITMIME, or shorter lines.
    NoEightBitMime,
    /// It is to be returned at a certain time, which needs DELIVERBY, and as much time as the peer asks for.
    NoDeliverBy,
    /// It needs REQUIRETLS.
    NoRequireTls,
}

/// One recipient of a transaction.
#[derive(Clone, Copy, Debug)]
pub struct Forward<'a> {
    /// Where the copy is to go.
    pub forward_path: &'a Address,
    /// What the sender wrote, for ORCPT.
    pub original: Option<&'a OriginalRecipient>,
    /// Which notifications were asked for; handed on only if explicit.
    pub notify: Notify,
}

/// What one transaction is to carry.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The message.
    pub envelope: &'a Envelope,
    /// Bytes of content, exactly.
    pub content_bytes: u64,
    /// What the bytes are like, as they are to be sent.
    pub traits: ContentTraits,
    /// The time that is left to deliver within (RFC 2852 section 4).
    pub deliver_by: Option<DeliverBy>,
    /// Whether the header or an address needs SMTPUTF8.
    pub needs_smtputf8: bool,
    /// For whom; not empty.
    pub recipients: &'a [Forward<'a>],
}

#[derive(Debug)]
enum Phase {
    Setup(Setup),
    Ready,
    Transaction(Transaction),
    Over,
}

/// One connection's dialogue.
#[derive(Debug)]
pub struct Client {
    protocol: Protocol,
    hello: String,
    start_tls: StartTls,
    login: Option<Login>,
    exchange: Option<Exchange>,
    /// The mechanisms that were tried.
    tried: Mechanisms,
    phase: Phase,
    parser: ReplyParser,
    output: Vec<u8>,
    capabilities: Capabilities,
    peer_name: String,
    /// A transaction was begun and not ended: RSET goes before the next one.
    reset_due: bool,
    /// A transaction ends when all recipients are answered.
    only_asks: bool,
    replies: u64,
    setup_trouble: Option<SetupTrouble>,
    answers: Vec<Answer>,
}

impl Client {
    /// Before the greeting. `hello` is the name that we give ourselves.
    pub fn new(protocol: Protocol, hello: &str, start_tls: StartTls, login: Option<Login>) -> Self {
        Client {
            protocol,
            hello: hello.to_owned(),
            start_tls,
            login,
            exchange: None,
            tried: Mechanisms::default(),
            phase: Phase::Setup(Setup::Greeting),
            parser: ReplyParser::default(),
            output: Vec::new(),
            capabilities: Capabilities::default(),
            peer_name: String::new(),
            reset_due: false,
            only_asks: false,
            replies: 0,
            setup_trouble: None,
            answers: Vec::new(),
        }
    }

    /// From now on transactions end before DATA and BDAT: [`Answer::Taken`] means that the recipient would be.
    pub fn only_ask(&mut self) {
        self.only_asks = true;
    }

    /// What is to be done next. May be asked again; only what is told changes it.
    pub fn step(&mut self) -> Step {
        loop {
            match self.phase {
                Phase::Over => return Step::Over,
                Phase::Ready if !self.parser.is_empty() => self.over(),
                Phase::Ready => return Step::Ready,
                Phase::Setup(setup) => {
                    if let Some(step) = self.setup_step(setup) {
                        return step;
                    }
                }
                Phase::Transaction(_) => {
                    if let Some(step) = self.transaction_step() {
                        return step;
                    }
                }
            }
        }
    }

    /// Whether what is sent and answered now proves who we are: none of it may be written down.
    pub fn is_proving(&self) -> bool {
        matches!(self.phase, Phase::Setup(Setup::Auth { .. }))
    }

    /// What is to be written.
    pub fn output(&self) -> &[u8] {
        match &self.phase {
            Phase::Transaction(transaction) => transaction.output(),
            Phase::Setup(_) | Phase::Ready | Phase::Over => &self.output,
        }
    }

    /// What was to be written has been.
    pub fn sent(&mut self) {
        match &mut self.phase {
            Phase::Transaction(transaction) => transaction.sent(),
            Phase::Setup(_) | Phase::Ready | Phase::Over => self.output.clear(),
        }
    }

    /// These bytes have come.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.parser.push(bytes);
    }

    /// The connection has failed, or the patience with it has ended.
    pub fn disconnected(&mut self, why: impl Into<String>) {
        self.break_off(Broken::Connection(why.into()));
    }

    /// What the peer offers, by its last EHLO reply.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The name that the peer gives itself.
    pub fn peer_name(&self) -> &str {
        &self.peer_name
    }

    /// How many replies were read: a change means progress.
    pub fn replies(&self) -> u64 {
        self.replies
    }

    /// Why the setup ended in [`Step::Over`].
    pub fn take_setup_trouble(&mut self) -> Option<SetupTrouble> {
        self.setup_trouble.take()
    }

    /// What the peer said about each recipient of the transaction that has ended, in the order of the request.
    pub fn take_answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }

    /// The next reply, if it is there; its text is cut unless the stage needs it whole.
    fn next_reply(&mut self, stage: Stage) -> Option<Result<Reply, ReplyError>> {
        let mut next = self.parser.next_reply()?;
        self.replies += 1;
        if let Ok(reply) = &mut next
            && !matches!(stage, Stage::Hello | Stage::Auth)
        {
            reply::truncate(reply);
        }
        Some(next)
    }

    /// Ends the dialogue in the middle.
    fn break_off(&mut self, broken: Broken) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Setup(setup) => {
                self.setup_trouble = Some(SetupTrouble::Broken(setup.stage(), broken));
            }
            Phase::Transaction(transaction) => self.answers = transaction.broken(&broken),
            Phase::Ready | Phase::Over => {}
        }
        self.over();
    }

    fn over(&mut self) {
        self.phase = Phase::Over;
        self.output.clear();
    }
}
