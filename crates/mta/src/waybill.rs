//! One line in the log for each thing that is decided about a recipient.

use mail::Envelope;
use mail::dsn::one_line;
use policy::{NextHop, Trouble, Verdict};
use store::QueuedRecipient;
use tracing::info;

use crate::attempt::Way;

/// Characters of a text of a peer in a line.
const TEXT_CHARS_MAX: usize = 400;

/// What became of a recipient in an attempt, or without one if there is no way.
pub(crate) fn log(
    envelope: &Envelope,
    queued: &QueuedRecipient,
    next_hop: Option<&NextHop>,
    way: Option<&Way>,
    verdict: &Verdict,
) {
    if !tracing::enabled!(target: "delivery", tracing::Level::INFO) {
        return;
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
    info!(
        target: "delivery",
        outcome,
        id = %envelope.message,
        recipient = %queued.recipient.forward_path,
        reverse_path = %envelope.reverse_path,
        route = next_hop.map(route),
        next_hop = next_hop.map(tracing::field::display),
        host = way.map(|way| one_line(&way.host, TEXT_CHARS_MAX)),
        address = way.and_then(|way| way.address).map(tracing::field::display),
        tls = way.map(|way| way.tls.as_str()),
        reused = way.map(|way| way.reused),
        retry_num = queued.progress.retry_num,
        reply = one_line(&words, TEXT_CHARS_MAX),
        next_attempt = next_attempt.map(tracing::field::display),
        duplicate_risk = in_doubt.then_some(true),
        "{outcome}"
    );
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
