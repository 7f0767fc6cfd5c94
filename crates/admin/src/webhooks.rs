//! Tells webhooks what happened, in order, again and again until they say yes; `docs/observability.md` says what they get.
//!
//! What is to be told lies in the outbox of the history, so that a restart loses nothing. One request at a time goes to
//! each receiver; one that fails is left alone for longer each time.

mod request;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mail::Timestamp;
use mta::World;
use policy::Configuration;
use serde_json::{Value, json};
use store::history::History;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::error::MethodError;
use crate::observer::Observer;
use crate::observer::json::millis;
use request::send;

/// The first wait after a request that failed; it doubles with each that follows.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// The longest wait.
const BACKOFF_MAX: Duration = Duration::from_secs(60 * 60);
/// How often it is looked for something to tell, if nobody says that there is.
const LOOK: Duration = Duration::from_secs(30);

/// How each receiver fares, and that there is something to tell.
#[derive(Debug, Default)]
pub(crate) struct WebHooks {
    states: Mutex<BTreeMap<String, State>>,
    posted: Notify,
}

/// How one receiver fares.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Requests that failed since one succeeded.
    pub(crate) failures: u32,
    /// Requests that failed, ever.
    pub(crate) failed: u64,
    /// Events that it was told.
    pub(crate) sent: u64,
    last_error: Option<String>,
    last_success: Option<Timestamp>,
    next_try: Option<Timestamp>,
}

/// What came of a request.
struct Told {
    receiver: String,
    outcome: Result<(), String>,
    events: u64,
    up_to: u64,
}

impl WebHooks {
    /// There is something to tell.
    pub(crate) fn posted(&self) {
        self.posted.notify_one();
    }

    /// How each fares.
    pub(crate) fn states(&self) -> BTreeMap<String, State> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, receiver: &str, change: impl FnOnce(&mut State)) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        change(states.entry(receiver.to_owned()).or_default());
    }

    fn note(&self, told: &Told, now: Timestamp) {
        self.change(&told.receiver, |state| match &told.outcome {
            Ok(()) => {
                if state.failures > 0 {
                    tracing::info!(webhook = told.receiver, "the webhook takes events again");
                }
                let sent = state.sent + told.events;
                *state = State { sent, failed: state.failed, last_success: Some(now), ..State::default() };
            }
            Err(why) => {
                if state.failures == 0 {
                    tracing::warn!(
                        webhook = told.receiver,
                        why,
                        "a webhook does not take events; it is tried again"
                    );
                }
                let wait = BACKOFF_MIN.saturating_mul(1 << state.failures.min(12)).min(BACKOFF_MAX);
                state.failures = state.failures.saturating_add(1);
                state.failed += 1;
                state.last_error = Some(why.clone());
                state.next_try = Some(now.plus(wait));
            }
        });
    }
}

/// Tells receivers until `stop`; a request under way is waited for, and told again if it had no answer.
pub async fn run(
    world: World,
    observer: Arc<Observer>,
    mut configuration: watch::Receiver<Arc<Configuration>>,
    stop: CancellationToken,
) {
    let Some(history) = observer.history.clone() else { return stop.cancelled().await };
    let hooks = Arc::clone(&observer.webhooks);
    let mut under_way: JoinSet<Option<Told>> = JoinSet::new();
    let mut busy: BTreeSet<String> = BTreeSet::new();
    loop {
        let current = Arc::clone(&configuration.borrow_and_update());
        let now = world.clock.now();
        let mut wait = LOOK;
        for name in current.webhooks.keys() {
            if busy.contains(name) {
                continue;
            }
            let rests = hooks.states().get(name).and_then(|state| state.next_try).filter(|at| *at > now);
            if let Some(at) = rests {
                wait = wait.min(at.since(now));
                continue;
            }
            let waiting = count(&history, name).await;
            if waiting > 0 {
                let (world, history, current, name) =
                    (world.clone(), Arc::clone(&history), Arc::clone(&current), name.clone());
                busy.insert(name.clone());
                under_way.spawn(async move { tell(&world, &history, &current, name).await });
            }
        }
        busy.retain(|name| current.webhooks.contains_key(name));
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(ended) = under_way.join_next() => match ended {
                Ok(Some(told)) => {
                    busy.remove(&told.receiver);
                    hooks.note(&told, world.clock.now());
                    if told.outcome.is_ok() {
                        settle(&history, &told).await;
                    }
                }
                // It could not be read what to tell, or the task crashed: all are looked at anew, but not at once.
                Ok(None) | Err(_) => {
                    busy.clear();
                    tokio::time::sleep(BACKOFF_MIN).await;
                }
            },
            Ok(()) = configuration.changed() => {}
            () = hooks.posted.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    under_way.shutdown().await;
}

async fn count(history: &Arc<History>, receiver: &str) -> u64 {
    let (history, receiver) = (Arc::clone(history), receiver.to_owned());
    let count = tokio::task::spawn_blocking(move || history.count_waiting(&receiver)).await;
    count.ok().and_then(Result::ok).unwrap_or(0)
}

/// Writes down what was told, and waits until it is: else it would be told once more.
async fn settle(history: &Arc<History>, told: &Told) {
    let (history, receiver, up_to) = (Arc::clone(history), told.receiver.clone(), told.up_to);
    let settled = tokio::task::spawn_blocking(move || {
        while !history.told(&receiver, up_to) {
            history.flush();
        }
        history.flush();
    });
    let _ = settled.await;
}

async fn tell(
    world: &World,
    history: &Arc<History>,
    configuration: &Configuration,
    receiver: String,
) -> Option<Told> {
    let (hook, secret) = configuration.webhooks.get(&receiver)?;
    let (reading, name) = (Arc::clone(history), receiver.clone());
    let read = tokio::task::spawn_blocking(move || reading.waiting(&name, request::EVENTS_MAX));
    let waiting = request::some(read.await.ok()?.ok()?);
    let up_to = waiting.last()?.id;
    let outcome = send(world, hook, secret.as_ref(), &waiting).await;
    Some(Told { receiver, outcome, events: waiting.len() as u64, up_to })
}

/// Answers `x:WebHookState/get`.
pub(crate) async fn call(api: &Api, verb: &str, _arguments: Value) -> Result<Value, MethodError> {
    if verb != "get" {
        return Err(MethodError::unknown_method(&format!("x:WebHookState/{verb}")));
    }
    let names: Vec<String> = api.configuration.borrow().webhooks.keys().cloned().collect();
    let states = api.observer.webhooks.states();
    let mut list = Vec::new();
    for name in names {
        let state = states.get(&name).cloned().unwrap_or_default();
        let waiting = match &api.observer.history {
            Some(history) => count(history, &name).await,
            None => 0,
        };
        list.push(json!({
            "id": name,
            "waiting": waiting,
            "sent": state.sent,
            "failures": state.failures,
            "lastError": state.last_error,
            "lastSuccessAt": state.last_success.map(millis),
            "nextTryAt": state.next_try.map(millis),
        }));
    }
    Ok(json!({"state": "0", "list": list, "notFound": []}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_fails_is_left_alone_for_longer_each_time_until_it_says_yes() {
        let (hooks, now) = (WebHooks::default(), Timestamp::from_millis(1_800_000_000_000));
        let told =
            |outcome: Result<(), String>| Told { receiver: "a".to_owned(), outcome, events: 3, up_to: 9 };
        let mut waits = Vec::new();
        for _ in 0..40 {
            hooks.note(&told(Err("away".to_owned())), now);
            waits.push(hooks.states()["a"].next_try.unwrap().since(now).as_secs());
        }
        assert_eq!(waits[..13], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600]);
        assert!(waits[13..].iter().all(|wait| *wait == 3600), "an hour at most: {waits:?}");
        hooks.note(&told(Ok(())), now);
        let state = hooks.states()["a"].clone();
        assert_eq!((state.failures, state.failed, state.sent, state.next_try), (0, 40, 3, None));
    }
}
