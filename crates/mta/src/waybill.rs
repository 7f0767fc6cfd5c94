//! What is said about each recipient once it is written: the line in the log and the event, from one record.

use std::sync::Arc;
use std::time::Duration;

use mail::Envelope;
use mail::Timestamp;
use mail::dsn::one_line;
use mail::seven_bit::Target;
use policy::expr::LookupAnswers;
use policy::facts::Facts;
use policy::route::explain_route;
use policy::{Configuration, Trouble, Verdict};
use store::QueuedRecipient;
use tracing::info;

use crate::attempt::{Delivery, Way};
use crate::events::{Attempt, Dialogue, Event, Outcome};
use crate::world::World;

/// Characters of a text of a peer in a line.
const TEXT_CHARS_MAX: usize = 400;

/// How a recipient was tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tried<'a> {
    pub(crate) way: &'a Way,
    pub(crate) dialogue: Option<&'a Arc<Dialogue>>,
    pub(crate) took: Duration,
}

/// What is to be said about a recipient once it is written: nothing is said that is not in the store.
#[derive(Debug)]
pub(crate) struct Line(Box<Attempt>);

/// Whether anybody listens to what becomes of recipients.
pub(crate) fn is_heard(world: &World) -> bool {
    tracing::enabled!(target: "delivery", tracing::Level::INFO) || world.events.wanted().events
}

/// What became of a recipient in an attempt, or without one if there is no way.
pub(crate) fn line(
    configuration: &Configuration,
    envelope: &Arc<Envelope>,
    queued: &QueuedRecipient,
    to: Option<&Delivery>,
    tried: Option<Tried<'_>>,
    verdict: &Verdict,
    now: Timestamp,
) -> Line {
    let (outcome, trouble, next_attempt) = match verdict {
        Verdict::Delivered(_) => (Outcome::Delivered, None, None),
        Verdict::Failed(trouble) => (Outcome::Failed, Some(trouble), None),
        // What is not counted was not tried.
        Verdict::Retry(progress) if progress.retry_num == queued.progress.retry_num => {
            (Outcome::Postponed, progress.last.as_ref(), Some(progress.due))
        }
        Verdict::Retry(progress) => (Outcome::Deferred, progress.last.as_ref(), Some(progress.due)),
    };
    let reply = match verdict {
        Verdict::Delivered(delivered) => delivered.reply.to_string(),
        Verdict::Failed(_) | Verdict::Retry(_) => words(trouble),
    };
    Line(Box::new(Attempt {
        at: now,
        envelope: Arc::clone(envelope),
        recipient: queued.recipient.id,
        forward_path: queued.recipient.forward_path.clone(),
        outcome,
        next_hop: to.map(|delivery| delivery.next_hop.clone()),
        reason: to.and_then(|delivery| why(configuration, delivery, queued, now)),
        way: tried.map(|tried| tried.way.clone()),
        took: tried.map_or(Duration::ZERO, |tried| tried.took),
        retry_num: queued.progress.retry_num,
        trouble: trouble.map(|trouble| trouble.kind),
        status: trouble.map(|trouble| trouble.status),
        reply: one_line(&reply, TEXT_CHARS_MAX),
        next_attempt,
        in_doubt: trouble.is_some_and(|trouble| trouble.in_doubt),
        double_bounce: outcome == Outcome::Failed && envelope.reverse_path.address().is_none(),
        dialogue: tried.and_then(|tried| tried.dialogue).cloned(),
    }))
}

impl Line {
    /// Says it to the log and to those who listen.
    pub(crate) fn say(self, world: &World) {
        self.log();
        world.events.report(Event::Attempt(self.0));
    }

    fn log(&self) {
        let attempt = &*self.0;
        let way = attempt.way.as_ref();
        let (host, tls) = (way.and_then(|way| said(&way.host)), way.and_then(|way| said(&way.tls)));
        let outcome = match attempt.outcome {
            Outcome::Deferred | Outcome::Postponed => "deferred",
            Outcome::Delivered | Outcome::Failed => attempt.outcome.name(),
        };
        info!(
            target: "delivery",
            outcome,
            id = %attempt.envelope.message,
            recipient = %attempt.forward_path,
            reverse_path = %attempt.envelope.reverse_path,
            route = attempt.next_hop.as_ref().map(|_| attempt.route()),
            next_hop = attempt.next_hop.as_ref().map(tracing::field::display),
            why = attempt.reason,
            host,
            address = way.and_then(|way| way.address.as_ref()).map(tracing::field::display),
            tls,
            tls_policy = way.and_then(|way| way.tls_reason).map(tracing::field::display),
            reused = way.map(|way| way.reused),
            converted = way.and_then(|way| way.made).map(converted),
            retry_num = attempt.retry_num,
            reply = attempt.reply,
            next_attempt = attempt.next_attempt.map(tracing::field::display),
            duplicate_risk = attempt.in_doubt.then_some(true),
            double_bounce = attempt.double_bounce.then_some(true),
            "{outcome}"
        );
    }
}

/// Why it took this route: as it was found, or as the settings say it again without asking the outside.
fn why(
    configuration: &Configuration,
    delivery: &Delivery,
    queued: &QueuedRecipient,
    now: Timestamp,
) -> Option<String> {
    if let Some(reason) = delivery.reasons.get(&queued.recipient.id) {
        return Some(one_line(reason, TEXT_CHARS_MAX));
    }
    let (forward_path, progress) = (&queued.recipient.forward_path, &queued.progress);
    let facts = Facts::new(&delivery.envelope, forward_path, progress, now);
    let (_, explained) = explain_route(configuration, &facts, &LookupAnswers::default());
    explained.reason().map(|reason| one_line(&reason, TEXT_CHARS_MAX))
}

/// What stands in a line, if it came so far that there is something to say.
fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| one_line(text, TEXT_CHARS_MAX))
}

/// That the content was not sent as it was accepted.
fn converted(target: Target) -> &'static str {
    match target {
        Target::SevenBit => "to 7bit, a DKIM signature may not hold any more",
        Target::EightBit => "to short lines, a DKIM signature may not hold any more",
    }
}

/// The peer's reply with the command that it answered, else the trouble in our words.
fn words(trouble: Option<&Trouble>) -> String {
    match trouble {
        None => String::new(),
        Some(Trouble { reply: Some((command, reply)), .. }) => format!("{reply} (to {command})"),
        Some(trouble) => trouble.text.clone(),
    }
}
