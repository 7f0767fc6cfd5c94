//! HTTPS: one request over one connection, through our own DNS and our own transport. Certificates are verified.

mod reach;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use policy::dns::{DnsError, Family};
use policy::mx::{self, MxRules};
use rustls_pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub use self::reach::Reach;
use crate::client_tls::ClientTls;
use crate::world::{Resolver, Stream, Telling, Transport, Web, WebAnswer, WebLimits};

/// Addresses of a web server that are tried.
const ADDRESSES_MAX: usize = 4;
/// Bytes of the head of an answer.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Bytes of a content type that are looked at.
const CONTENT_TYPE_BYTES_MAX: usize = 256;

/// The real web.
pub struct Https {
    resolver: Arc<dyn Resolver>,
    transport: Arc<dyn Transport>,
    tls: ClientTls,
    rules: MxRules,
}

impl Https {
    /// Asks this DNS, connects by this transport and trusts as this TLS does. `port` is that of URLs that name none;
    /// loopback addresses are asked only where that is allowed, as in a lab.
    pub fn new(
        resolver: Arc<dyn Resolver>,
        transport: Arc<dyn Transport>,
        tls: ClientTls,
        port: u16,
        allow_loopback: bool,
    ) -> Self {
        let rules = MxRules { port, allow_loopback, ..MxRules::default() };
        Https { resolver, transport, tls, rules }
    }

    async fn request(
        &self,
        method: Method,
        url: &str,
        body: Option<(&str, Vec<u8>)>,
        limits: WebLimits,
    ) -> io::Result<WebAnswer> {
        let uri: Uri = url.parse().map_err(|_| refused(format!("'{url}' is no URL")))?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("https"));
        let authority = authority.ok_or_else(|| refused(format!("'{url}' is no https URL")))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder().method(method).uri(path);
        // What stands before an @ would be a password.
        let named = authority.as_str().rsplit('@').next().unwrap_or_default();
        request = request.header(HOST, named).header(USER_AGENT, "Waypost");
        let body = match body {
            Some((content_type, body)) => {
                request = request.header(CONTENT_TYPE, content_type);
                Bytes::from(body)
            }
            None => Bytes::new(),
        };
        let request = request.body(Full::new(body)).map_err(|error| refused(error.to_string()))?;
        let stream = self.connect(host, authority.port_u16().unwrap_or(self.rules.port)).await?;
        exchange(stream, request, limits.body_bytes_max).await
    }

    async fn telling(&self, telling: Telling<'_>, limits: WebLimits) -> io::Result<WebAnswer> {
        let Telling { url, fields, body, reach } = telling;
        self.reaching(Method::POST, url, fields, Some(body), reach, limits).await
    }

    async fn reaching(
        &self,
        method: Method,
        url: &str,
        fields: &[(&str, String)],
        body: Option<Vec<u8>>,
        reach: Reach,
        limits: WebLimits,
    ) -> io::Result<WebAnswer> {
        let uri: Uri = url.parse().map_err(|_| refused(format!("'{url}' is no URL")))?;
        let authority = uri.authority().ok_or_else(|| refused(format!("'{url}' is no URL")))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let secured = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if reach == Reach::Loopback => false,
            _ => return Err(refused(format!("'{url}' is no https URL"))),
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder().method(method).uri(path);
        let named = authority.as_str().rsplit('@').next().unwrap_or_default();
        request = request.header(HOST, named).header(USER_AGENT, "Waypost");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in fields {
            request = request.header(*name, value);
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        let request = request.body(body).map_err(|error| refused(error.to_string()))?;
        let port = authority.port_u16().unwrap_or(if secured { self.rules.port } else { 80 });
        // The address is looked at after the lookup and used as it is: a name cannot lead elsewhere meanwhile.
        let addresses = match (reach, host.eq_ignore_ascii_case("localhost")) {
            (Reach::Loopback, true) => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            _ => self.looked_up(host, |ip| reach.allows(ip)).await?,
        };
        let stream = self.connect_to(host, port, addresses, secured).await?;
        exchange(stream, request, limits.body_bytes_max).await
    }

    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        // Never such as only this machine or its own link has.
        let addresses = self.looked_up(host, |ip| mx::is_allowed(ip, &self.rules)).await?;
        self.connect_to(host, port, addresses, true).await
    }

    async fn connect_to(
        &self,
        host: &str,
        port: u16,
        addresses: Vec<IpAddr>,
        secured: bool,
    ) -> io::Result<Box<dyn Stream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| refused(error.to_string()))?;
        let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{host} has no usable address"));
        for ip in addresses.into_iter().take(ADDRESSES_MAX) {
            match self.transport.connect(SocketAddr::new(ip, port), None).await {
                Ok(stream) if !secured => return Ok(stream),
                Ok(stream) => {
                    let secured = TlsConnector::from(self.tls.verifying()).connect(name, stream).await?;
                    return Ok(Box::new(secured));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Those of the addresses of a host that may be asked.
    async fn looked_up(&self, host: &str, allowed: impl Fn(IpAddr) -> bool) -> io::Result<Vec<IpAddr>> {
        let mut found = Vec::new();
        let mut failed = None;
        if let Ok(ip) = host.parse() {
            found.push(ip);
        } else {
            let lookups = [Family::V4, Family::V6].map(|family| self.resolver.addresses(host, family));
            for answer in futures_util::future::join_all(lookups).await {
                match answer {
                    Ok(answer) => found.extend(answer.records),
                    Err(DnsError::NoSuchName(_) | DnsError::NoData(_)) => {}
                    Err(why @ (DnsError::Bogus(_) | DnsError::Failed(_))) => failed = Some(why),
                }
            }
        }
        found.retain(|ip| allowed(*ip));
        match failed {
            Some(why) if found.is_empty() => {
                Err(io::Error::other(format!("cannot look up the addresses of {host}: {why}")))
            }
            _ => Ok(found),
        }
    }
}

fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// Sends the request and reads the answer to its end.
async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
    body_bytes_max: usize,
) -> io::Result<WebAnswer> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES_MAX);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let mut answer = pin!(async {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = response.into_parts();
        let content_type = head.headers.get(CONTENT_TYPE).map(|value| {
            let bytes = value.as_bytes();
            String::from_utf8_lossy(&bytes[..bytes.len().min(CONTENT_TYPE_BYTES_MAX)]).into_owned()
        });
        let body = Limited::new(body, body_bytes_max).collect().await.map_err(too_long)?;
        Ok(WebAnswer { status: head.status.as_u16(), content_type, body: body.to_bytes().into() })
    });
    // The connection moves the bytes that the answer waits for. When it ends, what it has read is still there.
    tokio::select! {
        biased;
        answer = &mut answer => return answer,
        ended = connection => ended.map_err(io::Error::other)?,
    }
    answer.await
}

fn too_long(error: Box<dyn std::error::Error + Send + Sync>) -> io::Error {
    if error.is::<LengthLimitError>() {
        io::Error::new(io::ErrorKind::FileTooLarge, "the body is longer than it may be")
    } else {
        io::Error::other(error)
    }
}

/// Whether a request failed because the certificate of the server does not verify.
pub fn is_certificate_error(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
}

async fn in_time(
    limits: WebLimits,
    request: impl Future<Output = io::Result<WebAnswer>>,
) -> io::Result<WebAnswer> {
    let late = |_| Err(io::Error::new(io::ErrorKind::TimedOut, "no whole answer in time"));
    timeout(limits.time_max, request).await.unwrap_or_else(late)
}

#[async_trait]
impl Web for Https {
    async fn fetch(&self, url: &str, limits: WebLimits) -> io::Result<WebAnswer> {
        in_time(limits, self.request(Method::GET, url, None, limits)).await
    }

    async fn post(
        &self,
        url: &str,
        content_type: &str,
        body: Vec<u8>,
        limits: WebLimits,
    ) -> io::Result<WebAnswer> {
        in_time(limits, self.request(Method::POST, url, Some((content_type, body)), limits)).await
    }

    async fn ask(&self, url: &str, reach: Reach, limits: WebLimits) -> io::Result<WebAnswer> {
        in_time(limits, self.reaching(Method::GET, url, &[], None, reach, limits)).await
    }

    async fn tell(&self, telling: Telling<'_>, limits: WebLimits) -> io::Result<WebAnswer> {
        in_time(limits, self.telling(telling, limits)).await
    }
}
