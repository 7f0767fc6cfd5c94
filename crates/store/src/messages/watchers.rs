//! Who is told of the changes of an account?

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mail::ModSeq;
use tokio::sync::watch;

/// Accounts that are watched before those that nobody watches any more are looked for.
const SWEEP_MIN: usize = 64;

/// The accounts that somebody watches, or did a while ago.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    by_account: Mutex<Watched>,
    /// How many there are: most stores have deliveries and no sessions.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Watched {
    senders: BTreeMap<String, watch::Sender<ModSeq>>,
    /// At so many they are swept.
    sweep_at: usize,
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.by_account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to watch.
    pub(crate) fn watch(&self, account: String) -> watch::Receiver<ModSeq> {
        let mut watched = self.lock();
        if watched.senders.len() >= watched.sweep_at.max(SWEEP_MIN) {
            watched.senders.retain(|_, sender| sender.receiver_count() > 0);
            watched.sweep_at = watched.senders.len() * 2;
        }
        let receiver = watched.senders.entry(account).or_default().subscribe();
        self.count.store(watched.senders.len(), Ordering::SeqCst);
        receiver
    }

    /// Tells of what was committed. Whoever begins to watch after this was called reads what was committed before.
    pub(crate) fn tell<'a>(&self, changes: impl IntoIterator<Item = (&'a str, ModSeq)>) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut watched = self.lock();
        for (account, modseq) in changes {
            let nobody = watched.senders.get(account).is_some_and(|sender| sender.send(modseq).is_err());
            if nobody {
                watched.senders.remove(account);
            }
        }
        self.count.store(watched.senders.len(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_watches_is_told_and_nobody_else_is_kept() {
        let watchers = Watchers::default();
        let ann = watchers.watch("ann".into());
        drop(watchers.watch("bob".into()));
        watchers.tell([("ann", ModSeq(3)), ("bob", ModSeq(4)), ("eve", ModSeq(5))]);
        assert!(ann.has_changed().unwrap());
        assert_eq!(*ann.borrow(), ModSeq(3));
        assert_eq!(watchers.count.load(Ordering::SeqCst), 1);
        for number in 0..1000 {
            watchers.watch(number.to_string());
        }
        assert!(watchers.count.load(Ordering::SeqCst) <= 2 * SWEEP_MIN);
    }
}
