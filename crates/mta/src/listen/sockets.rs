//! Opens the sockets and accepts from them.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Ends, ListenerSettings, turn_away};

/// Connections that the kernel holds for us at most.
const BACKLOG: i32 = 1024;
/// How long nothing is accepted after an error, so that the lack of file descriptors does not spin.
const BACK_OFF: Duration = Duration::from_millis(50);

/// A connection on its way to its session.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) stream: TcpStream,
    pub(super) ends: Ends,
    pub(super) listener: Arc<ListenerSettings>,
}

/// Opens a socket; says which address it got.
pub(super) fn open(
    address: SocketAddr,
    all: &[SocketAddr],
) -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` serves both families, unless a listener of its own serves the other.
        let apart = all.iter().any(|other| other.is_ipv4() && other.port() == address.port());
        socket.set_only_v6(apart)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Accepts until shutdown, and hands over.
pub(super) async fn accept(
    socket: std::net::TcpListener,
    address: SocketAddr,
    listener: Arc<ListenerSettings>,
    arrivals: mpsc::Sender<Arrival>,
    shutdown: CancellationToken,
) {
    let socket = match TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(listener = listener.name, %address, %error, "cannot listen");
            return;
        }
    };
    let mut spare = Spare::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            // With a place to put it in hand, so that what is accepted is also taken.
            Ok(place) = arrivals.reserve() => match accept_one(&socket, &shutdown).await {
                Some(Ok((stream, client))) => {
                    let _ = SockRef::from(&stream).set_tcp_nodelay(true);
                    let local = stream.local_addr().unwrap_or(address);
                    place.send(Arrival { stream, ends: Ends { client, local }, listener: Arc::clone(&listener) });
                }
                Some(Err(error)) if ends_only_one(&error) => {}
                Some(Err(error)) => {
                    tracing::warn!(listener = listener.name, %error, "cannot accept a connection");
                    spare.turn_one_away(&socket, &listener);
                    tokio::time::sleep(BACK_OFF).await;
                }
                None => return,
            },
            else => return,
        }
    }
}

/// None at shutdown.
async fn accept_one(
    socket: &TcpListener,
    shutdown: &CancellationToken,
) -> Option<io::Result<(TcpStream, SocketAddr)>> {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        accepted = socket.accept() => Some(accepted),
    }
}

/// The client hung up before we came to it.
fn ends_only_one(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

/// A file descriptor kept back, so that even without any left a client can be told to come again.
struct Spare(Option<File>);

impl Spare {
    fn new() -> Self {
        Spare(File::open("/dev/null").ok())
    }

    fn turn_one_away(&mut self, socket: &TcpListener, listener: &ListenerSettings) {
        self.0 = None;
        if let Some(Ok((stream, _))) = socket.accept().now_or_never() {
            turn_away(stream, listener);
        }
        *self = Spare::new();
    }
}
