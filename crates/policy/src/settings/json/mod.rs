//! The JSON form of settings: a text to objects, each error with its place.

mod documents;
mod entries;
mod faults;
pub(super) mod fields;
mod reader;
mod tree;

pub(crate) use documents::{WrittenObject, documents};
pub(crate) use entries::FRESH;
pub(super) use entries::load;
