//! A small mail server at the other end: real SMTP or LMTP on loopback, which keeps what it was sent.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use super::peer_session::Session;

/// What a peer is like.
pub(crate) struct PeerSetup {
    /// Its name: in its greeting, in its certificate, in the story.
    pub(crate) name: &'static str,
    /// Where it listens; port 0 for any.
    pub(crate) bind: SocketAddr,
    /// LMTP instead of SMTP.
    pub(crate) lmtp: bool,
    /// Its certificate, if it offers STARTTLS.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// The user name and password without which it takes nothing.
    pub(crate) login: Option<(&'static str, &'static str)>,
    /// What goes wrong on its first connections, in turn.
    pub(crate) faults: Vec<Fault>,
}

/// What goes wrong on one connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// It hangs up instead of greeting.
    HangsUp,
    /// It answers 451 to each RCPT.
    Busy,
}

/// One message as a peer got it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Which peer.
    pub(crate) peer: &'static str,
    /// What MAIL FROM said.
    pub(crate) reverse_path: String,
    /// What each RCPT TO said.
    pub(crate) forward_paths: Vec<String>,
    /// The content, with dots unstuffed.
    pub(crate) content: Vec<u8>,
    /// Whether it came over TLS.
    pub(crate) tls: bool,
    /// Who had authenticated.
    pub(crate) user: Option<String>,
}

/// What a session needs to know of its peer.
pub(crate) struct Host {
    pub(crate) setup: PeerSetup,
    pub(crate) received: UnboundedSender<Received>,
    faults: Mutex<VecDeque<Fault>>,
}

/// A running peer. Dropped, it is gone with all its connections.
pub(crate) struct Peer {
    address: SocketAddr,
    _listener: JoinSet<()>,
}

impl Peer {
    /// Starts it; what it gets is sent to `received`.
    pub(crate) async fn start(setup: PeerSetup, received: UnboundedSender<Received>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(setup.bind)
            .await
            .with_context(|| format!("cannot listen on {} for {}", setup.bind, setup.name))?;
        let address = listener.local_addr()?;
        let faults = Mutex::new(setup.faults.iter().copied().collect());
        let host = Arc::new(Host { setup, received, faults });
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(listener, host));
        Ok(Peer { address, _listener: tasks })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// An address of 127.0.0.0/8 with any free port.
pub(crate) fn loopback(last: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0))
}

async fn listen(listener: TcpListener, host: Arc<Host>) {
    let mut sessions = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while sessions.try_join_next().is_some() {}
        sessions.spawn(serve(stream, host.clone()));
    }
}

/// Serves one connection. That it broke is the client's to notice.
async fn serve(stream: TcpStream, host: Arc<Host>) {
    let fault = host.faults.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let _: io::Result<()> = match fault {
        Some(Fault::HangsUp) => Ok(()),
        Some(Fault::Busy) => Session::new(stream, host, true).run().await,
        None => Session::new(stream, host, false).run().await,
    };
}
