//! `waypost backup` and `waypost restore`: copies all that the server keeps, also while it runs, and puts a copy into place.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::ValueEnum;
use mail::Clock;
use store::sqlite::backup::{Copied, Progress, RestoreQueue, backup, restore};

use super::mailbox::Place;
use crate::clock::SystemClock;

/// Copies the data directory, also while the server runs.
#[derive(clap::Args)]
pub(super) struct BackupArgs {
    /// The directory that the copy becomes; it must not be there yet.
    #[arg(value_name = "DIRECTORY")]
    target: PathBuf,
    /// The boot file; it and the settings are copied too.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory; what the boot file says, or `waypost-data`, unless said.
    #[arg(long, short, value_name = "DIRECTORY")]
    data: Option<PathBuf>,
    /// Print the end result only.
    #[arg(long, short)]
    quiet: bool,
}

/// Puts a copy into an empty data directory.
#[derive(clap::Args)]
pub(super) struct RestoreArgs {
    /// The copy that `waypost backup` made.
    #[arg(value_name = "DIRECTORY")]
    from: PathBuf,
    #[command(flatten)]
    place: Place,
    /// What becomes of mail that was under way when the copy was made.
    #[arg(long, value_enum, default_value_t = Queue::Keep)]
    queue: Queue,
    /// Print the end result only.
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Queue {
    /// Try it again: what was delivered since the copy arrives twice.
    Keep,
    /// Leave it out: what was not delivered since the copy never arrives.
    Drop,
}

/// Makes a copy.
pub(super) fn run_backup(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let boot = super::boot(args.config.as_ref())?;
    let settings = boot.settings_file();
    let data = args.data.clone().unwrap_or(boot.data_directory);
    if !data.is_dir() {
        bail!("there is no data directory {}; name one with --config or --data", data.display());
    }
    if args.target.starts_with(&data) {
        bail!("{} lies in the data directory itself", args.target.display());
    }
    let outside: Vec<PathBuf> = args.config.iter().cloned().chain([settings]).collect();
    let mut shown = Shown::new(args.quiet);
    let copied =
        backup(&data, &args.target, &outside, SystemClock.now(), &mut |progress| shown.tell(progress))
            .with_context(|| format!("there is no copy in {}", args.target.display()))?;
    shown.end();
    let mut text = format!("copied {} to {}: {}\n", data.display(), args.target.display(), words(&copied));
    if copied.gone_meanwhile > 0 {
        text += &format!("{} messages were gone before they were copied\n", copied.gone_meanwhile);
    }
    super::print(&text);
    Ok(ExitCode::SUCCESS)
}

/// Puts a copy into place.
pub(super) fn run_restore(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let data = args.place.directory()?;
    let queue = match args.queue {
        Queue::Keep => RestoreQueue::Keep,
        Queue::Drop => RestoreQueue::Drop,
    };
    let mut shown = Shown::new(args.quiet);
    let restored = restore(&args.from, &data, queue, SystemClock.now(), &mut |progress| shown.tell(progress))
        .with_context(|| format!("{} was not restored", args.from.display()))?;
    shown.end();
    let copied = &restored.copied;
    let mut text = format!("restored {} into {}: {}\n", args.from.display(), data.display(), words(copied));
    text += "mail programs will read all mailboxes anew: each has another UIDVALIDITY\n";
    if copied.recipients > 0 {
        text += &format!(
            "warning: {} recipients in the queue will be tried again when the server starts; who has had the message \
             since the copy was made gets it twice (--queue drop leaves them out)\n",
            copied.recipients
        );
    }
    if restored.has_outside {
        let place = args.from.join("outside");
        text += &format!("boot file or settings are in {} and were not put into place\n", place.display());
    }
    super::print(&text);
    Ok(ExitCode::SUCCESS)
}

fn words(copied: &Copied) -> String {
    let Copied { accounts, emails, recipients, spool_files, bytes, .. } = copied;
    let mib = bytes.div_ceil(1 << 20);
    format!(
        "{emails} messages of {accounts} accounts, {recipients} recipients in the queue, {spool_files} files, {mib} MiB"
    )
}

/// Progress on a terminal, in one line.
struct Shown {
    is_shown: bool,
    last: (&'static str, u64),
}

impl Shown {
    fn new(quiet: bool) -> Self {
        Shown { is_shown: !quiet && std::io::stderr().is_terminal(), last: ("", 0) }
    }

    fn tell(&mut self, progress: Progress) {
        let percent = progress.done.saturating_mul(100).checked_div(progress.total).unwrap_or(0);
        if self.is_shown && (progress.doing, percent) != self.last {
            self.last = (progress.doing, percent);
            let _ = write!(std::io::stderr(), "\r\x1b[K{}: {percent} %", progress.doing);
        }
    }

    fn end(&self) {
        if self.is_shown && !self.last.0.is_empty() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
