//! IMAP4rev2 and IMAP4rev1 sessions (RFC 9051, RFC 3501).

pub mod criteria;
pub mod desk;
pub mod fields;
pub mod filing;
pub mod finding;
pub mod ids;
pub mod select;
pub mod view;
