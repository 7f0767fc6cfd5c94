//! Who is next among those that wait for one next hop? By priority, then letters and lists in turn, then by age.

use std::collections::{BTreeMap, VecDeque};

use mail::Timestamp;

use crate::limits::{LETTER_RECIPIENTS_MAX, PASSED_OVER_MAX};

/// What a delivery weighs in its line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Load {
    /// For how many it is.
    pub recipients: usize,
    /// `MT-PRIORITY` of the message (RFC 6710).
    pub priority: i8,
}

impl From<usize> for Load {
    /// Of no priority.
    fn from(recipients: usize) -> Self {
        Load { recipients, priority: 0 }
    }
}

#[derive(Debug)]
pub(super) struct Line<D> {
    letters: VecDeque<Waiting<D>>,
    lists: VecDeque<Waiting<D>>,
    list_is_next: bool,
    /// What has a priority, by it; 0 is none.
    ranked: BTreeMap<i8, VecDeque<Waiting<D>>>,
    /// How often in a row something went before what waits longer.
    passed_over: u32,
    pub(super) in_turn: bool,
}

#[derive(Debug)]
pub(super) struct Waiting<D> {
    pub(super) delivery: D,
    pub(super) recipients: usize,
    pub(super) since: Timestamp,
}

impl<D> Line<D> {
    pub(super) fn empty() -> Self {
        Line {
            letters: VecDeque::new(),
            lists: VecDeque::new(),
            list_is_next: false,
            ranked: BTreeMap::new(),
            passed_over: 0,
            in_turn: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.letters.is_empty() && self.lists.is_empty() && self.ranked.is_empty()
    }

    pub(super) fn push(&mut self, waiting: Waiting<D>, priority: i8) {
        let kind = match waiting.recipients {
            _ if priority != 0 => self.ranked.entry(priority).or_default(),
            ..=LETTER_RECIPIENTS_MAX => &mut self.letters,
            _ => &mut self.lists,
        };
        kind.push_back(waiting);
    }

    pub(super) fn pop(&mut self) -> Option<Waiting<D>> {
        let rank = if self.ranked.is_empty() { 0 } else { self.next_rank() };
        if rank == 0 {
            return self.pop_unranked();
        }
        let same = self.ranked.get_mut(&rank)?;
        let popped = same.pop_front();
        if same.is_empty() {
            self.ranked.remove(&rank);
        }
        popped
    }

    fn pop_unranked(&mut self) -> Option<Waiting<D>> {
        let is_list = self.letters.is_empty() || self.list_is_next && !self.lists.is_empty();
        self.list_is_next = !is_list;
        if is_list { self.lists.pop_front() } else { self.letters.pop_front() }
    }

    /// The highest priority that waits, but now and then the one that has waited longest.
    fn next_rank(&mut self) -> i8 {
        let unranked = self.unranked_since().map(|since| (0, since));
        let ranked = self.ranked.iter().filter_map(|(rank, same)| Some((*rank, same.front()?.since)));
        let all = || unranked.into_iter().chain(ranked.clone());
        let highest = all().map(|(rank, _)| rank).max().unwrap_or(0);
        let longest = all().min_by_key(|(_, since)| *since).map_or(0, |(rank, _)| rank);
        if highest == longest || self.passed_over >= PASSED_OVER_MAX {
            self.passed_over = 0;
            return longest;
        }
        self.passed_over += 1;
        highest
    }

    fn unranked_since(&self) -> Option<Timestamp> {
        let firsts = [&self.letters, &self.lists].into_iter().filter_map(|kind| kind.front());
        firsts.map(|first| first.since).min()
    }

    /// Since when the first waits.
    pub(super) fn since(&self) -> Option<Timestamp> {
        let ranked = self.ranked.values().filter_map(|same| same.front()).map(|first| first.since);
        self.unranked_since().into_iter().chain(ranked).min()
    }

    /// Takes out all but for the first `keep`, the highest priority first, letters before lists; `keep` is then how many
    /// more may be kept.
    pub(super) fn take(&mut self, keep: &mut usize) -> Vec<Waiting<D>> {
        let mut taken = Vec::new();
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for (rank, same) in &mut self.ranked {
            if *rank > 0 { high.push(same) } else { low.push(same) }
        }
        let unranked = [&mut self.letters, &mut self.lists];
        for kind in high.into_iter().rev().chain(unranked).chain(low.into_iter().rev()) {
            let kept = (*keep).min(kind.len());
            *keep -= kept;
            taken.extend(kind.drain(kept..));
        }
        self.ranked.retain(|_, same| !same.is_empty());
        taken
    }
}
