//! Who of our own accounts is this? Passwords and app passwords, with wrong guesses slowed for all services together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use mail::{Address, Clock, Timestamp};
use policy::Configuration;
use policy::admit::default_domain;
use policy::guesses::Guesses;
use policy::settings::Account;
use store::{KeyValues, StoreError};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use crate::password::{PASSWORD_BYTES_MAX, verify};
use crate::proven::{Mark, Proven};
use crate::{Authentication, Client, Credentials, Directory, ScramKeys, app_passwords, scram};

/// Passwords checked at once: each takes some 20 MiB and a core.
const CHECKS_MAX: usize = 4;
/// Checks that wait for their turn at most.
const WAITING_MAX: usize = 256;
/// How long a check waits for its turn at most.
const TURN_MAX: Duration = Duration::from_secs(30);
/// Where the secret lies that fake salts are made of.
const PEPPER: (&str, &[u8]) = ("directory", b"scram-pepper");

/// The directory of this server: clones share what they know.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    configuration: watch::Receiver<Arc<Configuration>>,
    values: Arc<dyn KeyValues>,
    clock: Arc<dyn Clock>,
    guesses: Mutex<Guesses<Address>>,
    proven: Mutex<Proven>,
    turns: Arc<Semaphore>,
    room: Arc<Semaphore>,
    pepper: OnceCell<hmac::Key>,
    begun: Instant,
}

/// Whose password is to be looked at.
struct Asked {
    client: Client,
    /// An account need not exist: whoever guesses names learns nothing from us.
    name: Option<Address>,
    account: Option<Arc<Account>>,
    password: String,
}

impl Accounts {
    /// The accounts of the configuration in force; app passwords lie in `values`.
    pub fn new(
        configuration: watch::Receiver<Arc<Configuration>>,
        values: Arc<dyn KeyValues>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Accounts(Arc::new(Inner {
            configuration,
            values,
            clock,
            guesses: Mutex::default(),
            proven: Mutex::default(),
            turns: Arc::new(Semaphore::new(CHECKS_MAX)),
            room: Arc::new(Semaphore::new(CHECKS_MAX + WAITING_MAX)),
            pepper: OnceCell::new(),
            begun: Instant::now(),
        }))
    }

    async fn password(&self, asked: Asked) -> Authentication {
        let inner = &self.0;
        if inner.must_wait(&asked) || asked.password.len() > PASSWORD_BYTES_MAX {
            return Authentication::NotNow;
        }
        match inner.app_password(&asked).await {
            Ok(Some(account)) => return inner.right(&asked, account),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "app passwords cannot be read: nobody is let in now");
                return Authentication::NotNow;
            }
        }
        let mark = asked.account.as_ref().map(|account| inner.mark(account, &asked.password));
        if let (Some(account), Some(mark)) = (&asked.account, &mark)
            && lock(&inner.proven).holds(mark, inner.begun.elapsed())
        {
            return inner.right(&asked, Arc::clone(account));
        }
        let Some(turn) = inner.turn().await else { return Authentication::NotNow };
        let inner = Arc::clone(inner);
        // Whoever asked may go away: the guess is looked at to its end, and counted.
        let working = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            inner.look(asked, mark)
        });
        working.await.unwrap_or(Authentication::NotNow)
    }

    /// The key of which salts and keys for names that nobody has are made: the same after a restart.
    async fn pepper(&self) -> Result<&hmac::Key, StoreError> {
        let inner = &self.0;
        inner.pepper.get_or_try_init(|| pepper(&*inner.values, inner.clock.now())).await
    }
}

#[async_trait]
impl Directory for Accounts {
    async fn authenticate(&self, client: Client, credentials: Credentials) -> Authentication {
        let (name, password) = match credentials {
            Credentials::Password { name, password } => (name, password),
            Credentials::Token { .. } => return Authentication::IsNot,
        };
        let (name, account) = self.0.named(&name);
        self.password(Asked { client, name, account, password }).await
    }

    async fn scram_keys(&self, client: Client, name: &str) -> Option<ScramKeys> {
        let (name, account) = self.0.named(name);
        let wait = lock(&self.0.guesses).wait(client.address, name.as_ref(), self.0.begun.elapsed());
        if wait.is_some() {
            return None;
        }
        let pepper = self.pepper().await.ok()?;
        let secret = account.as_ref().and_then(|account| account.secret.as_ref());
        let name = name.map(|name| name.to_string()).unwrap_or_default();
        Some(scram::keys(secret, &name, pepper))
    }

    async fn scram_done(&self, client: Client, name: &str, proven: bool) -> Authentication {
        let (name, account) = self.0.named(name);
        let asked = Asked { client, name, account, password: String::new() };
        match asked.account.clone() {
            Some(account) if proven => self.0.right(&asked, account),
            _ => self.0.wrong(&asked),
        }
    }
}

impl Inner {
    /// The name that is counted by, and the account that has it. A name without a domain is one of the default domain.
    fn named(&self, typed: &str) -> (Option<Address>, Option<Arc<Account>>) {
        let configuration = Arc::clone(&self.configuration.borrow());
        let named = Address::parse(typed)
            .or_else(|_| Address::parse(&format!("{typed}@{}", default_domain(&configuration))))
            .ok();
        let account = named.as_ref().and_then(|named| configuration.account(named)).cloned();
        (account.as_ref().map(|account| account.name.clone()).or(named), account)
    }

    fn must_wait(&self, asked: &Asked) -> bool {
        let guesses = lock(&self.guesses);
        guesses.wait(asked.client.address, asked.name.as_ref(), self.begun.elapsed()).is_some()
    }

    async fn app_password(&self, asked: &Asked) -> Result<Option<Arc<Account>>, StoreError> {
        let (Some(name), now) = (&asked.name, self.clock.now()) else { return Ok(None) };
        let (values, service) = (&*self.values, asked.client.service);
        // It is looked for in the name of accounts that there are not, too: that takes as long.
        let found = app_passwords::find(values, name, service, &asked.password, now).await?;
        let (Some(key), Some(account)) = (found, &asked.account) else { return Ok(None) };
        if let Err(error) = app_passwords::used(values, &key, now).await {
            tracing::debug!(%error, "it is not written down that an app password was used");
        }
        Ok(Some(Arc::clone(account)))
    }

    /// A turn to hash; nothing if too many wait.
    async fn turn(&self) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let place = Arc::clone(&self.room).try_acquire_owned().ok()?;
        let turn = Arc::clone(&self.turns).acquire_owned();
        Some((place, tokio::time::timeout(TURN_MAX, turn).await.ok()?.ok()?))
    }

    /// Looks at a password; runs on a blocking thread.
    fn look(&self, asked: Asked, mark: Option<Mark>) -> Authentication {
        // Others may have guessed while this one waited.
        if self.must_wait(&asked) {
            return Authentication::NotNow;
        }
        let secret = asked.account.as_ref().and_then(|account| account.secret.as_ref());
        let right = verify(secret, &asked.password);
        match &asked.account {
            Some(account) if right => {
                if let Some(mark) = mark {
                    lock(&self.proven).remember(mark, self.begun.elapsed());
                }
                self.right(&asked, Arc::clone(account))
            }
            _ => self.wrong(&asked),
        }
    }

    fn mark(&self, account: &Account, password: &str) -> Mark {
        let secret = account.secret.as_ref().map_or("", |secret| secret.expose());
        lock(&self.proven).mark(&[&account.name.to_string(), secret, password])
    }

    fn right(&self, asked: &Asked, account: Arc<Account>) -> Authentication {
        if let Some(name) = &asked.name {
            lock(&self.guesses).succeeded(asked.client.address, name.clone());
        }
        Authentication::Is(account)
    }

    fn wrong(&self, asked: &Asked) -> Authentication {
        lock(&self.guesses).failed(asked.client.address, asked.name.clone(), self.begun.elapsed());
        Authentication::IsNot
    }
}

async fn pepper(values: &dyn KeyValues, now: Timestamp) -> Result<hmac::Key, StoreError> {
    let (space, key) = PEPPER;
    if let Some(kept) = values.value(space, key, now).await? {
        return Ok(hmac::Key::new(hmac::HMAC_SHA256, &kept));
    }
    let mut fresh = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut fresh).expect("chance never fails");
    values.put(space, key, fresh.to_vec().into(), None, now).await?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &fresh))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
