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

fn hex<D: Digest>(text: &str) -> String {
    D::digest(text).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
