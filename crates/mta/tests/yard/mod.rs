//! A queue manager over a store in memory, peers that do as they are told, and a clock that leaps to what is next.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "tests; each file uses its part")]

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mail::dsn::DeliveryStatus;
use mail::{
    Address, Clock, ContentTraits, Domain, Notify, Origin, Parameters, ReversePath, Source, Timestamp,
};
use mta::client_tls::ClientTls;
use mta::connections::{ConnectionLimits, Connections};
use mta::quotas::Quotas;
use mta::{Resolver, Stream, Transport, World, queue_manager};
use policy::Configuration;
use policy::admit::{Admission, AdmissionRules};
use policy::check::Environment;
use policy::dns::{Addresses, Answer, DnsError, Family, MxRecord, Security, SrvRecord, TlsaRecord};
use policy::expr::LookupAnswers;
use policy::extensions::Offered;
use policy::mx::MxRules;
use policy::route::Choice;
use store::{Content, MemoryStore, Store};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub const BEGINNING: Timestamp = Timestamp::from_millis(1_800_000_000_000);
pub const SENDER: &str = "anna@home.example";

/// Counts from the beginning, and a leap on top.
struct LeapingClock(Instant, Duration);

impl Clock for LeapingClock {
    fn now(&self) -> Timestamp {
        BEGINNING.plus(self.0.elapsed()).plus(self.1)
    }
}

/// What a peer does.
#[derive(Clone, Debug)]
pub enum Manner {
    /// Takes everything.
    Takes,
    /// Takes everything, but each final dot is answered after this time.
    TakesSlowly(Duration),
    /// Takes one recipient in a transaction, and never answers the MAIL of a second one.
    TakesOneAndSleeps,
    /// Is not there.
    IsAway,
    /// Answers RCPT as the local part says: `delay…` 450, `fail…` 550, else 250.
    AsTheyAreCalled,
    /// Speaks LMTP, takes every RCPT, and answers at the dot for each as its local part says.
    LmtpAsTheyAreCalled,
    /// Answers RCPT so.
    Says(&'static str),
    /// Offers no pipelining, and says nothing any more once this was said to it; before anything was if it is empty.
    FallsSilentAt(&'static str),
    /// Lets connections hang.
    NeverConnects,
    /// Makes our own code crash.
    Crashes,
}

/// The peers, what they do, and what was tried at them when.
pub struct Peers {
    begun: Instant,
    manners: Mutex<BTreeMap<IpAddr, Manner>>,
    /// Seconds since the beginning, the last byte of the address, the forward-paths.
    pub dials: Mutex<Vec<(u64, u8)>>,
    /// The source address of each.
    pub sources: Mutex<Vec<Option<IpAddr>>>,
    pub taken: Mutex<Vec<(u64, u8, Vec<String>)>>,
    sessions: TaskTracker,
}

impl Peers {
    pub fn set(&self, last: u8, manner: Manner) {
        self.manners.lock().unwrap().insert(peer(last), manner);
    }

    fn seconds(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    /// Answers each line until it hears this one, and then waits.
    async fn fall_silent(at: &'static str, stream: DuplexStream) {
        let (read, mut write) = tokio::io::split(stream);
        let mut lines = BufReader::new(read).lines();
        let mut say = "220 peer ESMTP\r\n";
        let mut in_data = false;
        loop {
            if at.is_empty() || write.write_all(say.as_bytes()).await.is_err() {
                break;
            }
            let Ok(Some(line)) = lines.next_line().await else { break };
            if in_data && line != "." {
                say = "";
                continue;
            }
            if line.starts_with(at) {
                break;
            }
            in_data = line == "DATA";
            say = if in_data { "354 go on\r\n" } else { "250 2.0.0 ok\r\n" };
        }
        while let Ok(Some(_)) = lines.next_line().await {}
    }

    async fn serve(self: Arc<Self>, last: u8, manner: Manner, stream: DuplexStream) {
        let (read, mut write) = tokio::io::split(stream);
        let mut lines = BufReader::new(read).lines();
        let mut recipients = Vec::new();
        let (mut in_data, mut done) = (false, false);
        let mut say = String::from("220 peer ESMTP\r\n");
        loop {
            if !say.is_empty() && write.write_all(say.as_bytes()).await.is_err() {
                return;
            }
            say.clear();
            let Ok(Some(line)) = lines.next_line().await else { return };
            let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
            say = if in_data {
                in_data = line != ".";
                if in_data {
                    continue;
                }
                if let Manner::TakesSlowly(time) = manner {
                    tokio::time::sleep(time).await;
                }
                let heard: Vec<String> = std::mem::take(&mut recipients);
                let (taken, replies) = match manner {
                    Manner::LmtpAsTheyAreCalled => each_at_the_dot(heard),
                    _ => (heard, "250 2.0.0 taken\r\n".to_owned()),
                };
                self.taken.lock().unwrap().push((self.seconds(), last, taken));
                done = true;
                replies
            } else {
                match (verb.as_str(), &manner) {
                    ("EHLO", _) => "250-peer\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n".to_owned(),
                    ("RCPT", Manner::Says(reply)) => format!("{reply}\r\n"),
                    ("RCPT", Manner::AsTheyAreCalled) if line.contains("<delay") => {
                        "450 4.2.0 later\r\n".to_owned()
                    }
                    ("RCPT", Manner::AsTheyAreCalled) if line.contains("<fail") => {
                        "550 5.1.1 no such user\r\n".to_owned()
                    }
                    ("RCPT", Manner::TakesOneAndSleeps) if !recipients.is_empty() => {
                        "452 4.5.3 one at a time\r\n".to_owned()
                    }
                    ("MAIL", Manner::TakesOneAndSleeps) if done => std::future::pending().await,
                    ("RCPT", _) => {
                        recipients.push(line[9..].trim_end_matches('>').to_owned());
                        "250 ok\r\n".to_owned()
                    }
                    ("DATA", _) if recipients.is_empty() => "554 no recipients\r\n".to_owned(),
                    ("DATA", _) => {
                        in_data = true;
                        "354 go on\r\n".to_owned()
                    }
                    ("RSET", _) => {
                        recipients.clear();
                        "250 ok\r\n".to_owned()
                    }
                    _ => "250 ok\r\n".to_owned(),
                }
            };
        }
    }
}

/// Who is taken, and a reply for each.
fn each_at_the_dot(heard: Vec<String>) -> (Vec<String>, String) {
    let reply = |to: &String| match to {
        to if to.starts_with("delay") => "450 4.2.0 later\r\n",
        to if to.starts_with("fail") => "550 5.1.1 no such user\r\n",
        _ => "250 2.0.0 taken\r\n",
    };
    let replies = heard.iter().map(reply).collect();
    (heard.into_iter().filter(|to| reply(to).starts_with('2')).collect(), replies)
}

fn peer(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

struct Wires(Arc<Peers>);

#[async_trait]
impl Transport for Wires {
    async fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> io::Result<Box<dyn Stream>> {
        let peers = Arc::clone(&self.0);
        let IpAddr::V4(ip) = to.ip() else { return Err(io::ErrorKind::Unsupported.into()) };
        let last = ip.octets()[3];
        peers.dials.lock().unwrap().push((peers.seconds(), last));
        peers.sources.lock().unwrap().push(from);
        let manner = peers.manners.lock().unwrap().get(&to.ip()).cloned().unwrap_or(Manner::IsAway);
        match manner {
            Manner::IsAway => Err(io::ErrorKind::ConnectionRefused.into()),
            Manner::Crashes => panic!("a bug that this peer brings out"),
            Manner::NeverConnects => std::future::pending().await,
            Manner::FallsSilentAt(what) => {
                let (ours, theirs) = tokio::io::duplex(64 * 1024);
                peers.sessions.spawn(Peers::fall_silent(what, theirs));
                Ok(Box::new(ours))
            }
            Manner::Takes
            | Manner::TakesSlowly(_)
            | Manner::TakesOneAndSleeps
            | Manner::AsTheyAreCalled
            | Manner::LmtpAsTheyAreCalled
            | Manner::Says(_) => {
                let (ours, theirs) = tokio::io::duplex(64 * 1024);
                let sessions = peers.sessions.clone();
                sessions.spawn(peers.serve(last, manner, theirs));
                Ok(Box::new(ours))
            }
        }
    }
}

/// A domain that does not exist, one whose MX moves after the first minute, and else nothing but failures.
struct FewNames(Instant);

#[async_trait]
impl Resolver for FewNames {
    async fn mx(&self, domain: &Domain) -> Result<Answer<MxRecord>, DnsError> {
        match domain.as_str() {
            "nowhere.example" => Err(DnsError::NoSuchName(Security::Unchecked)),
            "moving.example" => {
                let host = if self.0.elapsed() < Duration::from_secs(60) { "one" } else { "two" };
                Ok(Answer::unchecked(vec![MxRecord {
                    preference: 10,
                    exchange: format!("{host}.host.example"),
                }]))
            }
            _ => Err(DnsError::Failed("SERVFAIL".to_owned())),
        }
    }
    async fn addresses(&self, host: &str, family: Family) -> Addresses {
        match host {
            "one.host.example" if family == Family::V4 => Ok(Answer::unchecked(vec![peer(1)])),
            "two.host.example" if family == Family::V4 => Ok(Answer::unchecked(vec![peer(2)])),
            "nowhere.example" => Err(DnsError::NoSuchName(Security::Unchecked)),
            _ => Err(DnsError::Failed("SERVFAIL".to_owned())),
        }
    }
    async fn txt(&self, name: &str) -> Result<Answer<String>, DnsError> {
        match name {
            "which.example" => Ok(Answer::unchecked(vec!["two".to_owned()])),
            _ => Err(DnsError::Failed("SERVFAIL".to_owned())),
        }
    }
    async fn ptr(&self, _ip: IpAddr) -> Result<Answer<String>, DnsError> {
        Err(DnsError::NoData(Security::Unchecked))
    }
    async fn tlsa(&self, _name: &str) -> Result<Answer<TlsaRecord>, DnsError> {
        Err(DnsError::Failed("SERVFAIL".to_owned()))
    }
    async fn srv(&self, _name: &str) -> Result<Answer<SrvRecord>, DnsError> {
        Err(DnsError::Failed("SERVFAIL".to_owned()))
    }
}

/// All of it.
pub struct Yard {
    pub world: World,
    pub quotas: Arc<Quotas>,
    pub peers: Arc<Peers>,
    pub changes: watch::Sender<Arc<Configuration>>,
    pub shutdown: CancellationToken,
    tasks: JoinSet<()>,
    leap: Duration,
}

/// Relays, `one` at 192.0.2.1, `two` at 192.0.2.2, `narrow` there too with two connections at most, `store` with LMTP at
/// 192.0.2.3, a local domain, and these further objects.
pub fn configuration(route: &str, schedule: &str) -> Configuration {
    configuration_with("", route, schedule)
}

/// The same with `more` objects, each followed by a comma.
pub fn configuration_with(more: &str, route: &str, schedule: &str) -> Configuration {
    let schedules = format!(r#"[{{"name": "remote", "queueId": "remote", {schedule}}}]"#);
    let strategy = format!(r#"{{"route": {route}}}"#);
    configuration_of(more, &schedules, &strategy)
}

/// The same with these schedules and this strategy.
pub fn configuration_of(more: &str, schedules: &str, strategy: &str) -> Configuration {
    let accounts = format!(r#""Account": [{{"name": "{SENDER}"}}, {{"name": "bert@home.example"}}], {more}"#);
    configuration_from(&accounts, schedules, strategy)
}

/// The same with other accounts, which are among `more`.
pub fn configuration_with_accounts(more: &str, route: &str, schedule: &str) -> Configuration {
    let schedules = format!(r#"[{{"name": "remote", "queueId": "remote", {schedule}}}]"#);
    configuration_from(more, &schedules, &format!(r#"{{"route": {route}}}"#))
}

fn configuration_from(more: &str, schedules: &str, strategy: &str) -> Configuration {
    let json = format!(
        r#"{{ {more}
        "SystemSettings": {{"defaultHostname": "mx.home.example", "defaultDomain": "home.example"}},
        "Domain": [{{"name": "home.example"}}],
        "MtaRoute": [
            {{"@type": "Relay", "name": "one", "address": "192.0.2.1"}},
            {{"@type": "Relay", "name": "two", "address": "192.0.2.2"}},
            {{"@type": "Relay", "name": "store", "address": "192.0.2.3", "protocol": "lmtp"}},
            {{"@type": "Relay", "name": "narrow", "address": "192.0.2.2", "maxConnections": 2}}
        ],
        "MtaDeliverySchedule": {schedules},
        "MtaOutboundStrategy": {strategy}
    }}"#
    );
    let environment = Environment { open_key: Some(mta::sign::open), ..Environment::default() };
    Configuration::from_settings_json(&json, &environment).unwrap_or_else(|findings| panic!("{findings:?}"))
}

/// Retries after 2, 5, 10 minutes.
pub const PATIENT: &str = r#""retry": {"@type": "Custom", "intervals":
    [{"duration": 120000}, {"duration": 300000}, {"duration": 600000}]}"#;

impl Yard {
    pub fn open(configuration: Configuration) -> Yard {
        let begun = Instant::now();
        let peers = Arc::new(Peers {
            begun,
            manners: Mutex::default(),
            dials: Mutex::default(),
            sources: Mutex::default(),
            taken: Mutex::default(),
            sessions: TaskTracker::new(),
        });
        Self::open_over(Arc::new(MemoryStore::new()), peers, configuration, Duration::ZERO)
    }

    fn open_over(
        store: Arc<dyn Store>,
        peers: Arc<Peers>,
        configuration: Configuration,
        leap: Duration,
    ) -> Yard {
        let world = World::new(
            store,
            Arc::new(FewNames(peers.begun)),
            Arc::new(Wires(Arc::clone(&peers))),
            Arc::new(LeapingClock(peers.begun, leap)),
        );
        let tls = ClientTls::new(Vec::new()).unwrap();
        let connections = Arc::new(Connections::new(ConnectionLimits::default(), MxRules::default(), tls));
        let (changes, watched) = watch::channel(Arc::new(configuration));
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let quotas = Quotas::new(&watched.borrow());
        tasks.spawn(queue_manager::run(
            world.clone(),
            watched,
            connections,
            Arc::clone(&quotas),
            shutdown.clone(),
        ));
        Yard { quotas, world, peers, changes, shutdown, tasks, leap }
    }

    /// Stops it, lets the clock leap forward, and starts again over the same store.
    pub async fn restart(mut self, leap: Duration, configuration: Configuration) -> Yard {
        self.stop().await;
        let leap = self.leap + leap;
        Self::open_over(Arc::clone(&self.world.store), Arc::clone(&self.peers), configuration, leap)
    }

    /// Accepts a message for these.
    pub async fn accept(&self, recipients: &[&str], notify: Notify) {
        self.accept_with(SENDER, Parameters::default(), recipients, notify).await;
    }

    /// Accepts a message from this sender for these.
    pub async fn accept_from(&self, sender: &str, recipients: &[&str], notify: Notify) {
        self.accept_with(sender, Parameters::default(), recipients, notify).await;
    }

    /// Accepts a message from this sender with these parameters.
    pub async fn accept_with(&self, from: &str, parameters: Parameters, recipients: &[&str], notify: Notify) {
        let configuration = Arc::clone(&self.changes.borrow());
        let now = self.world.clock.now();
        let origin = Origin {
            source: Source::Authenticated,
            listener: "test".to_owned(),
            client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            local_port: 587,
            authenticated_as: Some(SENDER.to_owned()),
        };
        let from = match from {
            "" => ReversePath::Null,
            from => ReversePath::Address(Address::parse(from).unwrap()),
        };
        let rules = AdmissionRules::default();
        let mut admission =
            Admission::begin(&rules, origin, from, parameters, &Offered::to_users(), now).unwrap();
        for recipient in recipients {
            let forward_path = Address::parse(recipient).unwrap();
            admission.recipient(&configuration, forward_path, None, Some(notify)).unwrap();
        }
        let content = Bytes::from_static(b"Subject: hello\r\n\r\nbody\r\n");
        let none = LookupAnswers::default();
        let size = content.len() as u64;
        let Choice::Decided(first) =
            admission.schedule(&configuration, &none, ContentTraits::default(), size, now)
        else {
            panic!("the schedule needs nothing")
        };
        self.world.store.accept(admission.accept(first), Content::Memory(content)).await.unwrap();
    }

    pub async fn wait(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// What is still in the queue, as `forward-path retry_num`.
    pub async fn queued(&self) -> Vec<String> {
        let claims = self.world.store.pending(None, 1000).await.unwrap();
        let text = |queued: &store::QueuedRecipient| {
            format!("{} {}", queued.recipient.forward_path, queued.progress.retry_num)
        };
        let mut all: Vec<String> =
            claims.iter().flat_map(|claim| claim.recipients.iter().map(text)).collect();
        all.sort();
        all
    }

    /// Of those still in the queue: `forward-path virtual-queue retry_num`.
    pub async fn places(&self) -> Vec<String> {
        let claims = self.world.store.pending(None, 1000).await.unwrap();
        let text = |queued: &store::QueuedRecipient| {
            let progress = &queued.progress;
            format!("{} {} {}", queued.recipient.forward_path, progress.virtual_queue, progress.retry_num)
        };
        let mut all: Vec<String> =
            claims.iter().flat_map(|claim| claim.recipients.iter().map(text)).collect();
        all.sort();
        all
    }

    /// When the relay at this address was tried, in seconds from the beginning.
    pub fn dialed(&self, last: u8) -> Vec<u64> {
        let dials = self.peers.dials.lock().unwrap();
        dials.iter().filter(|(_, peer)| *peer == last).map(|(seconds, _)| *seconds).collect()
    }

    /// What the last attempts of those in the queue ran into.
    pub async fn troubles(&self) -> Vec<String> {
        let claims = self.world.store.pending(None, 1000).await.unwrap();
        let last = |queued: &store::QueuedRecipient| queued.progress.last.clone().map(|trouble| trouble.text);
        claims.iter().flat_map(|claim| claim.recipients.iter().filter_map(last)).collect()
    }

    /// The messages in the sender's mailbox.
    pub async fn mailbox(&self) -> Vec<Vec<u8>> {
        let account = Address::parse(SENDER).unwrap();
        let store = &self.world.store;
        let mut all = Vec::new();
        for entry in store.entries(&account, "INBOX").await.unwrap_or_default() {
            all.push(store.message(&account, "INBOX", entry.uid).await.unwrap().unwrap().to_vec());
        }
        all
    }

    /// The notifications that the sender got: for each, what happened to whom.
    pub async fn told(&self) -> Vec<Vec<String>> {
        let mut told = Vec::new();
        for message in self.mailbox().await {
            let status = DeliveryStatus::find(&message).unwrap();
            let line = |one: &mail::dsn::RecipientStatus| {
                format!("{} {} {}", one.final_recipient, one.action.name(), one.status)
            };
            told.push(status.recipients.iter().map(line).collect());
        }
        told
    }

    /// Stops it and starts it again over the same store.
    pub async fn begin_again(&mut self) {
        self.stop().await;
        let tls = ClientTls::new(Vec::new()).unwrap();
        let connections = Arc::new(Connections::new(ConnectionLimits::default(), MxRules::default(), tls));
        self.shutdown = CancellationToken::new();
        self.quotas = Quotas::new(&self.changes.borrow());
        self.tasks.spawn(queue_manager::run(
            self.world.clone(),
            self.changes.subscribe(),
            connections,
            Arc::clone(&self.quotas),
            self.shutdown.clone(),
        ));
    }

    /// Stops it, and how many seconds that took.
    pub async fn stop(&mut self) -> u64 {
        let begun = Instant::now();
        self.shutdown.cancel();
        self.tasks.join_next().await.unwrap().unwrap();
        begun.elapsed().as_secs()
    }
}
