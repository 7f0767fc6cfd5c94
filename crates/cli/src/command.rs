//! Which commands are there, in which groups does a stranger find them, and who does what they say?

use std::fmt::Write as _;
use std::process::ExitCode;

use crate::args::{Output, Server};
use crate::desk::{Desk, json_text};
use crate::failure::Failure;
use crate::house::House;
use crate::paint::Paint;
use crate::{apply, next_hops, queue, revisions, verbs};

/// The commands that ask a server.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Show a settings object, or all of a type.
    Get(Asked<verbs::get::Args>),
    /// List the objects of a type that meet conditions, as a table.
    Query(Asked<verbs::query::Args>),
    /// Say which types of objects there are, and which properties they have.
    Describe(Asked<verbs::describe::Args>),
    /// Say which next hops and hosts are down, since when, and when they are tried again.
    NextHops(Asked<next_hops::Args>),
    /// See what waits, why, and do something about it.
    ///
    /// waypost queue causes
    /// waypost queue retry --where "rcpt_domain == 'example.org'"
    Queue(Asked<queue::Args>),
    /// Make a settings object.
    ///
    /// waypost create route/relay name=smarthost address=relay.example.org port=587
    Create(Asked<verbs::set::CreateArgs>),
    /// Change properties of a settings object. It holds at once, as a new revision, or is refused with the reason.
    ///
    /// waypost set route smarthost port=465 implicitTls=true -m "port 587 is blocked"
    Set(Asked<verbs::set::SetArgs>),
    /// Take settings objects away, all or none.
    Delete(Asked<verbs::delete::Args>),
    /// Make the settings what a file says, as one revision or not at all.
    ///
    /// waypost apply routes.ndjson --dry-run
    Apply(Asked<apply::Args>),
    /// Write all settings as a settings file (JSON); secrets are masked.
    Export(Asked<apply::export::Args>),
    /// Write the settings as operations for `apply`, without secrets.
    Snapshot(Asked<apply::export::SnapshotArgs>),
    /// List the revisions of the settings: who changed what, when, why.
    History(Asked<revisions::HistoryArgs>),
    /// Say what differs between two revisions, in sentences.
    Diff(Asked<revisions::DiffArgs>),
    /// Make an earlier revision the one in force, as a new revision.
    Rollback(Asked<revisions::RollbackArgs>),
    /// Keep a change that was made with --confirm, before it goes back by itself.
    Confirm(Asked<revisions::ConfirmArgs>),
}

/// What a command takes, and which server it asks.
#[derive(clap::Args, Debug)]
pub struct Asked<A: clap::Args> {
    #[command(flatten)]
    args: A,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// The groups of `waypost --help`, each with its commands.
pub const GROUPS: &[(&str, &[&str])] = &[
    ("Run", &["serve", "check", "demo", "version"]),
    (
        "Look",
        &[
            "explain",
            "next-hops",
            "mailbox",
            "history",
            "diff",
            "get",
            "query",
            "describe",
            "export",
            "snapshot",
        ],
    ),
    ("Change", &["create", "set", "delete", "apply", "rollback", "confirm", "dkim"]),
    ("Queue and mail", &["queue", "send"]),
];

/// The list of commands by group, as `--help` shows it.
pub fn grouped(command: &clap::Command) -> String {
    let about = |name: &str| {
        let found = command.get_subcommands().find(|sub| sub.get_name() == name);
        found.and_then(clap::Command::get_about).map(ToString::to_string).unwrap_or_default()
    };
    let mut out = String::new();
    for (group, names) in GROUPS {
        let _ = writeln!(out, "{group}:");
        for name in *names {
            let _ = writeln!(out, "  {name:<11} {}", about(name));
        }
        out.push('\n');
    }
    out
}

/// Does what a command says.
pub fn run(command: &Command, house: &dyn House) -> ExitCode {
    let output = command.output();
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))
        .and_then(|runtime| runtime.block_on(command.run(house)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let words =
                if output.json { json_text(&failure.json()) } else { failure.words(Paint::for_stderr()) };
            eprint!("{words}");
            failure.into()
        }
    }
}

impl Command {
    async fn run(&self, house: &dyn House) -> Result<(), Failure> {
        let desk = &self.desk(house)?;
        match self {
            Command::Get(asked) => verbs::get::run(desk, &asked.args).await,
            Command::Query(asked) => verbs::query::run(desk, &asked.args).await,
            Command::Describe(asked) => verbs::describe::run(desk, &asked.args).await,
            Command::Create(asked) => verbs::set::create(desk, &asked.args).await,
            Command::Set(asked) => verbs::set::set(desk, &asked.args).await,
            Command::Delete(asked) => verbs::delete::run(desk, &asked.args).await,
            Command::Apply(asked) => apply::run(desk, &asked.args).await,
            Command::Export(asked) => apply::export::export(desk, &asked.args).await,
            Command::Snapshot(asked) => apply::export::snapshot(desk, &asked.args).await,
            Command::NextHops(asked) => next_hops::run(desk, &asked.server, &asked.args).await,
            Command::Queue(asked) => queue::run(desk, &asked.server, &asked.args).await,
            Command::History(asked) => revisions::history(desk, &asked.args).await,
            Command::Diff(asked) => revisions::diff(desk, &asked.args).await,
            Command::Rollback(asked) => revisions::rollback(desk, &asked.args).await,
            Command::Confirm(asked) => revisions::confirm(desk, &asked.args).await,
        }
    }

    fn desk<'h>(&self, house: &'h dyn House) -> Result<Desk<'h>, Failure> {
        let (server, output) = self.asked();
        Desk::new(server, output, house)
    }

    fn output(&self) -> Output {
        self.asked().1
    }

    fn asked(&self) -> (&Server, Output) {
        match self {
            Command::Get(Asked { server, output, .. }) => (server, *output),
            Command::Query(Asked { server, output, .. }) => (server, *output),
            Command::Describe(Asked { server, output, .. }) => (server, *output),
            Command::Create(Asked { server, output, .. }) => (server, *output),
            Command::Set(Asked { server, output, .. }) => (server, *output),
            Command::Delete(Asked { server, output, .. }) => (server, *output),
            Command::Apply(Asked { server, output, .. }) => (server, *output),
            Command::Export(Asked { server, output, .. }) => (server, *output),
            Command::Snapshot(Asked { server, output, .. }) => (server, *output),
            Command::NextHops(Asked { server, output, .. }) => (server, *output),
            Command::Queue(Asked { server, output, .. }) => (server, *output),
            Command::History(Asked { server, output, .. }) => (server, *output),
            Command::Diff(Asked { server, output, .. }) => (server, *output),
            Command::Rollback(Asked { server, output, .. }) => (server, *output),
            Command::Confirm(Asked { server, output, .. }) => (server, *output),
        }
    }
}
