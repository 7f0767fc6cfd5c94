//! What is known about one recipient when an expression is evaluated for it.

use std::net::IpAddr;

use mail::{Address, Envelope, Timestamp};

use crate::retry::Progress;
use crate::settings::MtaRoute;

/// The values behind the variables of the recipient context; with `route` and `host`, of those of an attempt.
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
    /// The route, once it is chosen.
    pub route: Option<&'a MtaRoute>,
    /// The host about to be contacted, where one is known.
    pub host: Option<HostFacts<'a>>,
    /// Which of several evaluations with the same answers this is.
    pub turn: u32,
}

impl<'a> Facts<'a> {
    /// What is known of a recipient before there is a route.
    pub fn new(
        envelope: &'a Envelope,
        forward_path: &'a Address,
        progress: &'a Progress,
        now: Timestamp,
    ) -> Self {
        Facts { envelope, forward_path, progress, now, route: None, host: None, turn: 0 }
    }

    /// The same when a route is chosen.
    pub fn by(self, route: &'a MtaRoute) -> Self {
        Facts { route: Some(route), ..self }
    }

    /// The same when a host is looked at.
    pub fn at(self, host: HostFacts<'a>) -> Self {
        Facts { host: Some(host), ..self }
    }
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
