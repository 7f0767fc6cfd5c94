//! Runs mail stores in turn under the same load, round after round: Waypost and Dovecot over IMAP and LMTP.

mod cases;
mod imap;
mod lmtp;
mod peers;
mod table;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;

use peers::{Peer, Place};

/// What to compare.
#[derive(Clone, Debug, Args)]
pub(crate) struct Plan {
    /// Which stores, in the order in which they take turns.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "waypost,dovecot")]
    peers: Vec<StoreKind>,
    /// Which cases, in this order; `fetch` and `search` look into what `append1` and more have put there.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "append1,append10,lmtp,fetch,search,idle"
    )]
    cases: Vec<Case>,
    /// How often each store does each case.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Messages that are put into mailboxes in one case.
    #[arg(long, default_value_t = 5_000)]
    count: u64,
    /// Messages in the mailbox that is read and searched.
    #[arg(long, default_value_t = 100_000)]
    mailbox: u64,
    /// Sessions that do nothing.
    #[arg(long, default_value_t = 1_000)]
    idle: u32,
    /// Bytes of each message.
    #[arg(long, default_value_t = 5_120)]
    size: usize,
    /// Where the stores keep their data; emptied before each round.
    #[arg(long, default_value = "target/bench-store")]
    folder: PathBuf,
    /// Where results go: one JSON line a run, and the table.
    #[arg(long, default_value = "bench/results")]
    results: PathBuf,
}

/// Which store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StoreKind {
    /// This project's program.
    Waypost,
    /// Debian's Dovecot with the settings in `bench/peers/dovecot-tuned`.
    Dovecot,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Case {
    /// APPEND over one session.
    Append1,
    /// APPEND over ten sessions of ten users.
    Append10,
    /// LMTP over ten connections to ten users, until all of it is in their mailboxes.
    Lmtp,
    /// SELECT and FETCH 1:* (FLAGS ENVELOPE).
    Fetch,
    /// SEARCH TEXT of a word that one message in a thousand has.
    Search,
    /// Memory of a session that has selected a mailbox and says IDLE.
    Idle,
}

impl Case {
    /// Whether more is better: a rate; if not it is seconds or bytes.
    pub(crate) fn is_rate(self) -> bool {
        matches!(self, Case::Append1 | Case::Append10 | Case::Lmtp)
    }
}

/// What one store did in one case in one round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) peer: StoreKind,
    pub(crate) case: Case,
    pub(crate) round: u32,
    /// Messages per second, seconds, or bytes per session.
    pub(crate) value: f64,
    /// Of all processes of the store.
    pub(crate) cpu_ms: f64,
    /// What they had at the end, shared pages counted once.
    pub(crate) proportional_bytes: u64,
}

/// The whole comparison.
pub(crate) async fn run(plan: &Plan) -> Result<()> {
    fs::create_dir_all(&plan.results)?;
    let (mut runs, mut lines) = (Vec::new(), String::new());
    for round in 1..=plan.rounds {
        for kind in &plan.peers {
            let place = place(plan, *kind).await?;
            let peer = Peer::start(*kind, &place).await?;
            let done = cases::run(plan, *kind, round, &place, &peer).await;
            peer.stop().await?;
            for run in done.with_context(|| format!("{kind:?}, round {round}"))? {
                lines.push_str(&serde_json::to_string(&run)?);
                lines.push('\n');
                runs.push(run);
            }
        }
    }
    let table = table::table(&runs);
    fs::write(plan.results.join("store-runs.jsonl"), lines)?;
    fs::write(plan.results.join("store-table.md"), &table)?;
    print!("{table}");
    Ok(())
}

/// An empty folder and two free ports.
async fn place(plan: &Plan, kind: StoreKind) -> Result<Place> {
    let folder = plan.folder.join(format!("{kind:?}").to_lowercase());
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    Ok(Place { folder, imap: crate::compare::free_port().await?, lmtp: crate::compare::free_port().await? })
}
