//! The seams: all that mail transfer asks of the outside goes through these four.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use mail::{Clock, Domain};
use policy::mx::{DnsError, Family, MxRecord};
use store::Store;
use tokio::io::{AsyncRead, AsyncWrite};

/// The seams, and nothing else: no configuration, no cache, no metrics.
#[derive(Clone)]
pub struct World {
    /// What survives a crash.
    pub store: Arc<dyn Store>,
    /// DNS.
    pub resolver: Arc<dyn Resolver>,
    /// Outgoing connections.
    pub transport: Arc<dyn Transport>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// DNS as mail transfer needs it. An error is never an empty answer.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The MX records of a domain, in no order.
    async fn mx(&self, domain: &Domain) -> Result<Vec<MxRecord>, DnsError>;
    /// The addresses of a host in one family, in the order of the answer.
    async fn addresses(&self, host: &str, family: Family) -> Result<Vec<IpAddr>, DnsError>;
    /// The TXT records of a name, each joined to one string.
    async fn txt(&self, name: &str) -> Result<Vec<String>, DnsError>;
    /// The names of an address.
    async fn ptr(&self, ip: IpAddr) -> Result<Vec<String>, DnsError>;
}

/// Opens byte streams.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Connects, from a given source address if one is named.
    async fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> io::Result<Box<dyn Stream>>;
}

/// A byte stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
