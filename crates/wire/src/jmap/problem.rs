//! Why is a whole request refused (RFC 8620 section 3.6.1, RFC 7807)?

use serde_json::{Value, json};

/// A refusal of a whole request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Problem {
    /// It is not JSON, or not I-JSON (RFC 7493).
    NotJson(String),
    /// It is JSON, but not a request.
    NotRequest(String),
    /// It uses a capability that is not there.
    UnknownCapability(String),
    /// It is beyond a limit; which one, by its name in the core capability.
    Limit {
        /// Such as `maxSizeRequest`.
        limit: &'static str,
        /// How much is allowed.
        most: usize,
    },
}

impl Problem {
    /// The HTTP status that it goes out with.
    pub fn status(&self) -> u16 {
        match self {
            Problem::Limit { limit: "maxConcurrentRequests", .. } => 429,
            Problem::Limit { limit: "maxSizeRequest", .. } => 413,
            _ => 400,
        }
    }

    /// The problem document.
    pub fn document(&self) -> Value {
        let (kind, detail) = match self {
            Problem::NotJson(why) => ("notJSON", format!("the request is not I-JSON: {why}")),
            Problem::NotRequest(why) => ("notRequest", format!("the request is not a JMAP request: {why}")),
            Problem::UnknownCapability(name) => {
                ("unknownCapability", format!("there is no capability {name}"))
            }
            Problem::Limit { limit, most } => ("limit", format!("{limit} is {most}")),
        };
        let mut document = json!({ "type": format!("urn:ietf:params:jmap:error:{kind}"), "status": self.status(), "detail": detail });
        if let Problem::Limit { limit, .. } = self {
            document["limit"] = Value::from(*limit);
        }
        document
    }
}
