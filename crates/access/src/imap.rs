//! IMAP4rev2 and IMAP4rev1 sessions (RFC 9051, RFC 3501).

mod criteria;
mod desk;
mod fields;
mod filing;
mod finding;
mod ids;
mod select;
mod view;
