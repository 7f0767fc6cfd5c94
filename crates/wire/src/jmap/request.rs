//! What does a body ask (RFC 8620 section 3.3)?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::json::strict_json;
use super::limits::Limits;
use super::problem::Problem;

/// Characters of a method's name and of a call's id.
const NAME_BYTES_MAX: usize = 256;
/// Creation ids that a request may bring along.
const CREATED_IDS_MAX: usize = 4096;

/// A request.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// The capabilities that it uses.
    pub using: BTreeSet<String>,
    /// Its calls, in order.
    pub calls: Vec<Invocation>,
    /// What earlier requests created, by creation id; only if it wants to be told what this one created.
    pub created_ids: Option<BTreeMap<String, String>>,
}

/// One call of a method, or one answer to it.
#[derive(Clone, PartialEq, Debug)]
pub struct Invocation {
    /// The method, such as `x:MtaRoute/get`.
    pub name: String,
    /// Its arguments, those that refer to answers not resolved.
    pub arguments: Map<String, Value>,
    /// What the client calls it by.
    pub call_id: String,
}

impl Request {
    /// Reads a body. `known` are the capabilities that there are.
    pub fn parse(body: &[u8], limits: &Limits, known: &[&str]) -> Result<Request, Problem> {
        if body.len() > limits.request_bytes_max {
            return Err(Problem::Limit { limit: "maxSizeRequest", most: limits.request_bytes_max });
        }
        let Value::Object(mut members) =
            strict_json(body).map_err(|error| Problem::NotJson(error.to_string()))?
        else {
            return Err(not("it is no object"));
        };
        let using = using(members.remove("using"))?;
        let calls = match members.remove("methodCalls") {
            Some(Value::Array(calls)) => calls,
            _ => return Err(not("methodCalls must be an array")),
        };
        let created_ids =
            members.remove("createdIds").filter(|ids| !ids.is_null()).map(created_ids).transpose()?;
        if let Some(name) = using.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(Problem::UnknownCapability(name.clone()));
        }
        if calls.len() > limits.calls_max {
            return Err(Problem::Limit { limit: "maxCallsInRequest", most: limits.calls_max });
        }
        let calls =
            calls.into_iter().enumerate().map(|(at, call)| invocation(at, call)).collect::<Result<_, _>>()?;
        Ok(Request { using, calls, created_ids })
    }
}

fn not(why: impl Into<String>) -> Problem {
    Problem::NotRequest(why.into())
}

fn using(member: Option<Value>) -> Result<BTreeSet<String>, Problem> {
    let wrong = || not("using must be an array of strings");
    let Some(Value::Array(names)) = member else { return Err(wrong()) };
    let text = |name: Value| if let Value::String(name) = name { Ok(name) } else { Err(wrong()) };
    names.into_iter().map(text).collect()
}

fn created_ids(member: Value) -> Result<BTreeMap<String, String>, Problem> {
    let wrong = || not("createdIds must be an object of strings");
    let Value::Object(ids) = member else { return Err(wrong()) };
    if ids.len() > CREATED_IDS_MAX {
        return Err(not(format!("createdIds may have {CREATED_IDS_MAX} members at most")));
    }
    let text = |(key, id)| if let Value::String(id) = id { Ok((key, id)) } else { Err(wrong()) };
    ids.into_iter().map(text).collect()
}

fn invocation(at: usize, call: Value) -> Result<Invocation, Problem> {
    let wrong = || not(format!("methodCalls.{at} must be [name, arguments, call id]"));
    let Value::Array(parts) = call else { return Err(wrong()) };
    let Ok([Value::String(name), Value::Object(arguments), Value::String(call_id)]) =
        <[Value; 3]>::try_from(parts)
    else {
        return Err(wrong());
    };
    if name.len() > NAME_BYTES_MAX || call_id.len() > NAME_BYTES_MAX {
        return Err(not(format!(
            "methodCalls.{at}: a name or a call id may have {NAME_BYTES_MAX} bytes at most"
        )));
    }
    Ok(Invocation { name, arguments, call_id })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: &[&str] = &[super::super::CORE, "urn:ietf:params:jmap:mail", "apple"];

    fn parse(text: &str) -> Result<Request, Problem> {
        Request::parse(text.as_bytes(), &Limits::default(), KNOWN)
    }

    #[test]
    fn the_example_of_the_standard_is_read() {
        // RFC 8620 section 3.3.1.
        let request = parse(
            r#"{ "using": [ "urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail" ],
                 "methodCalls": [
                   [ "method1", { "arg1": "arg1data", "arg2": "arg2data" }, "c1" ],
                   [ "method2", { "arg1": "arg1data" }, "c2" ],
                   [ "method3", {}, "c3" ] ] }"#,
        )
        .unwrap();
        let calls: Vec<_> =
            request.calls.iter().map(|call| (call.name.as_str(), call.call_id.as_str())).collect();
        assert_eq!(calls, [("method1", "c1"), ("method2", "c2"), ("method3", "c3")]);
        assert_eq!(request.calls[0].arguments["arg2"], "arg2data");
        assert_eq!(request.created_ids, None);
    }

    // proves: 5.17 JMAP errors, L11
    #[test]
    fn each_kind_of_refusal_is_named() {
        let check = |text: &str, kind: &str, detail: &str| {
            let document = parse(text).unwrap_err().document();
            assert_eq!(document["type"], format!("urn:ietf:params:jmap:error:{kind}"), "{text}");
            assert!(document["detail"].as_str().unwrap().contains(detail), "{document} lacks {detail:?}");
        };
        check("", "notJSON", "EOF");
        check("{\"using\":[", "notJSON", "line 1, column 10");
        check("{\"using\":[],\"using\":[]}", "notJSON", "twice");
        check(&"[".repeat(10_000), "notJSON", "recursion");
        check("[]", "notRequest", "no object");
        check("{\"methodCalls\":[]}", "notRequest", "using");
        check("{\"using\":[1],\"methodCalls\":[]}", "notRequest", "strings");
        check("{\"using\":[]}", "notRequest", "methodCalls");
        check("{\"using\":[],\"methodCalls\":{}}", "notRequest", "array");
        check("{\"using\":[],\"methodCalls\":[[\"a\",{}]]}", "notRequest", "methodCalls.0");
        check("{\"using\":[],\"methodCalls\":[[\"a\",[],\"c\"]]}", "notRequest", "methodCalls.0");
        check("{\"using\":[],\"methodCalls\":[[\"a\",{},1]]}", "notRequest", "methodCalls.0");
        check("{\"using\":[],\"methodCalls\":[],\"createdIds\":[]}", "notRequest", "createdIds");
        check("{\"using\":[],\"methodCalls\":[],\"createdIds\":{\"a\":1}}", "notRequest", "createdIds");
        check("{\"using\":[\"pear\"],\"methodCalls\":[]}", "unknownCapability", "pear");
        let calls = vec!["[\"a\",{},\"c\"]"; 65].join(",");
        check(&format!("{{\"using\":[],\"methodCalls\":[{calls}]}}"), "limit", "maxCallsInRequest is 64");
        let large = format!("{{\"using\":[],\"methodCalls\":[],\"x\":\"{}\"}}", "x".repeat(10_000_000));
        check(&large, "limit", "maxSizeRequest");
        assert_eq!(parse(&large).unwrap_err().document()["limit"], "maxSizeRequest");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fall(text in r#"[\[\]{}",:a0 ]{0,40}"#) {
            let _ = parse(&text);
        }
    }
}
