//! The JSON form of settings: a text to objects, each error with its place.

mod entries;
mod faults;
pub(super) mod fields;
mod reader;
mod tree;

pub(super) use entries::load;
