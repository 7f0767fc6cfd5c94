//! The sockets we listen on: one task a session, permits in hand, limits in total and by client.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use policy::Configuration;
use policy::admit::AdmissionRules;
use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wire::smtp::limits::SessionLimits;
pub use wire::smtp::server::Protocol;

use crate::server_tls::ServerTls;
use crate::world::World;

/// One listener.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// Its name; what expressions see as `listener`.
    pub name: String,
    /// Where it listens; port 0 takes any free one.
    pub address: SocketAddr,
    /// What is spoken.
    pub protocol: Protocol,
    /// How TLS is used.
    pub tls: ListenerTls,
    /// Whether AUTH is offered: over TLS, and to clients on this machine also without.
    pub auth: bool,
    /// Whether mail is taken only from those who have authenticated (submission).
    pub require_auth: bool,
    /// What one session may ask for.
    pub limits: SessionLimits,
    /// How long each thing may take.
    pub times: SessionTimes,
    /// Who may relay, and what the extensions allow.
    pub admission: Arc<AdmissionRules>,
}

/// How a listener uses TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListenerTls {
    /// Not at all.
    None,
    /// By STARTTLS.
    StartTls,
    /// From the first byte.
    Implicit,
}

/// How long each thing may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionTimes {
    /// How long the greeting is held back to catch clients that talk first.
    pub greeting_delay: Duration,
    /// A command must be there within this.
    pub command: Duration,
    /// Content must come at this rate at least, bytes per second over each `data_window`.
    pub data_rate_min: u64,
    /// Over which the rate is measured.
    pub data_window: Duration,
    /// The TLS handshake must be over within this.
    pub handshake: Duration,
    /// A client must read our replies within this.
    pub write: Duration,
    /// The store must have committed within this, else the client is told 451 (RFC 1047).
    pub commit: Duration,
    /// The whole session.
    pub session: Duration,
}

impl Default for SessionTimes {
    /// What RFC 5321 section 4.5.3.2 asks for, and little more.
    fn default() -> Self {
        SessionTimes {
            greeting_delay: Duration::ZERO,
            command: Duration::from_secs(5 * 60),
            data_rate_min: 500,
            data_window: Duration::from_secs(60),
            handshake: Duration::from_secs(30),
            write: Duration::from_secs(60),
            commit: Duration::from_secs(4 * 60),
            session: Duration::from_secs(60 * 60),
        }
    }
}

/// Connections at once, over all listeners.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionLimits {
    /// In total.
    pub total: usize,
    /// From one address (IPv6: from one /64).
    pub per_client: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        ConnectionLimits { total: 2000, per_client: 50 }
    }
}

/// A listener that could not be opened.
#[derive(Debug, Error)]
#[error("cannot listen on {address} for `{name}`: {source}")]
pub struct ListenError {
    /// The listener's name.
    pub name: String,
    /// The address asked for.
    pub address: SocketAddr,
    /// The reason.
    pub source: io::Error,
}

/// Sockets that are open and not served yet.
#[derive(Debug)]
pub struct Listeners {}

impl Listeners {
    /// Opens the sockets, all or none.
    pub fn bind(_settings: Vec<ListenerSettings>, _limits: ConnectionLimits) -> Result<Self, ListenError> {
        todo!()
    }

    /// Each listener's name and the address that it got.
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        todo!()
    }

    /// Serves until `shutdown` is cancelled and the last session has ended.
    pub async fn run(
        self,
        _world: World,
        _configuration: watch::Receiver<Arc<Configuration>>,
        _tls: Option<ServerTls>,
        _shutdown: CancellationToken,
    ) {
        todo!()
    }
}
