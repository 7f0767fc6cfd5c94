//! The ways to deliver: over SMTP or LMTP, and into the local store.

pub(crate) mod dialogue;
mod expand;
mod fit;
pub(crate) mod local;
mod login;
pub(crate) mod remote;
pub(crate) mod secure;
pub(crate) mod smtp;
mod tls_notes;
