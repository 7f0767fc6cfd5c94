//! May one more notification go to this address now? Nobody is flooded by what others did in their name.

use std::collections::BTreeMap;
use std::time::Duration;

use mail::{Address, Timestamp};

use super::Standing;
use crate::limits::{
    NOTICE_ADDRESSES_MAX, NOTICES_PER_HOUR_MAX, NOTICES_TO_STRANGERS_PER_HOUR_MAX, NOTICES_WINDOW,
};

/// The notifications of the last hour, by addressee.
#[derive(Debug, Default)]
pub struct NoticeRates {
    /// When an address would be free again if it had got its notifications evenly spread.
    free_at: BTreeMap<Address, Timestamp>,
}

/// When a notification may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Allowance {
    /// Now.
    Now,
    /// It is written now, and goes out then.
    At(Timestamp),
    /// Not at all.
    Never,
}

impl NoticeRates {
    /// Takes one notification into account. Who is known gets all of them, later ones spread over time; a stranger
    /// gets no more than a few.
    pub fn take(&mut self, to: &Address, standing: Standing, now: Timestamp) -> Allowance {
        let per_hour = match standing {
            Standing::Known => NOTICES_PER_HOUR_MAX,
            Standing::Stranger => NOTICES_TO_STRANGERS_PER_HOUR_MAX,
        };
        let share: Duration = NOTICES_WINDOW / per_hour;
        let free_at = self.free_at.get(to).copied().unwrap_or(now).max(now);
        let next = free_at.plus(share);
        let wait = next.since(now).saturating_sub(NOTICES_WINDOW);
        if !wait.is_zero() && standing == Standing::Stranger {
            return Allowance::Never;
        }
        self.remember(to, next, now);
        if wait.is_zero() { Allowance::Now } else { Allowance::At(now.plus(wait)) }
    }

    fn remember(&mut self, to: &Address, next: Timestamp, now: Timestamp) {
        if let Some(free_at) = self.free_at.get_mut(to) {
            *free_at = next;
            return;
        }
        if self.free_at.len() >= NOTICE_ADDRESSES_MAX {
            self.free_at.retain(|_, free_at| *free_at > now);
        }
        // With so many busy addresses, a new one is not counted rather than held up.
        if self.free_at.len() < NOTICE_ADDRESSES_MAX {
            self.free_at.insert(to.clone(), next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn address(n: u32) -> Address {
        Address::parse(&format!("a{n}@example.org")).unwrap()
    }

    // proves: H25
    #[test]
    fn a_stranger_gets_few_and_a_known_sender_all_of_them_later() {
        let mut rates = NoticeRates::default();
        let mut all = |standing, to: u32, count: u32| {
            (0..count).map(|_| rates.take(&address(to), standing, NOW)).collect::<Vec<_>>()
        };
        let few = NOTICES_TO_STRANGERS_PER_HOUR_MAX;
        let strange = all(Standing::Stranger, 1, few + 5);
        let now = strange.iter().filter(|allowance| **allowance == Allowance::Now).count();
        assert_eq!(now, usize::try_from(few).unwrap());
        assert_eq!(strange.last(), Some(&Allowance::Never));
        let many = NOTICES_PER_HOUR_MAX;
        let known = all(Standing::Known, 2, many + 2);
        let share = NOTICES_WINDOW / many;
        assert_eq!(
            known[usize::try_from(many).unwrap()..],
            [Allowance::At(NOW.plus(share)), Allowance::At(NOW.plus(share * 2))]
        );
        assert_eq!(rates.take(&address(1), Standing::Stranger, NOW.plus(NOTICES_WINDOW)), Allowance::Now);
    }

    #[test]
    fn remembers_no_more_addresses_than_it_may() {
        let mut rates = NoticeRates::default();
        let count = u32::try_from(NOTICE_ADDRESSES_MAX).unwrap() + 100;
        for n in 0..count {
            assert_eq!(rates.take(&address(n), Standing::Stranger, NOW), Allowance::Now);
        }
        assert_eq!(rates.free_at.len(), NOTICE_ADDRESSES_MAX);
        rates.take(&address(count), Standing::Stranger, NOW.plus(NOTICES_WINDOW));
        assert_eq!(rates.free_at.len(), 1, "those whose hour is over are forgotten");
    }
}
