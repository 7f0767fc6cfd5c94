//! The sockets we listen on: one task a session, permits in hand, limits in total and by client.
//!
//! A task for each socket accepts and hands over; one loop owns the sessions and counts them.

mod sockets;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use policy::Configuration;
use policy::admit::AdmissionRules;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use wire::smtp::limits::SessionLimits;
pub use wire::smtp::server::Protocol;

use self::sockets::Arrival;
use crate::events::ConnectionChange;
use crate::quotas::Quotas;
use crate::server_tls::ServerTls;
use crate::session::{self, Ends, Surroundings, TraceIds};
use crate::throttles::Throttles;
use crate::world::{Stream, World};

/// What a client hears for which there is no place.
const NO_PLACE: &[u8] = b"421 4.3.2 Too many connections, come again\r\n";
/// Connections accepted and not yet looked at.
const ARRIVALS_MAX: usize = 16;

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
    /// Whether mail is refused before TLS.
    pub require_tls: bool,
    /// Whether AUTH is offered: over TLS, and to clients on this machine also without.
    pub auth: bool,
    /// Whether mail is taken only from those who have authenticated (submission).
    pub require_auth: bool,
    /// What one session may ask for.
    pub limits: SessionLimits,
    /// How long each thing may take.
    pub times: SessionTimes,
    /// Proxies in front of us: they must name the client by the PROXY protocol, and nobody else may.
    pub proxy_networks: Vec<IpNet>,
    /// Who may relay, and what the extensions allow.
    pub admission: Arc<AdmissionRules>,
}

impl ListenerSettings {
    /// A listener for SMTP with STARTTLS and AUTH, with the limits that are on by default.
    pub fn smtp(name: impl Into<String>, address: SocketAddr) -> Self {
        ListenerSettings {
            name: name.into(),
            address,
            protocol: Protocol::Smtp,
            tls: ListenerTls::StartTls,
            require_tls: false,
            auth: true,
            require_auth: false,
            limits: SessionLimits::default(),
            times: SessionTimes::default(),
            proxy_networks: Vec::new(),
            admission: Arc::new(AdmissionRules::default()),
        }
    }
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
    /// A command must be there, whole, within this.
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
    /// The whole session; what is under way then is finished.
    pub session: Duration,
    /// How long a failed authentication is held back.
    pub auth_failure_delay: Duration,
}

impl Default for SessionTimes {
    fn default() -> Self {
        SessionTimes {
            greeting_delay: Duration::ZERO,
            command: Duration::from_secs(5 * 60),
            data_rate_min: 500,
            data_window: Duration::from_secs(60),
            handshake: Duration::from_secs(30),
            write: Duration::from_secs(2 * 60),
            commit: Duration::from_secs(4 * 60),
            session: Duration::from_secs(60 * 60),
            auth_failure_delay: Duration::from_secs(1),
        }
    }
}

/// Connections at once, over all listeners.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionLimits {
    /// In total. A tenth of it is kept for listeners that require authentication.
    pub total: usize,
    /// From one address (IPv6: from one /64). Networks that may relay are not counted, nor are proxies.
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
pub struct Listeners {
    open: Vec<(std::net::TcpListener, SocketAddr, Arc<ListenerSettings>)>,
    limits: ConnectionLimits,
    rates: ClientRates,
}

/// What clients have used up of their rates, over all doors that share it.
#[derive(Clone, Debug, Default)]
pub struct ClientRates(pub(crate) Arc<Throttles>);

impl Listeners {
    /// Opens the sockets, all or none.
    pub fn bind(settings: Vec<ListenerSettings>, limits: ConnectionLimits) -> Result<Self, ListenError> {
        let addresses: Vec<SocketAddr> = settings.iter().map(|listener| listener.address).collect();
        let mut open = Vec::with_capacity(settings.len());
        for listener in settings {
            let opened = sockets::open(listener.address, &addresses);
            let (socket, address) = opened.map_err(|source| ListenError {
                name: listener.name.clone(),
                address: listener.address,
                source,
            })?;
            open.push((socket, address, Arc::new(listener)));
        }
        Ok(Listeners { open, limits, rates: ClientRates::default() })
    }

    /// The rates of its clients, for other doors.
    pub fn rates(&self) -> ClientRates {
        self.rates.clone()
    }

    /// Each listener's name and the address that it got.
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        self.open.iter().map(|(_, address, listener)| (listener.name.clone(), *address)).collect()
    }

    /// Serves until `shutdown` is cancelled and the last session has ended: idle sessions end at once, the others
    /// when their transaction does, or after a few seconds.
    pub async fn run(
        self,
        world: World,
        configuration: watch::Receiver<Arc<Configuration>>,
        quotas: Arc<Quotas>,
        tls: Option<ServerTls>,
        shutdown: CancellationToken,
    ) {
        let trace_ids = TraceIds::from(world.clock.now());
        let around = Arc::new(Surroundings {
            world,
            configuration,
            tls,
            throttles: self.rates.0,
            quotas,
            shutdown: shutdown.clone(),
            trace_ids,
        });
        let (sender, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let mut helpers = JoinSet::new();
        let is_idle = self.open.is_empty();
        for (socket, address, listener) in self.open {
            helpers.spawn(sockets::accept(socket, address, listener, sender.clone(), shutdown.clone()));
        }
        drop(sender);
        // Where people only read mail there is no socket for SMTP.
        if is_idle {
            shutdown.cancelled().await;
        }
        Reception::new(self.limits).run(around, arrivals).await;
        while helpers.join_next().await.is_some() {}
    }
}

/// Serves streams that came some other way than through a socket of ours; whoever has them owns the sessions.
#[derive(Clone)]
pub struct Sessions {
    around: Arc<Surroundings>,
    listener: Arc<ListenerSettings>,
}

impl Sessions {
    /// Sessions as this listener has them.
    pub fn new(
        listener: ListenerSettings,
        world: World,
        configuration: watch::Receiver<Arc<Configuration>>,
        quotas: Arc<Quotas>,
        tls: Option<ServerTls>,
        shutdown: CancellationToken,
    ) -> Self {
        let trace_ids = TraceIds::from(world.clock.now());
        let throttles = Arc::default();
        let around = Surroundings { world, configuration, tls, throttles, quotas, shutdown, trace_ids };
        Sessions { around: Arc::new(around), listener: Arc::new(listener) }
    }

    /// Serves one client until one side has had enough.
    pub async fn serve(&self, stream: Box<dyn Stream>, client: SocketAddr) {
        let ends = Ends { client, local: self.listener.address };
        session::serve(Arc::clone(&self.around), Arc::clone(&self.listener), stream, ends).await;
    }
}

/// Who is here: owns the sessions and counts them.
struct Reception {
    limits: ConnectionLimits,
    sessions: JoinSet<()>,
    /// By which client each session is counted.
    clients: HashMap<Id, Option<IpAddr>>,
    by_client: BTreeMap<IpAddr, usize>,
}

impl Reception {
    fn new(limits: ConnectionLimits) -> Self {
        Reception { limits, sessions: JoinSet::new(), clients: HashMap::new(), by_client: BTreeMap::new() }
    }

    /// Ends when the last socket is closed and the last session over.
    async fn run(mut self, around: Arc<Surroundings>, mut arrivals: mpsc::Receiver<Arrival>) {
        loop {
            tokio::select! {
                biased;
                Some(ended) = self.sessions.join_next_with_id(), if !self.sessions.is_empty() => self.left(&ended),
                arrival = arrivals.recv() => match arrival {
                    Some(arrival) => self.arrived(&around, arrival),
                    None => break,
                },
            }
        }
        while let Some(ended) = self.sessions.join_next_with_id().await {
            self.left(&ended);
        }
    }

    fn arrived(&mut self, around: &Arc<Surroundings>, arrival: Arrival) {
        let Arrival { stream, ends, listener } = arrival;
        let ip = ends.client_ip();
        let mut uncounted = listener.admission.relay_networks.iter().chain(&listener.proxy_networks);
        let counted = !uncounted.any(|network| network.contains(&ip));
        let client = counted.then(|| client_key(ip));
        if !self.has_place(&listener, client) {
            tracing::debug!(client = %ends.client, "turned away: too many connections");
            session::connection(around, &listener, ends, ConnectionChange::TurnedAway);
            turn_away(stream, &listener);
            return;
        }
        if let Some(client) = client {
            *self.by_client.entry(client).or_default() += 1;
        }
        let serving = session::serve(Arc::clone(around), listener, Box::new(stream), ends);
        let task = self.sessions.spawn(serving);
        self.clients.insert(task.id(), client);
    }

    fn has_place(&self, listener: &ListenerSettings, client: Option<IpAddr>) -> bool {
        let reserved = if listener.require_auth { 0 } else { self.limits.total / 10 };
        let of_client = client.and_then(|client| self.by_client.get(&client)).copied().unwrap_or(0);
        self.sessions.len() < self.limits.total - reserved && of_client < self.limits.per_client
    }

    /// The place is given back however the session ended.
    fn left(&mut self, ended: &Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => *id,
            Err(error) => {
                tracing::error!(%error, "a session ended by a bug of ours");
                error.id()
            }
        };
        let Some(Some(client)) = self.clients.remove(&id) else { return };
        if let Some(count) = self.by_client.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                self.by_client.remove(&client);
            }
        }
    }
}

/// Says that there is no place, without waiting.
fn turn_away(stream: TcpStream, listener: &ListenerSettings) {
    if listener.tls != ListenerTls::Implicit
        && let Ok(stream) = stream.into_std()
    {
        let _ = io::Write::write(&mut &stream, NO_PLACE);
    }
}

/// What a client is counted by: its address, or its /64.
pub(crate) fn client_key(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}
