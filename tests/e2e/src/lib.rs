//! The real `waypost` and real peers, each on free loopback ports, gone when dropped.
//!
//! A test of this crate tells a story with programs that nobody here wrote: Postfix's `smtp-source` and
//! `smtp-sink`, Dovecot's LMTP server, `swaks`, `knotd`, `unbound`. A peer that is not installed fails its tests
//! and says which Debian package has it. Every wait has a deadline; nothing waits by counting seconds.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this crate is test code throughout")]

pub mod api;
pub mod client;
pub mod ledger;
pub mod peers;
pub mod process;
pub mod settings;
pub mod waypost;

pub use client::{Client, Reply};
pub use process::{eventually, free_port};
pub use settings::Settings;
pub use waypost::{Setup, Waypost};
