//! What the queue is seen against: pauses, next hops that are down, the configuration, the time.

use super::Office;
use std::collections::BTreeMap;
use std::sync::Arc;

use mail::Timestamp;
use mta::desk::{Pause, Paused};
use mta::health::{DOWN_SPACE, Row};
use policy::cause::{Cause, HopDown, PauseInForce, cause};
use policy::limits::HOSTS_REMEMBERED_MAX;
use policy::revise::Standing;
use policy::{Configuration, Progress};

/// All of it at one moment.
pub(super) struct Surroundings {
    pub(super) configuration: Arc<Configuration>,
    pub(super) now: Timestamp,
    pub(super) paused: Arc<Paused>,
    /// Next hops and hosts that are down, by name.
    pub(super) down: BTreeMap<String, Row>,
}

impl Surroundings {
    /// As it is now. What cannot be read of the next hops is not known.
    pub(super) async fn of(api: &Office) -> Arc<Self> {
        let now = api.world.clock.now();
        let rows = api.world.store.scan(DOWN_SPACE, None, 2 * HOSTS_REMEMBERED_MAX, now).await;
        let rows = rows.unwrap_or_default();
        let down = rows.iter().filter_map(|(key, value)| Row::from_bytes(key, value));
        Arc::new(Surroundings {
            configuration: Arc::clone(&api.configuration.borrow()),
            now,
            paused: api.world.desk.paused(),
            down: down.map(|row| (row.what.clone(), row)).collect(),
        })
    }

    /// What a recipient waits for.
    pub(super) fn cause(&self, progress: &Progress, standing: Standing) -> Cause {
        let pause = self.paused.over(&progress.virtual_queue, progress.last_hop.as_ref());
        let what = pause.map(|(pause, _)| words(pause));
        let pause =
            pause.zip(what.as_ref()).map(|((_, by), what)| PauseInForce { what, by: &by.by, since: by.at });
        let down = if self.down.is_empty() {
            None
        } else {
            progress.last_hop.as_ref().and_then(|hop| self.down.get(&hop.to_string()))
        };
        let down = down.map(|row| HopDown { since: row.since, trial: row.trial, why: &row.why });
        cause(progress, standing, pause, down)
    }
}

/// A pause in words.
pub(super) fn words(pause: &Pause) -> String {
    match pause {
        Pause::All => "all deliveries".to_owned(),
        Pause::VirtualQueue(name) => format!("the virtual queue {name}"),
        Pause::NextHop(name) => name.clone(),
    }
}
