//! One line in the log for each thing that is decided about a recipient.

use mail::dsn::one_line;
use mail::seven_bit::Target;
use mail::{Envelope, MessageId, Timestamp};
use policy::expr::LookupAnswers;
use policy::facts::Facts;
use policy::route::explain_route;
use policy::{Configuration, NextHop, Trouble, Verdict};
use store::QueuedRecipient;
use tracing::info;

use crate::attempt::{Delivery, Way};

/// Characters of a text of a peer in a line.
const TEXT_CHARS_MAX: usize = 400;

/// What is to be said about a recipient once it is written: nothing is in the log that is not in the store.
#[derive(Debug)]
pub(crate) struct Line {
    outcome: &'static str,
    id: MessageId,
    recipient: String,
    reverse_path: String,
    next_hop: Option<NextHop>,
    why: Option<String>,
    way: Option<Way>,
    retry_num: u32,
    reply: String,
    next_attempt: Option<Timestamp>,
    in_doubt: bool,
    /// It failed, and there is nobody to tell: what is returned to nobody is only told here.
    double_bounce: bool,
}

/// What became of a recipient in an attempt, or without one if there is no way. None if nobody listens.
pub(crate) fn line(
    configuration: &Configuration,
    envelope: &Envelope,
    queued: &QueuedRecipient,
    to: Option<&Delivery>,
    way: Option<&Way>,
    verdict: &Verdict,
    now: Timestamp,
) -> Option<Line> {
    if !tracing::enabled!(target: "delivery", tracing::Level::INFO) {
        return None;
    }
    let (outcome, words, in_doubt) = match verdict {
        Verdict::Delivered(delivered) => ("delivered", delivered.reply.to_string(), false),
        Verdict::Retry(progress) => {
            ("deferred", words(progress.last.as_ref()), in_doubt(progress.last.as_ref()))
        }
        Verdict::Failed(trouble) => ("failed", words(Some(trouble)), trouble.in_doubt),
    };
    let next_attempt = match verdict {
        Verdict::Retry(progress) => Some(progress.due),
        Verdict::Delivered(_) | Verdict::Failed(_) => None,
    };
    Some(Line {
        outcome,
        id: envelope.message,
        recipient: queued.recipient.forward_path.to_string(),
        reverse_path: envelope.reverse_path.to_string(),
        next_hop: to.map(|delivery| delivery.next_hop.clone()),
        why: to.and_then(|delivery| why(configuration, delivery, queued, now)),
        way: way.cloned(),
        retry_num: queued.progress.retry_num,
        reply: one_line(&words, TEXT_CHARS_MAX),
        next_attempt,
        in_doubt,
        double_bounce: outcome == "failed" && envelope.reverse_path.address().is_none(),
    })
}

impl Line {
    /// Says it.
    pub(crate) fn log(&self) {
        let way = self.way.as_ref();
        let (host, tls) = (way.and_then(|way| said(&way.host)), way.and_then(|way| said(&way.tls)));
        let outcome = self.outcome;
        info!(
            target: "delivery",
            outcome,
            id = %self.id,
            recipient = self.recipient,
            reverse_path = self.reverse_path,
            route = self.next_hop.as_ref().map(route),
            next_hop = self.next_hop.as_ref().map(tracing::field::display),
            why = self.why,
            host,
            address = way.and_then(|way| way.address.as_ref()).map(tracing::field::display),
            tls,
            tls_policy = way.and_then(|way| way.tls_reason).map(tracing::field::display),
            reused = way.map(|way| way.reused),
            converted = way.and_then(|way| way.made).map(converted),
            retry_num = self.retry_num,
            reply = self.reply,
            next_attempt = self.next_attempt.map(tracing::field::display),
            duplicate_risk = self.in_doubt.then_some(true),
            double_bounce = self.double_bounce.then_some(true),
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

fn route(next_hop: &NextHop) -> &str {
    match next_hop {
        NextHop::Local { route } | NextHop::Mx { route, .. } | NextHop::Relay { route } => route,
    }
}

fn in_doubt(trouble: Option<&Trouble>) -> bool {
    trouble.is_some_and(|trouble| trouble.in_doubt)
}

/// The peer's reply with the command that it answered, else the trouble in our words.
fn words(trouble: Option<&Trouble>) -> String {
    match trouble {
        None => String::new(),
        Some(Trouble { reply: Some((command, reply)), .. }) => format!("{reply} (to {command})"),
        Some(trouble) => trouble.text.clone(),
    }
}
