//! `/jmap/ws`: requests and changes over one connection (RFC 8887).

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use mail::ModSeq;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use wire::jmap::{Problem, Request, strict_json};

use super::super::call::{parse_state, state_text};
use super::super::load::What;
use super::super::perform::perform;
use super::super::push::changes::{Types, changed};
use super::super::session::{LIMITS, NAMES};
use super::authorised::{Caller, authorised};
use super::event_source::STREAMS_MAX;
use super::{Peer, Shared};

/// How often one who says nothing is asked whether it is there.
const ASK_AFTER: Duration = Duration::from_secs(120);
/// How long it may take one to take what is said.
const WRITE_MAX: Duration = Duration::from_secs(60);
/// Bytes that are read at once and kept for a connection that says nothing.
const READ_BUFFER_BYTES: usize = 4 << 10;

/// Opens the connection.
pub(super) async fn open(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let caller = match authorised(&shared, peer, &headers).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let Some(under_way) = shared.load.begin(What::Stream, &caller.account_id, STREAMS_MAX) else {
        return (StatusCode::TOO_MANY_REQUESTS, "there are too many streams already\n").into_response();
    };
    let upgrade = upgrade
        .protocols(["jmap"])
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(LIMITS.request_bytes_max)
        .max_frame_size(LIMITS.request_bytes_max);
    upgrade.on_upgrade(move |socket| async move {
        let _under_way = under_way;
        let watch = shared.world.messages.watch(&caller.account.name);
        Conversation { shared, peer, caller, watch, push: None, since: ModSeq(0) }.run(socket).await;
    })
}

struct Conversation {
    shared: Arc<Shared>,
    peer: Peer,
    caller: Caller,
    watch: watch::Receiver<ModSeq>,
    /// Of what it wants to hear.
    push: Option<Types>,
    since: ModSeq,
}

impl Conversation {
    async fn run(mut self, mut socket: WebSocket) {
        let mut asked = false;
        loop {
            let said = tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => break,
                read = socket.recv() => match read {
                    Some(Ok(Message::Text(text))) if self.is_admitted() => {
                        asked = false;
                        self.answer(text.as_bytes()).await
                    }
                    Some(Ok(Message::Text(_))) => break,
                    Some(Ok(Message::Binary(_))) => {
                        Some(error(&Value::Null, &Problem::NotRequest("it must be text".to_owned())))
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                        asked = false;
                        None
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                },
                changed = self.watch.changed(), if self.push.is_some() => match changed {
                    Ok(()) if self.is_admitted() => self.told().await,
                    Ok(()) | Err(_) => break,
                },
                () = sleep(ASK_AFTER) => {
                    if asked || !say(&mut socket, Message::Ping(Default::default())).await {
                        return;
                    }
                    asked = true;
                    None
                }
            };
            if let Some(said) = said
                && !say(&mut socket, Message::Text(said.to_string().into())).await
            {
                return;
            }
        }
        let _ = say(&mut socket, Message::Close(None)).await;
    }

    fn is_admitted(&self) -> bool {
        self.shared.world.still_admits(&self.caller.account)
    }

    async fn answer(&mut self, text: &[u8]) -> Option<Value> {
        let mut members = match strict_json(text) {
            Ok(Value::Object(members)) => members,
            Ok(_) => return Some(error(&Value::Null, &Problem::NotRequest("it is no object".to_owned()))),
            Err(why) => return Some(error(&Value::Null, &Problem::NotJson(why.to_string()))),
        };
        let id = members.remove("id").unwrap_or(Value::Null);
        let kind = members.remove("@type");
        match kind.as_ref().and_then(Value::as_str) {
            Some("Request") => Some(self.request(members, &id).await),
            Some("WebSocketPushEnable") => self.enable(&members).await,
            Some("WebSocketPushDisable") => {
                self.push = None;
                None
            }
            _ => Some(error(&id, &Problem::NotRequest("@type is not known".to_owned()))),
        }
    }

    async fn request(&self, members: Map<String, Value>, id: &Value) -> Value {
        let body = Value::Object(members).to_string();
        let request = match Request::parse(body.as_bytes(), &LIMITS, &NAMES) {
            Ok(request) => request,
            Err(problem) => return error(id, &problem),
        };
        let most = LIMITS.concurrent_requests_max;
        let Some(under_way) = self.shared.load.begin(What::Request, &self.caller.account_id, most) else {
            return error(id, &Problem::Limit { limit: "maxConcurrentRequests", most });
        };
        // Nothing is cut in the middle when the client goes away.
        let (shared, caller, client) =
            (Arc::clone(&self.shared), self.caller.clone(), self.peer.address.ip());
        let answering = self.shared.tasks.spawn(async move {
            let _under_way = under_way;
            perform(
                &shared.world,
                &shared.pushes,
                &caller.account,
                &caller.account_id,
                client,
                &LIMITS,
                request,
            )
            .await
        });
        match answering.await {
            Ok(mut response) => {
                response["@type"] = "Response".into();
                response["requestId"] = id.clone();
                response
            }
            Err(why) => {
                tracing::error!(%why, "the answer to a JMAP request has panicked");
                error(id, &Problem::NotRequest("something went wrong here".to_owned()))
            }
        }
    }

    /// RFC 8887 section 4.3.5.2: who says what it knows is told at once what it has missed.
    async fn enable(&mut self, members: &Map<String, Value>) -> Option<Value> {
        let names = members.get("dataTypes").and_then(Value::as_array);
        let names = names.map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        self.push = Some(Types::of(names));
        let now = self.shared.world.clock.now();
        let state = self.shared.world.messages.open(&self.caller.account.name, now).await.ok()?.modseq;
        self.shared.pushes.foresee(&self.shared.world, &self.caller.account.name);
        self.watch.mark_unchanged();
        let known = members.get("pushState").and_then(Value::as_str).and_then(parse_state);
        self.since = known.filter(|known| *known <= state).unwrap_or(state);
        self.told_up_to(state).await
    }

    async fn told(&mut self) -> Option<Value> {
        let now = *self.watch.borrow_and_update();
        self.told_up_to(now).await
    }

    async fn told_up_to(&mut self, now: ModSeq) -> Option<Value> {
        let (world, account) = (&self.shared.world, &self.caller.account.name);
        if now <= self.since {
            return None;
        }
        match changed(world, account, self.since, now, self.push.as_ref()?).await {
            Ok(told) => {
                self.since = now;
                let mut told = told?;
                told["pushState"] = state_text(now).into();
                Some(told)
            }
            Err(why) => {
                tracing::warn!(%why, "changes of an account cannot be told");
                None
            }
        }
    }
}

async fn say(socket: &mut WebSocket, message: Message) -> bool {
    timeout(WRITE_MAX, socket.send(message)).await.is_ok_and(|sent| sent.is_ok())
}

/// RFC 8887 section 4.3.4.
fn error(id: &Value, problem: &Problem) -> Value {
    let mut document = problem.document();
    document["@type"] = json!("RequestError");
    document["requestId"] = id.clone();
    document
}
