//! `/jmap`: reads a request, has it answered, and gives the session object.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request as HttpRequest, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use tokio::time::timeout;
use wire::jmap::{Problem, Request};

use super::super::load::What;
use super::super::perform::perform;
use super::super::session::{self, LIMITS, NAMES};
use super::authorised::authorised;
use super::{Peer, Shared};

/// From the end of the header to the end of the body.
pub(super) const BODY_TIME_MAX: Duration = Duration::from_secs(300);

/// Gives the session object.
pub(super) async fn session(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    match authorised(&shared, peer, &headers).await {
        Ok(caller) => {
            let offer = shared.world.outbox.offer(&caller.account, peer.address.ip()).await;
            let session = session::session(&shared.world, &caller.account, &offer, &base(peer, &headers));
            json_response(StatusCode::OK, "application/json", &session)
        }
        Err(refusal) => refusal,
    }
}

/// Where the client believes this server to be. A proxy in front may say that it speaks TLS; at worst that breaks
/// the links of whoever says so.
fn base(peer: Peer, headers: &HeaderMap) -> String {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_tls =
        peer.tls || said("x-forwarded-proto").is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
    let scheme = if is_tls { "https" } else { "http" };
    said("host").map_or_else(String::new, |host| format!("{scheme}://{host}"))
}

/// Answers a request.
pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    request: HttpRequest<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    // Who may not ask is not read.
    let caller = match authorised(&shared, peer, &head.headers).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    if !is_json(&head.headers) {
        return refuse(&Problem::NotJson("its content type must be application/json".to_owned()));
    }
    let most = LIMITS.concurrent_requests_max;
    let Some(under_way) = shared.load.begin(What::Request, &caller.account_id, most) else {
        return refuse(&Problem::Limit { limit: "maxConcurrentRequests", most });
    };
    let body = match read(body, "maxSizeRequest", LIMITS.request_bytes_max).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let request = match Request::parse(&body, &LIMITS, &NAMES) {
        Ok(request) => request,
        Err(problem) => return refuse(&problem),
    };
    drop(body);
    let owned = Arc::clone(&shared);
    let answering = shared.tasks.spawn(async move {
        let _under_way = under_way;
        let client = peer.address.ip();
        perform(&owned.world, &owned.pushes, &caller.account, &caller.account_id, client, &LIMITS, request)
            .await
    });
    match answering.await {
        Ok(response) => json_response(StatusCode::OK, "application/json", &response),
        Err(error) => {
            tracing::error!(%error, "the answer to a JMAP request has panicked");
            (StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here\n").into_response()
        }
    }
}

/// A body, whole; `limit` says how many bytes it may have.
pub(super) async fn read(body: Body, limit: &'static str, most: usize) -> Result<Bytes, Response> {
    match timeout(BODY_TIME_MAX, Limited::new(body, most).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(refuse(&Problem::Limit { limit, most })),
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "the body broke off\n").into_response()),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body took too long\n").into_response()),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = value.and_then(|value| value.split(';').next()).map(str::trim);
    media.is_some_and(|media| media.eq_ignore_ascii_case("application/json"))
}

/// A refusal of the whole request.
pub(super) fn refuse(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::BAD_REQUEST);
    json_response(status, "application/problem+json", &problem.document())
}

/// JSON as it goes out.
pub(super) fn json_response(status: StatusCode, content_type: &'static str, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, content_type)], value.to_string()).into_response()
}
