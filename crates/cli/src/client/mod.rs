//! Asks the management API of a server: method calls in, their answers out.

mod answer;
mod connection;
mod place;
mod set_errors;
#[cfg(test)]
mod tests;
mod tls;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::failure::Failure;
use answer::Answer;
use connection::Connection;

pub use place::{Place, Remote};
pub(crate) use set_errors::refusals;

/// What the server must understand.
const CAPABILITIES: [&str; 3] = ["urn:ietf:params:jmap:core", "urn:stalwart:jmap", "urn:waypost:jmap"];

/// Objects that one `get` or `set` may name (the server's own limit).
pub const OBJECTS_PER_CALL_MAX: usize = 500;

/// Method calls in one request (the server's own limit).
pub const CALLS_PER_REQUEST_MAX: usize = 16;

/// One method call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Such as `x:MtaRoute/get`.
    pub method: String,
    /// Its arguments.
    pub arguments: Value,
}

/// A method call.
pub fn call(object: &str, verb: &str, arguments: Value) -> Call {
    Call { method: format!("x:{object}/{verb}"), arguments }
}

/// A server that can be asked.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
}

impl Client {
    /// A client of the server at `place`; nothing is connected yet.
    pub fn new(place: Place) -> Self {
        Client { connection: Connection::new(place) }
    }

    /// Where the server is, for messages.
    pub fn place(&self) -> &Place {
        self.connection.place()
    }

    /// Asks for one thing.
    pub async fn ask(&self, object: &str, verb: &str, arguments: Value) -> Result<Value, Failure> {
        let mut answers = self.batch(&[call(object, verb, arguments)]).await?;
        answers.pop().ok_or_else(|| Failure::strange("no response"))?
    }

    /// Asks for several things at once. An answer is an error only if its own call failed.
    pub async fn batch(&self, calls: &[Call]) -> Result<Vec<Result<Value, Failure>>, Failure> {
        let mut answers = Vec::with_capacity(calls.len());
        for some in calls.chunks(CALLS_PER_REQUEST_MAX) {
            answers.extend(self.request(some).await?);
        }
        Ok(answers)
    }

    async fn request(&self, calls: &[Call]) -> Result<Vec<Result<Value, Failure>>, Failure> {
        let numbered: Vec<Value> = calls
            .iter()
            .enumerate()
            .map(|(i, call)| json!([call.method, call.arguments, format!("c{i}")]))
            .collect();
        let body = json!({ "using": CAPABILITIES, "methodCalls": numbered });
        let page = self.connection.post("/jmap", &body).await?;
        let document = page.into_json(self.place())?;
        let responses = document.get("methodResponses").and_then(Value::as_array);
        let responses = responses.ok_or_else(|| Failure::strange("no `methodResponses`"))?;
        let mut by_id: BTreeMap<&str, Answer> = BTreeMap::new();
        for response in responses {
            let answer = Answer::of(response)?;
            by_id.entry(answer.id).or_insert(answer);
        }
        let answers = calls.iter().enumerate().map(|(i, call)| {
            let answer = by_id.get(format!("c{i}").as_str());
            let answer =
                answer.ok_or_else(|| Failure::strange(&format!("{} is not answered", call.method)))?;
            answer.result(&call.method)
        });
        Ok(answers.collect())
    }

    /// A document by its path, such as `/api/schema`.
    pub async fn document(&self, path: &str) -> Result<Value, Failure> {
        let page = self.connection.fetch(path).await?;
        match page.location.as_deref() {
            // One step and on the same server: the schema's name changes with its content.
            Some(there) if there.starts_with('/') && (300..400).contains(&page.status) => {
                self.connection.fetch(there).await?.into_json(self.place())
            }
            _ => page.into_json(self.place()),
        }
    }

    /// The bytes at a path.
    pub async fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.connection.fetch(path).await?.into_bytes(self.place())
    }
}
