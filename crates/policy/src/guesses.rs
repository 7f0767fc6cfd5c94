//! May this client try another password for this account, and when else?
//!
//! Failures are counted by client, who may try many accounts, and by account, which many clients may try. Where an
//! account has come from before, others do not lock it out: there, failures at this account are counted for the pair, and
//! no right password forgives them, as several people may share an address. What is remembered is bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::limits::{
    GUESSES_ACCOUNT_MAX, GUESSES_ACCOUNT_WINDOW, GUESSES_CLIENT_MAX, GUESSES_CLIENT_WINDOW,
    GUESSES_REMEMBERED_MAX,
};

/// How often guesses failed of late. `A` names an account, which need not exist.
#[derive(Clone, Debug)]
pub struct Guesses<A> {
    clients: Tally<IpAddr>,
    accounts: Tally<A>,
    pairs: Tally<(IpAddr, A)>,
    known: BTreeSet<(IpAddr, A)>,
}

impl<A: Ord + Clone> Default for Guesses<A> {
    fn default() -> Self {
        Guesses {
            clients: Tally::new(GUESSES_CLIENT_MAX, GUESSES_CLIENT_WINDOW),
            accounts: Tally::new(GUESSES_ACCOUNT_MAX, GUESSES_ACCOUNT_WINDOW),
            pairs: Tally::new(GUESSES_ACCOUNT_MAX, GUESSES_ACCOUNT_WINDOW),
            known: BTreeSet::new(),
        }
    }
}

impl<A: Ord + Clone> Guesses<A> {
    /// How long the client must wait before anything is looked at; nothing if it may try now. `now` is the time since
    /// any fixed beginning.
    pub fn wait(&self, client: IpAddr, account: Option<&A>, now: Duration) -> Option<Duration> {
        let client = network(client);
        let of_client = self.clients.wait(&client, now);
        let of_account = account.and_then(|account| {
            let pair = (client, account.clone());
            match self.known.contains(&pair) {
                true => self.pairs.wait(&pair, now),
                false => self.accounts.wait(account, now),
            }
        });
        of_client.max(of_account)
    }

    /// The password was right.
    pub fn succeeded(&mut self, client: IpAddr, account: A) {
        let client = network(client);
        self.clients.counts.remove(&client);
        let pair = (client, account);
        if self.known.len() >= GUESSES_REMEMBERED_MAX && !self.known.contains(&pair) {
            self.known.pop_first();
        }
        self.known.insert(pair);
    }

    /// It was not, or there is no such account.
    pub fn failed(&mut self, client: IpAddr, account: Option<A>, now: Duration) {
        let client = network(client);
        self.clients.add(client, now);
        let Some(account) = account else { return };
        let pair = (client, account);
        if self.known.contains(&pair) { self.pairs.add(pair, now) } else { self.accounts.add(pair.1, now) }
    }
}

/// Whoever has one IPv6 address has all of its /64.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Counts by key, each within a window that begins with its first failure.
#[derive(Clone, Debug)]
struct Tally<K> {
    counts: BTreeMap<K, (u32, Duration)>,
    failures_max: u32,
    window: Duration,
}

impl<K: Ord> Tally<K> {
    fn new(failures_max: u32, window: Duration) -> Self {
        Tally { counts: BTreeMap::new(), failures_max, window }
    }

    fn wait(&self, key: &K, now: Duration) -> Option<Duration> {
        let &(count, since) = self.counts.get(key)?;
        let end = since.saturating_add(self.window);
        (count >= self.failures_max && now < end).then(|| end - now)
    }

    fn add(&mut self, key: K, now: Duration) {
        if self.counts.len() >= GUESSES_REMEMBERED_MAX && !self.counts.contains_key(&key) {
            let window = self.window;
            self.counts.retain(|_, &mut (_, since)| now < since.saturating_add(window));
            if self.counts.len() >= GUESSES_REMEMBERED_MAX {
                self.counts.pop_first();
            }
        }
        let (count, since) = self.counts.entry(key).or_insert((0, now));
        if now >= since.saturating_add(self.window) {
            (*count, *since) = (0, now);
        }
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Duration = Duration::from_secs(1_000);

    fn client(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    // proves: H23, L2
    #[test]
    fn a_client_has_a_few_tries() {
        let mut guesses = Guesses::default();
        for number in 0..GUESSES_CLIENT_MAX {
            assert_eq!(guesses.wait(client(1), Some(&number), T), None);
            guesses.failed(client(1), Some(number), T);
        }
        assert_eq!(guesses.wait(client(1), Some(&99), T), Some(GUESSES_CLIENT_WINDOW));
        assert_eq!(guesses.wait(client(1), None, T), Some(GUESSES_CLIENT_WINDOW));
        assert_eq!(guesses.wait(client(2), Some(&99), T), None);
        assert_eq!(guesses.wait(client(1), Some(&99), T + GUESSES_CLIENT_WINDOW), None);
        guesses.succeeded(client(1), 99);
        assert_eq!(guesses.wait(client(1), Some(&99), T), None);
    }

    // proves: H23, L2
    #[test]
    fn many_clients_do_not_have_more_tries_at_one_account_and_lock_nobody_out() {
        let mut guesses = Guesses::default();
        guesses.succeeded(client(200), "alice");
        for number in 0..20 {
            assert_eq!(guesses.wait(client(number), Some(&"alice"), T), None);
            guesses.failed(client(number), Some("alice"), T);
        }
        assert!(guesses.wait(client(100), Some(&"alice"), T).is_some());
        assert_eq!(guesses.wait(client(100), Some(&"bob"), T), None);
        assert_eq!(guesses.wait(client(200), Some(&"alice"), T), None);
        assert_eq!(guesses.wait(client(100), Some(&"alice"), T + GUESSES_ACCOUNT_WINDOW), None);
    }

    // proves: L2
    #[test]
    fn right_logins_of_ones_own_bring_no_more_tries_at_a_neighbours_account() {
        let mut guesses = Guesses::default();
        guesses.succeeded(client(1), "anna");
        for _ in 0..GUESSES_ACCOUNT_MAX {
            assert_eq!(guesses.wait(client(1), Some(&"anna"), T), None);
            guesses.failed(client(1), Some("anna"), T);
            guesses.succeeded(client(1), "bert");
        }
        assert_eq!(guesses.wait(client(1), Some(&"anna"), T), Some(GUESSES_ACCOUNT_WINDOW));
        assert_eq!(guesses.wait(client(1), Some(&"bert"), T), None);
        assert_eq!(guesses.wait(client(2), Some(&"anna"), T), None);
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let mut guesses = Guesses::<&str>::default();
        for number in 0..GUESSES_CLIENT_MAX {
            let address = format!("2001:db8::{number}").parse().unwrap();
            guesses.failed(address, None, T);
        }
        assert!(guesses.wait("2001:db8::ffff".parse().unwrap(), None, T).is_some());
        assert!(guesses.wait("2001:db8:0:1::1".parse().unwrap(), None, T).is_none());
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(network(mapped), client(1));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut guesses = Guesses::default();
        for number in 0..10_100_u32 {
            guesses.failed(IpAddr::from(number.to_be_bytes()), Some(number), T);
            guesses.succeeded(client(1), number);
        }
        assert!(guesses.clients.counts.len() <= GUESSES_REMEMBERED_MAX);
        assert!(guesses.accounts.counts.len() <= GUESSES_REMEMBERED_MAX);
        assert!(guesses.known.len() <= GUESSES_REMEMBERED_MAX);
    }
}
