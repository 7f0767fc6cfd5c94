//! I8, I9, I13: is content kept as long as it is needed, handed on unchanged, and is Delivered true?

use std::collections::{BTreeMap, BTreeSet};

use mail::{Address, MessageId, RecipientId, Timestamp};
use policy::Verdict;
use policy::outcome::Delivered;

use super::Judge;
use crate::history::{ContentHash, Ended, Event, ReplyId};

/// The judge of I8.
#[derive(Default)]
pub(super) struct Kept {
    open: BTreeMap<MessageId, BTreeSet<RecipientId>>,
    deposited: BTreeSet<MessageId>,
    over: bool,
}

impl Judge for Kept {
    fn see(&mut self, _now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::Committed { message, recipients, .. } => {
                self.open.insert(*message, recipients.iter().map(|entered| entered.id).collect());
            }
            Event::Settled { message, endings, deposits, .. } => {
                if !deposits.is_empty() {
                    self.deposited.insert(*message);
                }
                let ends = endings.iter().filter(|ended| !matches!(ended.verdict, Verdict::Retry(_)));
                if let Some(open) = self.open.get_mut(message) {
                    ends.for_each(|ended| {
                        open.remove(&ended.recipient);
                    });
                }
            }
            Event::Over { .. } => self.over = true,
            Event::ContentSeen { message, there } => {
                let open = self.open.get(message).map_or(0, BTreeSet::len);
                if open > 0 && !there {
                    return vec![format!("the content of {message} is gone with {open} recipients open")];
                }
                if self.over && open == 0 && *there && !self.deposited.contains(message) {
                    return vec![format!("the content of {message} is still there, and nobody needs it")];
                }
            }
            _ => {}
        }
        Vec::new()
    }
}

struct Original {
    reverse_path: String,
    recipients: BTreeSet<Address>,
}

/// The judge of I9.
#[derive(Default)]
pub(super) struct Faithful {
    originals: BTreeMap<ContentHash, Vec<Original>>,
}

impl Judge for Faithful {
    fn see(&mut self, _now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::Committed { content, reverse_path, recipients, .. } => {
                let recipients = recipients.iter().map(|entered| entered.forward_path.clone()).collect();
                let original = Original { reverse_path: reverse_path.to_string(), recipients };
                self.originals.entry(*content).or_default().push(original);
                Vec::new()
            }
            Event::Took { content, reverse_path, recipients, peer, .. } => {
                let Some(originals) = self.originals.get(content) else {
                    return vec![format!("{peer} got bytes {content:?} that nobody sent")];
                };
                let fits = |original: &Original| {
                    original.reverse_path == *reverse_path
                        && recipients.iter().all(|(address, _)| original.recipients.contains(address))
                };
                if originals.iter().any(fits) {
                    return Vec::new();
                }
                vec![format!(
                    "{peer} got {content:?} from {reverse_path:?} for {recipients:?}, and that is not so"
                )]
            }
            _ => Vec::new(),
        }
    }
}

/// The judge of I13.
#[derive(Default)]
pub(super) struct Evidence {
    recipients: BTreeMap<RecipientId, (ContentHash, Address)>,
    yes: BTreeSet<(ContentHash, Address, ReplyId)>,
    copies: BTreeMap<Address, Vec<ContentHash>>,
}

impl Judge for Evidence {
    fn see(&mut self, _now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::Committed { content, recipients, .. } => {
                for entered in recipients {
                    self.recipients.insert(entered.id, (*content, entered.forward_path.clone()));
                }
                Vec::new()
            }
            Event::Took { content, recipients, .. } => {
                self.yes
                    .extend(recipients.iter().map(|(address, reply)| (*content, address.clone(), *reply)));
                Vec::new()
            }
            Event::Settled { endings, deposits, .. } => {
                endings.iter().filter_map(|ended| self.unfounded(ended, deposits)).collect()
            }
            Event::Mailbox { account, contents } => {
                let mut expected = self.copies.get(account).cloned().unwrap_or_default();
                let mut found = contents.clone();
                expected.sort();
                found.sort();
                if expected == found {
                    return Vec::new();
                }
                vec![format!("{account} holds {found:?}, settled were {expected:?}")]
            }
            _ => Vec::new(),
        }
    }
}

impl Evidence {
    fn unfounded(&mut self, ended: &Ended, deposits: &[RecipientId]) -> Option<String> {
        let Verdict::Delivered(Delivered { reply, host, .. }) = &ended.verdict else { return None };
        let (content, address) = self.recipients.get(&ended.recipient)?.clone();
        if deposits.contains(&ended.recipient) {
            self.copies.entry(address).or_default().push(content);
            return None;
        }
        let said =
            ReplyId::find(&reply.text).is_some_and(|id| self.yes.contains(&(content, address.clone(), id)));
        (!said).then(|| format!("{address} ended as delivered by {host} with {reply}, and no peer said so"))
    }
}
