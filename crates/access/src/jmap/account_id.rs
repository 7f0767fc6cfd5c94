//! By which id does JMAP know an account?

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mail::Address;
use sha2::{Digest, Sha256};

/// Bytes of the hash that are kept.
const HASH_BYTES: usize = 15;

/// An id that stays the same as long as the name of the account does, and that may hold no `@` (RFC 8620 section 1.2).
pub(crate) fn account_id(name: &Address) -> String {
    let hash = Sha256::digest(name.to_string().as_bytes());
    format!("a{}", URL_SAFE_NO_PAD.encode(&hash[..HASH_BYTES]))
}
