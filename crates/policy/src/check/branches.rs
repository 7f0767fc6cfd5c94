//! Can every branch decide, and do conditions say what they seem to say?

use super::comparisons::{Impossible, Known, comparisons};
use super::implication::{Condition, implies};
use super::strategies::finding;
use super::{Finding, Severity};
use crate::expr::tree::{BinaryOperator, Expr, Node};
use crate::expr::{CheckedBranch, CheckedExpression, Formula, Place};

/// Looks at one property of an object.
pub(super) fn check(
    of: (&str, &str),
    expression: &CheckedExpression,
    known: &Known<'_>,
    findings: &mut Vec<Finding>,
) {
    order(of, expression, findings);
    for (at, branch) in expression.branches().iter().enumerate() {
        text(of, Place::If(at), &branch.condition, known, findings);
        text(of, Place::Then(at), &branch.then, known, findings);
    }
    if let Some(otherwise) = expression.otherwise() {
        text(of, Place::Else, otherwise, known, findings);
    }
}

/// Branches that can never decide: by themselves, or because an earlier one always does before.
fn order((object, property): (&str, &str), expression: &CheckedExpression, findings: &mut Vec<Finding>) {
    let mut earlier: Vec<(usize, Condition)> = Vec::new();
    for (at, branch) in expression.branches().iter().enumerate() {
        let condition = Condition::of(&branch.condition);
        let mut warn = |message: String, hint: &str| {
            let formula = &branch.condition;
            let place = Place::If(at);
            let span = formula.expr().span;
            let finding = Finding {
                object: object.to_owned(),
                ..finding(Severity::Warning, property, place, formula, span, message)
            };
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
fn text(
    (object, property): (&str, &str),
    place: Place,
    formula: &Formula,
    known: &Known<'_>,
    findings: &mut Vec<Finding>,
) {
    let mut warn = |span, message: String, hint: String| {
        let finding = finding(Severity::Warning, property, place, formula, span, message);
        findings.push(Finding { object: object.to_owned(), ..finding.hint(hint) });
    };
    if let Some(span) = formula.ignored() {
        warn(span, "what follows the } is ignored".to_owned(), "take it away".to_owned());
    }
    let mut waiting = vec![formula.expr()];
    while let Some(expr) = waiting.pop() {
        if let Some((message, hint)) = alternatives(expr) {
            warn(expr.span, message, hint);
            continue;
        }
        if let Some(Impossible { span, message, hint }) = comparisons(expr, known) {
            warn(span, message, hint);
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
