//! Does every name that is written down stand for an object?

use std::collections::{BTreeMap, BTreeSet};

use super::strategies::{Compiled, STRATEGY, finding, outcomes, yields};
use super::{Finding, Severity};
use crate::expr::suggest::closest;
use crate::expr::tree::{BinaryOperator, Expr, Node};
use crate::expr::{CheckedExpression, Formula, Kind, Place};
use crate::settings::{ObjectType, Settings};

/// The name that counts when an expression yields none.
const DEFAULT: &str = "default";

pub(super) fn check(settings: &Settings, compiled: &Compiled, findings: &mut Vec<Finding>) {
    names("route", &compiled.route, "route", &settings.routes, findings);
    names("schedule", &compiled.schedule, "schedule", &settings.schedules, findings);
    names("connection", &compiled.connection, "connection strategy", &settings.connections, findings);
    names("tls", &compiled.tls, "TLS strategy", &settings.tls, findings);
}

/// The objects of a type that expressions yield the names of, and what people call them.
pub(super) fn of_type(settings: &Settings, kind: Option<ObjectType>) -> (&'static str, Vec<String>) {
    let noun = match kind {
        Some(ObjectType::Route) => "route",
        Some(ObjectType::Schedule) => "schedule",
        Some(ObjectType::Connection) => "connection strategy",
        Some(ObjectType::Tls) => "TLS strategy",
        _ => "object",
    };
    let names = match kind {
        Some(ObjectType::Route) => settings.routes.keys().cloned().collect(),
        Some(ObjectType::Schedule) => settings.schedules.keys().cloned().collect(),
        Some(ObjectType::Connection) => settings.connections.keys().cloned().collect(),
        Some(ObjectType::Tls) => settings.tls.keys().cloned().collect(),
        _ => Vec::new(),
    };
    (noun, names)
}

/// The same for one property.
pub(super) fn check_one(
    property: &str,
    compiled: &CheckedExpression,
    noun: &str,
    objects: &BTreeSet<String>,
    findings: &mut Vec<Finding>,
) {
    let objects = objects.iter().map(|name| (name.clone(), ())).collect();
    names(property, compiled, noun, &objects, findings);
}

/// Whether each schedule's virtual queue exists.
pub(super) fn check_queues(settings: &Settings, findings: &mut Vec<Finding>) {
    for schedule in settings.schedules.values() {
        if !settings.virtual_queues.contains_key(&schedule.queue_id) {
            let message = format!("there is no virtual queue '{}'", schedule.queue_id);
            let object = format!("MtaDeliverySchedule {}", schedule.name);
            let finding = Finding::new(Severity::Error, object, message).at("queueId");
            findings.push(suggest(finding, &schedule.queue_id, &settings.virtual_queues));
        }
    }
}

fn names<T>(
    property: &str,
    expression: &CheckedExpression,
    noun: &str,
    objects: &BTreeMap<String, T>,
    findings: &mut Vec<Finding>,
) {
    if expression.otherwise().is_none() && !objects.contains_key(DEFAULT) {
        let message =
            format!("the property is empty, and there is no {noun} '{DEFAULT}' that would count then");
        findings.push(Finding::new(Severity::Error, STRATEGY, message).at(property));
    }
    for (place, formula) in yields(expression) {
        for (name, part) in outcomes(formula.expr()) {
            match name {
                Some(name) if !objects.contains_key(name) => {
                    let message = format!("there is no {noun} '{name}'");
                    let finding = finding(Severity::Error, property, place, formula, part.span, message);
                    findings.push(suggest(finding, name, objects));
                }
                Some(_) => {}
                None => findings.extend(computed(property, place, formula, part, noun, objects)),
            }
        }
    }
}

/// What is known of a name that is computed.
fn computed<T>(
    property: &str,
    place: Place,
    formula: &Formula,
    part: &Expr,
    noun: &str,
    objects: &BTreeMap<String, T>,
) -> Option<Finding> {
    if let Node::Binary(BinaryOperator::Plus, left, _) = &part.node
        && let Node::Text(start) = &left.node
        && !objects.keys().any(|name| name.starts_with(start))
    {
        let message = format!("the name of no {noun} begins with '{start}'");
        return Some(finding(Severity::Warning, property, place, formula, part.span, message));
    }
    let kind = formula.kind();
    if part != formula.expr() || matches!(kind, Kind::Text | Kind::Any) {
        return None;
    }
    let text = match objects.contains_key(DEFAULT) {
        true => format!("this yields {}, not a name: the {noun} '{DEFAULT}' counts", kind.name()),
        false => {
            format!(
                "this yields {}, not a name, and there is no {noun} '{DEFAULT}' that would count",
                kind.name()
            )
        }
    };
    let severity = if objects.contains_key(DEFAULT) { Severity::Warning } else { Severity::Error };
    Some(finding(severity, property, place, formula, part.span, text))
}

fn suggest<T>(finding: Finding, name: &str, objects: &BTreeMap<String, T>) -> Finding {
    match closest(name, objects.keys().map(String::as_str)) {
        Some(near) => finding.hint(format!("did you mean '{near}'?")),
        None if objects.is_empty() => finding,
        None => {
            let all = objects.keys().map(|name| format!("'{name}'")).take(10).collect::<Vec<_>>();
            finding.hint(format!("there are {}", all.join(", ")))
        }
    }
}
