//! The world of an IMAP server without sockets: a store, one account, and as many clients as are wanted.

#![allow(dead_code, unreachable_pub, reason = "tests; each file uses its part")]

pub mod script;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use access::connection::{Connection, Security};
use access::world::{Courier, NotTaken, Offer, Outbox, Standing, Submission, Taken};
use access::{World, imap, pop3};
use async_trait::async_trait;
use directory::{Authentication, Client, Credentials, Directory, ScramKeys};
use mail::{Address, Clock, MessageId, Timestamp};
use policy::Configuration;
use policy::settings::Account;
use policy::vacation::Vacation;
use store::{KeyValues, MessageStore, StoreError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The only account.
pub(crate) const ACCOUNT: &str = "jo@here.test";
/// Bytes that are on their way at once, each way.
const PIPE_BYTES: usize = 64 << 10;

/// A store that sessions are served from.
pub(crate) struct Stores {
    pub world: World,
    sessions: JoinSet<()>,
    configuration: tokio::sync::watch::Sender<Arc<Configuration>>,
}

impl Stores {
    pub(crate) fn new<S: MessageStore + KeyValues + 'static>(store: Arc<S>) -> Stores {
        let configuration = configuration(&format!(r#"{{"name": "{ACCOUNT}"}}"#));
        let account = Arc::clone(configuration.account(&account()).expect("it is there"));
        let (sender, configuration) = tokio::sync::watch::channel(configuration);
        let world = World {
            messages: Arc::clone(&store) as Arc<dyn MessageStore>,
            values: store,
            directory: Arc::new(Doorman(account)),
            outbox: Arc::new(Nowhere),
            courier: Arc::new(Nowhere),
            clock: Arc::new(Noon),
            configuration,
            entrances: Arc::default(),
            maildrops: access::pop3::Maildrops::default(),
        };
        Stores { world, sessions: JoinSet::new(), configuration: sender }
    }

    /// The settings have this account from now on, as JSON, and no other.
    pub(crate) fn settle(&self, account: &str) {
        self.configuration.send_replace(configuration(account));
    }

    /// A POP3 client at this address that is connected.
    pub(crate) fn connect_pop3(&mut self, address: IpAddr) -> Lines {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let connection = plain(Box::new(theirs), (address, 1).into());
        self.sessions.spawn(pop3::serve(connection, self.world.clone()));
        Lines { stream: ours, input: Vec::new() }
    }

    /// Waits until one of the sessions is over.
    pub(crate) async fn one_is_over(&mut self) {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.sessions.join_next());
        ended.await.expect("it ends in time").expect("there is one").expect("no session panics");
    }

    /// A client that is connected.
    pub(crate) fn connect(&mut self) -> Lines {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        self.serve(Box::new(theirs), ([127, 0, 0, 1], 1).into());
        Lines { stream: ours, input: Vec::new() }
    }

    /// Serves a client.
    pub(crate) fn serve(&mut self, stream: Box<dyn access::connection::Stream>, client: SocketAddr) {
        self.sessions.spawn(imap::serve(plain(stream, client), self.world.clone()));
    }
}

fn configuration(account: &str) -> Arc<Configuration> {
    let json = format!(r#"{{"Domain": [{{"name": "here.test"}}], "Account": [{account}]}}"#);
    let configuration = Configuration::from_settings_json(&json, &policy::check::Environment::default());
    Arc::new(configuration.expect("settings"))
}

fn plain(stream: Box<dyn access::connection::Stream>, client: SocketAddr) -> Connection {
    let (local, shutdown) = (([127, 0, 0, 1], 143).into(), CancellationToken::new());
    Connection { stream, client, local, security: Security::Plain, shutdown }
}

pub(crate) fn account() -> Address {
    Address::parse(ACCOUNT).expect("an address")
}

/// What is said, line by line; a literal belongs to the line that announces it.
pub(crate) struct Lines {
    stream: DuplexStream,
    input: Vec<u8>,
}

/// A line with its last literal.
#[derive(Debug)]
pub(crate) struct Line {
    pub text: String,
    pub literal: Option<Vec<u8>>,
}

impl Lines {
    /// The next line must fit the pattern, or one of the next if some are passed over.
    pub(crate) async fn expect(&mut self, pattern: &str, passing_over: bool, place: &str) {
        loop {
            let line = self.line().await;
            let mut text = line.text;
            if let Some(literal) = line.literal {
                text.push_str(&String::from_utf8_lossy(&literal));
            }
            if script::fits(&text, pattern) {
                return;
            }
            assert!(passing_over, "{place}: {text:?} instead of {pattern:?}");
        }
    }

    /// The server must have hung up, and have said no more.
    pub(crate) async fn expect_end(&mut self, place: &str) {
        let read = self.stream.read_to_end(&mut self.input);
        let read = tokio::time::timeout(Duration::from_secs(60), read).await;
        read.unwrap_or_else(|_| panic!("{place}: the server does not hang up")).expect("the stream holds");
        assert!(self.input.is_empty(), "{place}: {}", String::from_utf8_lossy(&self.input));
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the server listens");
    }

    pub(crate) async fn line(&mut self) -> Line {
        let mut line = Line { text: String::new(), literal: None };
        loop {
            let end = loop {
                match self.input.windows(2).position(|two| two == b"\r\n") {
                    Some(end) => break end,
                    None => self.read().await,
                }
            };
            line.text.push_str(&String::from_utf8_lossy(&self.input[..end]));
            self.input.drain(..end + 2);
            let announced =
                line.text.rsplit_once('{').and_then(|(_, size)| size.strip_suffix('}')?.parse().ok());
            let Some(size): Option<usize> = announced else { return line };
            while self.input.len() < size {
                self.read().await;
            }
            line.literal = Some(self.input.drain(..size).collect());
        }
    }

    async fn read(&mut self) {
        let read = self.stream.read_buf(&mut self.input);
        let read = tokio::time::timeout(Duration::from_secs(60), read).await.expect("an answer in time");
        assert!(read.expect("the stream holds") > 0, "the server has hung up");
    }
}

struct Doorman(Arc<Account>);

#[async_trait]
impl Directory for Doorman {
    async fn authenticate(&self, _client: Client, credentials: Credentials) -> Authentication {
        if matches!(credentials, Credentials::Password { password, .. } if password == "wrong") {
            return Authentication::IsNot;
        }
        Authentication::Is(Arc::clone(&self.0))
    }
    async fn scram_keys(&self, _client: Client, _name: &str) -> Option<ScramKeys> {
        None
    }
    async fn scram_done(&self, _client: Client, _name: &str, _proven: bool) -> Authentication {
        Authentication::IsNot
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_500_000_000)
    }
}

struct Nowhere;

#[async_trait]
impl Courier for Nowhere {
    async fn post(&self, _url: &str, _fields: &[(&str, String)], _body: Vec<u8>) -> io::Result<u16> {
        Ok(404)
    }
}

#[async_trait]
impl Outbox for Nowhere {
    async fn offer(&self, _account: &Account, _client: IpAddr) -> Offer {
        Offer {
            delay_max: Duration::ZERO,
            dsn: false,
            deliver_by_max: None,
            priority: false,
            require_tls: false,
            message_bytes_max: None,
            recipients_max: 1,
        }
    }
    async fn submit(&self, _submission: Submission) -> Result<Taken, NotTaken> {
        unreachable!("IMAP sends nothing")
    }
    async fn take_back(&self, _account: &Account, _message: MessageId) -> Result<bool, StoreError> {
        Ok(false)
    }
    async fn standing(&self, _account: &Account, _message: MessageId) -> Result<Vec<Standing>, StoreError> {
        Ok(Vec::new())
    }
    async fn vacation(&self, _account: &Account) -> Result<Vacation, StoreError> {
        unreachable!("IMAP knows nothing of it")
    }
    async fn answer_for(&self, _account: &Account, _vacation: &Vacation) -> Result<(), StoreError> {
        unreachable!("IMAP knows nothing of it")
    }
    async fn find(&self, _: &Account, _: &str, _: Timestamp) -> Result<Option<MessageId>, StoreError> {
        Ok(None)
    }
}
