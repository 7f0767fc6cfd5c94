//! `/auth`: who logs in and out over HTTP; and who is behind any other request.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::browser;
use super::proof::Shown;
use super::sessions::{Login, SESSION_MAX};
use super::socket::local_caller;
use super::{Access, Refusal};
use crate::api::Api;
use crate::audit::Act;
use crate::caller::{Caller, Proof};
use crate::http::Peer;

/// Bytes of what is posted here at most.
const BODY_BYTES_MAX: usize = 8 * 1024;
/// How long it may take to come.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// What is answered below `/auth`.
pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/login", post(log_in))
        .route("/logout", post(log_out))
        .route("/setup", post(set_up))
        .route("/password", post(change_password))
        .route("/me", get(me))
}

/// Who asks; otherwise the answer that refuses. For requests that may change something.
pub(crate) async fn identify(api: &Api, peer: Peer, headers: &HeaderMap) -> Result<Caller, Response> {
    who(api, peer, headers, browser::is_our_page(headers)).await.map(|(caller, _)| caller)
}

/// Refuses what asks for a host that is not this one, whatever the path.
pub(crate) async fn check_host(
    State(access): State<Access>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    match peer {
        Peer::Network { tls, .. } if !browser::is_our_host(request.headers(), tls, &access.0.hosts) => {
            let why = "this server is not known by that name; say `hosts` in [admin] if it is";
            problem(StatusCode::MISDIRECTED_REQUEST, why)
        }
        Peer::Network { .. } | Peer::Local { .. } => next.run(request).await,
    }
}

async fn who(
    api: &Api,
    peer: Peer,
    headers: &HeaderMap,
    cookie_counts: bool,
) -> Result<(Caller, Option<mail::Timestamp>), Response> {
    let (client, tls) = match peer {
        Peer::Local { uid } => {
            let caller = local_caller(uid, rustix::process::geteuid().as_raw());
            let nobody = || {
                refuse(&Refusal::Forbidden("only the owner of the data directory may ask here".to_owned()))
            };
            return caller.map(|caller| (caller, None)).ok_or_else(nobody);
        }
        Peer::Network { address, tls } => (address.ip().to_canonical(), tls),
    };
    if browser::is_from_elsewhere(headers) {
        return Err(refuse(&Refusal::Forbidden("pages of other sites may not ask here".to_owned())));
    }
    let shown = match headers.get(header::AUTHORIZATION) {
        Some(field) => field.to_str().map_or(Shown::Nothing, Shown::from_authorization),
        None => match browser::cookie(headers, tls) {
            Some(_) if !cookie_counts => {
                let why = format!("a session needs the header {}", browser::OWN_HEADER);
                return Err(refuse(&Refusal::Forbidden(why)));
            }
            Some(secret) => Shown::Cookie(secret),
            None => Shown::Nothing,
        },
    };
    let claimed = match &shown {
        Shown::Basic(name, _) => Some(name.clone()),
        Shown::Bearer(_) => Some("token ?".to_owned()),
        Shown::Cookie(_) | Shown::Nothing => None,
    };
    match api.access.identify(Some(client), shown).await {
        Ok(found) => Ok(found),
        Err(refusal) => {
            // That a session has ended is no attempt of anybody.
            if let Some(claimed) = claimed {
                refused(api, client, &claimed, "authenticate", &refusal).await;
            }
            Err(refuse(&refusal))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogIn {
    name: String,
    password: String,
}

async fn log_in(State(api): State<Api>, Extension(peer): Extension<Peer>, request: Request) -> Response {
    let (client, tls, body) = match posted::<LogIn>(peer, request).await {
        Ok(posted) => posted,
        Err(refusal) => return refusal,
    };
    match api.access.log_in(Some(client), &body.name, body.password).await {
        Ok(login) => logged_in(&api, client, tls, "login", &login).await,
        Err(refusal) => {
            refused(&api, client, &body.name, "login", &refusal).await;
            refuse(&refusal)
        }
    }
}

async fn logged_in(api: &Api, client: IpAddr, tls: bool, method: &str, login: &Login) -> Response {
    let caller = Caller { address: Some(client), ..Caller::new(&*login.name, login.role) };
    api.audit
        .record(Act { summary: format!("role {}", login.role), ..Act::of(&caller, method, "done") })
        .await;
    let answer = json!({
        "name": login.name, "role": login.role, "expiresAt": login.expires_at.rfc3339(),
    });
    with_cookie(json_answer(StatusCode::OK, &answer), Some(&login.secret), tls)
}

async fn log_out(State(api): State<Api>, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Response {
    let Peer::Network { address, tls } = peer else { return json_answer(StatusCode::OK, &json!({})) };
    if !browser::is_our_page(&headers) {
        let why = format!("logging out needs the header {}", browser::OWN_HEADER);
        return refuse(&Refusal::Forbidden(why));
    }
    if let Some(secret) = browser::cookie(&headers, tls) {
        match api.access.log_out(&secret).await {
            Ok(Some(name)) => {
                let from = address.ip().to_canonical().to_string();
                let act =
                    Act { who: name, from, method: "logout".to_owned(), outcome: "done", ..Act::default() };
                api.audit.record(act).await;
            }
            Ok(None) => {}
            Err(refusal) => return refuse(&refusal),
        }
    }
    with_cookie(json_answer(StatusCode::OK, &json!({})), None, tls)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetUp {
    token: String,
    name: String,
    password: String,
}

async fn set_up(State(api): State<Api>, Extension(peer): Extension<Peer>, request: Request) -> Response {
    let (client, tls, body) = match posted::<SetUp>(peer, request).await {
        Ok(posted) => posted,
        Err(refusal) => return refusal,
    };
    let made = api.access.set_up(Some(client), &body.token, &body.name, body.password.clone()).await;
    let login = match made {
        Ok(name) => api.access.log_in(Some(client), &name, body.password).await,
        Err(refusal) => Err(refusal),
    };
    match login {
        Ok(login) => logged_in(&api, client, tls, "setup", &login).await,
        Err(refusal) => {
            refused(&api, client, &body.name, "setup", &refusal).await;
            refuse(&refusal)
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangePassword {
    old: String,
    new: String,
}

/// Everybody may change their own password; all their sessions end, and this one begins anew.
async fn change_password(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    let caller = match identify(&api, peer, request.headers()).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let (client, tls, body) = match posted::<ChangePassword>(peer, request).await {
        Ok(posted) => posted,
        Err(refusal) => return refusal,
    };
    if !matches!(caller.proof, Proof::Session | Proof::Password) {
        return refuse(&Refusal::Forbidden("a token has no password".to_owned()));
    }
    let changed =
        api.access.change_own_password(Some(client), &caller.name, body.old, body.new.clone()).await;
    let login = match changed {
        Ok(()) => api.access.log_in(Some(client), &caller.name, body.new).await,
        Err(refusal) => Err(refusal),
    };
    match login {
        Ok(login) => logged_in(&api, client, tls, "password", &login).await,
        Err(refusal) => {
            refused(&api, client, &caller.name, "password", &refusal).await;
            refuse(&refusal)
        }
    }
}

async fn me(State(api): State<Api>, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Response {
    match who(&api, peer, &headers, !browser::is_from_elsewhere(&headers)).await {
        Ok((caller, ends)) => {
            let ends = ends.map(mail::Timestamp::rfc3339);
            let answer = json!({
                "name": caller.name, "role": caller.role, "methods": caller.scope.as_deref(), "expiresAt": ends,
            });
            json_answer(StatusCode::OK, &answer)
        }
        Err(refusal) => refusal,
    }
}

/// What was posted, by whom; only JSON, and only by our own page or no page at all.
async fn posted<T: DeserializeOwned>(peer: Peer, request: Request) -> Result<(IpAddr, bool, T), Response> {
    let Peer::Network { address, tls } = peer else {
        return Err(refuse(&Refusal::Forbidden("who asks over the Unix socket is known already".to_owned())));
    };
    let (head, body) = request.into_parts();
    if browser::is_from_elsewhere(&head.headers) {
        return Err(refuse(&Refusal::Forbidden("pages of other sites may not ask here".to_owned())));
    }
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = content_type.and_then(|text| text.split(';').next()).map(str::trim);
    if !media.is_some_and(|media| media.eq_ignore_ascii_case("application/json")) {
        return Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json"));
    }
    Ok((address.ip().to_canonical(), tls, read(body).await?))
}

async fn read<T: DeserializeOwned>(body: Body) -> Result<T, Response> {
    let read = timeout(BODY_TIME_MAX, Limited::new(body, BODY_BYTES_MAX).collect()).await;
    let read = read.map_err(|_| problem(StatusCode::REQUEST_TIMEOUT, "the body took too long"))?;
    let bytes = read.map_err(|_| problem(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"))?.to_bytes();
    // The reason would quote what was sent, and that may be a password.
    serde_json::from_slice(&bytes).map_err(|_| {
        problem(StatusCode::BAD_REQUEST, "the body is not the JSON object that is expected here")
    })
}

async fn refused(api: &Api, client: IpAddr, who: &str, method: &str, refusal: &Refusal) {
    let outcome = if matches!(refusal, Refusal::Store(_) | Refusal::Ending) { "failed" } else { "refused" };
    let act = Act {
        who: who.to_owned(),
        from: client.to_string(),
        method: method.to_owned(),
        outcome,
        summary: refusal.to_string(),
        ..Act::default()
    };
    api.audit.record_refusal(act).await;
}

/// The answer to somebody who is not let in.
pub(crate) fn refuse(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::Unknown(_) => StatusCode::UNAUTHORIZED,
        Refusal::NotNow(_) => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Forbidden(_) => StatusCode::FORBIDDEN,
        Refusal::NotFound(_) => StatusCode::NOT_FOUND,
        Refusal::Invalid(..) => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::Taken(_) => StatusCode::CONFLICT,
        Refusal::TooMany(_) => StatusCode::CONFLICT,
        Refusal::Store(_) | Refusal::Ending => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = problem(status, &refusal.to_string());
    match refusal {
        // Never Basic: a browser would ask for a password and then send it along whoever makes it ask.
        Refusal::Unknown(_) => {
            let challenge = HeaderValue::from_static("Bearer realm=\"waypost\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        Refusal::NotNow(wait) => {
            response.headers_mut().insert(header::RETRY_AFTER, wait.as_secs().max(1).into());
        }
        _ => {}
    }
    response
}

fn problem(status: StatusCode, detail: &str) -> Response {
    let document = json!({ "type": "about:blank", "status": status.as_u16(), "detail": detail });
    let mut response = json_answer(status, &document);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

fn json_answer(status: StatusCode, answer: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

fn with_cookie(mut response: Response, secret: Option<&str>, tls: bool) -> Response {
    let field = browser::set_cookie(secret, tls, SESSION_MAX.as_secs());
    let value = HeaderValue::try_from(field).expect("base64 and our own words fit a header");
    response.headers_mut().insert(header::SET_COOKIE, value);
    response
}

/// Says where the first administrator comes in, if there is none.
pub async fn first_link(access: &Access, origin: &str) -> Result<Option<String>, Refusal> {
    Ok(access.first_link().await?.map(|link| format!("{origin}/setup#{}", link.secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let (held, nothing) = tokio::io::duplex(64);
        let body = Body::from_stream(tokio_util::io::ReaderStream::new(nothing));
        let refusal = read::<Value>(body).await.unwrap_err();
        assert_eq!(refusal.status(), StatusCode::REQUEST_TIMEOUT);
        drop(held);
    }
}
