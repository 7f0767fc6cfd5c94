//! Who is this? Passwords, app passwords and tokens, with wrong guesses slowed for all services together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use mail::{Address, Clock, Timestamp};
use policy::Configuration;
use policy::admit::default_domain;
use policy::guesses::Guesses;
use policy::settings::{Account, DirectoryKind};
use store::{KeyValues, StoreError};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use crate::elsewhere::{Elsewhere, Found, Server, Ways};
use crate::ldap::{self, Ldap};
use crate::password::{PASSWORD_BYTES_MAX, verify};
use crate::proven::{Mark, PROVEN_MAX, Proven};
use crate::{Authentication, Client, Credentials, Directory, Known, ScramKeys, app_passwords, oidc, scram};

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
    elsewhere: Option<Elsewhere>,
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
    whose: Whose,
    password: String,
}

/// Who knows the account.
enum Whose {
    Nobodys,
    Own(Arc<Account>),
    /// A directory elsewhere, which may not know it either.
    There(Arc<Server>, Option<Found>),
}

impl Whose {
    fn account(&self) -> Option<&Arc<Account>> {
        match self {
            Whose::Nobodys => None,
            Whose::Own(account) => Some(account),
            Whose::There(_, found) => found.as_ref().map(Found::account),
        }
    }
}

impl Accounts {
    /// The accounts of the configuration in force; app passwords lie in `values`.
    pub fn new(
        configuration: watch::Receiver<Arc<Configuration>>,
        values: Arc<dyn KeyValues>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self::with(configuration, values, clock, None)
    }

    /// The same, and those of directories elsewhere.
    pub fn with(
        configuration: watch::Receiver<Arc<Configuration>>,
        values: Arc<dyn KeyValues>,
        clock: Arc<dyn Clock>,
        ways: Option<Ways>,
    ) -> Self {
        Accounts(Arc::new(Inner {
            configuration,
            values,
            clock,
            elsewhere: ways.map(Elsewhere::new),
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
        match inner.app_password(&asked).await {
            Ok(Some(account)) => return inner.right(&asked, account),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "app passwords cannot be read: nobody is let in now");
                return Authentication::NotNow;
            }
        }
        let mark = inner.mark(&asked);
        if let Some(account) = asked.whose.account()
            && lock(&inner.proven).holds(&mark, inner.begun.elapsed())
        {
            return inner.right(&asked, Arc::clone(account));
        }
        if let Whose::There(server, found) = &asked.whose
            && let Some(ldap) = server.ldap()
        {
            let found = found.as_ref().and_then(Found::entry);
            return inner.bound(&asked, (server, ldap), found, &mark).await;
        }
        let Some(turn) = inner.turn().await else { return Authentication::NotNow };
        let inner = Arc::clone(inner);
        // Whoever asked may go away: the guess is looked at to its end, and counted.
        let working = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            inner.look(&asked, &mark)
        });
        working.await.unwrap_or(Authentication::NotNow)
    }

    async fn token(&self, client: Client, name: Option<&str>, token: &str) -> Authentication {
        let inner = &self.0;
        let configuration = Arc::clone(&inner.configuration.borrow());
        let asked = |name| Asked { client, name, whose: Whose::Nobodys, password: String::new() };
        let nobody = asked(None);
        if inner.must_wait(&nobody) {
            return Authentication::NotNow;
        }
        let Some(server) = inner.issuer(&configuration, token) else { return inner.wrong(&nobody) };
        let Some(oidc) = server.oidc() else { return inner.wrong(&nobody) };
        let owner = match oidc.owner(token, inner.clock.now()).await {
            Ok(owner) => owner,
            Err(why) => return inner.unanswered(&server, &why),
        };
        let account = owner.as_ref().and_then(|owner| configuration.account(owner)).cloned();
        // An issuer says who somebody is in the domains that name it, and in no others.
        let answers_for = |account: &Account| {
            let of_domain = configuration.directory_of(&account.name.domain);
            of_domain.is_some_and(|directory| directory.name == server.name())
        };
        let said = name.map(|name| named(&configuration, name));
        let is_said = |account: &Account| match &said {
            None => true,
            Some(said) => said
                .as_ref()
                .and_then(|said| configuration.account(said))
                .is_some_and(|one| one.name == account.name),
        };
        match account.filter(|account| answers_for(account) && is_said(account)) {
            Some(account) => inner.right(&asked(Some(account.name.clone())), account),
            None => inner.wrong(&asked(said.flatten())),
        }
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
            Credentials::Token { name, token } => return self.token(client, name.as_deref(), &token).await,
        };
        let (name, account) = self.0.named(&name);
        let whose = account.map_or(Whose::Nobodys, Whose::Own);
        let mut asked = Asked { client, name, whose, password };
        if self.0.must_wait(&asked) || asked.password.len() > PASSWORD_BYTES_MAX {
            return Authentication::NotNow;
        }
        if let (Whose::Nobodys, Some(name)) = (&asked.whose, &asked.name)
            && let Some(server) = self.0.server_of(name)
        {
            let found = match server.find(name, self.0.begun.elapsed()).await {
                Ok(found) => found,
                Err(why) => return self.0.unanswered(&server, &why),
            };
            asked.name = found.as_ref().map(|found| found.account().name.clone()).or(asked.name);
            asked.whose = Whose::There(server, found);
        }
        self.password(asked).await
    }

    async fn account(&self, address: &Address) -> Known {
        let own = self.0.configuration.borrow().account(address).cloned();
        if let Some(account) = own {
            return Known::Is(account);
        }
        let Some(server) = self.0.server_of(address) else { return Known::Nobody };
        match server.find(address, self.0.begun.elapsed()).await {
            Ok(Some(found)) => Known::Is(Arc::clone(found.account())),
            Ok(None) => Known::Nobody,
            Err(why) => {
                self.0.unanswered(&server, &why);
                Known::NotNow
            }
        }
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
        let asked = Asked { client, name, whose: Whose::Nobodys, password: String::new() };
        // Many may have been given keys before the first of them was wrong.
        if self.0.must_wait(&asked) {
            return Authentication::NotNow;
        }
        match account {
            Some(account) if proven => self.0.right(&asked, account),
            _ => self.0.wrong(&asked),
        }
    }
}

impl Inner {
    /// The name that is counted by, and our own account that has it.
    fn named(&self, typed: &str) -> (Option<Address>, Option<Arc<Account>>) {
        let configuration = Arc::clone(&self.configuration.borrow());
        let named = named(&configuration, typed);
        let account = named.as_ref().and_then(|named| configuration.account(named)).cloned();
        (account.as_ref().map(|account| account.name.clone()).or(named), account)
    }

    /// The directory elsewhere that is to be asked about an address.
    fn server_of(&self, address: &Address) -> Option<Arc<Server>> {
        let configuration = Arc::clone(&self.configuration.borrow());
        let settings = configuration.elsewhere(address)?;
        Some(self.elsewhere.as_ref()?.server(&configuration, settings))
    }

    /// The issuer of a token, if we know it.
    fn issuer(&self, configuration: &Configuration, token: &str) -> Option<Arc<Server>> {
        let issuer = oidc::issuer(token)?;
        let elsewhere = self.elsewhere.as_ref()?;
        let settings = configuration.directories.values().find(|directory| match &directory.kind {
            DirectoryKind::Oidc(provider) => provider.issuer == issuer,
            DirectoryKind::Internal | DirectoryKind::Ldap(_) | DirectoryKind::Sql(_) => false,
        })?;
        Some(elsewhere.server(configuration, settings))
    }

    fn unanswered(&self, server: &Server, why: &str) -> Authentication {
        tracing::warn!(directory = server.name(), why, "a directory does not answer");
        Authentication::NotNow
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
        let (Some(key), Some(account)) = (found, asked.whose.account()) else { return Ok(None) };
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

    /// Has an LDAP server look at a password.
    async fn bound(
        &self,
        asked: &Asked,
        (server, ldap): (&Server, &Ldap),
        found: Option<&ldap::Found>,
        mark: &Mark,
    ) -> Authentication {
        let _turn = match ldap.turn().await {
            Ok(turn) => turn,
            Err(why) => return self.unanswered(server, &why),
        };
        // Others may have guessed while this one waited.
        if self.must_wait(asked) {
            return Authentication::NotNow;
        }
        let mut guess = Guess { inner: self, asked, is_open: true };
        let right = ldap.is_right(found, &asked.password).await;
        guess.is_open = false;
        match right {
            Ok(right) => self.decided(asked, right, mark),
            Err(why) => self.unanswered(server, &why),
        }
    }

    /// Looks at a password; runs on a blocking thread.
    fn look(&self, asked: &Asked, mark: &Mark) -> Authentication {
        // Others may have guessed while this one waited.
        if self.must_wait(asked) {
            return Authentication::NotNow;
        }
        let secret = match &asked.whose {
            Whose::Own(account) => account.secret.as_ref(),
            Whose::There(_, Some(Found::Sql(_, secret))) => secret.as_ref(),
            Whose::There(_, Some(Found::Ldap(_)) | None) | Whose::Nobodys => None,
        };
        self.decided(asked, verify(secret, &asked.password), mark)
    }

    fn decided(&self, asked: &Asked, right: bool, mark: &Mark) -> Authentication {
        match asked.whose.account() {
            Some(account) if right => {
                let long = match &asked.whose {
                    Whose::There(server, _) => server.holds(),
                    Whose::Own(_) | Whose::Nobodys => PROVEN_MAX,
                };
                lock(&self.proven).remember(*mark, self.begun.elapsed(), long);
                self.right(asked, Arc::clone(account))
            }
            _ => {
                if let (Whose::There(server, _), Some(name)) = (&asked.whose, &asked.name) {
                    server.forget(name);
                }
                self.wrong(asked)
            }
        }
    }

    fn mark(&self, asked: &Asked) -> Mark {
        let (place, secret) = match &asked.whose {
            Whose::Nobodys => ("", None),
            Whose::Own(account) => ("", account.secret.as_ref()),
            Whose::There(server, Some(Found::Sql(_, secret))) => (server.name(), secret.as_ref()),
            Whose::There(server, Some(Found::Ldap(_)) | None) => (server.name(), None),
        };
        let name = asked.name.as_ref().map(Address::to_string).unwrap_or_default();
        let secret = secret.map_or("", |secret| secret.expose());
        lock(&self.proven).mark(&[place, &name, secret, &asked.password])
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

/// A guess that a server elsewhere looks at. Whoever goes away before it has answered has guessed wrong.
struct Guess<'g> {
    inner: &'g Inner,
    asked: &'g Asked,
    is_open: bool,
}

impl Drop for Guess<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.inner.wrong(self.asked);
        }
    }
}

/// The address that was typed. A name without a domain is one of the default domain.
fn named(configuration: &Configuration, typed: &str) -> Option<Address> {
    Address::parse(typed)
        .or_else(|_| Address::parse(&format!("{typed}@{}", default_domain(configuration))))
        .ok()
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

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
