//! Trees of messages, each with one parent at most, and never in a circle.

use super::Thread;

/// Answers to answers; what is deeper stands beside its parent.
pub(super) const DEPTH_MAX: usize = 200;
/// Steps up through parents in all; when they are used up nothing is linked any more.
const STEPS_MAX: u64 = 20_000_000;

/// A place in a tree.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// Which of the messages lies here.
    pub(super) message: Option<usize>,
    pub(super) parent: Option<usize>,
    pub(super) children: Vec<usize>,
}

/// All places.
#[derive(Debug, Default)]
pub(super) struct Forest {
    pub(super) places: Vec<Place>,
    steps: u64,
}

impl Forest {
    pub(super) fn add(&mut self, message: Option<usize>) -> usize {
        self.places.push(Place { message, ..Place::default() });
        self.places.len() - 1
    }

    /// Whether `child` may be put below `parent`.
    fn may_link(&mut self, parent: usize, child: usize) -> bool {
        let mut at = Some(parent);
        while let Some(place) = at {
            self.steps += 1;
            if place == child || self.steps > STEPS_MAX {
                return false;
            }
            at = self.places[place].parent;
        }
        true
    }

    /// Puts `child` below `parent`, wherever it was; not if that would be a circle.
    pub(super) fn link(&mut self, parent: usize, child: usize) {
        if self.places[child].parent == Some(parent) || !self.may_link(parent, child) {
            return;
        }
        self.places[child].parent = Some(parent);
    }

    /// Writes down the children that parents have.
    pub(super) fn gather(&mut self) -> Vec<usize> {
        let mut roots = Vec::new();
        self.places.iter_mut().for_each(|place| place.children.clear());
        for at in 0..self.places.len() {
            match self.places[at].parent {
                Some(parent) => self.places[parent].children.push(at),
                None => roots.push(at),
            }
        }
        roots
    }

    /// Places below these, parents before their children.
    pub(super) fn downwards(&self, roots: &[usize]) -> Vec<usize> {
        let mut order = roots.to_vec();
        let mut next = 0;
        while next < order.len() {
            order.extend_from_slice(&self.places[order[next]].children);
            next += 1;
        }
        order
    }

    /// The trees with their numbers.
    pub(super) fn grow(&self, roots: &[usize], number: &impl Fn(usize) -> u32) -> Vec<Thread> {
        roots.iter().map(|root| self.tree(*root, 0, number)).collect()
    }

    fn tree(&self, at: usize, depth: usize, number: &impl Fn(usize) -> u32) -> Thread {
        let place = &self.places[at];
        let children = if depth + 1 < DEPTH_MAX {
            place.children.iter().map(|child| self.tree(*child, depth + 1, number)).collect()
        } else {
            let below = self.downwards(&place.children);
            let alone =
                |at: usize| Thread { number: self.places[at].message.map(number), children: Vec::new() };
            below.into_iter().filter(|at| self.places[*at].message.is_some()).map(alone).collect()
        };
        Thread { number: place.message.map(number), children }
    }
}
