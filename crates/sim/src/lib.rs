//! The world that fails on purpose: clock, DNS, network, peers and store under one seed.
//!
//! A scenario is drawn from a seed, and everything in it follows: which messages come, what the peers say,
//! when the node dies. The real queue manager and the real delivery attempts run in it, on tokio's paused
//! clock, so that days pass in milliseconds and a history can be played again. Every part writes what
//! happens into one [`history`], and the [`invariants`] judge each event as it comes.

pub mod chance;
pub mod clock;
pub mod dns;
pub mod fault;
pub mod faulty_store;
pub mod history;
pub mod invariants;
pub mod network;
pub mod panics;
pub mod peer;
pub mod scenario;
pub mod witness;
