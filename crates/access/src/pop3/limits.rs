//! How long a POP3 client is waited for, and how much it may try.

use std::time::Duration;

/// How long somebody who is not known yet may stay.
pub(super) const LOGIN_MAX: Duration = Duration::from_secs(3 * 60);
/// How long a client may be silent (RFC 1939 section 3: ten minutes at least).
pub(super) const IDLE_MAX: Duration = Duration::from_secs(10 * 60);
/// How long a client may take for a piece of what we send.
pub(super) const WRITE_MAX: Duration = Duration::from_secs(5 * 60);
/// How long we listen to what a client still says when we have said our last word.
pub(super) const LINGER_MAX: Duration = Duration::from_secs(1);
/// Logins that fail before we hang up.
pub(super) const LOGINS_MAX: u32 = 3;
/// Messages that a session sees, the oldest; the others come with the next session, when some are deleted.
pub(super) const MESSAGES_MAX: usize = 1_000_000;
/// Entries that are read from the store at once.
pub(super) const ENTRIES_BATCH: usize = 5_000;
/// Bytes of output after which it is written.
pub(super) const OUTPUT_BYTES: usize = 32 * 1024;
/// Bytes read at once.
pub(super) const READ_BYTES: usize = 4 * 1024;
