//! Reads the arguments of a method, each of the type that it has to be (RFC 8620 section 3.6.2, `invalidArguments`).

use serde_json::{Map, Value};
use wire::jmap::MethodError;

/// The greatest number that JSON keeps in every program (RFC 8620 section 1.3).
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Arguments that were not asked for yet. What is `null` is as if it were not there.
pub(crate) struct Arguments(Map<String, Value>);

impl Arguments {
    /// These.
    pub(crate) fn new(members: Map<String, Value>) -> Self {
        Arguments(members)
    }

    /// Whatever it is.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, MethodError> {
        self.take(name).map(|value| text(name, value)).transpose()
    }

    /// A text that must be there.
    pub(crate) fn needed_text(&mut self, name: &str) -> Result<String, MethodError> {
        self.text(name)?.ok_or_else(|| wrong(format!("{name} is missing")))
    }

    /// Texts.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, MethodError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                items.into_iter().map(|item| text(name, item)).collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(wrong(format!("{name} must be an array of strings"))),
        }
    }

    /// Objects by name.
    pub(crate) fn object(&mut self, name: &str) -> Result<Map<String, Value>, MethodError> {
        match self.take(name) {
            None => Ok(Map::new()),
            Some(Value::Object(members)) => Ok(members),
            Some(_) => Err(wrong(format!("{name} must be an object"))),
        }
    }

    /// Yes or no.
    pub(crate) fn flag(&mut self, name: &str, otherwise: bool) -> Result<bool, MethodError> {
        match self.take(name) {
            None => Ok(otherwise),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(wrong(format!("{name} must be true or false"))),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn unsigned(&mut self, name: &str) -> Result<Option<u64>, MethodError> {
        let number = |value: Value| {
            let number = value.as_u64().filter(|number| *number <= NUMBER_MAX);
            number.ok_or_else(|| wrong(format!("{name} must be a whole number from 0 to 2^53-1")))
        };
        self.take(name).map(number).transpose()
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, name: &str) -> Result<Option<i64>, MethodError> {
        let number = |value: Value| {
            let number = value.as_i64().filter(|number| number.unsigned_abs() <= NUMBER_MAX);
            number.ok_or_else(|| wrong(format!("{name} must be a whole number")))
        };
        self.take(name).map(number).transpose()
    }
}

/// An argument makes no sense.
pub(crate) fn wrong(why: impl Into<String>) -> MethodError {
    MethodError::invalid_arguments(why)
}

fn text(name: &str, value: Value) -> Result<String, MethodError> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(wrong(format!("{name} must hold strings"))),
    }
}
