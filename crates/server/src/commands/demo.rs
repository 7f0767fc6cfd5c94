//! `waypost demo`: shows it all at work.

use std::process::ExitCode;

use crate::demo::{self, Options};

/// How it is played.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Keep the data directory, to look into it afterwards.
    #[arg(long)]
    keep: bool,
    /// Print the server's log to standard error as well.
    #[arg(long, short)]
    verbose: bool,
}

/// Plays it.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let options = Options { keep: args.keep, verbose: args.verbose };
    let all_good = super::block_on(demo::play(options))?;
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
