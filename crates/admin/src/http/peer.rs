//! From where does a request come?

use std::fmt;
use std::net::SocketAddr;

/// The other end of a connection; an extension of each request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    /// Over TCP.
    Network {
        /// Its address.
        address: SocketAddr,
        /// Whether TLS protects the connection.
        tls: bool,
    },
    /// Over the Unix socket.
    Local {
        /// The user id of the process, as the kernel says.
        uid: u32,
    },
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Network { address, .. } => write!(f, "{}", address.ip()),
            Peer::Local { uid } => write!(f, "local user {uid}"),
        }
    }
}
