//! Takes content that a message is to be made of (RFC 8620 section 6.1).

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request as HttpRequest, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use wire::jmap::Problem;

use super::super::blob::BlobId;
use super::super::load::What;
use super::super::session::LIMITS;
use super::answer::{json_response, read, refuse};
use super::authorised::authorised;
use super::{Peer, Shared};

/// How long content is kept of which no message is made.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps the body for a while and gives its id.
pub(super) async fn upload(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    Path(account_id): Path<String>,
    request: HttpRequest<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    let caller = match authorised(&shared, peer, &head.headers).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    if account_id != caller.account_id {
        return (StatusCode::NOT_FOUND, "there is no such account\n").into_response();
    }
    let most = LIMITS.concurrent_uploads_max;
    let Some(_under_way) = shared.load.begin(What::Upload, &account_id, most) else {
        return refuse(&Problem::Limit { limit: "maxConcurrentUpload", most });
    };
    let content = match read(body, "maxSizeUpload", LIMITS.upload_bytes_max).await {
        Ok(content) => content,
        Err(refusal) => return refusal,
    };
    let media = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = media.unwrap_or("application/octet-stream").to_owned();
    let size = content.len();
    let now = shared.world.clock.now();
    match shared.world.messages.upload(&caller.account.name, content, now, now.plus(KEPT_FOR)).await {
        Ok(Ok(id)) => {
            let blob = BlobId::uploaded(id).to_string();
            let answer = json!({ "accountId": account_id, "blobId": blob, "type": media, "size": size });
            json_response(StatusCode::CREATED, "application/json", &answer)
        }
        Ok(Err(_)) => {
            let full = "this account has uploaded too much of which no message was made; try again later\n";
            (StatusCode::INSUFFICIENT_STORAGE, full).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "cannot keep an upload");
            (StatusCode::SERVICE_UNAVAILABLE, "the upload cannot be kept now\n").into_response()
        }
    }
}
