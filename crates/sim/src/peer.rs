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
    /// Says 354 although it took no recipient.
    pub credulous: u32,
    /// LMTP: answers for fewer recipients than it took.
    pub fewer_replies: u32,
    /// Closes a connection that idles, after some seconds.
    pub idle_close: u32,
    /// The largest message in bytes that it takes, whatever it announces.
    pub size_max: Option<u64>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SimClock;
    use crate::history::{ContentHash, Event};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Sends the script in one go to a peer and gives what it answered and what was written down.
    async fn talk(tongue: Tongue, offers: Offers, manners: Manners, script: &str) -> (String, Vec<Event>) {
        let history = History::new(SimClock::start());
        let connection = history.connection();
        let peer = Peer::new("peer.example", tongue, offers, manners, history.clone(), Chance::new(5));
        let (mut ours, theirs) = tokio::io::duplex(64 * 1024);
        let client = async {
            ours.write_all(script.replace('\n', "\r\n").as_bytes()).await.unwrap();
            let mut answers = String::new();
            ours.read_to_string(&mut answers).await.unwrap();
            answers.replace("\r\n", "\n")
        };
        let (answers, ()) = tokio::join!(client, peer.serve(theirs, connection));
        (answers, history.events())
    }

    fn codes(answers: &str) -> Vec<&str> {
        let last_line = |line: &&str| line.as_bytes().get(3) == Some(&b' ');
        answers.lines().filter(last_line).map(|line| &line[..3]).collect()
    }

    fn took(events: &[Event]) -> Vec<(ContentHash, usize)> {
        let taking = |event: &Event| match event {
            Event::Took { content, recipients, .. } => Some((*content, recipients.len())),
            _ => None,
        };
        events.iter().filter_map(taking).collect()
    }

    fn rude(events: &[Event]) -> usize {
        events.iter().filter(|event| matches!(event, Event::Rude { .. })).count()
    }

    const LETTER: &str = "MAIL FROM:<a@a.example>\nRCPT TO:<b@b.example>\nRCPT TO:<unknown1@b.example>\nDATA\n\
                          Subject: x\n\n..dot\n.\nQUIT\n";

    #[tokio::test(start_paused = true)]
    async fn takes_a_message_and_says_so() {
        let script = format!("EHLO us.example\n{LETTER}");
        let (answers, events) = talk(Tongue::Smtp, Offers::ALL, Manners::default(), &script).await;
        assert_eq!(codes(&answers), ["220", "250", "250", "250", "550", "354", "250", "221"], "{answers}");
        assert_eq!(took(&events), [(ContentHash::of(b"Subject: x\r\n\r\n.dot\r\n"), 1)]);
        assert!(events.iter().any(|event| matches!(event, Event::Answered { .. })));
        assert!(events.iter().any(|event| matches!(event, Event::Said { code: 550, .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn sees_what_is_not_polite() {
        let script = format!("EHLO us.example\n{LETTER}");
        let (_, events) = talk(Tongue::Smtp, Offers::NONE, Manners::default(), &script).await;
        assert!(rude(&events) > 0, "pipelining was not offered");
        let (answers, events) =
            talk(Tongue::Lmtp, Offers::ALL, Manners::default(), "EHLO us.example\nQUIT\n").await;
        assert_eq!((codes(&answers), rude(&events)), (vec!["220", "500", "221"], 1));
    }

    #[tokio::test(start_paused = true)]
    async fn hangs_up_after_it_took_the_message() {
        let manners = Manners { drop_after_dot: 1000, ..Manners::default() };
        let script = format!("EHLO us.example\n{LETTER}");
        let (answers, events) = talk(Tongue::Smtp, Offers::ALL, manners, &script).await;
        assert_eq!(codes(&answers).last(), Some(&"354"));
        assert_eq!(took(&events).len(), 1);
        assert!(!events.iter().any(|event| matches!(event, Event::Answered { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn answers_each_recipient_over_lmtp_or_fewer() {
        let script = "LHLO us.example\nMAIL FROM:<a@a.example>\nRCPT TO:<b@b.example>\nRCPT TO:<c@b.example>\n\
                      DATA\nx\n.\nQUIT\n";
        let (answers, events) = talk(Tongue::Lmtp, Offers::ALL, Manners::default(), script).await;
        assert_eq!(codes(&answers), ["220", "250", "250", "250", "250", "354", "250", "250", "221"]);
        assert_eq!(took(&events)[0].1, 2);
        let fewer = Manners { fewer_replies: 1000, ..Manners::default() };
        let (answers, events) = talk(Tongue::Lmtp, Offers::ALL, fewer, script).await;
        assert!(codes(&answers).len() < 8, "{answers}");
        assert_eq!(took(&events)[0].1, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn takes_so_many_recipients_and_greylists() {
        let script =
            "EHLO us.example\nMAIL FROM:<a@a.example>\nRCPT TO:<b@b.example>\nRCPT TO:<c@b.example>\nQUIT\n";
        let limited = Manners { recipients_max: Some((1, true)), ..Manners::default() };
        let (answers, events) = talk(Tongue::Smtp, Offers::ALL, limited, script).await;
        assert_eq!(codes(&answers), ["220", "250", "250", "250", "552", "221"]);
        assert!(
            events.iter().any(|event| matches!(event, Event::Said { code: 452, .. })),
            "552 means 452 here"
        );
        let grey = Manners { greylist: Some(Duration::from_secs(300)), ..Manners::default() };
        let (answers, _) = talk(Tongue::Smtp, Offers::ALL, grey, script).await;
        assert_eq!(codes(&answers), ["220", "250", "250", "450", "450", "221"]);
    }
}
