//! Where events wait until they are told: bounded, and never in anybody's way.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mta::events::{Dialogues, Event, Events, Wanted};

/// Events that wait at most; more are dropped, and counted.
const WAITING_MAX: usize = 65_536;
/// So many are told without waiting for more.
const GATHERED: usize = WAITING_MAX / 4;
/// How long events are gathered before they are told: a wake-up for each would cost more than they do.
const GATHER: Duration = Duration::from_millis(100);
/// How long one waits for what was reported before.
const CATCH_UP_MAX: Duration = Duration::from_secs(2);

/// Events on their way to those who listen.
#[derive(Debug, Default)]
pub(crate) struct Bus {
    waiting: Mutex<Waiting>,
    /// There is something, or no more will come.
    ready: Condvar,
    /// What was taken has been told.
    told: Condvar,
    dropped: AtomicU64,
    wanted: AtomicU8,
}

#[derive(Debug, Default)]
struct Waiting {
    events: Vec<Event>,
    closed: bool,
    /// Somebody waits for what was reported.
    hurry: bool,
    taken: u64,
    told: u64,
}

impl Bus {
    /// Says what is worth gathering from here on.
    pub(super) fn want(&self, wanted: Wanted) {
        let dialogues = match wanted.dialogues {
            Dialogues::None => 0,
            Dialogues::Failures => 1,
            Dialogues::All => 2,
        };
        self.wanted.store(u8::from(wanted.events) << 4 | dialogues, Ordering::Relaxed);
    }

    /// Events that were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Nothing is taken any more.
    pub(super) fn close(&self) {
        self.want(Wanted::NOTHING);
        self.lock().closed = true;
        self.ready.notify_all();
    }

    /// Puts what has gathered into `events`, after some time if there is nothing; false if there is never more.
    pub(super) fn take(&self, events: &mut Vec<Event>, wait: Duration) -> bool {
        events.clear();
        let idle = |waiting: &mut Waiting| waiting.events.is_empty() && !waiting.closed;
        let waiting = self.lock();
        let (waiting, _) =
            self.ready.wait_timeout_while(waiting, wait, idle).unwrap_or_else(PoisonError::into_inner);
        let gathers = |waiting: &mut Waiting| {
            let some = !waiting.events.is_empty() && waiting.events.len() < GATHERED;
            some && !waiting.closed && !waiting.hurry
        };
        let (mut waiting, _) =
            self.ready.wait_timeout_while(waiting, GATHER, gathers).unwrap_or_else(PoisonError::into_inner);
        waiting.hurry = false;
        std::mem::swap(events, &mut waiting.events);
        waiting.taken += 1;
        !(waiting.closed && events.is_empty())
    }

    /// What was taken has been told.
    pub(super) fn done(&self) {
        let mut waiting = self.lock();
        waiting.told = waiting.taken;
        self.told.notify_all();
    }

    /// Waits until what was reported before is told.
    pub(crate) fn catch_up(&self) {
        let mut waiting = self.lock();
        waiting.hurry = true;
        self.ready.notify_all();
        // What is waiting now is told with the next that is taken, or the one after if that is under way.
        let until = if waiting.events.is_empty() { waiting.taken } else { waiting.taken + 1 };
        let behind = |waiting: &mut Waiting| waiting.told < until && !waiting.closed;
        let _ = self.told.wait_timeout_while(waiting, CATCH_UP_MAX, behind);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events for Bus {
    fn wanted(&self) -> Wanted {
        let bits = self.wanted.load(Ordering::Relaxed);
        let dialogues = match bits & 0xf {
            0 => Dialogues::None,
            1 => Dialogues::Failures,
            _ => Dialogues::All,
        };
        Wanted { events: bits >> 4 != 0, dialogues }
    }

    fn report(&self, event: Event) {
        let mut waiting = self.lock();
        if waiting.events.len() >= WAITING_MAX || waiting.closed {
            drop(waiting);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.events.push(event);
        let wakes = matches!(waiting.events.len(), 1 | GATHERED);
        drop(waiting);
        if wakes {
            self.ready.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use mail::Timestamp;
    use mta::events::QueuePressure;

    use super::*;

    fn event(deliveries: usize) -> Event {
        Event::QueuePressure(Box::new(QueuePressure { at: Timestamp::EPOCH, deliveries }))
    }

    #[test]
    fn nobody_waits_for_those_who_listen() {
        let bus = Bus::default();
        for number in 0..WAITING_MAX + 10 {
            bus.report(event(number));
        }
        assert_eq!(bus.dropped(), 10);
        let mut events = Vec::new();
        assert!(bus.take(&mut events, Duration::ZERO));
        assert_eq!(events.len(), WAITING_MAX);
        assert_eq!(events[0], event(0));
        bus.report(event(7));
        bus.close();
        bus.report(event(8));
        assert!(bus.take(&mut events, Duration::ZERO), "what was reported before is told");
        assert_eq!(events, [event(7)]);
        assert!(!bus.take(&mut events, Duration::ZERO));
    }
}
