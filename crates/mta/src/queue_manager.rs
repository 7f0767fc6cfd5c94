//! Claim, route, schedule, start: the one loop that owns what is to be delivered next.
//!
//! All that can wake it is an [`Event`]. What waits for anything outside runs as a task of the loop's own
//! `JoinSet`; the loop itself only decides. A claim becomes one or more parts (a delivery per next hop, an
//! errand for what needs no attempt); when the last part has ended, one notification tells what is left to tell.

mod changes;
mod crashes;
mod ending;
mod pausing;
mod telling;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use mail::{Envelope, MessageId, Recipient, RecipientId, Timestamp};
use policy::bounce::Happening;
use policy::destination::{Down, Feedback};
use policy::limits::{
    CLAIM_INTERVAL_MAX, CLAIM_INTERVAL_MIN, CLAIM_RECIPIENTS_MAX, CLAIM_ROOM_MIN, ERRANDS_MAX,
    RELIEF_INTERVAL, STORE_BACKOFF_MIN,
};
use policy::scheduler::{Load, Place, Scheduler, Started};
use policy::{Configuration, Trouble};
use store::{Claim, LeaseId, StoreError};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::attempt::Delivery;
use crate::bounds::set_bounds;
use crate::claims::{Claimed, Next, Sorted, claim, next_of_each, route, sort};
use crate::connections::Connections;
use crate::desk::Paused;
use crate::health::forget;
use crate::heartbeat::beating;
use crate::pace::{Cleared, Pass};
use crate::parts::{self, Ended, Means, Part};
use crate::quotas::Quotas;
use crate::settle::longer;
use crate::world::World;

/// Runs until `shutdown`; then claims no more, lets attempts end or reach their deadline, and gives back the rest.
///
/// Returns before that if the store has stopped for good: what is delivered could not be written any more.
pub async fn run(
    world: World,
    configuration: watch::Receiver<Arc<Configuration>>,
    connections: Arc<Connections>,
    quotas: Arc<Quotas>,
    shutdown: CancellationToken,
) {
    let mut changes = configuration;
    let configuration = Arc::clone(&changes.borrow_and_update());
    let means = Means::begin(world, configuration, connections, quotas).await;
    if let Err(stopped) = beating(means.world.clone(), work(means, changes, shutdown)).await {
        error!(why = %stopped, "nothing is delivered any more");
    }
}

async fn work(
    means: Means,
    mut changes: watch::Receiver<Arc<Configuration>>,
    shutdown: CancellationToken,
) -> Result<(), StoreError> {
    forget(&means.world).await;
    tokio::select! {
        biased;
        () = shutdown.cancelled() => return Ok(()),
        recalled = means.world.desk.recall(&means.world) => recalled?,
    }
    let mut state = State::new(means);
    state.ordered();
    state.count_for_quotas();
    loop {
        state.start_deliveries();
        state.claim();
        match state.next(&mut changes, &shutdown).await {
            Event::Shutdown => return state.wind_down().await,
            Event::Ended(id, Ok(done)) => state.done(id, done)?,
            Event::Ended(id, Err(failure)) => state.crashed(id, &failure),
            Event::Configuration(configuration) => state.reconfigure(configuration),
            Event::Arrival | Event::Due => state.claim_wanted = true,
            Event::Desk => state.ordered(),
        }
    }
}

/// All that can wake the loop.
enum Event {
    /// We are told to stop.
    Shutdown,
    /// A task ended, or crashed.
    Ended(Id, Result<Done, JoinError>),
    /// There is a new configuration.
    Configuration(Arc<Configuration>),
    /// Something was accepted.
    Arrival,
    /// An operator has paused or resumed something.
    Desk,
    /// It is time to look.
    Due,
}

/// What a task has done.
enum Done {
    /// Asked for what is due: what was claimed, whether there may be more, and when something is due next.
    Claimed(Result<Claimed, StoreError>),
    /// Made the lookups of a claim.
    Routed(Claim, Vec<Next>),
    /// Ended a part of a claim.
    Part(Ended),
    /// Wrote down which next hop is down, or up again.
    Recorded,
    /// Told what was left to tell; whether that was written.
    Told(bool),
    /// Counted the queue for its quotas.
    Counted,
    /// Put back into the order of the queue what is not paused any more.
    Unparked,
}

/// A task under way, and what is to be done if it crashes.
enum Running {
    Claiming,
    Counting,
    Unparking,
    Routing { lease: LeaseId, recipients: Vec<RecipientId> },
    Delivery(Place, Part),
    Errand { lease: LeaseId, recipients: Vec<RecipientId> },
}

/// A claim that became several parts.
struct OpenClaim {
    envelope: Arc<Envelope>,
    parts: usize,
    owed: Vec<(Recipient, Happening)>,
}

struct State {
    means: Means,
    scheduler: Scheduler<Part>,
    tasks: JoinSet<Done>,
    running: HashMap<Id, Running>,
    deliveries: usize,
    open_claims: BTreeMap<LeaseId, OpenClaim>,
    /// Recipients that were claimed and are not sorted yet.
    unsorted: usize,
    panics: BTreeMap<MessageId, u32>,
    claim_wanted: bool,
    claiming: bool,
    counting: bool,
    paused: Arc<Paused>,
    /// Whether it was looked since the start what waits for something that was paused.
    looked_for_parked: bool,
    unparking: bool,
    /// What is paused has changed since it was last looked what waits for it.
    unpark_wanted: bool,
    /// Cancelled when nothing more is to be put back.
    unpark_until: CancellationToken,
    next_event: Timestamp,
    /// When we last began to claim.
    looked_at: Instant,
    relieved_at: Option<Instant>,
    backoff: Duration,
    backed_off_until: Option<Instant>,
    stopping: bool,
}

impl State {
    fn new(means: Means) -> Self {
        let mut scheduler = Scheduler::new();
        set_bounds(&mut scheduler, &means.configuration);
        State {
            means,
            scheduler,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            deliveries: 0,
            open_claims: BTreeMap::new(),
            unsorted: 0,
            panics: BTreeMap::new(),
            claim_wanted: true,
            claiming: false,
            counting: false,
            paused: Arc::default(),
            looked_for_parked: false,
            unparking: false,
            unpark_wanted: false,
            unpark_until: CancellationToken::new(),
            next_event: Timestamp::NEVER,
            looked_at: Instant::now(),
            relieved_at: None,
            backoff: STORE_BACKOFF_MIN,
            backed_off_until: None,
            stopping: false,
        }
    }

    fn now(&self) -> Timestamp {
        self.means.world.clock.now()
    }

    async fn next(
        &mut self,
        changes: &mut watch::Receiver<Arc<Configuration>>,
        shutdown: &CancellationToken,
    ) -> Event {
        let wake_at = self.wake_at();
        let listening = !self.claim_wanted;
        let (store, desk) = (Arc::clone(&self.means.world.store), Arc::clone(&self.means.world.desk));
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Event::Shutdown,
            Some(ended) = self.tasks.join_next_with_id() => match ended {
                Ok((id, done)) => Event::Ended(id, Ok(done)),
                Err(failure) => Event::Ended(failure.id(), Err(failure)),
            },
            Ok(()) = changes.changed() => Event::Configuration(Arc::clone(&changes.borrow_and_update())),
            () = desk.changed() => Event::Desk,
            () = store.arrival(), if listening => Event::Arrival,
            () = tokio::time::sleep_until(wake_at) => Event::Due,
        }
    }

    /// When to look again if nothing happens before.
    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        if self.paused.all().is_some() {
            return now + CLAIM_INTERVAL_MAX;
        }
        // What keeps us from claiming is the store, or that there is no room.
        if self.claim_wanted {
            return self.backed_off_until.filter(|until| *until > now).unwrap_or(now + RELIEF_INTERVAL);
        }
        // The longest wait counts from the last look, so that we look all the same where much happens.
        let wait = self.next_event.since(self.now()).min(CLAIM_INTERVAL_MAX);
        (now + wait).min(self.looked_at + CLAIM_INTERVAL_MAX)
    }

    /// Claims as much as there is room for, unless that is under way or the store needs a rest.
    fn claim(&mut self) {
        let rested = self.backed_off_until.is_none_or(|until| until <= Instant::now());
        let free = !self.stopping && self.paused.all().is_none();
        let idle = self.claim_wanted && !self.claiming && free && rested;
        if !idle || self.tasks.len().saturating_sub(self.deliveries) > ERRANDS_MAX {
            return;
        }
        let mut room = self.room();
        if room < CLAIM_ROOM_MIN {
            self.relieve();
            room = self.room();
        }
        if room < CLAIM_ROOM_MIN {
            return;
        }
        (self.claim_wanted, self.claiming, self.next_event) = (false, true, Timestamp::NEVER);
        self.looked_at = Instant::now();
        let world = self.means.world.clone();
        let limit = room.min(CLAIM_RECIPIENTS_MAX);
        let claimed = async move { Done::Claimed(claim(&world, limit).await) };
        let id = self.tasks.spawn(claimed).id();
        self.running.insert(id, Running::Claiming);
    }

    fn room(&self) -> usize {
        self.scheduler.room().saturating_sub(self.unsorted)
    }

    /// Makes room by sending away what slow next hops would not work off soon.
    fn relieve(&mut self) {
        if self.relieved_at.is_some_and(|at| at.elapsed() < RELIEF_INTERVAL) {
            return;
        }
        self.relieved_at = Some(Instant::now());
        let relieved = self.scheduler.relieve(self.now());
        if !relieved.is_empty() {
            self.report_pressure(relieved.len());
            warn!(
                deliveries = relieved.len(),
                "slow next hops hold up the queue; deliveries to them are put off"
            );
        }
        for (part, until) in relieved {
            let why = Trouble::ours("the next hop has more waiting than it takes");
            self.errand(
                part.delivery.lease,
                part.ids(),
                parts::postpone(self.means.clone(), part, until, why),
            );
        }
    }

    /// Starts all that may start.
    fn start_deliveries(&mut self) {
        if self.paused.all().is_some() {
            return;
        }
        while let Some(Started { place, delivery: part }) = self.scheduler.start(self.now()) {
            self.deliveries += 1;
            let cleared = parts::clear(&self.means, &part);
            match cleared {
                Some(cleared) if cleared.held.len() == part.delivery.recipients.len() => {
                    self.give_place_back(&place, Feedback::Nothing);
                    self.hold(part, cleared);
                }
                cleared => self.deliver(place, part, cleared),
            }
        }
    }

    fn deliver(&mut self, place: Place, part: Part, cleared: Option<Cleared>) {
        let (means, delivered) = (self.means.clone(), part.clone());
        let delivering = async move { Done::Part(parts::deliver(means, delivered, cleared).await) };
        let id = self.tasks.spawn(delivering).id();
        self.running.insert(id, Running::Delivery(place, part));
    }

    /// Writes that a rate holds a delivery up.
    fn hold(&mut self, part: Part, cleared: Cleared) {
        let (lease, ids) = (part.delivery.lease, part.ids());
        self.errand(lease, ids, parts::hold(self.means.clone(), part, cleared));
    }

    fn errand(
        &mut self,
        lease: LeaseId,
        recipients: Vec<RecipientId>,
        work: impl Future<Output = Ended> + Send + 'static,
    ) {
        let id = self.tasks.spawn(async move { Done::Part(work.await) }).id();
        self.running.insert(id, Running::Errand { lease, recipients });
    }

    fn done(&mut self, id: Id, done: Done) -> Result<(), StoreError> {
        let running = self.running.remove(&id);
        match done {
            Done::Claimed(claimed) => self.claimed(claimed)?,
            Done::Routed(claim, nexts) => {
                self.unsorted = self.unsorted.saturating_sub(claim.recipients.len());
                self.sorted(claim, nexts);
            }
            Done::Part(ended) => {
                if let Some(Running::Delivery(place, part)) = running {
                    self.panics.remove(&part.delivery.envelope.message);
                    self.give_place_back(&place, ended.feedback.clone());
                }
                self.part_ended(ended);
            }
            Done::Told(written) => self.stored(written),
            Done::Recorded => {}
            Done::Counted => self.counting = false,
            Done::Unparked => self.unparked(),
        }
        Ok(())
    }

    fn claimed(&mut self, claimed: Result<Claimed, StoreError>) -> Result<(), StoreError> {
        self.claiming = false;
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(stopped @ StoreError::Stopped(_)) => return Err(stopped),
            Err(why) => {
                warn!(%why, "cannot claim what is due");
                self.claim_wanted = true;
                self.stored(false);
                return Ok(());
            }
        };
        self.claim_wanted |= claimed.more;
        let mut next_event = claimed.next_event.unwrap_or(Timestamp::NEVER);
        if claimed.claims.is_empty() {
            next_event = next_event.max(self.now().plus(CLAIM_INTERVAL_MIN));
        }
        self.next_event = self.next_event.min(next_event);
        for claim in claimed.claims {
            match next_of_each(&self.means.configuration, &claim, self.now()) {
                Some(nexts) => self.sorted(claim, nexts),
                None => self.look_up(claim),
            }
        }
        Ok(())
    }

    /// Makes the lookups that the routes of a claim need, outside the loop.
    fn look_up(&mut self, claim: Claim) {
        self.unsorted += claim.recipients.len();
        let recipients = claim.recipients.iter().map(|queued| queued.recipient.id).collect();
        let (lease, means) = (claim.lease, self.means.clone());
        let routed = async move {
            let nexts = route(&means, &claim).await;
            Done::Routed(claim, nexts)
        };
        let id = self.tasks.spawn(routed).id();
        self.running.insert(id, Running::Routing { lease, recipients });
    }

    /// Makes the parts of a claim.
    fn sorted(&mut self, claim: Claim, nexts: Vec<Next>) {
        let (lease, envelope) = (claim.lease, Arc::clone(&claim.envelope));
        let Sorted { errands, early, deliveries } = sort(claim, nexts);
        let parts = deliveries.len() + usize::from(!errands.is_empty()) + usize::from(!early.is_empty());
        let alone = parts == 1;
        if !alone {
            let open = OpenClaim { envelope: Arc::clone(&envelope), parts, owed: Vec::new() };
            self.open_claims.insert(lease, open);
        }
        if !early.is_empty() {
            self.release(lease, early);
        }
        if !errands.is_empty() {
            let recipients = errands.iter().map(|(queued, _)| queued.recipient.id).collect();
            self.errand(
                lease,
                recipients,
                parts::errand(self.means.clone(), lease, envelope, alone, errands),
            );
        }
        let counted = !self.means.configuration.outbound.sender.is_empty();
        let pass = counted.then(Arc::<Pass>::default);
        for (virtual_queue, delivery) in deliveries {
            self.offer(&virtual_queue, Part { delivery: Arc::new(delivery), alone, pass: pass.clone() });
        }
    }

    fn offer(&mut self, virtual_queue: &str, part: Part) {
        if self.stopping || self.paused.all().is_some() {
            return self.release(part.delivery.lease, part.ids());
        }
        if self.paused.covers(virtual_queue, &part.delivery.next_hop) {
            return self.park(part);
        }
        let now = self.now();
        let delivery = Arc::clone(&part.delivery);
        let Delivery { next_hop, recipients, envelope, .. } = &*delivery;
        let load = Load { recipients: recipients.len(), priority: envelope.parameters.priority };
        if let Err(refused) = self.scheduler.offer(virtual_queue, next_hop, load, part, now) {
            let (part, down) = *refused;
            self.put_off(part, down);
        }
    }

    fn put_off(&mut self, part: Part, down: Down) {
        self.errand(part.delivery.lease, part.ids(), parts::put_off(self.means.clone(), part, down));
    }

    fn release(&mut self, lease: LeaseId, recipients: Vec<RecipientId>) {
        let ids = recipients.clone();
        self.errand(lease, ids, parts::release(self.means.world.clone(), lease, recipients));
    }

    fn give_place_back(&mut self, place: &Place, feedback: Feedback) {
        self.deliveries -= 1;
        let now = self.now();
        let shows = feedback != Feedback::Nothing;
        for (part, down) in self.scheduler.finish(place, feedback, now) {
            self.put_off(part, down);
        }
        if shows {
            self.note_health(place, now);
        }
    }

    fn part_ended(&mut self, ended: Ended) {
        self.next_event = self.next_event.min(ended.next_event);
        self.stored(ended.stored);
        let Some(open) = self.open_claims.get_mut(&ended.lease) else { return };
        open.parts -= 1;
        open.owed.extend(ended.owed);
        if open.parts > 0 {
            return;
        }
        let Some(OpenClaim { envelope, owed, .. }) = self.open_claims.remove(&ended.lease) else { return };
        if !owed.is_empty() {
            let recipients = owed.iter().map(|(recipient, _)| recipient.id).collect();
            let telling = parts::tell(self.means.clone(), ended.lease, envelope, owed);
            let id = self.tasks.spawn(async move { Done::Told(telling.await) }).id();
            self.running.insert(id, Running::Errand { lease: ended.lease, recipients });
        }
    }

    /// Lets the store rest when it could not do it, longer each time.
    fn stored(&mut self, stored: bool) {
        if stored {
            self.backoff = STORE_BACKOFF_MIN;
        } else {
            self.backed_off_until = Some(Instant::now() + self.backoff);
            self.backoff = longer(self.backoff);
        }
    }
}
