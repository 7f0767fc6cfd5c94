//! `/jmap/eventsource`: changes as server-sent events (RFC 8620 section 7.3).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use mail::ModSeq;
use policy::settings::Account;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::super::call::{parse_state, state_text};
use super::super::load::{UnderWay, What};
use super::super::push::changes::{Types, changed};
use super::authorised::authorised;
use super::{Peer, Shared};
use crate::World;

/// Streams of one account at once.
pub(super) const STREAMS_MAX: usize = 32;
/// Seconds between pings.
const PING_MIN: u64 = 30;
const PING_MAX: u64 = 900;
/// How often something is said to one who wants no pings: who is gone must be noticed.
const SIGN_OF_LIFE: Duration = Duration::from_secs(300);

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    types: String,
    #[serde(default)]
    closeafter: String,
    #[serde(default)]
    ping: String,
}

struct Stream {
    world: World,
    account: Arc<Account>,
    types: Types,
    watch: watch::Receiver<ModSeq>,
    since: ModSeq,
    once: bool,
    ping: Option<u64>,
    next_ping: Instant,
    stop: CancellationToken,
    over: bool,
    _under_way: UnderWay,
}

/// Gives the stream.
pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let caller = match authorised(&shared, peer, &headers).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let Some(under_way) = shared.load.begin(What::Stream, &caller.account_id, STREAMS_MAX) else {
        return (StatusCode::TOO_MANY_REQUESTS, "there are too many streams already\n").into_response();
    };
    let account = Arc::clone(&caller.account);
    let mut watch = shared.world.messages.watch(&account.name);
    let now = match shared.world.messages.open(&account.name, shared.world.clock.now()).await {
        Ok(state) => state.modseq,
        Err(error) => {
            tracing::error!(%error, "changes of an account cannot be told");
            return (StatusCode::SERVICE_UNAVAILABLE, "try again later\n").into_response();
        }
    };
    shared.pushes.foresee(&shared.world, &account.name);
    watch.mark_unchanged();
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(parse_state);
    let since = last.filter(|last| *last <= now).unwrap_or(now);
    if since < now {
        watch.mark_changed();
    }
    let ping = wanted.ping.parse().ok().filter(|seconds: &u64| *seconds > 0);
    let ping = ping.map(|seconds| seconds.clamp(PING_MIN, PING_MAX));
    let stream = Stream {
        world: shared.world.clone(),
        account,
        types: types(&wanted.types),
        watch,
        since,
        once: wanted.closeafter == "state",
        ping,
        next_ping: Instant::now() + interval(ping),
        stop: shared.stop.clone(),
        over: false,
        _under_way: under_way,
    };
    let body = Body::from_stream(stream::unfold(stream, next));
    let fields = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (fields, [("x-accel-buffering", "no")], body).into_response()
}

fn types(text: &str) -> Types {
    match text {
        "" | "*" => Types::All,
        names => Types::of(Some(names.split(',').map(|name| name.trim().to_owned()).collect())),
    }
}

fn interval(ping: Option<u64>) -> Duration {
    ping.map_or(SIGN_OF_LIFE, Duration::from_secs)
}

/// Waits for the next thing to say.
async fn next(mut stream: Stream) -> Option<(Result<Bytes, Infallible>, Stream)> {
    while !stream.over {
        tokio::select! {
            biased;
            () = stream.stop.cancelled() => return None,
            changed = stream.watch.changed() => {
                changed.ok()?;
                if !stream.world.still_admits(&stream.account) {
                    return None;
                }
                let Some(event) = event(&mut stream).await else { continue };
                stream.over = stream.once;
                return Some((Ok(event.into()), stream));
            }
            () = sleep_until(stream.next_ping) => {
                stream.next_ping = Instant::now() + interval(stream.ping);
                let said = match stream.ping {
                    Some(seconds) => format!("event: ping\ndata: {{\"interval\":{seconds}}}\n\n"),
                    None => ":\n\n".to_owned(),
                };
                return Some((Ok(said.into()), stream));
            }
        }
    }
    None
}

async fn event(stream: &mut Stream) -> Option<String> {
    let now = *stream.watch.borrow_and_update();
    let now = now.max(stream.since);
    match changed(&stream.world, &stream.account.name, stream.since, now, &stream.types).await {
        Ok(told) => {
            stream.since = now;
            told.map(|told| format!("event: state\nid: {}\ndata: {told}\n\n", state_text(now)))
        }
        Err(error) => {
            tracing::warn!(%error, "changes of an account cannot be told");
            stream.over = true;
            None
        }
    }
}
