//! The hosts of a next hop in order, with the security each must have.

use std::net::IpAddr;
use std::time::Duration;

use crate::settings::{RelayProtocol, Secret};

/// What one delivery attempt may do, decided before the first byte.
#[derive(Clone, PartialEq, Debug)]
pub struct DeliveryPlan {
    /// Hosts in the order in which they are tried.
    pub hosts: Vec<PlannedHost>,
}

/// One host to try.
#[derive(Clone, PartialEq, Debug)]
pub struct PlannedHost {
    /// Its name as configured or as the MX record says; what its certificate must bear.
    pub name: String,
    /// Its addresses in the order in which they are tried.
    pub addresses: Vec<IpAddr>,
    /// Its port.
    pub port: u16,
    /// What is spoken.
    pub protocol: RelayProtocol,
    /// The security it must have, and why.
    pub tls: TlsRequirement,
    /// What to authenticate with.
    pub credentials: Option<Credentials>,
    /// The handshake and STARTTLS must be over within this.
    pub tls_timeout: Duration,
}

/// The transport security a host must have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TlsRequirement {
    /// Do not use STARTTLS.
    Never,
    /// Use STARTTLS where offered. `verify`: a certificate that does not verify ends the attempt at this host.
    Opportunistic {
        /// Whether the certificate must verify when TLS is used.
        verify: bool,
    },
    /// STARTTLS or nothing.
    StartTls {
        /// Whether the certificate must verify.
        verify: bool,
    },
    /// TLS from the first byte.
    Implicit {
        /// Whether the certificate must verify.
        verify: bool,
    },
}

/// User name and secret for AUTH.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password.
    pub secret: Secret,
}
