//! Which path is answered where?

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::response::Redirect;
use axum::routing::{get, post};

use super::guard::{Guard, guard};
use super::limits::HttpLimits;
use super::{download, jmap};
use crate::api::Api;
use crate::{access, assets, health, metrics, schema};

/// Everything that is answered over HTTP.
pub(super) fn router(api: Api, limits: HttpLimits) -> Router {
    let shared = Arc::new(Guard::new(limits));
    let jmap = |api: Api| post(jmap::answer).get(jmap::session).with_state((api, Arc::clone(&shared)));
    Router::new()
        .route("/jmap", jmap(api.clone()))
        .route("/api", jmap(api.clone()))
        .route("/jmap/session", jmap(api.clone()))
        .route("/.well-known/jmap", get(|| async { Redirect::temporary("/jmap/session") }))
        .route("/jmap/download/{account}/{blob}/{name}", get(download::download))
        .route("/api/schema", get(schema::redirect))
        .route("/api/schema/{file}", get(schema::schema))
        .route("/api/openapi.json", get(schema::openapi))
        .nest("/auth", access::routes())
        .route("/metrics", get(metrics::metrics))
        .route("/healthz/live", get(health::live))
        .route("/healthz/ready", get(health::ready))
        .fallback(assets::page)
        .layer(middleware::from_fn_with_state(api.access.clone(), access::check_host))
        .layer(middleware::from_fn_with_state(shared, guard))
        .with_state(api)
}
