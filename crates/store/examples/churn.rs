//! How fast does the store take, hand out and end messages, and does it keep what it acknowledged?
//!
//! `churn speed DIR [MESSAGES [WRITERS [BYTES]]]` accepts and ends messages and prints one line of figures.
//! `churn intake DIR [MESSAGES [WRITERS [BYTES]]]` only accepts them.
//! `churn start DIR` opens what is there, claims and ends 1,000 messages, and prints how long each took.
//! `churn keep DIR` accepts without end and prints `ACK a…` for what is queued, `ACK d…` for what is in a mailbox.
//! `churn check DIR` prints `HAVE …` for what is there, and fails if something is damaged or there twice.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use mail::{
    Address, EnhancedStatus, MessageId, Notify, Origin, RecipientId, Reply, ReversePath, Source, Timestamp,
};
use policy::outcome::Delivered;
use policy::{Accepted, Expiry, NewRecipient, Progress, Scope, Trouble, TroubleKind, Verdict};
use store::{
    Claim, Content, Deposit, Ending, Mailboxes, Queue, Settlement, Spool, SqliteOptions, SqliteStore,
};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

const LEASE: Duration = Duration::from_secs(600);
const CLAIM_MAX: usize = 256;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: usize| {
        arguments.get(place).map_or(Ok(default), |text| text.parse()).map_err(Failure::from)
    };
    let (Some(mode), Some(directory)) = (arguments.first(), arguments.get(1)) else {
        return Err("usage: churn speed|intake|start|keep|check DIR [MESSAGES [WRITERS [BYTES]]]".into());
    };
    let directory = Path::new(directory);
    let load = Load { messages: number(2, 100_000)?, writers: number(3, 32)?, bytes: number(4, 5000)? };
    match mode.as_str() {
        "speed" => speed(directory, load, true).await,
        "intake" => speed(directory, load, false).await,
        "start" => start(directory).await,
        "keep" => keep(directory).await,
        "check" => check(directory).await,
        _ => Err("the first argument is speed, intake, start, keep or check".into()),
    }
}

#[derive(Clone, Copy)]
struct Load {
    messages: usize,
    writers: usize,
    bytes: usize,
}

fn open(directory: &Path) -> Result<SqliteStore, Failure> {
    Ok(SqliteStore::open(directory, SqliteOptions { free_bytes_min: 1 << 20, ..SqliteOptions::default() })?)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(0))
}

fn message(now: Timestamp, size: usize) -> Result<Accepted, Failure> {
    let recipient = NewRecipient {
        forward_path: Address::parse("somebody@example.net")?,
        original: None,
        notify: Notify::DEFAULT,
        progress: Progress {
            retry_num: 0,
            due: now,
            notify_num: 0,
            notify_due: Some(now.plus(Duration::from_secs(86_400))),
            expiry: Expiry::At(now.plus(Duration::from_secs(432_000))),
            virtual_queue: "remote".into(),
            last: None,
            envelope_expiry: None,
            envelope_notice: false,
            last_hop: None,
            orders: None,
        },
    };
    let origin = Origin {
        source: Source::Authenticated,
        listener: "submission".into(),
        client_ip: IpAddr::from([192, 0, 2, 1]),
        local_port: 587,
        authenticated_as: Some("alice".into()),
    };
    let reverse_path = ReversePath::Address(Address::parse("alice@example.org")?);
    Ok(Accepted::unchecked(reverse_path, now, origin, size as u64, vec![recipient]))
}

fn settlement(claim: &Claim) -> Settlement {
    let ending = |recipient: RecipientId| Ending {
        recipient,
        verdict: Verdict::Delivered(Delivered {
            host: "mx.example.net".into(),
            reply: Reply::new(250, None, "2.0.0 queued"),
            last_hop: false,
            dsn_handed_on: false,
            traced: false,
        }),
        owed: false,
    };
    Settlement {
        lease: claim.lease,
        message: claim.envelope.message,
        endings: claim.recipients.iter().map(|queued| ending(queued.recipient.id)).collect(),
        told: Vec::new(),
        deposits: Vec::new(),
        notices: Vec::new(),
    }
}

/// Where a writer and the claim of its message meet, whichever comes first.
#[derive(Default)]
struct Meeting(Mutex<HashMap<MessageId, Side>>);

enum Side {
    Writer(oneshot::Sender<Claim>),
    Claim(Claim),
}

impl Meeting {
    fn bring(&self, claim: Claim) {
        let mut sides = self.0.lock().expect("nobody panics with it");
        match sides.remove(&claim.envelope.message) {
            Some(Side::Writer(writer)) => drop(writer.send(claim)),
            _ => drop(sides.insert(claim.envelope.message, Side::Claim(claim))),
        }
    }

    fn wait(&self, message: MessageId) -> oneshot::Receiver<Claim> {
        let (send, receive) = oneshot::channel();
        let mut sides = self.0.lock().expect("nobody panics with it");
        match sides.remove(&message) {
            Some(Side::Claim(claim)) => drop(send.send(claim)),
            _ => drop(sides.insert(message, Side::Writer(send))),
        }
        receive
    }
}

async fn speed(directory: &Path, load: Load, ends: bool) -> Result<(), Failure> {
    let store = Arc::new(open(directory)?);
    let meeting = Arc::new(Meeting::default());
    let (begin, cpu) = (Instant::now(), cpu_micros()?);
    let mut claimer = JoinSet::new();
    if ends {
        let (store, meeting) = (Arc::clone(&store), Arc::clone(&meeting));
        claimer.spawn(async move {
            loop {
                store.arrival().await;
                loop {
                    let claims = store.claim(now(), LEASE, CLAIM_MAX).await?;
                    if claims.is_empty() {
                        break;
                    }
                    claims.into_iter().for_each(|claim| meeting.bring(claim));
                }
            }
            #[allow(unreachable_code)]
            Ok::<(), Failure>(())
        });
    }
    let mut writers: JoinSet<Result<Vec<(f64, f64)>, Failure>> = JoinSet::new();
    for _ in 0..load.writers {
        let (store, meeting) = (Arc::clone(&store), Arc::clone(&meeting));
        writers.spawn(async move {
            let content = Bytes::from(vec![b'x'; load.bytes]);
            let mut times = Vec::new();
            for _ in 0..load.messages / load.writers {
                let start = Instant::now();
                let accepted = message(now(), load.bytes)?;
                let id = store.accept(accepted, Content::Memory(content.clone())).await?;
                let accepted = start.elapsed().as_secs_f64();
                if ends {
                    let claim = meeting.wait(id).await?;
                    let recipients: Vec<_> =
                        claim.recipients.iter().map(|queued| queued.recipient.id).collect();
                    store.begin(claim.lease, &recipients, now(), LEASE).await?;
                    store.content(id).await?.ok_or("its content is gone")?;
                    store.settle(settlement(&claim)).await?;
                }
                times.push((accepted, start.elapsed().as_secs_f64()));
            }
            Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = writers.join_next().await {
        times.extend(done??);
    }
    let (seconds, cpu) = (begin.elapsed().as_secs_f64(), cpu_micros()? - cpu);
    drop(claimer);
    report(directory, load, &times, seconds, cpu)
}

async fn start(directory: &Path) -> Result<(), Failure> {
    let begin = Instant::now();
    let store = open(directory)?;
    let opened = begin.elapsed();
    let first = store.claim(now(), LEASE, 1).await?;
    let first_claimed = begin.elapsed();
    let claims = store.claim(now(), LEASE, 1000).await?;
    let claimed = begin.elapsed();
    for claim in first.iter().chain(&claims) {
        store.content(claim.envelope.message).await?.ok_or("its content is gone")?;
        store.settle(expired(claim)).await?;
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let memory = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!(
        "opened in {opened:.1?}, first claim after {first_claimed:.1?}, {} more after {claimed:.1?}, \
         all ended one by one after {:.1?}, {memory}",
        claims.len(),
        begin.elapsed()
    );
    Ok(())
}

/// An ending without an attempt.
fn expired(claim: &Claim) -> Settlement {
    let trouble = Trouble {
        scope: Scope::Recipient,
        kind: TroubleKind::Io,
        status: EnhancedStatus::new(5, 4, 7),
        text: "expired".into(),
        host: String::new(),
        reply: None,
        in_doubt: false,
    };
    let mut settlement = settlement(claim);
    for ending in &mut settlement.endings {
        ending.verdict = Verdict::Failed(trouble.clone());
    }
    settlement
}

fn report(directory: &Path, load: Load, times: &[(f64, f64)], seconds: f64, cpu: u64) -> Result<(), Failure> {
    let count = times.len();
    let mut accepts: Vec<f64> = times.iter().map(|(accept, _)| accept * 1e3).collect();
    let mut wholes: Vec<f64> = times.iter().map(|(_, whole)| whole * 1e3).collect();
    accepts.sort_by(f64::total_cmp);
    wholes.sort_by(f64::total_cmp);
    let at = |sorted: &[f64], share: f64| sorted[((count as f64 * share) as usize).min(count - 1)];
    let log = std::fs::metadata(directory.join("waypost.db-wal")).map_or(0, |found| found.len());
    println!(
        "{count} messages of {} bytes, {} writers: {:.0}/s, cpu {:.1} us each, accept p50 {:.2} p99 {:.2} max {:.1} ms, \
         whole p99 {:.2} ms, log {} MiB",
        load.bytes,
        load.writers,
        count as f64 / seconds,
        cpu as f64 / count as f64,
        at(&accepts, 0.5),
        at(&accepts, 0.99),
        accepts[count - 1],
        at(&wholes, 0.99),
        log >> 20
    );
    Ok(())
}

/// Processor time of this process so far.
fn cpu_micros() -> Result<u64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit_once(')').ok_or("odd stat")?.1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(ticks * 10_000)
}

/// Content that tells whether it is whole.
fn content_of(number: u64) -> Bytes {
    let size = if number.is_multiple_of(16) { 300_000 } else { 2000 + number % 7000 };
    let mut text = String::new();
    while text.len() < usize::try_from(size).unwrap_or(0) {
        let _ = writeln!(text, "{number}");
    }
    text.into()
}

fn is_whole(content: &[u8]) -> bool {
    let first = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let number = std::str::from_utf8(first).ok().and_then(|text| text.parse().ok());
    number.is_some_and(|number| content_of(number) == content)
}

fn bob() -> Result<Address, Failure> {
    Ok(Address::parse("bob@example.net")?)
}

fn acknowledge(kind: char, id: MessageId) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ACK {kind}{id}")?;
    Ok(out.flush()?)
}

/// Of four messages three stay queued and one goes to a mailbox.
fn goes_to_mailbox(number: u64) -> bool {
    number.is_multiple_of(4)
}

async fn keep(directory: &Path) -> Result<(), Failure> {
    let store = Arc::new(open(directory)?);
    let meeting = Arc::new(Meeting::default());
    let mut tasks: JoinSet<Result<(), Failure>> = JoinSet::new();
    for writer in 0..32_u64 {
        let (store, meeting) = (Arc::clone(&store), Arc::clone(&meeting));
        tasks.spawn(async move {
            for number in (writer..).step_by(32) {
                let content = content_of(number);
                let accepted = message(now(), content.len())?;
                let id = store.accept(accepted, Content::Memory(content)).await?;
                if goes_to_mailbox(number / 32) {
                    let claim = meeting.wait(id).await?;
                    deposit(&store, &claim).await?;
                    acknowledge('d', id)?;
                } else {
                    acknowledge('a', id)?;
                }
            }
            Ok(())
        });
    }
    tasks.spawn(async move {
        loop {
            store.arrival().await;
            for claim in store.claim(now(), LEASE, CLAIM_MAX).await? {
                meeting.bring(claim);
            }
        }
    });
    match tasks.join_next().await {
        Some(done) => done?,
        None => Ok(()),
    }
}

async fn deposit(store: &SqliteStore, claim: &Claim) -> Result<(), Failure> {
    let recipient = claim.recipients[0].recipient.id;
    store.begin(claim.lease, &[recipient], now(), LEASE).await?;
    let deposit = Deposit {
        recipient,
        account: bob()?,
        mailbox: "INBOX".into(),
        prefix: format!("{}\n", claim.envelope.message).into(),
        received_at: now(),
    };
    Ok(store.settle(Settlement { deposits: vec![deposit], ..settlement(claim) }).await?)
}

async fn check(directory: &Path) -> Result<(), Failure> {
    let store = open(directory)?;
    let (mut queued, mut deposited) = (BTreeSet::new(), BTreeSet::new());
    let mut after = None;
    loop {
        let page = store.pending(after, 500).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.envelope.message);
        for claim in page {
            let id = claim.envelope.message;
            let whole = match store.content(id).await?.ok_or("a queued message has no content")? {
                Content::Memory(bytes) => is_whole(&bytes),
                Content::File(file) => is_whole(&file.read()?),
            };
            if !whole {
                return Err(format!("message {id} is not whole").into());
            }
            queued.insert(id.to_string());
            println!("HAVE a{id}");
        }
    }
    for entry in store.entries(&bob()?, "INBOX").await? {
        let bytes = store.message(&bob()?, "INBOX", entry.uid).await?.ok_or("an entry has no message")?;
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("an entry has no prefix")?;
        let id = String::from_utf8(bytes[..end].to_vec())?;
        if !is_whole(&bytes[end + 1..]) || !deposited.insert(id.clone()) {
            return Err(format!("entry {id} is not whole, or is there twice").into());
        }
        println!("HAVE d{id}");
    }
    if let Some(id) = queued.intersection(&deposited).next() {
        return Err(format!("{id} is in the mailbox and still queued").into());
    }
    let db = rusqlite::Connection::open(directory.join("waypost.db"))?;
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(verdict.into()) }
}
