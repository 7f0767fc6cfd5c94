//! The world of a JMAP server without sockets: a store, two accounts, and clients that speak HTTP.
#![allow(dead_code, reason = "each file of tests uses a part of it")]

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use access::jmap::{self, Service};
use access::world::{Courier, NotTaken, Offer, Outbox, Standing, Submission, Taken, World};
use async_trait::async_trait;
use directory::{Authentication, Client, Credentials, Directory, ScramKeys};
use mail::{Clock, MessageId, Timestamp};
use policy::Configuration;
use policy::settings::Account;
use policy::vacation::Vacation;
use serde_json::{Value, json};
use store::{SqliteOptions, SqliteStore, StoreError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

/// Whose passwords are `secret`.
pub(crate) const ANN: &str = "ann@here.test";
pub(crate) const BOB: &str = "bob@here.test";
/// Bytes that are on their way at once, each way.
const PIPE_BYTES: usize = 64 << 10;

/// A server.
pub(crate) struct Server {
    pub world: World,
    service: Service,
    _folder: tempfile::TempDir,
    _configuration: tokio::sync::watch::Sender<Arc<Configuration>>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

impl Server {
    pub(crate) fn new() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap());
        let settings = json!({
            "Domain": [{ "name": "here.test" }],
            "Account": [{ "name": ANN, "quota": 10_000_000 }, { "name": BOB }],
        });
        let environment = policy::check::Environment::default();
        let configuration = Configuration::from_settings_json(&settings.to_string(), &environment);
        let configuration = Arc::new(configuration.unwrap());
        let (sender, configuration) = tokio::sync::watch::channel(configuration);
        let world = World {
            messages: store.clone(),
            values: store,
            directory: Arc::new(Doorman(configuration.clone())),
            outbox: Arc::new(Nowhere),
            courier: Arc::new(Nowhere),
            entrances: Arc::default(),
            clock: Arc::new(Noon),
            configuration,
            maildrops: Default::default(),
        };
        let service = jmap::service(world.clone());
        Server { world, service, _folder: folder, _configuration: sender }
    }

    /// One request on a connection of its own.
    pub(crate) async fn http(&self, head: &str, user: Option<&str>, body: &[u8]) -> Answer {
        use base64::Engine;
        let (mut ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let serving = self.service.serve(theirs, ([127, 0, 0, 1], 1).into(), false, CancellationToken::new());
        let authorization = user.map_or_else(String::new, |user| {
            let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:secret"));
            format!("Authorization: Basic {encoded}\r\n")
        });
        let head = format!(
            "{head}\r\nHost: mail.here.test\r\nConnection: close\r\n{authorization}Content-Length: {}\r\n\r\n",
            body.len()
        );
        let talking = async move {
            ours.write_all(head.as_bytes()).await.unwrap();
            // Who is refused early does not read on.
            let _ = ours.write_all(body).await;
            let mut answer = Vec::new();
            ours.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let ((), answer) = tokio::join!(serving, talking);
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a header");
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: answer[end + 4..].to_vec() }
    }

    /// A JMAP request of somebody, as it is.
    pub(crate) async fn request(&self, user: &str, request: &Value) -> Answer {
        let head = "POST /jmap HTTP/1.1\r\nContent-Type: application/json";
        self.http(head, Some(user), request.to_string().as_bytes()).await
    }

    /// The id of somebody's account.
    pub(crate) async fn account_id(&self, user: &str) -> String {
        let session = self.http("GET /.well-known/jmap HTTP/1.1", Some(user), b"").await.json();
        session["primaryAccounts"]["urn:ietf:params:jmap:mail"].as_str().unwrap().to_owned()
    }

    /// The answer to one call, which must not be an error.
    pub(crate) async fn call(&self, user: &str, method: &str, arguments: Value) -> Value {
        let mut arguments = arguments;
        arguments["accountId"] = self.account_id(user).await.into();
        let using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"];
        let request = json!({ "using": using, "methodCalls": [[method, arguments, "0"]] });
        let answer = self.request(user, &request).await.json();
        let response = &answer["methodResponses"][0];
        assert_eq!(response[0], method, "{response}");
        response[1].clone()
    }
}

/// Lets in whoever has an account and says `secret`.
struct Doorman(tokio::sync::watch::Receiver<Arc<Configuration>>);

#[async_trait]
impl Directory for Doorman {
    async fn authenticate(&self, _client: Client, credentials: Credentials) -> Authentication {
        let Credentials::Password { name, password } = credentials else { return Authentication::IsNot };
        let address = mail::Address::parse(&name);
        let configuration = self.0.borrow();
        let account = address.ok().and_then(|address| configuration.account(&address).cloned());
        account.filter(|_| password == "secret").map_or(Authentication::IsNot, Authentication::Is)
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
            delay_max: std::time::Duration::ZERO,
            dsn: false,
            deliver_by_max: None,
            priority: false,
            require_tls: false,
            message_bytes_max: None,
            recipients_max: 1,
        }
    }
    async fn submit(&self, _submission: Submission) -> Result<Taken, NotTaken> {
        Err(NotTaken::Recipients(Vec::new()))
    }
    async fn take_back(&self, _account: &Account, _message: MessageId) -> Result<bool, StoreError> {
        Ok(false)
    }
    async fn standing(&self, _account: &Account, _message: MessageId) -> Result<Vec<Standing>, StoreError> {
        Ok(Vec::new())
    }
    async fn vacation(&self, _account: &Account) -> Result<Vacation, StoreError> {
        Ok(Vacation::default())
    }
    async fn answer_for(&self, _account: &Account, _vacation: &Vacation) -> Result<(), StoreError> {
        Ok(())
    }
    async fn find(&self, _: &Account, _: &str, _: Timestamp) -> Result<Option<MessageId>, StoreError> {
        Ok(None)
    }
}
