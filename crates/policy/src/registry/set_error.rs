//! Why was a change refused?

use serde_json::{Map, Value, json};

use super::Id;
use crate::settings::ObjectType;

/// Why one object was not created, updated or destroyed.
#[derive(Clone, PartialEq, Debug)]
pub struct SetError {
    /// Which family.
    pub kind: SetErrorKind,
    /// For people.
    pub description: String,
    /// The properties or paths that it is about.
    pub properties: Vec<String>,
    /// The object that the conflict is about.
    pub object: Option<ObjectReference>,
    /// The objects that still need the one that was to go.
    pub linked: Vec<ObjectReference>,
    /// What is wrong with single properties.
    pub validation: Vec<ValidationError>,
}

/// The families of refusals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetErrorKind {
    /// A path or value cannot be applied.
    InvalidPatch,
    /// A value is of the wrong kind, or a property does not exist.
    InvalidProperties,
    /// Another object has this name.
    PrimaryKeyViolation,
    /// An object that is named does not exist.
    InvalidForeignKey,
    /// Others need the object.
    ObjectIsLinked,
    /// A value breaks the rules of its property.
    ValidationFailed,
    /// There is no such object.
    NotFound,
    /// It is not permitted.
    Forbidden,
    /// There is always exactly one.
    Singleton,
    /// The same request destroys it.
    WillDestroy,
    /// The object is too large.
    TooLarge,
    /// There are too many.
    OverQuota,
}

/// An object that is spoken of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ObjectReference {
    /// Its type.
    pub kind: ObjectType,
    /// Its id.
    pub id: Id,
}

/// What is wrong with one property.
#[derive(Clone, PartialEq, Debug)]
pub struct ValidationError {
    /// Which family.
    pub kind: ValidationKind,
    /// The property, as a path.
    pub property: String,
    /// The value that breaks the rule, or the bound that it breaks.
    pub value: Option<Value>,
    /// For people.
    pub message: String,
    /// The bytes of the expression's text that it is about.
    pub span: Option<(usize, usize)>,
}

/// The families of broken rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValidationKind {
    /// It makes no sense.
    Invalid,
    /// It is missing.
    Required,
    /// A text or list is too long.
    MaxLength,
    /// A text or list is too short.
    MinLength,
    /// A number is too large.
    MaxValue,
    /// A number is too small.
    MinValue,
}

impl SetErrorKind {
    /// As answers have it.
    pub fn name(self) -> &'static str {
        match self {
            SetErrorKind::InvalidPatch => "invalidPatch",
            SetErrorKind::InvalidProperties => "invalidProperties",
            SetErrorKind::PrimaryKeyViolation => "primaryKeyViolation",
            SetErrorKind::InvalidForeignKey => "invalidForeignKey",
            SetErrorKind::ObjectIsLinked => "objectIsLinked",
            SetErrorKind::ValidationFailed => "validationFailed",
            SetErrorKind::NotFound => "notFound",
            SetErrorKind::Forbidden => "forbidden",
            SetErrorKind::Singleton => "singleton",
            SetErrorKind::WillDestroy => "willDestroy",
            SetErrorKind::TooLarge => "tooLarge",
            SetErrorKind::OverQuota => "overQuota",
        }
    }
}

impl ValidationKind {
    /// As answers have it.
    pub fn name(self) -> &'static str {
        match self {
            ValidationKind::Invalid => "Invalid",
            ValidationKind::Required => "Required",
            ValidationKind::MaxLength => "MaxLength",
            ValidationKind::MinLength => "MinLength",
            ValidationKind::MaxValue => "MaxValue",
            ValidationKind::MinValue => "MinValue",
        }
    }

    /// The member that says which value it is about, or which bound.
    fn member(self) -> &'static str {
        match self {
            ValidationKind::Invalid | ValidationKind::Required => "value",
            ValidationKind::MaxLength
            | ValidationKind::MinLength
            | ValidationKind::MaxValue
            | ValidationKind::MinValue => "required",
        }
    }
}

impl ObjectReference {
    /// `{"object": "MtaRoute", "id": "e"}`.
    pub fn json(self) -> Value {
        json!({ "object": self.kind.name(), "id": self.id.to_string() })
    }
}

impl SetError {
    /// An error with a description and nothing else.
    pub fn new(kind: SetErrorKind, description: impl Into<String>) -> Self {
        SetError {
            kind,
            description: description.into(),
            properties: Vec::new(),
            object: None,
            linked: Vec::new(),
            validation: Vec::new(),
        }
    }

    /// An error about a property or path.
    pub fn about(kind: SetErrorKind, property: impl Into<String>, description: impl Into<String>) -> Self {
        SetError { properties: vec![property.into()], ..Self::new(kind, description) }
    }

    /// Broken rules of properties.
    pub fn invalid(errors: Vec<ValidationError>) -> Self {
        let sentence = |error: &ValidationError| format!("{}: {}", error.property, error.message);
        let description = errors.iter().map(sentence).collect::<Vec<_>>().join("; ");
        let mut properties: Vec<String> = errors.iter().map(|error| error.property.clone()).collect();
        properties.dedup();
        SetError { properties, validation: errors, ..Self::new(SetErrorKind::ValidationFailed, description) }
    }

    /// As answers have it; members that say nothing are left out.
    pub fn json(&self) -> Value {
        let mut members = Map::new();
        members.insert("type".to_owned(), self.kind.name().into());
        if !self.description.is_empty() {
            members.insert("description".to_owned(), self.description.as_str().into());
        }
        if !self.properties.is_empty() {
            members.insert("properties".to_owned(), self.properties.clone().into());
        }
        if let Some(object) = self.object {
            members.insert("objectId".to_owned(), object.json());
            if self.kind == SetErrorKind::PrimaryKeyViolation {
                members.insert("existingId".to_owned(), object.id.to_string().into());
            }
        }
        if !self.linked.is_empty() {
            let linked: Vec<Value> = self.linked.iter().map(|linked| linked.json()).collect();
            members.insert("linkedObjects".to_owned(), linked.into());
        }
        if !self.validation.is_empty() {
            let errors: Vec<Value> = self.validation.iter().map(ValidationError::json).collect();
            members.insert("validationErrors".to_owned(), errors.into());
        }
        Value::Object(members)
    }
}

impl ValidationError {
    /// A broken rule.
    pub fn new(kind: ValidationKind, property: impl Into<String>, message: impl Into<String>) -> Self {
        ValidationError { kind, property: property.into(), value: None, message: message.into(), span: None }
    }

    /// With the value, or with the bound.
    pub fn with(mut self, value: impl Into<Value>) -> Self {
        self.value = Some(value.into());
        self
    }

    fn json(&self) -> Value {
        let mut members = Map::new();
        members.insert("type".to_owned(), self.kind.name().into());
        members.insert("property".to_owned(), self.property.as_str().into());
        if let Some(value) = &self.value {
            members.insert(self.kind.member().to_owned(), value.clone());
        }
        if !self.message.is_empty() {
            members.insert("message".to_owned(), self.message.as_str().into());
        }
        if let Some((start, end)) = self.span {
            members.insert("start".to_owned(), start.into());
            members.insert("end".to_owned(), end.into());
        }
        Value::Object(members)
    }
}
