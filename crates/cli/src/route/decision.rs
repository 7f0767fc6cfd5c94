//! An expression as it was decided: its branches, what each saw, which one fired.

use std::fmt::Write as _;

use serde_json::Value;

use crate::desk::Look;
use crate::paint::shown;

/// A line a branch, the one that fired marked.
pub(super) fn text(look: &Look, explained: &Value, indent: &str) -> String {
    let mut out = String::new();
    let branches = explained.get("branches").and_then(Value::as_array);
    for branch in branches.into_iter().flatten() {
        let of = |name: &str| branch.get(name).and_then(Value::as_str).map(shown).unwrap_or_default();
        let fired = branch.get("fired").and_then(Value::as_bool).unwrap_or(false);
        let is_else = branch.get("index").is_none_or(Value::is_null);
        let words = match is_else {
            true => format!("else {}", of("then")),
            false => format!("if {} then {}", of("condition"), of("then")),
        };
        let mark = if fired { look.paint.green("→") } else { " ".to_owned() };
        let words = if fired { look.paint.bold(&words) } else { look.paint.dim(&words) };
        let _ = writeln!(out, "{indent}{mark} {words}{}", seen(look, branch, is_else));
    }
    if explained.get("name").is_none_or(Value::is_null) {
        let result = explained.get("result").and_then(Value::as_str).map(shown).unwrap_or_default();
        if !result.is_empty() {
            let _ = writeln!(out, "{indent}{}", look.paint.yellow(&result));
        }
    }
    out
}

/// The values that a branch has looked at.
fn seen(look: &Look, branch: &Value, is_else: bool) -> String {
    let variables = branch.get("variables").and_then(Value::as_array);
    let pairs = variables.into_iter().flatten().filter_map(|pair| {
        let part = |at: usize| pair.get(at).and_then(Value::as_str);
        Some(format!("{} = {}", shown(part(0)?), shown(part(1)?)))
    });
    let mut facts: Vec<String> = pairs.collect();
    if let Some(value) = branch.get("value").and_then(Value::as_str).filter(|_| !is_else) {
        facts.insert(0, format!("is {}", shown(value)));
    }
    if facts.is_empty() { String::new() } else { look.paint.dim(&format!("  ({})", facts.join(", "))) }
}
