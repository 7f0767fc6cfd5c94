//! Which subject is it, whatever was put before and after it? RFC 5256 section 2.1.

use super::fold::fold;
use super::words;

/// Rounds in which something is taken off.
const ROUNDS_MAX: usize = 100;
/// Bytes of a subject that count.
const SUBJECT_BYTES_MAX: usize = 4096;

/// The base subject without regard to case, and whether the message is a reply or was forwarded.
pub fn base_subject(subject: &[u8]) -> (String, bool) {
    let decoded = words::decode(&subject[..subject.len().min(SUBJECT_BYTES_MAX)]);
    let mut text = fold(&decoded);
    let mut is_reply = false;
    for _ in 0..ROUNDS_MAX {
        let before = text.len();
        while let Some(cut) = text.trim_end().strip_suffix("(fwd)") {
            text.truncate(cut.len());
            is_reply = true;
        }
        text.truncate(text.trim_end().len());
        let mut rest = text.as_str();
        loop {
            if let Some(after) = leader(rest) {
                (rest, is_reply) = (after, true);
            } else if let Some(after) = blob(rest).filter(|after| !after.is_empty()) {
                rest = after;
            } else {
                break;
            }
        }
        if let Some(inner) = rest.strip_prefix("[fwd:").and_then(|inner| inner.strip_suffix(']')) {
            (rest, is_reply) = (inner.trim(), true);
        }
        text = rest.to_owned();
        if text.len() == before {
            break;
        }
    }
    (text, is_reply)
}

/// What follows `Re:`, `Fw:`, `Fwd:` or `Re [list]:`, blobs before it included.
fn leader(text: &str) -> Option<&str> {
    let mut rest = text.trim_start();
    while let Some(after) = blob(rest) {
        rest = after;
    }
    let rest = ["fwd", "re", "fw"].iter().find_map(|word| rest.strip_prefix(word))?.trim_start();
    let rest = blob(rest).unwrap_or(rest);
    rest.strip_prefix(':').map(str::trim_start)
}

/// What follows `[anything]`.
fn blob(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    let end = inner.find(['[', ']'])?;
    inner[end..].strip_prefix(']').map(str::trim_start).filter(|_| !inner.starts_with("fwd:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_around_a_subject_is_taken_off() {
        for (subject, base, reply) in [
            ("Hello", "hello", false),
            ("Re: Hello", "hello", true),
            ("RE: re:  Fwd: Hello", "hello", true),
            ("Re [list]: Hello", "hello", true),
            ("[list] Re: Hello", "hello", true),
            ("[list] Hello", "hello", false),
            ("[list]", "[list]", false),
            ("Hello (fwd)", "hello", true),
            ("Hello (fwd) (FWD)  ", "hello", true),
            ("[Fwd: Re: Hello]", "hello", true),
            ("Re: [Fwd: [list] Hello (fwd)]", "hello", true),
            ("=?utf-8?q?Re:_Gr=C3=BC=C3=9Fe?=", "grüße", true),
            ("  many   \t spaces ", "many spaces", false),
            ("Reply", "reply", false),
            ("Re: ", "", true),
            ("", "", false),
        ] {
            assert_eq!(base_subject(subject.as_bytes()), (base.to_owned(), reply), "{subject}");
        }
    }

    #[test]
    fn a_flood_ends() {
        let _ = base_subject("re:".repeat(80_000).as_bytes());
        let _ = base_subject("[a]".repeat(80_000).as_bytes());
        let _ = base_subject("[fwd:".repeat(50_000).as_bytes());
    }
}
