//! Who was recognised a moment ago? A client shows its password with each request; hashing it each time would be most
//! of the work.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::{hmac, rand};
use mail::Timestamp;
use policy::Configuration;
use policy::settings::Account;

/// How long a password is believed without being checked again: a withdrawn one works for so long.
const BELIEVED_FOR: Duration = Duration::from_secs(30);
/// Credentials that are remembered at once.
const REMEMBERED_MAX: usize = 10_000;

type Print = [u8; 32];

/// Credentials that were right, as keyed hashes; never those that were wrong. Clones share it.
#[derive(Clone)]
pub(crate) struct Recognised(Arc<Inner>);

struct Inner {
    key: hmac::Key,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The configuration under which it is so.
    configuration: Option<Arc<Configuration>>,
    accounts: BTreeMap<Print, (Timestamp, Arc<Account>)>,
}

impl Recognised {
    /// Nobody yet; `None` if the system has no randomness.
    pub(crate) fn new() -> Option<Self> {
        let mut secret = [0; 32];
        rand::fill(&mut secret).ok()?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        Some(Recognised(Arc::new(Inner { key, known: Mutex::default() })))
    }

    /// Whose these credentials are, if they were right under this configuration a moment ago.
    pub(crate) fn find(
        &self,
        credentials: &[u8],
        configuration: &Arc<Configuration>,
        now: Timestamp,
    ) -> Option<Arc<Account>> {
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.configuration.as_ref().is_some_and(|known| Arc::ptr_eq(known, configuration)) {
            return None;
        }
        let (until, account) = known.accounts.get(&self.print(credentials))?;
        (now < *until).then(|| Arc::clone(account))
    }

    /// These credentials are right.
    pub(crate) fn remember(
        &self,
        credentials: &[u8],
        account: &Arc<Account>,
        configuration: &Arc<Configuration>,
        now: Timestamp,
    ) {
        let print = self.print(credentials);
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.configuration.as_ref().is_some_and(|known| Arc::ptr_eq(known, configuration)) {
            known.accounts.clear();
            known.configuration = Some(Arc::clone(configuration));
        }
        if known.accounts.len() >= REMEMBERED_MAX {
            known.accounts.retain(|_, (until, _)| now < *until);
        }
        if known.accounts.len() < REMEMBERED_MAX {
            known.accounts.insert(print, (now.plus(BELIEVED_FOR), Arc::clone(account)));
        }
    }

    fn print(&self, credentials: &[u8]) -> Print {
        let tag = hmac::sign(&self.0.key, credentials);
        let mut print = [0; 32];
        print.copy_from_slice(tag.as_ref());
        print
    }
}
