//! DNS, with its answers told strictly apart: no such name, no data, nothing known; and how far each is proven.

mod cache;
mod message;
mod stub;
mod validate;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use hickory_resolver::Hosts;
use hickory_resolver::system_conf::read_system_conf;
use mail::Domain;
use policy::dns::{Addresses, Answer, DnsError, Family, MxRecord, Security, SrvRecord, TlsaRecord};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::world::{Forget, Resolver};
use cache::{Cache, Kept};
use message::{ALIASES_MAX, Found, Judge, Said, said};
use stub::Stub;
use validate::Validator;

/// Lookups at once at most; more wait.
const LOOKUPS_MAX: usize = 256;
/// One lookup, over all servers and repetitions, takes at most this long.
const LOOKUP_TIME_MAX: Duration = Duration::from_secs(30);
/// Bytes of an answer that fit a datagram on any network.
const DATAGRAM_BYTES: u16 = 1232;
/// After this long it is tried again whether a name server that cannot do DNSSEC now can.
const PROBE_AGAIN_AFTER: Duration = Duration::from_secs(10 * 60);
/// The same where the name server did not answer.
const PROBE_SOON_AFTER: Duration = Duration::from_secs(30);

/// Whom to ask, with how much patience, and who validates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResolverSettings {
    /// The name servers; those of the system if empty.
    pub name_servers: Vec<SocketAddr>,
    /// The wait for one answer.
    pub timeout: Duration,
    /// Questions to one server at most, the first included.
    pub attempts: usize,
    /// Who validates.
    pub dnssec: Dnssec,
    /// A file of DNSKEY records to trust instead of the root zone's, for [`Dnssec::Validate`].
    pub trust_anchors: Option<PathBuf>,
}

/// Who validates answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dnssec {
    /// The name server if all of them are on this machine, else this process.
    #[default]
    Auto,
    /// The name server: its AD bit is believed, so the way to it must be safe.
    TrustAd,
    /// This process.
    Validate,
    /// Nobody: there is no DANE.
    Off,
}

impl Default for ResolverSettings {
    fn default() -> Self {
        ResolverSettings {
            name_servers: Vec::new(),
            timeout: Duration::from_secs(5),
            attempts: 2,
            dnssec: Dnssec::Auto,
            trust_anchors: None,
        }
    }
}

/// The real DNS, with a cache of its own.
#[derive(Debug)]
pub struct HickoryResolver {
    stub: Arc<Stub>,
    dnssec: Backend,
    ability: Ability,
    hosts: Hosts,
    cache: Cache,
    lookups: Semaphore,
}

/// Who validates, decided.
#[derive(Debug)]
enum Backend {
    Nobody,
    Server,
    Ourselves(Box<Validator>),
}

/// Whether the name server has been seen to do DNSSEC, and when it is tried next.
#[derive(Debug, Default)]
struct Ability {
    seen: AtomicBool,
    missing: AtomicBool,
    next_trial: tokio::sync::Mutex<Option<Instant>>,
}

impl HickoryResolver {
    /// Fails if the system's configuration or the trust anchors cannot be read.
    pub fn new(settings: &ResolverSettings) -> Result<Self, DnsError> {
        let name_servers = match settings.name_servers.as_slice() {
            [] => system_name_servers()?,
            named => named.to_vec(),
        };
        let on_this_machine = name_servers.iter().all(|server| server.ip().is_loopback());
        let stub = Arc::new(Stub::new(name_servers, settings.timeout, settings.attempts));
        let dnssec = match settings.dnssec {
            Dnssec::Off => Backend::Nobody,
            Dnssec::TrustAd => Backend::Server,
            Dnssec::Auto if on_this_machine => Backend::Server,
            Dnssec::Auto | Dnssec::Validate => {
                let anchors = validate::trust_anchors(settings.trust_anchors.as_deref())?;
                Backend::Ourselves(Box::new(Validator::new(Arc::clone(&stub), anchors)))
            }
        };
        Ok(HickoryResolver {
            stub,
            dnssec,
            ability: Ability::default(),
            hosts: Hosts::from_system().unwrap_or_default(),
            cache: Cache::default(),
            lookups: Semaphore::new(LOOKUPS_MAX),
        })
    }

    /// Tries whether the name server can do DNSSEC, unless that is known, and says so in the log if it cannot.
    async fn try_ability(&self) {
        // Where we validate, a server that strips signatures later makes lookups fail. One that is believed would not.
        let settled =
            self.ability.seen.load(Ordering::Relaxed) && matches!(self.dnssec, Backend::Ourselves(_));
        if settled || matches!(self.dnssec, Backend::Nobody) {
            return;
        }
        // Who comes while another tries goes on with what is known.
        let Ok(mut next_trial) = self.ability.next_trial.try_lock() else { return };
        let now = Instant::now();
        if next_trial.is_some_and(|at| now < at) {
            return;
        }
        let (kind, shows): (_, fn(&Message) -> bool) = match self.dnssec {
            Backend::Ourselves(_) => (RecordType::DNSKEY, has_signatures),
            Backend::Server | Backend::Nobody => (RecordType::SOA, is_authentic),
        };
        *next_trial = Some(now + PROBE_SOON_AFTER);
        // No answer shows nothing.
        let Ok(answer) = self.stub.exchange(&question(&Name::root(), kind, true)).await else { return };
        if answer.metadata.response_code != ResponseCode::NoError {
            return;
        }
        *next_trial = Some(now + PROBE_AGAIN_AFTER);
        let able = shows(&answer);
        self.ability.seen.store(able, Ordering::Relaxed);
        if self.ability.missing.swap(!able, Ordering::Relaxed) == able {
            report_ability(able, self.stub.servers());
        }
    }

    /// The records of a name, or that there are none, from the cache if possible.
    async fn find(&self, name: Name, kind: RecordType) -> Kept {
        if let Some(known) = self.without_dns(&name, kind) {
            return known;
        }
        let key = (name, kind);
        if let Some(kept) = self.cache.find(&key, Instant::now()) {
            return kept;
        }
        let lookup = async {
            let _permit = self.lookups.acquire().await.map_err(|closed| closed.to_string())?;
            Ok(self.follow(&key.0, kind).await)
        };
        let late = || Ok((Err(DnsError::Failed("no answer in time".to_owned())), Duration::ZERO));
        let found: Result<_, String> =
            tokio::time::timeout(LOOKUP_TIME_MAX, lookup).await.unwrap_or_else(|_| late());
        let (kept, ttl) = found.map_err(DnsError::Failed)?;
        self.cache.keep(key, kept.clone(), self.lasting(&kept, ttl), Instant::now());
        kept
    }

    /// How long an answer is kept: what could not be validated no longer than until it may be again.
    fn lasting(&self, kept: &Kept, ttl: Duration) -> Duration {
        let unchecked = match kept {
            Ok(found) => found.security == Security::Unchecked,
            Err(DnsError::NoSuchName(proven) | DnsError::NoData(proven)) => *proven == Security::Unchecked,
            Err(DnsError::Bogus(_) | DnsError::Failed(_)) => false,
        };
        match self.dnssec {
            Backend::Server | Backend::Ourselves(_) if unchecked => ttl.min(PROBE_SOON_AFTER),
            Backend::Nobody | Backend::Server | Backend::Ourselves(_) => ttl,
        }
    }

    /// Names that the machine itself knows (RFC 6761 section 6, `/etc/hosts`). Nothing is proven of them.
    fn without_dns(&self, name: &Name, kind: RecordType) -> Option<Kept> {
        if !matches!(kind, RecordType::A | RecordType::AAAA) {
            return None;
        }
        let records = match name.iter().next_back() {
            Some(b"localhost") if kind == RecordType::A => vec![RData::A(Ipv4Addr::LOCALHOST.into())],
            Some(b"localhost") => vec![RData::AAAA(Ipv6Addr::LOCALHOST.into())],
            Some(b"invalid") => return Some(Err(DnsError::NoSuchName(Security::Unchecked))),
            _ => {
                let found = self.hosts.lookup_static_host(&Query::query(name.clone(), kind))?;
                found.answers().iter().map(|record| record.data.clone()).collect()
            }
        };
        Some(Ok(Arc::new(Found { records, security: Security::Unchecked, canonical: None })))
    }

    /// Asks, and asks again where the answer ends in an alias.
    async fn follow(&self, name: &Name, kind: RecordType) -> (Kept, Duration) {
        let (mut owner, mut security, mut ttl) = (name.clone(), Security::Secure, Duration::MAX);
        for _ in 0..ALIASES_MAX {
            match self.ask(&owner, kind).await {
                Said::Records(mut found, lasts) => {
                    found.security = found.security.min(security);
                    if found.canonical.is_none() && owner != *name {
                        found.canonical = Some(owner);
                    }
                    return (Ok(Arc::new(found)), ttl.min(lasts));
                }
                Said::Nothing(error, lasts) => {
                    let error = match error {
                        DnsError::NoSuchName(proven) => DnsError::NoSuchName(proven.min(security)),
                        DnsError::NoData(proven) => DnsError::NoData(proven.min(security)),
                        other => other,
                    };
                    return (Err(error), ttl.min(lasts));
                }
                Said::Alias(target, proven, lasts) => {
                    (owner, security, ttl) = (target, security.min(proven), ttl.min(lasts));
                }
            }
        }
        (Err(message::too_many_aliases(name)), Duration::ZERO)
    }

    async fn ask(&self, name: &Name, kind: RecordType) -> Said {
        match &self.dnssec {
            Backend::Nobody => self.ask_server(name, kind, false).await,
            Backend::Server => self.ask_server(name, kind, true).await,
            Backend::Ourselves(validator) => {
                self.try_ability().await;
                if self.ability.missing.load(Ordering::Relaxed) {
                    return self.ask_server(name, kind, false).await;
                }
                match validator.lookup(name, kind).await {
                    (_, Some(ResponseCode::ServFail)) => self.gave_up(&question(name, kind, true)).await,
                    (said, _) => said,
                }
            }
        }
    }

    async fn ask_server(&self, name: &Name, kind: RecordType, dnssec: bool) -> Said {
        let query = question(name, kind, dnssec);
        let answer = match self.stub.exchange(&query).await {
            Ok(answer) => answer,
            Err(why) => return Said::Nothing(DnsError::Failed(why), Duration::ZERO),
        };
        let security = if !dnssec {
            Security::Unchecked
        } else if is_authentic(&answer) {
            self.ability.seen.store(true, Ordering::Relaxed);
            self.ability.missing.store(false, Ordering::Relaxed);
            Security::Secure
        } else {
            self.try_ability().await;
            let validates = self.ability.seen.load(Ordering::Relaxed);
            if validates { Security::Insecure } else { Security::Unchecked }
        };
        match said(&answer, name, kind, Judge::Server(security)) {
            Said::Nothing(DnsError::Failed(_), _)
                if dnssec && answer.metadata.response_code == ResponseCode::ServFail =>
            {
                self.gave_up(&query).await
            }
            said => said,
        }
    }

    /// A server that validates says SERVFAIL also for what is bogus. Without validation it would answer then.
    async fn gave_up(&self, query: &Message) -> Said {
        let mut unchecked = query.clone();
        unchecked.metadata.checking_disabled = true;
        let error = match self.stub.exchange(&unchecked).await {
            Ok(answer) if answer.metadata.response_code != ResponseCode::ServFail => {
                DnsError::Bogus("SERVFAIL, but not where validation is off".to_owned())
            }
            Ok(_) | Err(_) => DnsError::Failed(ResponseCode::ServFail.to_string()),
        };
        Said::Nothing(error, Duration::ZERO)
    }

    async fn records<T>(
        &self,
        name: Name,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Answer<T>, DnsError> {
        let found = self.find(name, kind).await?;
        let records: Vec<T> = found.records.iter().filter_map(read).collect();
        if records.is_empty() {
            return Err(DnsError::NoData(Security::Unchecked));
        }
        let canonical = found.canonical.as_ref().map(|name| without_dot(name).to_ascii_lowercase());
        Ok(Answer { records, security: found.security, canonical })
    }
}

fn system_name_servers() -> Result<Vec<SocketAddr>, DnsError> {
    let (config, _) = read_system_conf()
        .map_err(|error| DnsError::Failed(format!("cannot read the name servers of the system: {error}")))?;
    let port = |server: &hickory_resolver::config::NameServerConfig| {
        server.connections.first().map_or(53, |connection| connection.port)
    };
    Ok(config.name_servers().iter().map(|server| (server.ip, port(server)).into()).collect())
}

/// A question for a resolver; with `dnssec`, it is to say how far its answer is proven.
fn question(name: &Name, kind: RecordType, dnssec: bool) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.metadata.authentic_data = dnssec;
    message.add_query(Query::query(name.clone(), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(DATAGRAM_BYTES);
    edns.set_dnssec_ok(dnssec);
    message.set_edns(edns);
    message
}

fn is_authentic(answer: &Message) -> bool {
    answer.metadata.authentic_data
}

fn has_signatures(answer: &Message) -> bool {
    answer.answers.iter().any(|record| record.record_type() == RecordType::RRSIG)
}

fn report_ability(able: bool, servers: &[SocketAddr]) {
    if able {
        tracing::info!("the name server can do DNSSEC now: DANE is on");
        return;
    }
    tracing::warn!(
        name_servers = ?servers,
        "the name server does not validate, or strips signatures: DANE is off. Use a validating resolver on this machine"
    );
}

/// A name that search lists do not apply to.
fn absolute(name: &str) -> Result<Name, DnsError> {
    let mut parsed = Name::from_ascii(name.trim_end_matches('.'))
        .map_err(|error| DnsError::Failed(format!("'{name}' is not a name: {error}")))?;
    parsed.set_fqdn(true);
    Ok(parsed)
}

/// The text of a name without the trailing dot; the root stays a dot.
fn without_dot(name: &Name) -> String {
    let text = name.to_ascii();
    match text.strip_suffix('.') {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => text,
    }
}

#[async_trait]
impl Resolver for HickoryResolver {
    fn forget(&self, what: Forget) {
        self.cache.forget(what);
    }

    async fn probe(&self) {
        self.try_ability().await;
    }

    async fn mx(&self, domain: &Domain) -> Result<Answer<MxRecord>, DnsError> {
        let read = |data: &RData| match data {
            RData::MX(mx) => {
                Some(MxRecord { preference: mx.preference, exchange: without_dot(&mx.exchange) })
            }
            _ => None,
        };
        self.records(absolute(domain.as_str())?, RecordType::MX, read).await
    }

    async fn addresses(&self, host: &str, family: Family) -> Addresses {
        let kind = match family {
            Family::V4 => RecordType::A,
            Family::V6 => RecordType::AAAA,
        };
        let read = |data: &RData| match data {
            RData::A(a) => Some(IpAddr::V4(a.0)),
            RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
            _ => None,
        };
        self.records(absolute(host)?, kind, read).await
    }

    async fn txt(&self, name: &str) -> Result<Answer<String>, DnsError> {
        let read = |data: &RData| match data {
            RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
            _ => None,
        };
        self.records(absolute(name)?, RecordType::TXT, read).await
    }

    async fn ptr(&self, ip: IpAddr) -> Result<Answer<String>, DnsError> {
        let read = |data: &RData| match data {
            RData::PTR(ptr) => Some(without_dot(&ptr.0)),
            _ => None,
        };
        self.records(Name::from(ip), RecordType::PTR, read).await
    }

    async fn tlsa(&self, name: &str) -> Result<Answer<TlsaRecord>, DnsError> {
        let read = |data: &RData| match data {
            RData::TLSA(tlsa) => Some(TlsaRecord {
                usage: tlsa.cert_usage.into(),
                selector: tlsa.selector.into(),
                matching: tlsa.matching.into(),
                data: tlsa.cert_data.clone(),
            }),
            _ => None,
        };
        self.records(absolute(name)?, RecordType::TLSA, read).await
    }

    async fn srv(&self, name: &str) -> Result<Answer<SrvRecord>, DnsError> {
        let read = |data: &RData| match data {
            RData::SRV(srv) => Some(SrvRecord {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target: without_dot(&srv.target),
            }),
            _ => None,
        };
        self.records(absolute(name)?, RecordType::SRV, read).await
    }
}

#[cfg(test)]
mod tests;
