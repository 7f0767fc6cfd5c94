//! How much of a POP3 client's talk is listened to.

/// Bytes of a command line, its end included. RFC 2449 section 4 asks for 255; passwords and names in UTF-8 take more.
pub const COMMAND_BYTES_MAX: usize = 1024;
/// Bytes of a line that carries a SASL response (RFC 5034 section 4), its end included.
pub const SASL_BYTES_MAX: usize = 12_288 + 2;
/// Bytes of a line that is passed over before we hang up.
pub const FLOOD_BYTES_MAX: usize = 64 * 1024;
/// Lines that are no command after which we hang up.
pub const NONSENSE_MAX: u32 = 10;
