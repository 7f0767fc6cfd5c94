//! I7, I10, I11, I12, I14, I15: the rules that need little memory.

use std::collections::BTreeSet;

use mail::{RecipientId, Timestamp};
use policy::Verdict;

use super::Judge;
use crate::history::{ContentHash, Event};

/// The judge of I7.
#[derive(Default)]
pub(super) struct Acknowledgements {
    durable: BTreeSet<ContentHash>,
}

impl Judge for Acknowledgements {
    fn see(&mut self, _now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::Committed { sent, .. } => {
                self.durable.insert(*sent);
                Vec::new()
            }
            Event::Acknowledged { content } if !self.durable.contains(content) => {
                vec![format!("{content:?} was acknowledged, and it is not durable")]
            }
            _ => Vec::new(),
        }
    }
}

/// The judge of I10.
#[derive(Default)]
pub(super) struct Drained {
    /// The world was ended before its time.
    cut_short: bool,
}

impl Judge for Drained {
    fn see(&mut self, _now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::Spun { .. } => {
                self.cut_short = true;
                Vec::new()
            }
            Event::Over { left } if *left > 0 && !self.cut_short => {
                vec![format!("{left} recipients are still in the queue")]
            }
            _ => Vec::new(),
        }
    }
}

/// The judge of I11.
pub(super) struct Calm;

impl Judge for Calm {
    fn see(&mut self, _now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::Panicked { message, injected: false } => vec![message.clone()],
            _ => Vec::new(),
        }
    }
}

/// The judge of I12.
#[derive(Default)]
pub(super) struct Conservation {
    queued: BTreeSet<RecipientId>,
}

impl Judge for Conservation {
    fn see(&mut self, _now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::Committed { recipients, .. } => {
                self.queued.extend(recipients.iter().map(|entered| entered.id));
                Vec::new()
            }
            Event::Settled { endings, cleared, .. } => {
                let done = endings.iter().filter(|e| !e.owed && !matches!(e.verdict, Verdict::Retry(_)));
                for id in done.map(|ended| ended.recipient).chain(cleared.iter().copied()) {
                    self.queued.remove(&id);
                }
                Vec::new()
            }
            Event::Counted { pending } => {
                let found: BTreeSet<RecipientId> = pending.iter().copied().collect();
                if found == self.queued {
                    return Vec::new();
                }
                let lost: Vec<_> = self.queued.difference(&found).collect();
                let risen: Vec<_> = found.difference(&self.queued).collect();
                vec![format!("lost from the queue: {lost:?}; in it without reason: {risen:?}")]
            }
            _ => Vec::new(),
        }
    }
}

/// The judge of I14.
pub(super) struct Polite;

impl Judge for Polite {
    fn see(&mut self, _now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::Rude { peer, what } => vec![format!("at {peer}: {what}")],
            _ => Vec::new(),
        }
    }
}

/// The judge of I15.
pub(super) struct Proportion;

impl Judge for Proportion {
    fn see(&mut self, _now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::Spun { calls } => vec![format!("the store was called {calls} times between two counts")],
            _ => Vec::new(),
        }
    }
}
