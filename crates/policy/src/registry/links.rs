//! Which objects need another one, and do the expressions of an object compile?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::normal::expression::expression;
use super::schema::{ExpressionKind, Kind, schema};
use super::{Document, Id, ObjectReference, Registry, TYPE, ValidationError, ValidationKind};
use crate::check::names_yielded;
use crate::expr::{CheckedExpression, Dictionary, ExprError, Expression, Place, StoreKind};
use crate::settings::ObjectType;

/// What expressions may name.
pub(super) struct Names {
    stores: BTreeMap<String, StoreKind>,
    relays: BTreeSet<String>,
    objects: BTreeMap<ObjectType, BTreeSet<String>>,
}

/// An expression that does not compile.
pub(crate) type Faults = Vec<(Place, ExprError)>;

impl Names {
    /// Those of a registry.
    pub(super) fn of(registry: &Registry) -> Self {
        let name = |document: &Document| document.get("name").and_then(Value::as_str).map(str::to_owned);
        let variant = |document: &Document| document.get(TYPE).and_then(Value::as_str).map(str::to_owned);
        let store = |(_, document): (Id, &Document)| {
            let is_memory = variant(document).as_deref() == Some("Memory");
            Some((name(document)?, if is_memory { StoreKind::Keys } else { StoreKind::Sql }))
        };
        let routes = registry.of(ObjectType::Route);
        let relays = routes.filter(|(_, document)| variant(document).as_deref() == Some("Relay"));
        let yielded = [ObjectType::Route, ObjectType::Schedule, ObjectType::Connection, ObjectType::Tls];
        let all = |kind| registry.of(kind).filter_map(|(_, document)| name(document)).collect();
        Names {
            stores: registry.of(ObjectType::LookupStore).filter_map(store).collect(),
            relays: relays.filter_map(|(_, document)| name(document)).collect(),
            objects: yielded.into_iter().map(|kind| (kind, all(kind))).collect(),
        }
    }

    /// The names of the objects of a type, if expressions yield them.
    pub(super) fn named(&self, kind: ObjectType) -> Option<&BTreeSet<String>> {
        self.objects.get(&kind)
    }

    /// Compiles an expression.
    pub(super) fn compile(
        &self,
        expression: &Expression,
        kind: ExpressionKind,
    ) -> Result<CheckedExpression, Faults> {
        let none = BTreeSet::new();
        let names = kind.yields.and_then(|kind| self.objects.get(&kind)).unwrap_or(&none);
        let dictionary = Dictionary {
            context: kind.context,
            objects: (noun(kind.yields), names),
            stores: &self.stores,
            relays: &self.relays,
        };
        CheckedExpression::compile(expression, &dictionary)
    }
}

/// What people call objects of a type in a sentence.
pub(crate) fn noun(kind: Option<ObjectType>) -> &'static str {
    match kind {
        Some(ObjectType::Route) => "route",
        Some(ObjectType::Schedule) => "schedule",
        Some(ObjectType::Connection) => "connection strategy",
        Some(ObjectType::Tls) => "TLS strategy",
        _ => "object",
    }
}

/// The expressions of a document, each with its property.
pub(super) fn expressions(
    kind: ObjectType,
    document: &Document,
) -> impl Iterator<Item = (&'static str, ExpressionKind, &Value)> {
    let properties = schema(kind).variant(document).map_or(&[][..], |variant| &variant.properties);
    properties.iter().filter_map(|property| match property.kind {
        Kind::Expression(kind) => Some((property.name.as_str(), kind, document.get(&property.name)?)),
        _ => None,
    })
}

/// What is wrong with the expressions of a document.
pub(super) fn check(kind: ObjectType, document: &Document, names: &Names) -> Vec<ValidationError> {
    let mut errors = Vec::new();
    for (property, kind, value) in expressions(kind, document) {
        let expression = expression(value);
        for (place, error) in names.compile(&expression, kind).err().into_iter().flatten() {
            let (part, text) = match place {
                Place::Else => ("'else' expression".to_owned(), expression.otherwise.clone()),
                Place::If(at) => (
                    format!("'if' expression in condition #{}", at + 1),
                    expression.matches.get(at).map(|branch| branch.condition.clone()),
                ),
                Place::Then(at) => (
                    format!("'then' expression in condition #{}", at + 1),
                    expression.matches.get(at).map(|branch| branch.then.clone()),
                ),
            };
            let hint = error.hint.map_or(String::new(), |hint| format!(" ({hint})"));
            let message = format!("Error parsing {part}: {}{hint}", error.message);
            let path = format!("{property}/{}", place.to_string().replace('.', "/"));
            let span = Some((error.span.start, error.span.end));
            let value = text.map(Value::from);
            errors.push(ValidationError {
                value,
                span,
                ..ValidationError::new(ValidationKind::Invalid, path, message)
            });
        }
    }
    errors
}

impl Registry {
    /// The objects that need this one: by its id, or by its name in an expression.
    pub fn linked(&self, kind: ObjectType, id: Id) -> Vec<ObjectReference> {
        let nameable = matches!(
            kind,
            ObjectType::Route
                | ObjectType::Schedule
                | ObjectType::VirtualQueue
                | ObjectType::Connection
                | ObjectType::Tls
                | ObjectType::LookupStore
        );
        if !nameable {
            return Vec::new();
        }
        let mut linked = BTreeSet::new();
        let name = self.name_of(kind, id);
        let with = Names::of(self);
        let mut rest = self.clone();
        rest.remove(kind, id);
        let without = Names::of(&rest);
        for (other, other_id, document) in rest.objects() {
            let needs = refers(other, document, kind, id)
                || expressions(other, document).any(|(_, expression_kind, value)| {
                    let Ok(compiled) = with.compile(&expression(value), expression_kind) else {
                        return false;
                    };
                    let yields = expression_kind.yields == Some(kind)
                        && names_yielded(&compiled).iter().any(|yielded| *yielded == name);
                    yields || without.compile(&expression(value), expression_kind).is_err()
                });
            if needs {
                linked.insert(ObjectReference { kind: other, id: other_id });
            }
        }
        linked.into_iter().collect()
    }
}

/// Whether a document has the id in one of its properties.
fn refers(other: ObjectType, document: &Document, kind: ObjectType, id: Id) -> bool {
    let properties = schema(other).variant(document).map_or(&[][..], |variant| &variant.properties);
    let mut references = properties.iter().filter(|property| property.kind == Kind::Reference(kind));
    references.any(|property| {
        document.get(&property.name).and_then(Value::as_str).and_then(|text| text.parse().ok()) == Some(id)
    })
}
