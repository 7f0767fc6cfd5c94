//! Where do log lines go, and how do they look?

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Overrules the level of the boot file.
const LEVEL_VARIABLE: &str = "WAYPOST_LOG";

/// Sends log lines to standard error from here on.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    let said = std::env::var(LEVEL_VARIABLE).ok();
    let level = said.as_deref().unwrap_or(&log.level);
    let filter = EnvFilter::try_new(level).with_context(|| format!("`{level}` is not a log level"))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match log.format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}
