//! What a frame shows: the latest figures, and the rates between two of them.

use std::time::Duration;

use serde_json::Value;

use super::figures::Figures;
use crate::time::Instant;

/// The series that are shown, with their words.
pub(super) const SERIES: [(&str, &str); 4] =
    [("accepted", "accepted"), ("delivered", "delivered"), ("deferred", "deferred"), ("failed", "failed")];

/// What is shown.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) place: String,
    pub(super) every: Duration,
    /// Whether the view stands still.
    pub(super) still: bool,
    pub(super) figures: Figures,
    /// What the last look ran into.
    pub(super) trouble: Option<String>,
    /// A second, for each series.
    rates: [Option<f64>; 4],
    before: Option<(Instant, [u64; 4])>,
}

impl State {
    /// Nothing is known yet.
    pub(super) fn new(place: String, every: Duration) -> Self {
        State {
            place,
            every,
            still: false,
            figures: Figures::default(),
            trouble: None,
            rates: [None; 4],
            before: None,
        }
    }

    /// Takes new figures.
    pub(super) fn take(&mut self, figures: Figures) {
        let sums =
            SERIES.map(|(name, _)| series(&figures.statistics, name).iter().map(|(_, count)| count).sum());
        self.rates = match self.before {
            Some((at, before)) if figures.at > at => {
                let seconds = (figures.at.0 - at.0) as f64 / 1000.0;
                std::array::from_fn(|i| rate(before[i], sums[i], seconds))
            }
            _ => [None; 4],
        };
        self.before = Some((figures.at, sums));
        self.figures = figures;
        self.trouble = None;
    }

    /// Events a second between the last two looks.
    pub(super) fn rate(&self, i: usize) -> Option<f64> {
        self.rates.get(i).copied().flatten()
    }

    /// Events by minute, the latest last.
    pub(super) fn minutes(&self, i: usize) -> Vec<u64> {
        let name = SERIES.get(i).map_or("", |(name, _)| name);
        series(&self.figures.statistics, name).into_iter().map(|(_, count)| count).collect()
    }
}

/// The window moves on, so that a sum may also shrink; then nothing can be said.
fn rate(before: u64, now: u64, seconds: f64) -> Option<f64> {
    now.checked_sub(before).map(|more| more as f64 / seconds)
}

/// A series of points, whatever its times look like.
fn series(statistics: &Value, name: &str) -> Vec<(i64, u64)> {
    let points = statistics.get("series").and_then(|series| series.get(name)).and_then(Value::as_array);
    let point = |point: &Value| {
        let at = point.get(0)?;
        let at = at.as_i64().or_else(|| Instant::parse(at.as_str()?).map(|at| at.0))?;
        Some((at, point.get(1)?.as_u64()?))
    };
    points.into_iter().flatten().filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn figures(at: i64, accepted: u64) -> Figures {
        Figures {
            at: Instant(at),
            statistics: json!({"series": {"accepted": [[0, 5], [60_000, accepted]], "failed": "?"}}),
            ..Figures::default()
        }
    }

    #[test]
    fn rates_are_what_came_between_two_looks() {
        let mut state = State::new("here".to_owned(), Duration::from_secs(2));
        state.take(figures(1000, 10));
        assert_eq!(state.rate(0), None);
        state.take(figures(3000, 30));
        assert_eq!((state.rate(0), state.rate(3)), (Some(10.0), Some(0.0)));
        state.take(figures(5000, 1));
        assert_eq!(state.rate(0), None);
        assert_eq!(state.minutes(0), [5, 1]);
    }
}
