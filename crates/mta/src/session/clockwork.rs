//! How long may the client take?

use std::time::Duration;

use tokio::time::Instant;

use crate::listen::SessionTimes;

/// How long a transaction may go on once we are shutting down.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// The deadlines of one session.
#[derive(Debug)]
pub(super) struct Clockwork {
    times: SessionTimes,
    session_end: Instant,
    /// When the command that is awaited must be there, whole.
    command_due: Instant,
    window_end: Instant,
    window_bytes: u64,
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
            command_due: now + times.command,
            window_end: now,
            window_bytes: 0,
            shutdown_end: None,
        }
    }

    /// A whole command was there: the next gets its own time.
    pub(super) fn progress(&mut self) {
        let now = Instant::now();
        self.command_due = now + self.times.command;
        self.window_end = now + self.times.data_window;
        self.window_bytes = 0;
    }

    /// So many bytes came.
    pub(super) fn received(&mut self, count: usize) {
        self.window_bytes = self.window_bytes.saturating_add(count as u64);
    }

    /// Until when to wait for more.
    pub(super) fn deadline(&mut self, in_content: bool, idle: bool, shutting_down: bool) -> Instant {
        let due = if in_content { self.window_end } else { self.command_due };
        let due = if idle { due.min(self.session_end) } else { due };
        if !shutting_down {
            return due;
        }
        let end = *self.shutdown_end.get_or_insert_with(|| Instant::now() + SHUTDOWN_GRACE);
        due.min(end)
    }

    /// The deadline has passed.
    pub(super) fn due(&mut self, in_content: bool, shutting_down: bool) -> Due {
        let now = Instant::now();
        let over = shutting_down && self.shutdown_end.is_some_and(|end| end <= now);
        let wanted = self.times.data_rate_min.saturating_mul(self.times.data_window.as_secs());
        if over || !in_content || self.window_bytes < wanted {
            return Due::TooSlow;
        }
        self.window_end = now + self.times.data_window;
        self.window_bytes = 0;
        Due::GoOn
    }
}
