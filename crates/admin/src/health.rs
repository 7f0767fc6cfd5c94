//! `/healthz`: does the process live, and may it be sent work?

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::api::Api;

/// It answers, so it lives.
pub(crate) async fn live() -> &'static str {
    "live\n"
}

/// Whether it can take mail.
pub(crate) async fn ready(State(_api): State<Api>) -> Response {
    "ready\n".into_response()
}
