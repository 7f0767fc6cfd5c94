//! JMAP over HTTP: which path is answered where, and how a connection is served.

mod answer;
mod authorised;
mod autoconfig;
mod download;
mod event_source;
mod guard;
mod upload;
mod web_socket;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Router, middleware};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::load::Load;
use super::push::courier::Pushes;
use super::recognised::Recognised;
use crate::World;

/// How long the end of the server waits for what clients have asked for.
const FINISH_TIME_MAX: Duration = Duration::from_secs(10);
/// From the first byte of a header to its last, and from one request to the next.
const HEADER_TIME_MAX: Duration = Duration::from_secs(60);
/// Bytes of the header of a request.
const HEADER_BYTES_MAX: usize = 32 << 10;
/// Fields of the header of a request.
const HEADER_FIELDS_MAX: usize = 100;

/// The other end of a connection; an extension of each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) address: SocketAddr,
    /// Whether TLS protects the connection.
    pub(crate) tls: bool,
}

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) world: World,
    /// Tells push services.
    pub(crate) pushes: Pushes,
    pub(crate) recognised: Recognised,
    pub(crate) load: Load,
    /// Owns what is being answered, so that nothing is cut in the middle when a client goes away.
    pub(crate) tasks: TaskTracker,
    /// When it is time to end.
    pub(crate) stop: CancellationToken,
}

/// Answers JMAP clients; clones are the same.
#[derive(Clone)]
pub struct Service {
    router: Router,
    shared: Arc<Shared>,
}

/// JMAP for this world.
pub fn service(world: World) -> Service {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let pushes = Pushes::new(tasks.clone(), stop.clone());
    pushes.recall(&world);
    let shared = Arc::new(Shared {
        world,
        pushes,
        recognised: Recognised::new().expect("the system has randomness, as TLS could not be without"),
        load: Load::default(),
        tasks,
        stop,
    });
    Service { router: router(&shared), shared }
}

fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/.well-known/jmap", get(answer::session))
        .route("/jmap/session", get(answer::session))
        .route("/jmap", post(answer::answer).get(answer::session))
        .route("/jmap/", post(answer::answer).get(answer::session))
        .route("/jmap/upload/{account}", post(upload::upload))
        .route("/jmap/upload/{account}/", post(upload::upload))
        .route("/jmap/download/{account}/{blob}/{name}", get(download::download))
        .route("/jmap/eventsource", get(event_source::events))
        .route("/jmap/eventsource/", get(event_source::events))
        .route("/jmap/ws", any(web_socket::open))
        .route("/mail/config-v1.1.xml", get(autoconfig::autoconfig))
        .route("/.well-known/autoconfig/mail/config-v1.1.xml", get(autoconfig::autoconfig))
        .route("/autodiscover/autodiscover.xml", post(autoconfig::autodiscover))
        .route("/Autodiscover/Autodiscover.xml", post(autoconfig::autodiscover))
        .fallback(missing)
        .layer(middleware::from_fn(guard::guard))
        .with_state(Arc::clone(shared))
}

async fn missing() -> Response {
    (StatusCode::NOT_FOUND, "there is nothing here\n").into_response()
}

impl Service {
    /// Answers the requests of one connection until it ends, or until `stop`: then what is under way is finished.
    pub async fn serve<S>(&self, stream: S, peer: SocketAddr, tls: bool, stop: CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let router = self.router.clone().layer(Extension(Peer { address: peer, tls }));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME_MAX)
            .max_headers(HEADER_FIELDS_MAX)
            .max_buf_size(HEADER_BYTES_MAX);
        let serving = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        let mut serving = pin!(serving.with_upgrades());
        let ended = tokio::select! {
            biased;
            ended = serving.as_mut() => ended,
            () = stop.cancelled() => {
                self.shared.stop.cancel();
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "a connection of a JMAP client ended");
        }
    }

    /// Waits until all that was asked is answered, but not for ever; called once no connection is served any more.
    pub async fn finished(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(FINISH_TIME_MAX, self.shared.tasks.wait()).await.is_err() {
            tracing::warn!("what JMAP clients had asked for was not finished in time");
        }
    }
}
