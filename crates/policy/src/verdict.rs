//! What becomes of the recipient after an attempt?

use mail::{EnhancedStatus, Envelope, RecipientId, Timestamp};

use crate::limits::LIMITED_DELAY;
use crate::outcome::{AttemptOutcome, Delivered, Scope, Trouble, TroubleKind};
use crate::retry::{Expiry, Progress, next_attempt};
use crate::settings::MtaDeliverySchedule;

/// What becomes of a recipient. The store writes it; nothing else ends a recipient.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// It has ended well.
    Delivered(Delivered),
    /// It is tried again at `Progress::due`.
    Retry(Progress),
    /// It has ended badly.
    Failed(Trouble),
}

/// What an attempt's outcome makes of a recipient.
///
/// `schedule` is the one chosen anew after a temporary failure. A rate or concurrency limit of ours is not the
/// peer's word and is no attempt: `retry_num` and the schedule stay.
pub fn judge(
    schedule: &MtaDeliverySchedule,
    envelope: &Envelope,
    recipient: RecipientId,
    progress: &Progress,
    outcome: AttemptOutcome,
    now: Timestamp,
) -> Verdict {
    match outcome {
        AttemptOutcome::Delivered(delivered) => Verdict::Delivered(delivered),
        AttemptOutcome::Failed(trouble) => Verdict::Failed(trouble),
        AttemptOutcome::Postponed { until, trouble } => postponed(progress, until, trouble),
        AttemptOutcome::Deferred(trouble) if is_limit_of_ours(trouble.kind) => {
            postponed(progress, now.plus(LIMITED_DELAY), trouble)
        }
        AttemptOutcome::Deferred(trouble) => {
            let progress = progress.clone().moved_to(schedule, envelope);
            match next_attempt(schedule, recipient, &progress, now) {
                None => Verdict::Failed(given_up(&progress, trouble)),
                Some(due) => Verdict::Retry(Progress {
                    retry_num: progress.retry_num.saturating_add(1),
                    due,
                    last: Some(trouble),
                    ..progress
                }),
            }
        }
    }
}

/// Whether the trouble is a limit that we set ourselves, so that nothing was tried.
fn is_limit_of_ours(kind: TroubleKind) -> bool {
    matches!(kind, TroubleKind::Rate | TroubleKind::Concurrency)
}

/// Not tried, and nothing counted: again at `until`, for a reason that is ours.
pub fn postponed(progress: &Progress, until: Timestamp, trouble: Trouble) -> Verdict {
    Verdict::Retry(Progress { due: until, last: Some(trouble), ..progress.clone() })
}

/// What ends a recipient whose time or attempts are used up: its last trouble, now for good.
pub fn expired(progress: &Progress) -> Verdict {
    Verdict::Failed(match &progress.last {
        Some(trouble) => given_up(progress, trouble.clone()),
        None => {
            let text = "message expired without any delivery attempt";
            Trouble::new(Scope::Recipient, TroubleKind::Io, (5, 4, 7), text)
        }
    })
}

/// A temporary trouble that has become the failure: the status says permanent, the reply stays as it was said.
fn given_up(progress: &Progress, mut trouble: Trouble) -> Trouble {
    trouble.status.class = 5;
    let returned_at = progress.envelope_expiry.filter(|_| !progress.envelope_notice).map(Expiry::At);
    if returned_at == Some(progress.expiry) {
        // RFC 2852 section 4: the time that the sender set is over, whatever was in the way.
        trouble.status = EnhancedStatus::new(5, 4, 7);
    }
    trouble
}
