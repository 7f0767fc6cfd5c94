//! The stores that are compared: each starts in an empty folder and is stopped by us.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::StoreKind;
use super::cases::{DOMAIN, USERS, user};

const DOVECOT: &str = include_str!("../../peers/dovecot-tuned/dovecot.conf");
/// How long a store may take to come up, and to stop.
const START_MAX: Duration = Duration::from_secs(30);

/// Where a store runs.
pub(crate) struct Place {
    /// An empty folder of its own.
    pub(crate) folder: PathBuf,
    pub(crate) imap: u16,
    pub(crate) lmtp: u16,
}

/// A store that runs.
pub(crate) struct Peer {
    child: Child,
    root: u32,
}

impl Peer {
    /// Starts a store and waits until it takes connections.
    pub(crate) async fn start(kind: StoreKind, place: &Place) -> Result<Peer> {
        let mut command = match kind {
            StoreKind::Waypost => waypost(place)?,
            StoreKind::Dovecot => dovecot(place)?,
        };
        let log = File::create(place.folder.join("start.log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("cannot start {kind:?}"))?;
        let root = child.id().context("it has just been started, so it has an id")?;
        let up = async {
            for port in [place.imap, place.lmtp] {
                while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                    sleep(Duration::from_millis(20)).await;
                }
            }
        };
        let peer = Peer { child, root };
        if timeout(START_MAX, up).await.is_err() {
            peer.stop().await?;
            let log = fs::read_to_string(place.folder.join("start.log")).unwrap_or_default();
            anyhow::bail!("{kind:?} does not come up; its log: {log}");
        }
        Ok(peer)
    }

    /// The process whose tree is this store.
    pub(crate) fn root(&self) -> u32 {
        self.root
    }

    /// Stops it and waits for its end.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let _ = Command::new("kill").args(["-TERM", &self.root.to_string()]).status().await;
        if timeout(START_MAX, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}

fn waypost(place: &Place) -> Result<Command> {
    let boot = format!(
        "data_directory = \"data\"\nsettings = \"settings.json\"\nhostname = \"store.{DOMAIN}\"\n\
         [[listener]]\nname = \"lmtp\"\nprotocol = \"lmtp\"\nbind = \"127.0.0.1:{}\"\ntls = \"none\"\n\
         [[listener]]\nname = \"imap\"\nprotocol = \"imap\"\nbind = \"127.0.0.1:{}\"\ntls = \"none\"\n\
         [limits]\nmessages_per_session_max = 1000000\nconnections_max = 5000\nconnections_per_client_max = 5000\n\
         [log]\nlevel = \"info\"\n",
        place.lmtp, place.imap
    );
    fs::write(place.folder.join("waypost.toml"), boot)?;
    let accounts: Vec<_> = (0..USERS).map(|nth| json!({ "name": user(nth), "secret": "secret" })).collect();
    let settings = json!({ "Domain": [{ "name": DOMAIN }], "Account": accounts });
    fs::write(place.folder.join("settings.json"), serde_json::to_vec_pretty(&settings)?)?;
    let beside = || std::env::current_exe().unwrap_or_default().with_file_name("waypost");
    let binary = std::env::var_os("WAYPOST_BINARY").map_or_else(beside, PathBuf::from);
    let mut command = Command::new(binary);
    command.current_dir(&place.folder).args(["serve", "--config", "waypost.toml"]);
    Ok(command)
}

fn dovecot(place: &Place) -> Result<Command> {
    let settings = DOVECOT
        .replace("@FOLDER@", &place.folder.display().to_string())
        .replace("@IMAP@", &place.imap.to_string())
        .replace("@LMTP@", &place.lmtp.to_string());
    fs::write(place.folder.join("dovecot.conf"), settings)?;
    let mail = place.folder.join("mail");
    fs::create_dir_all(&mail)?;
    let own = std::process::Command::new("chown").arg("nobody:nogroup").arg(&mail).status()?;
    anyhow::ensure!(own.success(), "cannot give {} to nobody; are you root?", mail.display());
    let mut command = Command::new("dovecot");
    command
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .arg("-F")
        .arg("-c")
        .arg(place.folder.join("dovecot.conf"));
    Ok(command)
}
