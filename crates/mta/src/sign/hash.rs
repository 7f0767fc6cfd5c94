//! The hash of a body in canonical form, while it streams by.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use mail::canonical::{BodyCanonicalizer, Canonicalization};

/// Which hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HashKind {
    /// For old signatures, which nobody believes any more (RFC 8301 section 3.1).
    Sha1,
    /// For all others.
    Sha256,
}

/// A body hash in the making; memory does not grow with the body.
pub(crate) struct BodyHash {
    canonicalizer: BodyCanonicalizer,
    limited: Limited,
}

/// Hashes no more than the tag `l=` says.
struct Limited {
    context: Context,
    left: u64,
}

impl BodyHash {
    /// Before the body; `limit` is the most bytes of canonical body that count.
    pub(crate) fn begin(how: Canonicalization, kind: HashKind, limit: Option<u64>) -> Self {
        let algorithm = match kind {
            HashKind::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            HashKind::Sha256 => &SHA256,
        };
        let limited = Limited { context: Context::new(algorithm), left: limit.unwrap_or(u64::MAX) };
        BodyHash { canonicalizer: BodyCanonicalizer::new(how), limited }
    }

    /// A piece of the body.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let limited = &mut self.limited;
        self.canonicalizer.push(bytes, &mut |bytes| limited.update(bytes));
    }

    /// The hash.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let limited = &mut self.limited;
        self.canonicalizer.finish(&mut |bytes| limited.update(bytes));
        self.limited.context.finish().as_ref().to_vec()
    }
}

impl Limited {
    fn update(&mut self, bytes: &[u8]) {
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        self.context.update(&bytes[..count]);
        self.left -= count as u64;
    }
}
