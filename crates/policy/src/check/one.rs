//! One property by itself: is it right, and does it say what it seems to say? For whoever is still writing it.

use super::vocabulary::Vocabulary;
use super::{Finding, names};
use crate::expr::{Context, Expression};
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
    if let Some(compiled) = compiled.filter(|_| yields.is_some()) {
        names::check_one(property, &compiled, noun, &objects, &mut findings);
    }
    for finding in &mut findings {
        object.clone_into(&mut finding.object);
    }
    findings.sort_by_key(|finding| finding.severity);
    findings
}
