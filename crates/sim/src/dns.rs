//! DNS by script: records, absence, failures at times, delays.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use mail::{Domain, Timestamp};
use mta::Resolver;
use policy::dns::{Addresses, Answer, DnsError, Family, MxRecord, Security, SrvRecord, TlsaRecord};

use crate::chance::Chance;
use crate::fault::Fault;
use crate::history::{Event, History};

/// What a panic of the world's own making says.
pub const INJECTED_PANIC: &str = "the world makes this task panic";

const NO_SUCH_NAME: DnsError = DnsError::NoSuchName(Security::Unchecked);
const NO_DATA: DnsError = DnsError::NoData(Security::Unchecked);

/// What the MX records of a domain are.
#[derive(Clone, Debug)]
pub enum MxScript {
    /// These.
    Records(Vec<MxRecord>),
    /// The first before that time, the others after it.
    Moves(Timestamp, Vec<MxRecord>, Vec<MxRecord>),
    /// None; the domain's own address counts.
    NoData,
    /// There is no such domain.
    NoSuchName,
}

/// One domain of the world.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its MX records.
    pub mx: MxScript,
    /// The faults that asking for them amounts to.
    pub faults: Vec<Fault>,
}

/// How often the resolver fails, in cases of a thousand.
#[derive(Clone, Debug, Default)]
pub struct Resolving {
    /// SERVFAIL.
    pub failed: u32,
    /// Some seconds late.
    pub slow: u32,
    /// The asking task dies of a bug.
    pub panic: u32,
    /// Times in which every question fails.
    pub outages: Vec<(Timestamp, Timestamp)>,
    /// From this time on nothing fails.
    pub fair_from: Option<Timestamp>,
}

/// The names of one world.
pub struct Names {
    history: History,
    chance: Mutex<Chance>,
    resolving: Resolving,
    zones: BTreeMap<Domain, Zone>,
    addresses: BTreeMap<String, Vec<IpAddr>>,
}

impl Names {
    /// These zones and these addresses of hosts.
    pub fn new(
        history: History,
        chance: Chance,
        resolving: Resolving,
        zones: BTreeMap<Domain, Zone>,
        addresses: BTreeMap<String, Vec<IpAddr>>,
    ) -> Self {
        Names { history, chance: Mutex::new(chance), resolving, zones, addresses }
    }

    fn mischief(&self, rate: u32) -> bool {
        let fair = self.resolving.fair_from.is_some_and(|from| self.history.now() >= from);
        !fair && self.chance(|chance| chance.per_mille(rate))
    }

    fn chance<R>(&self, draw: impl FnOnce(&mut Chance) -> R) -> R {
        draw(&mut self.chance.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What every question has to go through.
    async fn ask(&self) -> Result<(), DnsError> {
        let wait = self.chance(|chance| chance.duration(Duration::from_millis(1), Duration::from_millis(30)));
        tokio::time::sleep(wait).await;
        if self.mischief(self.resolving.slow) {
            self.history.fired(Fault::DnsSlow);
            let wait = self.chance(|chance| chance.duration(Duration::from_secs(1), Duration::from_secs(20)));
            tokio::time::sleep(wait).await;
        }
        if self.mischief(self.resolving.panic) {
            self.history.fired(Fault::Panic);
            self.history.note(Event::Panicked { message: INJECTED_PANIC.to_owned(), injected: true });
            panic!("{INJECTED_PANIC}");
        }
        let now = self.history.now();
        if self.resolving.outages.iter().any(|(from, to)| *from <= now && now < *to) {
            self.history.fired(Fault::DnsOutage);
            return Err(DnsError::Failed("no name server answers".to_owned()));
        }
        if self.mischief(self.resolving.failed) {
            self.history.fired(Fault::DnsFailed);
            return Err(DnsError::Failed("SERVFAIL".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Resolver for Names {
    async fn mx(&self, domain: &Domain) -> Result<Answer<MxRecord>, DnsError> {
        self.ask().await?;
        let zone = self.zones.get(domain).ok_or(NO_SUCH_NAME)?;
        zone.faults.iter().for_each(|fault| self.history.fired(*fault));
        match &zone.mx {
            MxScript::Records(records) => Ok(Answer::unchecked(records.clone())),
            MxScript::Moves(at, before, after) => {
                let records = if self.history.now() < *at { before } else { after };
                Ok(Answer::unchecked(records.clone()))
            }
            MxScript::NoData => Err(NO_DATA),
            MxScript::NoSuchName => Err(NO_SUCH_NAME),
        }
    }

    async fn addresses(&self, host: &str, family: Family) -> Addresses {
        self.ask().await?;
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let all = self.addresses.get(&host).ok_or(NO_SUCH_NAME)?;
        let of_family = |ip: &&IpAddr| ip.is_ipv4() == (family == Family::V4);
        let found: Vec<IpAddr> = all.iter().filter(of_family).copied().collect();
        if found.is_empty() { Err(NO_DATA) } else { Ok(Answer::unchecked(found)) }
    }

    async fn txt(&self, _name: &str) -> Result<Answer<String>, DnsError> {
        self.ask().await?;
        Err(NO_DATA)
    }

    async fn ptr(&self, _ip: IpAddr) -> Result<Answer<String>, DnsError> {
        self.ask().await?;
        Err(NO_SUCH_NAME)
    }

    async fn tlsa(&self, _name: &str) -> Result<Answer<TlsaRecord>, DnsError> {
        self.ask().await?;
        Err(NO_DATA)
    }

    async fn srv(&self, _name: &str) -> Result<Answer<SrvRecord>, DnsError> {
        self.ask().await?;
        Err(NO_DATA)
    }
}
