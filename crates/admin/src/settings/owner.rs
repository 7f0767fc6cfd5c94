//! Takes changes one after another, writes each down, puts it in force, and takes back what nobody confirms.

use std::sync::Arc;
use std::time::Duration;

use mail::{Clock, Timestamp};
use mta::World;
use policy::Configuration;
use policy::registry::{CreationIds, Registry};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::closed::closed;
use super::current::{Current, Mode, Waiting};
use super::draft::{Drawn, HashOf, draw};
use super::handle::{Outcome, Proposal, Refusal};
use super::judge::{Judged, Remark, judge};
use super::machine::Machine;
use super::past;
use super::revision::Revision;
use super::start::remarks_on;
use super::stored::{About, Trial, about_write, by_place, let_go, writes};
use crate::observer::changed;

/// The clock may be set; a trial's end is looked at this often at least.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How long a return that did not succeed waits for the next try.
const RETURN_AGAIN: Duration = Duration::from_secs(60);
/// Who makes revisions that nobody asked for.
pub(super) const OURSELVES: &str = "waypost";

/// What the owner is told.
pub(super) enum Order {
    Change(Box<Proposal>, oneshot::Sender<Result<Outcome, Refusal>>),
    Confirm(u64, oneshot::Sender<Result<Arc<Current>, Refusal>>),
    Reload(oneshot::Sender<Result<Arc<Current>, Refusal>>),
}

/// Who alone changes the settings.
pub struct Owner {
    world: World,
    machine: Arc<dyn Machine>,
    current: watch::Sender<Arc<Current>>,
    orders: mpsc::Receiver<Order>,
    hash: HashOf,
    /// Before this, a return that failed is not tried again.
    return_after: Timestamp,
}

/// What a revision is about besides its objects.
pub(super) struct Reason {
    pub(super) author: String,
    pub(super) comment: Option<String>,
    pub(super) restores: Option<u64>,
    pub(super) trial: Option<Trial>,
}

impl Owner {
    pub(super) fn new(
        world: World,
        machine: Arc<dyn Machine>,
        current: watch::Sender<Arc<Current>>,
        orders: mpsc::Receiver<Order>,
        hash: HashOf,
    ) -> Self {
        Owner { world, machine, current, orders, hash, return_after: Timestamp::EPOCH }
    }

    /// Works until it is told to stop, or nobody is left who could ask.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let ends = trial_ends(self.now(), Arc::clone(&self.world.clock), self.return_after);
            let order = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                order = self.orders.recv() => order,
                () = ends => {
                    self.go_back().await;
                    continue;
                }
            };
            // Who asked may be gone; what was done stays done.
            match order {
                None => return,
                Some(Order::Change(proposal, answer)) => drop(answer.send(self.change(*proposal).await)),
                Some(Order::Confirm(number, answer)) => drop(answer.send(self.confirm(number).await)),
                Some(Order::Reload(answer)) => drop(answer.send(self.reload().await)),
            }
        }
    }

    fn now(&self) -> Arc<Current> {
        self.current.borrow().clone()
    }

    async fn change(&mut self, proposal: Proposal) -> Result<Outcome, Refusal> {
        let before = self.now();
        permitted(&before, &proposal)?;
        let Proposal { draft, author, comment, confirm_within, dry_run, restores, .. } = proposal;
        let drawn =
            draw(&*self.machine, &before.registry, draft, self.hash).await.map_err(Refusal::Invalid)?;
        let Drawn { registry, outcomes, created, judged } = drawn;
        let differences = before.registry.diff(&registry);
        let changed = judged.is_some() && by_place(&before.registry) != by_place(&registry);
        let mut outcome = Outcome {
            old_state: before.state(),
            warnings: new_warnings(&before, judged.as_ref()),
            current: before.clone(),
            outcomes,
            created,
            differences,
            changed,
        };
        if let Some(judged) = judged.filter(|_| changed && !dry_run) {
            // A trial within a trial ends no earlier than the first, which was promised its time.
            let end = confirm_within.map(|within| {
                let end = self.world.clock.now().plus(within);
                before.waiting.as_ref().map_or(end, |waiting| end.max(waiting.by))
            });
            let trial = end.map(|by| Trial {
                revision: before.revision + 1,
                by: by.as_millis(),
                // And it goes back to where the first began.
                back_to: before.waiting.as_ref().map_or(before.revision, |waiting| waiting.back_to),
                author: author.clone(),
            });
            outcome.current =
                self.commit(registry, judged, Reason { author, comment, restores, trial }).await?;
        }
        if !outcome.changed {
            outcome.created = CreationIds::new();
        }
        Ok(outcome)
    }

    /// Writes a revision and puts it in force.
    async fn commit(
        &mut self,
        registry: Registry,
        judged: Judged,
        reason: Reason,
    ) -> Result<Arc<Current>, Refusal> {
        let before = self.now();
        let now = self.world.clock.now();
        let mut configuration = judged.configuration.expect("only what can be used is committed");
        // Whoever changes the settings has heard of what is missing; a trial that ends by itself has not.
        let lost = if reason.author == OURSELVES { before.lost.clone() } else { Vec::new() };
        configuration.incomplete = !lost.is_empty();
        let (about, revision) = revised(&before.registry, before.revision, &registry, reason, now);
        let mut changes = writes(&about, &revision, &before.registry, &registry);
        if lost.is_empty() {
            changes.extend(let_go(&before.lost, &registry));
        }
        changes.extend(past::forgotten(&*self.world.store, revision.number, now).await?);
        changes.extend(closed(&*self.world.store, &before.registry, &registry, now).await?);
        self.world.store.change(changes, now).await?;
        tracing::info!(
            revision = revision.number,
            author = revision.author,
            comment = revision.comment,
            "the settings were changed: {}",
            revision.differences.join("; ")
        );
        let remarks = [remarks_on(&lost), judged.remarks].concat();
        let of = Current { lost, remarks, ..(*before).clone() };
        let current = self.put_in_force(of, registry, about, configuration);
        let comment = revision.comment.as_deref().unwrap_or_default();
        self.world.events.report(changed(now, Some(revision.number), &revision.author, comment));
        Ok(current)
    }

    fn put_in_force(
        &self,
        before: Current,
        registry: Registry,
        about: About,
        configuration: Configuration,
    ) -> Arc<Current> {
        self.machine.put_in_force(configuration);
        let current = Arc::new(Current {
            registry,
            revision: about.revision,
            in_force: about.revision,
            waiting: about.waiting.map(Waiting::from),
            ..before
        });
        self.current.send_replace(Arc::clone(&current));
        current
    }

    async fn confirm(&mut self, number: u64) -> Result<Arc<Current>, Refusal> {
        let before = self.now();
        let Some(waiting) = before.waiting.as_ref().filter(|waiting| waiting.revision == number) else {
            return Err(Refusal::NotFound(format!("revision {number} waits for no confirmation")));
        };
        let about = About::new(before.revision, &before.registry, None);
        self.world.store.change(vec![about_write(&about)], self.world.clock.now()).await?;
        tracing::info!(revision = waiting.revision, "the settings were confirmed and stay");
        let current = Arc::new(Current { waiting: None, ..(*before).clone() });
        self.current.send_replace(Arc::clone(&current));
        Ok(current)
    }

    /// Nobody confirmed: puts in force again what was before.
    async fn go_back(&mut self) {
        let before = self.now();
        let Some(waiting) = before.waiting.clone() else { return };
        if let Err(refusal) = self.return_to(&before, &waiting).await {
            tracing::error!(
                revision = waiting.revision,
                back_to = waiting.back_to,
                "the settings were not confirmed, but those before cannot be put in force: {refusal}"
            );
            self.return_after = self.world.clock.now().plus(RETURN_AGAIN);
        }
    }

    async fn return_to(&mut self, before: &Current, waiting: &Waiting) -> Result<(), Refusal> {
        let now = self.world.clock.now();
        let at = (&before.registry, before.revision);
        let found = past::registry_at(&*self.world.store, at, waiting.back_to, now).await?;
        let registry = found.ok_or_else(|| {
            Refusal::NotFound(format!("revision {} is not there any more", waiting.back_to))
        })?;
        let judged = judge(&*self.machine, &registry).await;
        if judged.configuration.is_none() {
            return Err(Refusal::Invalid(judged.remarks));
        }
        self.commit(registry, judged, unconfirmed(waiting)).await?;
        tracing::warn!(
            revision = waiting.revision,
            author = waiting.author,
            "the settings were not confirmed in time; those of revision {} are in force again",
            waiting.back_to
        );
        Ok(())
    }

    async fn reload(&mut self) -> Result<Arc<Current>, Refusal> {
        let before = self.now();
        let (registry, revision, judged) = match &before.mode {
            Mode::File(_) => {
                let read = self.machine.load_file().await.map_err(Refusal::Invalid)?;
                let judged = Judged { remarks: read.remarks, configuration: Some(read.configuration) };
                let now = self.world.clock.now();
                let gone = closed(&*self.world.store, &before.registry, &read.registry, now).await?;
                if !gone.is_empty() {
                    self.world.store.change(gone, now).await?;
                }
                (read.registry, before.revision + 1, judged)
            }
            Mode::Store | Mode::ReadOnly(_) => {
                (before.registry.clone(), before.revision, judge(&*self.machine, &before.registry).await)
            }
        };
        let Some(mut configuration) = judged.configuration else {
            return Err(Refusal::Invalid(judged.remarks));
        };
        configuration.incomplete = !before.lost.is_empty();
        self.machine.put_in_force(configuration);
        self.world.events.report(changed(self.world.clock.now(), Some(revision), OURSELVES, "read again"));
        let current = Arc::new(Current {
            registry,
            revision,
            in_force: revision,
            remarks: [remarks_on(&before.lost), judged.remarks].concat(),
            ..(*before).clone()
        });
        self.current.send_replace(Arc::clone(&current));
        Ok(current)
    }
}

async fn trial_ends(current: Arc<Current>, clock: Arc<dyn Clock>, return_after: Timestamp) {
    let Some(waiting) = &current.waiting else { return std::future::pending().await };
    let end = waiting.by.max(return_after);
    loop {
        let left = end.since(clock.now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LOOK_AGAIN)).await;
    }
}

/// What may not be done now is refused before anything is drawn up.
fn permitted(before: &Current, proposal: &Proposal) -> Result<(), Refusal> {
    if let Some(why) = before.mode.refusal() {
        return Err(Refusal::Forbidden(why));
    }
    if let Some(expected) = proposal.if_in_state.as_ref().filter(|state| **state != before.state()) {
        return Err(Refusal::StateMismatch { expected: expected.clone(), now: before.state() });
    }
    // A return must not take back what somebody else has done meanwhile for good.
    match &before.waiting {
        Some(waiting) if !proposal.dry_run && proposal.confirm_within.is_none() => {
            let Waiting { revision, author, by, back_to } = waiting;
            Err(Refusal::Forbidden(format!(
                "revision {revision} of {author} is on trial until {}: confirm it, restore revision {back_to} with \
                 confirmWithin, or give this change a confirmWithin too",
                by.rfc3339()
            )))
        }
        _ => Ok(()),
    }
}

/// The next revision, and what is known about the whole with it.
pub(super) fn revised(
    before: &Registry,
    before_at: u64,
    after: &Registry,
    reason: Reason,
    now: Timestamp,
) -> (About, Revision) {
    let Reason { author, comment, restores, trial } = reason;
    let number = before_at + 1;
    let revision = Revision {
        number,
        at: now.as_millis(),
        author,
        comment,
        differences: Vec::new(),
        differences_total: 0,
        confirm_by: trial.as_ref().map(|trial| trial.by),
        restores,
    };
    let sentences = before.diff(after).into_iter().map(|difference| difference.sentence).collect();
    (About::new(number, after, trial), revision.with_sentences(sentences))
}

pub(super) fn unconfirmed(waiting: &Waiting) -> Reason {
    Reason {
        author: OURSELVES.to_owned(),
        comment: Some(format!(
            "revision {} of {} was not confirmed in time",
            waiting.revision, waiting.author
        )),
        restores: Some(waiting.back_to),
        trial: None,
    }
}

fn new_warnings(before: &Current, judged: Option<&Judged>) -> Vec<Remark> {
    let remarks = judged.map(|judged| judged.remarks.as_slice()).unwrap_or_default();
    remarks.iter().filter(|remark| !remark.is_error && !before.remarks.contains(remark)).cloned().collect()
}

impl From<Trial> for Waiting {
    fn from(trial: Trial) -> Self {
        let Trial { revision, by, back_to, author } = trial;
        Waiting { revision, by: Timestamp::from_millis(by), back_to, author }
    }
}
