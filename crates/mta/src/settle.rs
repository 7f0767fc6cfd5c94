//! Judges outcomes and writes what became of recipients, with the notification that is due.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mail::{Envelope, Recipient, RecipientId, Timestamp};
use policy::bounce::{Happening, wanted};
use policy::facts::Facts;
use policy::limits::{SETTLE_MAX, STORE_BACKOFF_MAX, STORE_BACKOFF_MIN};
use policy::retry::schedule_kept;
use policy::route::choose_schedule;
use policy::settings::MtaDeliverySchedule;
use policy::verdict::{judge, postponed};
use policy::{AttemptOutcome, Configuration, Progress, Verdict};
use store::{Deposit, Ending, LeaseId, Notice, QueuedRecipient, Settlement, StoreError};
use tokio::time::Instant;
use tracing::{error, warn};

use crate::attempt::Delivery;
use crate::events::{Bounced, Event};
use crate::gather::decide;
use crate::notices::{log_double_bounce, notice};
use crate::parts::Means;
use crate::quotas::Quotas;
use crate::vacations::answers;
use crate::waybill::{Line, Tried, is_heard, line};
use crate::world::World;

/// What is to be written about some recipients of one claim.
#[derive(Debug)]
pub(crate) struct Decisions {
    pub(crate) lease: LeaseId,
    pub(crate) envelope: Arc<Envelope>,
    /// Nobody else settles recipients of this claim: what is owed is told in the same transaction.
    pub(crate) alone: bool,
    pub(crate) verdicts: Vec<(Recipient, Verdict)>,
    /// Recipients that ended before, with what they owe.
    pub(crate) untold: Vec<(Recipient, Happening)>,
    /// Recipients that are still tried, and whose sender is told so.
    pub(crate) delayed: Vec<(Recipient, Progress)>,
    pub(crate) deposits: Vec<Deposit>,
    /// What lists pass on.
    pub(crate) expansions: Vec<Notice>,
    /// Recipients whose sender is not told, as the operator who gave them up wanted.
    pub(crate) silent: BTreeSet<RecipientId>,
    /// What is said about it in the log, once it is written.
    lines: Vec<Line>,
}

impl Decisions {
    /// Nothing decided yet.
    pub(crate) fn none(lease: LeaseId, envelope: Arc<Envelope>, alone: bool) -> Self {
        Decisions {
            lease,
            envelope,
            alone,
            verdicts: Vec::new(),
            untold: Vec::new(),
            delayed: Vec::new(),
            deposits: Vec::new(),
            expansions: Vec::new(),
            silent: BTreeSet::new(),
            lines: Vec::new(),
        }
    }

    /// What becomes of one recipient, after an attempt or without.
    pub(crate) fn decide(
        &mut self,
        means: &Means,
        queued: &QueuedRecipient,
        to: Option<&Delivery>,
        tried: Option<Tried<'_>>,
        verdict: Verdict,
        now: Timestamp,
    ) {
        if is_heard(&means.world) {
            let line = line(&means.configuration, &self.envelope, queued, to, tried, &verdict, now);
            self.lines.push(line);
        }
        let verdict = remembering(verdict, to);
        self.verdicts.push((queued.recipient.clone(), verdict));
    }

    /// The same, without a line of its own in the log.
    pub(crate) fn decide_quietly(&mut self, queued: &QueuedRecipient, to: &Delivery, verdict: Verdict) {
        let verdict = remembering(verdict, Some(to));
        self.verdicts.push((queued.recipient.clone(), verdict));
    }

    /// Only what is still to be told.
    pub(crate) fn untold(
        lease: LeaseId,
        envelope: Arc<Envelope>,
        untold: Vec<(Recipient, Happening)>,
    ) -> Self {
        Decisions { untold, ..Self::none(lease, envelope, true) }
    }
}

/// The same, with where the attempt went: people want to know why it waits.
fn remembering(verdict: Verdict, to: Option<&Delivery>) -> Verdict {
    match (verdict, to) {
        (Verdict::Retry(progress), Some(to)) => {
            Verdict::Retry(Progress { last_hop: Some(to.next_hop.clone()), ..progress })
        }
        (verdict, _) => verdict,
    }
}

/// What is left to do after writing.
#[derive(Debug)]
pub(crate) struct Settled {
    /// What is still to be told, by another settlement of the same claim.
    pub(crate) owed: Vec<(Recipient, Happening)>,
    /// When one of the recipients is due next.
    pub(crate) next_event: Timestamp,
    /// Whether it was written, as far as we know.
    pub(crate) written: bool,
    /// Whether the store is well. A lease that has ended is not its fault.
    pub(crate) well: bool,
}

/// What an outcome makes of a recipient, by the schedule that is chosen for it now.
pub(crate) async fn verdict(
    means: &Means,
    envelope: &Envelope,
    queued: &QueuedRecipient,
    outcome: AttemptOutcome,
    now: Timestamp,
) -> Verdict {
    let trouble = match outcome {
        AttemptOutcome::Delivered(delivered) => return Verdict::Delivered(delivered),
        AttemptOutcome::Failed(trouble) => return Verdict::Failed(trouble),
        AttemptOutcome::Postponed { until, trouble } => return postponed(&queued.progress, until, trouble),
        AttemptOutcome::Deferred(trouble) => trouble,
    };
    let seen = Progress { last: Some(trouble.clone()), ..queued.progress.clone() };
    let schedule = schedule(means, envelope, queued, &seen, now).await;
    let outcome = AttemptOutcome::Deferred(trouble);
    judge(&schedule, envelope, queued.recipient.id, &queued.progress, outcome, now)
}

/// A recipient's place after a delay notice.
pub(crate) async fn noticed(
    means: &Means,
    envelope: &Envelope,
    queued: &QueuedRecipient,
    now: Timestamp,
) -> Progress {
    let schedule = schedule(means, envelope, queued, &queued.progress, now).await;
    queued.progress.clone().noticed(&schedule, envelope, now)
}

async fn schedule(
    means: &Means,
    envelope: &Envelope,
    queued: &QueuedRecipient,
    progress: &Progress,
    now: Timestamp,
) -> Arc<MtaDeliverySchedule> {
    let facts = Facts::new(envelope, &queued.recipient.forward_path, progress, now);
    let choose = |answers: &_| choose_schedule(&means.configuration, &facts, answers);
    match decide(&means.world, choose).await {
        Ok(schedule) => {
            let stretched = means.gap.and_then(|gap| gap.stretched(&schedule, envelope));
            stretched.map_or(schedule, Arc::new)
        }
        Err(trouble) => {
            warn!(id = %envelope.message, recipient = %queued.recipient.forward_path, why = trouble.text,
                "no schedule can be chosen; the recipient keeps its place");
            Arc::new(schedule_kept(&queued.progress, envelope))
        }
    }
}

/// Writes it, again and again while the store cannot; gives up only when the lease is about to end.
pub(crate) async fn settle(means: &Means, decisions: Decisions) -> Settled {
    let (world, configuration) = (&means.world, &*means.configuration);
    let now = world.clock.now();
    let envelope = Arc::clone(&decisions.envelope);
    let mut decisions = decisions;
    let lines = std::mem::take(&mut decisions.lines);
    let expansions = std::mem::take(&mut decisions.expansions);
    let (settlement, happenings, owed, next_event) = compose(configuration, decisions);
    let mut settlement = settlement;
    if !happenings.is_empty() {
        let notice = notice(world, configuration, &means.rates, &envelope, happenings, now).await;
        settlement.notices.extend(notice);
    }
    let bounced = bounced(world, &envelope, &settlement, now);
    settlement.notices.extend(answers(world, configuration, &envelope, &settlement.deposits, now).await);
    settlement.notices.extend(expansions);
    if settlement.endings.is_empty() && settlement.told.is_empty() {
        return Settled { owed, next_event, written: true, well: true };
    }
    let gone = gone(&means.quotas, &settlement);
    let writing = write(world, settlement).await;
    let written = writing == Writing::Done;
    if written {
        means.quotas.ended(envelope.message, gone.into_iter());
        lines.into_iter().for_each(|line| line.say(world));
        bounced.into_iter().for_each(|event| world.events.report(event));
    }
    let owed = if written { owed } else { Vec::new() };
    Settled { owed, next_event, written, well: writing != Writing::Failed }
}

/// That notifications were queued, for those who listen.
fn bounced(world: &World, envelope: &Arc<Envelope>, settlement: &Settlement, now: Timestamp) -> Vec<Event> {
    if settlement.notices.is_empty() || !world.events.wanted().events {
        return Vec::new();
    }
    let told = settlement.notices.iter().filter_map(|notice| notice.accepted.recipients().first());
    let event =
        |to: mail::Address| Event::Bounced(Box::new(Bounced { at: now, envelope: Arc::clone(envelope), to }));
    told.map(|new| event(new.forward_path.clone())).collect()
}

/// Who leaves the queue with this; nobody where that does not matter.
fn gone(quotas: &Quotas, settlement: &Settlement) -> Vec<RecipientId> {
    if !quotas.in_force() {
        return Vec::new();
    }
    let ends = |ending: &&Ending| !ending.owed && !matches!(ending.verdict, Verdict::Retry(_));
    let ended = settlement.endings.iter().filter(ends).map(|ending| ending.recipient);
    ended.chain(settlement.told.iter().copied()).collect()
}

type Happenings = Vec<(Recipient, Happening)>;

/// The settlement without its notification, what that one tells, what is told later, and the next event.
fn compose(
    configuration: &Configuration,
    decisions: Decisions,
) -> (Settlement, Happenings, Happenings, Timestamp) {
    let envelope = &decisions.envelope;
    let mut settlement = Settlement {
        lease: decisions.lease,
        message: envelope.message,
        endings: Vec::with_capacity(decisions.verdicts.len()),
        told: decisions.untold.iter().map(|(recipient, _)| recipient.id).collect(),
        deposits: decisions.deposits,
        notices: Vec::new(),
    };
    let mut happenings = decisions.untold;
    let mut owed = Vec::new();
    let mut next_event = Timestamp::NEVER;
    for (recipient, verdict) in decisions.verdicts {
        let happening = match &verdict {
            Verdict::Delivered(delivered) if recipient.notify.success || delivered.traced => {
                Some(Happening::Delivered(delivered.clone()))
            }
            Verdict::Failed(trouble) => {
                log_double_bounce(envelope, &recipient, &trouble.text);
                Some(Happening::Failed(trouble.clone()))
            }
            Verdict::Retry(progress) => {
                next_event = next_event.min(progress.next_event());
                None
            }
            Verdict::Delivered(_) => None,
        };
        let happening = happening.filter(|_| !decisions.silent.contains(&recipient.id));
        let told = happening.filter(|happening| wanted(configuration, envelope, &recipient, happening));
        let is_owed = told.is_some() && !decisions.alone;
        settlement.endings.push(Ending { recipient: recipient.id, verdict, owed: is_owed });
        if let Some(told) = told {
            if is_owed { &mut owed } else { &mut happenings }.push((recipient, told));
        }
    }
    for (recipient, progress) in decisions.delayed {
        next_event = next_event.min(progress.next_event());
        let verdict = Verdict::Retry(progress.clone());
        settlement.endings.push(Ending { recipient: recipient.id, verdict, owed: false });
        happenings.push((recipient, Happening::Delayed(progress)));
    }
    (settlement, happenings, owed, next_event)
}

/// What came of writing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Done,
    /// Another may have the recipients by now.
    LeaseLost,
    Failed,
}

/// Whether the store took it. Where it may have taken it without saying so, that counts as yes.
async fn write(world: &World, settlement: Settlement) -> Writing {
    let (lease, message) = (settlement.lease, settlement.message);
    let give_up = Instant::now() + SETTLE_MAX;
    let mut backoff = STORE_BACKOFF_MIN;
    let mut uncertain = false;
    loop {
        match world.store.settle(settlement.clone()).await {
            Ok(()) => return Writing::Done,
            Err(StoreError::LeaseLost(_)) if uncertain => return Writing::Done,
            Err(why @ (StoreError::LeaseLost(_) | StoreError::Stopped(_))) => {
                warn!(id = %message, ?lease, %why, duplicate_risk = true, "what became of recipients is not written");
                return if matches!(why, StoreError::LeaseLost(_)) {
                    Writing::LeaseLost
                } else {
                    Writing::Failed
                };
            }
            Err(why) if Instant::now() >= give_up => {
                error!(id = %message, ?lease, %why, duplicate_risk = true, "what became of recipients is not written");
                return Writing::Failed;
            }
            Err(why) => {
                warn!(id = %message, %why, "what became of recipients is not written yet");
                uncertain = true;
            }
        }
        tokio::time::sleep(backoff).await;
        backoff = longer(backoff);
    }
}

/// The next wait after the store could not do it.
pub(crate) fn longer(backoff: Duration) -> Duration {
    backoff.saturating_mul(2).min(STORE_BACKOFF_MAX)
}
