//! Does a route work? `x:RouteTest`: the code of deliveries, stage by stage, up to where the message would be sent.
//!
//! A test lives in memory, for a few minutes. What a probe reaches is what the route reaches: the same rules hold.

mod request;
mod shown;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail::Timestamp;
use mta::connections::Connections;
use mta::probe::{ProbeWatch, probe};
use policy::registry::Id;
use policy::{AttemptOutcome, limits};
use serde_json::{Map, Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Api;
use crate::caller::Caller;
use crate::error::MethodError;
use crate::set_error::{SetError, SetErrorKind};
use request::Wanted;

/// Tests that run at once at most.
pub const RUNNING_MAX: usize = 4;
/// Tests that are remembered at most; the oldest that has ended makes room.
const KEPT_MAX: usize = 50;
/// How long a test that has ended is remembered.
const KEPT_FOR: Duration = Duration::from_secs(10 * 60);

/// The tests of routes that run, or have ended a short while ago; clones share them.
#[derive(Clone)]
pub struct RouteTests(Arc<Inner>);

struct Inner {
    connections: Arc<Connections>,
    tests: Mutex<Tests>,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Tests {
    last: u64,
    known: BTreeMap<u64, Test>,
}

struct Test {
    route: String,
    from: String,
    to: String,
    by: String,
    started_at: Timestamp,
    watch: ProbeWatch,
    stop: CancellationToken,
    /// When it ended, and what came of it; nothing if it was stopped or took too long.
    ended: Option<(Timestamp, Ended)>,
}

enum Ended {
    With(Box<AttemptOutcome>),
    TooLong,
    Stopped,
}

impl RouteTests {
    /// None yet; probes follow the rules of these connections.
    pub fn new(connections: Arc<Connections>) -> Self {
        RouteTests(Arc::new(Inner { connections, tests: Mutex::default(), tasks: TaskTracker::new() }))
    }

    fn tests(&self) -> MutexGuard<'_, Tests> {
        self.0.tests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a test, if not too many run.
    fn begin(&self, api: &Api, caller: &Caller, wanted: Wanted) -> Result<u64, SetError> {
        let now = api.world.clock.now();
        let (watch, stop) = (ProbeWatch::new(now), CancellationToken::new());
        let id = {
            let mut tests = self.tests();
            tests.forget(now);
            if tests.running() >= RUNNING_MAX {
                let why = format!("{RUNNING_MAX} tests run already; wait for one of them");
                return Err(SetError::new(SetErrorKind::RateLimit, why));
            }
            tests.last = tests.last.saturating_add(1);
            let id = tests.last;
            let test = Test {
                route: wanted.route.name.clone(),
                from: wanted.reverse_path.to_string(),
                to: wanted.forward_path.to_string(),
                by: caller.name.clone(),
                started_at: now,
                watch: watch.clone(),
                stop: stop.clone(),
                ended: None,
            };
            tests.known.insert(id, test);
            id
        };
        self.0.tasks.spawn(run(self.clone(), api.clone(), wanted, (id, watch, stop)));
        Ok(id)
    }

    /// Stops all that run.
    pub async fn close(&self) {
        self.tests().known.values().for_each(|test| test.stop.cancel());
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

async fn run(
    tests: RouteTests,
    api: Api,
    wanted: Wanted,
    (id, watch, stop): (u64, ProbeWatch, CancellationToken),
) {
    let Wanted { configuration, route, reverse_path, forward_path } = wanted;
    let probing =
        probe(&api.world, &configuration, &tests.0.connections, &route, (reverse_path, forward_path), &watch);
    // The probe has its own limit; this one is for what it does before and after.
    let limited = timeout(limits::PROBE_MAX + Duration::from_secs(15), probing);
    let ended = tokio::select! {
        biased;
        outcome = limited => outcome.map_or(Ended::TooLong, |outcome| Ended::With(Box::new(outcome))),
        () = stop.cancelled() => Ended::Stopped,
    };
    let now = api.world.clock.now();
    if let Some(test) = tests.tests().known.get_mut(&id) {
        test.ended = Some((now, ended));
    }
}

impl Tests {
    fn running(&self) -> usize {
        self.known.values().filter(|test| test.ended.is_none()).count()
    }

    fn forget(&mut self, now: Timestamp) {
        let is_old = |test: &Test| test.ended.as_ref().is_some_and(|(at, _)| now.since(*at) >= KEPT_FOR);
        self.known.retain(|_, test| !is_old(test));
        while self.known.len() >= KEPT_MAX {
            let oldest = self.known.iter().find(|(_, test)| test.ended.is_some()).map(|(id, _)| *id);
            let Some(oldest) = oldest else { return };
            self.known.remove(&oldest);
        }
    }
}

/// Answers a call.
pub(crate) async fn call(
    api: &Api,
    caller: &Caller,
    object: &str,
    verb: &str,
    arguments: Value,
) -> Result<Value, MethodError> {
    match verb {
        "get" => get(&api.route_tests, &arguments),
        "set" => set(api, caller, &arguments).await,
        _ => Err(MethodError::unknown_method(&format!("{object}/{verb}"))),
    }
}

fn get(tests: &RouteTests, arguments: &Value) -> Result<Value, MethodError> {
    let tests = tests.tests();
    let ids: Vec<String> = match arguments.get("ids") {
        None | Some(Value::Null) => tests.known.keys().map(|id| Id::Number(*id).to_string()).collect(),
        Some(Value::Array(ids)) if ids.len() <= KEPT_MAX => {
            ids.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Some(_) => {
            return Err(MethodError::invalid_arguments(format!(
                "ids must be null or at most {KEPT_MAX} ids"
            )));
        }
    };
    let (mut list, mut not_found) = (Vec::new(), Vec::new());
    for id in ids {
        match number(&id).and_then(|number| tests.known.get(&number)) {
            Some(test) => list.push(shown::test(&id, test)),
            None => not_found.push(id),
        }
    }
    Ok(json!({ "list": list, "notFound": not_found }))
}

/// Creating begins a test, destroying stops and forgets it.
async fn set(api: &Api, caller: &Caller, arguments: &Value) -> Result<Value, MethodError> {
    let (mut created, mut not_created) = (Map::new(), Map::new());
    let wanted = arguments.get("create").and_then(Value::as_object);
    for (key, properties) in wanted.into_iter().flatten() {
        let begun = match request::wanted(api, properties).await {
            Ok(wanted) => api.route_tests.begin(api, caller, wanted),
            Err(error) => Err(error),
        };
        match begun {
            Ok(id) => created.insert(key.clone(), json!({ "id": Id::Number(id).to_string() })),
            Err(error) => not_created.insert(key.clone(), error.into()),
        };
    }
    let mut not_updated = Map::new();
    let changed = arguments.get("update").and_then(Value::as_object);
    for id in changed.into_iter().flatten().map(|(id, _)| id) {
        let error = SetError::new(SetErrorKind::Forbidden, "a test is begun or destroyed, never changed");
        not_updated.insert(id.clone(), error.into());
    }
    let (mut destroyed, mut not_destroyed) = (Vec::new(), Map::new());
    let gone = arguments.get("destroy").and_then(Value::as_array);
    for id in gone.into_iter().flatten().filter_map(Value::as_str) {
        match number(id).and_then(|number| api.route_tests.tests().known.remove(&number)) {
            Some(test) => {
                test.stop.cancel();
                destroyed.push(Value::from(id));
            }
            None => {
                not_destroyed.insert(id.to_owned(), SetError::bare(SetErrorKind::NotFound).into());
            }
        }
    }
    let mut answer = Map::new();
    for (name, members) in [
        ("created", created),
        ("notCreated", not_created),
        ("notUpdated", not_updated),
        ("notDestroyed", not_destroyed),
    ] {
        if !members.is_empty() {
            answer.insert(name.to_owned(), members.into());
        }
    }
    if !destroyed.is_empty() {
        answer.insert("destroyed".to_owned(), destroyed.into());
    }
    Ok(answer.into())
}

fn number(id: &str) -> Option<u64> {
    match id.parse() {
        Ok(Id::Number(number)) => Some(number),
        Ok(Id::Singleton) | Err(_) => None,
    }
}

impl fmt::Debug for RouteTests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteTests").field("known", &self.tests().known.len()).finish_non_exhaustive()
    }
}
