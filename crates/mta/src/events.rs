//! What happened? Said as data, once, to whoever listens: history, metrics, webhooks, logs for machines.
//!
//! Nothing that is written or sent here waits for a listener. [`Events::report`] takes an event or counts it as dropped;
//! where nobody listens, nothing is gathered ([`Events::wanted`]).

mod dialogue;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mail::{Address, EnhancedStatus, Envelope, RecipientId, Reply, ReversePath, Timestamp};
use policy::{NextHop, TroubleKind};

pub use self::dialogue::{Dialogue, DialogueLine, Side};
pub(crate) use self::dialogue::{Transcript, masked};
pub use policy::settings::Dialogues;

use crate::attempt::Way;

/// Who listens to what happens. Never waits, never fails.
pub trait Events: Send + Sync {
    /// What is worth gathering right now.
    fn wanted(&self) -> Wanted;
    /// Takes an event, or counts it as dropped.
    fn report(&self, event: Event);
}

/// What is worth gathering.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Whether anybody listens at all.
    pub events: bool,
    /// Of which attempts the dialogue is kept.
    pub dialogues: Dialogues,
}

impl Wanted {
    /// Nothing.
    pub const NOTHING: Wanted = Wanted { events: false, dialogues: Dialogues::None };
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unheard;

impl Events for Unheard {
    fn wanted(&self) -> Wanted {
        Wanted::NOTHING
    }

    fn report(&self, _event: Event) {}
}

/// Something that happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// A message became ours.
    Accepted(Arc<Envelope>),
    /// A client was told no.
    Refused(Box<Refused>),
    /// Something was decided about a recipient, after an attempt or without, and is written.
    Attempt(Box<Attempt>),
    /// A next hop is down: deliveries to it were put off.
    PutOff(Box<PutOff>),
    /// A notification was queued.
    Bounced(Box<Bounced>),
    /// An operator did something to a recipient.
    Operator(Box<Operator>),
    /// A client came or went.
    Connection(Box<ClientConnection>),
    /// The queue holds more than slow next hops take.
    QueuePressure(Box<QueuePressure>),
    /// Another configuration is in force.
    Configuration(Box<ConfigurationChanged>),
}

/// A client was told no.
#[derive(Clone, PartialEq, Debug)]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// The client's address.
    pub client: IpAddr,
    /// Where it came in.
    pub listener: String,
    /// As whom it had authenticated.
    pub authenticated_as: Option<String>,
    /// What was refused.
    pub step: RefusedStep,
    /// The reverse-path, as far as it was known.
    pub reverse_path: Option<ReversePath>,
    /// The recipient, if it was about one.
    pub forward_path: Option<Address>,
    /// What we said.
    pub reply: Reply,
}

/// What a client was refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RefusedStep {
    /// The connection.
    Connection,
    /// A password.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// The content.
    Content,
}

impl RefusedStep {
    /// As events and metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            RefusedStep::Connection => "connection",
            RefusedStep::Auth => "auth",
            RefusedStep::Mail => "mail",
            RefusedStep::Rcpt => "rcpt",
            RefusedStep::Content => "content",
        }
    }
}

/// What was decided about a recipient.
#[derive(Clone, PartialEq, Debug)]
pub struct Attempt {
    /// When it was decided.
    pub at: Timestamp,
    /// The message.
    pub envelope: Arc<Envelope>,
    /// The recipient's name in the queue.
    pub recipient: RecipientId,
    /// The recipient's address.
    pub forward_path: Address,
    /// What became of it.
    pub outcome: Outcome,
    /// Where it was to go; none if that was not asked any more.
    pub next_hop: Option<NextHop>,
    /// The branch that chose the route, with the values that it saw.
    pub reason: Option<String>,
    /// Which way it took; none if it was not tried.
    pub way: Option<Way>,
    /// How long the attempt took.
    pub took: Duration,
    /// How many attempts had failed before.
    pub retry_num: u32,
    /// What kind of trouble, unless delivered.
    pub trouble: Option<TroubleKind>,
    /// The status for reports, unless delivered.
    pub status: Option<EnhancedStatus>,
    /// The peer's reply, or the trouble in our words; one line.
    pub reply: String,
    /// When it is tried next.
    pub next_attempt: Option<Timestamp>,
    /// Whether the peer may have the message although it is tried again.
    pub in_doubt: bool,
    /// Whether it failed and nobody is told, since it is a notification.
    pub double_bounce: bool,
    /// What was said, if that is kept.
    pub dialogue: Option<Arc<Dialogue>>,
}

impl Attempt {
    /// The route's name; empty if it came to none.
    pub fn route(&self) -> &str {
        match &self.next_hop {
            Some(NextHop::Local { route } | NextHop::Mx { route, .. } | NextHop::Relay { route }) => route,
            None => "",
        }
    }
}

/// What became of a recipient.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// The next hop took it.
    Delivered,
    /// It is tried again later.
    Deferred,
    /// It is given up.
    Failed,
    /// It was not tried, for a limit of ours, and is tried later.
    Postponed,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 4] =
        [Outcome::Delivered, Outcome::Deferred, Outcome::Failed, Outcome::Postponed];

    /// As events, history and metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::Deferred => "deferred",
            Outcome::Failed => "failed",
            Outcome::Postponed => "postponed",
        }
    }
}

/// Deliveries of a message to a next hop that is down.
#[derive(Clone, PartialEq, Debug)]
pub struct PutOff {
    /// When.
    pub at: Timestamp,
    /// The message.
    pub envelope: Arc<Envelope>,
    /// How many recipients.
    pub recipients: usize,
    /// The next hop.
    pub next_hop: NextHop,
    /// When it is tried again.
    pub until: Timestamp,
    /// Why it is down.
    pub why: String,
}

/// A notification that was queued.
#[derive(Clone, PartialEq, Debug)]
pub struct Bounced {
    /// When.
    pub at: Timestamp,
    /// The message it is about.
    pub envelope: Arc<Envelope>,
    /// Who is told.
    pub to: Address,
}

/// What an operator did to a recipient.
#[derive(Clone, PartialEq, Debug)]
pub struct Operator {
    /// When.
    pub at: Timestamp,
    /// The message.
    pub envelope: Arc<Envelope>,
    /// The recipient; none if it was done to all.
    pub forward_path: Option<Address>,
    /// What was done.
    pub action: OperatorAction,
    /// By whom.
    pub by: String,
    /// Why, or where to.
    pub reason: String,
}

/// What an operator may do to a recipient.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OperatorAction {
    /// It is not tried until released.
    Held,
    /// It is tried again.
    Released,
    /// It is given up.
    Cancelled,
    /// Its time was changed.
    Rescheduled,
    /// Its route was set.
    Rerouted,
}

impl OperatorAction {
    /// As events and history name it.
    pub fn name(self) -> &'static str {
        match self {
            OperatorAction::Held => "held",
            OperatorAction::Released => "released",
            OperatorAction::Cancelled => "cancelled",
            OperatorAction::Rescheduled => "rescheduled",
            OperatorAction::Rerouted => "rerouted",
        }
    }
}

/// A client came, was turned away, or went.
#[derive(Clone, PartialEq, Debug)]
pub struct ClientConnection {
    /// When.
    pub at: Timestamp,
    /// The client's address.
    pub client: IpAddr,
    /// Where it came in.
    pub listener: String,
    /// What it did.
    pub change: ConnectionChange,
}

/// What a client's connection did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectionChange {
    /// It came.
    Opened,
    /// It went.
    Closed,
    /// There was no place for it.
    TurnedAway,
}

/// The queue holds more than slow next hops take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueuePressure {
    /// When.
    pub at: Timestamp,
    /// Deliveries that were put off.
    pub deliveries: usize,
}

/// Another configuration is in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigurationChanged {
    /// When.
    pub at: Timestamp,
    /// Its revision, where settings are kept in the store.
    pub revision: Option<u64>,
    /// Who changed it.
    pub by: String,
    /// What for.
    pub comment: String,
}
