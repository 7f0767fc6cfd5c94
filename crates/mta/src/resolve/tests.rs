//! The resolver against made-up name servers.

use hickory_proto::op::Message;
use hickory_proto::rr::Record;
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, SOA, SRV, TXT};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use super::*;

/// What a made-up server can do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    Validating,
    Ignorant,
}

fn name(text: &str) -> Name {
    absolute(text).expect("valid")
}

/// The answers of a server that knows a few names; `None` is silence.
fn zone(query: &str, kind: RecordType) -> Option<Result<Vec<(Name, RData)>, ResponseCode>> {
    let mx = |preference, exchange: &str| RData::MX(MX::new(preference, name(exchange)));
    let alias = |target: &str| RData::CNAME(CNAME(name(target)));
    let v4 = || RData::A(A::new(192, 0, 2, 1));
    let own = |records: Vec<RData>| records.into_iter().map(|data| (name(query), data)).collect();
    Some(Ok(match (query, kind) {
        ("example.net.", RecordType::MX) => own(vec![mx(20, "MX2.example.net"), mx(10, "mx1.example.net")]),
        ("signed.example.", RecordType::MX) => own(vec![mx(10, "mx1.example.net")]),
        ("null.example.", RecordType::MX) => own(vec![RData::MX(MX::new(0, Name::root()))]),
        ("many.example.", RecordType::MX) => own((0..200).map(|n| mx(n, "mx1.example.net")).collect()),
        ("alias.example.", RecordType::A) => {
            vec![(name(query), alias("MX1.example.net")), (name("mx1.example.net"), v4())]
        }
        ("half.example.", RecordType::A) => own(vec![alias("mx1.example.net")]),
        ("loop.example.", RecordType::A) => {
            vec![(name(query), alias("loop2.example")), (name("loop2.example"), alias("loop.example"))]
        }
        ("long.example.", RecordType::A) => own(vec![alias("long.example")]),
        ("mx1.example.net.", RecordType::A) => own(vec![v4()]),
        ("mx1.example.net.", RecordType::AAAA) => {
            own(vec![RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))])
        }
        ("text.example.", RecordType::TXT) => {
            own(vec![RData::TXT(TXT::new(vec!["one".to_owned(), "two".to_owned()]))])
        }
        ("_submission._tcp.example.net.", RecordType::SRV) => {
            own(vec![RData::SRV(SRV::new(1, 2, 587, name("relay.example.net")))])
        }
        ("_25._tcp.mx1.example.net.", RecordType::TLSA) => {
            let data =
                RData::TLSA(hickory_proto::rr::rdata::TLSA::new(3.into(), 1.into(), 1.into(), vec![7; 32]));
            own(vec![data])
        }
        ("." | "example.net." | "null.example." | "signed.example.", _) => Vec::new(),
        ("broken.example." | "ede.example.", _) => return Some(Err(ResponseCode::ServFail)),
        ("refused.example.", _) => return Some(Err(ResponseCode::Refused)),
        ("silent.example.", _) => return None,
        _ => return Some(Err(ResponseCode::NXDomain)),
    }))
}

fn answer(query: &Message, server: Server) -> Option<Message> {
    let question = query.queries.first()?.clone();
    let asked = question.name().to_ascii();
    let mut response = Message::response(query.metadata.id, query.metadata.op_code);
    response.add_query(question.clone());
    match zone(&asked, question.query_type())? {
        Ok(records) => {
            for (owner, data) in records {
                response.add_answer(Record::from_rdata(owner, 60, data));
            }
        }
        Err(code) => response.metadata.response_code = code,
    }
    if response.answers.is_empty() {
        let soa = SOA::new(name("ns.example"), name("h.example"), 1, 1, 1, 1, 60);
        response.add_authority(Record::from_rdata(Name::root(), 60, RData::SOA(soa)));
    }
    let unsigned = ["example.net.", "text.example."].contains(&asked.as_str());
    response.metadata.authentic_data =
        server == Server::Validating && query.metadata.authentic_data && !unsigned;
    if asked == "ede.example." {
        let mut edns = Edns::new();
        edns.options_mut().insert(EdnsOption::Unknown(15, vec![0, 6, b'x']));
        response.set_edns(edns);
    }
    Some(response)
}

/// What the server sends by UDP.
fn datagrams(packet: &[u8], server: Server) -> Vec<Message> {
    let Ok(query) = Message::from_vec(packet) else { return Vec::new() };
    let asked = query.queries[0].name().to_ascii();
    if asked == "bogus.example." {
        let mut response = answer(&query, server).expect("an answer");
        let unchecked = query.metadata.checking_disabled;
        response.metadata.response_code =
            if unchecked { ResponseCode::NoError } else { ResponseCode::ServFail };
        return vec![response];
    }
    let Some(mut response) = answer(&query, server) else { return Vec::new() };
    if ["many.example.", "cut.example."].contains(&asked.as_str()) {
        response.metadata.truncation = true;
        response.answers.truncate(1);
    }
    if asked != "mx1.example.net." {
        return vec![response];
    }
    // Forgers are faster than the server.
    let forged = |id, question| {
        let mut forged = response.clone();
        forged.metadata.id = id;
        forged.queries = vec![question];
        forged.answers = vec![Record::from_rdata(name(&asked), 60, RData::A(A::new(203, 0, 113, 66)))];
        forged
    };
    let (id, question) = (response.metadata.id, response.queries[0].clone());
    let mut question_back = query.clone();
    question_back.answers = forged(id, question.clone()).answers;
    let other = Query::query(name("other.example"), question.query_type());
    vec![forged(id.wrapping_add(1), question), forged(id, other), question_back, response]
}

async fn serve_tcp(listener: TcpListener, server: Server) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let Ok(length) = stream.read_u16().await else { continue };
        let mut packet = vec![0; usize::from(length)];
        if stream.read_exact(&mut packet).await.is_err() {
            continue;
        }
        let query = Message::from_vec(&packet).expect("a query");
        if query.queries[0].name().to_ascii() == "cut.example." {
            continue;
        }
        let response = answer(&query, server).expect("an answer").to_vec().expect("fits");
        let length = u16::try_from(response.len()).expect("fits").to_be_bytes();
        let _ = stream.write_all(&[&length[..], &response].concat()).await;
    }
}

/// A resolver that asks a made-up server; the server lives as long as the second.
async fn asking(server: Server, dnssec: Dnssec) -> (HickoryResolver, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let socket = UdpSocket::bind(address).await.expect("the same port");
    let settings = ResolverSettings {
        name_servers: vec![address],
        timeout: Duration::from_millis(500),
        attempts: 1,
        dnssec,
        ..ResolverSettings::default()
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(serve_tcp(listener, server));
    tasks.spawn(async move {
        let mut packet = [0; 1500];
        while let Ok((count, from)) = socket.recv_from(&mut packet).await {
            for response in datagrams(&packet[..count], server) {
                let _ = socket.send_to(&response.to_vec().expect("fits"), from).await;
            }
        }
    });
    (HickoryResolver::new(&settings).expect("a resolver"), tasks)
}

async fn resolver() -> (HickoryResolver, JoinSet<()>) {
    asking(Server::Validating, Dnssec::Off).await
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).expect("valid")
}

#[tokio::test]
async fn records_come_as_they_are() {
    let (resolver, _server) = resolver().await;
    let mut mx = resolver.mx(&domain("example.net")).await.expect("records").records;
    mx.sort_by_key(|record| record.preference);
    let mx: Vec<(u16, String)> =
        mx.into_iter().map(|record| (record.preference, record.exchange.to_ascii_lowercase())).collect();
    assert_eq!(mx, [(10, "mx1.example.net".to_owned()), (20, "mx2.example.net".to_owned())]);
    let null = resolver.mx(&domain("null.example")).await;
    assert_eq!(null, Ok(Answer::unchecked(vec![MxRecord { preference: 0, exchange: ".".to_owned() }])));
    let v6 = resolver.addresses("mx1.example.net.", Family::V6).await;
    assert_eq!(v6, Ok(Answer::unchecked(vec!["2001:db8::1".parse().expect("an address")])));
    assert_eq!(resolver.txt("text.example").await, Ok(Answer::unchecked(vec!["onetwo".to_owned()])));
    let target = "relay.example.net".to_owned();
    let srv = resolver.srv("_submission._tcp.example.net").await;
    assert_eq!(srv, Ok(Answer::unchecked(vec![SrvRecord { priority: 1, weight: 2, port: 587, target }])));
    let tlsa = TlsaRecord { usage: 3, selector: 1, matching: 1, data: vec![7; 32] };
    assert_eq!(resolver.tlsa("_25._tcp.mx1.example.net").await, Ok(Answer::unchecked(vec![tlsa])));
    let local = resolver.addresses("here.localhost", Family::V4).await;
    assert_eq!(local, Ok(Answer::unchecked(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])));
}

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

// proves: C16
#[tokio::test]
async fn answers_to_other_questions_are_overlooked() {
    let (resolver, _server) = resolver().await;
    let v4 = resolver.addresses("mx1.example.net", Family::V4).await;
    assert_eq!(v4, Ok(Answer::unchecked(vec!["192.0.2.1".parse().expect("an address")])));
}

// proves: C12
#[tokio::test]
async fn what_is_cut_off_is_asked_for_by_tcp() {
    let (resolver, _server) = resolver().await;
    assert_eq!(resolver.mx(&domain("many.example")).await.expect("records").records.len(), 200);
    let cut = resolver.addresses("cut.example", Family::V4).await;
    assert!(matches!(cut, Err(DnsError::Failed(_))), "{cut:?}");
}

// proves: C7, C8
#[tokio::test]
async fn aliases_are_followed_but_not_for_ever() {
    let (resolver, _server) = resolver().await;
    for alias in ["alias.example", "half.example"] {
        let answer = resolver.addresses(alias, Family::V4).await.expect("records");
        assert_eq!(answer.records, ["192.0.2.1".parse::<IpAddr>().expect("an address")]);
        assert_eq!(answer.canonical.as_deref(), Some("mx1.example.net"), "{alias}");
    }
    for endless in ["loop.example", "long.example"] {
        let answer = resolver.addresses(endless, Family::V4).await;
        assert!(matches!(answer, Err(DnsError::Failed(_))), "{endless}: {answer:?}");
    }
}

#[tokio::test]
async fn a_validating_server_is_believed() {
    let (resolver, _server) = asking(Server::Validating, Dnssec::Auto).await;
    assert_eq!(resolver.mx(&domain("example.net")).await.map(|found| found.security), Ok(Security::Insecure));
    assert_eq!(
        resolver.mx(&domain("signed.example")).await.map(|found| found.security),
        Ok(Security::Secure)
    );
    let absent = resolver.tlsa("signed.example").await;
    assert_eq!(absent, Err(DnsError::NoData(Security::Secure)));
    assert_eq!(resolver.tlsa("example.net").await, Err(DnsError::NoData(Security::Insecure)));
    assert_eq!(resolver.tlsa("no.example").await, Err(DnsError::NoSuchName(Security::Secure)));
}

// proves: C13
#[tokio::test]
async fn bogus_is_told_apart_from_broken() {
    let (resolver, _server) = asking(Server::Validating, Dnssec::TrustAd).await;
    for host in ["bogus.example", "ede.example"] {
        let answer = resolver.tlsa(host).await;
        assert!(matches!(answer, Err(DnsError::Bogus(_))), "{host}: {answer:?}");
    }
    let answer = resolver.tlsa("broken.example").await;
    assert!(matches!(answer, Err(DnsError::Failed(_))), "{answer:?}");
}

// proves: C15
#[tokio::test]
async fn a_server_that_does_not_validate_is_found_out_and_makes_nothing_fail() {
    for dnssec in [Dnssec::TrustAd, Dnssec::Validate] {
        let (resolver, _server) = asking(Server::Ignorant, dnssec).await;
        resolver.probe().await;
        assert!(resolver.ability.missing.load(Ordering::Relaxed), "{dnssec:?}");
        let mx = resolver.mx(&domain("signed.example")).await;
        assert_eq!(mx.map(|found| found.security), Ok(Security::Unchecked), "{dnssec:?}");
    }
}

// proves: C15
#[tokio::test]
async fn a_server_that_no_longer_validates_is_found_out() {
    let (resolver, _server) = asking(Server::Ignorant, Dnssec::TrustAd).await;
    resolver.ability.seen.store(true, Ordering::Relaxed);
    let mx = resolver.mx(&domain("signed.example")).await;
    assert_eq!(mx.map(|found| found.security), Ok(Security::Unchecked));
    assert!(resolver.ability.missing.load(Ordering::Relaxed));
}

// proves: C15
#[tokio::test]
async fn what_was_not_validated_is_asked_for_again_soon() {
    for (dnssec, kept) in [(Dnssec::TrustAd, false), (Dnssec::Off, true)] {
        let (resolver, _server) = asking(Server::Ignorant, dnssec).await;
        resolver.mx(&domain("signed.example")).await.expect("records");
        let key = (name("signed.example"), RecordType::MX);
        let later = Instant::now() + PROBE_SOON_AFTER;
        assert_eq!(resolver.cache.find(&key, later).is_some(), kept, "{dnssec:?}");
    }
}
