//! Overhears what the server logs about deliveries, so that the story is told from the same lines.

use std::collections::BTreeMap;
use std::fmt;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// The target of the lines that say what became of a delivery attempt.
const TARGET: &str = "delivery";

/// One line about one recipient: its fields by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    fields: BTreeMap<&'static str, String>,
}

impl Line {
    /// A field's text; empty if the line has none of that name.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// Starts to listen, and prints every log line to standard error if `verbose`.
pub(crate) fn listen(verbose: bool) -> anyhow::Result<UnboundedReceiver<Line>> {
    let (lines, heard) = unbounded_channel();
    let printed = verbose.then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_filter(EnvFilter::new("info,mta=debug,policy=debug,store=debug"))
    });
    tracing_subscriber::registry().with(Witness { lines }).with(printed).try_init()?;
    Ok(heard)
}

struct Witness {
    lines: UnboundedSender<Line>,
}

impl<S: Subscriber> Layer<S> for Witness {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == TARGET {
            let mut line = Line::default();
            event.record(&mut line);
            // Nobody listens any more once the story is over.
            let _ = self.lines.send(line);
        }
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}
