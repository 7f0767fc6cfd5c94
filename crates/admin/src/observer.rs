//! Who listens to what happens: one thread takes events in batches and tells history, statistics, logs and webhooks.
//!
//! Whoever reports an event pays for a place in a vector and nothing else; all the rest is done here (`run`).

mod bus;
mod event_log;
pub(crate) mod json;
mod run;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use mail::Clock;
use policy::Configuration;
use store::history::History;
use tokio::sync::watch;

pub(crate) use self::bus::Bus;
use self::event_log::EventLog;
use self::run::Run;
pub(crate) use self::run::changed;
use crate::otlp::{Collector, Otlp};
use crate::statistics::Tally;
use crate::webhooks::WebHooks;

/// Those who listen, and what they know.
pub struct Observer {
    pub(crate) bus: Arc<Bus>,
    pub(crate) history: Option<Arc<History>>,
    tally: Arc<Mutex<Tally>>,
    log: Arc<EventLog>,
    pub(crate) otlp: Option<Arc<Otlp>>,
    pub(crate) webhooks: Arc<WebHooks>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Where those who listen write to.
#[derive(Clone, Debug, Default)]
pub struct ObserverFiles {
    /// The data directory, for the history; none if there is to be none.
    pub directory: Option<PathBuf>,
    /// A file that gets each event as one line of JSON.
    pub events: Option<PathBuf>,
    /// Who gets traces and logs, in OpenTelemetry's form.
    pub collector: Option<Collector>,
}

impl Observer {
    /// Nobody listens until [`Observer::start`]; what is reported meanwhile waits.
    ///
    /// A history that cannot be opened is said in the log, and mail goes on without it.
    pub fn new(files: &ObserverFiles) -> Self {
        let history = files.directory.as_deref().and_then(open);
        Observer {
            bus: Arc::default(),
            history,
            tally: Arc::default(),
            log: Arc::new(EventLog::new(files.events.clone())),
            otlp: files.collector.clone().map(|collector| Arc::new(Otlp::new(collector))),
            webhooks: Arc::default(),
            thread: Mutex::default(),
        }
    }

    /// What those report to in whose name something happens: for [`mta::World::with_events`].
    pub fn events(&self) -> Arc<dyn mta::events::Events> {
        self.bus.clone()
    }

    /// Begins to listen, as the configuration in force says.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        &self,
        clock: Arc<dyn Clock>,
        configuration: watch::Receiver<Arc<Configuration>>,
    ) -> std::io::Result<()> {
        let mut run = Run {
            bus: Arc::clone(&self.bus),
            history: self.history.clone(),
            tally: Arc::clone(&self.tally),
            log: Arc::clone(&self.log),
            otlp: self.otlp.clone(),
            webhooks: Arc::clone(&self.webhooks),
            clock,
            configuration,
            in_force: None,
            saved_minute: 0,
            dropped: 0,
            told: Default::default(),
        };
        run.begin();
        let thread = thread::Builder::new().name("events".to_owned()).spawn(move || run.run())?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    /// Opens the event log anew, after somebody has moved the file away.
    pub fn reopen(&self) {
        self.log.reopen();
    }

    /// Tells everyone what was reported so far, and listens no more. Blocks for as long as that takes.
    pub fn stop(&self) {
        self.bus.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread that listens to events panicked");
        }
        if let Some(history) = &self.history {
            history.flush();
        }
    }

    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all that was reported before is known everywhere, but not long.
    pub(crate) fn catch_up(&self) {
        self.bus.catch_up();
        if let Some(history) = &self.history {
            history.flush();
        }
    }
}

fn open(directory: &Path) -> Option<Arc<History>> {
    match History::open(directory) {
        Ok(history) => Some(Arc::new(history)),
        Err(error) => {
            tracing::error!(%error, "there is no history");
            None
        }
    }
}
