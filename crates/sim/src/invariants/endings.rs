//! I1: does each recipient end exactly once, and is the sender told where it asked?

use std::collections::{BTreeMap, BTreeSet};

use mail::{MessageId, RecipientId, ReversePath, Timestamp};
use policy::Verdict;

use super::Judge;
use crate::history::{Ended, Entered, Event, Told};

struct Recipient {
    entered: Entered,
    message: MessageId,
    /// Somebody may be told.
    sender: bool,
    ended: bool,
    owes: Option<&'static str>,
}

/// The judge of I1.
#[derive(Default)]
pub(super) struct Endings {
    recipients: BTreeMap<RecipientId, Recipient>,
    told: BTreeSet<(MessageId, String)>,
    /// The world was ended before its end, since somebody spun.
    cut_short: bool,
}

impl Judge for Endings {
    fn see(&mut self, _now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::Committed { message, reverse_path, recipients, .. } => {
                let sender = *reverse_path != ReversePath::Null;
                for entered in recipients {
                    let new = Recipient {
                        entered: entered.clone(),
                        message: *message,
                        sender,
                        ended: false,
                        owes: None,
                    };
                    self.recipients.insert(entered.id, new);
                }
                Vec::new()
            }
            Event::Settled { endings, told, cleared, .. } => {
                let mut breaches: Vec<String> =
                    endings.iter().filter_map(|ended| self.end(ended, told).err()).collect();
                breaches.extend(cleared.iter().filter_map(|id| self.clear(*id, told).err()));
                breaches
            }
            Event::Spun { .. } => {
                self.cut_short = true;
                Vec::new()
            }
            Event::Over { .. } if !self.cut_short => {
                let owing = self.recipients.values().filter(|r| r.owes.is_some());
                owing.map(|r| format!("{} was never told of", describe(r))).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Endings {
    fn end(&mut self, ended: &Ended, told: &[Told]) -> Result<(), String> {
        let id = ended.recipient;
        let recipient = self.recipients.get_mut(&id).ok_or_else(|| format!("recipient {id} is unknown"))?;
        if recipient.ended {
            return Err(format!("{} ended twice: now {:?}", describe(recipient), ended.verdict));
        }
        let notify = recipient.entered.notify;
        let owes = match &ended.verdict {
            Verdict::Retry(_) => return Ok(()),
            Verdict::Delivered(delivered) => ((notify.success && !delivered.dsn_handed_on)
                || (delivered.traced && notify != mail::Notify::NEVER))
                .then_some("delivered"),
            Verdict::Failed(_) => notify.failure.then_some("failed"),
        };
        recipient.ended = true;
        match owes.filter(|_| recipient.sender) {
            None => Ok(()),
            Some(action) if ended.owed => {
                recipient.owes = Some(action);
                Ok(())
            }
            Some(action) => self.tell(id, action, told),
        }
    }

    fn clear(&mut self, id: RecipientId, told: &[Told]) -> Result<(), String> {
        let recipient = self.recipients.get_mut(&id).ok_or_else(|| format!("recipient {id} is unknown"))?;
        match recipient.owes.take() {
            None => Ok(()),
            Some(action) => self.tell(id, action, told),
        }
    }

    fn tell(&mut self, id: RecipientId, action: &str, told: &[Told]) -> Result<(), String> {
        let recipient = &self.recipients[&id];
        let address = recipient.entered.forward_path.to_string();
        let fits = |told: &&Told| {
            told.forward_path == address
                && (told.action == action || (action == "delivered" && told.action == "relayed"))
        };
        if told.iter().filter(fits).count() != 1 {
            return Err(format!(
                "{} ended, and no one notification says {action}: {told:?}",
                describe(recipient)
            ));
        }
        if !self.told.insert((recipient.message, address)) {
            return Err(format!("{} was told of twice", describe(recipient)));
        }
        Ok(())
    }
}

fn describe(recipient: &Recipient) -> String {
    format!("{} of message {}", recipient.entered.forward_path, recipient.message)
}
