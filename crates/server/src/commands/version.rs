//! `waypost version`: which program is this?

use std::process::ExitCode;

/// Prints it.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    super::print(&format!("waypost {}\n", env!("CARGO_PKG_VERSION")));
    Ok(ExitCode::SUCCESS)
}
