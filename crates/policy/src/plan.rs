//! One host of a next hop: what it is offered, and the security that it must have.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use mail::Envelope;

use crate::dane::DaneFinding;
use crate::dns::Security;
use crate::mx::{Host, HostRole, MxRules};
use crate::outcome::Trouble;
use crate::settings::{AuthMechanism, MtaRoute, MtaTlsStrategy, RelayProtocol, RouteKind, Secret};
use crate::tls::{HopSecurity, HopTls, requirement};
use crate::tls_outcome::StsFinding;

/// One host to try.
#[derive(Clone, PartialEq, Debug)]
pub struct PlannedHost {
    /// Its name as configured or as the MX record says; what its certificate must bear.
    pub name: String,
    /// What it is to the next hop.
    pub role: HostRole,
    /// Its addresses in the order in which they are tried.
    pub addresses: Vec<IpAddr>,
    /// Its port.
    pub port: u16,
    /// What is spoken.
    pub protocol: RelayProtocol,
    /// The security it must have, and why.
    pub tls: HopTls,
    /// What we prove with who we are.
    pub proofs: Proofs,
    /// The handshake and STARTTLS must be over within this.
    pub tls_timeout: Duration,
}

/// Where a connection goes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Endpoint {
    /// An address and a port.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// Its IP address, if it has one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Endpoint::Tcp(address) => Some(address.ip()),
            Endpoint::Unix(_) => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(address) => address.fmt(f),
            Endpoint::Unix(path) => path.display().fmt(f),
        }
    }
}

impl PlannedHost {
    /// Where it can be reached, in the order in which that is tried.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        match self.role {
            HostRole::Socket => vec![Endpoint::Unix(PathBuf::from(&self.name))],
            HostRole::Mx { .. } | HostRole::Implicit | HostRole::Literal(_) | HostRole::Relay { .. } => {
                self.addresses.iter().map(|ip| Endpoint::Tcp((*ip, self.port).into())).collect()
            }
        }
    }
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

/// What we prove to a host, and with what.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Proofs {
    /// For AUTH.
    pub credentials: Option<Credentials>,
    /// For TLS.
    pub identity: Option<ClientIdentity>,
}

/// User name and secret for AUTH.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password or access token.
    pub secret: Secret,
    /// How it is shown.
    pub mechanism: AuthMechanism,
}

/// The certificate that we present, and its key, both PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientIdentity {
    /// The chain, leaf first.
    pub certificate: Secret,
    /// The key of the leaf.
    pub key: Secret,
}

/// What was found out about a host before it is tried.
#[derive(Clone, Copy, Debug)]
pub struct Gathered<'a> {
    /// Its addresses.
    pub addresses: &'a [IpAddr],
    /// What we have to prove ourselves with.
    pub proofs: &'a Proofs,
    /// The MTA-STS policy of the recipient domain.
    pub sts: &'a StsFinding,
    /// Its TLSA records.
    pub dane: &'a DaneFinding,
}

/// What one host is offered, and on which conditions.
pub fn planned_host(
    route: &MtaRoute,
    strategy: &MtaTlsStrategy,
    envelope: &Envelope,
    host: &Host,
    gathered: Gathered<'_>,
    rules: &MxRules,
) -> Result<PlannedHost, Trouble> {
    let Gathered { addresses, proofs, sts, dane } = gathered;
    let relay = match &route.kind {
        RouteKind::Relay(relay) => Some(relay),
        RouteKind::Local | RouteKind::Mx(_) => None,
    };
    let hop = HopSecurity {
        host: &host.name,
        relay,
        credentials: proofs.credentials.is_some(),
        loopback: addresses.iter().all(|ip| ip.to_canonical().is_loopback()),
        require_tls: envelope.parameters.require_tls,
        is_meant: matches!(host.role, HostRole::Implicit | HostRole::Literal(_))
            || host.proven == Security::Secure,
        sts,
        dane,
    };
    Ok(PlannedHost {
        tls: requirement(strategy, hop)?,
        name: host.name.clone(),
        role: host.role,
        addresses: addresses.to_vec(),
        port: match host.role {
            HostRole::Relay { port } => port,
            HostRole::Mx { .. } | HostRole::Implicit | HostRole::Literal(_) | HostRole::Socket => rules.port,
        },
        protocol: relay.map_or(RelayProtocol::Smtp, |relay| relay.protocol),
        proofs: proofs.clone(),
        tls_timeout: strategy.tls_timeout,
    })
}
