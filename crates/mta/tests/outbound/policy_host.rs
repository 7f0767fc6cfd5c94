//! A web server on a loopback port that always gives the same answer, and a DNS with texts that change.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mail::Domain;
use mta::Resolver;
use policy::dns::{Addresses, Answer, DnsError, Family, MxRecord, Security, SrvRecord, TlsaRecord};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::peer::Identity;

/// What a web server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Page {
    /// Says this, and closes.
    Says(String),
    /// Says this, and then never ends.
    Pours(String),
    /// Never answers.
    Silent,
}

impl Page {
    /// Plain text with status 200.
    pub(crate) fn plain(body: &str) -> Self {
        Page::of("200 OK", "Content-Type: text/plain; charset=utf-8\r\n", body)
    }

    pub(crate) fn of(status: &str, fields: &str, body: &str) -> Self {
        let length = body.len();
        Page::Says(format!(
            "HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
    }
}

/// A web server.
pub(crate) struct PolicyHost {
    pub(crate) address: SocketAddr,
    page: Arc<Mutex<Page>>,
    asked: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    _task: JoinSet<()>,
}

impl PolicyHost {
    pub(crate) async fn serves(identity: &Identity, page: Page) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (acceptor, page) = (identity.acceptor(), Arc::new(Mutex::new(page)));
        let (asked, requests) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<Vec<u8>>>>::default());
        let mut task = JoinSet::new();
        let of_task = (Arc::clone(&page), Arc::clone(&asked), Arc::clone(&requests));
        task.spawn(async move {
            let (page, asked, requests) = of_task;
            let mut requested = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let page = page.lock().expect("not poisoned").clone();
                requested.spawn(answer(acceptor.clone(), stream, page, asked.clone(), requests.clone()));
            }
        });
        PolicyHost { address, page, asked, requests, _task: task }
    }

    /// Says something else from now on.
    pub(crate) fn change(&self, page: Page) {
        *self.page.lock().expect("not poisoned") = page;
    }

    /// How many requests came.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The requests, as far as they came in one piece.
    pub(crate) fn requests(&self) -> Vec<Vec<u8>> {
        self.requests.lock().expect("not poisoned").clone()
    }
}

async fn answer(
    acceptor: TlsAcceptor,
    stream: tokio::net::TcpStream,
    page: Page,
    asked: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut request = Vec::new();
    while !is_whole(&request) {
        match stream.read_buf(&mut request).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    asked.fetch_add(1, Ordering::SeqCst);
    requests.lock().expect("not poisoned").push(request);
    match page {
        Page::Says(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Page::Pours(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            while stream.write_all(&[b'\n'; 4096]).await.is_ok() {}
        }
        Page::Silent => drop(stream.read_u8().await),
    }
}

/// Whether head and body are there.
fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    request.len() >= end + 4 + length.map_or(0, |length| length.parse::<usize>().expect("a number"))
}

/// Another DNS, but for the texts.
pub(crate) struct Texts {
    inner: Arc<dyn Resolver>,
    texts: Mutex<BTreeMap<String, Result<String, DnsError>>>,
}

impl Texts {
    pub(crate) fn over(inner: Arc<dyn Resolver>) -> Arc<Self> {
        Arc::new(Texts { inner, texts: Mutex::default() })
    }

    pub(crate) fn set(&self, name: &str, text: &str) {
        self.texts.lock().expect("not poisoned").insert(name.to_owned(), Ok(text.to_owned()));
    }

    pub(crate) fn fail(&self, name: &str, why: DnsError) {
        self.texts.lock().expect("not poisoned").insert(name.to_owned(), Err(why));
    }
}

#[async_trait]
impl Resolver for Texts {
    async fn mx(&self, domain: &Domain) -> Result<Answer<MxRecord>, DnsError> {
        self.inner.mx(domain).await
    }

    async fn addresses(&self, host: &str, family: Family) -> Addresses {
        self.inner.addresses(host, family).await
    }

    async fn txt(&self, name: &str) -> Result<Answer<String>, DnsError> {
        let found = self.texts.lock().expect("not poisoned").get(name).cloned();
        let text = found.unwrap_or(Err(DnsError::NoSuchName(Security::Unchecked)))?;
        Ok(Answer::unchecked(vec![text]))
    }

    async fn ptr(&self, ip: IpAddr) -> Result<Answer<String>, DnsError> {
        self.inner.ptr(ip).await
    }

    async fn tlsa(&self, name: &str) -> Result<Answer<TlsaRecord>, DnsError> {
        self.inner.tlsa(name).await
    }

    async fn srv(&self, name: &str) -> Result<Answer<SrvRecord>, DnsError> {
        self.inner.srv(name).await
    }
}
