//! Mailbox access over real sockets: TLS, browsers that were led here, places, and the end.
#![allow(clippy::unwrap_used, reason = "test code")]

mod imap_world;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use access::listen::{ConnectionLimits, ListenerSettings, Listeners, Protocol, Tls};
use imap_world::Stores;
use rustls::ServerConfig;
use rustls::server::ResolvesServerCertUsingSni;
use store::MemoryStore;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// A server that listens.
struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    running: JoinSet<()>,
    stores: Stores,
}

impl Server {
    fn start(tls: Tls, limits: ConnectionLimits) -> Server {
        let stores = Stores::new(Arc::new(MemoryStore::new()));
        let address = ([127, 0, 0, 1], 0).into();
        let settings = ListenerSettings { name: "imap".to_owned(), address, protocol: Protocol::Imap, tls };
        let listeners = Listeners::bind(vec![settings], limits).unwrap();
        let address = listeners.addresses()[0].1;
        let (shutdown, mut running) = (CancellationToken::new(), JoinSet::new());
        running.spawn(listeners.run(stores.world.clone(), shutdown.clone()));
        Server { address, shutdown, running, stores }
    }

    async fn connect(&self) -> Client<TcpStream> {
        Client(BufReader::new(TcpStream::connect(self.address).await.unwrap()))
    }
}

const MANY: ConnectionLimits = ConnectionLimits { total: 10, per_client: 10 };

struct Client<S>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// The next line; empty if there is none.
    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.0.read_line(&mut line);
        tokio::time::timeout(Duration::from_secs(30), read).await.expect("an answer in time").unwrap();
        line
    }

    /// All that is still said.
    async fn rest(&mut self) -> String {
        let mut rest = String::new();
        let read = self.0.read_to_string(&mut rest);
        tokio::time::timeout(Duration::from_secs(30), read).await.expect("an end in time").unwrap();
        rest
    }
}

/// TLS that is offered, and would find no certificate.
fn tls() -> Tls {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
    Tls::StartTls(TlsAcceptor::from(Arc::new(config)))
}

// proves: F1
#[tokio::test]
async fn what_was_sent_before_tls_is_never_answered_within_it() {
    let server = Server::start(tls(), MANY);
    let mut client = server.connect().await;
    assert!(client.line().await.contains(" STARTTLS"));
    client.say("a STARTTLS\r\nb CREATE injected\r\n").await;
    let rest = client.rest().await;
    assert!(rest.starts_with("a BAD ") && rest.contains("* BYE ") && !rest.contains("b OK"), "{rest}");
}

#[tokio::test]
async fn a_client_logs_in_by_what_the_settings_name_in_one_line() {
    let server = Server::start(Tls::None, MANY);
    let mut client = server.connect().await;
    let offered = client.line().await;
    assert!(offered.contains(" SASL-IR") && offered.contains(" AUTH=PLAIN"), "{offered}");
    assert!(!offered.contains("SCRAM") && !offered.contains("OAUTHBEARER"), "{offered}");
    client.say("a AUTHENTICATE PLAIN AGpvQGhlcmUudGVzdABzZWNyZXQ=\r\n").await;
    assert!(client.line().await.starts_with("a OK [CAPABILITY "));
}

// proves: F18
#[tokio::test]
async fn a_browser_that_was_led_here_is_hung_up_on() {
    let server = Server::start(Tls::None, MANY);
    let mut client = server.connect().await;
    client.line().await;
    client.say("POST / HTTP/1.1\r\nHost: here.test\r\n\r\na LOGIN jo@here.test x\r\n").await;
    let rest = client.rest().await;
    assert!(rest.starts_with("* BYE ") && rest.lines().count() == 1, "{rest}");
}

#[tokio::test]
async fn who_finds_no_place_is_told_and_the_places_come_back() {
    for limits in
        [ConnectionLimits { total: 1, per_client: 10 }, ConnectionLimits { total: 10, per_client: 1 }]
    {
        let server = Server::start(Tls::None, limits);
        let mut first = server.connect().await;
        assert!(first.line().await.starts_with("* OK "));
        let turned_away = server.connect().await.rest().await;
        assert!(turned_away.starts_with("* BYE [LIMIT]"), "{turned_away}");
        first.say("a LOGOUT\r\n").await;
        assert!(first.rest().await.contains("a OK "));
        drop(first);
        let comes_back = async { while !server.connect().await.line().await.starts_with("* OK ") {} };
        tokio::time::timeout(Duration::from_secs(30), comes_back).await.expect("the place is given back");
    }
}

#[tokio::test]
async fn everybody_is_told_when_the_server_ends() {
    let mut server = Server::start(Tls::None, MANY);
    let (mut one, mut idle) = (server.connect().await, server.connect().await);
    one.line().await;
    idle.line().await;
    idle.say("a LOGIN jo@here.test x\r\nb IDLE\r\n").await;
    assert!(idle.line().await.starts_with("a OK "));
    assert!(idle.line().await.starts_with("+ "));
    server.shutdown.cancel();
    assert!(one.rest().await.starts_with("* BYE [UNAVAILABLE]"));
    assert!(idle.rest().await.starts_with("* BYE [UNAVAILABLE]"));
    server.running.join_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_session_ends_when_the_password_that_let_it_in_is_another() {
    let server = Server::start(Tls::None, MANY);
    let mut client = server.connect().await;
    client.line().await;
    client.say("a LOGIN jo@here.test secret\r\nb NOOP\r\n").await;
    assert!(client.line().await.starts_with("a OK "));
    assert!(client.line().await.starts_with("b OK "));
    server.stores.settle(r#"{"name": "jo@here.test", "secret": "another"}"#);
    client.say("c LIST \"\" *\r\n").await;
    assert!(client.rest().await.starts_with("* BYE "));
}
