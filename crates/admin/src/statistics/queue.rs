//! How much waits in the queue? Counted by a look at it, not more often than every few seconds.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mail::Timestamp;
use store::{Detail, Look, Sight, StoreError};

use crate::api::Api;

/// How long a count holds.
const HOLDS: Duration = Duration::from_secs(3);
/// Bits of a message's id below its millisecond (`store/ids.rs`).
const ID_BITS: u32 = 20;

/// What waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) recipients: u64,
    pub(crate) messages: u64,
    /// Recipients that wait for an operator.
    pub(crate) held: u64,
    /// When the oldest message came.
    pub(crate) oldest: Option<Timestamp>,
    /// The last message that was counted.
    last: u64,
}

/// The last count, and when it was made.
pub(crate) type Counted = Mutex<Option<(Timestamp, Waiting)>>;

/// What waits now.
pub(crate) async fn waiting(api: &Api) -> Result<Waiting, StoreError> {
    let (now, counted) = (api.world.clock.now(), &api.observer.counted);
    let kept = *counted.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, waiting)) = kept.filter(|(at, _)| now.since(*at) < HOLDS) {
        return Ok(waiting);
    }
    let count: Arc<Mutex<Waiting>> = Arc::default();
    let counting = Arc::clone(&count);
    let see = move |sight: Sight| {
        counting.lock().unwrap_or_else(PoisonError::into_inner).add(&sight);
        ControlFlow::Continue(())
    };
    api.world.store.look(Look::all(Detail::Keys), Box::new(see)).await?;
    let waiting = *count.lock().unwrap_or_else(PoisonError::into_inner);
    *counted.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, waiting));
    Ok(waiting)
}

impl Waiting {
    fn add(&mut self, sight: &Sight) {
        self.recipients += 1;
        self.held += u64::from(sight.next_event == Timestamp::NEVER);
        if self.last != sight.message.0 {
            self.last = sight.message.0;
            self.messages += 1;
            let came = Timestamp::from_millis(sight.message.0 >> ID_BITS);
            self.oldest = Some(self.oldest.map_or(came, |oldest| oldest.min(came)));
        }
    }
}
