//! What a listener hands to a session: a stream, who is at both ends, and how it is or may be secured.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// How long a TLS handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);

/// Bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// One client, connected.
pub struct Connection {
    /// What is said and heard.
    pub stream: Box<dyn Stream>,
    /// The client's end.
    pub client: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// How it is secured.
    pub security: Security,
    /// Cancelled when the server is about to end.
    pub shutdown: CancellationToken,
}

/// How a connection is secured.
#[derive(Clone)]
pub enum Security {
    /// Not at all, and cannot be.
    Plain,
    /// Not yet.
    StartTls(TlsAcceptor),
    /// By TLS.
    Tls,
}

impl Connection {
    /// The client's address; an IPv4 one is one, also on a socket for both families.
    pub fn client_ip(&self) -> IpAddr {
        self.client.ip().to_canonical()
    }

    /// Whether a password may be said here: nobody reads along, or it does not leave the machine.
    pub fn is_private(&self) -> bool {
        matches!(self.security, Security::Tls) || self.client_ip().is_loopback()
    }

    /// Makes it secure. There must be nothing between the command that asked for it and the handshake (F1): the caller
    /// has looked.
    pub async fn start_tls(&mut self) -> io::Result<()> {
        let Security::StartTls(acceptor) = &self.security else {
            return Err(io::Error::other("TLS cannot begin here"));
        };
        // The handshake takes the stream over; what stands in its place meanwhile yields nothing.
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let secured = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(plain)).await??;
        self.stream = Box::new(secured);
        self.security = Security::Tls;
        Ok(())
    }
}
