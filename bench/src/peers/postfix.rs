//! Postfix as a relay, with the settings in `bench/peers/postfix-tuned`, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use super::{Place, done};

const MAIN: &str = include_str!("../../peers/postfix-tuned/main.cf");
const MASTER: &str = include_str!("../../peers/postfix-tuned/master.cf");

/// How long it may take to stop.
const STOP_MAX: Duration = Duration::from_secs(30);

/// A running Postfix.
pub(crate) struct Postfix {
    etc: PathBuf,
    root: u32,
}

impl Postfix {
    /// Fills in the templates and starts it.
    pub(crate) async fn start(place: &Place) -> Result<Postfix> {
        let etc = place.folder.join("etc");
        for folder in ["etc", "spool", "data"] {
            fs::create_dir_all(place.folder.join(folder))?;
        }
        let fill = |template: &str| {
            let folder = place.folder.display().to_string();
            let filled = template.replace("@FOLDER@", &folder).replace("@PORT@", &place.port.to_string());
            let tls = if place.tls { "encrypt" } else { "none" };
            filled.replace("@SINK@", &place.sink.to_string()).replace("@TLS@", tls)
        };
        fs::write(etc.join("main.cf"), fill(MAIN))?;
        fs::write(etc.join("master.cf"), fill(MASTER))?;
        fs::write(etc.join("dynamicmaps.cf"), "")?;
        for file in ["postfix-files", "postfix-files.d"] {
            let from = Path::new("/etc/postfix").join(file);
            if from.is_file() {
                fs::copy(&from, etc.join(file))?;
            }
        }
        let mut own = Command::new("chown");
        own.arg("postfix").arg(place.folder.join("data"));
        done(own).await?;
        done(postfix(&etc, "start"))
            .await
            .context("is Debian's package postfix installed, and are you root?")?;
        let root = master(&place.folder.join("spool/pid/master.pid")).await?;
        Ok(Postfix { etc, root })
    }

    pub(crate) fn root(&self) -> u32 {
        self.root
    }

    pub(crate) async fn stop(self) -> Result<()> {
        let _ = done(postfix(&self.etc, "stop")).await;
        let gone = async {
            while Path::new("/proc").join(self.root.to_string()).exists() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(STOP_MAX, gone).await.context("postfix does not stop")
    }
}

fn postfix(etc: &Path, verb: &str) -> Command {
    let mut command = Command::new("postfix");
    command.arg("-c").arg(etc).arg(verb).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// The process id of its master, once that has written it.
async fn master(file: &Path) -> Result<u32> {
    let written = async {
        loop {
            if let Some(pid) = fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok()) {
                return pid;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(STOP_MAX, written).await.context("postfix does not write its process id")
}
