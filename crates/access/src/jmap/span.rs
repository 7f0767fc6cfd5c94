//! From which state to which does a `/set` lead (RFC 8620 section 5.3)?
//!
//! A client whose state is the old one takes the new one without asking what has changed. So nothing of others may lie
//! between the two.

use mail::ModSeq;

/// Two states, and between them the changes of one call only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    /// Before.
    pub(crate) old: ModSeq,
    /// After.
    pub(crate) new: ModSeq,
    begun: bool,
    broken: bool,
}

impl Span {
    /// Nothing is changed yet; `now` is the state.
    pub(crate) fn at(now: ModSeq) -> Self {
        Span { old: now, new: now, begun: false, broken: false }
    }

    /// A transaction has led to this state, or changed nothing.
    pub(crate) fn then(&mut self, state: ModSeq) {
        if self.broken || state <= self.new {
            return;
        }
        if !self.begun {
            // Each transaction has a number of its own: what others did before is in the one before.
            (self.old, self.new, self.begun) = (ModSeq(state.0.saturating_sub(1)), state, true);
        } else if state.0 == self.new.0.saturating_add(1) {
            self.new = state;
        } else {
            self.broken = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_others_are_never_within() {
        let check = |states: &[u64], old: u64, new: u64| {
            let mut span = Span::at(ModSeq(10));
            states.iter().for_each(|state| span.then(ModSeq(*state)));
            assert_eq!((span.old.0, span.new.0), (old, new), "{states:?}");
        };
        check(&[], 10, 10);
        check(&[10], 10, 10);
        check(&[11, 12], 10, 12);
        check(&[13, 13, 14], 12, 14);
        check(&[11, 13, 14], 10, 11);
    }
}
