//! `/metrics`: figures for Prometheus.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::api::Api;

/// All figures.
pub(crate) async fn metrics(State(_api): State<Api>) -> Response {
    StatusCode::NOT_FOUND.into_response()
}
