//! How much of the message comes back with its notification? RFC 3461 section 4.3.

use mail::dsn::Returned;
use mail::header::header_end;
use mail::{Envelope, Recipient, Ret};

use super::Happening;
use crate::limits::{DSN_HEADER_BYTES_MAX, DSN_MESSAGE_BYTES_MAX};

/// How many bytes of the message, from its beginning, its notification wants to see.
pub fn original_bytes_wanted(envelope: &Envelope, told: &[(Recipient, Happening)]) -> u64 {
    let failed = told.iter().any(|(_, happening)| matches!(happening, Happening::Failed(_)));
    if returns_message(envelope, failed) { envelope.size } else { DSN_HEADER_BYTES_MAX.min(envelope.size) }
}

/// Whether the whole message is returned: asked for, small enough, and only where something failed.
fn returns_message(envelope: &Envelope, failed: bool) -> bool {
    envelope.parameters.ret == Some(Ret::Full)
        && envelope.size <= DSN_MESSAGE_BYTES_MAX
        && !envelope.traits.binary
        && failed
}

/// What is returned of the beginning that was read.
pub(super) fn returned(envelope: &Envelope, failed: bool, original: &[u8]) -> Returned {
    if returns_message(envelope, failed) && original.len() as u64 == envelope.size {
        return Returned::Full(original.to_vec());
    }
    Returned::Header(header(original).to_vec())
}

/// The header with the CRLF of its last field, or as many whole lines of it as there may be.
fn header(original: &[u8]) -> &[u8] {
    let bytes_max = usize::try_from(DSN_HEADER_BYTES_MAX).unwrap_or(usize::MAX).min(original.len());
    let start = &original[..bytes_max];
    let header = &start[..header_end(start)];
    &header[..header.iter().rposition(|byte| *byte == b'\n').map_or(0, |lf| lf + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_ends_where_it_ends() {
        let long = [b"a: b\r\n".repeat(4000), b"\r\nbody".to_vec()].concat();
        for (original, expected) in [
            (&b"a: b\r\nc: d\r\n\r\nbody\r\n\r\n"[..], &b"a: b\r\nc: d\r\n"[..]),
            (b"\r\nbody\r\n", b""),
            (b"a: b\r\ncut o", b"a: b\r\n"),
            (b"", b""),
            (&long, &long[..16_380]),
        ] {
            assert_eq!(header(original), expected);
        }
    }
}
