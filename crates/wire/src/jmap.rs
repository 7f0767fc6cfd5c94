//! JMAP without sockets (RFC 8620): what a request asks, what its references mean, how answers and refusals look.
//!
//! A body becomes a [`Request`] or a [`Problem`]; each call's references are resolved by [`Answers`], which keeps what
//! was answered before; the [`Session`] says what there is. What a method does is not known here.

mod answers;
mod json;
mod limits;
mod method_error;
mod pointer;
mod problem;
mod request;
mod session;
mod set_error;

pub use answers::{Answers, ReferenceError};
pub use json::{JsonError, VALUES_MAX, strict_json};
pub use limits::Limits;
pub use method_error::MethodError;
pub use problem::Problem;
pub use request::{Invocation, Request};
pub use session::{Capability, Session, session};
pub use set_error::{SetError, SetErrorKind};

/// The capability that every server has.
pub const CORE: &str = "urn:ietf:params:jmap:core";
