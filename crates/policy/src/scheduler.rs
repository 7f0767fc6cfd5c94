//! Who is next?
//!
//! Deliveries wait in a line per virtual queue and next hop. The lines of a virtual queue take turns, so that
//! a long one delays no other; the virtual queues take turns too. Within a line, deliveries to few recipients and
//! those of long lists alternate, so that a list to many does not hold up a letter to one. Mail of a higher priority
//! (RFC 6710) goes first within its line, and now and then the one that waits longest: no priority starves another, and
//! no line another. Lines without priorities pay nothing for that. A delivery starts when its virtual queue has
//! a place and its next hop bears one more. Next hops that have not answered lately may hold no more than half
//! of a virtual queue's places, so that many dead ones cannot take them all.

mod line;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use mail::Timestamp;

pub use self::line::Load;
use self::line::{Line, Waiting};
use crate::destination::{Destination, Down, Feedback};
use crate::limits::{
    CROWDED_AFTER, CROWDED_DELAY_MAX, CROWDED_DELAY_MIN, DESTINATIONS_MAX, LOCAL_DELIVERIES_MAX,
    MX_DELIVERIES_MAX, RELAY_DELIVERIES_MAX, VIRTUAL_QUEUE_CAP_DEFAULT, WAITING_RECIPIENTS_MAX,
    WORKED_OFF_WITHIN,
};
use crate::route::NextHop;

/// Deliveries that wait for their turn. Sans I/O, and knows nothing of `D`.
#[derive(Debug)]
pub struct Scheduler<D> {
    queue_numbers: BTreeMap<String, usize>,
    queues: Vec<VirtualQueue<D>>,
    next_queue: usize,
    hop_numbers: BTreeMap<NextHop, usize>,
    hops: Vec<Hop>,
    hops_free: Vec<usize>,
    sweep_at: usize,
    waiting_recipients: usize,
    relay_limits: BTreeMap<String, usize>,
}

/// A delivery that may start now. Its place is given back by [`Scheduler::finish`].
#[derive(Debug)]
pub struct Started<D> {
    /// Its place.
    pub place: Place,
    /// What was offered.
    pub delivery: D,
}

/// A place in a virtual queue and at a next hop. Not `Clone`: it is given back once.
#[derive(PartialEq, Eq, Debug)]
pub struct Place {
    queue: usize,
    hop: usize,
    unproven: bool,
}

#[derive(Debug)]
struct VirtualQueue<D> {
    cap: usize,
    in_flight: usize,
    unproven_in_flight: usize,
    lines: BTreeMap<usize, Line<D>>,
    /// The next hops whose line may have a delivery that can start: proven ones, and the others.
    turns: VecDeque<usize>,
    turns_unproven: VecDeque<usize>,
    unproven_next: bool,
}

#[derive(Debug)]
struct Hop {
    next_hop: NextHop,
    destination: Destination,
    in_flight: usize,
    waiting: usize,
    pace: Pace,
}

impl<D> Default for Scheduler<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D> Scheduler<D> {
    /// Nothing waits.
    pub fn new() -> Self {
        Scheduler {
            queue_numbers: BTreeMap::new(),
            queues: Vec::new(),
            next_queue: 0,
            hop_numbers: BTreeMap::new(),
            hops: Vec::new(),
            hops_free: Vec::new(),
            sweep_at: DESTINATIONS_MAX / 8,
            waiting_recipients: 0,
            relay_limits: BTreeMap::new(),
        }
    }

    /// Sets how many deliveries each virtual queue runs at once. Holds from the next start on.
    pub fn set_caps<'a>(&mut self, caps: impl IntoIterator<Item = (&'a str, usize)>) {
        for (name, cap) in caps {
            let number = self.queue_number(name);
            self.queues[number].cap = cap.max(1);
        }
    }

    /// Puts a delivery in line. It comes back if its next hop is down.
    pub fn offer(
        &mut self,
        virtual_queue: &str,
        next_hop: &NextHop,
        load: impl Into<Load>,
        delivery: D,
        now: Timestamp,
    ) -> Result<(), Box<(D, Down)>> {
        let Load { recipients, priority } = load.into();
        let number = self.hop_number(next_hop, now);
        let hop = &mut self.hops[number];
        if let Some(down) = hop.destination.down(now) {
            return Err(Box::new((delivery, down.clone())));
        }
        hop.waiting += 1;
        let unproven = !hop.destination.proven(now);
        self.waiting_recipients += recipients;
        let queue = self.queue_number(virtual_queue);
        let queue = &mut self.queues[queue];
        let line = queue.lines.entry(number).or_insert_with(Line::empty);
        line.push(Waiting { delivery, recipients, since: now }, priority);
        queue.take_turn(number, unproven);
        Ok(())
    }

    /// The next that may start now, in turn round the next hops.
    pub fn start(&mut self, now: Timestamp) -> Option<Started<D>> {
        for nth in 0..self.queues.len() {
            let number = (self.next_queue + nth) % self.queues.len();
            let Some((hop, waiting, unproven)) = self.queues[number].next(&self.hops, now) else { continue };
            self.next_queue = number + 1;
            self.waiting_recipients -= waiting.recipients;
            self.hops[hop].waiting -= 1;
            self.hops[hop].in_flight += 1;
            let place = Place { queue: number, hop, unproven };
            return Some(Started { place, delivery: waiting.delivery });
        }
        None
    }

    /// Gives a place back with what the delivery showed. Those that waited for a next hop that is down come back.
    pub fn finish(&mut self, place: &Place, feedback: Feedback, now: Timestamp) -> Vec<(D, Down)> {
        let queue = &mut self.queues[place.queue];
        queue.in_flight -= 1;
        queue.unproven_in_flight -= usize::from(place.unproven);
        let hop = &mut self.hops[place.hop];
        hop.in_flight -= 1;
        hop.pace.count(now);
        hop.destination.learn(feedback, now);
        if let Some(down) = hop.destination.down(now).cloned() {
            return self
                .take_waiting(place.hop, 0)
                .into_iter()
                .map(|delivery| (delivery, down.clone()))
                .collect();
        }
        let unproven = !hop.destination.proven(now);
        for queue in &mut self.queues {
            queue.take_turn(place.hop, unproven);
        }
        Vec::new()
    }

    /// The next hop of a place, and why it is down if it is, even if a trial is due.
    pub fn next_hop(&self, place: &Place) -> (&NextHop, Option<&Down>) {
        let hop = &self.hops[place.hop];
        (&hop.next_hop, hop.destination.is_down())
    }

    /// Sets how many deliveries some relays bear at once, by the name of the route.
    pub fn set_relay_limits(&mut self, limits: BTreeMap<String, usize>) {
        self.relay_limits = limits;
        for hop in &mut self.hops {
            hop.destination.bound(limit_max(&hop.next_hop, &self.relay_limits));
        }
    }

    /// How many more recipients are worth claiming.
    pub fn room(&self) -> usize {
        WAITING_RECIPIENTS_MAX.saturating_sub(self.waiting_recipients)
    }

    /// Makes room when there is none: takes out what slow next hops would not work off soon, each with the time
    /// when to come again. Next hops that never had their turn keep what they have.
    pub fn relieve(&mut self, now: Timestamp) -> Vec<(D, Timestamp)> {
        let mut relieved = Vec::new();
        for number in 0..self.hops.len() {
            let hop = &self.hops[number];
            let tried = hop.in_flight > 0 || hop.pace.began();
            let keep = hop.pace.within(WORKED_OFF_WITHIN, now);
            if hop.waiting <= keep || !tried || now.since(self.waiting_since(number, now)) < CROWDED_AFTER {
                continue;
            }
            let until =
                now.plus(hop.pace.time_for(hop.waiting, now).clamp(CROWDED_DELAY_MIN, CROWDED_DELAY_MAX));
            relieved.extend(self.take_waiting(number, keep).into_iter().map(|delivery| (delivery, until)));
        }
        relieved
    }

    /// All that wait, taken out.
    pub fn drain(&mut self) -> Vec<D> {
        (0..self.hops.len()).flat_map(|hop| self.take_waiting(hop, 0)).collect()
    }

    /// Takes out what waits for a next hop, the last first come last, but for the first `keep`.
    fn take_waiting(&mut self, hop: usize, mut keep: usize) -> Vec<D> {
        let mut taken = Vec::new();
        for queue in &mut self.queues {
            let Some(line) = queue.lines.get_mut(&hop) else { continue };
            for waiting in line.take(&mut keep) {
                self.waiting_recipients -= waiting.recipients;
                self.hops[hop].waiting -= 1;
                taken.push(waiting.delivery);
            }
        }
        taken
    }

    /// Since when the first in any line to a next hop waits.
    fn waiting_since(&self, hop: usize, now: Timestamp) -> Timestamp {
        let firsts = self.queues.iter().filter_map(|queue| queue.lines.get(&hop)?.since());
        firsts.min().unwrap_or(now)
    }

    fn queue_number(&mut self, name: &str) -> usize {
        if let Some(number) = self.queue_numbers.get(name) {
            return *number;
        }
        self.queues.push(VirtualQueue::empty());
        self.queue_numbers.insert(name.to_owned(), self.queues.len() - 1);
        self.queues.len() - 1
    }

    fn hop_number(&mut self, next_hop: &NextHop, now: Timestamp) -> usize {
        if let Some(number) = self.hop_numbers.get(next_hop) {
            return *number;
        }
        if self.hop_numbers.len() >= self.sweep_at {
            self.sweep(now);
        }
        let mut destination = Destination::new(next_hop);
        destination.bound(limit_max(next_hop, &self.relay_limits));
        let hop =
            Hop { next_hop: next_hop.clone(), destination, in_flight: 0, waiting: 0, pace: Pace::default() };
        let number = match self.hops_free.pop() {
            Some(number) => {
                self.hops[number] = hop;
                number
            }
            None => {
                self.hops.push(hop);
                self.hops.len() - 1
            }
        };
        self.hop_numbers.insert(next_hop.clone(), number);
        number
    }

    /// Forgets next hops about which nothing is known that matters; too many, and it forgets all that are idle.
    fn sweep(&mut self, now: Timestamp) {
        let crowded = self.hop_numbers.len() >= DESTINATIONS_MAX;
        for (number, hop) in self.hops.iter().enumerate() {
            let idle = hop.in_flight == 0 && hop.waiting == 0;
            if idle
                && (crowded || hop.destination.forgettable(now))
                && self.hop_numbers.remove(&hop.next_hop).is_some()
            {
                self.hops_free.push(number);
                for queue in &mut self.queues {
                    queue.forget(number);
                }
            }
        }
        self.sweep_at = (self.hop_numbers.len() * 2).max(DESTINATIONS_MAX / 8);
    }
}

/// Deliveries to a next hop at once at most.
fn limit_max(next_hop: &NextHop, relay_limits: &BTreeMap<String, usize>) -> usize {
    match next_hop {
        NextHop::Local { .. } => LOCAL_DELIVERIES_MAX,
        NextHop::Mx { .. } => MX_DELIVERIES_MAX,
        NextHop::Relay { route } => relay_limits.get(route).copied().unwrap_or(RELAY_DELIVERIES_MAX),
    }
}

impl<D> VirtualQueue<D> {
    fn empty() -> Self {
        VirtualQueue {
            cap: VIRTUAL_QUEUE_CAP_DEFAULT,
            in_flight: 0,
            unproven_in_flight: 0,
            lines: BTreeMap::new(),
            turns: VecDeque::new(),
            turns_unproven: VecDeque::new(),
            unproven_next: false,
        }
    }

    /// Gives the line of a next hop its turn, if something waits in it and it has none yet.
    fn take_turn(&mut self, hop: usize, unproven: bool) {
        let Some(line) = self.lines.get_mut(&hop) else { return };
        if line.in_turn || line.is_empty() {
            return;
        }
        line.in_turn = true;
        let turns = if unproven { &mut self.turns_unproven } else { &mut self.turns };
        turns.push_back(hop);
    }

    /// The next that may start, and whether it takes one of the places for the unproven.
    fn next(&mut self, hops: &[Hop], now: Timestamp) -> Option<(usize, Waiting<D>, bool)> {
        if self.in_flight >= self.cap {
            return None;
        }
        let unproven_first = self.unproven_next;
        self.unproven_next = !unproven_first;
        let found = if unproven_first {
            self.next_unproven(hops, now).or_else(|| self.next_proven(hops, now))
        } else {
            self.next_proven(hops, now).or_else(|| self.next_unproven(hops, now))
        };
        let (hop, unproven) = found?;
        self.in_flight += 1;
        self.unproven_in_flight += usize::from(unproven);
        let line = self.lines.get_mut(&hop)?;
        let waiting = line.pop()?;
        if line.is_empty() {
            self.lines.remove(&hop);
        } else {
            self.take_turn(hop, unproven);
        }
        Some((hop, waiting, unproven))
    }

    fn next_proven(&mut self, hops: &[Hop], now: Timestamp) -> Option<(usize, bool)> {
        while let Some(hop) = self.turns.pop_front() {
            if !hops[hop].destination.proven(now) {
                self.turns_unproven.push_back(hop);
            } else if self.may_start(hop, hops) {
                return Some((hop, false));
            }
        }
        None
    }

    fn next_unproven(&mut self, hops: &[Hop], now: Timestamp) -> Option<(usize, bool)> {
        while self.unproven_in_flight < self.unproven_cap() {
            let hop = self.turns_unproven.pop_front()?;
            if self.may_start(hop, hops) {
                return Some((hop, !hops[hop].destination.proven(now)));
            }
        }
        None
    }

    /// Ends the turn of a next hop: whether the first in its line may start. If the next hop bears no more, the line
    /// gets its turn again when a delivery to it finishes.
    fn may_start(&mut self, hop: usize, hops: &[Hop]) -> bool {
        let Some(line) = self.lines.get_mut(&hop) else { return false };
        line.in_turn = false;
        !line.is_empty() && hops[hop].in_flight < hops[hop].destination.limit()
    }

    fn unproven_cap(&self) -> usize {
        self.cap.div_ceil(2)
    }

    fn forget(&mut self, hop: usize) {
        self.lines.remove(&hop);
        self.turns.retain(|other| *other != hop);
        self.turns_unproven.retain(|other| *other != hop);
    }
}

/// How many deliveries to a next hop finish in a time, by the last two spans of ten seconds.
#[derive(Default, Debug)]
struct Pace {
    began_at: Option<Timestamp>,
    span: u64,
    finished: usize,
    finished_before: usize,
}

const SPAN: Duration = Duration::from_secs(10);

impl Pace {
    fn count(&mut self, now: Timestamp) {
        self.began_at.get_or_insert(now);
        let span = now.as_secs() / SPAN.as_secs();
        if span != self.span {
            self.finished_before = if span == self.span + 1 { self.finished } else { 0 };
            self.finished = 0;
            self.span = span;
        }
        self.finished += 1;
    }

    fn began(&self) -> bool {
        self.began_at.is_some()
    }

    /// How many finish within one span.
    fn rate(&self, now: Timestamp) -> usize {
        match (now.as_secs() / SPAN.as_secs()).saturating_sub(self.span) {
            0 => self.finished.max(self.finished_before),
            1 => self.finished,
            _ => 0,
        }
    }

    fn within(&self, time: Duration, now: Timestamp) -> usize {
        let spans = usize::try_from(time.as_secs() / SPAN.as_secs()).unwrap_or(usize::MAX);
        self.rate(now).saturating_mul(spans)
    }

    fn time_for(&self, deliveries: usize, now: Timestamp) -> Duration {
        let spans = deliveries / self.rate(now).max(1);
        SPAN.saturating_mul(u32::try_from(spans).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mail::{Domain, EnhancedStatus};
    use proptest::prelude::*;

    use super::*;
    use crate::limits::{LETTER_RECIPIENTS_MAX, PASSED_OVER_MAX};
    use crate::outcome::{Scope, Trouble, TroubleKind};

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000 + seconds * 1000)
    }

    fn mx(number: usize) -> NextHop {
        NextHop::Mx { route: "mx".to_owned(), domain: Domain::parse(&format!("d{number}.example")).unwrap() }
    }

    fn unreachable() -> Feedback {
        Feedback::Unreachable(Trouble {
            scope: Scope::Host,
            kind: TroubleKind::Connection,
            status: EnhancedStatus::new(4, 4, 1),
            text: "connection refused".to_owned(),
            host: "mx.example.org".to_owned(),
            reply: None,
            in_doubt: false,
        })
    }

    fn scheduler(caps: &[(&str, usize)]) -> Scheduler<usize> {
        let mut scheduler = Scheduler::new();
        scheduler.set_caps(caps.iter().copied());
        scheduler
    }

    /// Starts all that may start.
    fn start_all(scheduler: &mut Scheduler<usize>, now: Timestamp) -> Vec<Started<usize>> {
        std::iter::from_fn(|| scheduler.start(now)).collect()
    }

    fn numbers(started: &[Started<usize>]) -> Vec<usize> {
        started.iter().map(|started| started.delivery).collect()
    }

    // proves: K5
    #[test]
    fn a_long_line_delays_no_other() {
        let mut scheduler = scheduler(&[("remote", 100)]);
        for number in 0..5 {
            scheduler.offer("remote", &mx(0), 1, number, at(0)).unwrap();
        }
        scheduler.offer("remote", &mx(1), 1, 10, at(0)).unwrap();
        assert_eq!(numbers(&start_all(&mut scheduler, at(0))), [0, 10, 1, 2, 3, 4]);
    }

    // proves: K8
    #[test]
    fn letters_and_long_lists_to_one_next_hop_alternate() {
        let mut scheduler = scheduler(&[("local", 100)]);
        let local = NextHop::Local { route: "local".to_owned() };
        for number in 0..5 {
            scheduler.offer("local", &local, LETTER_RECIPIENTS_MAX + 1, number, at(0)).unwrap();
        }
        for number in 10..13 {
            scheduler.offer("local", &local, LETTER_RECIPIENTS_MAX, number, at(0)).unwrap();
        }
        assert_eq!(numbers(&start_all(&mut scheduler, at(0))), [10, 0, 11, 1, 12, 2, 3, 4]);
        assert_eq!(scheduler.room(), WAITING_RECIPIENTS_MAX);
    }

    #[test]
    fn a_higher_priority_goes_first_and_starves_nobody() {
        let mut scheduler = scheduler(&[("local", 1000)]);
        let local = NextHop::Local { route: "local".to_owned() };
        let offers = [(0, 0), (1, -9), (2, 9), (3, 4), (4, 9), (5, 0)];
        for (number, priority) in offers {
            let load = Load { recipients: 1, priority };
            scheduler.offer("local", &local, load, number, at(number as u64)).unwrap();
        }
        assert_eq!(numbers(&start_all(&mut scheduler, at(9))), [2, 4, 3, 0, 5, 1]);
        assert_eq!(scheduler.room(), WAITING_RECIPIENTS_MAX);
        // What waits longest has its turn although more and more comes that is urgent.
        scheduler.offer("local", &local, Load { recipients: 1, priority: -9 }, 1000, at(10)).unwrap();
        scheduler.offer("local", &local, 1, 1001, at(11)).unwrap();
        for number in 0..100 {
            scheduler.offer("local", &local, Load { recipients: 1, priority: 9 }, number, at(12)).unwrap();
        }
        let order = numbers(&start_all(&mut scheduler, at(13)));
        let place = |number| order.iter().position(|other| *other == number).unwrap();
        let every = PASSED_OVER_MAX as usize + 1;
        assert_eq!((place(1000), place(1001)), (every - 1, 2 * every - 1), "{order:?}");
        assert_eq!(order.len(), 102);
    }

    #[test]
    fn a_next_hop_starts_with_five_at_once() {
        let mut scheduler = scheduler(&[("remote", 100)]);
        for number in 0..9 {
            scheduler.offer("remote", &mx(0), 1, number, at(0)).unwrap();
        }
        let started = start_all(&mut scheduler, at(0));
        assert_eq!(numbers(&started), [0, 1, 2, 3, 4]);
        assert!(scheduler.finish(&started[0].place, Feedback::Answered, at(1)).is_empty());
        assert_eq!(numbers(&start_all(&mut scheduler, at(1))), [5]);
    }

    #[test]
    fn virtual_queues_keep_their_caps_and_do_not_block_each_other() {
        let mut scheduler = scheduler(&[("local", 3), ("remote", 100)]);
        let local = NextHop::Local { route: "local".to_owned() };
        for number in 0..9 {
            scheduler.offer("local", &local, 1, number, at(0)).unwrap();
        }
        scheduler.offer("remote", &mx(0), 1, 20, at(0)).unwrap();
        let mut started = numbers(&start_all(&mut scheduler, at(0)));
        started.sort_unstable();
        assert_eq!(started, [0, 1, 2, 20]);
        scheduler.set_caps([("local", 5)]);
        assert_eq!(numbers(&start_all(&mut scheduler, at(0))), [3, 4]);
    }

    // proves: K6
    #[test]
    fn next_hops_that_never_answered_hold_half_of_the_places() {
        let mut scheduler = scheduler(&[("remote", 10)]);
        let well = mx(1000);
        scheduler.offer("remote", &well, 1, 1000, at(0)).unwrap();
        let started = start_all(&mut scheduler, at(0));
        scheduler.finish(&started[0].place, Feedback::Answered, at(0));
        for number in 0..100 {
            scheduler.offer("remote", &mx(number), 1, number, at(0)).unwrap();
        }
        assert_eq!(start_all(&mut scheduler, at(0)).len(), 5);
        scheduler.offer("remote", &well, 1, 2000, at(0)).unwrap();
        assert_eq!(numbers(&start_all(&mut scheduler, at(0))), [2000]);
    }

    #[test]
    fn what_waits_for_a_next_hop_that_goes_down_comes_back() {
        let mut scheduler = scheduler(&[("remote", 100)]);
        for number in 0..12 {
            scheduler.offer("remote", &mx(0), 1, number, at(0)).unwrap();
        }
        let started = start_all(&mut scheduler, at(0));
        let mut back = Vec::new();
        for started in &started {
            back.extend(scheduler.finish(&started.place, unreachable(), at(1)));
        }
        let (delivery, down) = *scheduler.offer("remote", &mx(0), 1, 99, at(2)).unwrap_err();
        assert_eq!((delivery, down.failed_at), (99, at(1)));
        assert_eq!((started.len(), back.len()), (5, 7));
        assert_eq!(scheduler.room(), WAITING_RECIPIENTS_MAX);

        scheduler.offer("remote", &mx(0), 1, 100, down.trial).unwrap();
        scheduler.offer("remote", &mx(0), 1, 101, down.trial).unwrap();
        let trial = start_all(&mut scheduler, down.trial);
        assert_eq!(numbers(&trial), [100]);
        scheduler.finish(&trial[0].place, Feedback::Answered, down.trial);
        assert_eq!(numbers(&start_all(&mut scheduler, down.trial)), [101]);
    }

    #[test]
    fn makes_room_by_sending_away_what_a_slow_next_hop_would_not_work_off() {
        let mut scheduler = scheduler(&[("remote", 100)]);
        for number in 0..WAITING_RECIPIENTS_MAX {
            scheduler.offer("remote", &mx(0), 1, number, at(0)).unwrap();
        }
        assert_eq!(scheduler.room(), 0);
        let started = start_all(&mut scheduler, at(0));
        assert!(scheduler.relieve(at(5)).is_empty(), "too early to tell");
        scheduler.finish(&started[0].place, Feedback::Answered, at(19));
        let relieved = scheduler.relieve(at(19));
        assert_eq!(scheduler.room(), WAITING_RECIPIENTS_MAX - 3, "one in ten seconds, so three wait");
        assert_eq!(relieved.len(), WAITING_RECIPIENTS_MAX - started.len() - 3);
        assert!(relieved.iter().all(|(_, until)| *until == at(19 + 900)));
    }

    #[test]
    fn forgets_next_hops_that_are_idle() {
        let mut scheduler = scheduler(&[("remote", 100)]);
        for number in 0..3 * DESTINATIONS_MAX {
            scheduler.offer("remote", &mx(number), 1, number, at(number as u64)).unwrap();
            let started = scheduler.start(at(number as u64)).unwrap();
            scheduler.finish(&started.place, Feedback::Answered, at(number as u64));
        }
        assert!(scheduler.hops.len() <= DESTINATIONS_MAX);
        assert_eq!(scheduler.room(), WAITING_RECIPIENTS_MAX);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Offer { queue: usize, hop: usize, priority: i8 },
        Start,
        Finish { nth: usize, reachable: bool },
        Later,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..3usize, 0..6usize, -1..2i8)
                .prop_map(|(queue, hop, priority)| Step::Offer { queue, hop, priority }),
            4 => Just(Step::Start),
            3 => (0..50usize, proptest::bool::weighted(0.7))
                .prop_map(|(nth, reachable)| Step::Finish { nth, reachable }),
            1 => Just(Step::Later),
        ];
        proptest::collection::vec(step, 1..300)
    }

    proptest! {
        #[test]
        fn keeps_the_limits_and_everything_offered_starts_or_comes_back(steps in steps()) {
            const QUEUES: [(&str, usize); 3] = [("a", 1), ("b", 3), ("c", 40)];
            let mut scheduler = scheduler(&QUEUES);
            let mut now = at(0);
            let mut open = BTreeSet::new();
            let mut running: Vec<Started<usize>> = Vec::new();
            let mut back = 0;
            for (number, step) in steps.iter().enumerate() {
                match *step {
                    Step::Offer { queue, hop, priority } => {
                        let load = Load { recipients: 1, priority };
                        if scheduler.offer(QUEUES[queue].0, &mx(hop), load, number, now).is_ok() {
                            open.insert(number);
                        }
                    }
                    Step::Start => running.extend(scheduler.start(now)),
                    Step::Finish { nth, reachable } if !running.is_empty() => {
                        let started = running.swap_remove(nth % running.len());
                        let feedback = if reachable { Feedback::Answered } else { unreachable() };
                        for (delivery, _) in scheduler.finish(&started.place, feedback, now) {
                            prop_assert!(open.remove(&delivery));
                            back += 1;
                        }
                        prop_assert!(open.remove(&started.delivery));
                    }
                    Step::Finish { .. } => {}
                    Step::Later => now = now.plus(Duration::from_secs(20)),
                }
                for (queue, (_, cap)) in QUEUES.iter().enumerate() {
                    let held = running.iter().filter(|started| started.place.queue == queue).count();
                    prop_assert!(held <= *cap);
                }
                for hop in 0..6 {
                    let held = running.iter().filter(|started| started.place.hop == hop).count();
                    prop_assert!(held <= crate::limits::MX_DELIVERIES_MAX);
                }
            }
            // Nobody starves: when every delivery is answered, all that waits has its turn.
            for _ in 0..steps.len() {
                running.extend(start_all(&mut scheduler, now));
                for started in running.drain(..) {
                    prop_assert!(scheduler.finish(&started.place, Feedback::Answered, now).is_empty());
                    prop_assert!(open.remove(&started.delivery));
                }
            }
            prop_assert!(open.is_empty(), "left {open:?} after {back} came back");
            prop_assert_eq!(scheduler.room(), WAITING_RECIPIENTS_MAX);
        }
    }
}
