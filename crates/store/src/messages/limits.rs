//! How much of everything may there be in an account?

/// Mailboxes of an account.
pub const MAILBOXES_MAX: u64 = 5_000;
/// Levels of mailboxes within each other.
pub const DEPTH_MAX: u64 = 20;
/// Bytes of a mailbox's own name.
pub const NAME_BYTES_MAX: usize = 255;
/// Keywords of a message.
pub const KEYWORDS_MAX: u64 = 100;
/// Bytes of a keyword.
pub const KEYWORD_BYTES_MAX: usize = 255;
/// Annotations of a mailbox, and of an account.
pub const ANNOTATIONS_MAX: u64 = 100;
/// Bytes of an annotation: its name and its value.
pub const ANNOTATION_BYTES_MAX: u64 = 64 << 10;
/// Bytes that an account has uploaded and not used yet.
pub const UPLOADS_BYTES_MAX: u64 = 256 << 20;
/// Uploads of an account that are not used yet.
pub const UPLOADS_MAX: u64 = 1_000;
/// Records of a kind in an account.
pub const RECORDS_MAX: u64 = 20_000;
/// Bytes of a record.
pub const RECORD_BYTES_MAX: u64 = 512 << 10;
/// What is gone that is remembered of an account; a little more, as whole changes are forgotten at once.
pub const LOG_ROWS_MAX: u64 = 100_000;
/// Things that one change may make: their ids are numbered within it.
pub const MADE_MAX: u64 = 1 << 20;
