//! Is a variable compared with a text that it can never be?

use std::collections::BTreeSet;

use crate::expr::Span;
use crate::expr::suggest::closest;
use crate::expr::tree::{BinaryOperator, Expr, Node};
use crate::expr::words::words;

/// The names that variables can hold.
#[derive(Clone, Copy)]
pub(super) struct Known<'k> {
    pub(super) routes: &'k BTreeSet<String>,
    pub(super) virtual_queues: &'k BTreeSet<String>,
}

/// A comparison that never succeeds.
pub(super) struct Impossible {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) hint: String,
}

/// `last_error == 'tsl'`, `rcpt_domain in ['*.example.org']`: the first text that the variable is never equal to.
pub(super) fn comparisons(expr: &Expr, known: &Known<'_>) -> Option<Impossible> {
    let (name, texts) = compared(expr)?;
    texts.into_iter().find_map(|(text, span)| {
        let (message, hint) = impossible(name, text, known)?;
        let span = if matches!(expr.node, Node::Binary(BinaryOperator::In, ..)) { span } else { expr.span };
        Some(Impossible { span, message, hint })
    })
}

/// The variable and the texts of a comparison for equality.
fn compared(expr: &Expr) -> Option<(&str, Vec<(&str, Span)>)> {
    let Node::Binary(operator, left, right) = &expr.node else { return None };
    match (operator, &left.node, &right.node) {
        (BinaryOperator::Equal | BinaryOperator::NotEqual, Node::Name(name), Node::Text(text)) => {
            Some((name, vec![(text, right.span)]))
        }
        (BinaryOperator::Equal | BinaryOperator::NotEqual, Node::Text(text), Node::Name(name)) => {
            Some((name, vec![(text, left.span)]))
        }
        (BinaryOperator::In, Node::Name(name), Node::List(items)) => {
            let texts = items.iter().filter_map(|item| match &item.node {
                Node::Text(text) => Some((text.as_str(), item.span)),
                _ => None,
            });
            Some((name, texts.collect()))
        }
        _ => None,
    }
}

/// Why a variable is never this text, and what may have been meant.
fn impossible(name: &str, text: &str, known: &Known<'_>) -> Option<(String, String)> {
    let of = |values: &[&str]| {
        if values.contains(&text) {
            return None;
        }
        let hint = closest(text, values.iter().copied()).map_or_else(
            || format!("it is one of {}", values.join(", ")),
            |near| format!("did you mean '{near}'?"),
        );
        Some((format!("{name} is never '{text}'"), hint))
    };
    if let Some(words) = words(name) {
        return of(words);
    }
    match name {
        "route" => of(&known.routes.iter().map(String::as_str).collect::<Vec<_>>()),
        "queue_name" if text != "default" => {
            of(&known.virtual_queues.iter().map(String::as_str).collect::<Vec<_>>())
        }
        "rcpt_domain" | "sender_domain" | "mx" => domain(name, text),
        _ => None,
    }
}

/// Domains are in lower case, and nothing in them stands for anything else.
fn domain(name: &str, text: &str) -> Option<(String, String)> {
    if text.contains('*') {
        let end = text.trim_start_matches('*');
        let hint = match end.contains('*') || !text.starts_with('*') {
            true => format!("use matches('^…$', {name})"),
            false => format!("did you mean ends_with({name}, '{end}')?"),
        };
        return Some((format!("in '{text}' the * stands for itself, so {name} is never equal to it"), hint));
    }
    if text.contains('@') {
        return Some((format!("{name} is a domain, so it is never '{text}'"), "leave out the @".to_owned()));
    }
    if name != "mx" && text.chars().any(char::is_uppercase) {
        let hint = format!("did you mean '{}'?", text.to_lowercase());
        return Some((format!("{name} is in lower case, so it is never '{text}'"), hint));
    }
    None
}
