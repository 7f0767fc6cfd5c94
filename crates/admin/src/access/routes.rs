//! `/auth`: who logs in and out over HTTP, and who is behind a request.

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};

use crate::api::Api;
use crate::caller::{Caller, Role};
use crate::http::Peer;

/// What is answered below `/auth`.
pub(crate) fn routes() -> Router<Api> {
    let not_yet = || async { StatusCode::NOT_IMPLEMENTED };
    Router::new()
        .route("/login", post(not_yet))
        .route("/logout", post(not_yet))
        .route("/setup", post(not_yet))
        .route("/me", get(not_yet))
}

/// Who asks; otherwise the answer that refuses.
pub(crate) async fn identify(_api: &Api, _peer: Peer, _headers: &HeaderMap) -> Result<Caller, Response> {
    Ok(Caller::new("local", Role::Admin))
}
