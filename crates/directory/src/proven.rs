//! Which passwords were right a moment ago? A client that asks often is not made to wait for argon2id each time.
//!
//! What is remembered is a keyed hash over the account, its secret as it is now, and the password: when the secret
//! changes, nothing that was remembered fits any more.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::hmac;

/// How long a password that was right is taken without being looked at again.
pub(crate) const PROVEN_MAX: Duration = Duration::from_secs(5 * 60);
/// Passwords remembered at most.
const REMEMBERED_MAX: usize = 10_000;

/// What stands for an account with a secret and a password.
pub(crate) type Mark = [u8; 32];

/// What was right, and until when it holds.
pub(crate) struct Proven {
    key: hmac::Key,
    marks: BTreeMap<Mark, Duration>,
}

impl Default for Proven {
    fn default() -> Self {
        let mut key = [0_u8; 32];
        aws_lc_rs::rand::fill(&mut key).expect("chance never fails");
        Proven { key: hmac::Key::new(hmac::HMAC_SHA256, &key), marks: BTreeMap::new() }
    }
}

impl Proven {
    /// The mark of these parts, in this order.
    pub(crate) fn mark(&self, parts: &[&str]) -> Mark {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign().as_ref().try_into().expect("SHA-256 makes 32 bytes")
    }

    /// Whether it was right a moment ago. `now` is the time since any fixed beginning.
    pub(crate) fn holds(&self, mark: &Mark, now: Duration) -> bool {
        self.marks.get(mark).is_some_and(|&until| now < until)
    }

    /// It is right now, and taken so for this long, but not for ever.
    pub(crate) fn remember(&mut self, mark: Mark, now: Duration, long: Duration) {
        if self.marks.len() >= REMEMBERED_MAX {
            self.marks.retain(|_, &mut until| now < until);
            if self.marks.len() >= REMEMBERED_MAX {
                self.marks.clear();
            }
        }
        self.marks.insert(mark, now.saturating_add(long.min(PROVEN_MAX)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_for_a_while_and_for_the_same_parts_only() {
        let mut proven = Proven::default();
        let now = Duration::from_secs(1_000);
        let mark = proven.mark(&["anna", "hash", "secret"]);
        assert!(!proven.holds(&mark, now));
        proven.remember(mark, now, Duration::MAX);
        assert!(proven.holds(&mark, now));
        assert!(!proven.holds(&proven.mark(&["anna", "hash2", "secret"]), now));
        assert!(!proven.holds(&proven.mark(&["annah", "ash", "secret"]), now));
        assert!(!proven.holds(&mark, now + PROVEN_MAX));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut proven = Proven::default();
        for number in 0..REMEMBERED_MAX + 10 {
            proven.remember(proven.mark(&[&number.to_string()]), Duration::ZERO, PROVEN_MAX);
        }
        assert!(proven.marks.len() <= REMEMBERED_MAX);
    }
}
