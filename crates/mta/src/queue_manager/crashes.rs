//! What becomes of the recipients of a task that crashed?

use policy::Trouble;
use policy::destination::Feedback;
use policy::limits::{PANIC_DELAY, PANICKED_MESSAGES_MAX, PANICS_MAX, POISON_DELAY};
use tokio::task::{Id, JoinError};
use tracing::error;

use super::{Running, State};
use crate::parts::{self, Part};

impl State {
    /// A task of ours crashed: its place is free, and its recipients are tried later. A message whose deliveries
    /// crash again and again is held, so that it takes no other with it.
    pub(super) fn crashed(&mut self, id: Id, failure: &JoinError) {
        let what = failure.to_string();
        match self.running.remove(&id) {
            None => error!(what, "a task crashed"),
            Some(Running::Claiming) => {
                error!(what, "claiming crashed");
                (self.claiming, self.claim_wanted) = (false, true);
                self.stored(false);
            }
            Some(Running::Counting) => {
                error!(what, "counting for the quotas crashed; they hold for new mail only");
                self.counting = false;
                self.means.quotas.give_up_counting();
            }
            Some(Running::Unparking) => {
                error!(what, "what was paused could not be resumed");
                self.unparking = false;
            }
            Some(Running::Routing { lease, recipients }) => {
                error!(what, ?lease, "routing crashed; the recipients are given back");
                self.unsorted = self.unsorted.saturating_sub(recipients.len());
                self.stored(false);
                self.release(lease, recipients);
            }
            Some(Running::Errand { lease, recipients }) => {
                error!(what, ?lease, "an errand crashed; its recipients are given back");
                self.stored(false);
                self.release(lease, recipients);
            }
            Some(Running::Delivery(place, part)) => {
                self.give_place_back(&place, Feedback::Nothing);
                self.delivery_crashed(part, &what);
            }
        }
    }

    fn delivery_crashed(&mut self, part: Part, what: &str) {
        let message = part.delivery.envelope.message;
        if self.panics.len() >= PANICKED_MESSAGES_MAX {
            self.panics.clear();
        }
        let count = self.panics.entry(message).or_default();
        *count += 1;
        let held = *count >= PANICS_MAX;
        let delay = if held { POISON_DELAY } else { PANIC_DELAY };
        error!(id = %message, what, crashes = *count, held, duplicate_risk = true, "a delivery crashed");
        let mut why = Trouble::ours(format!("its delivery crashed {count} times"));
        why.in_doubt = true;
        let until = self.now().plus(delay);
        self.errand(part.delivery.lease, part.ids(), parts::postpone(self.means.clone(), part, until, why));
    }
}
