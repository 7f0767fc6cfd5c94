//! `waypost queue`: what waits, why, and what may be done about it.

mod act;
mod causes;
mod job;
mod list;
mod pause;
mod select;
mod show;

use crate::args::Server;
use crate::desk::Desk;
use crate::failure::Failure;

/// What about the queue.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Every recipient that has not ended; also without a running server.
    List(list::Args),
    /// One message: its recipients, what was tried, why it waits.
    Show(show::Args),
    /// Why mail waits: a sentence for each cause, and how many wait for it.
    Causes(causes::Args),
    /// Try again now.
    Retry(act::RetryArgs),
    /// Try again at a certain time.
    Reschedule(act::RescheduleArgs),
    /// Leave recipients alone until they are released.
    Hold(act::HoldArgs),
    /// Take what was held up again.
    Release(act::ReleaseArgs),
    /// Send recipients by a certain route, whatever the settings say.
    Reroute(act::RerouteArgs),
    /// Give recipients up; the sender is told unless --silent.
    Cancel(act::CancelArgs),
    /// Stop sending: everything, one virtual queue, or one next hop. Mail is still taken; holds over a restart.
    Pause(pause::Args),
    /// Go on sending.
    Resume(pause::Args),
    /// The jobs that change many recipients, and how far they are.
    Jobs(job::Args),
    /// Take back what a job has done, as long as the server permits.
    Undo(job::UndoArgs),
}

/// Looks or acts.
pub(crate) async fn run(desk: &Desk<'_>, server: &Server, args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::List(args) => list::run(desk, server, args).await,
        Action::Show(args) => show::run(desk, args).await,
        Action::Causes(args) => causes::run(desk, args).await,
        Action::Retry(args) => act::retry(desk, args).await,
        Action::Reschedule(args) => act::reschedule(desk, args).await,
        Action::Hold(args) => act::hold(desk, args).await,
        Action::Release(args) => act::release(desk, args).await,
        Action::Reroute(args) => act::reroute(desk, args).await,
        Action::Cancel(args) => act::cancel(desk, args).await,
        Action::Pause(args) => pause::pause(desk, args).await,
        Action::Resume(args) => pause::resume(desk, args).await,
        Action::Jobs(args) => job::list(desk, args).await,
        Action::Undo(args) => job::undo(desk, args).await,
    }
}
