//! SMTP (RFC 5321) and LMTP (RFC 2033), both sides.

pub mod command;
pub mod content;
pub mod limits;
pub mod server;
