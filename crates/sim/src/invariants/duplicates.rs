//! I2: was a recipient sent twice without the one excuse there is?

use std::collections::BTreeMap;

use mail::{Address, MessageId, RecipientId, Timestamp};
use policy::Verdict;

use super::Judge;
use crate::history::{ConnectionId, ContentHash, Event, ReplyId};

/// One time that a peer took a copy.
struct Taking {
    connection: ConnectionId,
    reply: ReplyId,
    /// In which attempt for the recipient, counted by `begin`.
    attempt: u32,
    answered: bool,
    /// Something happened after the dot that let us doubt.
    cut: bool,
}

/// The judge of I2.
#[derive(Default)]
pub(super) struct Duplicates {
    takings: BTreeMap<(ContentHash, Address), Vec<Taking>>,
    contents: BTreeMap<MessageId, ContentHash>,
    addresses: BTreeMap<RecipientId, (ContentHash, Address)>,
    delivered: BTreeMap<(ContentHash, Address), Timestamp>,
    attempts: BTreeMap<(ContentHash, Address), u32>,
    /// Of the same bytes, messages that were accepted.
    copies: BTreeMap<ContentHash, usize>,
}

impl Judge for Duplicates {
    fn see(&mut self, now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::Committed { message, content, recipients, .. } => {
                self.contents.insert(*message, *content);
                *self.copies.entry(*content).or_default() += 1;
                for entered in recipients {
                    self.addresses.insert(entered.id, (*content, entered.forward_path.clone()));
                }
            }
            Event::Begun { recipients, .. } => {
                for key in recipients.iter().filter_map(|id| self.addresses.get(id)) {
                    *self.attempts.entry(key.clone()).or_default() += 1;
                }
            }
            Event::Took { connection, content, recipients, peer, .. } => {
                let mut breaches = Vec::new();
                for (address, reply) in recipients {
                    breaches.extend(self.take(*content, address, *connection, *reply, peer));
                }
                return breaches;
            }
            Event::Answered { replies } => {
                let takings = self.takings.values_mut().flatten();
                takings
                    .filter(|taking| replies.contains(&taking.reply))
                    .for_each(|taking| taking.answered = true);
            }
            Event::Reset { connection } => self.cut(|_, taking| taking.connection == *connection),
            Event::Crashed => self.cut(|_, _| true),
            Event::SettleUncertain { message } => {
                let content = self.contents.get(message).copied();
                self.cut(|key, _| Some(key.0) == content);
            }
            Event::Settled { endings, .. } => {
                let delivered = endings.iter().filter(|ended| matches!(ended.verdict, Verdict::Delivered(_)));
                for ended in delivered {
                    if let Some(key) = self.addresses.get(&ended.recipient) {
                        self.delivered.insert(key.clone(), now);
                    }
                }
            }
            _ => {}
        }
        Vec::new()
    }
}

impl Duplicates {
    fn take(
        &mut self,
        content: ContentHash,
        address: &Address,
        connection: ConnectionId,
        reply: ReplyId,
        peer: &str,
    ) -> Option<String> {
        let key = (content, address.clone());
        let copies = self.copies.get(&content).copied().unwrap_or(0);
        let earlier = self.takings.entry(key.clone()).or_default();
        let certain = earlier.iter().filter(|taking| taking.answered && !taking.cut).count();
        let ended = self.delivered.get(&key);
        let attempt = self.attempts.get(&key).copied().unwrap_or(0);
        let same_attempt = earlier.iter().any(|taking| taking.attempt == attempt);
        earlier.push(Taking { connection, reply, attempt, answered: false, cut: false });
        if copies == 1 && same_attempt {
            return Some(format!(
                "{address} was sent {content:?} twice in one attempt, the second time to {peer}"
            ));
        }
        if copies == 1 && ended.is_some() {
            return Some(format!(
                "{address} was sent {content:?} by {peer} after it was settled as delivered"
            ));
        }
        (certain >= copies.max(1)).then(|| {
            format!("{address} was sent {content:?} again, to {peer}, though nothing cut in between")
        })
    }

    fn cut(&mut self, hit: impl Fn(&(ContentHash, Address), &Taking) -> bool) {
        for (key, takings) in &mut self.takings {
            if self.delivered.contains_key(key) {
                continue;
            }
            takings.iter_mut().filter(|taking| hit(key, taking)).for_each(|taking| taking.cut = true);
        }
    }
}
