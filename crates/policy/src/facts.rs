//! What is known about one recipient when an expression is evaluated for it.

use std::net::IpAddr;

use mail::{Address, Envelope, Timestamp};

use crate::retry::Progress;

/// The values behind the variables of the recipient context; with `host`, of the host context.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The message.
    pub envelope: &'a Envelope,
    /// The recipient's forward-path.
    pub forward_path: &'a Address,
    /// How far the recipient is in its schedule.
    pub progress: &'a Progress,
    /// The time of the decision.
    pub now: Timestamp,
    /// The host about to be contacted, where one is known.
    pub host: Option<HostFacts<'a>>,
}

/// What is known about the host about to be contacted.
#[derive(Clone, Copy, Debug)]
pub struct HostFacts<'a> {
    /// Its name; empty before the MX lookup.
    pub mx: &'a str,
    /// Its address, once known.
    pub remote_ip: Option<IpAddr>,
    /// The source address, once chosen.
    pub local_ip: Option<IpAddr>,
}
