//! `x:QueueJob`: one action on all that a filter means, in the background, some recipients at a time.

mod action;
mod record;
mod run;
mod undo;

use super::Office;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use self::action::Order;
use self::record::{Job, State};
use super::causes::Grouped;
use super::{got, unavailable};
use crate::caller::Caller;
use crate::error::MethodError;
use crate::set_error::{SetError, SetErrorKind};

/// How long what was found out about the queue is good enough.
const GROUPS_KEPT_FOR: Duration = Duration::from_secs(2);
/// Jobs that run at once.
const RUNNING_MAX: usize = 4;

/// What a look at the queue found, or will find while it runs.
type Looked = Arc<OnceCell<Arc<Grouped>>>;

/// The jobs that run in this process, and what was found out about the queue a moment ago.
#[derive(Clone, Default)]
pub struct Jobs(Arc<Mutex<Running>>);

#[derive(Default)]
struct Running {
    ids: BTreeSet<String>,
    stopped: BTreeSet<String>,
    looked: Option<(Timestamp, Looked)>,
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a look at the queue a moment ago found, or one that runs will find; else one to make.
    pub(super) fn looked(&self, now: Timestamp) -> Looked {
        let mut running = self.lock();
        if let Some((at, looked)) = &running.looked
            && now >= *at
            && (now.since(*at) < GROUPS_KEPT_FOR || !looked.initialized())
        {
            return Arc::clone(looked);
        }
        let looked = Looked::default();
        running.looked = Some((now, Arc::clone(&looked)));
        looked
    }

    /// Something was changed: whoever asks next wants to see it.
    pub(super) fn forget(&self) {
        self.lock().looked = None;
    }

    fn runs(&self, id: &str) -> bool {
        self.lock().ids.contains(id)
    }

    fn is_stopped(&self, id: &str) -> bool {
        self.lock().stopped.contains(id)
    }

    fn begin(&self, id: &str) -> bool {
        let mut running = self.lock();
        running.ids.len() < RUNNING_MAX && running.ids.insert(id.to_owned())
    }

    fn end(&self, id: &str) {
        let mut running = self.lock();
        running.ids.remove(id);
        running.stopped.remove(id);
    }
}

/// `x:QueueJob/get`.
pub(super) async fn get(api: &Office, arguments: &Map<String, Value>) -> Result<Value, MethodError> {
    let jobs = record::all(api).await.map_err(|why| unavailable(&why))?;
    got(
        jobs.into_iter().map(|job| (job.id.clone(), job.document(api.world.clock.now()))).collect(),
        arguments,
    )
}

/// `x:QueueJob/query`: the latest first.
pub(super) async fn query(api: &Office) -> Result<Value, MethodError> {
    let jobs = record::all(api).await.map_err(|why| unavailable(&why))?;
    let ids: Vec<_> = jobs.into_iter().map(|job| job.id).collect();
    Ok(
        json!({ "queryState": "0", "canCalculateChanges": false, "position": 0, "total": ids.len(), "ids": ids }),
    )
}

/// `x:QueueJob/set`: create begins one or tells what it would do, destroy stops one.
pub(super) async fn set(
    api: &Office,
    caller: &Caller,
    arguments: &Map<String, Value>,
) -> Result<Value, MethodError> {
    let (mut created, mut not_created) = (Map::new(), Map::new());
    if let Some(create) = arguments.get("create").and_then(Value::as_object) {
        for (key, wanted) in create {
            match create_one(api, caller, wanted).await? {
                Ok(value) => drop(created.insert(key.clone(), value)),
                Err(error) => drop(not_created.insert(key.clone(), error.to_value())),
            }
        }
    }
    let (mut destroyed, mut not_destroyed) = (Vec::new(), Map::new());
    for id in arguments.get("destroy").and_then(Value::as_array).into_iter().flatten() {
        let id = id.as_str().unwrap_or_default();
        if api.jobs.runs(id) {
            api.jobs.lock().stopped.insert(id.to_owned());
            destroyed.push(id.to_owned());
        } else {
            let error = SetError::new(SetErrorKind::NotFound, "no job of this id runs");
            not_destroyed.insert(id.to_owned(), error.to_value());
        }
    }
    let mut answer = Map::new();
    let objects = [("created", created), ("notCreated", not_created), ("notDestroyed", not_destroyed)];
    for (name, members) in objects.into_iter().filter(|(_, members)| !members.is_empty()) {
        answer.insert(name.to_owned(), members.into());
    }
    if !destroyed.is_empty() {
        answer.insert("destroyed".to_owned(), json!(destroyed));
    }
    if arguments.get("update").and_then(Value::as_object).is_some_and(|update| !update.is_empty()) {
        return Err(MethodError::invalid_arguments("a job cannot be changed"));
    }
    Ok(answer.into())
}

type Created = Result<Result<Value, SetError>, MethodError>;

async fn create_one(api: &Office, caller: &Caller, wanted: &Value) -> Created {
    let Some(wanted) = wanted.as_object() else {
        return Ok(Err(SetError::new(SetErrorKind::InvalidProperties, "a job is an object")));
    };
    if wanted.get("action").and_then(Value::as_str) == Some("undo") {
        return undo::begin(api, caller, wanted).await;
    }
    let order = match Order::read(wanted, &api.configuration.borrow(), api.world.clock.now()) {
        Ok(order) => order,
        Err(error) => return Ok(Err(error)),
    };
    if wanted.get("dryRun").and_then(Value::as_bool) == Some(true) {
        return run::preview(api, &order).await.map(Ok).map_err(|why| unavailable(&why));
    }
    let job = Job::new(api, &order.action, &caller.name).await.map_err(|why| unavailable(&why))?;
    begin(api, job, Work::Order(order)).await
}

/// What a job does.
enum Work {
    Order(Order),
    Undo(Box<Job>),
}

/// Begins a job; it runs on when the caller has gone.
async fn begin(api: &Office, job: Job, work: Work) -> Created {
    if !api.jobs.begin(&job.id) {
        let why = format!("{RUNNING_MAX} jobs run already");
        return Ok(Err(SetError::new(SetErrorKind::RateLimit, why)));
    }
    if let Err(why) = record::write(api, &job).await {
        api.jobs.end(&job.id);
        return Err(unavailable(&why));
    }
    let value = job.document(api.world.clock.now());
    let own = api.clone();
    api.tasks.spawn(async move {
        let mut job = job;
        let ended = match work {
            Work::Order(order) => run::run(&own, &mut job, &order).await,
            Work::Undo(undone) => undo::run(&own, &mut job, *undone).await,
        };
        job.end(own.world.clock.now(), ended);
        tracing::info!(target: "queue", job = job.id, action = job.action, by = job.by, state = job.state.name(),
            done = job.done, failed = job.failed, "a job on the queue has ended");
        if let Err(why) = record::write(&own, &job).await {
            tracing::warn!(job = job.id, %why, "cannot write how a job ended");
        }
        own.jobs.end(&job.id);
    });
    Ok(Ok(value))
}

/// How a job ended: as it should, or as said.
type Ended = Result<State, store::StoreError>;
