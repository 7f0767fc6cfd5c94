//! What does a response of the API mean? Method errors and problem documents in words.

use serde_json::Value;

use super::place::Place;
use crate::failure::Failure;
use crate::paint::cut;

/// Letters of a page that is no answer of ours that are shown.
const SAMPLE_LETTERS: usize = 120;

/// One response: `[name, arguments, call id]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    /// `error`, or the method's name.
    pub(super) name: &'a str,
    /// What it says.
    pub(super) arguments: &'a Value,
    /// Which call it answers.
    pub(super) id: &'a str,
}

impl<'a> Answer<'a> {
    /// Reads it.
    pub(super) fn of(response: &'a Value) -> Result<Self, Failure> {
        let parts = response.as_array().filter(|parts| parts.len() == 3);
        let read = parts.and_then(|parts| {
            Some(Answer { name: parts[0].as_str()?, arguments: &parts[1], id: parts[2].as_str()? })
        });
        read.ok_or_else(|| Failure::strange("a response is not a name, arguments and a call id"))
    }

    /// The arguments, or the method error in words.
    pub(super) fn result(&self, method: &str) -> Result<Value, Failure> {
        if self.name == "error" {
            Err(method_error(method, self.arguments))
        } else {
            Ok(self.arguments.clone())
        }
    }
}

/// A method error (RFC 8620 section 3.6.2) in words.
fn method_error(method: &str, error: &Value) -> Failure {
    let kind = error.get("type").and_then(Value::as_str).unwrap_or("error without a type");
    let said = error.get("description").and_then(Value::as_str);
    let plain = method.strip_prefix("x:").unwrap_or(method);
    let text = match (kind, said) {
        ("unknownMethod", _) => format!("this server does not know {plain}"),
        ("stateMismatch", _) => {
            "somebody else has changed the settings meanwhile; nothing was done".to_owned()
        }
        ("forbidden", said) => format!("not permitted: {}", said.unwrap_or(plain)),
        (kind, Some(said)) => format!("{said} ({kind})"),
        (kind, None) => format!("{plain}: {kind}"),
    };
    let mut failure = Failure::refused(text).answer(error);
    let findings = error.get("findings").and_then(Value::as_array);
    failure.details = findings.into_iter().flatten().map(finding).collect();
    match kind {
        "unknownMethod" => {
            failure.hint("is the server older than this program? `waypost version` says yours")
        }
        "stateMismatch" => failure.hint("see `waypost history`, then ask again"),
        "serverUnavailable" => failure.hint("try again in a moment; the server's log says more"),
        _ => failure,
    }
}

/// What the check of the settings has found: object, property, what, and what may help.
fn finding(finding: &Value) -> String {
    let text = |name: &str| finding.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let place = ["object", "name", "property"].iter().filter_map(|name| text(name));
    let said = text("message").or_else(|| text("text")).or_else(|| text("description"));
    let words = place.chain(said).collect::<Vec<_>>().join(": ");
    match text("hint") {
        Some(hint) => format!("{words} ({hint})"),
        None if words.is_empty() => finding.to_string(),
        None => words,
    }
}

/// What came over HTTP.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) status: u16,
    /// Where it has gone to, if it is elsewhere.
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Page {
    /// The body as JSON, if the request was answered.
    pub(super) fn into_json(self, place: &Place) -> Result<Value, Failure> {
        let body = self.into_bytes(place)?;
        serde_json::from_slice(&body).map_err(|_| {
            Failure::failed(format!("{place} does not answer as a Waypost server does: {}", sample(&body)))
                .hint("is the URL right?")
        })
    }

    /// The body, if the request was answered.
    pub(super) fn into_bytes(self, place: &Place) -> Result<Vec<u8>, Failure> {
        if self.status == 200 { Ok(self.body) } else { Err(self.problem(place)) }
    }

    /// A problem document (RFC 7807), or whatever else it is.
    fn problem(&self, place: &Place) -> Failure {
        let document: Value = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        let member = |name| document.get(name).and_then(Value::as_str);
        let said = member("detail").or_else(|| member("error")).or_else(|| member("title"));
        match self.status {
            401 => Failure::refused(format!("{place} does not know who asks: {}", said.unwrap_or("no valid token")))
                .hint("give a token with --token-file FILE or WAYPOST_TOKEN; an admin makes one: `waypost token create`"),
            403 => Failure::refused(format!("not permitted: {}", said.unwrap_or("the server says no more"))),
            404 => Failure::refused(said.map_or_else(|| format!("{place} does not have that"), str::to_owned)),
            429 => Failure::refused(said.unwrap_or("too many requests").to_owned()).hint("wait a minute"),
            status => {
                let said = said.map_or_else(|| sample(&self.body), str::to_owned);
                Failure::refused(format!("{place} answers {status}: {said}"))
            }
        }
        .answer(&document)
    }
}

fn sample(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * SAMPLE_LETTERS)]);
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.is_empty() {
        true => "it says nothing".to_owned(),
        false => format!("`{}`", cut(&words.join(" "), SAMPLE_LETTERS)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn method_errors_are_said_as_people_need_them() {
        let check = |method: &str, error: Value, text: &str, hint: Option<&str>| {
            let failure = method_error(method, &error);
            assert_eq!(failure.text, text);
            match hint {
                Some(hint) => {
                    assert!(failure.hint.as_deref().unwrap_or_default().contains(hint), "{failure:?}")
                }
                None => assert_eq!(failure.hint, None),
            }
        };
        check("x:MtaRoute/set", json!({"type": "forbidden"}), "not permitted: MtaRoute/set", None);
        let said = json!({"type": "forbidden", "description": "this needs the role admin; you are viewer"});
        check("x:Account/set", said, "not permitted: this needs the role admin; you are viewer", None);
        check(
            "x:Foo/get",
            json!({"type": "unknownMethod"}),
            "this server does not know Foo/get",
            Some("older"),
        );
        check("x:Foo/get", json!({}), "Foo/get: error without a type", None);
        let said = json!({"type": "unsupportedFilter", "description": "Only AND is supported in filters"});
        check("x:Foo/query", said, "Only AND is supported in filters (unsupportedFilter)", None);
    }

    #[test]
    fn what_is_no_answer_is_said() {
        let place = Place::Socket("data/admin.sock".into());
        let page = |status, body: &str| Page { status, location: None, body: body.as_bytes().to_vec() };
        let text = |page: Page| page.into_json(&place).unwrap_err().text;
        assert!(
            text(page(200, "<html>\x1b[2J hello</html>")).contains("does not answer as a Waypost server")
        );
        assert!(text(page(502, "")).ends_with("answers 502: it says nothing"));
        assert!(text(page(400, r#"{"type":"urn:x","detail":"notJSON"}"#)).ends_with("answers 400: notJSON"));
        assert!(Answer::of(&json!(["a", {}])).is_err());
        assert!(Answer::of(&json!({"a": 1})).is_err());
    }
}
