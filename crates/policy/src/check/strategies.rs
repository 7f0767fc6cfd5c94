//! The four expressions of `MtaOutboundStrategy`, compiled, with what their parts can yield.

use std::collections::{BTreeMap, BTreeSet};

use super::vocabulary::Vocabulary;
use super::{Finding, Severity};
use crate::expr::tree::{Expr, Node};
use crate::expr::{CheckedExpression, Context, Expression, Formula, Place, Span};
use crate::settings::{Settings, TlsLevel};

/// The object that bears the expressions.
pub(super) const STRATEGY: &str = "MtaOutboundStrategy";

/// The four expressions.
pub(super) struct Compiled {
    pub(super) route: CheckedExpression,
    pub(super) schedule: CheckedExpression,
    pub(super) connection: CheckedExpression,
    pub(super) tls: CheckedExpression,
}

/// Compiles all four; nothing if one is wrong.
pub(super) fn compile(
    settings: &Settings,
    vocabulary: &Vocabulary,
    findings: &mut Vec<Finding>,
) -> Option<Compiled> {
    let routes = names(&settings.routes);
    let schedules = names(&settings.schedules);
    let connections = names(&settings.connections);
    let tls = names(&settings.tls);
    let mut compile = |property: &str, expression: &Expression, context, noun, objects: &BTreeSet<String>| {
        vocabulary.compile_name((STRATEGY, property), expression, context, (noun, objects), findings)
    };
    let outbound = &settings.outbound;
    let route = compile("route", &outbound.route, Context::Recipient, "route", &routes);
    let schedule = compile("schedule", &outbound.schedule, Context::Recipient, "schedule", &schedules);
    let connection =
        compile("connection", &outbound.connection, Context::Host, "connection strategy", &connections);
    let tls = compile("tls", &outbound.tls, Context::Host, "TLS strategy", &tls);
    Some(Compiled { route: route?, schedule: schedule?, connection: connection?, tls: tls? })
}

fn names<T>(objects: &BTreeMap<String, T>) -> BTreeSet<String> {
    objects.keys().cloned().collect()
}

/// A finding about a part of an expression.
pub(super) fn finding(
    severity: Severity,
    property: &str,
    place: Place,
    formula: &Formula,
    span: Span,
    message: impl Into<String>,
) -> Finding {
    Finding {
        position: Some(span.position(formula.source())),
        span: Some(span),
        ..Finding::new(severity, STRATEGY, message).at(format!("{property}.{place}"))
    }
}

/// The texts that yield the result, with their places: each `then`, and `else`.
pub(super) fn yields(expression: &CheckedExpression) -> Vec<(Place, &Formula)> {
    let branches = expression.branches().iter().enumerate();
    let thens = branches.map(|(at, branch)| (Place::Then(at), &branch.then));
    thens.chain(expression.otherwise().map(|formula| (Place::Else, formula))).collect()
}

/// The names that a text can yield, as far as they are written down; a part that is computed is `None`.
pub(super) fn outcomes(expr: &Expr) -> Vec<(Option<&str>, &Expr)> {
    match &expr.node {
        Node::Text(text) => vec![(Some(text), expr)],
        Node::Call(name, arguments) if name == "if_then" => {
            arguments.iter().skip(1).flat_map(outcomes).collect()
        }
        _ => vec![(None, expr)],
    }
}

/// The names that a property can yield; `None` if some are computed.
pub(super) fn reachable(expression: &CheckedExpression) -> Option<BTreeSet<&str>> {
    yields(expression)
        .into_iter()
        .flat_map(|(_, formula)| outcomes(formula.expr()))
        .map(|(name, _)| name)
        .collect()
}

/// TLS strategies that demand what few domains have.
pub(super) fn check_demands(settings: &Settings, compiled: &Compiled, findings: &mut Vec<Finding>) {
    let names = reachable(&compiled.tls);
    for tls in settings.tls.values() {
        if names.as_ref().is_some_and(|names| !names.contains(tls.name.as_str())) {
            continue;
        }
        for (property, what, level) in [("dane", "DANE", tls.dane), ("mtaSts", "MTA-STS", tls.mta_sts)] {
            if level == TlsLevel::Require {
                let object = format!("MtaTlsStrategy {}", tls.name);
                let message = format!("{what} is required, which most domains do not have");
                let finding = Finding::new(Severity::Warning, object, message).at(property);
                findings.push(finding.hint("what has none is returned or waits; choose this strategy for domains that are known to have it"));
            }
        }
    }
}
