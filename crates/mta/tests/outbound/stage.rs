//! A world with a store in memory, a made-up DNS, and a network whose addresses lead to peers on loopback ports.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mail::{
    Address, Clock, ContentTraits, Domain, Envelope, Notify, Origin, Parameters, ReversePath, Source,
    Timestamp,
};
use mta::attempt::{Delivery, Report, attempt};
use mta::client_tls::ClientTls;
use mta::connect::TcpTransport;
use mta::connections::{ConnectionLimits, Connections};
use mta::{Resolver, Stream, Transport, World};
use policy::check::Environment;
use policy::dns::{Addresses, Answer, DnsError, Family, MxRecord, Security, SrvRecord, TlsaRecord};
use policy::mx::MxRules;
use policy::{Accepted, AttemptOutcome, Configuration, NewRecipient, NextHop, Progress, Trouble};
use rustls_pki_types::CertificateDer;
use store::memory::MemoryStore;
use store::{LeaseId, Store};

/// A time at which every delivery is due.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// DNS by table; what is not in it does not exist.
#[derive(Default)]
pub(crate) struct Names {
    mx: BTreeMap<String, Result<Vec<MxRecord>, DnsError>>,
    addresses: BTreeMap<String, Vec<IpAddr>>,
    aliases: BTreeMap<String, String>,
    tlsa: BTreeMap<String, Result<Vec<TlsaRecord>, DnsError>>,
    security: Security,
}

impl Names {
    fn answer<T>(&self, records: Vec<T>) -> Answer<T> {
        Answer { records, security: self.security, canonical: None }
    }
}

#[async_trait]
impl Resolver for Names {
    async fn mx(&self, domain: &Domain) -> Result<Answer<MxRecord>, DnsError> {
        let records = self.mx.get(domain.as_str()).cloned();
        records.unwrap_or(Err(DnsError::NoSuchName(self.security))).map(|records| self.answer(records))
    }

    async fn addresses(&self, host: &str, family: Family) -> Addresses {
        let all = self.addresses.get(host).ok_or(DnsError::NoSuchName(self.security))?;
        let fits = |ip: &&IpAddr| ip.is_ipv4() == (family == Family::V4);
        let found: Vec<IpAddr> = all.iter().filter(fits).copied().collect();
        if found.is_empty() {
            Err(DnsError::NoData(Security::Unchecked))
        } else {
            Ok(Answer { canonical: self.aliases.get(host).cloned(), ..self.answer(found) })
        }
    }

    async fn txt(&self, _name: &str) -> Result<Answer<String>, DnsError> {
        Err(DnsError::NoData(Security::Unchecked))
    }

    async fn ptr(&self, _ip: IpAddr) -> Result<Answer<String>, DnsError> {
        Err(DnsError::NoData(Security::Unchecked))
    }

    async fn tlsa(&self, name: &str) -> Result<Answer<TlsaRecord>, DnsError> {
        let records = self.tlsa.get(name).cloned();
        records.unwrap_or(Err(DnsError::NoSuchName(self.security))).map(|records| self.answer(records))
    }

    async fn srv(&self, _name: &str) -> Result<Answer<SrvRecord>, DnsError> {
        Err(DnsError::NoData(Security::Unchecked))
    }
}

/// Addresses that lead to loopback ports; all others refuse. Says which were tried.
#[derive(Default)]
struct Roads {
    to: BTreeMap<IpAddr, SocketAddr>,
    sockets: BTreeMap<PathBuf, SocketAddr>,
    tried: Mutex<Vec<(IpAddr, Option<IpAddr>)>>,
}

#[async_trait]
impl Transport for Roads {
    async fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> io::Result<Box<dyn Stream>> {
        self.tried.lock().expect("not poisoned").push((to.ip(), from));
        match self.to.get(&to.ip()) {
            Some(peer) => TcpTransport.connect(*peer, None).await,
            None => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }

    async fn connect_path(&self, path: &Path) -> io::Result<Box<dyn Stream>> {
        match self.sockets.get(path) {
            Some(peer) => TcpTransport.connect(*peer, None).await,
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// What is built before the first delivery.
pub(crate) struct Setting {
    names: Names,
    roads: Roads,
    rules: MxRules,
    limits: ConnectionLimits,
    roots: Vec<CertificateDer<'static>>,
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

impl Setting {
    pub(crate) fn new() -> Self {
        Setting {
            names: Names::default(),
            roads: Roads::default(),
            rules: MxRules::default(),
            limits: ConnectionLimits::default(),
            roots: Vec::new(),
        }
    }

    /// An MX record of example.net, and the addresses of its host.
    pub(crate) fn mx(mut self, preference: u16, exchange: &str, addresses: &[&str]) -> Self {
        let records = self.names.mx.entry("example.net".to_owned()).or_insert_with(|| Ok(Vec::new()));
        let record = MxRecord { preference, exchange: exchange.to_owned() };
        records.as_mut().expect("records").push(record);
        self.host(exchange, addresses)
    }

    pub(crate) fn mx_fails(mut self) -> Self {
        let failed = Err(DnsError::Failed("SERVFAIL".to_owned()));
        self.names.mx.insert("example.net".to_owned(), failed);
        self
    }

    pub(crate) fn mx_bogus(mut self) -> Self {
        let bogus = Err(DnsError::Bogus("a signature does not hold".to_owned()));
        self.names.mx.insert("example.net".to_owned(), bogus);
        self
    }

    /// Every answer is signed, and its signature holds.
    pub(crate) fn signed(mut self) -> Self {
        self.names.security = Security::Secure;
        self
    }

    pub(crate) fn tlsa(mut self, name: &str, answer: Result<Vec<TlsaRecord>, DnsError>) -> Self {
        self.names.tlsa.insert(name.to_owned(), answer);
        self
    }

    /// The name of a host is an alias of another.
    pub(crate) fn alias(mut self, name: &str, canonical: &str) -> Self {
        self.names.aliases.insert(name.to_owned(), canonical.to_owned());
        self
    }

    pub(crate) fn host(mut self, name: &str, addresses: &[&str]) -> Self {
        self.names.addresses.insert(name.to_owned(), addresses.iter().map(|text| ip(text)).collect());
        self
    }

    pub(crate) fn road(mut self, address: &str, peer: SocketAddr) -> Self {
        self.roads.to.insert(ip(address), peer);
        self
    }

    pub(crate) fn socket(mut self, path: &str, peer: SocketAddr) -> Self {
        self.roads.sockets.insert(PathBuf::from(path), peer);
        self
    }

    pub(crate) fn rules(mut self, rules: MxRules) -> Self {
        self.rules = rules;
        self
    }

    pub(crate) fn limits(mut self, limits: ConnectionLimits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) fn trusts(mut self, root: &CertificateDer<'static>) -> Self {
        self.roots.push(root.clone());
        self
    }

    pub(crate) fn build(self, settings: &str) -> Stage {
        let configuration = match Configuration::from_settings_json(settings, &Environment::default()) {
            Ok(configuration) => Arc::new(configuration),
            Err(findings) => panic!("{findings:?}"),
        };
        let roads = Arc::new(self.roads);
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let transport: Arc<dyn Transport> = Arc::clone(&roads) as _;
        let world = World::new(store, Arc::new(self.names), transport, Arc::new(StillClock));
        let tls = ClientTls::new(self.roots).expect("a TLS configuration");
        let connections = Connections::new(self.limits, self.rules, tls);
        Stage { world, configuration, connections, roads }
    }
}

/// Where deliveries are made.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) connections: Connections,
    roads: Arc<Roads>,
}

/// A message to be delivered.
pub(crate) struct Letter<'a> {
    pub(crate) to: &'a [&'a str],
    pub(crate) content: &'a str,
    pub(crate) parameters: Parameters,
    pub(crate) traits: ContentTraits,
    pub(crate) notify: Notify,
    /// What the last attempt ran into, if there was one.
    pub(crate) last: Option<Trouble>,
}

pub(crate) const CONTENT: &str = "Subject: s\r\n\r\nbody\r\n";

pub(crate) fn letter<'a>(to: &'a [&'a str]) -> Letter<'a> {
    Letter {
        to,
        content: CONTENT,
        parameters: Parameters::default(),
        traits: ContentTraits::default(),
        notify: Notify::DEFAULT,
        last: None,
    }
}

pub(crate) fn mx() -> NextHop {
    NextHop::Mx { route: "mx".to_owned(), domain: Domain::parse("example.net").expect("valid") }
}

pub(crate) fn relay() -> NextHop {
    NextHop::Relay { route: "relay".to_owned() }
}

impl Stage {
    /// Delivers, and gives what it came to for each recipient.
    pub(crate) async fn delivers(&self, next_hop: NextHop, letter: Letter<'_>) -> Vec<String> {
        let report = self.attempts(next_hop, letter).await;
        assert!(report.begun);
        assert_eq!(report.outcomes.len(), report.ways.len());
        report.outcomes.iter().map(|(_, outcome)| words(outcome)).collect()
    }

    pub(crate) async fn attempts(&self, next_hop: NextHop, letter: Letter<'_>) -> Report {
        let delivery = self.delivery(next_hop, letter).await;
        attempt(&self.world, &self.configuration, &self.connections, &delivery).await
    }

    pub(crate) async fn delivery(&self, next_hop: NextHop, letter: Letter<'_>) -> Delivery {
        let claim = self.accept_and_claim(&letter).await;
        let envelope = Envelope {
            parameters: letter.parameters,
            traits: letter.traits,
            ..Envelope::clone(&claim.envelope)
        };
        let mut recipients = claim.recipients;
        for queued in &mut recipients {
            queued.progress.retry_num = u32::from(letter.last.is_some());
            queued.progress.last = letter.last.clone();
        }
        recipients.sort_by_key(|queued| queued.recipient.id);
        Delivery {
            lease: claim.lease,
            envelope: Arc::new(envelope),
            next_hop,
            recipients,
            reasons: BTreeMap::new(),
        }
    }

    async fn accept_and_claim(&self, letter: &Letter<'_>) -> store::Claim {
        let mut writer = self.world.store.writer().await.expect("room");
        writer.write(letter.content.as_bytes()).await.expect("room");
        let content = writer.finish().await.expect("room");
        let recipient = |to: &&str| NewRecipient {
            forward_path: Address::parse(to).expect("valid"),
            original: None,
            notify: letter.notify,
            progress: Progress::unscheduled(NOW),
        };
        let origin = Origin {
            source: Source::Authenticated,
            listener: String::new(),
            client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            local_port: 0,
            authenticated_as: None,
        };
        let accepted = Accepted::unchecked(
            ReversePath::Address(Address::parse("from@example.org").expect("valid")),
            NOW,
            origin,
            letter.content.len() as u64,
            letter.to.iter().map(recipient).collect(),
        );
        self.world.store.accept(accepted, content).await.expect("accepted");
        let lease = std::time::Duration::from_secs(60);
        let mut claims = self.world.store.claim(NOW, lease, 1_000).await.expect("claimed");
        claims.pop().expect("one claim")
    }

    /// The addresses that were connected to, or tried to be.
    pub(crate) fn tried(&self) -> Vec<String> {
        self.roads.tried.lock().expect("not poisoned").iter().map(|(to, _)| to.to_string()).collect()
    }

    /// The source addresses of all connections that were tried, in order.
    pub(crate) fn sources(&self) -> Vec<Option<IpAddr>> {
        self.roads.tried.lock().expect("not poisoned").iter().map(|(_, from)| *from).collect()
    }

    /// Frees every recipient of a lease.
    pub(crate) async fn release(&self, lease: LeaseId, delivery: &Delivery) {
        let ids: Vec<_> = delivery.recipients.iter().map(|queued| queued.recipient.id).collect();
        self.world.store.release(lease, &ids).await.expect("held");
    }
}

/// An outcome in short: `delivered 250`, `deferred 4.4.1 connection`, `failed 5.1.1 unexpected-reply`.
pub(crate) fn words(outcome: &AttemptOutcome) -> String {
    let of = |verb, trouble: &Trouble| {
        let doubt = if trouble.in_doubt { " in doubt" } else { "" };
        format!("{verb} {} {}{doubt}", trouble.status, trouble.kind.name())
    };
    match outcome {
        AttemptOutcome::Delivered(delivered) => format!("delivered {}", delivered.reply.code),
        AttemptOutcome::Deferred(trouble) => of("deferred", trouble),
        AttemptOutcome::Failed(trouble) => of("failed", trouble),
        AttemptOutcome::Postponed { trouble, .. } => of("postponed", trouble),
    }
}
