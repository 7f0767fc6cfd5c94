//! What does a command line say? The parser of every SMTP and LMTP command.

use mail::{Address, Body, Notify, OriginalRecipient, Ret, ReversePath};

/// A command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command<'a> {
    /// `EHLO`, `HELO` or `LHLO` with the client's name.
    Hello(HelloVerb, &'a str),
    /// `MAIL FROM:`.
    Mail(Box<MailFrom>),
    /// `RCPT TO:`.
    Rcpt(Box<RcptTo>),
    /// `DATA`.
    Data,
    /// `BDAT` with the size of the chunk.
    Bdat {
        /// Bytes that follow.
        size: u64,
        /// Whether it is the last chunk.
        last: bool,
    },
    /// `RSET`.
    Rset,
    /// `NOOP`.
    Noop,
    /// `QUIT`.
    Quit,
    /// `VRFY`.
    Vrfy(&'a str),
    /// `EXPN`.
    Expn,
    /// `HELP`.
    Help,
    /// `STARTTLS`.
    StartTls,
    /// `AUTH` with mechanism and initial response.
    Auth {
        /// The mechanism as given.
        mechanism: &'a str,
        /// The initial response, in base64, if given.
        initial: Option<&'a str>,
    },
    /// `ETRN`.
    Etrn,
}

/// With which verb a client said hello.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HelloVerb {
    /// `HELO`.
    Helo,
    /// `EHLO`.
    Ehlo,
    /// `LHLO` (RFC 2033).
    Lhlo,
}

/// What `MAIL FROM` said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailFrom {
    /// The reverse-path.
    pub reverse_path: ReversePath,
    /// `SIZE=` (RFC 1870), bytes.
    pub size: Option<u64>,
    /// `BODY=`.
    pub body: Body,
    /// `SMTPUTF8`.
    pub smtputf8: bool,
    /// `RET=`.
    pub ret: Option<Ret>,
    /// `ENVID=`, decoded.
    pub envelope_id: Option<String>,
    /// `REQUIRETLS`.
    pub require_tls: bool,
    /// `MT-PRIORITY=`.
    pub priority: Option<i8>,
    /// `HOLDFOR=` or `HOLDUNTIL=`.
    pub hold: Option<Hold>,
    /// `BY=` (RFC 2852).
    pub deliver_by: Option<DeliverBy>,
}

/// Not before when (RFC 4865).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// This many seconds from now.
    For(u64),
    /// This point in time.
    Until(mail::Timestamp),
}

/// Until when (RFC 2852).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeliverBy {
    /// Seconds from now; negative only with `notify`.
    pub seconds: i64,
    /// Whether to tell (`N`) rather than to return (`R`) when the time is over.
    pub notify: bool,
}

/// What `RCPT TO` said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RcptTo {
    /// The forward-path; none for `<postmaster>` without a domain.
    pub forward_path: ForwardPath,
    /// `NOTIFY=`, if given.
    pub notify: Option<Notify>,
    /// `ORCPT=`, if given.
    pub original: Option<OriginalRecipient>,
}

/// A forward-path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ForwardPath {
    /// `<postmaster>`, which needs no domain (RFC 5321 section 4.5.1).
    Postmaster,
    /// An address.
    Address(Address),
}
