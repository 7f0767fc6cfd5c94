//! Which connections are kept for the next message, and how are they given up?

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use policy::mx::MxRules;
use policy::plan::{Endpoint, Proofs};
use policy::settings::RelayProtocol;
use policy::tls::HopTls;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::smtp::client::{Client, Step};

use crate::attempt::Way;
use crate::client_tls::ClientTls;
use crate::mta_sts::StsPolicies;
use crate::throttles::Throttles;
use crate::tls_reports::TlsTallies;
use crate::world::Stream;

/// What is spent on QUIT and its reply.
const QUIT_TIME_MAX: Duration = Duration::from_secs(2);
/// Connections that are being given up at once; more are just closed.
const RETIRING_MAX: usize = 256;
/// How long credentials that were refused are not offered to the same host again, lest the account be locked.
const CREDENTIALS_HOLD: Duration = Duration::from_secs(60);
/// Refused credentials that are remembered at most.
const CREDENTIALS_HELD_MAX: usize = 256;

/// How many connections are kept, and how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionLimits {
    /// Idle connections at most, over all next hops.
    pub idle_max: usize,
    /// Idle connections at most to one address.
    pub idle_per_address_max: usize,
    /// How long a connection may idle.
    pub idle_time_max: Duration,
    /// Messages over one connection at most.
    pub messages_max: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        ConnectionLimits {
            idle_max: 512,
            idle_per_address_max: 64,
            idle_time_max: Duration::from_secs(10),
            messages_max: 500,
        }
    }
}

/// What the connections were used for, since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ConnectionCounters {
    /// Opened.
    pub opened: u64,
    /// Taken again for another message.
    pub reused: u64,
    /// Idle right now.
    pub idle: usize,
}

/// What two messages must have in common to travel over the same connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ConnectionKey {
    pub(crate) address: Endpoint,
    /// The host's name, which its certificate was verified against.
    pub(crate) host: String,
    pub(crate) source: Option<IpAddr>,
    pub(crate) hello: String,
    pub(crate) tls: HopTls,
    pub(crate) proofs: Proofs,
    pub(crate) protocol: RelayProtocol,
}

/// A connection whose setup is done.
pub(crate) struct Connection {
    pub(crate) key: Arc<ConnectionKey>,
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) client: Client,
    /// Where what comes is read to.
    pub(crate) buffer: Box<[u8]>,
    pub(crate) way: Way,
    /// Messages that went over it.
    pub(crate) served: u32,
}

/// The connections that idle, and what every new one needs.
pub struct Connections {
    limits: ConnectionLimits,
    rules: MxRules,
    tls: ClientTls,
    sts: Arc<StsPolicies>,
    /// What passes over them.
    throttles: Arc<Throttles>,
    tls_tallies: TlsTallies,
    pool: Arc<Mutex<Pool>>,
    /// Owns what runs beside the deliveries: QUIT, and the end of what idles too long.
    tasks: TaskTracker,
    stop: CancellationToken,
    opened: AtomicU64,
    reused: AtomicU64,
    /// Counts for those source addresses that take turns.
    turn: AtomicU64,
}

#[derive(Default)]
struct Pool {
    idle: BTreeMap<Endpoint, Vec<Idle>>,
    count: usize,
    sweeping: bool,
    closed: bool,
    held: BTreeMap<(Endpoint, String), Instant>,
}

struct Idle {
    connection: Connection,
    until: Instant,
}

impl Connections {
    /// None yet.
    pub fn new(limits: ConnectionLimits, rules: MxRules, tls: ClientTls) -> Self {
        Connections {
            limits,
            rules,
            tls,
            sts: Arc::default(),
            throttles: Arc::default(),
            tls_tallies: TlsTallies::default(),
            pool: Arc::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            opened: AtomicU64::new(0),
            reused: AtomicU64::new(0),
            turn: AtomicU64::new(0),
        }
    }

    /// Others with the same rules and certificates, of which nothing is felt by those who use these: none is kept, and
    /// what passes over them, is refused or fails counts for nothing else.
    pub(crate) fn for_probe(&self) -> Self {
        let limits = ConnectionLimits { idle_max: 0, ..self.limits };
        let own = Connections::new(limits, self.rules.clone(), self.tls.clone());
        Connections { sts: Arc::clone(&self.sts), ..own }
    }

    /// The rules for MX hosts.
    pub fn rules(&self) -> &MxRules {
        &self.rules
    }

    /// The MTA-STS policies of the domains that mail goes to.
    pub fn sts(&self) -> &Arc<StsPolicies> {
        &self.sts
    }

    /// How TLS fared, for reports.
    pub fn tls_tallies(&self) -> &TlsTallies {
        &self.tls_tallies
    }

    /// What they were used for.
    pub fn counters(&self) -> ConnectionCounters {
        ConnectionCounters {
            opened: self.opened.load(Ordering::Relaxed),
            reused: self.reused.load(Ordering::Relaxed),
            idle: lock(&self.pool).count,
        }
    }

    /// Ends all idle connections with QUIT and waits, a few seconds at most, until they are closed. What is given
    /// back later is closed at once.
    pub async fn close(&self) {
        let idle = {
            let mut pool = lock(&self.pool);
            pool.closed = true;
            pool.count = 0;
            std::mem::take(&mut pool.idle)
        };
        for idle in idle.into_values().flatten() {
            self.retire(idle.connection);
        }
        self.stop.cancel();
        self.tasks.close();
        let _ = timeout(2 * QUIT_TIME_MAX, self.tasks.wait()).await;
    }

    /// What has passed, for the rates of deliveries.
    pub(crate) fn throttles(&self) -> &Arc<Throttles> {
        &self.throttles
    }

    pub(crate) fn tls(&self) -> &ClientTls {
        &self.tls
    }

    /// Whose turn it is, among source addresses.
    pub(crate) fn turn(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn count_opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    /// An idle connection that fits and still lives, the one used last first.
    pub(crate) fn take(&self, key: &ConnectionKey) -> Option<Connection> {
        loop {
            let mut connection = lock(&self.pool).take(key)?;
            if connection.is_quiet() {
                connection.way.reused = true;
                self.reused.fetch_add(1, Ordering::Relaxed);
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next message, or ends it.
    pub(crate) fn give_back(&self, mut connection: Connection) {
        connection.served = connection.served.saturating_add(1);
        if connection.client.step() != Step::Ready {
            return;
        }
        if connection.served >= self.limits.messages_max {
            return self.retire(connection);
        }
        let until = Instant::now() + self.limits.idle_time_max;
        let (refused, sweep) = {
            let mut pool = lock(&self.pool);
            let refused = pool.put(Idle { connection, until }, &self.limits);
            let sweep = pool.count > 0 && !std::mem::replace(&mut pool.sweeping, true);
            (refused, sweep)
        };
        if let Some(idle) = refused {
            self.retire(idle.connection);
        }
        if sweep {
            let sweep = sweep_until_empty(Arc::clone(&self.pool), self.limits.idle_time_max);
            self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(sweep));
        }
    }

    /// Says QUIT beside whatever else is done, and closes.
    pub(crate) fn retire(&self, connection: Connection) {
        if self.tasks.len() < RETIRING_MAX {
            self.tasks.spawn(quit(connection));
        }
    }

    /// Remembers that the credentials were refused.
    pub(crate) fn hold_credentials(&self, key: &ConnectionKey) {
        let Some(credentials) = &key.proofs.credentials else { return };
        let now = Instant::now();
        let mut pool = lock(&self.pool);
        pool.held.retain(|_, until| *until > now);
        if pool.held.len() < CREDENTIALS_HELD_MAX {
            pool.held.insert((key.address.clone(), credentials.username.clone()), now + CREDENTIALS_HOLD);
        }
    }

    /// Whether the credentials were refused a moment ago.
    pub(crate) fn credentials_are_held(&self, key: &ConnectionKey) -> bool {
        let Some(credentials) = &key.proofs.credentials else { return false };
        let pool = lock(&self.pool);
        let held = || pool.held.get(&(key.address.clone(), credentials.username.clone()));
        !pool.held.is_empty() && held().is_some_and(|until| *until > Instant::now())
    }
}

impl Pool {
    fn take(&mut self, key: &ConnectionKey) -> Option<Connection> {
        let idle = self.idle.get_mut(&key.address)?;
        let place = idle.iter().rposition(|idle| *idle.connection.key == *key)?;
        let taken = idle.remove(place);
        if idle.is_empty() {
            self.idle.remove(&key.address);
        }
        self.count = self.count.saturating_sub(1);
        Some(taken.connection)
    }

    /// Takes it in, or gives back what there is no room for.
    fn put(&mut self, new: Idle, limits: &ConnectionLimits) -> Option<Idle> {
        if self.closed || self.count >= limits.idle_max {
            return Some(new);
        }
        let idle = self.idle.entry(new.connection.key.address.clone()).or_default();
        idle.push(new);
        if idle.len() > limits.idle_per_address_max {
            return Some(idle.remove(0));
        }
        self.count += 1;
        None
    }

    fn take_expired(&mut self, now: Instant) -> Vec<Connection> {
        let mut expired = Vec::new();
        for idle in self.idle.values_mut() {
            expired.extend(idle.extract_if(.., |idle| idle.until <= now).map(|idle| idle.connection));
        }
        self.idle.retain(|_, idle| !idle.is_empty());
        self.count = self.count.saturating_sub(expired.len());
        expired
    }
}

/// Ends what has idled too long, until nothing idles.
async fn sweep_until_empty(pool: Arc<Mutex<Pool>>, idle_time_max: Duration) {
    let pause = (idle_time_max / 4).max(Duration::from_millis(50));
    loop {
        sleep_until(Instant::now() + pause).await;
        let (expired, empty) = {
            let mut pool = lock(&pool);
            let expired = pool.take_expired(Instant::now());
            pool.sweeping = pool.count > 0;
            (expired, pool.count == 0)
        };
        let quits = expired.into_iter().map(quit);
        futures_util::future::join_all(quits).await;
        if empty {
            return;
        }
    }
}

/// Whether the peer answers QUIT makes no difference to any message.
async fn quit(mut connection: Connection) {
    let _ = timeout(QUIT_TIME_MAX, async {
        connection.stream.write_all(b"QUIT\r\n").await?;
        connection.stream.flush().await?;
        let _answer = connection.stream.read(&mut connection.buffer).await?;
        connection.stream.shutdown().await
    })
    .await;
}

impl Connection {
    /// Whether the peer has neither closed nor said anything meanwhile.
    fn is_quiet(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let mut buffer = ReadBuf::new(&mut self.buffer);
        Pin::new(&mut self.stream).poll_read(&mut context, &mut buffer).is_pending()
    }
}

/// Nothing under this lock can panic half-way, so that a poisoned one is as good.
fn lock(pool: &Mutex<Pool>) -> MutexGuard<'_, Pool> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").field("counters", &self.counters()).finish_non_exhaustive()
    }
}
