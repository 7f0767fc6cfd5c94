//! Hosts that take mail and misbehave: SMTP and LMTP servers that fail by chance or by script.
//!
//! A peer writes down every message it takes, before it says so, and every no that it says. Its replies bear
//! numbers, so that a verdict can be traced to the very reply that it rests on.

mod session;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mail::Timestamp;
use tokio::io::DuplexStream;

use crate::chance::Chance;
use crate::fault::Fault;
use crate::history::{ConnectionId, History};

/// A reply later than this after the final dot may come too late.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What a peer speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tongue {
    /// RFC 5321.
    Smtp,
    /// RFC 2033.
    Lmtp,
}

/// Which extensions a peer offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offers {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 1870; the largest message in bytes, announced if `size` is.
    pub size: Option<u64>,
    /// RFC 6152.
    pub eight_bit: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 3030.
    pub chunking: bool,
    /// RFC 2034.
    pub enhanced: bool,
}

impl Offers {
    /// All of them.
    pub const ALL: Offers = Offers {
        pipelining: true,
        size: Some(0),
        eight_bit: true,
        dsn: true,
        chunking: true,
        enhanced: true,
    };
    /// None.
    pub const NONE: Offers = Offers {
        pipelining: false,
        size: None,
        eight_bit: false,
        dsn: false,
        chunking: false,
        enhanced: false,
    };
}

/// How often a peer misbehaves, in cases of a thousand, at each stage.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// Says 4yz.
    pub transient: u32,
    /// Says 5yz.
    pub permanent: u32,
    /// Says 421 and hangs up.
    pub closing: u32,
    /// Hangs up without a word.
    pub hang_up: u32,
    /// Is slow, in time.
    pub slow: u32,
    /// Never answers.
    pub silent: u32,
    /// Answers what is no reply.
    pub malformed: u32,
    /// Hangs up after it took the message and before it said so.
    pub drop_after_dot: u32,
    /// LMTP: answers for fewer recipients than it took.
    pub fewer_replies: u32,
    /// Closes a connection that idles, after some seconds.
    pub idle_close: u32,
    /// Recipients that one transaction may have, and whether the one too many hears 552 instead of 452.
    pub recipients_max: Option<(usize, bool)>,
    /// A pair of sender and recipient is turned away until so long after the first try.
    pub greylist: Option<Duration>,
    /// From this time on it behaves.
    pub well_from: Option<Timestamp>,
}

/// A host that takes mail.
pub struct Peer {
    name: String,
    tongue: Tongue,
    offers: Offers,
    manners: Manners,
    history: History,
    chance: Mutex<Chance>,
    seen: Mutex<BTreeMap<(String, String), Timestamp>>,
}

impl Peer {
    /// A peer with these manners.
    pub fn new(
        name: impl Into<String>,
        tongue: Tongue,
        offers: Offers,
        manners: Manners,
        history: History,
        chance: Chance,
    ) -> Self {
        let (chance, seen) = (Mutex::new(chance), Mutex::new(BTreeMap::new()));
        Peer { name: name.into(), tongue, offers, manners, history, chance, seen }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Serves one connection until either side ends it.
    pub async fn serve(&self, stream: DuplexStream, connection: ConnectionId) {
        session::serve(self, stream, connection).await;
    }

    fn chance<R>(&self, draw: impl FnOnce(&mut Chance) -> R) -> R {
        draw(&mut self.chance.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn well(&self) -> bool {
        self.manners.well_from.is_some_and(|from| self.history.now() >= from)
    }

    fn mischief(&self, rate: u32) -> bool {
        !self.well() && self.chance(|chance| chance.per_mille(rate))
    }

    fn fired(&self, fault: Fault) {
        self.history.fired(fault);
    }

    /// Whether this pair is still to wait.
    fn grey(&self, reverse_path: &str, forward_path: &str) -> bool {
        let Some(wait) = self.manners.greylist else { return false };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.history.now();
        let first = *seen.entry((reverse_path.to_owned(), forward_path.to_owned())).or_insert(now);
        now < first.plus(wait)
    }
}
