//! Management: what people and programs may ask of a running Waypost, and change about it.
//!
//! One way in: JMAP methods (RFC 8620), called by the web UI, the command line and programs alike. `methods.rs` says
//! which file answers which method, `access` who may call it.

pub mod access;
mod actions;
pub mod api;
mod app_passwords;
mod assets;
pub mod audit;
pub mod caller;
mod dkim;
pub mod error;
pub mod explain;
mod expressions;
mod health;
pub mod history;
pub mod http;
mod methods;
mod metrics;
pub mod observer;
pub mod otlp;
pub mod queue;
pub mod route_test;
mod schema;
pub mod set_error;
pub mod settings;
mod statistics;
#[cfg(test)]
mod testing;

pub mod webhooks;

pub use api::Api;
pub use caller::{Caller, Proof, Role};
pub use error::MethodError;
pub use observer::{Observer, ObserverFiles};
pub use set_error::{SetError, SetErrorKind};
