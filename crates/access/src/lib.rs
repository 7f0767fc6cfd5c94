//! Mailbox access: people read, file and send their mail by IMAP, POP3 and JMAP.
//!
//! What a client says is understood in `wire`, what mail there is lies in `store`, who the client is says `directory`;
//! here they meet. Everything that waits for a client, or for a change that a client is to be told, waits here.

pub mod connection;
pub mod imap;
pub mod jmap;
pub mod listen;
pub mod pop3;
mod proof;
pub mod world;

pub use connection::{Connection, Security, Stream};
pub use world::{Courier, Outbox, World};
