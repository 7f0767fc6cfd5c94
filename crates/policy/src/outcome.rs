//! What did the peer's reply mean?

use mail::{EnhancedStatus, Reply};

/// What one delivery attempt meant for one recipient.
#[derive(Clone, PartialEq, Debug)]
pub enum AttemptOutcome {
    /// The next hop has taken responsibility.
    Delivered(Delivered),
    /// Not now.
    Deferred(Trouble),
    /// Never.
    Failed(Trouble),
}

/// What is known of a delivery that succeeded.
#[derive(Clone, PartialEq, Debug)]
pub struct Delivered {
    /// The host that took it; `localhost` for the local store.
    pub host: String,
    /// Its last word: the reply to the final dot, or per recipient in LMTP.
    pub reply: Reply,
    /// Whether DSN was offered and the request for notification was handed on (RFC 3461 section 5.2.1).
    pub dsn_handed_on: bool,
}

/// Why not.
#[derive(Clone, PartialEq, Debug)]
pub struct Trouble {
    /// Whom else it would hit.
    pub scope: Scope,
    /// What kind of trouble; what `last_error` shows.
    pub kind: TroubleKind,
    /// The status for reports.
    pub status: EnhancedStatus,
    /// In words, for people. Never trusted: it may quote the peer.
    pub text: String,
    /// The host that it came from or was about; empty if none.
    pub host: String,
    /// The reply and the command that it answered, when the peer said no.
    pub reply: Option<(String, Reply)>,
    /// The final dot was sent and no answer came: the peer may have the message (RFC 1047).
    pub in_doubt: bool,
}

/// Whom else the same trouble would hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// This recipient alone.
    Recipient,
    /// Every recipient of this message.
    Message,
    /// Every message to this host.
    Host,
    /// Every message to this next hop.
    Destination,
}

/// What kind of trouble. The names are those that expressions see as `last_error`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TroubleKind {
    /// The resolver failed, or the name says that it takes no mail.
    Dns,
    /// The peer said no.
    UnexpectedReply,
    /// No connection, or it broke.
    Connection,
    /// STARTTLS or the handshake.
    Tls,
    /// DANE.
    Dane,
    /// MTA-STS.
    MtaSts,
    /// A rate limit of ours.
    Rate,
    /// A concurrency limit.
    Concurrency,
    /// Our own side: store, secret, configuration, expiry, an operator.
    Io,
}

impl TroubleKind {
    /// The name that expressions see.
    pub fn name(self) -> &'static str {
        match self {
            TroubleKind::Dns => "dns",
            TroubleKind::UnexpectedReply => "unexpected-reply",
            TroubleKind::Connection => "connection",
            TroubleKind::Tls => "tls",
            TroubleKind::Dane => "dane",
            TroubleKind::MtaSts => "mta-sts",
            TroubleKind::Rate => "rate",
            TroubleKind::Concurrency => "concurrency",
            TroubleKind::Io => "io",
        }
    }
}
