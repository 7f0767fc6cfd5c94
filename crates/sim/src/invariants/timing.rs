//! I4: was anything tried or given up at the wrong time?

use std::collections::BTreeMap;

use mail::{Address, RecipientId, Timestamp};
use policy::{Expiry, Progress, Trouble, TroubleKind, Verdict};

use super::Judge;
use crate::history::{Ended, Event, ReplyId, WorldFacts};

struct Recipient {
    address: Address,
    progress: Progress,
    /// When it was last claimed or begun: what is decided about it is decided after that.
    touched: Timestamp,
}

struct Said {
    code: u16,
    recipients: Vec<Address>,
}

/// The judge of I4.
#[derive(Default)]
pub(super) struct Timing {
    facts: WorldFacts,
    recipients: BTreeMap<RecipientId, Recipient>,
    said: BTreeMap<ReplyId, Said>,
}

impl Judge for Timing {
    fn see(&mut self, now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::World(facts) => self.facts = facts.clone(),
            Event::Committed { recipients, .. } => {
                for entered in recipients {
                    let address = entered.forward_path.clone();
                    let new = Recipient { address, progress: entered.progress.clone(), touched: now };
                    self.recipients.insert(entered.id, new);
                }
            }
            Event::Said { reply, code, recipients, .. } => {
                self.said.insert(*reply, Said { code: *code, recipients: recipients.clone() });
            }
            Event::Claimed { recipients, .. } => {
                recipients.iter().for_each(|(id, _)| self.touch(*id, now));
            }
            Event::Begun { recipients, at, .. } => {
                recipients.iter().for_each(|id| self.touch(*id, *at));
                return recipients.iter().filter_map(|id| self.untimely(*id, *at)).collect();
            }
            Event::Settled { endings, .. } => {
                return endings.iter().filter_map(|ended| self.end(ended, now).err()).collect();
            }
            _ => {}
        }
        Vec::new()
    }
}

impl Timing {
    fn touch(&mut self, id: RecipientId, now: Timestamp) {
        if let Some(recipient) = self.recipients.get_mut(&id) {
            recipient.touched = now;
        }
    }

    fn untimely(&self, id: RecipientId, now: Timestamp) -> Option<String> {
        let Recipient { address, progress, .. } = self.recipients.get(&id)?;
        if now < progress.due {
            return Some(format!("{address} was tried {:?} before it was due", progress.due.since(now)));
        }
        match progress.expiry {
            Expiry::At(at) if now > at => {
                Some(format!("{address} was tried {:?} after its deadline", now.since(at)))
            }
            Expiry::Attempts(max) if progress.retry_num >= max => {
                Some(format!("{address} was tried after {max} attempts"))
            }
            Expiry::At(_) | Expiry::Attempts(_) => None,
        }
    }

    fn end(&mut self, ended: &Ended, now: Timestamp) -> Result<(), String> {
        let Some(recipient) = self.recipients.get_mut(&ended.recipient) else { return Ok(()) };
        match &ended.verdict {
            Verdict::Delivered(_) => Ok(()),
            Verdict::Retry(next) => {
                let before = std::mem::replace(&mut recipient.progress, next.clone());
                wait_is_right(recipient, &before, now, &self.facts)
            }
            Verdict::Failed(trouble) => {
                let Recipient { address, progress, .. } = &self.recipients[&ended.recipient];
                let at_end = match progress.expiry {
                    Expiry::At(at) => now >= at,
                    Expiry::Attempts(max) => progress.retry_num + 1 >= max,
                };
                if at_end || self.certain(address, trouble) {
                    return Ok(());
                }
                Err(format!("{address} was given up early, without a certain no: {trouble:?}"))
            }
        }
    }

    /// Whether this trouble lets us give up at once: the peer said 5xx about this recipient, or DNS or our own
    /// rules leave no way.
    fn certain(&self, address: &Address, trouble: &Trouble) -> bool {
        if let Some((_, reply)) = &trouble.reply {
            let said = ReplyId::find(&reply.text).and_then(|id| self.said.get(&id));
            return said.is_some_and(|said| {
                said.code >= 500 && (said.recipients.is_empty() || said.recipients.contains(address))
            });
        }
        let hopeless = self.facts.hopeless.contains(&address.domain);
        match trouble.kind {
            TroubleKind::Dns | TroubleKind::Connection => hopeless,
            TroubleKind::UnexpectedReply => trouble.status.to_string() == "5.3.4",
            TroubleKind::Tls
            | TroubleKind::Dane
            | TroubleKind::MtaSts
            | TroubleKind::Rate
            | TroubleKind::Concurrency
            | TroubleKind::Io => false,
        }
    }
}

fn wait_is_right(
    Recipient { address, progress: next, touched }: &Recipient,
    before: &Progress,
    now: Timestamp,
    facts: &WorldFacts,
) -> Result<(), String> {
    if next.retry_num == before.retry_num {
        return Ok(());
    }
    if next.retry_num != before.retry_num + 1 {
        return Err(format!("{address} went from attempt {} to {}", before.retry_num, next.retry_num));
    }
    let (least, most) = (next.due.since(*touched), next.due.since(now));
    let (shortest, longest) = facts.retry;
    if least < shortest || most > longest {
        return Err(format!("{address} waits {most:?}, its schedules say {shortest:?} to {longest:?}"));
    }
    Ok(())
}
