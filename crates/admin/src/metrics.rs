//! `/metrics`: figures for Prometheus, in its text format. `docs/metrics.md` describes each.
//!
//! Labels are names of routes, listeners and kinds of things, all bounded; never a domain or an address of a stranger.

use std::fmt::Write;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use mta::events::Outcome;

use crate::access;
use crate::api::Api;
use crate::http::Peer;
use crate::queue::{self, Waiting};
use crate::statistics::{DURATIONS, Tally};

/// The text format, as Prometheus asks for it.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All figures.
pub(crate) async fn metrics(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    // On this machine anybody may look; from elsewhere, who is known: a token will do.
    let is_near = match peer {
        Peer::Local { .. } => true,
        Peer::Network { address, .. } => address.ip().to_canonical().is_loopback(),
    };
    if !is_near && let Err(refusal) = access::identify(&api, peer, &headers).await {
        return refusal;
    }
    let waiting = queue::waiting(&api).await.ok();
    ([(CONTENT_TYPE, TEXT_FORMAT)], text(&api, waiting)).into_response()
}

fn text(api: &Api, waiting: Option<Waiting>) -> String {
    let mut page = Page(String::with_capacity(8 * 1024));
    of_tally(&mut page, &api.observer.tally());
    page.one(
        "waypost_events_dropped_total",
        "counter",
        "Events that came faster than they could be told.",
        api.observer.bus.dropped(),
    );
    if let Some(otlp) = &api.observer.otlp {
        page.one("waypost_otlp_sent_total", "counter", "Spans and log records told.", otlp.sent());
        page.one("waypost_otlp_dropped_total", "counter", "Spans and log records dropped.", otlp.dropped());
    }
    if let Some(waiting) = waiting {
        page.one("waypost_queue_recipients", "gauge", "Recipients that wait.", waiting.recipients);
        page.one("waypost_queue_messages", "gauge", "Messages that wait.", waiting.messages);
        page.one(
            "waypost_queue_held_recipients",
            "gauge",
            "Recipients that wait for an operator.",
            waiting.held,
        );
        let age = waiting.oldest.map_or(0, |oldest| api.world.clock.now().since(oldest).as_secs());
        page.one("waypost_queue_oldest_age_seconds", "gauge", "How long the oldest message has waited.", age);
    }
    webhooks(&mut page, api);
    if let Some(state) = api.observer.history.as_ref().map(|history| history.state()) {
        page.one("waypost_history_entries", "gauge", "Entries in the history.", state.entries);
        page.one("waypost_history_bytes", "gauge", "Bytes that the history takes.", state.bytes);
        page.one("waypost_history_lost_total", "counter", "Entries that could not be written.", state.lost);
        page.one("waypost_history_up", "gauge", "Whether the history can be written.", u64::from(state.well));
    }
    let (version, configuration) = (env!("CARGO_PKG_VERSION"), api.configuration.borrow().clone());
    page.family("waypost_build_info", "gauge", "The version of the program, as a label.");
    page.sample("waypost_build_info", &[("version", version)], 1);
    page.one(
        "waypost_routes",
        "gauge",
        "Routes of the configuration in force.",
        configuration.routes.len() as u64,
    );
    page.0
}

fn of_tally(page: &mut Page, tally: &Tally) {
    page.one(
        "waypost_accepted_messages_total",
        "counter",
        "Messages that became ours.",
        tally.accepted_messages,
    );
    page.one("waypost_accepted_recipients_total", "counter", "Their recipients.", tally.accepted_recipients);
    page.one("waypost_accepted_bytes_total", "counter", "Bytes of their content.", tally.accepted_bytes);
    page.family("waypost_refused_total", "counter", "Clients that were told no, by what they asked for.");
    for (step, count) in &tally.refused {
        page.sample("waypost_refused_total", &[("step", step.name())], *count);
    }
    page.family(
        "waypost_attempts_total",
        "counter",
        "What became of recipients, by route and outcome; without a route if none was chosen.",
    );
    for (route, counts) in &tally.attempts {
        for (outcome, count) in Outcome::ALL.iter().zip(counts) {
            page.sample("waypost_attempts_total", &[("route", route), ("outcome", outcome.name())], *count);
        }
    }
    page.family("waypost_troubles_total", "counter", "Why recipients were not delivered, by kind.");
    for (kind, count) in &tally.troubles {
        page.sample("waypost_troubles_total", &[("kind", kind)], *count);
    }
    durations(page, tally);
    page.family(
        "waypost_connections_total",
        "counter",
        "Clients that came, went or were turned away, by listener.",
    );
    for (listener, counts) in &tally.connections {
        for (change, count) in ["opened", "closed", "turned_away"].iter().zip(counts) {
            page.sample("waypost_connections_total", &[("listener", listener), ("change", change)], *count);
        }
    }
    for (name, help, count) in [
        (
            "waypost_duplicate_risks_total",
            "Attempts after which the peer may have the message although it is tried again.",
            tally.in_doubt,
        ),
        (
            "waypost_double_bounces_total",
            "Notifications that failed, so that nobody is told.",
            tally.double_bounces,
        ),
        ("waypost_bounces_total", "Notifications that were queued.", tally.bounces),
        (
            "waypost_put_off_recipients_total",
            "Recipients that were put off because their next hop is down.",
            tally.put_off,
        ),
        (
            "waypost_queue_pressure_total",
            "Deliveries that were put off because slow next hops hold up the queue.",
            tally.pressure,
        ),
        ("waypost_operator_actions_total", "Recipients that an operator did something to.", tally.operator),
        (
            "waypost_configurations_total",
            "Times that another configuration came into force.",
            tally.configurations,
        ),
    ] {
        page.one(name, "counter", help, count);
    }
}

fn webhooks(page: &mut Page, api: &Api) {
    let states = api.observer.webhooks.states();
    page.family("waypost_webhook_events_total", "counter", "Events that a webhook was told.");
    for (webhook, state) in &states {
        page.sample("waypost_webhook_events_total", &[("webhook", webhook)], state.sent);
    }
    page.family("waypost_webhook_failures_total", "counter", "Requests to a webhook that failed.");
    for (webhook, state) in &states {
        page.sample("waypost_webhook_failures_total", &[("webhook", webhook)], state.failed);
    }
}

fn durations(page: &mut Page, tally: &Tally) {
    let name = "waypost_attempt_duration_seconds";
    page.family(name, "histogram", "How long attempts took.");
    let mut sum = 0;
    for (bound, count) in DURATIONS.iter().zip(tally.durations.buckets) {
        sum += count;
        page.sample(&format!("{name}_bucket"), &[("le", &seconds(*bound))], sum);
    }
    page.sample(&format!("{name}_bucket"), &[("le", "+Inf")], tally.durations.count);
    page.line(&format!("{name}_sum"), &[], &seconds(tally.durations.sum_millis));
    page.sample(&format!("{name}_count"), &[], tally.durations.count);
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// The text as it grows.
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.line(name, labels, &value.to_string());
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        self.0.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{}\"", if index == 0 { '{' } else { ',' }, escaped(value));
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
