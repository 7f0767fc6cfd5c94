//! Runs relays in turn under the same load, round after round, and reports what each did.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::latency::Summary;
use crate::peers::{Peer, PeerKind, Place};
use crate::processes;
use crate::report;
use crate::sink::Seen;
use crate::source::Sent;

/// Messages that are sent before anything is measured.
const WARM_UP: u64 = 200;

/// How long the sink may stand still before a run is given up.
const STILL_MAX: Duration = Duration::from_secs(30);

/// How often memory is looked at.
const SAMPLE: Duration = Duration::from_millis(250);

/// What to compare.
#[derive(Clone, Debug, Args)]
pub(crate) struct Plan {
    /// Which relays, in the order in which they take turns.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "waypost,postfix")]
    peers: Vec<PeerKind>,
    /// Which cases.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "relay,recipients,accept")]
    cases: Vec<Case>,
    /// How often each relay does each case.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Messages of a run; a case with many recipients sends a tenth of it.
    #[arg(long, default_value_t = 20_000)]
    count: u64,
    /// Bytes of each message.
    #[arg(long, default_value_t = 5_120)]
    size: u64,
    /// Sessions at once.
    #[arg(long, default_value_t = 20)]
    sessions: u32,
    /// Messages in one connection; 0 for as many as there are.
    #[arg(long, default_value_t = 0)]
    per_connection: u64,
    /// Send MAIL, RCPT and DATA in one write.
    #[arg(long)]
    pipelining: bool,
    /// Where the relays keep their data; emptied before each run.
    #[arg(long, default_value = "target/bench-run")]
    folder: PathBuf,
    /// Where results go: one JSON line a run, and the table.
    #[arg(long, default_value = "bench/results")]
    results: PathBuf,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Case {
    /// One recipient a message, from the first connection until the sink has the last message.
    Relay,
    /// Fifty recipients in fifty domains in each message.
    Recipients,
    /// The sink is down: how fast is mail taken?
    Accept,
    /// As `relay`, over TLS on connections that are kept.
    Tls,
    /// As `relay`, over TLS with a handshake for each message.
    Handshakes,
}

impl Case {
    fn recipients(self) -> u64 {
        match self {
            Case::Relay | Case::Accept | Case::Tls | Case::Handshakes => 1,
            Case::Recipients => 50,
        }
    }

    /// Whether the relay must speak TLS to the sink.
    pub(crate) fn tls(self) -> bool {
        matches!(self, Case::Tls | Case::Handshakes)
    }

    /// Messages of a run: fewer where each costs much more.
    fn count(self, plan: &Plan) -> u64 {
        match self {
            Case::Relay | Case::Accept | Case::Tls => plan.count,
            Case::Recipients | Case::Handshakes => (plan.count / 10).max(1),
        }
    }
}

/// What one relay did in one case in one round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) peer: PeerKind,
    pub(crate) case: Case,
    pub(crate) round: u32,
    pub(crate) accepted: u64,
    /// Messages at the sink, and how many of them were different.
    pub(crate) delivered: u64,
    pub(crate) unique: u64,
    /// TLS handshakes at the sink.
    pub(crate) handshakes: u64,
    /// From the first connection until the last message was where it should be.
    pub(crate) seconds: f64,
    /// Messages per second over that time; `None` if some never came.
    pub(crate) rate: Option<f64>,
    pub(crate) recipients_rate: f64,
    pub(crate) cpu_user_ms: f64,
    pub(crate) cpu_system_ms: f64,
    /// Per message, user and system, of all processes of the relay.
    pub(crate) cpu_ms_per_message: f64,
    pub(crate) dot_ms: Summary,
    pub(crate) end_to_end_ms: Summary,
    /// The most that all processes of the relay had resident, shared pages counted in each.
    pub(crate) resident_peak_bytes: u64,
    /// What they had at the end, shared pages counted once.
    pub(crate) proportional_bytes: u64,
    pub(crate) refused: u64,
    pub(crate) broken: u64,
    pub(crate) trouble: String,
}

/// The whole comparison.
pub(crate) async fn run(plan: &Plan) -> Result<()> {
    fs::create_dir_all(&plan.results)?;
    let mut runs = Vec::new();
    let mut lines = String::new();
    for case in &plan.cases {
        for round in 1..=plan.rounds {
            for peer in &plan.peers {
                let run = measure(plan, *peer, *case, round).await;
                let run = run.with_context(|| format!("{peer:?}, {case:?}, round {round}"))?;
                let line = serde_json::to_string(&run)?;
                eprintln!("{line}");
                lines.push_str(&line);
                lines.push('\n');
                runs.push(run);
            }
        }
    }
    let table = report::table(&runs);
    fs::write(plan.results.join("runs.jsonl"), lines)?;
    fs::write(plan.results.join("table.md"), &table)?;
    print!("{table}");
    Ok(())
}

async fn measure(plan: &Plan, kind: PeerKind, case: Case, round: u32) -> Result<Run> {
    let place = place(plan, kind, case).await?;
    let peer = Peer::start(kind, &place).await?;
    let result = loaded(plan, kind, case, round, &place, peer.as_ref()).await;
    if let Some(peer) = peer {
        peer.stop().await?;
    }
    result
}

/// An empty folder and two free ports.
async fn place(plan: &Plan, kind: PeerKind, case: Case) -> Result<Place> {
    let folder = plan.folder.join(format!("{kind:?}").to_lowercase());
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    let sink = free_port().await?;
    let port = if kind == PeerKind::None { sink } else { free_port().await? };
    Ok(Place { folder, port, sink, tls: case.tls() })
}

pub(crate) async fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()?.port())
}

async fn loaded(
    plan: &Plan,
    kind: PeerKind,
    case: Case,
    round: u32,
    place: &Place,
    peer: Option<&Peer>,
) -> Result<Run> {
    let sink = if case == Case::Accept { None } else { Some(Sink::start(place.sink, case).await?) };
    let count = case.count(plan);
    source(plan, place, WARM_UP, 1).await.context("warm-up")?;
    if let Some(sink) = &sink {
        sink.wait(WARM_UP).await?;
        sink.ask("reset").await?;
    }
    let root = peer.map(Peer::root);
    let before = root.map(processes::cpu).unwrap_or_default();
    let work = async {
        let sent = source(plan, place, count, case.recipients()).await?;
        let seen = match &sink {
            Some(sink) => Some(sink.wait(sent.accepted * case.recipients()).await?),
            None => None,
        };
        anyhow::Ok((sent, seen))
    };
    let (done, resident_peak_bytes) = sampled(root, work).await;
    let cpu = root.map(processes::cpu).unwrap_or_default().since(before);
    let proportional_bytes = root.map_or(0, processes::proportional_bytes);
    let (sent, seen) = done?;
    let seen_all = seen.as_ref().is_none_or(|seen| seen.recipients >= sent.accepted * case.recipients());
    let seconds = seen
        .as_ref()
        .map_or(sent.seconds, |seen| seen.last_at_ns.saturating_sub(sent.began_at_ns) as f64 / 1e9);
    let seen = seen.unwrap_or_default();
    let per_second = |n: u64| n as f64 / seconds.max(1e-9);
    Ok(Run {
        peer: kind,
        case,
        round,
        accepted: sent.accepted,
        delivered: seen.messages,
        unique: seen.unique,
        handshakes: seen.handshakes,
        seconds,
        rate: seen_all.then(|| per_second(sent.accepted)),
        recipients_rate: per_second(sent.accepted * case.recipients()),
        cpu_user_ms: cpu.user * 1e3,
        cpu_system_ms: cpu.system * 1e3,
        cpu_ms_per_message: cpu.total() * 1e3 / sent.accepted.max(1) as f64,
        dot_ms: sent.dot_ms,
        end_to_end_ms: seen.end_to_end_ms,
        resident_peak_bytes,
        proportional_bytes,
        refused: sent.refused,
        broken: sent.broken,
        trouble: sent.trouble,
    })
}

/// Does the work, and looks meanwhile at the memory of the relay.
async fn sampled<T>(root: Option<u32>, work: impl Future<Output = T>) -> (T, u64) {
    let resident = || root.map_or(0, processes::resident_bytes);
    let mut peak = 0;
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return (done, peak.max(resident())),
            () = sleep(SAMPLE) => peak = peak.max(resident()),
        }
    }
}

/// Runs the load generator as a process of its own.
async fn source(plan: &Plan, place: &Place, count: u64, recipients: u64) -> Result<Sent> {
    let mut command = Command::new(std::env::current_exe()?);
    let arguments = [
        ("--to", format!("127.0.0.1:{}", place.port)),
        ("--sessions", plan.sessions.to_string()),
        ("--count", count.to_string()),
        ("--size", plan.size.to_string()),
        ("--recipients", recipients.to_string()),
        ("--domains", recipients.to_string()),
        ("--per-connection", plan.per_connection.to_string()),
    ];
    command.arg("source").args(arguments.iter().flat_map(|(name, value)| [*name, value.as_str()]));
    if plan.pipelining {
        command.arg("--pipelining");
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().await?;
    anyhow::ensure!(output.status.success(), "the load generator ended with {}", output.status);
    serde_json::from_slice(&output.stdout).context("the load generator prints JSON")
}

/// The sink as a process of its own.
struct Sink {
    control: u16,
    _child: Child,
}

impl Sink {
    async fn start(port: u16, case: Case) -> Result<Sink> {
        let control = free_port().await?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["sink", "--port", &port.to_string(), "--control", &control.to_string()]);
        if case.tls() {
            command.arg("--tls");
        }
        if case == Case::Handshakes {
            command.args(["--per-connection", "1"]);
        }
        let child = command.stdin(Stdio::null()).kill_on_drop(true).spawn()?;
        let sink = Sink { control, _child: child };
        let began = Instant::now();
        while sink.ask("stats").await.is_err() {
            anyhow::ensure!(began.elapsed() < STILL_MAX, "the sink does not come up");
            sleep(Duration::from_millis(10)).await;
        }
        Ok(sink)
    }

    async fn ask(&self, question: &str) -> Result<Seen> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.control)).await?;
        stream.write_all(question.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Waits until so many recipients have come, or none has for long.
    async fn wait(&self, recipients: u64) -> Result<Seen> {
        let (mut last, mut changed_at) = (0, Instant::now());
        loop {
            let seen = self.ask("stats").await?;
            if seen.recipients >= recipients || changed_at.elapsed() > STILL_MAX {
                return self.ask("full").await;
            }
            if seen.recipients != last {
                (last, changed_at) = (seen.recipients, Instant::now());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}
