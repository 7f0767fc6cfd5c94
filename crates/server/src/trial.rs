//! What `waypost serve` takes without a boot file: loopback, high ports, a first domain and a first account.

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use crate::config::{Admin, Boot, Listener, ListenerProtocol, ListenerTls};

/// The account of a first start.
pub(crate) const ACCOUNT: &str = "you@waypost.test";
/// Its domain; `test` is reserved, so no mail leaks out (RFC 6761 section 6.2).
const DOMAIN: &str = "waypost.test";
/// Bytes of chance in the first password.
const PASSWORD_BYTES: usize = 15;

/// A boot file that nobody wrote, and what is to be said about it.
pub(crate) struct Trial {
    /// As if read.
    pub(crate) boot: Boot,
    /// Ports that were taken and what is used instead.
    pub(crate) notes: Vec<String>,
}

/// Chooses ports, and writes first settings if there are none.
pub(crate) fn prepare(data_directory: &str) -> anyhow::Result<Trial> {
    let mut notes = Vec::new();
    let mut listener = |name: &str, port, protocol, tls, submission| {
        let bind = free_or_any(port);
        if bind.port() == 0 {
            notes.push(format!("port {port} is in use; {name} takes another"));
        }
        Listener {
            name: name.to_owned(),
            bind,
            protocol,
            tls,
            submission,
            require_tls: false,
            mend_line_ends: false,
            proxy_networks: Vec::new(),
        }
    };
    let listeners = vec![
        listener("smtp", 2525, ListenerProtocol::Smtp, ListenerTls::StartTls, false),
        listener("submission", 2587, ListenerProtocol::Smtp, ListenerTls::StartTls, true),
        listener("lmtp", 2424, ListenerProtocol::Lmtp, ListenerTls::None, false),
        listener("imap", 2143, ListenerProtocol::Imap, ListenerTls::StartTls, false),
        listener("imaps", 2993, ListenerProtocol::Imap, ListenerTls::Implicit, false),
        listener("pop3", 2110, ListenerProtocol::Pop3, ListenerTls::StartTls, false),
        listener("pop3s", 2995, ListenerProtocol::Pop3, ListenerTls::Implicit, false),
        listener("jmap", 2080, ListenerProtocol::Http, ListenerTls::None, false),
    ];
    let bind = free_or_any(8080);
    if bind.port() == 0 {
        notes.push("port 8080 is in use; the management takes another".to_owned());
    }
    let admin = Admin { bind: Some(bind), ..Admin::default() };
    let boot = Boot { data_directory: PathBuf::from(data_directory), listeners, admin, ..Boot::default() };
    first_settings(&boot.data_directory, &boot.settings_file())?;
    Ok(Trial { boot, notes })
}

fn free_or_any(port: u16) -> SocketAddr {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpListener::bind(wanted) {
        Ok(_) => wanted,
        Err(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    }
}

/// Writes settings with one domain and one account, readable by nobody else, if there are none yet.
fn first_settings(directory: &Path, path: &Path) -> anyhow::Result<()> {
    let doing = || format!("cannot write first settings to {}", path.display());
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).with_context(doing)?;
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        opened => opened.with_context(doing)?,
    };
    let settings = json!({
        "SystemSettings": { "defaultHostname": DOMAIN, "defaultDomain": DOMAIN },
        "Domain": [{ "name": DOMAIN }],
        // RFC 5321 section 4.5.1: postmaster is always somebody.
        "Account": [{ "name": ACCOUNT, "secret": password()?, "aliases": [format!("postmaster@{DOMAIN}")] }],
    });
    writeln!(file, "{}", serde_json::to_string_pretty(&settings)?).with_context(doing)
}

fn password() -> anyhow::Result<String> {
    use base64::Engine as _;
    let mut bytes = [0; PASSWORD_BYTES];
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.secure_random.fill(&mut bytes).ok().context("cannot make a password: no random numbers")?;
    Ok(base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_settings_are_written_once() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let path = data.join("settings.json");
        first_settings(&data, &path).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(written.contains(ACCOUNT));
        first_settings(&data, &path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
    }

    #[test]
    fn a_port_in_use_is_not_taken() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert_eq!(free_or_any(taken.local_addr().unwrap().port()).port(), 0);
    }
}
