//! The command line: one file a subcommand.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::assemble::RUNTIME_END_MAX;
use crate::config::Boot;
use cli::paint::Paint;

mod backup;
mod check;
mod demo;
mod dkim;
mod domain;
mod explain;
mod house;
mod mailbox;
mod next_hops;
mod queue;
mod send;
mod serve;
mod transfer;
mod version;

pub(crate) use check::text as check_text;

/// A mail router: it takes mail, keeps it safe, chooses a way for each recipient, and says why.
#[derive(Parser)]
#[command(name = "waypost", version, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    ///
    /// Runs in the foreground. SIGTERM or Ctrl-C ends it cleanly, a second one at once. SIGHUP reads the settings
    /// and the certificate again; if the new settings have errors, the old ones stay in force.
    ///
    /// Without a boot file it listens on loopback only, ports 2525, 2587 and 2424, and keeps its data in
    /// `waypost-data`.
    Serve(serve::Args),
    /// Say what is wrong with the settings. Exit code 1 if they cannot be used.
    ///
    /// Each finding names the object, the property, line and column, and what may help. The server runs the same
    /// check at its start and at each reload.
    Check(check::Args),
    /// Say which way a message would take, and why. Nothing is sent.
    ///
    /// For each recipient: whether it would be accepted, its schedule, the branches of the route expression with the
    /// values they saw, the one that fired, and the hosts in order with their addresses and the TLS they must have.
    Explain(explain::Args),
    /// Hand a message from standard input to the server, as sendmail does.
    Send(send::Args),
    /// Look into the mailboxes of the local store, also while the server runs.
    Mailbox(mailbox::Args),
    /// Copy all that the server keeps, also while it runs.
    Backup(backup::BackupArgs),
    /// Put a copy of `waypost backup` into an empty data directory.
    ///
    /// Mail programs read all mailboxes anew afterwards. Mail that was under way when the copy was made is tried again.
    Restore(backup::RestoreArgs),
    /// Make keys that sign a domain's mail, and see whether DNS has their other half.
    Dkim(dkim::Args),
    /// Print the DNS records that a domain needs, and say which of them are there; also `waypost domain dns`.
    ///
    /// Exit code 1 if one is missing or differs that mail needs. What is only advised does not count.
    Dns(domain::Args),
    /// One message, four recipients, four ways, over real sockets on this machine.
    ///
    /// Starts Waypost, a name server and four mail servers in one process on loopback, submits one message with four
    /// recipients, and tells what becomes of each. Exit code 0 only if every recipient ended where it should.
    Demo(demo::Args),
    /// Say which version this is.
    Version,
    #[command(flatten)]
    Ask(Box<cli::Command>),
}

/// The end of `waypost --help`.
const AFTER: &str = "More of one: waypost COMMAND --help. To see it all at work in a few seconds: waypost demo\n\
    Exit codes: 0 done, 1 failed, 2 the command line makes no sense, 3 the server refused, 4 no server answers";

/// The command line, its commands in groups.
pub(crate) fn command_line() -> clap::Command {
    let command = Cli::command();
    let commands = cli::grouped(&command).replace('{', "(");
    command
        .help_template(format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{commands}{AFTER}\n"))
}

/// Runs what the command line says.
pub(crate) fn run() -> ExitCode {
    let matches = command_line().get_matches_from(spoken(std::env::args_os().collect()));
    let parsed = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let done = match parsed.command {
        Command::Serve(args) => serve::run(args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Send(args) => return send::run(&args),
        Command::Mailbox(args) => mailbox::run(&args),
        Command::Backup(args) => backup::run_backup(&args),
        Command::Restore(args) => backup::run_restore(&args),
        Command::Dkim(args) => dkim::run(&args),
        Command::Dns(args) => domain::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Version => version::run(),
        Command::Ask(command) => match command.transfer() {
            Some((transfer, server)) => transfer::run(transfer, server),
            None => return cli::run(&command, &house::Waypost),
        },
    };
    done.unwrap_or_else(|error| {
        complain(&error);
        ExitCode::FAILURE
    })
}

/// `waypost domain dns` asks no server, unlike the other commands about domains: it is `waypost dns`.
fn spoken(mut words: Vec<std::ffi::OsString>) -> Vec<std::ffi::OsString> {
    if words.get(1).is_some_and(|word| word == "domain") && words.get(2).is_some_and(|word| word == "dns") {
        words.remove(1);
    }
    words
}

/// Says on standard error what went wrong, with its causes.
fn complain(error: &anyhow::Error) {
    eprintln!("{} {error:#}", Paint::for_stderr().red("waypost:"));
}

/// Runs a future on a runtime of its own, which is gone afterwards.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start")?;
    let result = runtime.block_on(future);
    runtime.shutdown_timeout(RUNTIME_END_MAX);
    result
}

/// Where `serve` keeps its data when no boot file says so.
const DATA_DIRECTORY: &str = "waypost-data";

/// The boot file, or what `serve` takes without one.
fn boot(config: Option<&PathBuf>) -> anyhow::Result<Boot> {
    match config {
        Some(path) => Boot::read(path),
        None => Ok(Boot { data_directory: PathBuf::from(DATA_DIRECTORY), ..Boot::default() }),
    }
}

/// Prints, and ends quietly if nobody reads any more.
fn print(text: &str) {
    use std::io::Write;
    if std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush()).is_err() {
        std::process::exit(0);
    }
}
