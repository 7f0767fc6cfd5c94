//! The relays that are compared: each starts in an empty folder and is stopped by us.

mod postfix;
mod waypost;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Serialize;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

/// How long a relay may take to come up.
const START_MAX: Duration = Duration::from_secs(30);

/// Which relay.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PeerKind {
    /// This project's program.
    Waypost,
    /// Another build of it, named by `WAYPOST_BEFORE`.
    Before,
    /// This project's program with every kind of policy in its settings.
    Policies,
    /// The same as `waypost`, and each message signed with DKIM.
    Signing,
    /// Debian's Postfix with the settings in `bench/peers/postfix-tuned`.
    Postfix,
    /// No relay: the source speaks to the sink. What the harness itself can do.
    None,
}

/// Where a relay runs.
pub(crate) struct Place {
    /// An empty folder of its own.
    pub(crate) folder: PathBuf,
    /// Where it listens.
    pub(crate) port: u16,
    /// Where it sends everything.
    pub(crate) sink: u16,
    /// Whether it must speak TLS to the sink.
    pub(crate) tls: bool,
}

/// A relay that runs.
pub(crate) enum Peer {
    Waypost(waypost::Waypost),
    Postfix(postfix::Postfix),
}

impl Peer {
    /// Starts a relay and waits until it greets.
    pub(crate) async fn start(kind: PeerKind, place: &Place) -> Result<Option<Peer>> {
        let peer = match kind {
            PeerKind::Waypost | PeerKind::Before | PeerKind::Policies | PeerKind::Signing => {
                Peer::Waypost(waypost::Waypost::start(place, kind)?)
            }
            PeerKind::Postfix => Peer::Postfix(postfix::Postfix::start(place).await?),
            PeerKind::None => return Ok(None),
        };
        if let Err(error) = greets(place.port).await {
            peer.stop().await?;
            let log = std::fs::read_to_string(place.folder.join("log")).unwrap_or_default();
            return Err(error.context(format!("{kind:?} does not come up; its log: {log}")));
        }
        Ok(Some(peer))
    }

    /// The process whose tree is this relay.
    pub(crate) fn root(&self) -> u32 {
        match self {
            Peer::Waypost(waypost) => waypost.root(),
            Peer::Postfix(postfix) => postfix.root(),
        }
    }

    /// Stops it and waits for its end.
    pub(crate) async fn stop(self) -> Result<()> {
        match self {
            Peer::Waypost(waypost) => waypost.stop().await,
            Peer::Postfix(postfix) => postfix.stop().await,
        }
    }
}

async fn greets(port: u16) -> Result<()> {
    let greeting = async {
        loop {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await {
                let mut digit = [0];
                if stream.read_exact(&mut digit).await.is_ok() && digit == *b"2" {
                    return;
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(START_MAX, greeting).await.with_context(|| format!("no greeting on port {port}"))
}

/// A command whose output goes to `log` in the folder.
fn logged(program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Result<Command> {
    let log = File::create(folder.join("log")).context("cannot make the log")?;
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    Ok(command)
}

/// Runs a command to its end.
async fn done(mut command: Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().await.context("cannot start it")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{:?}: {}: {}", command.as_std().get_program(), output.status, said.trim());
    }
    Ok(())
}
