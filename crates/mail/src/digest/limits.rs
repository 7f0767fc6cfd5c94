//! How much of a message is looked at.

/// Parts of one message; what follows the last is one part without structure.
pub const PARTS_MAX: usize = 10_000;
/// Parts within one another; what is deeper has no structure.
pub const DEPTH_MAX: usize = 100;
/// Bytes of one header whose fields are read.
pub const HEADER_BYTES_MAX: usize = 1024 * 1024;
/// Comparisons of a line with a boundary; when they are used up, the rest of the message is one part.
pub const STEPS_MAX: u64 = 20_000_000;
/// Bytes of one field that are read.
pub const FIELD_BYTES_MAX: usize = 256 * 1024;
/// Addresses of one field.
pub const ADDRESSES_MAX: usize = 5_000;
/// Parameters of one field.
pub const PARAMETERS_MAX: usize = 100;
/// Message identifiers of one field.
pub const IDS_MAX: usize = 1_000;
/// Bytes of what all nested messages say in their envelopes.
pub const ENVELOPES_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Characters of a preview (RFC 8621 section 4.1.4, RFC 8970 section 3.1).
pub const PREVIEW_CHARS_MAX: usize = 256;
/// Bytes of a body that are decoded for a preview.
pub const PREVIEW_SOURCE_BYTES_MAX: usize = 32 * 1024;
/// Bytes of the text of a message that is searched.
pub const SEARCHED_BYTES_MAX: usize = 16 * 1024 * 1024;
