//! Waypost as a relay: every recipient to the sink.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{PeerKind, Place, done, logged};

/// How long it may take to stop.
const STOP_MAX: Duration = Duration::from_secs(30);

/// A running `waypost serve`.
pub(crate) struct Waypost {
    child: Child,
    root: u32,
}

impl Waypost {
    /// Writes its files and starts it.
    pub(crate) fn start(place: &Place, kind: PeerKind) -> Result<Waypost> {
        let boot = format!(
            "data_directory = \"data\"\n\
             settings = \"settings.json\"\n\
             hostname = \"relay.bench.test\"\n\
             relay_networks = [\"127.0.0.0/8\"]\n\
             [[listener]]\nname = \"smtp\"\nbind = \"127.0.0.1:{}\"\ntls = \"none\"\n\
             [limits]\nmessages_per_session_max = 1000000\nconnections_per_client_max = 1000\n\
             [log]\nlevel = \"info\"\n",
            place.port
        );
        fs::write(place.folder.join("waypost.toml"), boot)?;
        fs::write(place.folder.join("settings.json"), serde_json::to_vec_pretty(&settings(place, kind)?)?)?;
        let binary = match kind {
            PeerKind::Before => {
                std::env::var_os("WAYPOST_BEFORE").map(PathBuf::from).context("set WAYPOST_BEFORE")?
            }
            _ => std::env::var_os("WAYPOST_BINARY").map_or_else(beside, PathBuf::from),
        };
        let mut command = logged(&binary, &place.folder)?;
        command.current_dir(&place.folder).args(["serve", "--config", "waypost.toml"]);
        let child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        let root = child.id().context("it has just been started, so it has an id")?;
        Ok(Waypost { child, root })
    }

    pub(crate) fn root(&self) -> u32 {
        self.root
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        let mut term = Command::new("kill");
        term.args(["-TERM", &self.root.to_string()]);
        let _ = done(term).await;
        if timeout(STOP_MAX, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}

/// Everything goes to the sink; TLS has to be, whatever its certificate, or is left out.
fn settings(place: &Place, kind: PeerKind) -> Result<Value> {
    let start_tls = if place.tls { "require" } else { "disable" };
    let mut settings = json!({
        "MtaRoute": [{
            "@type": "Relay", "name": "sink", "address": "127.0.0.1", "port": place.sink,
            "allowInvalidCerts": true,
        }],
        "MtaOutboundStrategy": { "route": { "else": "'sink'" }, "tls": { "else": "'bench'" } },
        "MtaTlsStrategy": [{ "name": "bench", "startTls": start_tls }],
        "MtaVirtualQueue": [{ "name": "default", "threadsPerNode": 50 }],
    });
    let more = match kind {
        PeerKind::Policies => policies(),
        PeerKind::Signing => signing()?,
        _ => json!({}),
    };
    if let (Some(settings), Value::Object(more)) = (settings.as_object_mut(), more) {
        settings.extend(more);
    }
    Ok(settings)
}

/// Of each kind of policy one or more, none of which ever says no.
fn policies() -> Value {
    let rate = json!({ "count": 1_000_000, "period": 1_000 });
    let throttle = |key: &str| json!({ "description": key, "key": [key], "rate": rate });
    json!({
        "MtaOutboundStrategy": {
            "route": {
                "match": [
                    { "if": "rcpt_domain in ['a.test', 'b.test'] && retry_num > 2", "then": "'sink'" },
                    { "if": "size > 104857600 || priority > 3", "then": "'sink'" },
                    { "if": "hash_bucket(rcpt, 100) < 50", "then": "'sink'" },
                ],
                "else": "'sink'",
            },
            "tls": { "else": "'bench'" },
        },
        "MtaInboundThrottle": [throttle("senderDomain"), throttle("rcptDomain")],
        "MtaOutboundThrottle": [throttle("senderDomain"), throttle("rcptDomain"), throttle("mx")],
        "MtaQueueQuota": [
            { "description": "by recipient domain", "key": ["rcptDomain"], "messages": 100_000_000 },
            { "description": "by sender", "key": ["sender"], "size": 1_000_000_000_000_u64 },
        ],
    })
}

/// Each message is signed with a key that is made now.
fn signing() -> Result<Value> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?.serialize_pem();
    Ok(json!({
        "DkimSignature": [{
            "name": "bench", "domain": "bench.test", "selector": "one",
            "key": { "@type": "Value", "secret": key },
        }],
        "SenderAuthSettings": { "dkimSignDomain": { "else": "'bench.test'" } },
    }))
}

/// The program beside this one, where cargo puts both.
fn beside() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name("waypost")
}
