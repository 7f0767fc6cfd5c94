//! Who plays in the demo: the peers, the name server, the settings and the boot file.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::certificates::Authority;
use super::dns::{Entry, NameServer};
use super::peer::{Fault, Peer, PeerSetup, Received, loopback};
use crate::config::{Admin, Boot, Certificate, Dns, Dnssec, Listener, ListenerProtocol, ListenerTls, Mx};

/// The name of our own server.
pub(crate) const HOSTNAME: &str = "mail.harbour.example";
/// Who sends the message.
pub(crate) const SENDER: &str = "you@harbour.example";
/// The sender's password.
pub(crate) const PASSWORD: &str = "a demo needs no secret";
/// The four recipients.
pub(crate) const RECIPIENTS: [&str; 4] =
    ["anna@harbour.example", "ben@example.net", "cleo@partner.example", "dora@store.example"];
/// What the relay asks for.
const RELAY_LOGIN: (&str, &str) = ("harbour", "lighthouse");
/// The best MX host, where nobody is at home.
pub(crate) const MX_DEAD: &str = "mx1.example.net";
/// The second MX host.
pub(crate) const MX: &str = "mx2.example.net";
/// The relay that wants TLS and a password.
pub(crate) const RELAY: &str = "relay.partner.example";
/// The LMTP server that fails twice.
pub(crate) const STORE: &str = "lmtp-a.store.example";
/// The LMTP server to fall back to.
pub(crate) const FALLBACK: &str = "lmtp-b.store.example";

/// Everything outside of Waypost, running.
pub(crate) struct Cast {
    /// Each peer with its name, address and what is said about it.
    pub(crate) peers: Vec<(&'static str, SocketAddr, &'static str)>,
    /// What the peers got.
    pub(crate) received: UnboundedReceiver<Received>,
    /// The settings of the server.
    pub(crate) settings: Value,
    /// Its boot file.
    pub(crate) boot: Boot,
    name_server: NameServer,
    _running: Vec<Peer>,
}

impl Cast {
    /// Starts the peers and writes what the server needs into `directory`.
    pub(crate) async fn start(directory: &Path) -> anyhow::Result<Self> {
        let authority = Authority::new()?;
        let (sender, received) = unbounded_channel();
        let mut running = Vec::new();
        let mut addresses = Vec::new();
        for setup in setups(&authority)? {
            let peer = Peer::start(setup, sender.clone()).await?;
            addresses.push(peer.address());
            running.push(peer);
        }
        let [mx, relay, store, fallback] = addresses[..] else { anyhow::bail!("four peers, not fewer") };
        let dead = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), mx.port()));
        let name_server = name_server(dead, mx, relay).await?;
        let peers = vec![
            (MX_DEAD, dead, "best MX of example.net; nobody is at home"),
            (MX, mx, "second MX of example.net; SMTP"),
            (RELAY, relay, "SMTP, only over TLS and after AUTH"),
            (STORE, store, "LMTP; hangs up once, then is busy once"),
            (FALLBACK, fallback, "LMTP"),
        ];
        let settings = settings(relay.port(), store, fallback);
        let boot = boot(directory, &authority, mx.port(), name_server.address(), &settings)?;
        Ok(Cast { peers, received, settings, boot, name_server, _running: running })
    }

    /// Where the name server answers.
    pub(crate) fn dns(&self) -> SocketAddr {
        self.name_server.address()
    }

    /// Ends it all.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.name_server.stop().await
    }
}

fn setups(authority: &Authority) -> anyhow::Result<[PeerSetup; 4]> {
    let plain = |name, last| PeerSetup {
        name,
        bind: loopback(last),
        lmtp: false,
        tls: None,
        login: None,
        faults: Vec::new(),
    };
    Ok([
        PeerSetup { tls: Some(authority.issue(MX)?.server_config()?), ..plain(MX, 3) },
        PeerSetup {
            tls: Some(authority.issue(RELAY)?.server_config()?),
            login: Some(RELAY_LOGIN),
            ..plain(RELAY, 4)
        },
        PeerSetup { lmtp: true, faults: vec![Fault::HangsUp, Fault::Busy], ..plain(STORE, 5) },
        PeerSetup { lmtp: true, ..plain(FALLBACK, 6) },
    ])
}

async fn name_server(dead: SocketAddr, mx: SocketAddr, relay: SocketAddr) -> anyhow::Result<NameServer> {
    let v4 = |address: SocketAddr| match address {
        SocketAddr::V4(v4) => *v4.ip(),
        SocketAddr::V6(_) => Ipv4Addr::LOCALHOST,
    };
    let entries = [
        Entry::Mx("example.net", 10, MX_DEAD),
        Entry::Mx("example.net", 20, MX),
        Entry::A(MX_DEAD, v4(dead)),
        Entry::A(MX, v4(mx)),
        Entry::A(RELAY, v4(relay)),
    ];
    NameServer::start(&["example.net", "partner.example"], &entries).await
}

fn settings(relay_port: u16, store: SocketAddr, fallback: SocketAddr) -> Value {
    let lmtp = |name: &str, address: SocketAddr| {
        json!({ "@type": "Relay", "name": name, "address": address.ip().to_string(),
                "port": address.port(), "protocol": "lmtp" })
    };
    json!({
        "SystemSettings": { "defaultHostname": HOSTNAME, "defaultDomain": "harbour.example" },
        "Domain": [{ "name": "harbour.example" }],
        "Account": [{ "name": SENDER, "secret": PASSWORD }, { "name": RECIPIENTS[0] }],
        "MtaRoute": [
            { "@type": "Local", "name": "local" },
            { "@type": "Mx", "name": "mx", "maxMxHosts": 5, "ipLookupStrategy": "v4Only" },
            { "@type": "Relay", "name": "partner", "address": RELAY, "port": relay_port,
              "authUsername": RELAY_LOGIN.0, "authSecret": { "@type": "Value", "secret": RELAY_LOGIN.1 } },
            lmtp("store", store),
            lmtp("fallback", fallback),
        ],
        "MtaOutboundStrategy": {
            "route": {
                "match": [
                    { "if": "is_local_domain(rcpt_domain)", "then": "'local'" },
                    { "if": "rcpt_domain == 'partner.example'", "then": "'partner'" },
                    { "if": "rcpt_domain == 'store.example' && retry_num > 1", "then": "'fallback'" },
                    { "if": "rcpt_domain == 'store.example'", "then": "'store'" },
                ],
                "else": "'mx'",
            },
        },
        "MtaDeliverySchedule": [
            { "name": "remote", "queueId": "remote",
              "retry": { "@type": "Custom", "intervals": [{ "duration": 1000 }] } },
        ],
    })
}

fn boot(
    directory: &Path,
    authority: &Authority,
    mx_port: u16,
    dns: SocketAddr,
    settings: &Value,
) -> anyhow::Result<Boot> {
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        anyhow::Ok(path)
    };
    let own = authority.issue(HOSTNAME)?;
    Ok(Boot {
        data_directory: directory.join("data"),
        settings: Some(write("settings.json", &serde_json::to_string_pretty(settings)?)?),
        listeners: vec![Listener {
            name: "submission".to_owned(),
            bind: loopback(1),
            protocol: ListenerProtocol::Smtp,
            tls: ListenerTls::StartTls,
            submission: true,
            require_tls: true,
            mend_line_ends: false,
            proxy_networks: Vec::new(),
        }],
        tls: Some(Certificate {
            certificate: write("certificate.pem", &own.certificate_pem)?,
            key: write("key.pem", &own.key_pem)?,
        }),
        trusted_roots: vec![write("root.pem", &authority.root_pem())?],
        dns: Dns { name_servers: vec![dns], dnssec: Dnssec::Off, trust_anchors: None },
        mx: Mx { port: mx_port, allow_loopback: true, own_addresses: Vec::new() },
        admin: Admin { enabled: false, ..Admin::default() },
        ..Boot::default()
    })
}
