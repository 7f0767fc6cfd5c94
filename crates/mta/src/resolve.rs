//! DNS over hickory, with its errors told strictly apart: no such name, no data, nothing known.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, RecordType};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as HickoryDnsError, NetError};
use mail::Domain;
use policy::dns::{Addresses, Answer, DnsError, Family, MxRecord, Security, SrvRecord, TlsaRecord};
use tokio::sync::Semaphore;

use crate::world::Resolver;

/// Answers that are kept at most.
const CACHE_ANSWERS_MAX: u64 = 16_384;
/// How long an answer is kept at most.
const POSITIVE_TTL_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the absence of an answer is kept at most.
const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(15 * 60);
/// Lookups at once at most; more wait.
const LOOKUPS_MAX: usize = 256;
/// One lookup, over all servers and repetitions, takes at most this long.
const LOOKUP_TIME_MAX: Duration = Duration::from_secs(30);
/// Records of one answer that are looked at.
const RECORDS_MAX: usize = 1_000;

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

/// The real DNS, with a cache of its own.
#[derive(Debug)]
pub struct HickoryResolver {
    inner: TokioResolver,
    lookups: Semaphore,
}

impl HickoryResolver {
    /// Fails if the system's configuration cannot be read.
    pub fn new(settings: &ResolverSettings) -> Result<Self, DnsError> {
        let cannot = |error: NetError| DnsError::Failed(format!("cannot set up the resolver: {error}"));
        let mut builder = if settings.name_servers.is_empty() {
            TokioResolver::builder_tokio().map_err(cannot)?
        } else {
            let servers = settings.name_servers.iter().map(|server| name_server(*server)).collect();
            let config = ResolverConfig::from_name_servers(servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        set_options(builder.options_mut(), settings);
        let inner = builder.build().map_err(cannot)?;
        Ok(HickoryResolver { inner, lookups: Semaphore::new(LOOKUPS_MAX) })
    }

    async fn records<T>(
        &self,
        name: Name,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Answer<T>, DnsError> {
        let lookup = async {
            let _permit =
                self.lookups.acquire().await.map_err(|closed| DnsError::Failed(closed.to_string()))?;
            self.inner.lookup(name, kind).await.map_err(told_apart)
        };
        let found = tokio::time::timeout(LOOKUP_TIME_MAX, lookup)
            .await
            .map_err(|_| DnsError::Failed("no answer in time".to_owned()))??;
        let of_kind = found.answers().iter().filter(|record| record.record_type() == kind);
        let records: Vec<T> = of_kind.take(RECORDS_MAX).filter_map(|record| read(&record.data)).collect();
        if records.is_empty() {
            return Err(DnsError::NoData(Security::Unchecked));
        }
        Ok(Answer::unchecked(records))
    }
}

fn name_server(server: SocketAddr) -> NameServerConfig {
    let at_port = |mut connection: ConnectionConfig| {
        connection.port = server.port();
        connection
    };
    let connections = vec![at_port(ConnectionConfig::udp()), at_port(ConnectionConfig::tcp())];
    NameServerConfig::new(server.ip(), true, connections)
}

fn set_options(options: &mut ResolverOpts, settings: &ResolverSettings) {
    options.timeout = settings.timeout;
    options.attempts = settings.attempts.saturating_sub(1);
    options.cache_size = CACHE_ANSWERS_MAX;
    options.positive_max_ttl = Some(POSITIVE_TTL_MAX);
    options.negative_max_ttl = Some(NEGATIVE_TTL_MAX);
    options.positive_min_ttl = Some(Duration::from_secs(1));
    options.max_active_requests = 2 * LOOKUPS_MAX;
    options.try_tcp_on_error = true;
}

/// Only a server's word that there is nothing counts as nothing; everything else is ignorance.
fn told_apart(error: NetError) -> DnsError {
    match error {
        NetError::Dns(HickoryDnsError::NoRecordsFound(nothing)) => match nothing.response_code {
            ResponseCode::NXDomain => DnsError::NoSuchName(Security::Unchecked),
            ResponseCode::NoError => DnsError::NoData(Security::Unchecked),
            other => DnsError::Failed(other.to_string()),
        },
        NetError::Dns(HickoryDnsError::ResponseCode(code)) => DnsError::Failed(code.to_string()),
        other => DnsError::Failed(other.to_string()),
    }
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
mod tests {
    use hickory_proto::op::Message;
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, TXT};
    use tokio::net::UdpSocket;
    use tokio::task::JoinSet;

    use super::*;

    fn name(text: &str) -> Name {
        absolute(text).expect("valid")
    }

    /// The answers of a server that knows a few names; `None` is silence.
    fn zone(query: &str, kind: RecordType) -> Option<Result<Vec<RData>, ResponseCode>> {
        let mx = |preference, exchange: &str| RData::MX(MX::new(preference, name(exchange)));
        Some(Ok(match (query, kind) {
            ("example.net.", RecordType::MX) => vec![mx(20, "MX2.example.net"), mx(10, "mx1.example.net")],
            ("null.example.", RecordType::MX) => {
                vec![RData::MX(MX::new(0, Name::root()))]
            }
            ("alias.example.", RecordType::A) => vec![RData::CNAME(CNAME(name("mx1.example.net")))],
            ("mx1.example.net.", RecordType::A) => vec![RData::A(A::new(192, 0, 2, 1))],
            ("mx1.example.net.", RecordType::AAAA) => {
                vec![RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))]
            }
            ("text.example.", RecordType::TXT) => {
                vec![RData::TXT(TXT::new(vec!["one".to_owned(), "two".to_owned()]))]
            }
            ("example.net." | "null.example.", _) => Vec::new(),
            ("broken.example.", _) => return Some(Err(ResponseCode::ServFail)),
            ("refused.example.", _) => return Some(Err(ResponseCode::Refused)),
            ("silent.example.", _) => return None,
            _ => return Some(Err(ResponseCode::NXDomain)),
        }))
    }

    fn answer(packet: &[u8]) -> Option<Vec<u8>> {
        let query = Message::from_vec(packet).ok()?;
        let question = query.queries.first()?.clone();
        let mut response = Message::response(query.metadata.id, query.metadata.op_code);
        match zone(&question.name().to_ascii(), question.query_type())? {
            Ok(records) => {
                for data in records {
                    let target = match &data {
                        RData::CNAME(target) => Some(target.0.clone()),
                        _ => None,
                    };
                    response.add_answer(Record::from_rdata(question.name().clone(), 60, data));
                    let followed = target.and_then(|target| {
                        Some((target.clone(), zone(&target.to_ascii(), question.query_type())?.ok()?))
                    });
                    for (owner, data) in followed.into_iter().flat_map(|(owner, records)| {
                        records.into_iter().map(move |data| (owner.clone(), data))
                    }) {
                        response.add_answer(Record::from_rdata(owner, 60, data));
                    }
                }
            }
            Err(code) => response.metadata.response_code = code,
        }
        response.add_query(question);
        response.to_vec().ok()
    }

    /// A resolver that asks a made-up server; the server lives as long as the second.
    async fn resolver() -> (HickoryResolver, JoinSet<()>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let settings = ResolverSettings {
            name_servers: vec![socket.local_addr().expect("bound")],
            timeout: Duration::from_millis(500),
            attempts: 1,
        };
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut packet = [0; 1500];
            while let Ok((count, from)) = socket.recv_from(&mut packet).await {
                if let Some(response) = answer(&packet[..count]) {
                    let _ = socket.send_to(&response, from).await;
                }
            }
        });
        (HickoryResolver::new(&settings).expect("a resolver"), server)
    }

    #[tokio::test]
    async fn records_come_as_they_are() {
        let (resolver, _server) = resolver().await;
        let mut mx =
            resolver.mx(&Domain::parse("example.net").expect("valid")).await.expect("records").records;
        mx.sort_by_key(|record| record.preference);
        let mx: Vec<(u16, String)> =
            mx.into_iter().map(|record| (record.preference, record.exchange.to_ascii_lowercase())).collect();
        assert_eq!(mx, [(10, "mx1.example.net".to_owned()), (20, "mx2.example.net".to_owned())]);
        let null = resolver.mx(&Domain::parse("null.example").expect("valid")).await;
        assert_eq!(null, Ok(Answer::unchecked(vec![MxRecord { preference: 0, exchange: ".".to_owned() }])));
        let v4 = resolver.addresses("mx1.example.net", Family::V4).await;
        assert_eq!(v4, Ok(Answer::unchecked(vec!["192.0.2.1".parse().expect("an address")])));
        let v6 = resolver.addresses("mx1.example.net.", Family::V6).await;
        assert_eq!(v6, Ok(Answer::unchecked(vec!["2001:db8::1".parse().expect("an address")])));
        assert_eq!(resolver.addresses("alias.example", Family::V4).await, v4);
        assert_eq!(resolver.txt("text.example").await, Ok(Answer::unchecked(vec!["onetwo".to_owned()])));
    }

    // proves: C1
    #[tokio::test]
    async fn nothing_is_told_apart_from_not_knowing() {
        let (resolver, _server) = resolver().await;
        let ask = |host| resolver.addresses(host, Family::V4);
        assert_eq!(ask("example.net").await, Err(DnsError::NoData(Security::Unchecked)));
        assert_eq!(ask("nowhere.example").await, Err(DnsError::NoSuchName(Security::Unchecked)));
        for host in ["broken.example", "refused.example", "silent.example", "bad..name"] {
            let answer = ask(host).await;
            assert!(matches!(answer, Err(DnsError::Failed(_))), "{host}: {answer:?}");
        }
    }
}
