//! IMAP without sockets: what a client says, and the words it is answered with (RFC 9051, RFC 3501).
//!
//! [`Framer`] cuts the input into commands, [`parse`] reads one into a [`Command`], [`print`] and [`reply`] write answers.
//! What a command means for the mail is said in `access`.

pub mod append;
pub mod command;
mod cursor;
pub mod date;
pub mod fetch;
mod framer;
pub mod list;
pub mod metadata;
pub mod names;
pub mod notify;
pub mod print;
pub mod reply;
pub mod search;
mod session;
pub mod set;
pub mod structure;

pub use command::{Command, Tagged, parse};
pub use cursor::{Fault, Names};
pub use framer::{Announced, Framer, Step};
pub use set::{Numbers, SequenceSet};
