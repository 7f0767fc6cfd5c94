//! Which rules hold in every history? Each has an id, a sentence, and a judge that sees every event.

mod concurrency;
mod content;
mod duplicates;
mod endings;
mod leases;
mod notices;
mod promptness;
#[cfg(test)]
mod tests;
mod timing;
mod whole;

use mail::Timestamp;

use crate::history::Event;

/// Reads a history event by event and says what broke its rule.
pub trait Judge: Send {
    /// Sees the next event; each text is one breach.
    fn see(&mut self, now: Timestamp, event: &Event) -> Vec<String>;
}

/// A rule with its name.
pub struct Invariant {
    /// Its id, as documents and mutants name it.
    pub id: &'static str,
    /// What it says.
    pub sentence: &'static str,
    judge: fn() -> Box<dyn Judge>,
}

/// Every rule.
pub const REGISTRY: [Invariant; 16] = [
    Invariant {
        id: "I1",
        sentence: "An accepted recipient ends exactly once: Delivered, or Failed and told, or nobody to tell.",
        judge: || Box::new(endings::Endings::default()),
    },
    Invariant {
        id: "I2",
        sentence: "A recipient reaches a peer twice only after a cut between the final dot and settle.",
        judge: || Box::new(duplicates::Duplicates::default()),
    },
    Invariant {
        id: "I3",
        sentence: "No notification goes to a null reverse-path, and none where NOTIFY did not ask for it.",
        judge: || Box::new(notices::Notices::default()),
    },
    Invariant {
        id: "I4",
        sentence: "No attempt before it is due or after the deadline; no Failed before the deadline without a 5xx \
                   or a certainty of DNS or of ours.",
        judge: || Box::new(timing::Timing::default()),
    },
    Invariant {
        id: "I5",
        sentence: "A virtual queue never has more deliveries under way than its threads, nor a peer more \
                   transactions than the next hop's limit.",
        judge: || Box::new(concurrency::Concurrency::default()),
    },
    Invariant {
        id: "I6",
        sentence: "Only the holder of a recipient's latest lease begins or settles it, and what is held is not \
                   given out.",
        judge: || Box::new(leases::Leases::default()),
    },
    Invariant {
        id: "I7",
        sentence: "No client hears 250 before the commit.",
        judge: || Box::new(whole::Acknowledgements::default()),
    },
    Invariant {
        id: "I8",
        sentence: "Content leaves the spool after its last recipient has ended, not before, and then it does.",
        judge: || Box::new(content::Kept::default()),
    },
    Invariant {
        id: "I9",
        sentence: "What a peer gets is what was accepted: the same bytes, the same reverse-path, recipients of it.",
        judge: || Box::new(content::Faithful::default()),
    },
    Invariant { id: "I10", sentence: "The queue drains.", judge: || Box::new(whole::Drained::default()) },
    Invariant {
        id: "I11",
        sentence: "Nothing panics but where the world makes it.",
        judge: || Box::new(whole::Calm),
    },
    Invariant {
        id: "I12",
        sentence: "Accepted is ended plus queued, at every count.",
        judge: || Box::new(whole::Conservation::default()),
    },
    Invariant {
        id: "I13",
        sentence: "A recipient ends Delivered only where a peer that took it said yes, or with its one copy in \
                   the local store.",
        judge: || Box::new(content::Evidence::default()),
    },
    Invariant {
        id: "I14",
        sentence: "A peer is spoken to as it said it can be.",
        judge: || Box::new(whole::Polite),
    },
    Invariant {
        id: "I15",
        sentence: "The store is asked in proportion to the work: nobody spins.",
        judge: || Box::new(whole::Proportion),
    },
    Invariant {
        id: "I16",
        sentence: "What is due and free is claimed in seconds, where the store is well.",
        judge: || Box::new(promptness::Promptness::default()),
    },
];

/// A fresh judge for each rule.
pub fn judges() -> Vec<(&'static str, Box<dyn Judge>)> {
    REGISTRY.iter().map(|invariant| (invariant.id, (invariant.judge)())).collect()
}

/// The whole text of a rule, for a failure's report.
pub fn sentence(id: &str) -> &'static str {
    REGISTRY
        .iter()
        .find(|invariant| invariant.id == id)
        .map_or("no such rule", |invariant| invariant.sentence)
}
