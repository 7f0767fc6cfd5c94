//! The settings objects as documents: what is there, what is a change, what does it make of them?
//!
//! A registry is a value. A change makes a new one, or is refused with the reason; nothing here is in force by itself.
//! Documents are normalised: every property is present, lists are objects with the keys 0, 1, …, sets are objects of
//! `member → true`, durations are milliseconds, what is not set is null.

mod diff;
mod document;
mod expressions;
mod fresh;
mod id;
mod kept;
mod links;
mod normal;
mod objects;
mod patch;
mod query;
mod request;
pub mod schema;
mod set;
mod set_error;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::settings::ObjectType;

pub use expressions::{expression_kind, read_expression};
pub use id::{Id, SINGLETON};
pub use schema::schema;
pub use set_error::{ObjectReference, SetError, SetErrorKind, ValidationError, ValidationKind};

/// The properties of one object, normalised, secrets in the clear.
pub type Document = Map<String, Value>;

/// The ids that creation ids of a request came to, such as `r1 → e`.
pub type CreationIds = BTreeMap<String, String>;

/// Makes a password hash of a password.
pub type Hash<'h> = &'h dyn Fn(&str) -> String;

/// Bytes of one object at most.
pub const OBJECT_BYTES_MAX: usize = 200_000;

/// The property that says of which variant an object is.
pub(crate) const TYPE: &str = "@type";
/// What stands for a secret.
pub const MASK: &str = "****";

/// All settings objects.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Registry {
    objects: BTreeMap<ObjectType, BTreeMap<Id, Arc<Document>>>,
    /// The number of the next object of a type. Never goes back, so that no id is given twice.
    next: BTreeMap<ObjectType, u64>,
}

/// Whether secrets are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Secrets {
    /// `****` stands for each.
    Masked,
    /// In the clear: for the store and the loader, never for an answer.
    Shown,
}

/// The arguments of `set`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SetRequest {
    /// By creation id.
    pub create: Vec<(String, Value)>,
    /// By id: properties or paths, and their new values.
    pub update: Vec<(String, Value)>,
    /// Ids.
    pub destroy: Vec<String>,
}

/// What a `set` came to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SetOutcome {
    /// The registry as it is then; what was refused has changed nothing in it.
    pub registry: Registry,
    /// By creation id, the new object's id.
    pub created: Vec<(String, String)>,
    /// Ids.
    pub updated: Vec<String>,
    /// Ids.
    pub destroyed: Vec<String>,
    /// By creation id.
    pub not_created: Vec<(String, SetError)>,
    /// By id.
    pub not_updated: Vec<(String, SetError)>,
    /// By id.
    pub not_destroyed: Vec<(String, SetError)>,
    /// What is to be written down.
    pub changes: Vec<Change>,
}

/// One object that is new, other, or gone.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    /// Its type.
    pub kind: ObjectType,
    /// Its id, or `singleton`.
    pub id: Id,
    /// As it was.
    pub before: Option<Arc<Document>>,
    /// As it is.
    pub after: Option<Arc<Document>>,
}

/// One difference between two registries, for people.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The object's type.
    pub object: String,
    /// Its id.
    pub id: String,
    /// What it is called; empty for a singleton.
    pub name: String,
    /// The property as a path; empty if it is the whole object.
    pub property: String,
    /// `MtaRoute smarthost: port: 25 → 587`.
    pub sentence: String,
}

/// The arguments of `query`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Query {
    /// Conditions that all must hold: property, or property with `IsGreaterThan` and the like, and the value.
    pub filter: Vec<(String, Value)>,
    /// Properties in order of weight, and whether each ascends.
    pub sort: Vec<(String, bool)>,
    /// The first result; from the end if negative.
    pub position: i64,
    /// The id from which to count instead, and how far from it.
    pub anchor: Option<(String, i64)>,
    /// Results at most.
    pub limit: Option<usize>,
    /// Whether all results are counted.
    pub calculate_total: bool,
}

/// What a `query` came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryAnswer {
    /// The place of the first id among all results.
    pub position: usize,
    /// In order.
    pub ids: Vec<Id>,
    /// All results, if that was asked.
    pub total: Option<usize>,
}

/// Why a `get` or `query` cannot be answered: the method error, and what is wrong, for people.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{description}")]
pub struct Unanswerable {
    /// `invalidArguments`, `unsupportedFilter`, `unsupportedSort`, `anchorNotFound`, `unknownMethod`.
    pub kind: &'static str,
    /// For people.
    pub description: String,
}
