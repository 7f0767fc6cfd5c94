//! `waypost explain`: which way would a message take, and why?

use std::process::ExitCode;

/// Explains.
#[derive(clap::Args)]
pub(super) struct Args {}

/// Asks and prints.
pub(super) fn run(_args: &Args) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
