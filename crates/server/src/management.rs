//! Starts the management API beside the mail, and ends it.

use std::net::{Ipv4Addr, SocketAddr};

use admin::Api;
use admin::http::{self, HttpLimits, Sockets};
use anyhow::bail;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Boot;

/// Where it listens when nobody says so.
const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// The running API.
pub(crate) struct Management {
    /// The address that it got.
    pub(crate) address: Option<SocketAddr>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

/// Begins to listen.
pub(crate) async fn start(boot: &Boot, api: Api) -> anyhow::Result<Management> {
    let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
    if !boot.admin.enabled {
        return Ok(Management { address: None, tasks, stop });
    }
    let sockets = sockets(boot).await?;
    let address = sockets.address();
    tasks.spawn(http::run(sockets, api, HttpLimits::default(), stop.clone()));
    Ok(Management { address, tasks, stop })
}

async fn sockets(boot: &Boot) -> anyhow::Result<Sockets> {
    let address = boot.admin.bind.unwrap_or(ADDRESS);
    if !address.ip().is_loopback() {
        bail!("the management API may listen on {address} only with TLS");
    }
    let path = boot.admin_socket();
    match Sockets::bind(Some(address), None, Some(&path)).await {
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
    }
}
