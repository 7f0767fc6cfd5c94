//! Can every branch decide, and do conditions say what they seem to say?

use super::implication::{Condition, implies};
use super::strategies::{Compiled, finding};
use super::{Finding, Severity};
use crate::expr::tree::{BinaryOperator, Expr, Node};
use crate::expr::{CheckedBranch, CheckedExpression, Formula, Place};

pub(super) fn check(compiled: &Compiled, findings: &mut Vec<Finding>) {
    for (property, expression) in compiled.all() {
        order(property, expression, findings);
        for (at, branch) in expression.branches().iter().enumerate() {
            text(property, Place::If(at), &branch.condition, findings);
            text(property, Place::Then(at), &branch.then, findings);
        }
        if let Some(otherwise) = expression.otherwise() {
            text(property, Place::Else, otherwise, findings);
        }
    }
}

/// Branches that can never decide: by themselves, or because an earlier one always does before.
fn order(property: &str, expression: &CheckedExpression, findings: &mut Vec<Finding>) {
    let mut earlier: Vec<(usize, Condition)> = Vec::new();
    for (at, branch) in expression.branches().iter().enumerate() {
        let condition = Condition::of(&branch.condition);
        let mut warn = |message: String, hint: &str| {
            let formula = &branch.condition;
            let place = Place::If(at);
            let span = formula.expr().span;
            let finding = finding(Severity::Warning, property, place, formula, span, message);
            findings.push(if hint.is_empty() { finding } else { finding.hint(hint) });
        };
        if condition.is_never() {
            warn("this is never true, so the branch never decides".to_owned(), "");
            continue;
        }
        match earlier.iter().find(|(_, before)| implies(&condition, before)) {
            Some((before, _)) => {
                let (message, hint) = shadowed(*before, &expression.branches()[*before], branch);
                warn(message, hint);
            }
            None if condition.is_always() => {
                warn("this is always true, so neither later branches nor 'else' ever decide".to_owned(), "");
            }
            None => {}
        }
        earlier.push((at, condition));
    }
}

fn shadowed(before: usize, earlier: &CheckedBranch, later: &CheckedBranch) -> (String, &'static str) {
    let place = Place::If(before);
    if earlier.condition.expr() == later.condition.expr() {
        return (format!("this is the condition of {place} again, so the branch never decides"), "");
    }
    let message = format!(
        "whenever this is true, {place} ({}) is true before it, so the branch never decides",
        earlier.condition.expr()
    );
    (message, "put the narrower condition first")
}

/// What is odd in one text.
fn text(property: &str, place: Place, formula: &Formula, findings: &mut Vec<Finding>) {
    let mut warn = |span, message: String, hint: String| {
        let finding = finding(Severity::Warning, property, place, formula, span, message);
        findings.push(finding.hint(hint));
    };
    if let Some(span) = formula.ignored() {
        warn(span, "what follows the } is ignored".to_owned(), "take it away".to_owned());
    }
    let mut waiting = vec![formula.expr()];
    while let Some(expr) = waiting.pop() {
        if let Some((message, hint)) = alternatives(expr).or_else(|| never_equal(expr)) {
            warn(expr.span, message, hint);
            continue;
        }
        waiting.extend(expr.parts());
    }
}

/// `x == ('a' || 'b')` and `x == 'a' || 'b'`: the texts are taken for conditions, and true.
fn alternatives(expr: &Expr) -> Option<(String, String)> {
    let is_text = |part: &Expr| matches!(part.node, Node::Text(_));
    match &expr.node {
        Node::Binary(operator, left, right) => {
            let (subject, texts) = match (&left.node, &right.node) {
                (_, Node::Any(texts)) => (left, texts),
                (Node::Any(texts), _) => (right, texts),
                _ => return None,
            };
            if *operator == BinaryOperator::Plus || !texts.iter().any(is_text) {
                return None;
            }
            let message = format!("this compares with the first alternative alone, {}", texts[0]);
            Some((message, format!("did you mean {subject} in {}?", list(texts))))
        }
        Node::Any(parts) if parts.iter().any(is_text) => {
            let text = parts.iter().find(|part| is_text(part))?;
            let subject = parts.iter().find_map(|part| match &part.node {
                Node::Binary(BinaryOperator::Equal, left, right) if is_text(right) => Some((left, right)),
                _ => None,
            });
            let message = format!("the text {text} stands here as a condition, which is always true");
            let hint = match subject {
                Some((subject, first)) => format!("did you mean {subject} in [{first}, {text}]?"),
                None => "|| yields 1 or 0, not the text after it; compare, or use if_then".to_owned(),
            };
            Some((message, hint))
        }
        _ => None,
    }
}

fn list(parts: &[Expr]) -> String {
    format!("[{}]", parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

/// `last_error == 'tsl'`: a variable that has only certain values is compared with another.
fn never_equal(expr: &Expr) -> Option<(String, String)> {
    const LAST_ERRORS: &[&str] = &[
        "none",
        "dns",
        "unexpected-reply",
        "connection",
        "tls",
        "dane",
        "mta-sts",
        "rate",
        "concurrency",
        "io",
    ];
    const SOURCES: &[&str] =
        &["authenticated", "dmarc_pass", "unauthenticated", "dsn", "report", "autogenerated", "unknown"];
    let Node::Binary(BinaryOperator::Equal | BinaryOperator::NotEqual, left, right) = &expr.node else {
        return None;
    };
    let (name, text) = match (&left.node, &right.node) {
        (Node::Name(name), Node::Text(text)) | (Node::Text(text), Node::Name(name)) => (name, text),
        _ => return None,
    };
    let values = match name.as_str() {
        "last_error" => LAST_ERRORS,
        "source" => SOURCES,
        "rcpt_domain" if text.chars().any(char::is_uppercase) => {
            let hint = format!("did you mean '{}'?", text.to_lowercase());
            return Some((format!("{name} is in lower case, so it is never '{text}'"), hint));
        }
        _ => return None,
    };
    if values.contains(&text.as_str()) {
        return None;
    }
    let hint = crate::expr::suggest::closest(text, values.iter().copied()).map_or_else(
        || format!("it is one of {}", values.join(", ")),
        |near| format!("did you mean '{near}'?"),
    );
    Some((format!("{name} is never '{text}'"), hint))
}
