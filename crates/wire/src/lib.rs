//! The protocols without sockets: bytes in, meaning out, and back.
//!
//! Nothing here waits, decides or remembers beyond one session. What the peer said is reported;
//! what it means for the mail is judged in `policy`.

pub mod imap;
pub mod jmap;
pub mod pop3;
pub mod sasl;
pub mod smtp;
