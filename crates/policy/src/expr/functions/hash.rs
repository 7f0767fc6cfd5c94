//! Hashes of a text, for spreading and for tables; not for secrets.

use std::fmt::Write as _;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::Arguments;
use crate::expr::value::Value;

pub(super) fn hash<'a>([text, algorithm, _]: Arguments<'a>) -> Value<'a> {
    let text = text.to_text();
    Value::owned(match algorithm.to_text().as_ref() {
        "md5" => hex::<Md5>(&text),
        "sha1" => hex::<Sha1>(&text),
        "sha256" => hex::<Sha256>(&text),
        "sha512" => hex::<Sha512>(&text),
        _ => String::new(),
    })
}

/// A number from 0 to `n - 1` that is the same for the same text on every machine and in every version: the first
/// eight bytes of its SHA-256, most significant first, modulo `n`. 0 if `n` is not above 0.
pub(super) fn hash_bucket<'a>([text, buckets, _]: Arguments<'a>) -> Value<'a> {
    let digest = Sha256::digest(text.to_text().as_bytes());
    let first = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let bucket = u64::try_from(buckets.integer()).ok().and_then(|buckets| first.checked_rem(buckets));
    Value::Integer(bucket.and_then(|bucket| i64::try_from(bucket).ok()).unwrap_or(0))
}

fn hex<D: Digest>(text: &str) -> String {
    D::digest(text).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
