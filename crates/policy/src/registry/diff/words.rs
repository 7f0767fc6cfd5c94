//! How are values told to people?

use serde_json::Value;

use super::inline;
use crate::registry::schema::Kind;

/// Characters of a value that are told.
const CHARS_MAX: usize = 120;

/// A value in a few words.
pub(super) fn value(kind: &Kind, value: &Value) -> String {
    match (kind, value) {
        (_, Value::Null) => "none".to_owned(),
        (Kind::Duration, _) => duration(value.as_u64().unwrap_or(0)),
        (Kind::Size(_), _) => format!("{value} bytes"),
        (Kind::Object(shape), Value::Object(members)) => cut(&inline(shape, members)),
        (Kind::List(item), Value::Object(items)) => {
            let items: Vec<String> = items.values().map(|one| self::value(item, one)).collect();
            cut(&format!("[{}]", items.join(", ")))
        }
        (Kind::Set(_), Value::Object(members)) => {
            cut(&format!("{{{}}}", members.keys().cloned().collect::<Vec<_>>().join(", ")))
        }
        (_, Value::String(text)) => cut(text),
        (_, other) => cut(&other.to_string()),
    }
}

/// What came into a set and what went.
pub(super) fn set(before: &Value, after: &Value) -> String {
    let members = |value: &Value| -> Vec<String> {
        value.as_object().into_iter().flat_map(|members| members.keys().cloned()).collect()
    };
    let (before, after) = (members(before), members(after));
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|one| !those.contains(one)).cloned().collect()
    };
    let mut parts = Vec::new();
    for (names, what) in [(only(&after, &before), "added"), (only(&before, &after), "removed")] {
        if !names.is_empty() {
            parts.push(format!("{} {what}", names.join(", ")));
        }
    }
    cut(&parts.join("; "))
}

/// `5 min`, `1 h 30 min`, `250 ms`.
fn duration(millis: u64) -> String {
    const UNITS: [(u64, &str); 5] =
        [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"), (1, "ms")];
    let mut rest = millis;
    let mut parts = Vec::new();
    for (length, unit) in UNITS {
        if rest >= length {
            parts.push(format!("{} {unit}", rest / length));
            rest %= length;
        }
    }
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

/// As much as a line bears.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
