//! The hash of a body in canonical form, while it streams by.

use aws_lc_rs::digest::{Context, SHA256};
use mail::canonical::{BodyCanonicalizer, Canonicalization};

/// A body hash in the making (SHA-256); memory does not grow with the body.
pub(crate) struct BodyHash {
    canonicalizer: BodyCanonicalizer,
    context: Context,
}

impl BodyHash {
    /// Before the body.
    pub(crate) fn begin(how: Canonicalization) -> Self {
        BodyHash { canonicalizer: BodyCanonicalizer::new(how), context: Context::new(&SHA256) }
    }

    /// A piece of the body.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let context = &mut self.context;
        self.canonicalizer.push(bytes, &mut |bytes| context.update(bytes));
    }

    /// The hash.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut context = self.context;
        self.canonicalizer.finish(&mut |bytes| context.update(bytes));
        context.finish().as_ref().to_vec()
    }
}
