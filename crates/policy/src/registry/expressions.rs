//! An expression that is still being written: is it right, and what may stand where the cursor is?

use std::collections::BTreeSet;

use serde_json::Value;

use super::links::{Names, noun};
use super::normal::{self, expression::expression};
use super::schema::{ExpressionKind, Kind, schema};
use super::{Document, Registry, SetError, TYPE};
use crate::check::{Finding, check_expression};
use crate::expr::{Completion, CompletionNames, Expression, complete};
use crate::settings::{ObjectType, Settings, SettingsError};

/// The expression property of a type; none if it has no such one.
pub fn expression_kind(kind: ObjectType, property: &str) -> Option<ExpressionKind> {
    let variants = schema(kind).shape.variants.iter();
    let found = variants.flat_map(|variant| &variant.properties).find(|one| one.name == property)?;
    match found.kind {
        Kind::Expression(kind) => Some(kind),
        _ => None,
    }
}

/// A whole expression property as it may be written: the forms of documents and the older ones.
pub fn read_expression(value: &Value) -> Result<Expression, SetError> {
    normal::value_of_expression(value).map(|value| expression(&value))
}

impl Registry {
    /// Everything worth saying about an expression that would stand in a property, errors first.
    pub fn check_expression(
        &self,
        (object, property): (ObjectType, &str),
        expression: &Expression,
        kind: ExpressionKind,
    ) -> Result<Vec<Finding>, Vec<SettingsError>> {
        let settings = self.settings_named(&[
            ObjectType::Route,
            ObjectType::Schedule,
            ObjectType::VirtualQueue,
            ObjectType::Connection,
            ObjectType::Tls,
            ObjectType::LookupStore,
        ])?;
        Ok(check_expression(&settings, (object.name(), property), expression, kind.context, kind.yields))
    }

    /// The settings of some types alone: what expressions may name.
    fn settings_named(&self, kinds: &[ObjectType]) -> Result<Settings, Vec<SettingsError>> {
        let mut few = Registry { objects: std::collections::BTreeMap::new(), next: self.next.clone() };
        for kind in kinds {
            if let Some(objects) = self.objects.get(kind) {
                few.objects.insert(*kind, objects.clone());
            }
        }
        few.fill();
        few.settings()
    }

    /// What may stand at a byte of a text in an expression property.
    pub fn complete(&self, text: &str, cursor: usize, kind: ExpressionKind) -> Completion {
        let names = Names::of(self);
        let none = BTreeSet::new();
        let named = |kind: ObjectType| -> BTreeSet<String> {
            let name = |document: &Document| document.get("name").and_then(Value::as_str).map(str::to_owned);
            self.of(kind).filter_map(|(_, document)| name(document)).collect()
        };
        let is_relay = |document: &Document| document.get(TYPE).and_then(Value::as_str) == Some("Relay");
        let relays = self.of(ObjectType::Route).filter(|(_, document)| is_relay(document));
        let relays = relays.filter_map(|(_, document)| document.get("name")?.as_str().map(str::to_owned));
        let yields = kind.yields.and_then(|kind| names.named(kind)).unwrap_or(&none);
        let names = CompletionNames {
            yields: (noun(kind.yields), yields),
            stores: &named(ObjectType::LookupStore),
            relays: &relays.collect(),
            routes: &named(ObjectType::Route),
            virtual_queues: &named(ObjectType::VirtualQueue),
        };
        complete(text, cursor, kind.context, &names)
    }
}
