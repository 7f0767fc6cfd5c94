//! POP3 without sockets (RFC 1939): what a client says, and how answers are written.

pub mod capabilities;
pub mod command;
pub mod limits;
pub mod lines;
pub mod response;
