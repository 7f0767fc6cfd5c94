//! The seams: all that mail transfer asks of the outside goes through these.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use directory::{Authentication, Client, Credentials, Directory, ScramKeys};
use mail::{Clock, Domain};
use policy::dns::{Addresses, Answer, DnsError, Family, MxRecord, SrvRecord, TlsaRecord};
use policy::expr::{LookupValue, Question};
use policy::settings::{Secret, SecretReference};
use store::Store;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::desk::Desk;
use crate::events::{Events, Unheard};
use crate::health::Health;
use crate::vacations::Vacations;
use crate::web::Reach;

/// The seams, the health of what is behind them, and who listens: no configuration, no cache, no metrics.
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
    /// The web.
    pub web: Arc<dyn Web>,
    /// The stores that expressions look into.
    pub lookups: Arc<dyn Lookups>,
    /// Secrets that lie outside the settings.
    pub secrets: Arc<dyn Secrets>,
    /// Who is who.
    pub directory: Arc<dyn Directory>,
    /// Which hosts did not answer lately: what one delivery finds out holds for all.
    pub health: Arc<Health>,
    /// Who listens to what happens.
    pub events: Arc<dyn Events>,
    /// What those who are away have said.
    pub vacations: Arc<Vacations>,
    /// What operators have paused, for all who look into the queue.
    pub desk: Arc<Desk>,
}

impl World {
    /// A world without web, lookup stores and secrets, in which nobody can say who they are.
    pub fn new(
        store: Arc<dyn Store>,
        resolver: Arc<dyn Resolver>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let absent = Arc::new(Absent);
        World {
            store,
            resolver,
            transport,
            clock,
            web: absent.clone(),
            lookups: absent.clone(),
            secrets: absent.clone(),
            directory: absent,
            health: Arc::default(),
            events: Arc::new(Unheard),
            vacations: Arc::default(),
            desk: Arc::default(),
        }
    }

    /// The same with a web.
    pub fn with_web(self, web: Arc<dyn Web>) -> Self {
        World { web, ..self }
    }

    /// The same with somebody who listens.
    pub fn with_events(self, events: Arc<dyn Events>) -> Self {
        World { events, ..self }
    }

    /// The same with lookup stores.
    pub fn with_lookups(self, lookups: Arc<dyn Lookups>) -> Self {
        World { lookups, ..self }
    }

    /// The same with a directory.
    pub fn with_directory(self, directory: Arc<dyn Directory>) -> Self {
        World { directory, ..self }
    }

    /// The same with secrets.
    pub fn with_secrets(self, secrets: Arc<dyn Secrets>) -> Self {
        World { secrets, ..self }
    }
}

/// DNS as mail transfer needs it. An error is never an empty answer.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// Finds out whether answers can be proven at all, and says so in the log if they cannot.
    async fn probe(&self) {}
    /// Forgets answers that are kept.
    fn forget(&self, _what: Forget) {}
    /// The MX records of a domain, in no order.
    async fn mx(&self, domain: &Domain) -> Result<Answer<MxRecord>, DnsError>;
    /// The addresses of a host in one family, in the order of the answer.
    async fn addresses(&self, host: &str, family: Family) -> Addresses;
    /// The TXT records of a name, each joined to one string.
    async fn txt(&self, name: &str) -> Result<Answer<String>, DnsError>;
    /// The names of an address.
    async fn ptr(&self, ip: IpAddr) -> Result<Answer<String>, DnsError>;
    /// The TLSA records of a name (RFC 6698).
    async fn tlsa(&self, name: &str) -> Result<Answer<TlsaRecord>, DnsError>;
    /// The SRV records of a name (RFC 2782), in no order.
    async fn srv(&self, name: &str) -> Result<Answer<SrvRecord>, DnsError>;
}

/// Which answers are forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forget {
    /// All.
    All,
    /// Those that say that there is nothing.
    Negative,
}

/// HTTPS, one request at a time. Redirects are not followed.
#[async_trait]
pub trait Web: Send + Sync {
    /// Gets a page; whatever its status, it is an answer.
    async fn fetch(&self, url: &str, limits: WebLimits) -> io::Result<WebAnswer>;
    /// Posts a body.
    async fn post(
        &self,
        url: &str,
        content_type: &str,
        body: Vec<u8>,
        limits: WebLimits,
    ) -> io::Result<WebAnswer>;
    /// Gets what the settings ask for, no further than they permit.
    async fn ask(&self, _url: &str, _reach: Reach, _limits: WebLimits) -> io::Result<WebAnswer> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Posts what the settings ask for, no further than they permit.
    async fn tell(&self, _telling: Telling<'_>, _limits: WebLimits) -> io::Result<WebAnswer> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A body that is posted to where the settings say.
#[derive(Clone, Debug)]
pub struct Telling<'a> {
    /// Where to: `https://…`, or `http://…` on this machine.
    pub url: &'a str,
    /// Fields of the head, besides those that every request has; the content type is JSON.
    pub fields: &'a [(&'a str, String)],
    /// What is told.
    pub body: Vec<u8>,
    /// Which addresses the server may have.
    pub reach: Reach,
}

/// How much of an answer is waited for, and how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WebLimits {
    /// Bytes of the body at most; more is an error.
    pub body_bytes_max: usize,
    /// From the lookup of the name to the last byte.
    pub time_max: Duration,
}

/// What a web server answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebAnswer {
    /// The status code.
    pub status: u16,
    /// The `Content-Type`, if there is one.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// The stores that expressions look into. An error is never an empty answer.
#[async_trait]
pub trait Lookups: Send + Sync {
    /// What the store of this name says to a question, the default store's name being empty; the reason if it cannot.
    async fn answer(&self, store: &str, question: &Question) -> Result<LookupValue, String>;
}

/// Reads secrets where they are kept.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secret as it is now. The reason names where it should be, never what was found there.
    async fn secret(&self, reference: &SecretReference) -> Result<Secret, String>;
}

/// What is not there.
struct Absent;

#[async_trait]
impl Web for Absent {
    async fn fetch(&self, _url: &str, _limits: WebLimits) -> io::Result<WebAnswer> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn post(
        &self,
        _url: &str,
        _content_type: &str,
        _body: Vec<u8>,
        _limits: WebLimits,
    ) -> io::Result<WebAnswer> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[async_trait]
impl Lookups for Absent {
    async fn answer(&self, _store: &str, _question: &Question) -> Result<LookupValue, String> {
        Err("there are no lookup stores here".to_owned())
    }
}

#[async_trait]
impl Directory for Absent {
    async fn authenticate(&self, _client: Client, _credentials: Credentials) -> Authentication {
        Authentication::NotNow
    }

    async fn scram_keys(&self, _client: Client, _name: &str) -> Option<ScramKeys> {
        None
    }

    async fn scram_done(&self, _client: Client, _name: &str, _proven: bool) -> Authentication {
        Authentication::NotNow
    }
}

#[async_trait]
impl Secrets for Absent {
    async fn secret(&self, reference: &SecretReference) -> Result<Secret, String> {
        Err(format!("the secret in {reference} is out of reach"))
    }
}

/// Opens byte streams.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Connects, from a given source address if one is named.
    async fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> io::Result<Box<dyn Stream>>;
    /// Connects to the Unix socket at this path.
    async fn connect_path(&self, _path: &Path) -> io::Result<Box<dyn Stream>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A byte stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
