//! THREAD=REFERENCES: a conversation is what refers to one another (RFC 5256 section 3).

use std::collections::BTreeMap;

use super::forest::Forest;
use super::{Thread, Threaded};

/// The conversations, those with the oldest first message first.
pub fn by_references(messages: &[Threaded<'_>]) -> Vec<Thread> {
    let mut forest = linked(messages);
    let roots = forest.gather();
    let roots = prune(&mut forest, roots);
    let mut sorting = Sorting { messages, sent: Vec::new() };
    sorting.measure(&forest, &roots);
    let mut roots = roots;
    sorting.sort(&mut roots);
    let mut roots = join_subjects(&mut forest, messages, &roots);
    sorting.measure(&forest, &roots);
    for at in forest.downwards(&roots) {
        let mut children = std::mem::take(&mut forest.places[at].children);
        sorting.sort(&mut children);
        forest.places[at].children = children;
    }
    sorting.sort(&mut roots);
    forest.grow(&roots, &|nth| messages[nth].number)
}

/// Step 1: each message, and each that is only referred to, below the last to which it refers.
fn linked(messages: &[Threaded<'_>]) -> Forest {
    let mut forest = Forest::default();
    let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
    for (nth, message) in messages.iter().enumerate() {
        let known = message.id.and_then(|id| by_id.get(id).copied());
        let at = match known.filter(|at| forest.places[*at].message.is_none()) {
            Some(at) => {
                forest.places[at].message = Some(nth);
                at
            }
            None => forest.add(Some(nth)),
        };
        if let Some(id) = message.id {
            // Of two with one identifier the second stands for itself.
            by_id.entry(id).or_insert(at);
        }
        let mut before: Option<usize> = None;
        for &reference in &message.references {
            let place = *by_id.entry(reference).or_insert_with(|| forest.add(None));
            if let Some(before) = before
                && forest.places[place].parent.is_none()
            {
                forest.link(before, place);
            }
            before = Some(place);
        }
        if let Some(parent) = before {
            forest.link(parent, at);
        }
    }
    forest
}

/// Step 3: places without a message go. At the root one stays that holds several together.
fn prune(forest: &mut Forest, roots: Vec<usize>) -> Vec<usize> {
    for at in forest.downwards(&roots).into_iter().rev() {
        let children = std::mem::take(&mut forest.places[at].children);
        let mut kept = Vec::with_capacity(children.len());
        for child in children {
            if forest.places[child].message.is_some() {
                kept.push(child);
            } else {
                kept.append(&mut forest.places[child].children);
            }
        }
        forest.places[at].children = kept;
    }
    let promoted =
        |at: usize, forest: &Forest| match (forest.places[at].message, &forest.places[at].children[..]) {
            (None, [] | [_]) => forest.places[at].children.clone(),
            (_, _) => vec![at],
        };
    roots.into_iter().flat_map(|at| promoted(at, forest)).collect()
}

/// By when messages are ordered.
struct Sorting<'m, 'a> {
    messages: &'m [Threaded<'a>],
    /// By place; of one without a message that of its first child.
    sent: Vec<(i64, u32)>,
}

impl Sorting<'_, '_> {
    fn measure(&mut self, forest: &Forest, roots: &[usize]) {
        self.sent.resize(forest.places.len(), (i64::MAX, u32::MAX));
        for at in forest.downwards(roots).into_iter().rev() {
            let place = &forest.places[at];
            self.sent[at] = match place.message {
                Some(nth) => (self.messages[nth].sent, self.messages[nth].number),
                None => {
                    place.children.iter().map(|child| self.sent[*child]).min().unwrap_or((i64::MAX, u32::MAX))
                }
            };
        }
    }

    fn sort(&self, places: &mut [usize]) {
        places.sort_by_key(|at| self.sent[*at]);
    }
}

/// The message that speaks for a tree: its first, or the first child of one without.
fn speaker<'m, 'a>(forest: &Forest, messages: &'m [Threaded<'a>], root: usize) -> Option<&'m Threaded<'a>> {
    let place = &forest.places[root];
    let nth = place.message.or_else(|| {
        let children = place.children.iter().filter_map(|child| forest.places[*child].message);
        children.min_by_key(|nth| (messages[*nth].sent, messages[*nth].number))
    });
    nth.map(|nth| &messages[nth])
}

/// Step 5: trees with one base subject become one.
fn join_subjects(forest: &mut Forest, messages: &[Threaded<'_>], roots: &[usize]) -> Vec<usize> {
    let subject = |forest: &Forest, root: usize| {
        speaker(forest, messages, root).map(|message| (message.base_subject, message.is_reply))
    };
    let mut table: BTreeMap<&str, usize> = BTreeMap::new();
    for &root in roots {
        let Some((base, is_reply)) = subject(forest, root).filter(|(base, _)| !base.is_empty()) else {
            continue;
        };
        let is_empty = forest.places[root].message.is_none();
        let replaces = table.get(base).is_none_or(|&known| {
            let known_is_reply = || subject(forest, known).is_some_and(|(_, is_reply)| is_reply);
            forest.places[known].message.is_some() && (is_empty || known_is_reply() && !is_reply)
        });
        if replaces {
            table.insert(base, root);
        }
    }
    let mut taken = vec![false; forest.places.len()];
    let mut added = Vec::new();
    for &root in roots {
        let Some((base, is_reply)) = subject(forest, root) else { continue };
        let Some(&known) = table.get(base).filter(|known| **known != root) else { continue };
        taken[root] = true;
        let (is_empty, known_is_empty) =
            (forest.places[root].message.is_none(), forest.places[known].message.is_none());
        let known_is_reply = || subject(forest, known).is_some_and(|(_, is_reply)| is_reply);
        if known_is_empty && is_empty {
            let children = std::mem::take(&mut forest.places[root].children);
            forest.places[known].children.extend(children);
        } else if known_is_empty || is_reply && !known_is_reply() {
            forest.places[known].children.push(root);
        } else {
            let both = forest.add(None);
            forest.places[both].children = vec![known, root];
            taken[known] = true;
            taken.push(false);
            added.push(both);
            table.insert(base, both);
        }
    }
    roots.iter().copied().chain(added).filter(|root| !taken[*root]).collect()
}
