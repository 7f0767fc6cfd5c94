//! Sets of numbers as IMAP has them: ranges, in order, kept apart.

use std::fmt;
use std::ops::RangeInclusive;

/// Numbers from 1 to 2³²−1, kept as ranges that neither overlap nor touch. What a mailbox of a million messages holds
/// is mostly one range.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UidSet {
    ranges: Vec<(u32, u32)>,
}

impl UidSet {
    /// The empty set.
    pub const EMPTY: UidSet = UidSet { ranges: Vec::new() };

    /// A single number.
    pub fn one(number: u32) -> Self {
        UidSet { ranges: vec![(number, number)] }
    }

    /// All from the first to the last, in whichever order they are given.
    pub fn range(first: u32, last: u32) -> Self {
        UidSet { ranges: vec![(first.min(last), first.max(last))] }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many numbers.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|(first, last)| u64::from(last - first) + 1).sum()
    }

    /// The ranges, in order.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = RangeInclusive<u32>> + '_ {
        self.ranges.iter().map(|&(first, last)| first..=last)
    }

    /// The numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges().flatten()
    }

    /// The least number.
    pub fn first(&self) -> Option<u32> {
        self.ranges.first().map(|range| range.0)
    }

    /// The greatest number.
    pub fn last(&self) -> Option<u32> {
        self.ranges.last().map(|range| range.1)
    }

    /// Whether the number is in it.
    pub fn contains(&self, number: u32) -> bool {
        let at = self.ranges.partition_point(|range| range.1 < number);
        self.ranges.get(at).is_some_and(|range| range.0 <= number)
    }

    /// How many numbers are not greater than this one: the message sequence number of a UID that is in it.
    pub fn rank(&self, number: u32) -> u64 {
        let whole = self.ranges.iter().take_while(|range| range.1 <= number);
        let count: u64 = whole.clone().map(|(first, last)| u64::from(last - first) + 1).sum();
        match self.ranges.get(whole.count()) {
            Some((first, _)) if *first <= number => count + u64::from(number - first) + 1,
            _ => count,
        }
    }

    /// The number at a place, counted from 1: the UID of a message sequence number.
    pub fn nth(&self, place: u32) -> Option<u32> {
        let mut left = place.checked_sub(1)?;
        for (first, last) in &self.ranges {
            if left <= last - first {
                return Some(first + left);
            }
            left = left.checked_sub(last - first)?.checked_sub(1)?;
        }
        None
    }

    /// Adds a number; at the end it is cheap.
    pub fn insert(&mut self, number: u32) {
        self.insert_range(number, number);
    }

    /// Adds all from the first to the last.
    pub fn insert_range(&mut self, first: u32, last: u32) {
        let (first, last) = (first.min(last), first.max(last));
        let from = self.ranges.partition_point(|range| range.1.saturating_add(1) < first);
        let to = self.ranges.partition_point(|range| range.0 <= last.saturating_add(1));
        if from >= to {
            return self.ranges.insert(from, (first, last));
        }
        let joined = (self.ranges[from].0.min(first), self.ranges[to - 1].1.max(last));
        self.ranges.splice(from..to, [joined]);
    }

    /// Removes a number; says whether it was there.
    pub fn remove(&mut self, number: u32) -> bool {
        let at = self.ranges.partition_point(|range| range.1 < number);
        let Some(&(first, last)) = self.ranges.get(at).filter(|range| range.0 <= number) else {
            return false;
        };
        let before = (first < number).then(|| (first, number - 1));
        let after = (number < last).then(|| (number + 1, last));
        self.ranges.splice(at..=at, before.into_iter().chain(after));
        true
    }

    /// Those that are in both.
    pub fn and(&self, other: &UidSet) -> UidSet {
        let (mut left, mut right) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        let mut ranges = Vec::new();
        while let (Some(&&(a, b)), Some(&&(c, d))) = (left.peek(), right.peek()) {
            if a.max(c) <= b.min(d) {
                ranges.push((a.max(c), b.min(d)));
            }
            if b < d {
                left.next()
            } else {
                right.next()
            };
        }
        UidSet { ranges }
    }

    /// Those that the other has not.
    pub fn without(&self, other: &UidSet) -> UidSet {
        let mut set = UidSet::EMPTY;
        for &(first, last) in &self.ranges {
            let mut from = Some(first);
            let begin = other.ranges.partition_point(|range| range.1 < first);
            for &(a, b) in other.ranges[begin..].iter().take_while(|range| range.0 <= last) {
                let Some(start) = from else { break };
                if start < a {
                    set.ranges.push((start, a - 1));
                }
                from = b.checked_add(1).filter(|next| *next <= last);
            }
            if let Some(start) = from {
                set.ranges.push((start, last));
            }
        }
        set
    }
}

impl FromIterator<u32> for UidSet {
    fn from_iter<T: IntoIterator<Item = u32>>(numbers: T) -> Self {
        let mut set = UidSet::EMPTY;
        numbers.into_iter().for_each(|number| set.insert(number));
        set
    }
}

/// As IMAP writes it: `1:3,7` (RFC 9051 section 9, sequence-set).
impl fmt::Display for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            if first == last { write!(f, "{comma}{first}")? } else { write!(f, "{comma}{first}:{last}")? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_a_set_of_numbers(
            a in prop::collection::btree_set(1_u32..60, 0..40),
            b in prop::collection::btree_set(1_u32..60, 0..40),
        ) {
            let (mut left, right): (UidSet, UidSet) = (a.iter().copied().collect(), b.iter().copied().collect());
            prop_assert_eq!(left.iter().collect::<BTreeSet<_>>(), a.clone());
            prop_assert_eq!(left.len(), a.len() as u64);
            prop_assert_eq!(left.and(&right).iter().collect::<BTreeSet<_>>(), &a & &b);
            prop_assert_eq!(left.without(&right).iter().collect::<BTreeSet<_>>(), &a - &b);
            for (place, number) in (1..).zip(&a) {
                prop_assert_eq!(left.nth(place), Some(*number));
                prop_assert_eq!(left.rank(*number), u64::from(place));
                prop_assert!(left.contains(*number));
            }
            prop_assert_eq!(left.nth(a.len() as u32 + 1), None);
            for number in &b {
                prop_assert_eq!(left.remove(*number), a.contains(number));
                prop_assert!(!left.contains(*number));
            }
            let ranges: Vec<_> = left.ranges().collect();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end() + 1 < *pair[1].start()));
        }
    }

    #[test]
    fn reaches_to_both_ends() {
        let mut set = UidSet::range(u32::MAX, 1);
        assert_eq!((set.len(), set.nth(u32::MAX)), (u64::from(u32::MAX), Some(u32::MAX)));
        assert!(set.remove(u32::MAX) && set.remove(1));
        assert_eq!(set.to_string(), format!("2:{}", u32::MAX - 1));
        set.insert(u32::MAX);
        assert_eq!(set.without(&UidSet::range(2, 9)).first(), Some(10));
    }

    #[test]
    fn is_written_as_imap_has_it() {
        let set: UidSet = [7, 1, 2, 3].into_iter().collect();
        assert_eq!(set.to_string(), "1:3,7");
    }
}
