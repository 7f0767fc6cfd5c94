//! What happened, in order? Every part of the world writes here, and the judges read along.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail::seven_bit::{Target, convert};
use mail::{Address, Clock, MessageId, Notify, RecipientId, ReversePath, Timestamp};
use policy::{Progress, Verdict};
use store::LeaseId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::SimClock;
use crate::fault::Fault;
use crate::invariants::{Judge, judges};

/// Names content by its bytes (FNV-1a). A last line without its end counts as if it had one, and eight-bit content has
/// the name of what it becomes for a peer without 8BITMIME.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContentHash(pub u64);

impl ContentHash {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let converted = (!bytes.is_ascii()).then(|| convert(bytes, Target::SevenBit).ok()).flatten();
        let bytes = converted.as_deref().unwrap_or(bytes);
        let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, fnv);
        let end: &[u8] = if bytes.ends_with(b"\r\n") { b"" } else { b"\r\n" };
        ContentHash(end.iter().fold(hash, fnv))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Names one connection to a peer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ConnectionId(pub u64);

/// Names one reply of a peer; its text bears the number, so that a verdict can be traced to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ReplyId(pub u64);

impl ReplyId {
    /// As it stands in the reply's text.
    pub fn mark(self) -> String {
        format!("(reply {})", self.0)
    }

    /// From a text that holds the mark.
    pub fn find(text: &str) -> Option<Self> {
        let rest = &text[text.find("(reply ")? + "(reply ".len()..];
        rest[..rest.find(')')?].parse().ok().map(ReplyId)
    }
}

/// A recipient as it entered the queue.
#[derive(Clone, PartialEq, Debug)]
pub struct Entered {
    /// Its number.
    pub id: RecipientId,
    /// Its forward-path.
    pub forward_path: Address,
    /// What it asked for.
    pub notify: Notify,
    /// Its first progress.
    pub progress: Progress,
}

/// What a notification of ours says about one recipient.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Told {
    /// `Final-Recipient`.
    pub forward_path: String,
    /// `Action`: failed, delayed, delivered, relayed.
    pub action: String,
}

/// An ending as it was committed.
#[derive(Clone, PartialEq, Debug)]
pub struct Ended {
    /// Which recipient.
    pub recipient: RecipientId,
    /// What became of it.
    pub verdict: Verdict,
    /// Whether a notification is still owed.
    pub owed: bool,
}

/// What can happen.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The world as it was made.
    World(WorldFacts),
    /// A client's message was acknowledged.
    Acknowledged {
        /// What it sent.
        content: ContentHash,
    },
    /// A client's message was turned away or failed.
    TurnedAway {
        /// What it sent.
        content: ContentHash,
    },
    /// A message became durable.
    Committed {
        /// Its number.
        message: MessageId,
        /// Its content.
        content: ContentHash,
        /// What the client sent: the content without our trace field.
        sent: ContentHash,
        /// Its reverse-path.
        reverse_path: ReversePath,
        /// Its recipients.
        recipients: Vec<Entered>,
        /// The message that it tells of, if it is a notification.
        about: Option<MessageId>,
    },
    /// Recipients were taken.
    Claimed {
        /// The right to settle them.
        lease: LeaseId,
        /// Their message.
        message: MessageId,
        /// Until when.
        until: Timestamp,
        /// Who, and how far they are.
        recipients: Vec<(RecipientId, Progress)>,
    },
    /// An attempt was announced.
    Begun {
        /// The right to settle them.
        lease: LeaseId,
        /// When that was decided; the store may take its time to write it.
        at: Timestamp,
        /// Until when.
        until: Timestamp,
        /// For whom.
        recipients: Vec<RecipientId>,
    },
    /// A settlement was committed.
    Settled {
        /// The right to do so.
        lease: LeaseId,
        /// The message.
        message: MessageId,
        /// What became of whom.
        endings: Vec<Ended>,
        /// Whose owed notification is done with.
        cleared: Vec<RecipientId>,
        /// Who got a copy in the local store.
        deposits: Vec<RecipientId>,
        /// What the notifications of this settlement say.
        told: Vec<Told>,
    },
    /// A settlement was asked for and the answer was an error, whatever was written.
    SettleUncertain {
        /// The message.
        message: MessageId,
    },
    /// Recipients were given back.
    Released {
        /// The right to settle them.
        lease: LeaseId,
        /// Who.
        recipients: Vec<RecipientId>,
    },
    /// Somebody looked whether the content of a message is there.
    ContentSeen {
        /// The message.
        message: MessageId,
        /// Whether it was.
        there: bool,
    },
    /// A connection to a peer stands.
    Connected {
        /// Its number.
        connection: ConnectionId,
        /// To which peer.
        peer: String,
    },
    /// A connection was reset by the network.
    Reset {
        /// Its number.
        connection: ConnectionId,
    },
    /// A peer opened a transaction: it said yes to MAIL.
    Opened {
        /// On which connection.
        connection: ConnectionId,
        /// Which peer.
        peer: String,
    },
    /// A transaction is over, however it ended.
    Closed {
        /// On which connection.
        connection: ConnectionId,
    },
    /// A peer said something that decides about recipients.
    Said {
        /// Its number.
        reply: ReplyId,
        /// Its code.
        code: u16,
        /// Which peer.
        peer: String,
        /// Whom it was about; nobody in particular if it came before RCPT.
        recipients: Vec<Address>,
    },
    /// A peer took a message for these recipients: from here on it is the peer's.
    Took {
        /// On which connection.
        connection: ConnectionId,
        /// Which peer.
        peer: String,
        /// The bytes it got.
        content: ContentHash,
        /// MAIL FROM, as it came.
        reverse_path: String,
        /// For whom, each with the reply that will say so.
        recipients: Vec<(Address, ReplyId)>,
    },
    /// A peer's reply to the final dot was written out in good time.
    Answered {
        /// Which replies.
        replies: Vec<ReplyId>,
    },
    /// A client of ours broke the protocol.
    Rude {
        /// Which peer saw it.
        peer: String,
        /// What it did.
        what: String,
    },
    /// The node was told to stop and claims no more.
    Stopping,
    /// The node died; its leases are void where the store says so.
    Crashed,
    /// The node started.
    Started,
    /// A task died of a bug.
    Panicked {
        /// What it said.
        message: String,
        /// Whether the world made it so.
        injected: bool,
    },
    /// The store was called more often than any work needs.
    Spun {
        /// How often.
        calls: u64,
    },
    /// The recipients that the store holds, all of them.
    Counted {
        /// Who.
        pending: Vec<RecipientId>,
    },
    /// The copies in a mailbox, at the end.
    Mailbox {
        /// Whose.
        account: Address,
        /// The content of each, without what we put in front.
        contents: Vec<ContentHash>,
    },
    /// The run is over; so many recipients are still in the queue.
    Over {
        /// How many.
        left: usize,
    },
}

/// What the judges must know of the world beforehand.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WorldFacts {
    /// Deliveries at once, by virtual queue.
    pub threads: BTreeMap<String, usize>,
    /// Transactions at once that a peer may see, by peer.
    pub transactions_max: BTreeMap<String, usize>,
    /// Domains to which no mail can be delivered, as DNS says for certain.
    pub hopeless: Vec<mail::Domain>,
    /// The largest message that every peer takes.
    pub size_max: u64,
    /// Delay notices at most, for one recipient.
    pub notices_max: usize,
    /// How long a recipient may be due and free.
    pub claimed_within: Duration,
    /// Retry intervals, shortest and longest.
    pub retry: (Duration, Duration),
}

/// A rule that was broken.
#[derive(Clone, PartialEq, Debug)]
pub struct Breach {
    /// Which rule.
    pub invariant: &'static str,
    /// At which event, counted from 0.
    pub event: usize,
    /// What was wrong.
    pub text: String,
}

/// Calls to the store between two counts of the queue, beyond which somebody spins.
const CALLS_MAX: u64 = 20_000;
/// Breaches kept at most; the first few tell the story.
const BREACHES_MAX: usize = 64;

struct Inner {
    events: Vec<(Timestamp, Event)>,
    faults: BTreeMap<Fault, u64>,
    judges: Vec<(&'static str, Box<dyn Judge>)>,
    breaches: Vec<Breach>,
    connections: u64,
    replies: u64,
    /// Calls to the store since the last count.
    calls: u64,
}

impl Inner {
    fn note(&mut self, now: Timestamp, event: Event) {
        let index = self.events.len();
        for (invariant, judge) in &mut self.judges {
            let room = BREACHES_MAX.saturating_sub(self.breaches.len());
            let texts = judge.see(now, &event).into_iter().take(room);
            self.breaches.extend(texts.map(|text| Breach { invariant, event: index, text }));
        }
        self.events.push((now, event));
    }
}

/// The one log of a world, shared by all its parts.
#[derive(Clone)]
pub struct History {
    clock: SimClock,
    inner: Arc<Mutex<Inner>>,
    takings: Arc<watch::Sender<u64>>,
    spinning: CancellationToken,
}

impl History {
    /// An empty one, with every invariant on watch.
    pub fn new(clock: SimClock) -> Self {
        let inner = Inner {
            events: Vec::new(),
            faults: BTreeMap::new(),
            judges: judges(),
            breaches: Vec::new(),
            connections: 0,
            replies: 0,
            calls: 0,
        };
        History {
            clock,
            inner: Arc::new(Mutex::new(inner)),
            takings: Arc::new(watch::Sender::new(0)),
            spinning: CancellationToken::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down an event and lets every judge see it.
    pub fn note(&self, event: Event) {
        if matches!(event, Event::Took { .. }) {
            self.takings.send_modify(|taken| *taken += 1);
        }
        let now = self.clock.now();
        self.lock().note(now, event);
    }

    /// Writes down a panic that nobody injected, unless it is one of the judges that panics.
    pub fn note_panic(&self, message: String) {
        if let Ok(mut inner) = self.inner.try_lock() {
            inner.note(self.clock.now(), Event::Panicked { message, injected: false });
        }
    }

    /// Counts a fault.
    pub fn fired(&self, fault: Fault) {
        *self.lock().faults.entry(fault).or_default() += 1;
    }

    /// How many messages peers have taken.
    pub fn takings(&self) -> watch::Receiver<u64> {
        self.takings.subscribe()
    }

    /// Counts a call to the store. Too many of them in too short a time, and the world must end.
    pub fn called(&self) {
        let calls = {
            let mut inner = self.lock();
            inner.calls += 1;
            inner.calls
        };
        if calls > CALLS_MAX && !self.spinning.is_cancelled() {
            self.note(Event::Spun { calls });
            self.spinning.cancel();
        }
    }

    /// Begins to count calls anew.
    pub fn forget_calls(&self) {
        self.lock().calls = 0;
    }

    /// Resolves when somebody spins.
    pub async fn spun(&self) {
        self.spinning.cancelled().await;
    }

    /// A new connection's number.
    pub fn connection(&self) -> ConnectionId {
        let mut inner = self.lock();
        inner.connections += 1;
        ConnectionId(inner.connections)
    }

    /// A new reply's number.
    pub fn reply(&self) -> ReplyId {
        let mut inner = self.lock();
        inner.replies += 1;
        ReplyId(inner.replies)
    }

    /// How often each fault fired.
    pub fn faults(&self) -> BTreeMap<Fault, u64> {
        self.lock().faults.clone()
    }

    /// The rules that were broken, first first.
    pub fn breaches(&self) -> Vec<Breach> {
        self.lock().breaches.clone()
    }

    /// Everything that happened so far.
    pub fn events(&self) -> Vec<Event> {
        self.lock().events.iter().map(|(_, event)| event.clone()).collect()
    }

    /// What the world shows: the time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// When the last event was.
    pub fn now_at_end(&self) -> Timestamp {
        self.lock().events.last().map_or(crate::clock::BEGINNING, |(at, _)| *at)
    }

    /// The log as text, one event a line.
    pub fn print(&self) -> String {
        let inner = self.lock();
        let line = |(index, (at, event)): (usize, &(Timestamp, Event))| {
            let seconds = at.since(crate::clock::BEGINNING).as_secs_f64();
            format!("{index:>6} {seconds:>12.3} {event:?}\n")
        };
        inner.events.iter().enumerate().map(line).collect()
    }
}
