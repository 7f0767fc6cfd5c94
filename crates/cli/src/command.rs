//! Which commands are there, in which groups does a stranger find them, and who does what they say?

use std::fmt::Write as _;
use std::process::ExitCode;

use crate::args::{Output, Server};
use crate::desk::{Desk, json_text};
use crate::failure::Failure;
use crate::house::House;
use crate::paint::Paint;
use crate::transfer::Transfer;
use crate::{apply, keys, manual, next_hops, people, queue, revisions, route, top, trace, verbs};

/// The commands that ask a server.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Show a settings object, or all of a type.
    #[command(after_help = "Examples:\n  waypost get route\n  waypost get route smarthost --json")]
    Get(Asked<verbs::get::Args>),
    /// List the objects of a type that meet conditions, as a table.
    #[command(after_help = "Examples:\n  waypost query route --where @type=Relay --fields name,address,port")]
    Query(Asked<verbs::query::Args>),
    /// Say which types of objects there are, and which properties they have.
    Describe(Asked<verbs::describe::Args>),
    /// Ask the running server which way a message would take, or let it try a route.
    Route(Asked<route::Args>),
    /// Say what has become of a message: attempts, replies, what is next.
    #[command(
        after_help = "Examples:\n  waypost trace ann@example.org\n  waypost trace --outcome failed --since 2h"
    )]
    Trace(Asked<trace::Args>),
    /// Say which next hops and hosts are down, since when, and when they are tried again.
    NextHops(Asked<next_hops::Args>),
    /// See what waits, why, and do something about it.
    #[command(
        after_help = "Examples:\n  waypost queue causes\n  waypost queue retry --where \"rcpt_domain == 'example.org'\"\n  waypost queue pause --next-hop smarthost"
    )]
    Queue(Asked<queue::Args>),
    /// Watch the server: rates, why mail waits, next hops, the last failures.
    Top(Asked<top::Args>),
    /// Print the completion of this command line for a shell.
    ///
    /// For bash: `waypost completion bash > /etc/bash_completion.d/waypost`.
    Completion(manual::CompletionArgs),
    /// Write the man pages of all commands into a directory.
    Man(manual::ManArgs),
    /// Mailboxes: list, add, password, delete; their mail out and in.
    Account(Asked<people::AccountArgs>),
    /// Domains that are ours: list, add, delete.
    Domain(Asked<people::DomainArgs>),
    /// Who may administer this server: list, add, password, role, delete, link.
    Admin(Asked<keys::AdminArgs>),
    /// Tokens for programs: list, create, revoke.
    Token(Asked<keys::TokenArgs>),
    /// Say who has done what, also what was refused.
    Audit(Asked<keys::AuditArgs>),
    /// Make a settings object.
    #[command(
        after_help = "Examples:\n  waypost create route/relay name=smarthost address=relay.example.org port=587\n  waypost create MtaVirtualQueue name=slow threadsPerNode=2"
    )]
    Create(Asked<verbs::set::CreateArgs>),
    /// Change properties of a settings object.
    ///
    /// The change holds at once, as a new revision, or is refused with the reason.
    #[command(
        after_help = "Examples:\n  waypost set route smarthost port=465 implicitTls=true -m 'port 587 is blocked'\n  waypost set MtaOutboundStrategy \"route/else='smarthost'\" --confirm 10m\n  waypost set route smarthost --stdin < secret.json"
    )]
    #[command(visible_alias = "update")]
    Set(Asked<verbs::set::SetArgs>),
    /// Take settings objects away, all or none.
    Delete(Asked<verbs::delete::Args>),
    /// Make the settings what a file says, as one revision or not at all.
    #[command(
        after_help = "Examples:\n  waypost apply routes.ndjson --dry-run\n  waypost apply settings.json -m 'from git' --confirm 10m\n  waypost snapshot | ssh other waypost apply --stdin"
    )]
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
    ("Run", &["serve", "check", "demo", "backup", "restore", "version"]),
    ("Look", &["explain", "route", "trace", "top", "next-hops", "mailbox", "audit"]),
    ("Queue and mail", &["queue", "send"]),
    (
        "Settings",
        &[
            "get", "query", "describe", "create", "set", "delete", "apply", "export", "snapshot", "dkim",
            "dns",
        ],
    ),
    ("Revisions", &["history", "diff", "rollback", "confirm"]),
    ("People", &["account", "domain", "admin", "token"]),
    ("Shell", &["completion", "man"]),
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
        let Some((server, output)) = self.asked() else { return self.written(house) };
        let desk = &Desk::new(server, output, house)?;
        match self {
            Command::Completion(_) | Command::Man(_) => Ok(()),
            Command::Top(asked) => top::run(desk, &asked.args).await,
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
            Command::Route(asked) => route::run(desk, &asked.args).await,
            Command::Trace(asked) => trace::run(desk, &asked.args).await,
            Command::Account(asked) => people::account(desk, &asked.args).await,
            Command::Domain(asked) => people::domain(desk, &asked.args).await,
            Command::Admin(asked) => keys::admin(desk, &asked.args).await,
            Command::Token(asked) => keys::token(desk, &asked.args).await,
            Command::Audit(asked) => keys::audit(desk, &asked.args).await,
            Command::History(asked) => revisions::history(desk, &asked.args).await,
            Command::Diff(asked) => revisions::diff(desk, &asked.args).await,
            Command::Rollback(asked) => revisions::rollback(desk, &asked.args).await,
            Command::Confirm(asked) => revisions::confirm(desk, &asked.args).await,
        }
    }

    /// What needs no server.
    fn written(&self, house: &dyn House) -> Result<(), Failure> {
        match self {
            Command::Completion(args) => manual::completion(&mut house.command_line(), args),
            Command::Man(args) => manual::man(house.command_line(), args),
            _ => Ok(()),
        }
    }

    /// Mail that goes into files or comes out of them: the house does that itself, without asking a server.
    pub fn transfer(&self) -> Option<(Transfer<'_>, &Server)> {
        match self {
            Command::Account(asked) => asked.args.transfer().map(|transfer| (transfer, &asked.server)),
            _ => None,
        }
    }

    fn output(&self) -> Output {
        self.asked().map_or_else(Output::default, |(_, output)| output)
    }

    fn asked(&self) -> Option<(&Server, Output)> {
        match self {
            Command::Get(Asked { server, output, .. }) => Some((server, *output)),
            Command::Query(Asked { server, output, .. }) => Some((server, *output)),
            Command::Describe(Asked { server, output, .. }) => Some((server, *output)),
            Command::Create(Asked { server, output, .. }) => Some((server, *output)),
            Command::Set(Asked { server, output, .. }) => Some((server, *output)),
            Command::Delete(Asked { server, output, .. }) => Some((server, *output)),
            Command::Apply(Asked { server, output, .. }) => Some((server, *output)),
            Command::Export(Asked { server, output, .. }) => Some((server, *output)),
            Command::Snapshot(Asked { server, output, .. }) => Some((server, *output)),
            Command::NextHops(Asked { server, output, .. }) => Some((server, *output)),
            Command::Queue(Asked { server, output, .. }) => Some((server, *output)),
            Command::Route(Asked { server, output, .. }) => Some((server, *output)),
            Command::Trace(Asked { server, output, .. }) => Some((server, *output)),
            Command::Account(Asked { server, output, .. }) => Some((server, *output)),
            Command::Domain(Asked { server, output, .. }) => Some((server, *output)),
            Command::Admin(Asked { server, output, .. }) => Some((server, *output)),
            Command::Token(Asked { server, output, .. }) => Some((server, *output)),
            Command::Audit(Asked { server, output, .. }) => Some((server, *output)),
            Command::Completion(_) | Command::Man(_) => None,
            Command::Top(Asked { server, output, .. }) => Some((server, *output)),
            Command::History(Asked { server, output, .. }) => Some((server, *output)),
            Command::Diff(Asked { server, output, .. }) => Some((server, *output)),
            Command::Rollback(Asked { server, output, .. }) => Some((server, *output)),
            Command::Confirm(Asked { server, output, .. }) => Some((server, *output)),
        }
    }
}
