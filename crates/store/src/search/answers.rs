//! What does the text index say of each message? Yes, no, or that it must be looked at.

use crate::messages::EmailId;

/// Messages in order.
pub(crate) type Emails = Vec<EmailId>;

/// What is known of one text that is looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// They have it.
    pub(crate) yes: Emails,
    /// They may have it. Others that are indexed have not.
    pub(crate) maybe: Emails,
}

/// What the index knows of all texts of a query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    /// Messages that are in the index.
    pub(crate) indexed: Emails,
    /// One for each text.
    pub(crate) each: Vec<Answer>,
}

impl Answers {
    /// Whether the message has the text; `None` if the index cannot tell.
    pub(crate) fn of(&self, nth: usize, email: EmailId) -> Option<bool> {
        let answer = self.each.get(nth)?;
        let is_in = |list: &Emails| list.binary_search(&email).is_ok();
        if is_in(&answer.yes) {
            Some(true)
        } else if is_in(&answer.maybe) || !is_in(&self.indexed) {
            None
        } else {
            Some(false)
        }
    }
}
