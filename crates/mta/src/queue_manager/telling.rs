//! What the queue manager lets others know: which next hops are down, and that too much waits.

use mail::Timestamp;
use policy::scheduler::Place;

use super::{Done, State};
use crate::events::{self, QueuePressure};
use crate::health::record;

impl State {
    /// Lets all know whether the next hop is down, and writes it down if that has changed.
    pub(super) fn note_health(&mut self, place: &Place, now: Timestamp) {
        let world = &self.means.world;
        let (next_hop, down) = self.scheduler.next_hop(place);
        if let Some(change) = world.health.next_hop(next_hop, down, now) {
            let world = world.clone();
            let recording = async move {
                record(&world, change).await;
                Done::Recorded
            };
            self.tasks.spawn(recording);
        }
    }

    /// Says that room had to be made.
    pub(super) fn report_pressure(&self, deliveries: usize) {
        if self.means.world.events.wanted().events {
            let pressure = QueuePressure { at: self.now(), deliveries };
            self.means.world.events.report(events::Event::QueuePressure(Box::new(pressure)));
        }
    }
}
