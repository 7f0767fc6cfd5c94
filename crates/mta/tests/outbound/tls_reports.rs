//! Reports about TLS: counted, kept, and sent when their day is over.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mail::{Clock, Source, Timestamp};
use mta::client_tls::ClientTls;
use mta::connections::Connections;
use mta::web::Https;
use mta::{World, tls_reports};
use policy::Configuration;
use serde_json::Value;
use store::Content;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::peer::{Identity, Peer};
use crate::policy_host::{Page, PolicyHost, Texts};
use crate::stage::{Setting, Stage, letter, mx};

const RECORD: &str = "_smtp._tls.example.net";
const SCRIPT: &str = "S: 220 mx
    C: EHLO me.example.org
    S: 250-mx
    S: 250 PIPELINING
    C: MAIL FROM:<from@example.org>
    C: RCPT TO:<a@example.net>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    = content
    S: 250 queued\n";

/// Its time is ours to move.
struct HandClock(AtomicU64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

const DAY: u64 = 86_400_000;

/// A stage on which one message went out in clear, or as what `source` says.
async fn one_delivery(settings: &str, source: Source) -> (Stage, Arc<Texts>, Arc<HandClock>) {
    let peer = Peer::plays(&[SCRIPT]).await;
    let settings = format!(r#"{{"SystemSettings": {{"defaultHostname": "me.example.org"}}{settings}}}"#);
    let setting = Setting::new().mx(10, "mx1.example.net", &["192.0.2.1"]).road("192.0.2.1", peer.address);
    let mut stage = setting.host("reports.example.net", &["192.0.2.80"]).build(&settings);
    let texts = Texts::over(Arc::clone(&stage.world.resolver));
    stage.world.resolver = texts.clone();
    let clock = Arc::new(HandClock(AtomicU64::new(stage.world.clock.now().as_millis())));
    stage.world.clock = clock.clone();
    let mut delivery = stage.delivery(mx(), letter(&["a@example.net"])).await;
    Arc::make_mut(&mut delivery.envelope).origin.source = source;
    let report =
        mta::attempt::attempt(&stage.world, &stage.configuration, &stage.connections, &delivery).await;
    assert_eq!(crate::stage::words(&report.outcomes[0].1), "delivered 250");
    let ids: Vec<_> = delivery.recipients.iter().map(|queued| queued.recipient.id).collect();
    let ending = store::Ending {
        recipient: ids[0],
        verdict: policy::Verdict::Delivered(match report.outcomes[0].1.clone() {
            policy::AttemptOutcome::Delivered(delivered) => delivered,
            other => panic!("{other:?}"),
        }),
        owed: false,
    };
    let settlement = store::Settlement {
        lease: delivery.lease,
        message: delivery.envelope.message,
        endings: vec![ending],
        told: Vec::new(),
        deposits: Vec::new(),
        notices: Vec::new(),
    };
    stage.world.store.settle(settlement).await.expect("held");
    stage.connections.close().await;
    peer.over().await;
    (stage, texts, clock)
}

/// The reporter at work.
struct Running(JoinSet<()>, CancellationToken);

impl Running {
    fn start(world: &World, configuration: &Arc<Configuration>, connections: &Arc<Connections>) -> Self {
        let (_, settings) = watch::channel(configuration.clone());
        let (mut task, stop) = (JoinSet::new(), CancellationToken::new());
        task.spawn(tls_reports::run(world.clone(), settings, connections.clone(), stop.clone()));
        Running(task, stop)
    }

    async fn stop(mut self) {
        self.1.cancel();
        self.0.join_next().await.expect("one task").expect("no panic");
    }
}

/// Looks once, and stops.
async fn look(world: &World, configuration: &Arc<Configuration>, connections: &Arc<Connections>) -> usize {
    let (_, settings) = watch::channel(configuration.clone());
    let stopped = CancellationToken::new();
    stopped.cancel();
    tls_reports::run(world.clone(), settings, connections.clone(), stopped).await;
    world.store.scan("tls-report", None, 10, world.clock.now()).await.expect("the store").len()
}

// proves: 5.7.4
#[tokio::test]
async fn the_report_of_a_day_goes_out_when_the_day_is_over() {
    let (stage, texts, clock) = one_delivery("", Source::Authenticated).await;
    texts.set(RECORD, "v=TLSRPTv1; rua=mailto:tls@example.net,mailto:more@example.org");
    let Stage { world, configuration, connections, .. } = stage;
    let connections = Arc::new(connections);
    assert_eq!(look(&world, &configuration, &connections).await, 1);
    // What was counted before a restart is reported after it.
    clock.0.fetch_add(2 * DAY, Ordering::SeqCst);
    let running = Running::start(&world, &configuration, &connections);
    let mut reports = Vec::new();
    while reports.len() < 2 {
        world.store.arrival().await;
        reports = world.store.pending(None, 10).await.expect("the store");
    }
    running.stop().await;
    let to: Vec<String> =
        reports.iter().map(|claim| claim.recipients[0].recipient.forward_path.to_string()).collect();
    assert_eq!(to, ["tls@example.net", "more@example.org"]);
    assert_eq!(reports[0].envelope.origin.source, Source::Report);
    assert_eq!(reports[0].recipients[0].progress.virtual_queue, "report");
    let Some(Content::Memory(content)) =
        world.store.content(reports[0].envelope.message).await.expect("the store")
    else {
        panic!("no content in memory")
    };
    let json = unpacked(std::str::from_utf8(&content).expect("ASCII"));
    assert_eq!(json["organization-name"], "me.example.org");
    assert_eq!(json["policies"][0]["policy"]["policy-domain"], "example.net");
    assert_eq!(json["policies"][0]["failure-details"][0]["result-type"], "starttls-not-supported");
    let kept = world.store.scan("tls-report", None, 10, clock.now()).await.expect("the store");
    assert!(kept.is_empty(), "what was sent is not kept");
}

/// The JSON in a report.
fn unpacked(message: &str) -> Value {
    let encoded = message.split(".json.gz\"\r\n\r\n").nth(1).and_then(|rest| rest.split("\r\n\r\n--").next());
    let encoded: String = encoded.expect("an attachment").split_whitespace().collect();
    let bytes = base64(&encoded);
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).expect("gzip");
    serde_json::from_str(&text).expect("JSON")
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
}

#[tokio::test]
async fn nothing_is_kept_for_who_wants_nothing() {
    let disabled = r#", "TlsReportSettings": {"sendFrequency": {"else": "disable"}}"#;
    for (settings, source, record, expected) in [
        ("", Source::Authenticated, "v=TLSRPTv1; rua=mailto:tls@example.net", 1),
        ("", Source::Authenticated, "v=spf1 -all", 0),
        (disabled, Source::Authenticated, "v=TLSRPTv1; rua=mailto:tls@example.net", 0),
    ] {
        let (stage, texts, _) = one_delivery(settings, source).await;
        texts.set(RECORD, record);
        let connections = Arc::new(stage.connections);
        assert_eq!(look(&stage.world, &stage.configuration, &connections).await, expected, "{record}");
    }
}

// proves: F12
#[tokio::test]
async fn the_way_of_a_report_is_not_reported() {
    let (stage, texts, _) = one_delivery("", Source::Report).await;
    texts.set(RECORD, "v=TLSRPTv1; rua=mailto:tls@example.net");
    let connections = Arc::new(stage.connections);
    assert_eq!(look(&stage.world, &stage.configuration, &connections).await, 0);
}

#[tokio::test]
async fn a_report_can_go_to_a_web_server() {
    let identity = Identity::of("reports.example.net");
    let host = PolicyHost::serves(&identity, Page::of("201 Created", "", "")).await;
    let (stage, texts, clock) = one_delivery("", Source::Authenticated).await;
    texts.set(RECORD, &format!("v=TLSRPTv1; rua=https://reports.example.net:{}/tls", host.address.port()));
    let tls = ClientTls::new(vec![identity.certificate.clone()]).expect("a TLS configuration");
    let transport = Arc::new(mta::connect::TcpTransport);
    let Stage { mut world, configuration, connections, .. } = stage;
    let names = Texts::over(Arc::new(Loopback));
    world.web = Arc::new(Https::new(names, transport, tls, 443, true));
    let connections = Arc::new(connections);
    assert_eq!(look(&world, &configuration, &connections).await, 1);
    clock.0.fetch_add(2 * DAY, Ordering::SeqCst);
    let running = Running::start(&world, &configuration, &connections);
    while host.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    running.stop().await;
    let request = host.requests().remove(0);
    let head = String::from_utf8_lossy(&request).into_owned();
    assert!(head.starts_with("POST /tls HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("content-type: application/tlsrpt+gzip\r\n"), "{head}");
}

/// A DNS in which all is here.
struct Loopback;

#[async_trait::async_trait]
impl mta::Resolver for Loopback {
    async fn mx(
        &self,
        _: &mail::Domain,
    ) -> Result<policy::dns::Answer<policy::dns::MxRecord>, policy::dns::DnsError> {
        Err(policy::dns::DnsError::NoData(policy::dns::Security::Unchecked))
    }

    async fn addresses(&self, _: &str, family: policy::dns::Family) -> policy::dns::Addresses {
        match family {
            policy::dns::Family::V4 => {
                Ok(policy::dns::Answer::unchecked(vec![crate::stage::ip("127.0.0.1")]))
            }
            policy::dns::Family::V6 => Err(policy::dns::DnsError::NoData(policy::dns::Security::Unchecked)),
        }
    }

    async fn txt(&self, _: &str) -> Result<policy::dns::Answer<String>, policy::dns::DnsError> {
        Err(policy::dns::DnsError::NoData(policy::dns::Security::Unchecked))
    }

    async fn ptr(&self, _: std::net::IpAddr) -> Result<policy::dns::Answer<String>, policy::dns::DnsError> {
        Err(policy::dns::DnsError::NoData(policy::dns::Security::Unchecked))
    }

    async fn tlsa(
        &self,
        _: &str,
    ) -> Result<policy::dns::Answer<policy::dns::TlsaRecord>, policy::dns::DnsError> {
        Err(policy::dns::DnsError::NoData(policy::dns::Security::Unchecked))
    }

    async fn srv(
        &self,
        _: &str,
    ) -> Result<policy::dns::Answer<policy::dns::SrvRecord>, policy::dns::DnsError> {
        Err(policy::dns::DnsError::NoData(policy::dns::Security::Unchecked))
    }
}
