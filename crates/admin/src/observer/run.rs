//! The thread that listens: what came, to everyone; now and then, what the minute came to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mail::{Clock, Timestamp};
use mta::events::{ConfigurationChanged, Dialogues, Event, Wanted};
use policy::Configuration;
use policy::settings::{WebHook, WebHookEvent};
use serde_json::Value;
use store::history::{Batch, History, Keep};
use tokio::sync::watch;

use super::bus::Bus;
use super::event_log::EventLog;
use super::json;
use crate::history::record;
use crate::otlp::Otlp;
use crate::statistics::{DAY_MINUTES, Tally};
use crate::webhooks::WebHooks;

/// How long is waited for events before other work is looked after.
const IDLE: Duration = Duration::from_secs(1);
/// Seconds of a day.
const DAY_SECONDS: u64 = 86_400;

pub(super) struct Run {
    pub(super) bus: Arc<Bus>,
    pub(super) history: Option<Arc<History>>,
    pub(super) tally: Arc<Mutex<Tally>>,
    pub(super) log: Arc<EventLog>,
    pub(super) otlp: Option<Arc<Otlp>>,
    pub(super) webhooks: Arc<WebHooks>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) configuration: watch::Receiver<Arc<Configuration>>,
    pub(super) in_force: Option<Arc<Configuration>>,
    /// The last minute of which all is written down.
    pub(super) saved_minute: u64,
    /// Drops that were said.
    pub(super) dropped: u64,
    /// What is to be told to whom.
    pub(super) told: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Run {
    /// Remembers the last day, and says what is wanted.
    pub(super) fn begin(&mut self) {
        self.reconfigure();
        let now = minute(self.clock.now());
        self.saved_minute = now.saturating_sub(1);
        let Some(history) = &self.history else { return };
        let since = now.saturating_sub(DAY_MINUTES);
        // What the thread has not opened yet is not there: a new database has nothing to remember.
        history.flush();
        if let Ok(minutes) = history.minutes(since, usize::try_from(DAY_MINUTES).unwrap_or(usize::MAX)) {
            self.tally.lock().unwrap_or_else(PoisonError::into_inner).remember(&minutes);
        }
    }

    pub(super) fn run(mut self) {
        let mut events = Vec::new();
        while self.bus.take(&mut events, IDLE) {
            self.reconfigure();
            if !events.is_empty() {
                self.tell(&events);
            }
            self.save(false);
            self.say_drops();
            self.bus.done();
        }
        self.save(true);
        self.bus.done();
    }

    fn reconfigure(&mut self) {
        let current = Arc::clone(&self.configuration.borrow());
        if self.in_force.as_ref().is_some_and(|before| Arc::ptr_eq(before, &current)) {
            return;
        }
        let settings = &current.history;
        let keeps = settings.enable && self.history.is_some();
        let dialogues = if keeps { settings.dialogues } else { Dialogues::None };
        self.bus.want(Wanted { events: true, dialogues });
        if let Some(history) = &self.history {
            let age = Duration::from_secs(
                u64::try_from(settings.days).unwrap_or(u64::MAX).saturating_mul(DAY_SECONDS),
            );
            let keep = Keep { age, bytes: u64::try_from(settings.bytes).unwrap_or(u64::MAX) };
            history.keep(keep, self.clock.now());
            history.receivers(current.webhooks.keys().cloned().collect());
        }
        self.in_force = Some(current);
    }

    fn tell(&mut self, events: &[Event]) {
        let Some(configuration) = self.in_force.clone() else { return };
        let mut batch = Batch::default();
        let keeps = configuration.history.enable && self.history.is_some();
        let mut lines = Vec::new();
        {
            let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            events.iter().for_each(|event| tally.count(event));
        }
        if let Some(otlp) = &self.otlp {
            otlp.take(configuration.hostname.as_str(), events);
        }
        for event in events {
            if keeps {
                record::append(&mut batch, event);
            }
            let kind = json::kind(event);
            let listens = |hook: &WebHook| kind.is_some_and(|kind| is_told(hook, kind));
            let hooked = configuration.webhooks.values().any(|(hook, _)| listens(hook));
            if !hooked && !self.log.is_wanted() {
                continue;
            }
            let value = json::value(event);
            if hooked {
                let body = value.to_string().into_bytes();
                for (name, (hook, _)) in &configuration.webhooks {
                    if listens(hook) {
                        self.told.entry(name.clone()).or_default().push(body.clone());
                    }
                }
            }
            lines.push(value);
        }
        self.hand_over(batch, &lines);
    }

    fn hand_over(&mut self, batch: Batch, lines: &[Value]) {
        if self.log.is_wanted() {
            self.log.write(lines);
        }
        let Some(history) = &self.history else { return self.told.clear() };
        history.append(batch);
        if self.told.is_empty() {
            return;
        }
        for (webhook, bodies) in std::mem::take(&mut self.told) {
            let events = bodies.len();
            if !history.post(&webhook, bodies) {
                tracing::error!(webhook, events, "events are not told: the disk is too slow");
            }
        }
        // Who looks before it is written sees nothing, and looks again only much later.
        history.flush();
        self.webhooks.posted();
    }

    /// Writes down the minutes that have ended, or all.
    fn save(&mut self, all: bool) {
        let Some(history) = &self.history else { return };
        let now = minute(self.clock.now());
        let until = if all { now + 1 } else { now };
        if self.saved_minute + 1 >= until {
            return;
        }
        let minutes = {
            let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.forget(now.saturating_sub(DAY_MINUTES));
            tally.written(self.saved_minute + 1, until)
        };
        if !minutes.is_empty() {
            history.put_minutes(minutes);
        }
        self.saved_minute = until - 1;
    }

    fn say_drops(&mut self) {
        let dropped = self.bus.dropped();
        if dropped > self.dropped {
            let events = dropped - self.dropped;
            tracing::warn!(
                events,
                "events came faster than they could be told; some are not in history and statistics"
            );
            self.dropped = dropped;
        }
    }
}

/// Whether a webhook is told events of this kind.
fn is_told(hook: &WebHook, kind: WebHookEvent) -> bool {
    hook.events.is_empty() || hook.events.contains(&kind)
}

fn minute(at: Timestamp) -> u64 {
    at.as_secs() / 60
}

/// That another configuration is in force, as an event.
pub(crate) fn changed(at: Timestamp, revision: Option<u64>, by: &str, comment: &str) -> Event {
    let (by, comment) = (by.to_owned(), comment.to_owned());
    Event::Configuration(Box::new(ConfigurationChanged { at, revision, by, comment }))
}
