//! What expressions may name, and what is said of one that does not compile.

use std::collections::{BTreeMap, BTreeSet};

use super::comparisons::Known;
use super::{Finding, Severity, branches};
use crate::expr::{CheckedExpression, Context, Dictionary, Expression, Place, StoreKind};
use crate::settings::{RouteKind, Settings};

/// The objects that functions take the names of.
pub(super) struct Vocabulary {
    stores: BTreeMap<String, StoreKind>,
    relays: BTreeSet<String>,
    routes: BTreeSet<String>,
    virtual_queues: BTreeSet<String>,
}

impl Vocabulary {
    /// Those of the settings.
    pub(super) fn of(settings: &Settings) -> Self {
        let stores = settings.lookup_stores.values().map(|store| (store.name.clone(), store.kind.knows()));
        let relays = settings.routes.values().filter(|route| matches!(route.kind, RouteKind::Relay(_)));
        Vocabulary {
            stores: stores.collect(),
            relays: relays.map(|route| route.name.clone()).collect(),
            routes: settings.routes.keys().cloned().collect(),
            virtual_queues: settings.virtual_queues.keys().cloned().collect(),
        }
    }

    /// Compiles the property of an object that yields no object's name; nothing if something is wrong with it.
    pub(super) fn compile(
        &self,
        (object, property): (&str, &str),
        expression: &Expression,
        context: Context,
        findings: &mut Vec<Finding>,
    ) -> Option<CheckedExpression> {
        self.compile_name((object, property), expression, context, ("object", &BTreeSet::new()), findings)
    }

    /// The same for a property that yields the name of one of `objects`.
    pub(super) fn compile_name(
        &self,
        (object, property): (&str, &str),
        expression: &Expression,
        context: Context,
        objects: (&'static str, &BTreeSet<String>),
        findings: &mut Vec<Finding>,
    ) -> Option<CheckedExpression> {
        let dictionary = Dictionary { context, objects, stores: &self.stores, relays: &self.relays };
        let errors = match CheckedExpression::compile(expression, &dictionary) {
            Ok(compiled) => {
                let known = Known { routes: &self.routes, virtual_queues: &self.virtual_queues };
                branches::check((object, property), &compiled, &known, findings);
                return Some(compiled);
            }
            Err(errors) => errors,
        };
        findings.extend(errors.into_iter().map(|(place, error)| Finding {
            severity: Severity::Error,
            object: object.to_owned(),
            property: format!("{property}.{place}"),
            position: Some(error.span.position(source(expression, place))),
            span: Some(error.span),
            message: error.message,
            hint: error.hint,
        }));
        None
    }
}

/// The text at a place of a property as written.
fn source(expression: &Expression, place: Place) -> &str {
    match place {
        Place::If(branch) => expression.matches.get(branch).map_or("", |branch| &branch.condition),
        Place::Then(branch) => expression.matches.get(branch).map_or("", |branch| &branch.then),
        Place::Else => expression.otherwise.as_deref().unwrap_or(""),
    }
}
