//! `waypost serve`: runs the server until it is told to end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use rustix::fs::Mode;
use rustix::process::umask;

use crate::assemble::{Server, assemble};
use crate::config::Boot;
use crate::shutdown::{Order, Orders};
use crate::starting::begin;
use crate::trial::{self, Trial};
use cli::paint::Paint;

/// With what it runs.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The boot file (TOML). Without it: loopback, high ports such as 2525 and 2143, data in `waypost-data`.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Checks the settings, starts, and waits.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    // Mail is nobody else's business: what the server writes, only its user reads.
    umask(Mode::RWXG | Mode::RWXO);
    let trial = match &args.config {
        Some(path) => Trial { boot: Boot::read(path)?, notes: Vec::new() },
        None => trial::prepare(super::DATA_DIRECTORY)?,
    };
    crate::log::start(&trial.boot.log)?;
    super::block_on(async {
        let mut orders = Orders::new()?;
        let Some(start) = begin(&trial.boot).await? else { return Ok(ExitCode::FAILURE) };
        let server = assemble(&trial.boot, start).await.context("cannot start")?;
        welcome(&trial, args.config.as_deref(), &server);
        until_told(server, &mut orders).await
    })
}

async fn until_told(mut server: Server, orders: &mut Orders) -> anyhow::Result<ExitCode> {
    let resolver = server.world().resolver.clone();
    let mut probing = std::pin::pin!(async move {
        resolver.probe().await;
        std::future::pending().await
    });
    loop {
        let order = tokio::select! {
            biased;
            order = orders.next() => order,
            error = server.broken() => return Err(error),
            never = probing.as_mut() => never,
        };
        match order {
            Order::Reload => reload(&server).await,
            Order::Stop => break,
        }
    }
    tracing::info!("ending: no new mail, running deliveries are finished");
    tokio::select! {
        biased;
        () = orders.stop() => {
            tracing::warn!("ended at once; what was accepted is kept");
            Ok(ExitCode::FAILURE)
        }
        () = server.stop() => {
            tracing::info!("ended");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Reads the file that rules again, or what lies outside the settings in the store; where there are errors, all stays.
async fn reload(server: &Server) {
    server.reopen_event_log();
    match server.settings().reload().await {
        Ok(_) => tracing::info!("the settings were read again and are in force"),
        Err(refusal) => tracing::error!("the settings have errors; the old ones stay in force: {refusal}"),
    }
    if let Err(error) = server.reload_certificate() {
        tracing::error!("the old certificate stays in use: {error}");
    }
}

fn welcome(trial: &Trial, config: Option<&Path>, server: &Server) {
    for (name, address) in &server.addresses {
        tracing::info!(listener = %name, %address, "listening");
    }
    if let Some(address) = server.management_address() {
        tracing::info!(%address, "the management API is here");
    }
    if let Some(link) = server.setup_link() {
        // Not a line of the log: whoever reads it is let in.
        super::print(&format!(
            "Nobody administers this server yet. Set the first password here, once, within 24 hours:\n\n  {link}\n\n"
        ));
    }
    if config.is_none() {
        super::print(&first_steps(trial, server, Paint::for_stdout()));
    }
}

fn first_steps(trial: &Trial, server: &Server, paint: Paint) -> String {
    let address = |name: &str| {
        let found = server.addresses.iter().find(|(other, _)| other == name);
        found.map_or_else(|| "?".to_owned(), |(_, address)| address.to_string())
    };
    let (smtp, submission, lmtp) = (address("smtp"), address("submission"), address("lmtp"));
    let (imap, imaps, pop3, pop3s) = (address("imap"), address("imaps"), address("pop3"), address("pop3s"));
    let jmap = address("jmap");
    let account = trial::ACCOUNT;
    let first = trial.boot.settings_file();
    let first = first.display();
    let management =
        server.management_address().map_or_else(|| "?".to_owned(), |address| address.to_string());
    let mut text = format!("{}\n\n", paint.bold("Waypost is running."));
    for note in &trial.notes {
        text.push_str(&format!("  {}\n", paint.yellow(note)));
    }
    text.push_str(&format!(
        "  smtp        {smtp}\n  submission  {submission}  (only after AUTH)\n  lmtp        {lmtp}\n\
         \x20 imap        {imap}, with TLS {imaps}\n\
         \x20 pop3        {pop3}, with TLS {pop3s}\n\
         \x20 jmap        http://{jmap}\n\
         \x20 management  http://{management}\n\
         \x20 account     {account}  (its first password is in {first})\n\n\
         Try next, in another terminal:\n\n"
    ));
    for command in [
        format!("printf 'Subject: hello\\n\\nIt works.\\n' | waypost send --server {smtp} {account}"),
        format!("waypost mailbox show {account}"),
        format!("waypost explain --from {account} --to somebody@example.net"),
        format!("swaks --server {smtp} --from somebody@example.net --to {account}"),
    ] {
        text.push_str(&format!("  {}\n", paint.cyan(&command)));
    }
    text.push_str(&format!(
        "\nCtrl-C ends it. Settings are changed at http://{management}, or by waypost set; they hold at once.\n\n"
    ));
    text
}
