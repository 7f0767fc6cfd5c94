//! A bounded number of connections to a PostgreSQL server.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use policy::settings::{PostgreSqlLookup, Secret, TlsLevel};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config};

use super::channel::{Connected, Handshake};
use super::said;
use crate::lookup::{Access, Channel, Secure};

/// After a connection could not be made, no other is tried for this long: many wait, and each would wait in vain.
const REST: Duration = Duration::from_secs(1);

/// The connections to a server.
pub(super) struct Pool {
    settings: PostgreSqlLookup,
    secret: Option<Secret>,
    access: Access,
    secure: Arc<dyn Secure>,
    places: Semaphore,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    idle: Vec<Client>,
    /// The tasks that keep the connections going. Each ends with its client.
    connections: JoinSet<()>,
    /// Until when the server is left alone, and why.
    resting: Option<(Instant, String)>,
}

/// A connection that is in use. If it is not given back, it ends.
pub(super) struct Taken<'p> {
    client: Client,
    pool: &'p Pool,
    _place: SemaphorePermit<'p>,
}

impl Deref for Taken<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Taken<'_> {
    /// Keeps it for the next question.
    pub(super) fn give_back(self) {
        if !self.client.is_closed() {
            self.pool.lock().idle.push(self.client);
        }
    }
}

impl Pool {
    pub(super) fn new(
        settings: PostgreSqlLookup,
        secret: Option<Secret>,
        access: Access,
        secure: Arc<dyn Secure>,
    ) -> Self {
        let places = Semaphore::new(settings.pool_max_connections);
        Pool { settings, secret, access, secure, places, held: Mutex::default() }
    }

    /// A connection that is not in use, or a new one.
    pub(super) async fn take(&self) -> Result<Taken<'_>, String> {
        let place = self.places.acquire().await.expect("never closed");
        if let Some(client) = self.idle()? {
            return Ok(Taken { client, pool: self, _place: place });
        }
        // Sooner than whoever waits for the answer gives up, so that others need not find out for themselves.
        let time_max = self.settings.timeout / 2;
        let connected = tokio::time::timeout(time_max, self.connect()).await;
        let late =
            |_| Err(format!("no connection to {} within {} ms", self.settings.host, time_max.as_millis()));
        match connected.unwrap_or_else(late) {
            Ok(client) => Ok(Taken { client, pool: self, _place: place }),
            Err(reason) => {
                self.lock().resting = Some((Instant::now() + REST, reason.clone()));
                Err(reason)
            }
        }
    }

    fn idle(&self) -> Result<Option<Client>, String> {
        let mut held = self.lock();
        while let Some(client) = held.idle.pop() {
            if !client.is_closed() {
                return Ok(Some(client));
            }
        }
        match &held.resting {
            Some((until, reason)) if Instant::now() < *until => Err(reason.clone()),
            Some(_) | None => Ok(None),
        }
    }

    async fn connect(&self) -> Result<Client, String> {
        let (host, port) = (self.settings.host.as_str(), self.settings.port);
        let fail = |error: std::io::Error| format!("cannot connect to {host} port {port}: {error}");
        let stream: Box<dyn Channel> = if self.settings.is_local_socket() {
            let path = format!("{}/.s.PGSQL.{port}", host.trim_end_matches('/'));
            Box::new(UnixStream::connect(path).await.map_err(fail)?)
        } else {
            let stream = TcpStream::connect((host, port)).await.map_err(fail)?;
            stream.set_nodelay(true).map_err(fail)?;
            Box::new(stream)
        };
        let handshake = Handshake {
            secure: Arc::clone(&self.secure),
            host: host.to_owned(),
            verify: !self.settings.allow_invalid_certs,
        };
        let (client, connection) = self
            .config()
            .connect_raw(Connected(stream), handshake)
            .await
            .map_err(|error| format!("cannot log in to {host} port {port}: {}", said(&error)))?;
        let mut held = self.lock();
        while held.connections.try_join_next().is_some() {}
        held.connections.spawn(async move {
            // What goes wrong here is said to whoever asks.
            let _ = connection.await;
        });
        Ok(client)
    }

    fn config(&self) -> Config {
        let settings = &self.settings;
        let mut options = format!("-c statement_timeout={}", settings.timeout.as_millis());
        if self.access == Access::ReadOnly {
            options.push_str(" -c default_transaction_read_only=on");
        }
        let tls = match settings.tls {
            _ if settings.is_local_socket() => SslMode::Disable,
            TlsLevel::Disable => SslMode::Disable,
            TlsLevel::Optional => SslMode::Prefer,
            TlsLevel::Require => SslMode::Require,
        };
        let mut config = Config::new();
        config.user(&settings.auth_username).dbname(&settings.database).application_name("waypost");
        config.options(&options).ssl_mode(tls);
        if let Some(secret) = &self.secret {
            config.password(secret.expose());
        }
        config
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
