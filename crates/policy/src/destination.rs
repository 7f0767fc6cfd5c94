//! How many deliveries to a next hop at once, and is it down?

use std::time::Duration;

use mail::Timestamp;

use crate::limits::{
    DESTINATION_START, DOWN_AFTER, FAILURES_FORGOTTEN_AFTER, LOCAL_DELIVERIES_MAX, MX_DELIVERIES_MAX,
    PROVEN_FOR, RELAY_DELIVERIES_MAX, RELAY_DOWN_AFTER, TRIAL_DELAY_MAX, TRIAL_DELAY_MIN,
};
use crate::outcome::{AttemptOutcome, Scope, Trouble, TroubleKind};
use crate::route::NextHop;

/// What a delivery showed about its next hop.
#[derive(Clone, PartialEq, Debug)]
pub enum Feedback {
    /// It answered, whatever it said.
    Answered,
    /// It could not be reached, or would talk to nobody.
    Unreachable(Trouble),
    /// Nothing.
    Nothing,
}

/// What the outcomes of one delivery show about its next hop.
///
/// TLS trouble shows nothing: the next recipient may have another TLS strategy, by design of `last_error`.
pub fn feedback<'a>(outcomes: impl IntoIterator<Item = &'a AttemptOutcome>) -> Feedback {
    let mut shown = Feedback::Nothing;
    for outcome in outcomes {
        match outcome {
            AttemptOutcome::Delivered(_) => return Feedback::Answered,
            AttemptOutcome::Postponed { .. } => {}
            AttemptOutcome::Deferred(trouble) | AttemptOutcome::Failed(trouble) => {
                match of_trouble(outcome, trouble) {
                    Feedback::Nothing => {}
                    known => shown = known,
                }
            }
        }
    }
    shown
}

fn of_trouble(outcome: &AttemptOutcome, trouble: &Trouble) -> Feedback {
    let temporary = matches!(outcome, AttemptOutcome::Deferred(_));
    let wide = matches!(trouble.scope, Scope::Host | Scope::Destination);
    match trouble.kind {
        TroubleKind::UnexpectedReply if !wide => Feedback::Answered,
        TroubleKind::Dns | TroubleKind::Connection | TroubleKind::UnexpectedReply if wide && temporary => {
            Feedback::Unreachable(trouble.clone())
        }
        _ => Feedback::Nothing,
    }
}

/// Why a next hop is not tried now.
#[derive(Clone, PartialEq, Debug)]
pub struct Down {
    /// When one delivery is tried again.
    pub trial: Timestamp,
    /// When the last delivery to it failed.
    pub failed_at: Timestamp,
    /// What that one ran into.
    pub trouble: Trouble,
}

/// What is known about one next hop: how much it bears, and whether it answers.
///
/// The limit grows by one for each limit's worth of answers and shrinks as fast by failures. After enough failures in
/// a row the next hop is down: nothing is tried until the trial time, then one delivery alone.
#[derive(Clone, Debug)]
pub struct Destination {
    limit: f64,
    limit_max: usize,
    down_after: u32,
    is_ours: bool,
    failures: u32,
    trial_delay: Duration,
    down: Option<Down>,
    answered_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
}

impl Destination {
    /// Nothing is known yet.
    pub fn new(next_hop: &NextHop) -> Self {
        let (start, limit_max) = match next_hop {
            NextHop::Local { .. } => (LOCAL_DELIVERIES_MAX, LOCAL_DELIVERIES_MAX),
            NextHop::Mx { .. } => (DESTINATION_START, MX_DELIVERIES_MAX),
            NextHop::Relay { .. } => (DESTINATION_START, RELAY_DELIVERIES_MAX),
        };
        Destination {
            #[expect(clippy::cast_precision_loss, reason = "a limit is far below 2^52")]
            limit: start as f64,
            limit_max,
            down_after: if matches!(next_hop, NextHop::Relay { .. }) { RELAY_DOWN_AFTER } else { DOWN_AFTER },
            is_ours: matches!(next_hop, NextHop::Local { .. }),
            failures: 0,
            trial_delay: TRIAL_DELAY_MIN,
            down: None,
            answered_at: None,
            failed_at: None,
        }
    }

    /// Deliveries that may run at once. One while it is down: the trial.
    pub fn limit(&self) -> usize {
        if self.down.is_some() {
            return 1;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and limit_max"
        )]
        let whole = self.limit as usize;
        whole.clamp(1, self.limit_max)
    }

    /// Whether it is down, even if a trial is due.
    pub fn is_down(&self) -> Option<&Down> {
        self.down.as_ref()
    }

    /// Bears no more deliveries at once than this.
    pub fn bound(&mut self, limit_max: usize) {
        self.limit_max = limit_max.max(1);
    }

    /// Why nothing is tried now, if so. From the trial time on, a trial is.
    pub fn down(&self, now: Timestamp) -> Option<&Down> {
        self.down.as_ref().filter(|down| now < down.trial)
    }

    /// Whether it answered lately, so that deliveries to it hardly hang.
    pub fn proven(&self, now: Timestamp) -> bool {
        self.is_ours || self.failures == 0 && self.answered_at.is_some_and(|at| now.since(at) < PROVEN_FOR)
    }

    /// Whether nothing worth keeping is known any more.
    pub fn forgettable(&self, now: Timestamp) -> bool {
        let last = self.answered_at.max(self.failed_at);
        last.is_none_or(|at| now.since(at) >= FAILURES_FORGOTTEN_AFTER)
    }

    /// Takes in what a delivery showed.
    pub fn learn(&mut self, feedback: Feedback, now: Timestamp) {
        match feedback {
            Feedback::Answered => self.answered(now),
            Feedback::Unreachable(trouble) => self.unreachable(trouble, now),
            Feedback::Nothing => {}
        }
    }

    fn answered(&mut self, now: Timestamp) {
        if self.down.take().is_some() {
            self.limit = 1.0;
        }
        self.failures = 0;
        self.trial_delay = TRIAL_DELAY_MIN;
        self.answered_at = Some(now);
        #[expect(clippy::cast_precision_loss, reason = "a limit is far below 2^52")]
        let limit_max = self.limit_max as f64;
        self.limit = (self.limit + 1.0 / self.limit).min(limit_max.max(1.0));
    }

    fn unreachable(&mut self, trouble: Trouble, now: Timestamp) {
        // One that is down stays so until it answers, however late its trial comes.
        if self.down.is_none() && self.forgettable(now) {
            self.failures = 0;
            self.trial_delay = TRIAL_DELAY_MIN;
        }
        self.failures = self.failures.saturating_add(1);
        self.failed_at = Some(now);
        self.limit = (self.limit - 1.0 / self.limit).max(1.0);
        let trial = match &self.down {
            None if self.failures < self.down_after => return,
            None => now.plus(self.trial_delay),
            Some(down) if now < down.trial => down.trial,
            Some(_) => {
                self.trial_delay = self.trial_delay.saturating_mul(2).min(TRIAL_DELAY_MAX);
                now.plus(self.trial_delay)
            }
        };
        self.down = Some(Down { trial, failed_at: now, trouble });
    }
}

#[cfg(test)]
mod tests {
    use mail::{Domain, EnhancedStatus, Reply};

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000 + seconds * 1000)
    }

    fn trouble(kind: TroubleKind, scope: Scope) -> Trouble {
        Trouble {
            scope,
            kind,
            status: EnhancedStatus::new(4, 4, 1),
            text: "connection refused".to_owned(),
            host: "mx.example.org".to_owned(),
            reply: None,
            in_doubt: false,
        }
    }

    fn unreachable() -> Feedback {
        Feedback::Unreachable(trouble(TroubleKind::Connection, Scope::Host))
    }

    fn mx() -> Destination {
        let domain = Domain::parse("example.org").unwrap();
        Destination::new(&NextHop::Mx { route: "mx".to_owned(), domain })
    }

    #[test]
    fn grows_by_one_for_each_limit_of_answers_and_stops() {
        let mut destination = mx();
        assert_eq!(destination.limit(), 5);
        for _ in 0..6 {
            destination.learn(Feedback::Answered, at(0));
        }
        assert_eq!(destination.limit(), 6);
        for _ in 0..1000 {
            destination.learn(Feedback::Answered, at(0));
        }
        assert_eq!(destination.limit(), MX_DELIVERIES_MAX);
    }

    // proves: K5
    #[test]
    fn is_down_after_five_failures_in_a_row() {
        let mut destination = mx();
        for _ in 0..4 {
            destination.learn(unreachable(), at(0));
        }
        assert!(destination.down(at(0)).is_none());
        destination.learn(Feedback::Answered, at(0));
        for _ in 0..5 {
            assert!(destination.down(at(1)).is_none());
            destination.learn(unreachable(), at(1));
        }
        assert_eq!(destination.down(at(1)).map(|down| down.trial), Some(at(31)));
    }

    #[test]
    fn failures_that_were_under_way_do_not_put_off_the_trial() {
        let mut destination = mx();
        for _ in 0..20 {
            destination.learn(unreachable(), at(1));
        }
        assert_eq!(destination.down(at(1)).map(|down| down.trial), Some(at(31)));
    }

    #[test]
    fn a_trial_that_fails_doubles_the_wait_up_to_the_longest() {
        let mut destination = mx();
        for _ in 0..5 {
            destination.learn(unreachable(), at(0));
        }
        let mut waits = Vec::new();
        for _ in 0..6 {
            let trial = destination.down.as_ref().unwrap().trial;
            assert!(destination.down(trial).is_none(), "the trial may start");
            assert_eq!(destination.limit(), 1);
            destination.learn(unreachable(), trial);
            waits.push(destination.down(trial).unwrap().trial.since(trial).as_secs());
        }
        assert_eq!(waits, [60, 120, 240, 300, 300, 300]);
    }

    // proves: K7
    #[test]
    fn comes_back_slowly_after_a_trial_that_was_answered() {
        let mut destination = mx();
        for _ in 0..5 {
            destination.learn(unreachable(), at(0));
        }
        destination.learn(Feedback::Answered, at(30));
        assert!(destination.down(at(30)).is_none());
        assert_eq!(destination.limit(), 2);
        assert!(destination.proven(at(30)));
    }

    #[test]
    fn forgets_old_failures() {
        let mut destination = mx();
        for minute in 0..20 {
            destination.learn(unreachable(), at(minute * 660));
        }
        assert!(destination.down(at(19 * 660)).is_none());
    }

    #[test]
    fn a_trial_that_fails_after_a_long_silence_leaves_it_down() {
        let mut destination = mx();
        for _ in 0..5 {
            destination.learn(unreachable(), at(0));
        }
        destination.learn(unreachable(), at(3600));
        assert_eq!(destination.down(at(3600)).map(|down| down.trial), Some(at(3660)));
    }

    #[track_caller]
    fn check(outcome: AttemptOutcome, expected: &Feedback) {
        assert_eq!(&feedback([&outcome]), expected, "{outcome:?}");
    }

    #[test]
    fn tells_silence_from_refusal() {
        use AttemptOutcome::{Deferred, Failed};
        check(Deferred(trouble(TroubleKind::Connection, Scope::Host)), &unreachable());
        check(Deferred(trouble(TroubleKind::UnexpectedReply, Scope::Recipient)), &Feedback::Answered);
        check(Failed(trouble(TroubleKind::UnexpectedReply, Scope::Message)), &Feedback::Answered);
        check(Deferred(trouble(TroubleKind::Tls, Scope::Host)), &Feedback::Nothing);
        check(Failed(trouble(TroubleKind::Dns, Scope::Destination)), &Feedback::Nothing);
        check(Deferred(trouble(TroubleKind::Io, Scope::Message)), &Feedback::Nothing);
        let delivered = crate::outcome::Delivered {
            host: "mx.example.org".to_owned(),
            reply: Reply::new(250, None, "ok"),
            last_hop: false,
            dsn_handed_on: false,
            traced: false,
        };
        check(AttemptOutcome::Delivered(delivered), &Feedback::Answered);
    }
}
