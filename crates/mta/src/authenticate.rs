//! Is this user who it says it is? Costs the same whether there is such a user or not.
//!
//! One task owns the tables of failures; the work itself is done on blocking threads, a few at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use mail::Address;
use policy::Configuration;
use policy::admit::default_domain;
use policy::settings::Secret;
use subtle::ConstantTimeEq;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use wire::sasl::PlainCredentials;

/// Passwords checked at once: each takes some 20 MiB and a core.
const CHECKS_MAX: usize = 4;
/// Checks that wait for their turn at most.
const WAITING_MAX: usize = 64;
/// Failures from one client within [`CLIENT_WINDOW`] at most; more are not even looked at.
const CLIENT_FAILURES_MAX: u32 = 5;
/// How long a client's failures are remembered.
const CLIENT_WINDOW: Duration = Duration::from_secs(60);
/// Failures for one account within [`ACCOUNT_WINDOW`] at most, from clients that it never came from.
const ACCOUNT_FAILURES_MAX: u32 = 20;
/// How long the failures for an account are remembered.
const ACCOUNT_WINDOW: Duration = Duration::from_secs(60 * 60);
/// Clients, accounts, and pairs of both that are remembered at most, each.
const REMEMBERED_MAX: usize = 10_000;

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Authentication {
    /// The password is this account's.
    Is(Address),
    /// There is no such account, or it has another password: nobody is told which.
    IsNot,
    /// The client failed too often, or there is no time: nothing was looked at.
    NotNow,
}

/// Asks the owner of the tables.
#[derive(Clone, Debug)]
pub(crate) struct Authenticator(mpsc::Sender<Request>);

#[derive(Debug)]
struct Request {
    client: IpAddr,
    credentials: PlainCredentials,
    configuration: Arc<Configuration>,
    answer: oneshot::Sender<Authentication>,
}

impl Authenticator {
    /// The handle, and the task that it asks; the task ends with the last handle.
    pub(crate) fn new() -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Authenticator(sender), serve(receiver))
    }

    /// Whether these credentials are right. `client` is what failures are counted by.
    pub(crate) async fn check(
        &self,
        client: IpAddr,
        credentials: PlainCredentials,
        configuration: Arc<Configuration>,
    ) -> Authentication {
        let (answer, answered) = oneshot::channel();
        if self.0.send(Request { client, credentials, configuration, answer }).await.is_err() {
            return Authentication::NotNow;
        }
        answered.await.unwrap_or(Authentication::NotNow)
    }
}

/// What a failure is counted by. An account need not exist: whoever guesses names learns nothing from us.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Asker {
    client: IpAddr,
    account: Option<Address>,
}

/// Who asked, and what was found.
type Checked = (Asker, oneshot::Sender<Authentication>, Authentication);

async fn serve(mut requests: mpsc::Receiver<Request>) {
    let mut checks: JoinSet<Checked> = JoinSet::new();
    let mut failures = Failures::default();
    loop {
        tokio::select! {
            biased;
            Some(ended) = checks.join_next(), if !checks.is_empty() => {
                // A check that panicked has dropped its sender: its client is told "not now".
                if let Ok((asker, answer, found)) = ended {
                    failures.count(asker, &found, Instant::now());
                    let _ = answer.send(found);
                }
            }
            request = requests.recv(), if checks.len() < CHECKS_MAX => {
                let Some(request) = request else { break };
                let asker = request.asker();
                if failures.too_many(&asker, Instant::now()) {
                    let _ = request.answer.send(Authentication::NotNow);
                } else {
                    checks.spawn_blocking(move || check(asker, request));
                }
            }
        }
    }
}

impl Request {
    fn asker(&self) -> Asker {
        let named = address(&self.configuration, &self.credentials.username);
        let account = named.map(|named| match self.configuration.account(&named) {
            Some(account) => account.name.clone(),
            None => named,
        });
        Asker { client: self.client, account }
    }
}

/// How often authentication failed of late: from one client, which may try many accounts, and for one account,
/// which many clients may try. Where an account has come from before, it is not locked out by others.
struct Failures {
    clients: Tally<IpAddr>,
    accounts: Tally<Address>,
    known: BTreeSet<Asker>,
}

impl Default for Failures {
    fn default() -> Self {
        Failures {
            clients: Tally::new(CLIENT_FAILURES_MAX, CLIENT_WINDOW),
            accounts: Tally::new(ACCOUNT_FAILURES_MAX, ACCOUNT_WINDOW),
            known: BTreeSet::new(),
        }
    }
}

impl Failures {
    fn too_many(&self, asker: &Asker, now: Instant) -> bool {
        let of_account = asker.account.as_ref().is_some_and(|account| self.accounts.is_full(account, now));
        self.clients.is_full(&asker.client, now) || (of_account && !self.known.contains(asker))
    }

    fn count(&mut self, asker: Asker, found: &Authentication, now: Instant) {
        match found {
            Authentication::Is(_) => {
                self.clients.counts.remove(&asker.client);
                if self.known.len() >= REMEMBERED_MAX && !self.known.contains(&asker) {
                    self.known.pop_first();
                }
                self.known.insert(asker);
            }
            Authentication::IsNot => {
                self.clients.add(asker.client, now);
                if !self.known.contains(&asker)
                    && let Some(account) = asker.account
                {
                    self.accounts.add(account, now);
                }
            }
            Authentication::NotNow => {}
        }
    }
}

/// Counts by key, each within a window that begins with its first failure.
struct Tally<K> {
    counts: BTreeMap<K, (u32, Instant)>,
    failures_max: u32,
    window: Duration,
}

impl<K: Ord> Tally<K> {
    fn new(failures_max: u32, window: Duration) -> Self {
        Tally { counts: BTreeMap::new(), failures_max, window }
    }

    fn is_full(&self, key: &K, now: Instant) -> bool {
        self.counts
            .get(key)
            .is_some_and(|&(count, since)| count >= self.failures_max && now < since + self.window)
    }

    fn add(&mut self, key: K, now: Instant) {
        if self.counts.len() >= REMEMBERED_MAX {
            self.counts.retain(|_, &mut (_, since)| now < since + self.window);
        }
        if self.counts.len() >= REMEMBERED_MAX {
            self.counts.pop_first();
        }
        let (count, since) = self.counts.entry(key).or_insert((0, now));
        if now >= *since + self.window {
            (*count, *since) = (0, now);
        }
        *count = count.saturating_add(1);
    }
}

fn check(asker: Asker, request: Request) -> Checked {
    let account = asker.account.as_ref().and_then(|account| request.configuration.account(account));
    let secret = account.and_then(|account| account.secret.as_ref());
    let right = verify(secret, &request.credentials.password);
    let found = match account {
        Some(account) if right => Authentication::Is(account.name.clone()),
        _ => Authentication::IsNot,
    };
    (asker, request.answer, found)
}

/// A user name without a domain is one of the default domain.
fn address(configuration: &Configuration, username: &str) -> Option<Address> {
    Address::parse(username)
        .or_else(|_| Address::parse(&format!("{username}@{}", default_domain(configuration))))
        .ok()
}

/// The work of one argon2id hash is done in every case, so that the time says nothing.
fn verify(secret: Option<&Secret>, password: &str) -> bool {
    let hash = secret.and_then(|secret| PasswordHash::new(secret.expose()).ok());
    if let Some(hash) = hash {
        return Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
    }
    let mut digest = [0_u8; 32];
    let _ = Argon2::default().hash_password_into(password.as_bytes(), b"no such account", &mut digest);
    std::hint::black_box(digest);
    secret.is_some_and(|secret| {
        !secret.expose().starts_with('$') && bool::from(secret.expose().as_bytes().ct_eq(password.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::PasswordHasher;

    #[test]
    fn hashes_and_plain_texts_are_compared() {
        let hash = Argon2::default().hash_password_with_salt(b"secret", b"0123456789abcdef").unwrap();
        let hash = Secret::new(hash.to_string());
        assert!(verify(Some(&hash), "secret"));
        assert!(!verify(Some(&hash), "Secret"));
        assert!(!verify(Some(&hash), hash.expose()));
        let plain = Secret::new("secret");
        assert!(verify(Some(&plain), "secret"));
        assert!(!verify(Some(&plain), "Secret"));
        assert!(!verify(Some(&plain), ""));
        assert!(!verify(None, "secret"));
        // A hash that cannot be read is nobody's password.
        let broken = Secret::new("$argon2id$v=19$broken");
        assert!(!verify(Some(&broken), "$argon2id$v=19$broken"));
    }

    fn asker(client: u8, account: &str) -> Asker {
        Asker { client: IpAddr::from([192, 0, 2, client]), account: Address::parse(account).ok() }
    }

    fn is(account: &str) -> Authentication {
        Authentication::Is(Address::parse(account).unwrap())
    }

    // proves: H23
    #[test]
    fn a_client_has_a_few_tries() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for number in 0..CLIENT_FAILURES_MAX {
            let other = asker(1, &format!("a{number}@b"));
            assert!(!failures.too_many(&other, now));
            failures.count(other, &Authentication::IsNot, now);
        }
        assert!(failures.too_many(&asker(1, "a@b"), now));
        assert!(!failures.too_many(&asker(2, "a@b"), now));
        assert!(!failures.too_many(&asker(1, "a@b"), now + CLIENT_WINDOW));
        failures.count(asker(1, "a@b"), &is("a@b"), now);
        assert!(!failures.too_many(&asker(1, "a@b"), now));
    }

    // proves: H23
    #[test]
    fn many_clients_do_not_have_more_tries_at_one_account_and_lock_nobody_out() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        failures.count(asker(200, "a@b"), &is("a@b"), now);
        for client in 0..20 {
            assert!(!failures.too_many(&asker(client, "a@b"), now));
            failures.count(asker(client, "a@b"), &Authentication::IsNot, now);
        }
        assert!(failures.too_many(&asker(100, "a@b"), now));
        assert!(!failures.too_many(&asker(100, "c@b"), now));
        assert!(!failures.too_many(&asker(200, "a@b"), now));
        assert!(!failures.too_many(&asker(100, "a@b"), now + ACCOUNT_WINDOW));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for number in 0..10_100_u32 {
            let client = IpAddr::from(number.to_be_bytes());
            let account = Address::parse(&format!("a{number}@b")).ok();
            failures.count(Asker { client, account: account.clone() }, &Authentication::IsNot, now);
            failures.count(Asker { client: IpAddr::from([192, 0, 2, 1]), account }, &is("a@b"), now);
        }
        assert!(failures.clients.counts.len() <= REMEMBERED_MAX);
        assert!(failures.accounts.counts.len() <= REMEMBERED_MAX);
        assert!(failures.known.len() <= REMEMBERED_MAX);
    }
}
