//! The management API over HTTP: sockets, bounds, and which path is answered where.
//!
//! A connection is taken in `serve`, a request passes `guard` (time, number, headers of every answer), and `router` says
//! who answers it. Whose room a path is: `/jmap` here, `/auth` in `access`, `/metrics` and `/healthz` beside it, all else
//! the pages of the UI.

mod download;
mod guard;
mod jmap;
mod limits;
mod peer;
mod router;
mod serve;
mod sockets;

pub use limits::HttpLimits;
pub use peer::Peer;
pub use serve::run;
pub use sockets::{SocketError, Sockets};
