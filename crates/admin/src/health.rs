//! `/healthz`: does the process live, and may it be sent work?

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use store::StoreError;
use tokio::time::timeout;

use crate::api::Api;

/// How long the store may take to answer.
const STORE_TIME_MAX: Duration = Duration::from_secs(5);

/// It answers, so it lives.
pub(crate) async fn live() -> &'static str {
    "live\n"
}

/// Whether it can take mail: the store takes content and can be read.
pub(crate) async fn ready(State(api): State<Api>) -> Response {
    match timeout(STORE_TIME_MAX, trouble(&api)).await {
        Ok(None) => "ready\n".into_response(),
        Ok(Some(why)) => unready(&why),
        Err(_) => unready("the store does not answer in time"),
    }
}

/// Says no more than the kind of trouble: whoever asks has not said who it is.
async fn trouble(api: &Api) -> Option<String> {
    let store = &api.world.store;
    // A writer is refused when the disk is full or the store has stopped. Dropped, it leaves nothing behind.
    let failed = match store.writer().await {
        Ok(_) => store.next_event().await.err(),
        Err(error) => Some(error),
    }?;
    Some(match failed {
        StoreError::Full { .. } => "the disk is full".to_owned(),
        StoreError::Stopped(_) => "the store has stopped".to_owned(),
        StoreError::Held { .. }
        | StoreError::Newer { .. }
        | StoreError::LeaseLost(_)
        | StoreError::Damaged { .. }
        | StoreError::TooLong { .. }
        | StoreError::NoCounter { .. }
        | StoreError::Database { .. }
        | StoreError::File { .. } => "the store cannot be used".to_owned(),
    })
}

fn unready(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response()
}
