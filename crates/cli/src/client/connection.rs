//! One HTTP/1.1 connection to the server, made when it is needed and kept for the next request.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::answer::Page;
use super::place::{Place, Remote};
use super::tls;
use crate::failure::Failure;

/// Bytes of an answer at most.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// A connection, made when it is needed.
#[derive(Debug)]
pub(super) struct Connection {
    place: Place,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    sender: SendRequest<Full<Bytes>>,
    /// Moves the bytes; ends with this value.
    _driver: JoinSet<()>,
}

impl Connection {
    pub(super) fn new(place: Place) -> Self {
        Connection { place, kept: Mutex::new(None) }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Page, Failure> {
        self.exchange(Method::POST, path, Bytes::from(body.to_string())).await
    }

    pub(super) async fn fetch(&self, path: &str) -> Result<Page, Failure> {
        self.exchange(Method::GET, path, Bytes::new()).await
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<Page, Failure> {
        let request = self.request(method, path, body)?;
        let exchange = async {
            let mut kept = self.kept.lock().await;
            let mut open = match alive(kept.take()).await {
                Some(old) => old,
                None => self.open().await?,
            };
            let page = self.send(&mut open.sender, request).await?;
            *kept = Some(open);
            Ok(page)
        };
        match timeout(ANSWER_MAX, exchange).await {
            Ok(page) => page,
            Err(_) => Err(Failure::unreachable(format!("{} does not answer in time", self.place))),
        }
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>, Failure> {
        let (host, prefix, token) = match &self.place {
            Place::Socket(_) => ("localhost".to_owned(), "", None),
            Place::Remote(remote) => (remote.authority(), remote.prefix.as_str(), remote.token.as_deref()),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{prefix}{path}"))
            .header(HOST, host)
            .header(USER_AGENT, concat!("waypost/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| Failure::usage("the token has characters that no token has"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request
            .body(Full::new(body))
            .map_err(|error| Failure::usage(format!("`{path}` cannot be asked for: {error}")))
    }

    async fn send(
        &self,
        sender: &mut SendRequest<Full<Bytes>>,
        request: Request<Full<Bytes>>,
    ) -> Result<Page, Failure> {
        let broken = |error: String| {
            Failure::unreachable(format!("{} broke off: {error}", self.place)).hint(BROKE_OFF)
        };
        let response = sender.send_request(request).await.map_err(|error| broken(words(&error)))?;
        let status = response.status().as_u16();
        let location =
            response.headers().get(LOCATION).and_then(|place| place.to_str().ok()).map(str::to_owned);
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| broken(error.to_string()))?.to_bytes().to_vec();
        Ok(Page { status, location, body })
    }

    async fn open(&self) -> Result<Kept, Failure> {
        match timeout(CONNECT_MAX, self.connect()).await {
            Ok(kept) => kept,
            Err(_) => Err(Failure::unreachable(format!("cannot connect to {} in time", self.place))),
        }
    }

    async fn connect(&self) -> Result<Kept, Failure> {
        match &self.place {
            Place::Socket(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| socket_failure(path, &error))?;
                start(TokioIo::new(stream)).await
            }
            Place::Remote(remote) => {
                let stream = TcpStream::connect((remote.host.as_str(), remote.port)).await;
                let stream = stream.map_err(|error| self.remote_failure(&error))?;
                match remote.tls {
                    true => start(TokioIo::new(tls::handshake(stream, remote).await?)).await,
                    false => start(TokioIo::new(stream)).await,
                }
            }
        }
    }

    fn remote_failure(&self, error: &io::Error) -> Failure {
        Failure::unreachable(format!("cannot connect to {}: {error}", self.place))
            .hint("does the server run, and does its boot file say `[admin] bind = …`?")
    }
}

/// The kept connection, unless the server has closed it meanwhile; that is not worth a word.
async fn alive(kept: Option<Kept>) -> Option<Kept> {
    let mut kept = kept?;
    kept.sender.ready().await.is_ok().then_some(kept)
}

const BROKE_OFF: &str =
    "what was asked may be done or not; see `waypost history` for settings, `waypost queue list` for mail";

/// The parts of an error of hyper that say something.
fn words(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

async fn start<T>(io: T) -> Result<Kept, Failure>
where
    T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(io)
        .await
        .map_err(|error| Failure::unreachable(format!("no HTTP with the server: {error}")))?;
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        // What goes wrong here, the request hears.
        let _ = connection.await;
    });
    Ok(Kept { sender, _driver: driver })
}

fn socket_failure(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            Failure::unreachable(format!("no server answers at {path}")).hint(
                "start it with `waypost serve`, or say where it is: --config FILE, --data DIRECTORY or --url https://…",
            )
        }
        io::ErrorKind::PermissionDenied => Failure::unreachable(format!("you may not use {path}"))
            .hint("ask as the owner of the data directory (or with sudo), or with --url and a token"),
        _ => Failure::unreachable(format!("cannot connect to {path}: {error}")),
    }
}

impl Remote {
    /// Whether somebody must be told that certificates are not looked at.
    pub fn is_blind(&self) -> bool {
        self.tls && self.insecure
    }
}
