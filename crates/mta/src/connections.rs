//! Which connections are kept for the next message, and how are they given up?

use std::time::Duration;

use policy::mx::MxRules;

use crate::client_tls::ClientTls;

/// How many connections are kept, and how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionLimits {
    /// Idle connections at most, over all next hops.
    pub idle_max: usize,
    /// Idle connections at most to one address.
    pub idle_per_address_max: usize,
    /// How long a connection may idle.
    pub idle_time_max: Duration,
    /// Messages over one connection at most.
    pub messages_max: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        ConnectionLimits {
            idle_max: 512,
            idle_per_address_max: 64,
            idle_time_max: Duration::from_secs(10),
            messages_max: 500,
        }
    }
}

/// What the connections were used for, since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ConnectionCounters {
    /// Opened.
    pub opened: u64,
    /// Taken again for another message.
    pub reused: u64,
    /// Idle right now.
    pub idle: usize,
}

/// The connections that idle, and what every new one needs.
#[derive(Debug)]
pub struct Connections {
    limits: ConnectionLimits,
    rules: MxRules,
    tls: ClientTls,
}

impl Connections {
    /// None yet.
    pub fn new(limits: ConnectionLimits, rules: MxRules, tls: ClientTls) -> Self {
        Connections { limits, rules, tls }
    }

    /// The rules for MX hosts.
    pub fn rules(&self) -> &MxRules {
        &self.rules
    }

    /// What they were used for.
    pub fn counters(&self) -> ConnectionCounters {
        let _ = (&self.limits, &self.tls);
        todo!()
    }

    /// Ends all idle connections with QUIT and waits, a few seconds at most, until they are closed.
    pub async fn close(&self) {
        todo!()
    }
}
