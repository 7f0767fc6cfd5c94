//! SMTP (RFC 5321) and LMTP (RFC 2033), both sides.

pub mod answer;
pub mod capabilities;
pub mod client;
pub mod command;
pub mod content;
pub mod extensions;
pub mod limits;
pub mod line_ends;
mod lines;
pub mod parameter;
mod path;
pub mod reply;
pub mod server;
pub mod stuffing;
