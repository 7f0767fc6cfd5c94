//! Is this user who it says it is? Costs the same whether there is such a user or not.
//!
//! One task owns the table of failures; the work itself is done on blocking threads, a few at a time.

use std::collections::BTreeMap;
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
/// Failures from one client within [`FAILURE_WINDOW`] at most; more are not even looked at.
const FAILURES_MAX: u32 = 5;
/// How long a client's failures are remembered.
const FAILURE_WINDOW: Duration = Duration::from_secs(60);
/// Clients whose failures are remembered at most.
const CLIENTS_MAX: usize = 10_000;

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

/// Asks the owner of the table.
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

/// Who asked, and what was found.
type Checked = (IpAddr, oneshot::Sender<Authentication>, Authentication);

async fn serve(mut requests: mpsc::Receiver<Request>) {
    let mut checks: JoinSet<Checked> = JoinSet::new();
    let mut failures = Failures::default();
    loop {
        tokio::select! {
            biased;
            Some(ended) = checks.join_next(), if !checks.is_empty() => {
                // A check that panicked has dropped its sender: its client is told "not now".
                if let Ok((client, answer, found)) = ended {
                    failures.count(client, &found, Instant::now());
                    let _ = answer.send(found);
                }
            }
            request = requests.recv(), if checks.len() < CHECKS_MAX => {
                let Some(request) = request else { break };
                if failures.too_many(request.client, Instant::now()) {
                    let _ = request.answer.send(Authentication::NotNow);
                } else {
                    checks.spawn_blocking(move || check(request));
                }
            }
        }
    }
}

/// How often clients failed of late.
#[derive(Default)]
struct Failures(BTreeMap<IpAddr, (u32, Instant)>);

impl Failures {
    fn too_many(&self, client: IpAddr, now: Instant) -> bool {
        self.0
            .get(&client)
            .is_some_and(|&(count, since)| count >= FAILURES_MAX && now < since + FAILURE_WINDOW)
    }

    fn count(&mut self, client: IpAddr, found: &Authentication, now: Instant) {
        match found {
            Authentication::Is(_) => {
                self.0.remove(&client);
            }
            Authentication::IsNot => {
                if self.0.len() >= CLIENTS_MAX {
                    self.0.retain(|_, &mut (_, since)| now < since + FAILURE_WINDOW);
                }
                if self.0.len() >= CLIENTS_MAX {
                    self.0.pop_first();
                }
                let entry = self.0.entry(client).or_insert((0, now));
                if now >= entry.1 + FAILURE_WINDOW {
                    *entry = (0, now);
                }
                entry.0 = entry.0.saturating_add(1);
            }
            Authentication::NotNow => {}
        }
    }
}

fn check(request: Request) -> Checked {
    let Request { client, credentials, configuration, answer } = request;
    let account = find(&configuration, &credentials.username);
    let secret = account.and_then(|account| account.secret.as_ref());
    let right = verify(secret, &credentials.password);
    let found = match account {
        Some(account) if right => Authentication::Is(account.name.clone()),
        _ => Authentication::IsNot,
    };
    (client, answer, found)
}

/// A user name without a domain is one of the default domain.
fn find<'a>(configuration: &'a Configuration, username: &str) -> Option<&'a policy::settings::Account> {
    let address = Address::parse(username)
        .or_else(|_| Address::parse(&format!("{username}@{}", default_domain(configuration))))
        .ok()?;
    configuration.account(&address).map(Arc::as_ref)
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

    #[test]
    fn failures_are_counted_for_a_while() {
        let client = IpAddr::from([192, 0, 2, 1]);
        let (mut failures, now) = (Failures::default(), Instant::now());
        for _ in 0..FAILURES_MAX {
            assert!(!failures.too_many(client, now));
            failures.count(client, &Authentication::IsNot, now);
        }
        assert!(failures.too_many(client, now));
        assert!(!failures.too_many(IpAddr::from([192, 0, 2, 2]), now));
        assert!(!failures.too_many(client, now + FAILURE_WINDOW));
        failures.count(client, &Authentication::Is(Address::parse("a@b").unwrap()), now);
        assert!(!failures.too_many(client, now));
    }

    #[test]
    fn the_table_of_failures_is_bounded() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for number in 0..12_000_u32 {
            failures.count(IpAddr::from(number.to_be_bytes()), &Authentication::IsNot, now);
        }
        assert!(failures.0.len() <= CLIENTS_MAX);
    }
}
