//! Gives content as a file (RFC 8620 section 6.2), never as a page: what a message holds must not act in our name.

use std::fmt::Write;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::super::blob;
use super::authorised::authorised;
use super::{Peer, Shared};

/// Blobs never change.
const CACHED: &str = "private, immutable, max-age=31536000";
/// Bytes of a file name at most.
const NAME_BYTES_MAX: usize = 255;

/// Gives a blob of the caller's.
pub(super) async fn download(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    Path((account_id, blob_id, name)): Path<(String, String, String)>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let caller = match authorised(&shared, peer, &headers).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let missing = || (StatusCode::NOT_FOUND, "there is no such content\n").into_response();
    if account_id != caller.account_id {
        return missing();
    }
    let content = match blob::content(&shared.world, &caller.account.name, &blob_id).await {
        Ok(Some(content)) => content,
        Ok(None) => return missing(),
        Err(error) => {
            tracing::error!(%error, "cannot read a blob");
            return (StatusCode::SERVICE_UNAVAILABLE, "the content cannot be read now\n").into_response();
        }
    };
    // `accept` is what the old name of the parameter was.
    let asked =
        query.iter().find(|(key, _)| key == "type" || key == "accept").map(|(_, value)| value.as_str());
    let Some(media) = media_type(asked) else {
        return (StatusCode::BAD_REQUEST, "type must be a media type\n").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, media),
        (header::CONTENT_DISPOSITION, disposition(&name)),
        (header::CACHE_CONTROL, HeaderValue::from_static(CACHED)),
    ];
    (headers, content).into_response()
}

/// The type that the client wants to be told; `None` if it is none.
fn media_type(asked: Option<&str>) -> Option<HeaderValue> {
    let asked = asked.filter(|asked| !asked.is_empty()).unwrap_or("application/octet-stream");
    let essence = asked.split(';').next().unwrap_or_default().trim();
    let (kind, subtype) = essence.split_once('/')?;
    let is_token = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    if !is_token(kind) || !is_token(subtype) {
        return None;
    }
    HeaderValue::from_str(asked).ok()
}

/// RFC 6266 section 4: a name in ASCII for old clients, and the whole.
fn disposition(name: &str) -> HeaderValue {
    let cut = name.char_indices().take_while(|(at, c)| at + c.len_utf8() <= NAME_BYTES_MAX).map(|(_, c)| c);
    let name: String = cut.filter(|c| !c.is_control() && !matches!(c, '/' | '\\')).collect();
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() && c != '"' || c == ' ' { c } else { '_' }).collect();
    let mut text = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''");
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => text.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_its_header() {
        let check = |name: &str, expected: &str| assert_eq!(disposition(name).to_str().unwrap(), expected);
        check("a b.pdf", "attachment; filename=\"a b.pdf\"; filename*=UTF-8''a%20b.pdf");
        check("ä\".pdf", "attachment; filename=\"__.pdf\"; filename*=UTF-8''%C3%A4%22.pdf");
        check("../x\r\nA: b", "attachment; filename=\"..xA: b\"; filename*=UTF-8''..xA%3A%20b");
    }

    #[test]
    fn a_type_is_a_type() {
        assert_eq!(media_type(None).unwrap(), "application/octet-stream");
        assert_eq!(media_type(Some("text/plain; charset=utf-8")).unwrap(), "text/plain; charset=utf-8");
        for wrong in ["text", "text/", "/x", "a b/c", "text/html\r\nX: y"] {
            assert!(media_type(Some(wrong)).is_none(), "{wrong}");
        }
    }
}
