//! Is a host up, and may it be tried now? What one delivery finds out holds for all.

use std::time::Duration;

use mail::Timestamp;

use crate::limits::{
    FAILURES_FORGOTTEN_AFTER, HOST_BACK_WITHIN, HOST_DOWN_AFTER, TRIAL_DELAY_MAX, TRIAL_DELAY_MIN,
};
use crate::outcome::{Scope, Trouble, TroubleKind};

/// What is known of a host that has failed lately.
#[derive(Clone, PartialEq, Debug)]
pub struct HostHealth {
    failures: u32,
    failed_at: Timestamp,
    trial_delay: Duration,
    state: State,
}

#[derive(Clone, PartialEq, Debug)]
enum State {
    /// It has failed, but too rarely to count as down.
    Doubtful,
    /// Nobody tries it before `trial`; then one delivery does, and it is `on_trial`.
    Down { since: Timestamp, trial: Timestamp, on_trial: bool },
    /// It answered a trial; its share grows.
    Back { since: Timestamp },
}

/// Since when a host is down, and when it is tried next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostDown {
    /// Since when.
    pub since: Timestamp,
    /// When one delivery tries it again.
    pub trial: Timestamp,
}

/// What an event changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostChange {
    /// Nothing that matters.
    None,
    /// It is down; or still, with another trial.
    Down(HostDown),
    /// It is up again.
    Up,
}

impl HostHealth {
    /// Nothing is known.
    pub fn new(now: Timestamp) -> Self {
        HostHealth { failures: 0, failed_at: now, trial_delay: TRIAL_DELAY_MIN, state: State::Doubtful }
    }

    /// Whether a delivery may try it now, if it has another host to go to. At the time of the trial, one may, and the
    /// next only after that one had its time. A host that is back gets its share slowly: `seed` says who is meant.
    pub fn admits(&mut self, now: Timestamp, seed: u64) -> bool {
        match &mut self.state {
            State::Doubtful => true,
            State::Down { trial, .. } if now < *trial => false,
            State::Down { trial, on_trial, .. } => {
                *trial = now.plus(self.trial_delay);
                *on_trial = true;
                true
            }
            State::Back { since } => {
                let (gone, whole) = (now.since(*since).as_millis(), HOST_BACK_WITHIN.as_millis());
                let share = (10 + gone.saturating_mul(90) / whole).min(100);
                u128::from(seed % 100) < share
            }
        }
    }

    /// When it is tried next, and since when it is down; none if it is not.
    pub fn down(&self) -> Option<HostDown> {
        match self.state {
            State::Down { since, trial, .. } => Some(HostDown { since, trial }),
            State::Doubtful | State::Back { .. } => None,
        }
    }

    /// It could not be reached.
    pub fn failed(&mut self, now: Timestamp) -> HostChange {
        if self.forgettable(now) {
            *self = HostHealth::new(now);
        }
        self.failures = self.failures.saturating_add(1);
        self.failed_at = now;
        let (since, trial) = match self.state {
            State::Doubtful if self.failures < HOST_DOWN_AFTER => return HostChange::None,
            State::Doubtful | State::Back { .. } => (now, now.plus(self.trial_delay)),
            // It was under way when the host went down, and shows nothing new.
            State::Down { on_trial: false, .. } => return HostChange::None,
            State::Down { since, .. } => {
                self.trial_delay = self.trial_delay.saturating_mul(2).min(TRIAL_DELAY_MAX);
                (since, now.plus(self.trial_delay))
            }
        };
        self.state = State::Down { since, trial, on_trial: false };
        HostChange::Down(HostDown { since, trial })
    }

    /// A new connection to it could be made.
    pub fn answered(&mut self, now: Timestamp) -> HostChange {
        self.failures = 0;
        match self.state {
            State::Down { .. } => {
                self.state = State::Back { since: now };
                self.trial_delay = TRIAL_DELAY_MIN;
                HostChange::Up
            }
            State::Doubtful | State::Back { .. } => HostChange::None,
        }
    }

    /// Whether nothing worth keeping is known any more.
    pub fn forgettable(&self, now: Timestamp) -> bool {
        match self.state {
            State::Doubtful => self.failures == 0 || now.since(self.failed_at) >= FAILURES_FORGOTTEN_AFTER,
            State::Down { trial, .. } => now.since(trial) >= FAILURES_FORGOTTEN_AFTER,
            State::Back { since } => now.since(since) >= HOST_BACK_WITHIN,
        }
    }
}

/// Whether trouble before the first transaction says that the host is not there, for anybody. What it has against our
/// certificate, our credentials or us (status x.7.x) it may have against nobody else.
pub fn shows_down(trouble: &Trouble) -> bool {
    let unreached = matches!(trouble.kind, TroubleKind::Connection | TroubleKind::UnexpectedReply);
    unreached && trouble.scope == Scope::Host && trouble.status.class == 4 && trouble.status.subject != 7
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000 + seconds * 1000)
    }

    fn down() -> HostHealth {
        let mut health = HostHealth::new(at(0));
        assert_eq!(health.failed(at(0)), HostChange::None);
        assert!(health.admits(at(0), 0));
        let expected = HostDown { since: at(0), trial: at(30) };
        assert_eq!(health.failed(at(0)), HostChange::Down(expected));
        health
    }

    #[test]
    fn is_down_after_two_failures_in_a_row() {
        let mut health = HostHealth::new(at(0));
        for _ in 0..10 {
            assert_eq!(health.failed(at(0)), HostChange::None);
            assert_eq!(health.answered(at(0)), HostChange::None);
        }
        down();
    }

    #[test]
    fn one_delivery_alone_is_the_trial() {
        let mut health = down();
        assert!((0..30).all(|second| !health.admits(at(second), second)));
        assert!(health.admits(at(30), 7));
        assert!((30..60).all(|second| !health.admits(at(second), second)));
        assert!(health.admits(at(60), 7), "the trial's delivery never came back");
    }

    #[test]
    fn a_trial_that_fails_doubles_the_wait() {
        let mut health = down();
        let mut now = at(30);
        for wait in [60, 120, 240, 300, 300] {
            assert!(health.admits(now, 0));
            let trial = now.plus(Duration::from_secs(wait));
            assert_eq!(health.failed(now), HostChange::Down(HostDown { since: at(0), trial }));
            now = trial;
        }
    }

    #[test]
    fn failures_that_were_under_way_do_not_put_off_the_trial() {
        let mut health = down();
        assert!((1..20).all(|second| health.failed(at(second)) == HostChange::None));
        assert_eq!(health.down(), Some(HostDown { since: at(0), trial: at(30) }));
        assert!(health.admits(at(30), 0));
        assert_eq!(health.failed(at(31)), HostChange::Down(HostDown { since: at(0), trial: at(91) }));
        assert_eq!(health.failed(at(32)), HostChange::None);
    }

    #[test]
    fn comes_back_slowly() {
        let mut health = down();
        assert_eq!(health.answered(at(30)), HostChange::Up);
        let mut admitted = |second| (0..100).filter(|seed| health.admits(at(second), *seed)).count();
        assert_eq!([30, 60, 90].map(&mut admitted), [10, 55, 100]);
        assert_eq!(health.failed(at(40)), HostChange::Down(HostDown { since: at(40), trial: at(70) }));
    }

    #[test]
    fn forgets_what_is_long_ago() {
        let mut health = down();
        assert!(!health.forgettable(at(600)));
        assert!(health.forgettable(at(630)));
        assert_eq!(health.failed(at(700)), HostChange::None);
        assert!(HostHealth::new(at(0)).forgettable(at(0)));
    }

    #[test]
    fn what_a_host_has_against_us_alone_does_not_make_it_down() {
        let check = |kind, status, expected| {
            assert_eq!(
                shows_down(&Trouble::new(Scope::Host, kind, status, "")),
                expected,
                "{kind:?} {status:?}"
            );
        };
        check(TroubleKind::Connection, (4, 4, 1), true);
        check(TroubleKind::UnexpectedReply, (4, 3, 2), true);
        check(TroubleKind::Connection, (4, 7, 8), false);
        check(TroubleKind::Tls, (4, 7, 5), false);
        check(TroubleKind::UnexpectedReply, (5, 5, 0), false);
    }
}
