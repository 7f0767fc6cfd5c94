//! One property by itself: is it right, and does it say what it seems to say? For whoever is still writing it.

use super::vocabulary::Vocabulary;
use super::{Finding, Severity, names};
use crate::expr::{Context, Expression, Place};
use crate::settings::{ObjectType, Settings};

/// Everything worth saying about an expression that would stand in a property, errors first. `yields` is the type of
/// objects whose name it yields.
pub fn check_expression(
    settings: &Settings,
    (object, property): (&str, &str),
    expression: &Expression,
    context: Context,
    yields: Option<ObjectType>,
) -> Vec<Finding> {
    let vocabulary = Vocabulary::of(settings);
    let mut findings = Vec::new();
    let (noun, objects) = names::of_type(settings, yields);
    let objects = objects.into_iter().collect();
    let place = (object, property);
    let compiled = vocabulary.compile_name(place, expression, context, (noun, &objects), &mut findings);
    let compiled = compiled.or_else(|| {
        // What one text has wrong does not hide the names in the others.
        let rest = without_faults(expression, &findings, property, objects.first()?);
        vocabulary.compile_name(place, &rest, context, (noun, &objects), &mut Vec::new())
    });
    if let Some(compiled) = compiled.filter(|_| yields.is_some()) {
        names::check_one(property, &compiled, noun, &objects, &mut findings);
    }
    for finding in &mut findings {
        object.clone_into(&mut finding.object);
    }
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// The same with something harmless in place of every text that does not compile.
fn without_faults(expression: &Expression, findings: &[Finding], property: &str, name: &str) -> Expression {
    let is_faulty = |place: Place| {
        let place = format!("{property}.{place}");
        findings.iter().any(|finding| finding.severity == Severity::Error && finding.property == place)
    };
    let name = format!("'{name}'");
    let mut rest = expression.clone();
    for (at, branch) in rest.matches.iter_mut().enumerate() {
        if is_faulty(Place::If(at)) {
            "true".clone_into(&mut branch.condition);
        }
        if is_faulty(Place::Then(at)) {
            branch.then.clone_from(&name);
        }
    }
    if is_faulty(Place::Else) {
        rest.otherwise = Some(name);
    }
    rest
}
