//! Compresses what is said and expands what is heard (COMPRESS=DEFLATE, RFC 4978).

use std::io;

use bytes::BytesMut;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::limits::READ_BYTES;

/// Bytes that one look at the input may expand to: a small input can be a large one, and nobody reads ahead.
const EXPANDED_BYTES: usize = 4 * READ_BYTES;

/// Both directions of one session.
pub(super) struct Deflate {
    out: Compress,
    into: Decompress,
    /// What was heard and is not expanded yet.
    pub(super) heard: BytesMut,
    /// The last look at it had no room for all.
    full: bool,
}

impl Deflate {
    /// From here on; `heard` came after the command that asked for it.
    pub(super) fn new(heard: BytesMut) -> Self {
        Deflate {
            out: Compress::new(Compression::fast(), false),
            into: Decompress::new(false),
            heard,
            full: false,
        }
    }

    /// Whether there may be more without hearing more.
    pub(super) fn has_more(&self) -> bool {
        self.full || !self.heard.is_empty()
    }

    /// Expands some of what was heard.
    pub(super) fn inflate(&mut self, input: &mut BytesMut) -> io::Result<()> {
        let mut expanded = vec![0; EXPANDED_BYTES];
        let (before_in, before_out) = (self.into.total_in(), self.into.total_out());
        let status = self.into.decompress(&self.heard, &mut expanded, FlushDecompress::Sync);
        // RFC 4978 section 4: the stream does not end before the connection does.
        if matches!(status, Err(_) | Ok(Status::StreamEnd)) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let taken = usize::try_from(self.into.total_in() - before_in).unwrap_or(usize::MAX);
        let made = usize::try_from(self.into.total_out() - before_out).unwrap_or(0);
        drop(self.heard.split_to(taken.min(self.heard.len())));
        if self.heard.is_empty() {
            self.heard = BytesMut::new();
        }
        self.full = made == EXPANDED_BYTES;
        if taken == 0 && made == 0 && !self.heard.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        input.extend_from_slice(&expanded[..made]);
        Ok(())
    }

    /// Compresses a piece of output so that the client can read all of it.
    pub(super) fn deflate(&mut self, output: &[u8]) -> Vec<u8> {
        let mut deflated = Vec::with_capacity(output.len() / 2 + 64);
        let (mut rest, start) = (output, self.out.total_in());
        loop {
            deflated.reserve(64.max(rest.len() / 2));
            // A vector with room cannot fail.
            let _ = self.out.compress_vec(rest, &mut deflated, FlushCompress::Sync);
            let taken =
                usize::try_from(self.out.total_in() - start).unwrap_or(output.len()).min(output.len());
            rest = &output[taken..];
            if rest.is_empty() && deflated.len() < deflated.capacity() {
                return deflated;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_is_expanded_again() {
        let (mut one, mut other) = (Deflate::new(BytesMut::new()), Deflate::new(BytesMut::new()));
        for text in ["a NOOP\r\n".to_owned(), "x".repeat(1_000_000), String::new(), "b".repeat(3)] {
            other.heard.extend_from_slice(&one.deflate(text.as_bytes()));
            let mut heard = BytesMut::new();
            while other.has_more() {
                let before = heard.len();
                other.inflate(&mut heard).unwrap();
                assert!(heard.len() - before <= EXPANDED_BYTES);
            }
            assert_eq!(heard, text.as_bytes());
        }
    }

    #[test]
    fn what_is_not_compressed_ends_the_session() {
        let mut deflate = Deflate::new(BytesMut::from(&b"a NOOP\r\na NOOP\r\n"[..]));
        assert!(deflate.inflate(&mut BytesMut::new()).is_err());
    }
}
