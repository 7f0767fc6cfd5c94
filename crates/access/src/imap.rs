//! IMAP4rev2 and IMAP4rev1 sessions (RFC 9051, RFC 3501).
