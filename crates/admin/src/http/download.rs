//! Gives the content of a queued message (RFC 8620 section 6.2), as a file that no browser shows.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use store::Content;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use super::jmap::ACCOUNT;
use super::peer::Peer;
use crate::access::{self, permissions};
use crate::api::Api;
use crate::audit::Act;
use crate::queue;

/// Whoever may read mail gets it whole; that somebody did is in the audit log.
pub(super) async fn download(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Path((account, blob, _name)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let caller = match access::identify(&api, peer, &headers).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    if let Err(refusal) = permissions::allow(&caller, "QueuedMessage", "download") {
        let why = refusal.description.unwrap_or_default();
        let act = Act {
            objects: vec![format!("QueuedMessage {blob}")],
            summary: why.clone(),
            ..Act::of(&caller, "QueuedMessage/download", "refused")
        };
        api.audit.record_refusal(act).await;
        return (StatusCode::FORBIDDEN, why + "\n").into_response();
    }
    if account != ACCOUNT {
        return missing();
    }
    let content = match queue::content(&api, &blob).await {
        Ok(Some(content)) => content,
        Ok(None) => return missing(),
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, format!("{error:?}\n")).into_response(),
    };
    let act = Act {
        objects: vec![format!("QueuedMessage {blob}")],
        summary: "its content was read".to_owned(),
        ..Act::of(&caller, "QueuedMessage/download", "done")
    };
    api.audit.record(act).await;
    let length = content.len();
    let body = match content {
        Content::Memory(bytes) => Body::from(bytes),
        Content::File(file) => {
            let opened = tokio::task::spawn_blocking(move || file.open()).await;
            let Ok(Ok(open)) = opened else {
                return (StatusCode::SERVICE_UNAVAILABLE, "the content cannot be read\n").into_response();
            };
            Body::from_stream(ReaderStream::new(tokio::fs::File::from_std(open).take(length)))
        }
    };
    // Its name is ours, not the caller's: what stands in a header is not up to a link.
    let name = format!("attachment; filename=\"{blob}.eml\"");
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    (headers, body).into_response()
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, "there is no such content\n").into_response()
}
