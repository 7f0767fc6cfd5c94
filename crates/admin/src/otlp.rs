//! Tells an OpenTelemetry collector what happens: a span for each acceptance and each attempt, a log record for each event.
//!
//! OTLP over HTTP, as JSON, in batches. What a collector does not take in time is dropped, and counted: mail never waits
//! for it. `docs/observability.md` says what is told.

mod encode;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mta::World;
use mta::events::Event;
use mta::web::Reach;
use mta::world::{Telling, WebLimits};
use policy::settings::{Secret, is_loopback_url};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Spans, and log records, that wait at most; more are dropped.
const WAITING_MAX: usize = 8192;
/// How many one request carries at most.
const BATCH_MAX: usize = 512;
/// How long they are gathered, unless there is a batch before.
const GATHER: Duration = Duration::from_secs(1);
/// The longest wait after requests that failed; it doubles from [`GATHER`].
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// How long a request may take.
const TIME_MAX: Duration = Duration::from_secs(10);
/// How long the end waits for what is left to be told.
const LAST_MAX: Duration = Duration::from_secs(3);
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where the collector is.
#[derive(Clone, Debug)]
pub struct Collector {
    /// Such as `http://127.0.0.1:4318`; `/v1/traces` and `/v1/logs` are put after it.
    pub endpoint: String,
    /// Fields of the head of each request, such as a key.
    pub headers: BTreeMap<String, Secret>,
}

/// What waits for the collector.
#[derive(Debug)]
pub(crate) struct Otlp {
    collector: Collector,
    waiting: Mutex<[VecDeque<String>; 2]>,
    full: Notify,
    sent: AtomicU64,
    dropped: AtomicU64,
}

/// What is told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Signal {
    Traces,
    Logs,
}

impl Signal {
    const ALL: [Signal; 2] = [Signal::Traces, Signal::Logs];
}

/// Why a request did not succeed.
enum Failure {
    /// It may succeed later.
    Later(String),
    /// It never will.
    Never(String),
}

impl Otlp {
    pub(crate) fn new(collector: Collector) -> Self {
        Otlp {
            collector,
            waiting: Mutex::default(),
            full: Notify::new(),
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Spans and log records that were told.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Spans and log records that were not told, and never will be.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Takes what happened, as far as there is room.
    pub(crate) fn take(&self, hostname: &str, events: &[Event]) {
        for event in events {
            if let Some(span) = encode::span(hostname, event) {
                self.put(Signal::Traces, &span);
            }
            self.put(Signal::Logs, &encode::log(hostname, event));
        }
    }

    fn put(&self, signal: Signal, value: &Value) {
        let mut waiting = self.lock();
        let queue = &mut waiting[signal as usize];
        if queue.len() >= WAITING_MAX {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.push_back(value.to_string());
        if queue.len() == BATCH_MAX {
            self.full.notify_one();
        }
    }

    fn first(&self, signal: Signal) -> Vec<String> {
        self.lock()[signal as usize].iter().take(BATCH_MAX).cloned().collect()
    }

    fn settle(&self, signal: Signal, count: usize, rejected: u64) {
        self.lock()[signal as usize].drain(..count);
        let count = count as u64;
        let rejected = rejected.min(count);
        self.sent.fetch_add(count - rejected, Ordering::Relaxed);
        self.dropped.fetch_add(rejected, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, [VecDeque<String>; 2]> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells all that waits; the reason if the collector does not take it now.
    async fn tell_all(&self, world: &World, hostname: &str) -> Result<(), String> {
        for signal in Signal::ALL {
            loop {
                let batch = self.first(signal);
                if batch.is_empty() {
                    break;
                }
                let rejected = match self.send(world, hostname, signal, &batch).await {
                    Ok(rejected) => rejected,
                    Err(Failure::Never(why)) => {
                        tracing::warn!(why, "the collector refuses what it is told; it is dropped");
                        u64::MAX
                    }
                    Err(Failure::Later(why)) => return Err(why),
                };
                self.settle(signal, batch.len(), rejected);
            }
        }
        Ok(())
    }

    /// Answers how many the collector rejected.
    async fn send(
        &self,
        world: &World,
        hostname: &str,
        signal: Signal,
        batch: &[String],
    ) -> Result<u64, Failure> {
        let (path, body) = match signal {
            Signal::Traces => ("v1/traces", encode::traces(hostname, batch)),
            Signal::Logs => ("v1/logs", encode::logs(hostname, batch)),
        };
        let endpoint = self.collector.endpoint.trim_end_matches('/');
        let headers = self.collector.headers.iter();
        let fields: Vec<(&str, String)> =
            headers.map(|(name, value)| (name.as_str(), value.expose().to_owned())).collect();
        let url = format!("{endpoint}/{path}");
        let reach = if is_loopback_url(endpoint) { Reach::Loopback } else { Reach::Private };
        let telling = Telling { url: &url, fields: &fields, body, reach };
        let limits = WebLimits { body_bytes_max: ANSWER_BYTES_MAX, time_max: TIME_MAX };
        match world.web.tell(telling, limits).await {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(encode::rejected(&answer.body)),
            // OTLP: those that may be asked again.
            Ok(answer) if matches!(answer.status, 429 | 502 | 503 | 504) => {
                Err(Failure::Later(format!("the collector answered {}", answer.status)))
            }
            Ok(answer) => Err(Failure::Never(format!("the collector answered {}", answer.status))),
            Err(error) => Err(Failure::Later(error.to_string())),
        }
    }
}

/// Tells the collector until `stop`, and then what is left, but not for long.
pub async fn run(world: World, observer: Arc<crate::Observer>, hostname: String, stop: CancellationToken) {
    let Some(otlp) = observer.otlp.clone() else { return };
    let mut failures = 0_u32;
    loop {
        let wait = GATHER.saturating_mul(1 << failures.min(6)).min(BACKOFF_MAX);
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = otlp.full.notified(), if failures == 0 => {}
            () = sleep(wait) => {}
        }
        match otlp.tell_all(&world, &hostname).await {
            Ok(()) => {
                if failures > 0 {
                    tracing::info!("the collector takes traces and logs again");
                }
                failures = 0;
            }
            Err(why) => {
                if failures == 0 {
                    tracing::warn!(why, "the collector does not take traces and logs; it is tried again");
                }
                failures = failures.saturating_add(1);
            }
        }
    }
    let told = timeout(LAST_MAX, otlp.tell_all(&world, &hostname)).await;
    if !matches!(told, Ok(Ok(()))) {
        tracing::warn!("the collector was not told the last traces and logs");
    }
}

#[cfg(test)]
mod tests {
    use mail::Timestamp;
    use mta::events::QueuePressure;

    use super::*;

    fn otlp() -> Otlp {
        let endpoint = "http://127.0.0.1:4318/".to_owned();
        Otlp::new(Collector { endpoint, headers: BTreeMap::new() })
    }

    fn pressure() -> Event {
        Event::QueuePressure(Box::new(QueuePressure { at: Timestamp::EPOCH, deliveries: 1 }))
    }

    #[test]
    fn what_a_collector_does_not_take_is_bounded_and_counted() {
        let otlp = otlp();
        otlp.take("mx.test", &vec![pressure(); WAITING_MAX + 7]);
        assert_eq!((otlp.first(Signal::Logs).len(), otlp.dropped()), (BATCH_MAX, 7));
        otlp.settle(Signal::Logs, BATCH_MAX, 2);
        assert_eq!((otlp.sent(), otlp.dropped()), (BATCH_MAX as u64 - 2, 9));
        assert_eq!(otlp.first(Signal::Traces), Vec::<String>::new(), "that is no span");
    }

    #[tokio::test]
    async fn what_could_not_be_told_waits() {
        let (world, otlp) = (crate::testing::world(), otlp());
        otlp.take("mx.test", &[pressure()]);
        assert!(otlp.tell_all(&world, "mx.test").await.is_err(), "there is no web");
        assert_eq!((otlp.first(Signal::Logs).len(), otlp.sent(), otlp.dropped()), (1, 0, 0));
    }
}
