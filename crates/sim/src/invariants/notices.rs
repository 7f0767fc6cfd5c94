//! I3: is anybody told who is nobody, or who did not ask?

use std::collections::BTreeMap;

use mail::{MessageId, Notify, ReversePath, Timestamp};

use super::Judge;
use crate::history::{Event, Told};

struct Message {
    reverse_path: ReversePath,
    wishes: BTreeMap<String, Notify>,
    delays: BTreeMap<String, usize>,
}

/// The judge of I3.
#[derive(Default)]
pub(super) struct Notices {
    messages: BTreeMap<MessageId, Message>,
    notices_max: usize,
}

impl Judge for Notices {
    fn see(&mut self, _now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::World(facts) => {
                self.notices_max = facts.notices_max;
                Vec::new()
            }
            Event::Committed { message, reverse_path, recipients, about, .. } => {
                let wishes = recipients.iter().map(|r| (r.forward_path.to_string(), r.notify)).collect();
                let new = Message { reverse_path: reverse_path.clone(), wishes, delays: BTreeMap::new() };
                let breach = about.and_then(|about| self.misdirected(about, &new));
                self.messages.insert(*message, new);
                breach.into_iter().collect()
            }
            Event::Settled { message, told, .. } if !told.is_empty() => {
                told.iter().filter_map(|told| self.unwanted(*message, told)).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Notices {
    /// A notification goes from nobody to the reverse-path of what it tells of, and to no one else.
    fn misdirected(&self, about: MessageId, notice: &Message) -> Option<String> {
        let original = self.messages.get(&about)?;
        if notice.reverse_path != ReversePath::Null {
            return Some(format!(
                "the notification about {about} has the reverse-path {}",
                notice.reverse_path
            ));
        }
        let to: Vec<&String> = notice.wishes.keys().collect();
        match &original.reverse_path {
            ReversePath::Null => Some(format!("message {about} came from nobody, and {to:?} is told of it")),
            ReversePath::Address(address) if to == [&address.to_string()] => None,
            ReversePath::Address(address) => {
                Some(format!("message {about} came from {address}, and {to:?} is told of it"))
            }
        }
    }

    fn unwanted(&mut self, id: MessageId, told: &Told) -> Option<String> {
        let notices_max = self.notices_max;
        let message = self.messages.get_mut(&id)?;
        let Some(notify) = message.wishes.get(&told.forward_path) else {
            return Some(format!("message {id} has no recipient {}, and it is told of", told.forward_path));
        };
        if message.reverse_path == ReversePath::Null {
            return Some(format!("message {id} came from nobody, and {} is told of", told.forward_path));
        }
        let wanted = match told.action.as_str() {
            "failed" => notify.failure,
            "delayed" => notify.delay,
            _ => notify.success,
        };
        if !wanted {
            return Some(format!(
                "{} of message {id} did not ask to tell {}",
                told.forward_path, told.action
            ));
        }
        if told.action == "delayed" {
            let count = message.delays.entry(told.forward_path.clone()).or_default();
            *count += 1;
            if *count > notices_max {
                return Some(format!("{} of message {id} had {count} delay notices", told.forward_path));
            }
        }
        None
    }
}
