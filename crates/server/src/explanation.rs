//! Why does a recipient take this way? Printed.

use std::fmt::Write;

use cli::paint::{Paint, shown};
use policy::route::{Explained, ExplainedBranch};

pub(crate) mod report;

/// The branches that were looked at, one a line, with the values they saw; the one that fired is marked.
pub(crate) fn branches(explained: &Explained, indent: &str, paint: Paint) -> String {
    let condition = |branch: &ExplainedBranch| match branch.index {
        Some(_) => shown(&branch.condition),
        None => "else".to_owned(),
    };
    let wide = explained.branches.iter().map(|branch| condition(branch).chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for branch in &explained.branches {
        let padded = format!("{:wide$}", condition(branch));
        let text = if branch.fired { paint.bold(&padded) } else { padded };
        let number = branch.index.map_or_else(|| " ".to_owned(), |index| index.to_string());
        let _ = write!(
            out,
            "{indent}{} {number} {text}",
            if branch.fired { paint.green("✓") } else { " ".to_owned() }
        );
        let saw = saw(branch);
        if !saw.is_empty() {
            let _ = write!(out, "  {}", paint.dim(&saw));
        }
        if branch.fired
            && let Some(name) = &explained.name
        {
            let _ = write!(out, "  → {}", paint.cyan(&format!("'{}'", shown(name))));
        }
        let trimmed = out.trim_end().len();
        out.truncate(trimmed);
        out.push('\n');
    }
    out
}

/// `false: rcpt_domain = 'example.net'`.
fn saw(branch: &ExplainedBranch) -> String {
    let values: Vec<String> =
        branch.variables.iter().map(|(name, value)| format!("{} = {}", shown(name), shown(value))).collect();
    let value = match branch.value.as_str() {
        "0" => "false".to_owned(),
        "1" => "true".to_owned(),
        other => shown(other),
    };
    match (branch.index, values.is_empty()) {
        (None, _) => values.join(", "),
        (Some(_), true) => value,
        (Some(_), false) => format!("{value}: {}", values.join(", ")),
    }
}

/// The branch that fired, in a few words: `rcpt_domain == 'a' (rcpt_domain = 'a')`, or `no branch before it`.
pub(crate) fn reason(explained: &Explained) -> String {
    match explained.branches.iter().find(|branch| branch.fired) {
        Some(branch) if branch.index.is_some() => shown(&branch.condition),
        Some(_) => "else".to_owned(),
        None => shown(&explained.result),
    }
}
