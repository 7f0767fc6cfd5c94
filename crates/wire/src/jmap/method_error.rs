//! Why a method gave no answer (RFC 8620 section 3.6.2).

use serde_json::{Map, Value};

/// An error of a whole method call.
#[derive(Clone, PartialEq, Debug)]
pub struct MethodError {
    /// Such as `invalidArguments`.
    pub kind: &'static str,
    /// What is wrong, for people.
    pub description: Option<String>,
    /// Further members.
    pub more: Map<String, Value>,
}

impl MethodError {
    /// An error with a description.
    pub fn new(kind: &'static str, description: impl Into<String>) -> Self {
        MethodError { kind, description: Some(description.into()), more: Map::new() }
    }

    /// An argument is of the wrong type or makes no sense.
    pub fn invalid_arguments(description: impl Into<String>) -> Self {
        Self::new("invalidArguments", description)
    }

    /// There is no such method.
    pub fn unknown_method(name: &str) -> Self {
        Self::new("unknownMethod", format!("there is no method {name}"))
    }

    /// The caller's role does not reach so far.
    pub fn forbidden(description: impl Into<String>) -> Self {
        Self::new("forbidden", description)
    }

    /// With a further member.
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.more.insert(member.to_owned(), value.into());
        self
    }

    /// The arguments of the response `error`.
    pub fn arguments(&self) -> Value {
        let mut members = self.more.clone();
        members.insert("type".to_owned(), self.kind.into());
        if let Some(description) = &self.description {
            members.insert("description".to_owned(), description.as_str().into());
        }
        members.into()
    }
}
