//! How long did things take? A summary of many durations.

use serde::{Deserialize, Serialize};

/// Percentiles of durations, in milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// How many.
    pub(crate) count: usize,
    /// Their mean.
    pub(crate) mean: f64,
    /// Half were shorter.
    pub(crate) p50: f64,
    /// 99 of 100 were shorter.
    pub(crate) p99: f64,
    /// The longest.
    pub(crate) max: f64,
}

impl Summary {
    /// Of durations in nanoseconds.
    pub(crate) fn of(durations_ns: &mut [u64]) -> Summary {
        if durations_ns.is_empty() {
            return Summary::default();
        }
        durations_ns.sort_unstable();
        let count = durations_ns.len();
        let ms = |ns: u64| (ns as f64 / 1_000.0).round() / 1_000.0;
        let at = |share: f64| ms(durations_ns[((count as f64 * share) as usize).min(count - 1)]);
        let total: u128 = durations_ns.iter().map(|ns| u128::from(*ns)).sum();
        let mean = ms((total / count as u128) as u64);
        Summary { count, mean, p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[test]
    fn percentiles_are_of_the_sorted_durations() {
        let mut durations: Vec<u64> = (1..=100).rev().map(|ms| ms * 1_000_000).collect();
        let summary = Summary::of(&mut durations);
        assert_eq!(summary, Summary { count: 100, mean: 50.5, p50: 51.0, p99: 100.0, max: 100.0 });
    }

    #[test]
    fn of_nothing_is_nothing() {
        assert_eq!(Summary::of(&mut []), Summary::default());
    }
}
