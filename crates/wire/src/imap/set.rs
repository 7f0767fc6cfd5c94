//! Which messages a command names: sequence sets, with `*` and `$` (RFC 9051 section 9, RFC 5182).

use mail::UidSet;

/// Ranges in one set at most.
pub(super) const RANGES_MAX: usize = 100_000;

/// What the numbers of a set are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Numbers {
    /// Places in the mailbox.
    Sequence,
    /// UIDs.
    Uid,
}

/// A set of messages as the client named it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SequenceSet {
    /// What the last search has saved: `$`.
    Saved,
    /// Ranges, in the order given; `None` is `*`, the greatest number there is.
    Ranges(Vec<(Option<u32>, Option<u32>)>),
}

impl SequenceSet {
    /// The numbers, if the greatest is `last`; `*` names nothing if there is none (0). `Saved` gives the empty set.
    pub fn resolve(&self, last: u32) -> UidSet {
        let SequenceSet::Ranges(ranges) = self else { return UidSet::EMPTY };
        let mut set = UidSet::EMPTY;
        for (first, end) in ranges {
            let (first, end) = (first.unwrap_or(last), end.unwrap_or(last));
            if first != 0 && end != 0 {
                set.insert_range(first, end);
            }
        }
        set
    }

    /// Whether it names messages by `*`.
    pub fn has_star(&self) -> bool {
        matches!(self, SequenceSet::Ranges(ranges) if ranges.iter().any(|(a, b)| a.is_none() || b.is_none()))
    }

    /// The greatest number that is named; 0 if only `*` or `$` is.
    pub fn greatest(&self) -> u32 {
        match self {
            SequenceSet::Saved => 0,
            SequenceSet::Ranges(ranges) => {
                ranges.iter().flat_map(|(a, b)| [*a, *b]).flatten().max().unwrap_or(0)
            }
        }
    }

    /// Reads a set; `None` if it is none.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text == b"$" {
            return Some(SequenceSet::Saved);
        }
        let mut ranges = Vec::new();
        for part in text.split(|byte| *byte == b',') {
            if ranges.len() >= RANGES_MAX {
                return None;
            }
            let mut ends = part.splitn(2, |byte| *byte == b':');
            let first = number(ends.next()?)?;
            let last = ends.next().map_or(Some(first), number)?;
            ranges.push((first, last));
        }
        Some(SequenceSet::Ranges(ranges))
    }
}

/// A number from 1, or `*`.
#[expect(clippy::option_option, reason = "no number, the greatest number, a number")]
fn number(text: &[u8]) -> Option<Option<u32>> {
    if text == b"*" {
        return Some(None);
    }
    let first_ok = text.first().is_some_and(|byte| (b'1'..=b'9').contains(byte));
    let digits = first_ok && text.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(text).ok()?.parse().ok()).flatten().map(Some)
}

/// Reads a set without `*` and `$` (RFC 7162 section 3.2.5.2, known-uids).
pub fn parse_known(text: &[u8]) -> Option<UidSet> {
    match SequenceSet::parse(text)? {
        set if set.has_star() || set == SequenceSet::Saved => None,
        set => Some(set.resolve(0)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sets_name_messages() {
        let table = [
            ("1", 9, Some("1")),
            ("2,4:7,9,12:*", 15, Some("2,4:7,9,12:15")),
            ("*:4,5:7", 10, Some("4:10")),
            ("*", 0, Some("")),
            ("3:*", 2, Some("2:3")),
            ("4294967295", 1, Some("4294967295")),
            ("4294967296", 1, None),
            ("0", 1, None),
            ("01", 1, None),
            ("1:", 1, None),
            (":1", 1, None),
            ("1,,2", 1, None),
            ("", 1, None),
            ("1:2:3", 1, None),
        ];
        for (text, last, expected) in table {
            let set = SequenceSet::parse(text.as_bytes()).map(|set| set.resolve(last).to_string());
            assert_eq!(set.as_deref(), expected, "{text}");
        }
        assert_eq!(SequenceSet::parse(b"$"), Some(SequenceSet::Saved));
        assert_eq!(parse_known(b"1:*"), None);
    }

    proptest! {
        #[test]
        fn what_a_set_prints_is_that_set(numbers in prop::collection::btree_set(1_u32.., 1..20)) {
            let set: UidSet = numbers.into_iter().collect();
            prop_assert_eq!(parse_known(set.to_string().as_bytes()), Some(set));
        }

        #[test]
        fn nothing_panics(text in prop::collection::vec(any::<u8>(), 0..40), last: u32) {
            if let Some(set) = SequenceSet::parse(&text) {
                let _ = set.resolve(last);
            }
        }
    }
}
