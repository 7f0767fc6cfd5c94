//! Starts the management API beside the mail, and ends it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use admin::Api;
use admin::access::Access;
use admin::audit::Audit;
use admin::http::{self, HttpLimits, Sockets};
use admin::settings::Owner;
use anyhow::{Context, bail};
use mta::World;
use mta::server_tls::ServerTls;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Boot;

/// Where it listens when nobody says so.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// The running API.
pub(crate) struct Management {
    /// The address that it got.
    pub(crate) address: Option<SocketAddr>,
    /// Where the first administrator comes in, if there is none.
    pub(crate) setup_link: Option<String>,
    api: Api,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

/// Begins to listen.
pub(crate) async fn start(
    boot: &Boot,
    tls: Option<ServerTls>,
    api: Api,
    owner: Owner,
) -> anyhow::Result<Management> {
    let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
    tasks.spawn(owner.run(stop.clone()));
    if !boot.admin.enabled {
        return Ok(Management { address: None, setup_link: None, api, tasks, stop });
    }
    let sockets = sockets(boot, tls.as_ref()).await?;
    let address = sockets.address();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let setup_link = match address {
        Some(address) => {
            let origin = format!("{scheme}://{}", reachable(address));
            api.access.found_at(&origin);
            admin::access::first_link(&api.access, &origin).await?
        }
        None => None,
    };
    tasks.spawn(http::run(sockets, api.clone(), HttpLimits::default(), stop.clone()));
    Ok(Management { address, setup_link, api, tasks, stop })
}

/// Who may ask.
pub(crate) async fn access(boot: &Boot, world: &World) -> anyhow::Result<Access> {
    Access::open(world, boot.admin.hosts.clone()).await.context("cannot read who administers this server")
}

/// Who did what.
pub(crate) async fn audit(world: &World) -> anyhow::Result<Audit> {
    Audit::open(world).await.context("cannot read the audit log")
}

/// The certificate; passwords and tokens go over the network in no other way.
pub(crate) fn tls(boot: &Boot, hostname: &str) -> anyhow::Result<Option<ServerTls>> {
    if !boot.admin.enabled {
        return Ok(None);
    }
    let address = boot.admin.bind.unwrap_or(ADDRESS);
    let tls = match (&boot.admin.certificate, &boot.admin.key) {
        (Some(certificate), Some(key)) => ServerTls::from_files(certificate, key)?,
        (None, None) if boot.admin.self_signed => {
            let place = |name: &str| boot.data_directory.join(name);
            let names = names(hostname, address);
            ServerTls::kept_self_signed(&names, &place("admin-cert.pem"), &place("admin-key.pem"))?
        }
        (None, None) if address.ip().is_loopback() => return Ok(None),
        (None, None) => bail!(
            "the management API may listen on {address} only with TLS, lest passwords be read on the way: \
             say `certificate` and `key` in [admin], or `self_signed = true`; or bind to 127.0.0.1"
        ),
        (Some(_), None) | (None, Some(_)) => bail!("[admin] needs both `certificate` and `key`, or neither"),
    };
    let tls = tls.for_web();
    if boot.admin.certificate.is_none() {
        let fingerprint = tls.fingerprint();
        tracing::warn!(
            fingerprint,
            "the management API has a certificate that nobody vouches for; compare its SHA-256"
        );
    }
    Ok(Some(tls))
}

/// What a link on this machine says for an address that stands for all.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
        _ => address,
    }
}

/// What people call this server in a browser.
fn names(hostname: &str, address: SocketAddr) -> Vec<String> {
    let mut names = [hostname, "localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let bound = address.ip().to_string();
    if !address.ip().is_unspecified() && !names.contains(&bound) {
        names.push(bound);
    }
    names.dedup();
    names
}

async fn sockets(boot: &Boot, tls: Option<&ServerTls>) -> anyhow::Result<Sockets> {
    let address = boot.admin.bind.unwrap_or(ADDRESS);
    let path = boot.admin_socket();
    match Sockets::bind(Some(address), tls.map(ServerTls::acceptor), Some(&path)).await {
        // Mail does not stand still because somebody else has the port that nobody chose.
        Err(error) if boot.admin.bind.is_none() => {
            tracing::warn!("{error}; only {} is there (say `bind` in [admin])", path.display());
            Ok(Sockets::bind(None, None, Some(&path)).await?)
        }
        sockets => Ok(sockets?),
    }
}

impl Management {
    /// Takes no more requests and finishes those under way.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.api.route_tests.close().await;
        self.api.tasks.close();
        self.api.tasks.wait().await;
        self.api.audit.settle(true).await;
        self.api.access.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_made_names_what_browsers_are_told() {
        let known = ["mx.example.org", "localhost", "127.0.0.1", "::1"];
        let of = |address: &str| names("mx.example.org", address.parse().unwrap());
        assert_eq!(of("127.0.0.1:8080"), known);
        assert_eq!(of("0.0.0.0:8080"), known);
        assert_eq!(of("192.0.2.7:443"), [&known[..], &["192.0.2.7"]].concat());
    }
}
