//! `waypost demo`: shows it all at work.

use std::process::ExitCode;

use crate::demo::{self, Options};

/// Starts Waypost, a name server and four mail servers in one process on loopback, submits one message with four
/// recipients, and tells what becomes of each. Exit code 0 only if every recipient ended where it should.
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
