//! How long an IMAP client is waited for, and how much it may ask.

use std::time::Duration;

/// How long somebody who is not known yet may stay.
pub(super) const LOGIN_MAX: Duration = Duration::from_secs(3 * 60);
/// How long a client may be silent (RFC 9051 section 5.4: thirty minutes at least), a little more for clocks that differ.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(31 * 60);
/// How long a client may take for a piece of what we send.
pub(super) const WRITE_MAX: Duration = Duration::from_secs(5 * 60);
/// How long a piece of a message, or of any command that has begun, is waited for.
pub(super) const PIECE_MAX: Duration = Duration::from_secs(5 * 60);
/// How long we listen to what a client still says when we have said our last word.
pub(super) const LINGER_MAX: Duration = Duration::from_secs(1);
/// Logins that fail before we hang up.
pub(super) const LOGINS_MAX: u32 = 3;
/// Commands that cannot be understood before we hang up.
pub(super) const NONSENSE_MAX: u32 = 50;
/// Bytes of a command before login.
pub(super) const COMMAND_BYTES_BEFORE_LOGIN: usize = 8 * 1024;
/// Bytes of a command after login, its literals included but for messages.
pub(super) const COMMAND_BYTES: usize = 256 * 1024;
/// Bytes of a message that is appended, where none are said for messages that are sent.
pub(super) const MESSAGE_BYTES_MAX: u64 = 50 * 1024 * 1024;
/// Messages that one APPEND may bring.
pub(super) const APPENDED_MAX: usize = 1000;
/// KiB of messages that all sessions together may be bringing: they are in memory until they are kept.
pub(super) const APPENDING_KIB_MAX: u32 = 1024 * 1024;
/// How often a client that waits in IDLE is told that we are here, so that nothing on the way forgets the connection.
pub(super) const STILL_HERE_AFTER: Duration = Duration::from_secs(4 * 60);
/// Bytes of output after which it is written.
pub(super) const OUTPUT_BYTES: usize = 32 * 1024;
/// Bytes read at once.
pub(super) const READ_BYTES: usize = 4 * 1024;
/// Bytes of a message that are read at once.
pub(super) const MESSAGE_READ_BYTES: usize = 64 * 1024;
/// Bytes of an annotation.
pub(super) const ANNOTATION_BYTES_MAX: usize = 64 * 1024;
/// Annotations of a mailbox, or of the account.
pub(super) const ANNOTATIONS_MAX: usize = 100;
