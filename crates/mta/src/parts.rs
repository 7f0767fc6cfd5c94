//! The parts of a claim, each from its turn to its settlement: a delivery, an errand, a postponement, the last word.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mail::dsn::one_line;
use mail::{Envelope, Recipient, RecipientId, Timestamp};
use policy::bounce::{Happening, wanted};
use policy::destination::{Down, Feedback, feedback};
use policy::expr::LookupAnswers;
use policy::gap::Gap;
use policy::limits::{DELIVERY_GRACE, DELIVERY_MAX, SETTLE_MAX, STORE_BACKOFF_MIN};
use policy::outcome::is_about_us;
use policy::revise::cancelled;
use policy::route::Choice;
use policy::verdict::{expired, postponed};
use policy::{AttemptOutcome, Configuration, NextHop, Progress, Trouble, Verdict};
use store::{LeaseId, QueuedRecipient, StoreError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::attempt::{Delivery, Report, Way, attempt_until};
use crate::claims::Next;
use crate::connections::Connections;
use crate::events::{Event, PutOff};
use crate::gather::decide;
use crate::heartbeat::resume;
use crate::notices::Rates;
use crate::pace::{self, Cleared, Pass};
use crate::quotas::Quotas;
use crate::settle::{Decisions, Settled, longer, noticed, settle, verdict};
use crate::throttles::Held;
use crate::waybill::Tried;
use crate::world::World;

/// Characters of a refusal in an alarm.
const ALARM_CHARS_MAX: usize = 300;

/// What every part needs.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) world: World,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) quotas: Arc<Quotas>,
    /// The time before the start that does not count.
    pub(crate) gap: Option<Gap>,
    /// How many notifications went to whom.
    pub(crate) rates: Arc<Rates>,
    /// Cancelled when attempts under way are to be cut off.
    pub(crate) cut: CancellationToken,
}

impl Means {
    /// With what is known of the time before the start.
    pub(crate) async fn begin(
        world: World,
        configuration: Arc<Configuration>,
        connections: Arc<Connections>,
        quotas: Arc<Quotas>,
    ) -> Self {
        let gap = resume(&world).await;
        Means {
            world,
            configuration,
            connections,
            quotas,
            gap,
            rates: Arc::default(),
            cut: CancellationToken::new(),
        }
    }
}

/// A delivery, and whether it is all that its claim became.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) alone: bool,
    /// What the deliveries of its claim got of their sender's throttles, where there are any.
    pub(crate) pass: Option<Arc<Pass>>,
}

impl Part {
    pub(crate) fn ids(&self) -> Vec<RecipientId> {
        ids(&self.delivery.recipients)
    }

    fn decisions(&self) -> Decisions {
        Decisions::none(self.delivery.lease, Arc::clone(&self.delivery.envelope), self.alone)
    }
}

/// How a part ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) lease: LeaseId,
    /// What a delivery showed about its next hop.
    pub(crate) feedback: Feedback,
    /// What is still to be told.
    pub(crate) owed: Vec<(Recipient, Happening)>,
    /// When one of its recipients is due next.
    pub(crate) next_event: Timestamp,
    /// Whether the store did what was asked of it.
    pub(crate) stored: bool,
}

impl Ended {
    fn new(lease: LeaseId, settled: Settled) -> Self {
        Ended {
            lease,
            feedback: Feedback::Nothing,
            owed: settled.owed,
            next_event: settled.next_event,
            stored: settled.well,
        }
    }
}

/// Whether a delivery may pass now; none if that takes lookups.
pub(crate) fn clear(means: &Means, part: &Part) -> Option<Cleared> {
    if means.configuration.outbound.is_empty() {
        return Some(Cleared::default());
    }
    let (now, delivery) = (means.world.clock.now(), &part.delivery);
    match pace::wants(&means.configuration, delivery, now, &LookupAnswers::default()) {
        Choice::Decided(wants) => Some(clear_wants(means, part, wants, now)),
        Choice::Needs(_) | Choice::Undecidable(_) => None,
    }
}

fn clear_wants(means: &Means, part: &Part, wants: pace::Wants, now: Timestamp) -> Cleared {
    pace::clear(means.connections.throttles(), part.pass.as_deref(), &part.delivery, wants, now)
}

/// [`clear`], with the lookups that it takes. A condition that cannot be decided holds nobody up.
async fn look_up_and_clear(means: &Means, part: &Part) -> Cleared {
    let now = means.world.clock.now();
    let ask = |answers: &LookupAnswers| pace::wants(&means.configuration, &part.delivery, now, answers);
    match decide(&means.world, ask).await {
        Ok(wants) => clear_wants(means, part, wants, now),
        Err(trouble) => {
            warn!(why = trouble.text, "it cannot be said whether a rate limit applies; none is applied");
            Cleared::default()
        }
    }
}

/// Tries a delivery and writes what became of it. Recipients whose time ended while they waited are given up; those that
/// a rate holds up are postponed. `cleared` is what [`clear`] said.
pub(crate) async fn deliver(means: Means, part: Part, cleared: Option<Cleared>) -> Ended {
    let lease = part.delivery.lease;
    let cleared = match cleared {
        Some(cleared) => cleared,
        None => look_up_and_clear(&means, &part).await,
    };
    let now = means.world.clock.now();
    let is_out = |queued: &QueuedRecipient| is_out(queued, &cleared.held, now);
    let (delivery, mut decisions) = if part.delivery.recipients.iter().any(is_out) {
        without_those_out(&means, &part, &cleared.held, now)
    } else {
        (Arc::clone(&part.delivery), part.decisions())
    };
    let report = try_within_limit(&means, &delivery).await;
    cleared.count(&delivery, &report);
    let shown = feedback(report.outcomes.iter().map(|(_, outcome)| outcome));
    let (begun, lease_lost) = (report.begun, report.lease_lost);
    let untried = if begun { unanswered(&delivery, &report) } else { ids(&delivery.recipients) };
    if begun {
        judge_report(&means, &delivery, report, &mut decisions).await;
    }
    let mut ended = Ended::new(lease, settle(&means, decisions).await);
    if !untried.is_empty() {
        give_back(&means.world, lease, &untried).await;
    }
    ended.feedback = shown;
    if !begun {
        ended.stored = lease_lost;
        ended.next_event = now;
    }
    ended
}

fn ids(recipients: &[QueuedRecipient]) -> Vec<RecipientId> {
    recipients.iter().map(|queued| queued.recipient.id).collect()
}

/// Whether a recipient is not tried: its time is over (I4), or a rate holds it up.
fn is_out(queued: &QueuedRecipient, held: &BTreeMap<RecipientId, Held>, now: Timestamp) -> bool {
    queued.progress.expired(now) || held.contains_key(&queued.recipient.id)
}

/// The delivery to those who are tried, and the verdicts on those who are not.
fn without_those_out(
    means: &Means,
    part: &Part,
    held: &BTreeMap<RecipientId, Held>,
    now: Timestamp,
) -> (Arc<Delivery>, Decisions) {
    let mut delivery = (*part.delivery).clone();
    let mut decisions = part.decisions();
    let mut tried = Vec::new();
    for queued in delivery.recipients {
        let (to, verdict) = match held.get(&queued.recipient.id) {
            _ if queued.progress.expired(now) => (None, expired(&queued.progress)),
            Some(held) => (Some(&*part.delivery), postponed(&queued.progress, held.until, held.trouble())),
            None => {
                tried.push(queued);
                continue;
            }
        };
        decisions.decide(means, &queued, to, None, verdict, now);
    }
    delivery.recipients = tried;
    (Arc::new(delivery), decisions)
}

/// Writes that a rate holds up all recipients of a delivery. Nothing is counted.
pub(crate) async fn hold(means: Means, part: Part, cleared: Cleared) -> Ended {
    let now = means.world.clock.now();
    let (delivery, decisions) = without_those_out(&means, &part, &cleared.held, now);
    debug_assert!(delivery.recipients.is_empty(), "all are held");
    Ended::new(part.delivery.lease, settle(&means, decisions).await)
}

async fn try_within_limit(means: &Means, delivery: &Delivery) -> Report {
    if delivery.recipients.is_empty() {
        return Report::begun(Vec::new());
    }
    let cut = async {
        tokio::select! {
            biased;
            () = means.cut.cancelled() => {}
            () = tokio::time::sleep(DELIVERY_MAX + DELIVERY_GRACE) => {}
        }
    };
    let mut report =
        attempt_until(&means.world, &means.configuration, &means.connections, delivery, cut).await;
    let unanswered = unanswered(delivery, &report);
    if unanswered.is_empty() {
        return report;
    }
    if means.cut.is_cancelled() {
        warn!(id = %delivery.envelope.message, next_hop = %delivery.next_hop, duplicate_risk = true,
            "a delivery is cut off, as we stop");
        return report;
    }
    error!(id = %delivery.envelope.message, next_hop = %delivery.next_hop, duplicate_risk = true,
        "a delivery took too long and was cut off");
    let mut trouble = Trouble::ours(format!("the delivery took longer than {DELIVERY_MAX:?}"));
    trouble.in_doubt = true;
    for id in unanswered {
        report.outcomes.push((id, AttemptOutcome::Deferred(trouble.clone())));
        report.ways.push(Way::default());
    }
    report
}

/// Recipients of which a delivery that was cut off knows nothing.
fn unanswered(delivery: &Delivery, report: &Report) -> Vec<RecipientId> {
    let answered = |id: &RecipientId| report.outcomes.iter().any(|(other, _)| other == id);
    ids(&delivery.recipients).into_iter().filter(|id| !answered(id)).collect()
}

async fn judge_report(means: &Means, delivery: &Delivery, report: Report, decisions: &mut Decisions) {
    let now = means.world.clock.now();
    let envelope = &delivery.envelope;
    let mut ways = report.ways.iter();
    for (id, outcome) in report.outcomes {
        let way = ways.next();
        let Some(queued) = delivery.recipients.iter().find(|queued| queued.recipient.id == id) else {
            error!(id = %envelope.message, recipient = %id, "an attempt reports on a recipient it was not given");
            continue;
        };
        alarm_if_about_us(means, &delivery.next_hop, &outcome, now);
        let verdict = verdict(means, envelope, queued, outcome, now).await;
        let tried = way.map(|way| Tried { way, dialogue: report.dialogue.as_ref(), took: report.took });
        decisions.decide(means, queued, Some(delivery), tried, verdict, now);
    }
    decisions.deposits = report.deposits;
    decisions.expansions = report.expansions;
}

/// A refusal that is about this server and not about the message hits the next message too: somebody must look at it.
/// Said once an hour for each next hop.
fn alarm_if_about_us(means: &Means, next_hop: &NextHop, outcome: &AttemptOutcome, now: Timestamp) {
    let AttemptOutcome::Failed(trouble) = outcome else { return };
    if is_about_us(trouble) && means.world.health.is_first_alarm(next_hop, now) {
        error!(%next_hop, host = trouble.host, why = one_line(&trouble.text, ALARM_CHARS_MAX), alarm = "reputation",
            "mail is refused because of this server: its signatures, its SPF record or its reputation");
    }
}

/// Writes what needs no attempt: expiry, delay notices, what is owed, recipients without a route.
pub(crate) async fn errand(
    means: Means,
    lease: LeaseId,
    envelope: Arc<Envelope>,
    alone: bool,
    errands: Vec<(QueuedRecipient, Next)>,
) -> Ended {
    let now = means.world.clock.now();
    let configuration = &means.configuration;
    let mut decisions = Decisions::none(lease, Arc::clone(&envelope), alone);
    for (queued, next) in errands {
        let verdict = match next {
            Next::Tell(happening) => {
                decisions.untold.push((queued.recipient, happening));
                continue;
            }
            Next::Notice => {
                let progress = noticed(&means, &envelope, &queued, now).await;
                if wanted(configuration, &envelope, &queued.recipient, &Happening::Delayed(progress.clone()))
                {
                    decisions.delayed.push((queued.recipient, progress));
                } else {
                    decisions.verdicts.push((queued.recipient, Verdict::Retry(progress)));
                }
                continue;
            }
            Next::Cancel(cancellation) => {
                if !cancellation.notify {
                    decisions.silent.insert(queued.recipient.id);
                }
                Verdict::Failed(cancelled(&cancellation))
            }
            Next::Expire => expired_or_given_back(means.gap, &envelope, &queued.progress),
            Next::Stray(trouble) => {
                error!(id = %envelope.message, recipient = %queued.recipient.forward_path, why = trouble.text,
                    "no route can be chosen; the recipient is deferred");
                let outcome = AttemptOutcome::Deferred(trouble);
                verdict(&means, &envelope, &queued, outcome, now).await
            }
            Next::Try(..) | Next::Wait => continue,
        };
        decisions.decide(&means, &queued, None, None, verdict, now);
    }
    Ended::new(lease, settle(&means, decisions).await)
}

/// What becomes of a recipient whose time is over: it goes on if that time passed while nothing ran.
fn expired_or_given_back(gap: Option<Gap>, envelope: &Envelope, progress: &Progress) -> Verdict {
    let given_back = gap.and_then(|gap| gap.given_back(envelope, progress));
    given_back.map_or_else(|| expired(progress), Verdict::Retry)
}

/// Writes that a delivery's next hop is down. What failed there after a recipient had become due stands for an attempt
/// of its own, so that fallbacks come in time; who became due later waits for the trial, uncounted.
pub(crate) async fn put_off(means: Means, part: Part, down: Down) -> Ended {
    let now = means.world.clock.now();
    let Delivery { envelope, next_hop, recipients, lease, .. } = &*part.delivery;
    let mut decisions = part.decisions();
    let mut put_off = 0_usize;
    for queued in recipients {
        let mut trouble = down.trouble.clone();
        let text = &down.trouble.text;
        if queued.progress.expired(now) {
            let verdict = expired(&queued.progress);
            decisions.decide(&means, queued, Some(&part.delivery), None, verdict, now);
            continue;
        }
        let verdict = if down.failed_at >= queued.progress.due {
            trouble.text = format!("another delivery to the same next hop failed: {text}");
            let outcome = AttemptOutcome::Deferred(trouble);
            verdict(&means, envelope, queued, outcome, now).await
        } else {
            trouble.text = format!("the next hop is down and is tried again at {}: {text}", down.trial);
            postponed(&queued.progress, down.trial, trouble)
        };
        put_off += 1;
        decisions.decide_quietly(queued, &part.delivery, verdict);
    }
    let settled = settle(&means, decisions).await;
    if settled.written && put_off > 0 {
        // One line for all: where a next hop is down, hundreds of thousands may wait for it.
        let first = recipients.first().map(|queued| &queued.recipient.forward_path);
        report_put_off(&means.world, &part, &down, put_off, now);
        info!(target: "delivery", outcome = "put off", id = %envelope.message, recipients = put_off,
            first = first.map(tracing::field::display), next_hop = %next_hop, until = %down.trial,
            why = down.trouble.text, "put off");
    }
    Ended::new(*lease, settled)
}

fn report_put_off(world: &World, part: &Part, down: &Down, recipients: usize, now: Timestamp) {
    if world.events.wanted().events {
        world.events.report(Event::PutOff(Box::new(PutOff {
            at: now,
            envelope: Arc::clone(&part.delivery.envelope),
            recipients,
            next_hop: part.delivery.next_hop.clone(),
            until: down.trial,
            why: one_line(&down.trouble.text, ALARM_CHARS_MAX),
        })));
    }
}

/// Writes that a delivery is not tried before `until`, for a reason of ours. Nothing is counted.
pub(crate) async fn postpone(means: Means, part: Part, until: Timestamp, why: Trouble) -> Ended {
    let now = means.world.clock.now();
    let Delivery { recipients, lease, .. } = &*part.delivery;
    let mut decisions = part.decisions();
    for queued in recipients {
        let verdict = postponed(&queued.progress, until, why.clone());
        decisions.decide(&means, queued, Some(&part.delivery), None, verdict, now);
    }
    Ended::new(*lease, settle(&means, decisions).await)
}

/// Takes a delivery out of the order of the queue, as its virtual queue or its next hop is paused.
pub(crate) async fn park(means: Means, part: Part) -> Ended {
    let mut decisions = part.decisions();
    for queued in &part.delivery.recipients {
        let verdict = Verdict::Retry(queued.progress.clone().parked());
        decisions.decide_quietly(queued, &part.delivery, verdict);
    }
    Ended::new(part.delivery.lease, settle(&means, decisions).await)
}

/// Gives recipients back untried.
pub(crate) async fn release(world: World, lease: LeaseId, recipients: Vec<RecipientId>) -> Ended {
    let stored = give_back(&world, lease, &recipients).await;
    let next_event = world.clock.now();
    Ended { lease, feedback: Feedback::Nothing, owed: Vec::new(), next_event, stored }
}

/// The one notification about all that the parts of a claim left untold. If the lease has ended for one of them, each
/// that it still holds for is told of alone; the others are with another claim.
pub(crate) async fn tell(
    means: Means,
    lease: LeaseId,
    envelope: Arc<Envelope>,
    owed: Vec<(Recipient, Happening)>,
) -> bool {
    let (each, together) = (owed.clone(), Decisions::untold(lease, Arc::clone(&envelope), owed));
    if settle(&means, together).await.written {
        return true;
    }
    let mut written = false;
    for one in each {
        let one = Decisions::untold(lease, Arc::clone(&envelope), vec![one]);
        written |= settle(&means, one).await.well;
    }
    written
}

/// Releases, again and again while the store cannot. A lease that is lost need not be given back.
async fn give_back(world: &World, lease: LeaseId, recipients: &[RecipientId]) -> bool {
    let give_up = Instant::now() + SETTLE_MAX;
    let mut backoff: Duration = STORE_BACKOFF_MIN;
    loop {
        match world.store.release(lease, recipients).await {
            Ok(()) | Err(StoreError::LeaseLost(_)) => return true,
            Err(StoreError::Stopped(_)) => return false,
            Err(why) if Instant::now() >= give_up => {
                warn!(?lease, %why, "recipients cannot be given back and wait for the end of their lease");
                return false;
            }
            Err(why) => warn!(?lease, %why, "recipients cannot be given back yet"),
        }
        tokio::time::sleep(backoff).await;
        backoff = longer(backoff);
    }
}
