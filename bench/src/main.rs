//! `bench source | sink | compare | store`: measures a mail server from outside, over real sockets.

mod compare;
mod latency;
mod namespace;
mod peers;
mod processes;
mod report;
mod sink;
mod source;
mod stamp;
mod store;

use clap::{Parser, Subcommand};

/// Load generator, counting sink, and the comparison of relays and stores.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sends stamped messages over many sessions and prints rates and latencies as one JSON line.
    Source(source::Load),
    /// Takes messages, counts each stamp once, answers questions on a control port.
    Sink(sink::Ports),
    /// Runs Waypost and Postfix in turn under the same load and prints a table.
    Compare(compare::Plan),
    /// Runs Waypost and Dovecot in turn as stores, over IMAP and LMTP, and prints a table.
    Store(store::Plan),
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match Cli::parse().command {
        Command::Source(load) => {
            let sent = runtime.block_on(source::run(&load))?;
            println!("{}", serde_json::to_string(&sent)?);
            Ok(())
        }
        Command::Sink(ports) => runtime.block_on(sink::run(&ports)),
        Command::Compare(plan) => match namespace::enter()? {
            namespace::Entered::Here => runtime.block_on(compare::run(&plan)),
            namespace::Entered::Ran(status) => std::process::exit(status),
        },
        Command::Store(plan) => match namespace::enter()? {
            namespace::Entered::Here => runtime.block_on(store::run(&plan)),
            namespace::Entered::Ran(status) => std::process::exit(status),
        },
    }
}
