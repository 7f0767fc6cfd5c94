//! How long may the client take?

use std::time::Duration;

use tokio::time::Instant;

use crate::listen::SessionTimes;

/// How long a transaction may go on once we are shutting down.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// So many times a session's length, and even a transaction under way is broken off: one that drips is none.
const HARD_END: u32 = 4;

/// The deadlines of one session.
#[derive(Debug)]
pub(super) struct Clockwork {
    times: SessionTimes,
    session_end: Instant,
    hard_end: Instant,
    /// When the command that is awaited must be there, whole.
    command_due: Instant,
    window_end: Instant,
    window_bytes: u64,
    /// Whether the window measures content: its first byte begins one.
    in_content: bool,
    shutdown_end: Option<Instant>,
}

/// What a deadline that has passed means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    /// Nothing: a new window begins.
    GoOn,
    /// The client has had its time.
    TooSlow,
}

impl Clockwork {
    pub(super) fn new(times: SessionTimes) -> Self {
        let now = Instant::now();
        Clockwork {
            times,
            session_end: now + times.session,
            hard_end: now + times.session.saturating_mul(HARD_END),
            command_due: now + times.command,
            window_end: now,
            window_bytes: 0,
            in_content: false,
            shutdown_end: None,
        }
    }

    /// A command was answered: the next gets its own time.
    pub(super) fn progress(&mut self) {
        self.command_due = Instant::now() + self.times.command;
        self.begin_window();
    }

    fn begin_window(&mut self) {
        self.window_end = Instant::now() + self.times.data_window;
        self.window_bytes = 0;
    }

    /// So many bytes came.
    pub(super) fn received(&mut self, count: usize) {
        self.window_bytes = self.window_bytes.saturating_add(count as u64);
    }

    /// Until when to wait for more.
    pub(super) fn deadline(&mut self, in_content: bool, idle: bool, shutting_down: bool) -> Instant {
        // A BDAT chunk follows its command without a reply of ours in between.
        if in_content && !self.in_content {
            self.begin_window();
        }
        self.in_content = in_content;
        let due = if in_content { self.window_end } else { self.command_due };
        let due = due.min(if idle { self.session_end } else { self.hard_end });
        if !shutting_down {
            return due;
        }
        let end = *self.shutdown_end.get_or_insert_with(|| Instant::now() + SHUTDOWN_GRACE);
        due.min(end)
    }

    /// The deadline has passed.
    pub(super) fn due(&mut self, in_content: bool, shutting_down: bool) -> Due {
        let now = Instant::now();
        let shut_down = shutting_down && self.shutdown_end.is_some_and(|end| end <= now);
        let over = shut_down || self.hard_end <= now;
        let wanted = self.times.data_rate_min.saturating_mul(self.times.data_window.as_secs());
        if over || !in_content || self.window_bytes < wanted {
            return Due::TooSlow;
        }
        self.begin_window();
        Due::GoOn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    // proves: D11
    #[tokio::test(start_paused = true)]
    async fn each_command_has_its_own_time() {
        let mut clockwork = Clockwork::new(SessionTimes::default());
        let start = Instant::now();
        assert_eq!(clockwork.deadline(false, true, false), start + 5 * MINUTE);
        tokio::time::advance(4 * MINUTE).await;
        clockwork.received(1);
        assert_eq!(clockwork.deadline(false, true, false), start + 5 * MINUTE);
        clockwork.progress();
        assert_eq!(clockwork.deadline(false, true, false), start + 9 * MINUTE);
        assert_eq!(clockwork.due(false, false), Due::TooSlow);
    }

    // proves: D11
    #[tokio::test(start_paused = true)]
    async fn content_must_come_at_a_rate_and_a_session_must_end() {
        let mut clockwork = Clockwork::new(SessionTimes::default());
        clockwork.progress();
        for _ in 0..3 {
            tokio::time::advance(MINUTE).await;
            clockwork.received(30_000);
            assert_eq!(clockwork.due(true, false), Due::GoOn);
        }
        tokio::time::advance(MINUTE).await;
        clockwork.received(29_999);
        assert_eq!(clockwork.due(true, false), Due::TooSlow);
        tokio::time::advance(240 * MINUTE).await;
        clockwork.received(1_000_000);
        assert_eq!(clockwork.due(true, false), Due::TooSlow);
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_measured_from_where_content_begins() {
        let mut clockwork = Clockwork::new(SessionTimes::default());
        clockwork.progress();
        clockwork.deadline(false, false, false);
        tokio::time::advance(4 * MINUTE).await;
        clockwork.received(10);
        assert_eq!(clockwork.deadline(true, false, false), Instant::now() + MINUTE);
        clockwork.received(30_000);
        tokio::time::advance(MINUTE).await;
        assert_eq!(clockwork.due(true, false), Due::GoOn);
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_shortens_every_wait() {
        let mut clockwork = Clockwork::new(SessionTimes::default());
        let start = Instant::now();
        clockwork.progress();
        assert_eq!(clockwork.deadline(true, false, true), start + SHUTDOWN_GRACE);
        tokio::time::advance(SHUTDOWN_GRACE).await;
        clockwork.received(1_000_000);
        assert_eq!(clockwork.due(true, true), Due::TooSlow);
    }
}
