//! `/api/schema` and `/api/openapi.json`: what can be asked, for programs.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::api::Api;

/// To the schema as it is now, under a name that changes with it.
pub(crate) async fn redirect(State(_api): State<Api>) -> Response {
    StatusCode::NOT_FOUND.into_response()
}

/// The schema of all objects.
pub(crate) async fn schema(State(_api): State<Api>, Path(_file): Path<String>) -> Response {
    StatusCode::NOT_FOUND.into_response()
}

/// The API as OpenAPI.
pub(crate) async fn openapi(State(_api): State<Api>) -> Response {
    StatusCode::NOT_FOUND.into_response()
}
