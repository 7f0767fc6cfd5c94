//! Opens connections: over TCP, from a given source address if one is named; to a Unix socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use async_trait::async_trait;
use tokio::net::{TcpSocket, UnixStream};

use crate::world::{Stream, Transport};

/// The real network.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpTransport;

#[async_trait]
impl Transport for TcpTransport {
    async fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> io::Result<Box<dyn Stream>> {
        let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(source) = from {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let stream = socket.connect(to).await?;
        // A flight is one write already; what waits for more would only wait for the peer.
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }

    async fn connect_path(&self, path: &Path) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(UnixStream::connect(path).await?))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn connects_from_the_source_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let to = listener.local_addr().expect("bound");
        let source: IpAddr = "127.0.0.3".parse().expect("an address");
        let (connected, accepted) = tokio::join!(TcpTransport.connect(to, Some(source)), listener.accept());
        assert_eq!(accepted.expect("a connection").1.ip(), source);
        assert_eq!(connected.expect("connected").read(&mut [0; 1]).await.expect("closed"), 0);
    }

    #[tokio::test]
    async fn a_source_address_that_is_not_ours_is_an_error() {
        let to = "127.0.0.1:9".parse().expect("an address");
        let foreign = "192.0.2.1".parse().expect("an address");
        assert!(TcpTransport.connect(to, Some(foreign)).await.is_err());
    }
}
