//! Is this user who it says it is? Costs the same whether there is such a user or not.
//!
//! One task owns the table of wrong guesses; the work itself is done on blocking threads, a few at a time.

use std::net::IpAddr;
use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use mail::Address;
use policy::Configuration;
use policy::admit::default_domain;
use policy::guesses::Guesses;
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
    let mut guesses = Guesses::default();
    let begun = Instant::now();
    loop {
        tokio::select! {
            biased;
            Some(ended) = checks.join_next(), if !checks.is_empty() => {
                // A check that panicked has dropped its sender: its client is told "not now".
                if let Ok((asker, answer, found)) = ended {
                    match &found {
                        Authentication::Is(_) => {
                            if let Some(account) = asker.account {
                                guesses.succeeded(asker.client, account);
                            }
                        }
                        Authentication::IsNot => guesses.failed(asker.client, asker.account, begun.elapsed()),
                        Authentication::NotNow => {}
                    }
                    let _ = answer.send(found);
                }
            }
            request = requests.recv(), if checks.len() < CHECKS_MAX => {
                let Some(request) = request else { break };
                let asker = request.asker();
                if guesses.wait(asker.client, asker.account.as_ref(), begun.elapsed()).is_some() {
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
}
