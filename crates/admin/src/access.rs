//! Who may ask what? Administrators, sessions, tokens, and what each proves.
//!
//! All of it lies in the store, apart from the settings: going back to an earlier revision brings nobody back.
//! Secrets are kept as hashes. What is in force is in memory too, so that a request costs no look into the store;
//! a change is written first, and holds when it is durable.

pub mod administrators;
pub mod browser;
pub mod link;
mod methods;
pub mod password;
pub mod permissions;
pub mod proof;
mod records;
mod routes;
pub mod sessions;
pub mod socket;
#[cfg(test)]
mod tests;
pub mod tokens;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use mail::{Clock, Timestamp};
use mta::World;
use policy::guesses::Guesses;
use store::{KeyChange, Store, StoreError};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

pub(crate) use methods::call;
use password::Passwords;
use records::{Edit, State};
pub use routes::first_link;
pub(crate) use routes::{check_host, identify, routes};

/// Administrators at most.
pub const ADMINISTRATORS_MAX: usize = 1_000;
/// API tokens at most.
pub const TOKENS_MAX: usize = 1_000;

/// Who may ask; clones share it.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// One change at a time, so that each is decided on what the one before has left.
    changing: Arc<Semaphore>,
    /// Owns changes, so that none is cut in the middle when a client goes away.
    tasks: TaskTracker,
    passwords: Passwords,
    guesses: Mutex<Guesses<String>>,
    /// Passwords that came with a request and were right a moment ago.
    proven: Mutex<proof::Proven>,
    begun: Instant,
    /// Names under which a browser may ask for this server without TLS, besides those of this machine.
    hosts: Vec<String>,
    /// Where the web pages are, such as `https://127.0.0.1:8080`; unknown if only the socket is there.
    origin: OnceLock<String>,
}

/// Why somebody was not let in, or something about who may do what was not changed.
#[derive(Debug, Error)]
pub enum Refusal {
    /// Who asks has not proven who it is.
    #[error("{0}")]
    Unknown(&'static str),
    /// Too many guesses.
    #[error("too many wrong guesses; try again in {} s", .0.as_secs().max(1))]
    NotNow(Duration),
    /// It may not be done.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(&'static str),
    /// A property is wrong: its name, and why.
    #[error("{0}: {1}")]
    Invalid(&'static str, String),
    /// Another one has this name already: its id.
    #[error("there is one of this name already")]
    Taken(String),
    /// There are as many as there may be.
    #[error("there are {0} already, and no more may be")]
    TooMany(usize),
    /// The store is unwell.
    #[error("cannot be written down: {0}")]
    Store(#[from] StoreError),
    /// This program is ending.
    #[error("the server is ending")]
    Ending,
}

impl Access {
    /// Reads who may ask. `hosts` are names under which a browser may ask without TLS, besides `localhost`: those of a
    /// reverse proxy on this machine.
    pub async fn open(world: &World, hosts: Vec<String>) -> Result<Self, StoreError> {
        let state = State::read(&*world.store, world.clock.now()).await?;
        Ok(Access(Arc::new(Inner {
            store: Arc::clone(&world.store),
            clock: Arc::clone(&world.clock),
            state: Mutex::new(state),
            changing: Arc::new(Semaphore::new(1)),
            tasks: TaskTracker::new(),
            passwords: Passwords::default(),
            guesses: Mutex::default(),
            proven: Mutex::default(),
            begun: Instant::now(),
            hosts,
            origin: OnceLock::new(),
        })))
    }

    /// Says where the web pages are, for links to them. The first time counts.
    pub fn found_at(&self, origin: &str) {
        self.0.origin.get_or_init(|| origin.to_owned());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Decides on what is in force, writes what comes of it, and then puts it in force.
    async fn change<T, D>(&self, decide: D) -> Result<T, Refusal>
    where
        T: Send + 'static,
        D: FnOnce(&mut State, Timestamp) -> Result<(Vec<Edit>, T), Refusal> + Send + 'static,
    {
        let access = self.clone();
        let changed = self.0.tasks.spawn(async move {
            let one_at_a_time = Arc::clone(&access.0.changing).acquire_owned().await;
            let _one_at_a_time = one_at_a_time.map_err(|_| Refusal::Ending)?;
            let now = access.now();
            let (edits, answer) = decide(&mut access.state(), now)?;
            let changes: Vec<KeyChange> = edits.iter().map(Edit::written).collect();
            if !changes.is_empty() {
                access.0.store.change(changes, now).await?;
            }
            access.state().apply(edits);
            Ok(answer)
        });
        changed.await.unwrap_or(Err(Refusal::Ending))
    }

    /// How long this client must wait before it may guess again; nothing if it may now.
    fn guess_wait(&self, client: Option<IpAddr>, name: &str) -> Option<Duration> {
        let client = client?;
        lock(&self.0.guesses).wait(client, Some(&name.to_owned()), self.0.begun.elapsed())
    }

    fn guessed(&self, client: Option<IpAddr>, name: Option<&str>, right: bool) {
        let Some(client) = client else { return };
        let mut guesses = lock(&self.0.guesses);
        match name {
            Some(name) if right => guesses.succeeded(client, name.to_owned()),
            _ => guesses.failed(client, name.map(str::to_owned), self.0.begun.elapsed()),
        }
    }

    /// Waits until what was begun is written.
    pub async fn close(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

/// Nothing under these locks can panic half-way, so that a poisoned one is as good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}
