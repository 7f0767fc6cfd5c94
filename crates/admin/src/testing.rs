//! For tests: a world without a network, over a store in memory, whose clock is moved by hand.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mail::{Clock, Domain, Timestamp};
use mta::{Resolver, Stream, Transport, World};
use policy::dns::{Addresses, Answer, DnsError, Family, MxRecord, Security, SrvRecord, TlsaRecord};
use store::MemoryStore;

/// A clock that stands still until it is moved.
pub(crate) struct HandClock(AtomicU64);

impl HandClock {
    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Neither names nor hosts.
struct Nothing;

fn none<T>() -> Result<Answer<T>, DnsError> {
    Err(DnsError::NoSuchName(Security::Insecure))
}

#[async_trait]
impl Resolver for Nothing {
    async fn mx(&self, _: &Domain) -> Result<Answer<MxRecord>, DnsError> {
        none()
    }

    async fn addresses(&self, _: &str, _: Family) -> Addresses {
        none()
    }

    async fn txt(&self, _: &str) -> Result<Answer<String>, DnsError> {
        none()
    }

    async fn ptr(&self, _: IpAddr) -> Result<Answer<String>, DnsError> {
        none()
    }

    async fn tlsa(&self, _: &str) -> Result<Answer<TlsaRecord>, DnsError> {
        none()
    }

    async fn srv(&self, _: &str) -> Result<Answer<SrvRecord>, DnsError> {
        none()
    }
}

#[async_trait]
impl Transport for Nothing {
    async fn connect(&self, _: SocketAddr, _: Option<IpAddr>) -> io::Result<Box<dyn Stream>> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}

/// A new world.
pub(crate) fn world() -> World {
    world_and_clock().0
}

/// A new world, and its clock.
pub(crate) fn world_and_clock() -> (World, Arc<HandClock>) {
    let clock = Arc::new(HandClock(AtomicU64::new(1_800_000_000_000)));
    let store = Arc::new(MemoryStore::new());
    (World::new(store, Arc::new(Nothing), Arc::new(Nothing), Arc::clone(&clock) as Arc<dyn Clock>), clock)
}
