//! `waypost route`: which way would a message take, and does a route work?

mod decision;
mod explain;
mod test;

use crate::desk::Desk;
use crate::failure::Failure;

/// What about routes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Ask the running server which way a message would take, and why. Nothing is sent.
    ///
    /// The same as `waypost explain`, but with the settings that are in force, or those of an earlier revision, and
    /// with the server's own name servers and lookup stores.
    Explain(explain::Args),
    /// Let the server try a route for real, stage by stage, up to RCPT. Nothing is sent.
    Test(test::Args),
}

/// Asks.
pub(crate) async fn run(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::Explain(args) => explain::run(desk, args).await,
        Action::Test(args) => test::run(desk, args).await,
    }
}
