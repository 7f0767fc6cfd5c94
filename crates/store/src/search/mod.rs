//! Which messages say it? Queries are judged in steps, by what is known of a message so far.
//!
//! `matching` is the judge, pure and shared by all stores: it is asked again as more is known of a message, and the
//! dearer steps see only messages of which the cheap ones could not tell. First flags, dates and sizes of the rows;
//! then the digest; then the text index ([`index`]), which knows of most messages whether they have a text; and last
//! the content of the few that are left. `order` sorts what was found. `snippet` shows where a text was found.

pub(crate) mod answers;
pub(crate) mod grams;
pub(crate) mod index;
pub(crate) mod indexing;
pub(crate) mod matching;
pub(crate) mod naive;
pub(crate) mod order;
pub mod snippet;
#[cfg(test)]
mod tests;

pub use snippet::{Snippet, snippet};
