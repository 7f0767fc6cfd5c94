//! Who reads which inbox by POP3? One session at a time has it (RFC 1939 section 4).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use mail::Address;

/// The inboxes that are being read; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Maildrops(Arc<Mutex<BTreeSet<Address>>>);

/// The right to read an inbox; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    drops: Maildrops,
    account: Address,
}

impl Maildrops {
    /// Takes the inbox of this account, unless somebody has it.
    pub(super) fn claim(&self, account: &Address) -> Option<Claim> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(account.clone()).then(|| Claim { drops: self.clone(), account: account.clone() })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.drops.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inbox_has_one_reader_until_it_leaves() {
        let drops = Maildrops::default();
        let (anna, bert) = (Address::parse("anna@example.org"), Address::parse("bert@example.org"));
        let (anna, bert) = (anna.unwrap(), bert.unwrap());
        let first = drops.claim(&anna).unwrap();
        assert!(drops.claim(&anna).is_none());
        assert!(drops.clone().claim(&bert).is_some());
        drop(first);
        assert!(drops.claim(&anna).is_some());
    }
}
