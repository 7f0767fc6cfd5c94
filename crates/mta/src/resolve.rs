//! DNS over hickory, with its errors told strictly apart: no such name, no data, nothing known.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use mail::Domain;
use policy::mx::{DnsError, Family, MxRecord};

use crate::world::Resolver;

/// Whom to ask, and with how much patience.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResolverSettings {
    /// The name servers; those of the system if empty.
    pub name_servers: Vec<SocketAddr>,
    /// The wait for one answer.
    pub timeout: Duration,
    /// Questions to one server at most, the first included.
    pub attempts: usize,
}

impl Default for ResolverSettings {
    fn default() -> Self {
        ResolverSettings { name_servers: Vec::new(), timeout: Duration::from_secs(5), attempts: 2 }
    }
}

/// The real DNS.
#[derive(Clone, Debug)]
pub struct HickoryResolver {}

impl HickoryResolver {
    /// Fails if the system's configuration cannot be read.
    pub fn new(settings: &ResolverSettings) -> Result<Self, DnsError> {
        let _ = settings;
        todo!()
    }
}

#[async_trait]
impl Resolver for HickoryResolver {
    async fn mx(&self, _domain: &Domain) -> Result<Vec<MxRecord>, DnsError> {
        todo!()
    }
    async fn addresses(&self, _host: &str, _family: Family) -> Result<Vec<IpAddr>, DnsError> {
        todo!()
    }
    async fn txt(&self, _name: &str) -> Result<Vec<String>, DnsError> {
        todo!()
    }
    async fn ptr(&self, _ip: IpAddr) -> Result<Vec<String>, DnsError> {
        todo!()
    }
}
