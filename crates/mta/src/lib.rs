//! Mail transfer: everything that waits between accept and settle.
//!
//! The words of the pipeline are the names of the files:
//! listen → session → accept ─▶ store ─▶ queue_manager (claim, route, schedule) → attempt (begin, resolve,
//! connect, deliver, judge, settle). What is decided on the way is decided in `policy`.

mod accept;
pub mod attempt;
mod bounds;
mod claims;
pub mod client_tls;
pub mod connect;
pub mod connections;
mod content;
mod deliver;
pub mod desk;
pub mod events;
pub mod gather;
pub mod health;
pub mod heartbeat;
pub mod hosts;
mod inspect;
pub mod listen;
mod lookups;
pub mod mta_sts;
mod notices;
mod pace;
mod parts;
pub mod probe;
pub mod queue_manager;
pub mod quotas;
pub mod resolve;
pub mod secrets;
pub mod server_tls;
mod session;
mod settle;
pub mod sign;
pub mod submit;
mod throttles;
pub mod tls_reports;
pub mod vacations;
mod verify;
mod waybill;
pub mod web;
pub mod world;

pub use world::{Resolver, Secrets, Stream, Transport, World};
