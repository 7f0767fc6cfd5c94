//! The sockets of mailbox access: one task a session, places in total and by client, an end that is told to everybody.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::connection::{Connection, Security};
use crate::jmap::Service;
use crate::world::World;
use crate::{imap, jmap, pop3};

/// Connections that the kernel holds for us at most.
const BACKLOG: i32 = 1024;
/// Connections accepted and not yet looked at.
const ARRIVALS_MAX: usize = 16;
/// How long nothing is accepted after an error, so that the lack of file descriptors does not spin.
const BACK_OFF: Duration = Duration::from_millis(50);
/// How long the TLS handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);
/// Silence after which the kernel asks whether the client is still there: idle sessions of clients that have vanished
/// do not stay.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(5 * 60);
/// How long sessions may take to end.
const END_MAX: Duration = Duration::from_secs(10);

/// What is spoken on a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// RFC 9051 and RFC 3501.
    Imap,
    /// RFC 1939.
    Pop3,
    /// JMAP (RFC 8620).
    Http,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Protocol; 3] = [Protocol::Imap, Protocol::Pop3, Protocol::Http];

    /// Its name for ALPN: whoever asks for another was led here by somebody (ALPACA, F18).
    pub fn alpn(self) -> &'static [u8] {
        match self {
            Protocol::Imap => b"imap",
            Protocol::Pop3 => b"pop3",
            Protocol::Http => b"http/1.1",
        }
    }

    /// What a client hears for which there is no place.
    fn no_place(self) -> &'static [u8] {
        match self {
            Protocol::Imap => b"* BYE [LIMIT] too many connections, come again\r\n",
            Protocol::Pop3 => b"-ERR [SYS/TEMP] too many connections, come again\r\n",
            Protocol::Http => {
                b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            }
        }
    }
}

/// How a listener uses TLS.
#[derive(Clone)]
pub enum Tls {
    /// Not at all.
    None,
    /// When the client asks for it.
    StartTls(TlsAcceptor),
    /// From the first byte.
    Implicit(TlsAcceptor),
}

/// One listener.
#[derive(Clone)]
pub struct ListenerSettings {
    /// Its name.
    pub name: String,
    /// Where it listens; port 0 takes any free one.
    pub address: SocketAddr,
    /// What is spoken.
    pub protocol: Protocol,
    /// How TLS is used.
    pub tls: Tls,
}

/// Connections at once, over all listeners of mailbox access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionLimits {
    /// In total.
    pub total: usize,
    /// From one address (IPv6: from one /64). A mail program keeps several open, and a household has several programs.
    pub per_client: usize,
}

/// Sockets that are open and not served yet.
pub struct Listeners {
    open: Vec<(std::net::TcpListener, Arc<ListenerSettings>)>,
    limits: ConnectionLimits,
}

impl Listeners {
    /// Opens the sockets, all or none; an error comes with the listener's name and address.
    pub fn bind(
        settings: Vec<ListenerSettings>,
        limits: ConnectionLimits,
    ) -> Result<Self, (String, SocketAddr, io::Error)> {
        let all: Vec<SocketAddr> = settings.iter().map(|listener| listener.address).collect();
        let mut open = Vec::with_capacity(settings.len());
        for listener in settings {
            match opened(listener.address, &all) {
                Ok(socket) => open.push((socket, Arc::new(listener))),
                Err(error) => return Err((listener.name, listener.address, error)),
            }
        }
        Ok(Listeners { open, limits })
    }

    /// Each listener's name and the address that it got.
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        let address = |socket: &std::net::TcpListener, asked| socket.local_addr().unwrap_or(asked);
        self.open.iter().map(|(socket, one)| (one.name.clone(), address(socket, one.address))).collect()
    }

    /// Serves until `shutdown` is cancelled and the last session has ended: each is told, and what is under way gets a
    /// few seconds.
    pub async fn run(self, world: World, shutdown: CancellationToken) {
        let (sender, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let mut accepting = JoinSet::new();
        for (socket, listener) in self.open {
            accepting.spawn(accept(socket, listener, sender.clone(), shutdown.clone()));
        }
        drop(sender);
        let service = jmap::service(world.clone());
        let around = Around { world, service: service.clone(), shutdown };
        Reception {
            limits: self.limits,
            sessions: JoinSet::new(),
            clients: HashMap::new(),
            by_client: BTreeMap::new(),
        }
        .run(around, arrivals)
        .await;
        service.finished().await;
        while accepting.join_next().await.is_some() {}
    }
}

fn opened(address: SocketAddr, all: &[SocketAddr]) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(socket2::Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` serves both families, unless a listener of its own serves the other.
        socket.set_only_v6(all.iter().any(|other| other.is_ipv4() && other.port() == address.port()))?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// A connection on its way to its session.
struct Arrival {
    stream: TcpStream,
    client: SocketAddr,
    listener: Arc<ListenerSettings>,
}

/// Accepts until shutdown, and hands over.
async fn accept(
    socket: std::net::TcpListener,
    listener: Arc<ListenerSettings>,
    arrivals: mpsc::Sender<Arrival>,
    shutdown: CancellationToken,
) {
    let socket = match TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(listener = listener.name, %error, "cannot listen");
            return;
        }
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => {
                let of_socket = SockRef::from(&stream);
                let _ = of_socket.set_tcp_nodelay(true);
                let _ = of_socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_AFTER));
                let listener = Arc::clone(&listener);
                if arrivals.send(Arrival { stream, client, listener }).await.is_err() {
                    return;
                }
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                tracing::warn!(listener = listener.name, %error, "cannot accept a connection");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// What all sessions share.
#[derive(Clone)]
struct Around {
    world: World,
    service: Service,
    shutdown: CancellationToken,
}

/// Who is here: owns the sessions and counts them.
struct Reception {
    limits: ConnectionLimits,
    sessions: JoinSet<()>,
    /// By which client each session is counted.
    clients: HashMap<Id, IpAddr>,
    by_client: BTreeMap<IpAddr, usize>,
}

impl Reception {
    /// Ends when the last socket is closed and the last session over, or cut off.
    async fn run(mut self, around: Around, mut arrivals: mpsc::Receiver<Arrival>) {
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
        let ending = async {
            while let Some(ended) = self.sessions.join_next_with_id().await {
                self.left(&ended);
            }
        };
        if tokio::time::timeout(END_MAX, ending).await.is_err() {
            tracing::warn!("sessions of mail programs were cut off");
            self.sessions.shutdown().await;
        }
    }

    fn arrived(&mut self, around: &Around, arrival: Arrival) {
        let client = client_key(arrival.client.ip());
        let here = self.by_client.get(&client).copied().unwrap_or(0);
        if self.sessions.len() >= self.limits.total || here >= self.limits.per_client {
            tracing::info!(client = %arrival.client, listener = arrival.listener.name, "turned away: too many connections");
            turn_away(arrival);
            return;
        }
        self.by_client.insert(client, here + 1);
        let task = self.sessions.spawn(serve(around.clone(), arrival));
        self.clients.insert(task.id(), client);
    }

    /// The place is given back however the session ended.
    fn left(&mut self, ended: &Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => *id,
            Err(error) => {
                if error.is_panic() {
                    tracing::error!(%error, "a session ended by a bug of ours");
                }
                error.id()
            }
        };
        let Some(client) = self.clients.remove(&id) else { return };
        if let Some(count) = self.by_client.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                self.by_client.remove(&client);
            }
        }
    }
}

/// Serves one client until one side has had enough.
async fn serve(around: Around, arrival: Arrival) {
    let Arrival { stream, client, listener } = arrival;
    let local = stream.local_addr().unwrap_or(listener.address);
    let shutdown = around.shutdown;
    let (security, implicit) = match &listener.tls {
        Tls::None => (Security::Plain, None),
        Tls::StartTls(acceptor) => (Security::StartTls(acceptor.clone()), None),
        Tls::Implicit(acceptor) => (Security::StartTls(acceptor.clone()), Some(())),
    };
    let mut connection = Connection { stream: Box::new(stream), client, local, security, shutdown };
    if implicit.is_some() {
        let handshake = tokio::time::timeout(HANDSHAKE_MAX, connection.start_tls());
        if !matches!(handshake.await, Ok(Ok(()))) {
            tracing::debug!(%client, listener = listener.name, "TLS handshake refused");
            return;
        }
    }
    match listener.protocol {
        Protocol::Imap => imap::serve(connection, around.world).await,
        Protocol::Pop3 => pop3::serve(connection, around.world).await,
        Protocol::Http => {
            let tls = matches!(connection.security, Security::Tls);
            around.service.serve(connection.stream, client, tls, connection.shutdown).await;
        }
    }
}

/// Says that there is no place, without waiting.
fn turn_away(arrival: Arrival) {
    if !matches!(arrival.listener.tls, Tls::Implicit(_))
        && let Ok(stream) = arrival.stream.into_std()
    {
        let _ = (&stream).write(arrival.listener.protocol.no_place());
    }
}

/// What a client is counted by: its address, or its /64.
fn client_key(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}
