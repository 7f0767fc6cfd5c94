//! The pages of the UI, embedded.

use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};

/// The file of this path, or the one page.
pub(crate) async fn page(uri: Uri) -> Response {
    match uri.path() {
        "/" => "the UI is not built in; the API is at /jmap\n".into_response(),
        _ => (StatusCode::NOT_FOUND, "there is no such page\n").into_response(),
    }
}
