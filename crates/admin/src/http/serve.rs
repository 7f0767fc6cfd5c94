//! Takes connections and speaks HTTP/1.1 on them, within limits, until told to end.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::limits::HttpLimits;
use super::peer::Peer;
use super::router::router;
use super::sockets::Sockets;
use crate::api::Api;

/// How long accepting rests after the system could not do it.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// How long a TLS handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Connections over the Unix socket at once. They have room of their own: whoever fills that of the network does not
/// lock out the owner.
const LOCAL_CONNECTIONS_MAX: usize = 32;

/// Answers requests until `stop`; those under way are finished.
pub async fn run(sockets: Sockets, api: Api, limits: HttpLimits, stop: CancellationToken) {
    let mut sockets = sockets;
    let (network, local, tls) = (sockets.network.take(), sockets.local.take(), sockets.tls.take());
    let means = |connections_max| Means {
        router: router(api.clone(), limits),
        room: Arc::new(Semaphore::new(connections_max)),
        limits,
        stop: stop.clone(),
    };
    tokio::join!(
        async {
            if let Some(listener) = network {
                take_network(listener, tls, means(limits.connections_max)).await;
            }
        },
        async {
            if let Some(listener) = local {
                take_local(listener, means(LOCAL_CONNECTIONS_MAX)).await;
            }
        },
    );
}

#[derive(Clone)]
struct Means {
    router: Router,
    room: Arc<Semaphore>,
    limits: HttpLimits,
    stop: CancellationToken,
}

async fn take_network(listener: TcpListener, tls: Option<TlsAcceptor>, means: Means) {
    let mut connections = JoinSet::new();
    while let Some((permit, accepted)) = next(&means, &mut connections, listener.accept()).await {
        let Some((stream, address)) = settled(accepted).await else { continue };
        // An answer is written in one piece; it need not wait for more.
        let _ = stream.set_nodelay(true);
        let (means, tls) = (means.clone(), tls.clone());
        connections.spawn(async move {
            match tls {
                None => speak(stream, Peer::Network { address, tls: false }, means, permit).await,
                Some(tls) => match timeout(HANDSHAKE_MAX, tls.accept(stream)).await {
                    Ok(Ok(stream)) => {
                        speak(stream, Peer::Network { address, tls: true }, means, permit).await
                    }
                    Ok(Err(error)) => tracing::debug!(%address, %error, "no TLS with a client of the API"),
                    Err(_) => tracing::debug!(%address, "no TLS with a client of the API: it took too long"),
                },
            }
        });
    }
    end(connections, means.limits.ending_time_max).await;
}

async fn take_local(listener: UnixListener, means: Means) {
    let mut connections = JoinSet::new();
    while let Some((permit, accepted)) = next(&means, &mut connections, listener.accept()).await {
        let Some((stream, _)) = settled(accepted).await else { continue };
        let Ok(credentials) = stream.peer_cred() else { continue };
        let peer = Peer::Local { uid: credentials.uid() };
        connections.spawn(speak(stream, peer, means.clone(), permit));
    }
    end(connections, means.limits.ending_time_max).await;
}

/// The next connection, once there is room for it; none when it is time to end.
async fn next<T>(
    means: &Means,
    connections: &mut JoinSet<()>,
    accept: impl Future<Output = io::Result<T>>,
) -> Option<(OwnedSemaphorePermit, io::Result<T>)> {
    while connections.try_join_next().is_some() {}
    let next = async {
        let permit = means.room.clone().acquire_owned().await.expect("the room is never closed");
        (permit, accept.await)
    };
    tokio::select! {
        biased;
        () = means.stop.cancelled() => None,
        next = next => Some(next),
    }
}

async fn settled<T>(accepted: io::Result<T>) -> Option<T> {
    match accepted {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            tracing::warn!(%error, "cannot take a connection of the API");
            tokio::time::sleep(ACCEPT_REST).await;
            None
        }
    }
}

async fn speak<S>(stream: S, peer: Peer, means: Means, permit: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let router = means.router.layer(axum::Extension(peer));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(means.limits.header_time_max)
        .max_headers(means.limits.header_fields_max)
        .max_buf_size(means.limits.header_bytes_max);
    let serving = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        biased;
        ended = serving.as_mut() => ended,
        () = means.stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection of the API ended");
    }
    drop(permit);
}

async fn end(mut connections: JoinSet<()>, time_max: Duration) {
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(time_max, all).await.is_err() {
        tracing::warn!("requests to the API are cut off, as we stop");
    }
}
