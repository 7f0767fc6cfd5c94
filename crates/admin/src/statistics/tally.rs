//! What happened, counted: by minute for a day, and since the start.

use std::collections::BTreeMap;

use mta::events::{Attempt, ConnectionChange, Event, Outcome, RefusedStep};
use serde::{Deserialize, Serialize};

/// Minutes that are kept in memory.
pub(crate) const DAY_MINUTES: u64 = 24 * 60;
/// Names of one kind that are counted apart; what else comes counts as `other`.
const NAMES_MAX: usize = 64;
/// What the others count as.
const OTHER: &str = "other";
/// Characters of a branch that it is known by.
const BRANCH_CHARS_MAX: usize = 120;

/// Upper bounds of the durations of attempts, in milliseconds.
pub(crate) const DURATIONS: [u64; 10] = [5, 20, 50, 100, 250, 1000, 5000, 30_000, 120_000, 600_000];

/// What happened in one minute.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Minute {
    /// Recipients, by what became of them: accepted, delivered, deferred, failed.
    pub(crate) series: [u64; 4],
    /// Recipients that ended, by route.
    #[serde(default)]
    pub(crate) routes: BTreeMap<String, u64>,
    /// The same by the branch that chose the route.
    #[serde(default)]
    pub(crate) branches: BTreeMap<String, u64>,
}

/// What the series are called, in the order of [`Minute::series`].
pub(crate) const SERIES: [&str; 4] = ["accepted", "delivered", "deferred", "failed"];

/// How long attempts took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durations {
    /// Attempts that took at most as long as [`DURATIONS`] says, not more than those before.
    pub(crate) buckets: [u64; DURATIONS.len()],
    pub(crate) count: u64,
    pub(crate) sum_millis: u64,
}

/// All that is counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    minutes: BTreeMap<u64, Minute>,
    pub(crate) accepted_messages: u64,
    pub(crate) accepted_recipients: u64,
    pub(crate) accepted_bytes: u64,
    pub(crate) refused: BTreeMap<RefusedStep, u64>,
    /// By route: one count for each of [`Outcome::ALL`].
    pub(crate) attempts: BTreeMap<String, [u64; 4]>,
    pub(crate) durations: Durations,
    pub(crate) in_doubt: u64,
    pub(crate) double_bounces: u64,
    pub(crate) bounces: u64,
    pub(crate) put_off: u64,
    pub(crate) pressure: u64,
    pub(crate) operator: u64,
    pub(crate) configurations: u64,
    /// By listener: opened, closed, turned away.
    pub(crate) connections: BTreeMap<String, [u64; 3]>,
    pub(crate) troubles: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Counts an event.
    pub(crate) fn count(&mut self, event: &Event) {
        match event {
            Event::Accepted(envelope) => {
                let recipients = envelope.recipients.len() as u64;
                self.accepted_messages += 1;
                self.accepted_recipients += recipients;
                self.accepted_bytes = self.accepted_bytes.saturating_add(envelope.size);
                self.minute(envelope.accepted_at.as_secs() / 60).series[0] += recipients;
            }
            Event::Refused(refused) => *self.refused.entry(refused.step).or_default() += 1,
            Event::Attempt(attempt) => self.count_attempt(attempt),
            Event::PutOff(put_off) => self.put_off += put_off.recipients as u64,
            Event::Bounced(_) => self.bounces += 1,
            Event::Operator(_) => self.operator += 1,
            Event::Connection(connection) => {
                let known = name(&self.connections, &connection.listener);
                let counts = self.connections.entry(known).or_default();
                counts[match connection.change {
                    ConnectionChange::Opened => 0,
                    ConnectionChange::Closed => 1,
                    ConnectionChange::TurnedAway => 2,
                }] += 1;
            }
            Event::QueuePressure(pressure) => self.pressure += pressure.deliveries as u64,
            Event::Configuration(_) => self.configurations += 1,
        }
    }

    fn count_attempt(&mut self, attempt: &Attempt) {
        let route = attempt.route();
        let place = Outcome::ALL.iter().position(|outcome| *outcome == attempt.outcome).unwrap_or(0);
        match self.attempts.get_mut(route) {
            Some(counts) => counts[place] += 1,
            None => self.attempts.entry(name(&self.attempts, route)).or_default()[place] += 1,
        }
        self.in_doubt += u64::from(attempt.in_doubt);
        self.double_bounces += u64::from(attempt.double_bounce);
        if let Some(trouble) = attempt.trouble {
            *self.troubles.entry(trouble.name()).or_default() += 1;
        }
        if attempt.way.is_some() {
            self.durations.count(u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX));
        }
        let minute = self.minute(attempt.at.as_secs() / 60);
        match attempt.outcome {
            Outcome::Delivered => minute.series[1] += 1,
            Outcome::Deferred => minute.series[2] += 1,
            Outcome::Failed => minute.series[3] += 1,
            Outcome::Postponed => {}
        }
        if matches!(attempt.outcome, Outcome::Delivered | Outcome::Failed) && !route.is_empty() {
            add(&mut minute.routes, route);
            let branch = attempt.reason.as_deref().map(branch);
            branch.into_iter().for_each(|branch| add(&mut minute.branches, branch));
        }
    }

    fn minute(&mut self, minute: u64) -> &mut Minute {
        self.minutes.entry(minute).or_default()
    }

    /// The minutes from one up to another.
    pub(crate) fn minutes(&self, from: u64, until: u64) -> impl Iterator<Item = (&u64, &Minute)> {
        self.minutes.range(from..until.max(from))
    }

    /// The minutes from one up to another, as they are written down.
    pub(crate) fn written(&self, from: u64, until: u64) -> Vec<(u64, Vec<u8>)> {
        let write = |minute: &Minute| serde_json::to_vec(minute).unwrap_or_default();
        self.minutes(from, until).map(|(at, minute)| (*at, write(minute))).collect()
    }

    /// What was written down before a restart.
    pub(crate) fn remember(&mut self, minutes: &[(u64, Vec<u8>)]) {
        for (at, written) in minutes {
            if let Ok(minute) = serde_json::from_slice(written) {
                self.minutes.entry(*at).or_insert(minute);
            }
        }
    }

    /// Forgets what was before.
    pub(crate) fn forget(&mut self, before: u64) {
        self.minutes = self.minutes.split_off(&before);
    }
}

impl Durations {
    fn count(&mut self, millis: u64) {
        self.count += 1;
        self.sum_millis = self.sum_millis.saturating_add(millis);
        if let Some(at) = DURATIONS.iter().position(|bound| millis <= *bound) {
            self.buckets[at] += 1;
        }
    }
}

/// The condition, without the values that it saw.
fn branch(reason: &str) -> &str {
    let condition = reason.split(" [").next().unwrap_or(reason);
    condition.char_indices().nth(BRANCH_CHARS_MAX).map_or(condition, |(end, _)| &condition[..end])
}

fn add(counts: &mut BTreeMap<String, u64>, name: &str) {
    if let Some(count) = counts.get_mut(name) {
        *count += 1;
        return;
    }
    let name = if counts.len() < NAMES_MAX { name } else { OTHER };
    *counts.entry(name.to_owned()).or_default() += 1;
}

fn name<T>(known: &BTreeMap<String, T>, name: &str) -> String {
    if known.len() < NAMES_MAX || known.contains_key(name) { name.to_owned() } else { OTHER.to_owned() }
}
