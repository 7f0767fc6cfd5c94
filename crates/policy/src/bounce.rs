//! Who is told what? RFC 3461.

use mail::{Domain, Envelope, Recipient, Timestamp};

use crate::admit::Accepted;
use crate::outcome::{Delivered, Trouble};
use crate::retry::Progress;

/// Something that happened to a recipient and that its sender may want to know.
#[derive(Clone, PartialEq, Debug)]
pub enum Happening {
    /// The next hop has it.
    Delivered(Delivered),
    /// It is still being tried.
    Delayed(Progress),
    /// We have given up.
    Failed(Trouble),
}

/// In whose name we tell.
#[derive(Clone, Copy, Debug)]
pub struct Reporter<'a> {
    /// The host that reports.
    pub hostname: &'a Domain,
    /// The domain of MAILER-DAEMON.
    pub domain: &'a Domain,
}

/// What the notification returns of the message it is about.
#[derive(Clone, Debug)]
pub enum Returned {
    /// Its header, or the beginning of it.
    Header(Vec<u8>),
    /// All of it.
    Full(Vec<u8>),
}

/// Whether the sender is to be told (RFC 3461 section 4.1): asked for, and there is somebody to tell (I3).
pub fn wanted(envelope: &Envelope, recipient: &Recipient, happening: &Happening) -> bool {
    let _ = (envelope, recipient, happening);
    todo!()
}

/// Whether a notification with these happenings would return the whole message.
pub fn returns_full(envelope: &Envelope, happenings: &[(Recipient, Happening)]) -> bool {
    let _ = (envelope, happenings);
    todo!()
}

/// The envelope of a notification as an expression sees it: what its schedule is chosen by.
pub fn notification_envelope(about: &Envelope, now: Timestamp) -> Option<Envelope> {
    let _ = (about, now);
    todo!()
}

/// The one notification about all that happened to a message, with its content; none if nobody is to be told.
pub fn notification(
    envelope: &Envelope,
    happenings: &[(Recipient, Happening)],
    returned: &Returned,
    reporter: Reporter<'_>,
    progress: Progress,
    now: Timestamp,
) -> Option<(Accepted, Vec<u8>)> {
    let _ = (envelope, happenings, returned, reporter, progress, now);
    todo!()
}
