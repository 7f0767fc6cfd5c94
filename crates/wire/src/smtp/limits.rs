//! How much one SMTP session may ask of us.

/// Bytes of a command line at most, CRLF included. RFC 5321 section 4.5.3.1.4 asks for 512, extensions add to it.
pub const COMMAND_LINE_BYTES_MAX: usize = 2048;
/// Bytes of a response in an AUTH exchange at most (RFC 4954 section 4).
pub const AUTH_LINE_BYTES_MAX: usize = 12_288;
/// Bytes without a line end after which the session is closed.
pub const COMMAND_FLOOD_BYTES: usize = 64 * 1024;
/// Bytes of one line of content at most.
pub const CONTENT_LINE_BYTES_MAX: u64 = 64 * 1024;
/// Bytes of a line of content that RFC 5322 section 2.1.1 allows, CRLF not counted.
pub const CONTENT_LINE_BYTES_STANDARD: u64 = 998;

const _: () = assert!(COMMAND_LINE_BYTES_MAX < AUTH_LINE_BYTES_MAX);
const _: () = assert!(AUTH_LINE_BYTES_MAX < COMMAND_FLOOD_BYTES);

/// What becomes of a NUL in content that came by DATA, or by BDAT without BINARYMIME.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NulInContent {
    /// The message is refused.
    Refuse,
    /// It is kept, and the content counts as binary.
    Keep,
}

/// What becomes of a CR or LF that stands alone in content that may hold none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BareLineEnd {
    /// The message is refused.
    Refuse,
    /// It is made CRLF if the client has authenticated; from anybody else the message is refused.
    MendForUsers,
}

/// The limits of one session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionLimits {
    /// Bytes of one message at most; 0 for no limit.
    pub message_bytes_max: u64,
    /// Accepted recipients of one message at most.
    pub recipients_max: u32,
    /// Messages in one session at most.
    pub messages_max: u32,
    /// Refused commands at most until a message is accepted.
    pub errors_max: u32,
    /// Commands that move no mail (NOOP, RSET, VRFY, EHLO …) at most until a message is accepted.
    pub junk_commands_max: u32,
    /// Failed authentications at most.
    pub auth_failures_max: u32,
    /// BDAT chunks of one message at most.
    pub chunks_max: u32,
    /// `Received` fields at most (RFC 5321 section 6.3).
    pub hops_max: u32,
    /// What becomes of a NUL.
    pub nul: NulInContent,
    /// What becomes of a CR or LF that stands alone.
    pub bare_line_end: BareLineEnd,
}

impl Default for SessionLimits {
    fn default() -> Self {
        SessionLimits {
            message_bytes_max: 50 * 1024 * 1024,
            recipients_max: 1000,
            messages_max: 1000,
            errors_max: 20,
            junk_commands_max: 100,
            auth_failures_max: 3,
            chunks_max: 100_000,
            hops_max: 50,
            nul: NulInContent::Refuse,
            bare_line_end: BareLineEnd::Refuse,
        }
    }
}
