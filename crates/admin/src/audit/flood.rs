//! Which refusals are told, and which are only counted?

use std::collections::BTreeMap;
use std::time::Duration;

use mail::Timestamp;

use super::Act;

/// How long the same refusal is counted before it is told again.
const WINDOW: Duration = Duration::from_secs(60);
/// Refusals that are told within [`WINDOW`] at most, whatever they are; the others are told together.
const TOLD_MAX: usize = 60;

/// What is to be written now.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) acts: Vec<Act>,
}

/// Refusals of the last minute.
#[derive(Debug, Default)]
pub(super) struct Flood {
    seen: BTreeMap<(String, String, String), (Act, u64)>,
    others: u64,
    since: Option<Timestamp>,
}

impl Flood {
    /// A refusal: told if it is new and there are not too many.
    pub(super) fn note(&mut self, act: Act, now: Timestamp) -> Told {
        let mut told = self.due(now, false);
        self.since.get_or_insert(now);
        let key = (act.who.clone(), act.from.clone(), act.method.clone());
        if let Some((_, more)) = self.seen.get_mut(&key) {
            *more = more.saturating_add(1);
        } else if self.seen.len() >= TOLD_MAX {
            self.others = self.others.saturating_add(1);
        } else {
            self.seen.insert(key, (act.clone(), 0));
            told.acts.push(act);
        }
        told
    }

    /// What was only counted, once the minute is over, or now if `all`.
    pub(super) fn due(&mut self, now: Timestamp, all: bool) -> Told {
        let over = self.since.is_some_and(|since| now.since(since) >= WINDOW);
        if !over && !all {
            return Told::default();
        }
        self.since = None;
        let mut told = Told::default();
        for (mut act, more) in std::mem::take(&mut self.seen).into_values() {
            if more > 0 {
                act.summary = format!("{more} more times within a minute: {}", act.summary);
                told.acts.push(act);
            }
        }
        let others = std::mem::take(&mut self.others);
        if others > 0 {
            told.acts.push(Act {
                who: "many".to_owned(),
                from: "many".to_owned(),
                method: "many".to_owned(),
                objects: Vec::new(),
                outcome: "refused",
                summary: format!("{others} other refusals within a minute"),
            });
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(who: &str) -> Act {
        Act { who: who.to_owned(), outcome: "refused", summary: "wrong".to_owned(), ..Act::default() }
    }

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    // proves: K13
    #[test]
    fn the_same_refusal_is_told_once_and_then_counted() {
        let mut flood = Flood::default();
        assert_eq!(flood.note(refusal("eve"), NOW).acts.len(), 1);
        for _ in 0..37 {
            assert!(flood.note(refusal("eve"), NOW).acts.is_empty());
        }
        let later = flood.note(refusal("bob"), NOW.plus(WINDOW)).acts;
        assert_eq!(later.len(), 2);
        assert!(later[0].summary.starts_with("37 more times"), "{:?}", later[0]);
        assert!(flood.due(NOW.plus(3 * WINDOW), false).acts.is_empty());
    }

    // proves: K13
    #[test]
    fn a_flood_of_different_refusals_is_told_in_one_entry() {
        let mut flood = Flood::default();
        let told: usize = (0..1_000).map(|n| flood.note(refusal(&n.to_string()), NOW).acts.len()).sum();
        assert_eq!(told, TOLD_MAX);
        let rest = flood.due(NOW, true).acts;
        assert_eq!(rest.len(), 1);
        assert!(rest[0].summary.starts_with("940 other refusals"), "{rest:?}");
    }
}
