//! What holds for every request and every answer: how many at once, for how long, and the headers that protect browsers.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::limits::HttpLimits;

/// What the pages may load: only what this server itself gives.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Headers of every answer that has not its own.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Counts what is under way.
pub(super) struct Guard {
    pub(super) limits: HttpLimits,
    requests: Semaphore,
    /// Requests that are held whole in memory.
    pub(super) large: Semaphore,
}

impl Guard {
    pub(super) fn new(limits: HttpLimits) -> Self {
        Guard {
            limits,
            requests: Semaphore::new(limits.requests_max),
            large: Semaphore::new(limits.large_requests_max),
        }
    }
}

pub(super) async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = match guard.requests.try_acquire() {
        Ok(_permit) => match timeout(guard.limits.answer_time_max, next.run(request)).await {
            Ok(response) => response,
            Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "it took too long\n").into_response(),
        },
        Err(_) => {
            let busy = (StatusCode::SERVICE_UNAVAILABLE, "too many requests at once; try again\n");
            ([(header::RETRY_AFTER, "1")], busy).into_response()
        }
    };
    protect(response.headers_mut());
    response
}

fn protect(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}
