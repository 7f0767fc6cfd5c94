//! What has been answered so far in a request, and what do later calls mean when they refer to it (section 3.7)?

use serde_json::{Map, Value};
use thiserror::Error;

use super::limits::Limits;
use super::pointer::follow;
use super::request::Invocation;

/// Why the arguments of a call cannot be known.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ReferenceError {
    /// The method error `invalidArguments`.
    #[error("{0}")]
    InvalidArguments(String),
    /// The method error `invalidResultReference`.
    #[error("{0}")]
    InvalidResultReference(String),
}

/// The answers to the calls of one request, in order.
#[derive(Clone, Debug)]
pub struct Answers {
    given: Vec<Invocation>,
    /// Bytes that references may still copy: an answer could be copied into the next again and again.
    left: usize,
}

impl Answers {
    /// None yet.
    pub fn new(limits: &Limits) -> Self {
        Answers { given: Vec::new(), left: limits.referenced_bytes_max }
    }

    /// Keeps an answer.
    pub fn push(&mut self, answer: Invocation) {
        self.given.push(answer);
    }

    /// All of them, as `methodResponses`.
    pub fn into_value(self) -> Value {
        let answer = |answer: Invocation| {
            Value::Array(vec![answer.name.into(), answer.arguments.into(), answer.call_id.into()])
        };
        self.given.into_iter().map(answer).collect()
    }

    /// The arguments with what they refer to in its place.
    pub fn resolve(&mut self, arguments: Map<String, Value>) -> Result<Map<String, Value>, ReferenceError> {
        if arguments.keys().all(|name| !name.starts_with('#')) {
            return Ok(arguments);
        }
        let (references, mut plain): (Map<_, _>, Map<_, _>) =
            arguments.into_iter().partition(|(name, _)| name.starts_with('#'));
        for (name, reference) in references {
            let name = name.strip_prefix('#').unwrap_or(&name).to_owned();
            if plain.contains_key(&name) {
                return Err(ReferenceError::InvalidArguments(format!("both {name} and #{name} are given")));
            }
            let value = self.find(&name, &reference)?;
            plain.insert(name, value);
        }
        Ok(plain)
    }

    fn find(&mut self, argument: &str, reference: &Value) -> Result<Value, ReferenceError> {
        let wrong = |why: String| ReferenceError::InvalidResultReference(format!("#{argument}: {why}"));
        let part = |name: &str| {
            let text = reference.get(name).and_then(Value::as_str);
            text.ok_or_else(|| wrong(format!("{name} must be a string")))
        };
        let (result_of, name, path) = (part("resultOf")?, part("name")?, part("path")?);
        let answer = self.given.iter().find(|answer| answer.call_id == result_of);
        let answer =
            answer.ok_or_else(|| wrong(format!("no call before this one has the id {result_of}")))?;
        if answer.name != name {
            return Err(wrong(format!("the answer to {result_of} is {}, not {name}", answer.name)));
        }
        // What is copied is weighed before it is.
        let whole = answer.arguments.values().map(weight).sum::<usize>();
        self.left =
            self.left.checked_sub(whole).ok_or_else(|| wrong("the references copy too much".to_owned()))?;
        let arguments = Value::Object(answer.arguments.clone());
        follow(&arguments, path)
            .ok_or_else(|| wrong(format!("{path} leads to nothing in the answer to {result_of}")))
    }
}

/// Bytes that a copy takes, more or less.
fn weight(value: &Value) -> usize {
    const EACH: usize = 32;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => EACH,
        Value::String(text) => EACH + text.len(),
        Value::Array(items) => EACH + items.iter().map(weight).sum::<usize>(),
        Value::Object(members) => {
            EACH + members.iter().map(|(name, value)| EACH + name.len() + weight(value)).sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        if let Value::Object(members) = value { members } else { panic!("{value} is no object") }
    }

    fn answers() -> Answers {
        let mut answers = Answers::new(&Limits::default());
        // RFC 8620 section 3.7.
        let changes = json!({ "accountId": "A1", "created": ["f1", "f4"], "updated": [], "destroyed": [] });
        let threads = json!({ "list": [{ "emailIds": ["a", "b"] }, { "emailIds": ["c"] }] });
        for (name, arguments, id) in [("Foo/changes", changes, "t0"), ("Thread/get", threads, "t2")] {
            answers.push(Invocation {
                name: name.to_owned(),
                arguments: object(arguments),
                call_id: id.to_owned(),
            });
        }
        answers
    }

    #[test]
    fn the_examples_of_the_standard_hold() {
        let call = json!({ "accountId": "A1", "#ids": { "resultOf": "t0", "name": "Foo/changes", "path": "/created" } });
        let arguments = answers().resolve(object(call)).unwrap();
        assert_eq!(Value::from(arguments), json!({ "accountId": "A1", "ids": ["f1", "f4"] }));
        let call = json!({ "#ids": { "resultOf": "t2", "name": "Thread/get", "path": "/list/*/emailIds" } });
        let arguments = answers().resolve(object(call)).unwrap();
        assert_eq!(Value::from(arguments), json!({ "ids": ["a", "b", "c"] }));
    }

    // proves: 5.17 JMAP errors
    #[test]
    fn what_leads_nowhere_is_an_error() {
        let check = |reference: Value, expected: &str| {
            let error = answers().resolve(object(json!({ "#ids": reference }))).unwrap_err();
            assert!(
                matches!(&error, ReferenceError::InvalidResultReference(why) if why.contains(expected)),
                "{error:?}"
            );
        };
        check(json!("t0"), "resultOf must be a string");
        check(json!({ "resultOf": "t9", "name": "Foo/changes", "path": "/created" }), "t9");
        check(json!({ "resultOf": "t0", "name": "Foo/get", "path": "/created" }), "not Foo/get");
        check(json!({ "resultOf": "t0", "name": "Foo/changes", "path": "/nothing" }), "leads to nothing");
        let both =
            json!({ "ids": [], "#ids": { "resultOf": "t0", "name": "Foo/changes", "path": "/created" } });
        let error = answers().resolve(object(both)).unwrap_err();
        assert!(matches!(error, ReferenceError::InvalidArguments(_)), "{error:?}");
    }

    // proves: L11
    #[test]
    fn references_cannot_copy_without_end() {
        let mut answers = Answers::new(&Limits::default());
        let mut arguments = object(json!({ "text": "x".repeat(1_000_000) }));
        let mut ended = false;
        for turn in 0..64 {
            let name = "Core/echo".to_owned();
            answers.push(Invocation { name: name.clone(), arguments, call_id: turn.to_string() });
            let twice = json!({ "resultOf": turn.to_string(), "name": name, "path": "" });
            match answers.resolve(object(json!({ "#a": twice, "#b": twice }))) {
                Ok(resolved) => arguments = resolved,
                Err(error) => {
                    assert!(error.to_string().contains("too much"), "{error}");
                    ended = true;
                    break;
                }
            }
        }
        assert!(ended);
    }
}
