//! Which commands work on the selected mailbox, and what a client is told of it besides.

use wire::imap::Command;

use super::session::{Answer, Session};
use super::talk::Ended;

/// The selected mailbox of a session.
pub(super) struct Selected {}

/// Answers a command that selects a mailbox, or works on the one that is.
pub(super) async fn command(session: &mut Session, tag: &str, _command: Command) -> Result<(), Ended> {
    session.end(tag, &Answer::bad("select a mailbox first"));
    Ok(())
}

/// Tells what has happened in the selected mailbox since, where a client may be told anything.
pub(super) async fn catch_up(_session: &mut Session) -> Result<(), Ended> {
    Ok(())
}
