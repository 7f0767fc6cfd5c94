//! A server on loopback over a store in memory, and a client that says what it is told to.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "tests; each file uses its part")]

pub mod failing_store;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use directory::Accounts;
use mail::{Clock, Domain, Timestamp};
use mta::listen::{ConnectionLimits, ListenerSettings, ListenerTls, Listeners, Protocol};
use mta::quotas::Quotas;
use mta::server_tls::ServerTls;
use mta::{Resolver, Stream, Transport, World};
use policy::Configuration;
use policy::admit::AdmissionRules;
use policy::check::Environment;
use policy::dns::{Addresses, Answer, DnsError, Family, MxRecord, Security, SrvRecord, TlsaRecord};
use rustls_pki_types::ServerName;
use store::{Claim, Content, MemoryStore, Queue, Spool, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// One domain with a few users; `anna` has a password.
const SETTINGS: &str = r#"{
    "Domain": [{"name": "example.org"}],
    "Account": [
        {"name": "anna@example.org", "secret": "secret", "aliases": ["info@example.org"]},
        {"name": "bert@example.org"},
        {"name": "postmaster@example.org"}
    ]
}"#;

pub const HOST: &str = "mx.example.org";
/// No wait in a test is as long as this.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn configuration() -> Configuration {
    let environment = Environment { hostname: Some(HOST.to_owned()), ..Environment::default() };
    Configuration::from_settings_json(SETTINGS, &environment).unwrap()
}

pub struct Nothing;

#[async_trait]
impl Resolver for Nothing {
    async fn mx(&self, _domain: &Domain) -> Result<Answer<MxRecord>, DnsError> {
        Err(DnsError::NoData(Security::Unchecked))
    }
    async fn addresses(&self, _host: &str, _family: Family) -> Addresses {
        Err(DnsError::NoData(Security::Unchecked))
    }
    async fn txt(&self, _name: &str) -> Result<Answer<String>, DnsError> {
        Err(DnsError::NoData(Security::Unchecked))
    }
    async fn ptr(&self, _ip: IpAddr) -> Result<Answer<String>, DnsError> {
        Err(DnsError::NoData(Security::Unchecked))
    }

    async fn tlsa(&self, _name: &str) -> Result<Answer<TlsaRecord>, DnsError> {
        Err(DnsError::NoData(Security::Unchecked))
    }

    async fn srv(&self, _name: &str) -> Result<Answer<SrvRecord>, DnsError> {
        Err(DnsError::NoData(Security::Unchecked))
    }
}

#[async_trait]
impl Transport for Nothing {
    async fn connect(&self, _to: SocketAddr, _from: Option<IpAddr>) -> std::io::Result<Box<dyn Stream>> {
        Err(std::io::ErrorKind::ConnectionRefused.into())
    }
}

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
    }
}

/// A running server.
pub struct Server {
    pub memory: Arc<MemoryStore>,
    pub addresses: Vec<(String, SocketAddr)>,
    pub shutdown: CancellationToken,
    pub running: JoinSet<()>,
}

/// A listener on a free port of loopback.
pub fn listener(name: &str) -> ListenerSettings {
    let mut listener = ListenerSettings::smtp(name, "127.0.0.1:0".parse().unwrap());
    listener.times.auth_failure_delay = Duration::ZERO;
    match name {
        "smtp" => {}
        "lmtp" => (listener.protocol, listener.tls) = (Protocol::Lmtp, ListenerTls::None),
        "smtps" => listener.tls = ListenerTls::Implicit,
        "submission" => listener.require_auth = true,
        "relay" => {
            let rules = AdmissionRules {
                relay_networks: vec!["127.0.0.0/8".parse().unwrap()],
                ..AdmissionRules::default()
            };
            listener.admission = Arc::new(rules);
        }
        _ => panic!("no such listener: {name}"),
    }
    listener
}

impl Server {
    pub fn start() -> Self {
        let all = ["smtp", "lmtp", "smtps", "submission", "relay"].map(listener);
        Self::start_with(all.to_vec(), ConnectionLimits::default())
    }

    pub fn start_with(listeners: Vec<ListenerSettings>, limits: ConnectionLimits) -> Self {
        let memory = Arc::new(MemoryStore::new());
        Self::start_over(Arc::clone(&memory), Arc::clone(&memory) as Arc<dyn Store>, listeners, limits)
    }

    pub fn start_over(
        memory: Arc<MemoryStore>,
        store: Arc<dyn Store>,
        listeners: Vec<ListenerSettings>,
        limits: ConnectionLimits,
    ) -> Self {
        Self::start_in(memory, Self::world(store, Arc::new(Nothing)), configuration(), listeners, limits)
    }

    pub fn world(store: Arc<dyn Store>, resolver: Arc<dyn Resolver>) -> World {
        World::new(store, resolver, Arc::new(Nothing), Arc::new(WallClock))
    }

    pub fn start_in(
        memory: Arc<MemoryStore>,
        world: World,
        configuration: Configuration,
        listeners: Vec<ListenerSettings>,
        limits: ConnectionLimits,
    ) -> Self {
        let listeners = Listeners::bind(listeners, limits).unwrap();
        let addresses = listeners.addresses();
        let (_, configuration) = watch::channel(Arc::new(configuration));
        let accounts = Accounts::new(configuration.clone(), world.store.clone(), world.clock.clone());
        let world = world.with_directory(Arc::new(accounts));
        let shutdown = CancellationToken::new();
        let tls = ServerTls::self_signed(HOST).unwrap();
        let mut running = JoinSet::new();
        let quotas = Quotas::new(&configuration.borrow());
        running.spawn(listeners.run(world, configuration, quotas, Some(tls), shutdown.clone()));
        Server { memory, addresses, shutdown, running }
    }

    pub fn address(&self, name: &str) -> SocketAddr {
        self.addresses.iter().find(|(known, _)| known == name).unwrap().1
    }

    pub async fn client(&self, name: &str) -> Client {
        let stream = TcpStream::connect(self.address(name)).await.unwrap();
        let mut client = Client { stream: Box::new(stream), held: Vec::new(), read: 0 };
        if name == "smtps" {
            client.handshake().await;
        }
        client
    }

    /// What is in the queue: envelopes with their content.
    pub async fn queued(&self) -> Vec<(Claim, Vec<u8>)> {
        let mut all = Vec::new();
        for claim in self.memory.pending(None, 10_000).await.unwrap() {
            let content = match self.memory.content(claim.envelope.message).await.unwrap() {
                Some(Content::Memory(bytes)) => bytes.to_vec(),
                other => panic!("{other:?}"),
            };
            all.push((claim, content));
        }
        all
    }

    /// Ends the server and waits for it.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.running.join_next()).await;
        assert!(matches!(ended, Ok(Some(Ok(())))), "the server ends");
    }
}

pub struct Client {
    stream: Box<dyn Stream>,
    held: Vec<u8>,
    read: usize,
}

impl Client {
    pub fn over(stream: Box<dyn Stream>) -> Client {
        Client { stream, held: Vec::new(), read: 0 }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The server may have closed already; what it said is still to be read.
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// The next line without its CRLF; none when the server has closed.
    pub async fn line(&mut self) -> Option<String> {
        loop {
            let rest = &self.held[self.read..];
            if let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
                let line = String::from_utf8_lossy(&rest[..at]).into_owned();
                self.read += at + 1;
                let line = line.strip_suffix('\r').expect("the server ends lines with CRLF");
                return Some(line.to_owned());
            }
            self.held.drain(..std::mem::take(&mut self.read));
            let mut more = [0; 4096];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut more)).await;
            match read.expect("the server says something") {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.held.extend_from_slice(&more[..count]),
            }
        }
    }

    /// The last line of the next reply; empty when the server has closed.
    pub async fn reply(&mut self) -> String {
        loop {
            match self.line().await {
                Some(line) if line.as_bytes().get(3) == Some(&b'-') => {}
                Some(line) => return line,
                None => return String::new(),
            }
        }
    }

    #[track_caller]
    pub fn expect(&mut self, start: &str) -> impl Future<Output = String> {
        let (start, place) = (start.to_owned(), std::panic::Location::caller());
        async move {
            let reply = self.reply().await;
            assert!(reply.starts_with(&start), "{reply:?} instead of {start} at {place}");
            reply
        }
    }

    /// Says a line and expects the reply to begin so.
    #[track_caller]
    pub fn ask(&mut self, line: &str, start: &str) -> impl Future<Output = String> {
        let (line, start, place) = (format!("{line}\r\n"), start.to_owned(), std::panic::Location::caller());
        async move {
            self.send(line.as_bytes()).await;
            let reply = self.reply().await;
            assert!(reply.starts_with(&start), "{reply:?} instead of {start} at {place}");
            reply
        }
    }

    pub async fn is_closed(&mut self) -> bool {
        self.line().await.is_none()
    }

    /// No more will be said; what the server says can still be read.
    pub async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Takes up TLS, whatever the certificate.
    pub async fn handshake(&mut self) {
        let tls = mta::client_tls::ClientTls::new(Vec::new()).unwrap();
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let name = ServerName::try_from(HOST).unwrap();
        let (secured, _) =
            tls.handshake(plain, &name.to_str(), &mta::client_tls::Trust::Anybody, None).await.unwrap();
        self.stream = secured;
    }
}
