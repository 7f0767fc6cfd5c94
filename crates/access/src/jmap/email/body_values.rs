//! The texts of a message (RFC 8621 section 4.1.4, `bodyValues`).

use std::collections::BTreeSet;

use mail::digest::{Bodies, Part, Structure, part_text};
use serde_json::{Map, Value, json};

use super::properties::Shown;

/// Bytes of all texts in one answer at most; what is beyond is cut off, and said to be.
pub(crate) const VALUES_BYTES_MAX: usize = 64 << 20;

/// The texts that are wanted, by part id. `left` is what may still be given in this answer.
pub(crate) fn values(
    shown: &Shown,
    content: &[u8],
    parts: &[Part<'_>],
    bodies: &Bodies,
    left: &mut usize,
) -> Value {
    let mut wanted = BTreeSet::new();
    if shown.text_values {
        wanted.extend(&bodies.text);
    }
    if shown.html_values {
        wanted.extend(&bodies.html);
    }
    if shown.all_values {
        wanted.extend((0..parts.len()).filter(|nth| !is_within_message(parts, *nth)));
    }
    let mut values = Map::new();
    for nth in wanted {
        let Some(part) = parts.get(nth) else { continue };
        if part.media != "text" || part.structure != Structure::Leaf {
            continue;
        }
        let (text, problem) = part_text(content, part);
        let text = text.replace("\r\n", "\n");
        let most = if shown.value_bytes_max == 0 { usize::MAX } else { shown.value_bytes_max };
        let (value, is_truncated) = truncated(&text, most.min(*left), part.subtype == "html");
        *left = left.saturating_sub(value.len());
        let value = json!({ "value": value, "isEncodingProblem": problem, "isTruncated": is_truncated });
        values.insert(nth.to_string(), value);
    }
    values.into()
}

/// Whether a part belongs to a message within this one, which is whole to a reader.
fn is_within_message(parts: &[Part<'_>], nth: usize) -> bool {
    let mut at = nth;
    while let Some(parent) = parts.get(at).and_then(|part| part.parent).filter(|parent| *parent < at) {
        if parts[parent].structure == Structure::Message {
            return true;
        }
        at = parent;
    }
    false
}

/// The begin of a text, characters whole; of HTML no tag is broken.
fn truncated(text: &str, most: usize, is_html: bool) -> (&str, bool) {
    if text.len() <= most {
        return (text, false);
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut begin = &text[..end];
    if is_html && let Some(open) = begin.rfind('<').filter(|open| !begin[*open..].contains('>')) {
        begin = &begin[..open];
    }
    (begin, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_at_a_character_and_before_a_tag() {
        let check = |text: &str, most: usize, html: bool, expected: (&'static str, bool)| {
            assert_eq!(truncated(text, most, html), expected, "{text:?}");
        };
        check("abc", 3, false, ("abc", false));
        check("abc", 2, false, ("ab", true));
        check("aé", 2, false, ("a", true));
        check("a😀", 4, false, ("a", true));
        check("é", 1, false, ("", true));
        check("a<b>c</b>", 6, true, ("a<b>c", true));
        check("a<b>c</b>", 6, false, ("a<b>c<", true));
        check("a<b>c</b>", 5, true, ("a<b>c", true));
    }
}
