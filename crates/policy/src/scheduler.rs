//! Who is next?

use std::marker::PhantomData;

use mail::Timestamp;

use crate::destination::{Down, Feedback};
use crate::route::NextHop;

/// Deliveries that wait for their turn. Sans I/O, and knows nothing of `D`.
#[derive(Debug)]
pub struct Scheduler<D> {
    waiting: PhantomData<D>,
}

/// A delivery that may start now. Its place is given back by [`Scheduler::finish`].
#[derive(Debug)]
pub struct Started<D> {
    /// Its place.
    pub place: Place,
    /// What was offered.
    pub delivery: D,
}

/// A place in a virtual queue and at a next hop. Not `Clone`: given back once.
#[derive(PartialEq, Eq, Debug)]
pub struct Place {
    virtual_queue: String,
    next_hop: NextHop,
}

/// Why a delivery does not wait here.
#[derive(Clone, PartialEq, Debug)]
pub enum Refusal {
    /// Its next hop is down.
    Down(Down),
    /// Its next hop has more waiting than it works off in time; not before this.
    Crowded {
        /// When to come again.
        until: Timestamp,
    },
}

impl<D> Scheduler<D> {
    /// Nothing waits.
    #[expect(clippy::new_without_default, reason = "todo")]
    pub fn new() -> Self {
        todo!()
    }

    /// Sets how many deliveries each virtual queue runs at once. Holds from the next start on.
    pub fn set_caps<'a>(&mut self, caps: impl IntoIterator<Item = (&'a str, usize)>) {
        let _ = caps.into_iter();
        todo!()
    }

    /// Puts a delivery to `recipients` recipients in line. It comes back if it should not wait here now.
    pub fn offer(
        &mut self,
        virtual_queue: &str,
        next_hop: &NextHop,
        recipients: usize,
        delivery: D,
        now: Timestamp,
    ) -> Result<(), (D, Refusal)> {
        let _ = (virtual_queue, next_hop, recipients, delivery, now);
        todo!()
    }

    /// The next that may start now, in turn round the next hops.
    pub fn start(&mut self, now: Timestamp) -> Option<Started<D>> {
        let _ = now;
        todo!()
    }

    /// Gives a place back with what the delivery showed. Those that waited for a next hop which is down now come back.
    pub fn finish(&mut self, place: &Place, feedback: Feedback, now: Timestamp) -> Vec<(D, Down)> {
        let _ = (place, feedback, now);
        todo!()
    }

    /// How many more recipients are worth claiming.
    pub fn room(&self) -> usize {
        todo!()
    }

    /// All that wait, taken out.
    pub fn drain(&mut self) -> Vec<D> {
        todo!()
    }
}
