//! `/jmap`: reads a request, answers its calls in order, and gives the session object.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request as HttpRequest, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Value, json};
use tokio::time::timeout;
use wire::jmap::{Answers, CORE, Capability, Invocation, Limits, Problem, ReferenceError, Request, Session};

use super::guard::Guard;
use super::peer::Peer;
use crate::access;
use crate::api::Api;
use crate::caller::{Caller, Role};
use crate::error::MethodError;

/// The one account; a client may leave it out.
pub(crate) const ACCOUNT: &str = "a";
/// What the objects of the specification belong to.
pub(crate) const OBJECTS: &str = "urn:stalwart:jmap";
/// What our own objects belong to. Either of the two opens all of them.
pub(crate) const OWN_OBJECTS: &str = "urn:waypost:jmap";

const CAPABILITIES: &[&str] = &[CORE, OBJECTS, OWN_OBJECTS];

type Shared = (Api, Arc<Guard>);

/// Answers a request.
pub(super) async fn answer(
    State((api, guard)): State<Shared>,
    Extension(peer): Extension<Peer>,
    request: HttpRequest<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    // Who may not ask is not read.
    let caller = match access::identify(&api, peer, &head.headers).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let limits = Limits::default();
    if !is_json(&head.headers) {
        return refuse(&Problem::NotJson("its content type must be application/json".to_owned()));
    }
    let length =
        head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > limits.request_bytes_max) {
        return refuse(&too_large(&limits));
    }
    let large = length.is_none_or(|length| length >= guard.limits.large_bytes);
    let _permit = match large {
        true => Some(guard.large.acquire().await.expect("it is never closed")),
        false => None,
    };
    let read = timeout(guard.limits.body_time_max, Limited::new(body, limits.request_bytes_max).collect());
    let body = match read.await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return refuse(&too_large(&limits)),
        Ok(Err(_)) => return (StatusCode::BAD_REQUEST, "the body broke off\n").into_response(),
        Err(_) => return (StatusCode::REQUEST_TIMEOUT, "the body took too long\n").into_response(),
    };
    match perform(&api, &caller, body, &limits).await {
        Ok(answer) => json_response(StatusCode::OK, "application/json", &answer),
        Err(problem) => refuse(&problem),
    }
}

/// Gives the session object.
pub(super) async fn session(
    State((api, _)): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    let caller = match access::identify(&api, peer, &headers).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let hostname = api.configuration.borrow().hostname.as_str().to_owned();
    let limits = Limits::default();
    let session = wire::jmap::session(&Session {
        username: &caller.name,
        account: ACCOUNT,
        account_name: &hostname,
        personal: false,
        read_only: caller.role == Role::Viewer,
        capabilities: &[OBJECTS, OWN_OBJECTS].map(Capability::plain),
        collations: &[],
        download: "/jmap/download/{accountId}/{blobId}/{name}?accept={type}",
        upload: "/jmap/upload/{accountId}",
        limits: &limits,
        base: &base(peer, &headers),
        state: &state(&api),
    });
    json_response(StatusCode::OK, "application/json", &session)
}

/// Where the client believes this server to be. Whoever else says so was turned away before.
fn base(peer: Peer, headers: &HeaderMap) -> String {
    let scheme = if matches!(peer, Peer::Network { tls: true, .. }) { "https" } else { "http" };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.map_or_else(String::new, |host| format!("{scheme}://{host}"))
}

/// The session changes when the host name does.
fn state(api: &Api) -> String {
    api.configuration.borrow().hostname.as_str().to_owned()
}

async fn perform(api: &Api, caller: &Caller, body: Bytes, limits: &Limits) -> Result<Value, Problem> {
    let request = Request::parse(&body, limits, CAPABILITIES)?;
    drop(body);
    let mut created = request.created_ids.clone().unwrap_or_default();
    let mut answers = Answers::new(limits);
    for call in request.calls {
        let Invocation { name, arguments, call_id } = call;
        let resolved = answers.resolve(arguments).map_err(|error| match error {
            ReferenceError::InvalidArguments(why) => MethodError::invalid_arguments(why),
            ReferenceError::InvalidResultReference(why) => MethodError::new("invalidResultReference", why),
        });
        let answer = match resolved {
            Ok(arguments) if !is_open(&request.using, &name) => {
                drop(arguments);
                Err(closed(&name))
            }
            Ok(arguments) if name == "Core/echo" => Ok(Value::from(arguments)),
            Ok(mut arguments) => match account(arguments.remove("accountId")) {
                Ok(()) => api.call_with(caller, &mut created, &name, arguments.into()).await,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        answers.push(answered(name, answer, call_id, &mut created));
    }
    let mut response = json!({ "methodResponses": answers.into_value(), "sessionState": state(api) });
    if request.created_ids.is_some() {
        response["createdIds"] = json!(created);
    }
    Ok(response)
}

/// RFC 8620 section 3.6.2: a method is there only for those who use its capability.
fn is_open(using: &std::collections::BTreeSet<String>, method: &str) -> bool {
    match method.starts_with("Core/") {
        true => using.contains(CORE),
        false => using.contains(OBJECTS) || using.contains(OWN_OBJECTS),
    }
}

fn closed(method: &str) -> MethodError {
    let capability = if method.starts_with("Core/") { CORE } else { OBJECTS };
    MethodError::new("unknownMethod", format!("{method} needs {capability} in `using`"))
}

fn account(given: Option<Value>) -> Result<(), MethodError> {
    match given {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(id)) if id == ACCOUNT => Ok(()),
        Some(Value::String(id)) => Err(MethodError::new(
            "accountNotFound",
            format!("there is no account {id}; the only one is {ACCOUNT}"),
        )),
        Some(_) => Err(MethodError::invalid_arguments("accountId must be a string")),
    }
}

/// The answer as it goes out; what was created is known to the calls that follow.
fn answered(
    name: String,
    answer: Result<Value, MethodError>,
    call_id: String,
    created: &mut BTreeMap<String, String>,
) -> Invocation {
    let (name, arguments) = match answer {
        Ok(Value::Object(mut arguments)) => {
            if let Some(made) = arguments.get("created").and_then(Value::as_object) {
                let id = |made: &Value| made.get("id").and_then(Value::as_str).map(str::to_owned);
                created.extend(made.iter().filter_map(|(key, made)| Some((key.clone(), id(made)?))));
            }
            if name != "Core/echo" {
                arguments.insert("accountId".to_owned(), ACCOUNT.into());
            }
            (name, arguments)
        }
        Ok(other) => {
            tracing::error!(method = name, "a method answered with something that is no object");
            drop(other);
            ("error".to_owned(), error(&MethodError::new("serverFail", "the answer is no object")))
        }
        Err(refusal) => ("error".to_owned(), error(&refusal)),
    };
    Invocation { name, arguments, call_id }
}

fn error(of: &MethodError) -> serde_json::Map<String, Value> {
    match of.arguments() {
        Value::Object(members) => members,
        _ => serde_json::Map::new(),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = value.and_then(|value| value.split(';').next()).map(str::trim);
    media.is_some_and(|media| media.eq_ignore_ascii_case("application/json"))
}

fn too_large(limits: &Limits) -> Problem {
    Problem::Limit { limit: "maxSizeRequest", most: limits.request_bytes_max }
}

fn refuse(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::BAD_REQUEST);
    json_response(status, "application/problem+json", &problem.document())
}

fn json_response(status: StatusCode, content_type: &'static str, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, content_type)], value.to_string()).into_response()
}
