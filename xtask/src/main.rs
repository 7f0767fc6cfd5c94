//! The project's own chores: `cargo xtask test | ui | ci | rfc | proofs | bench`.

mod bench;
mod peers;
mod proofs;
mod rfc;
mod tree;
mod ui;

use std::process::Command;

use anyhow::{Context, Result, bail};

const USAGE: &str = "\
cargo xtask test [ARGS]    all tests; installs what the tests with real peers need, or says what is missing
cargo xtask ui [test]      builds the web UI into ui/dist, if it is not up to date; test: its tests, a browser included
cargo xtask ci             what must hold before a change lands: format, lints, licences, tests
cargo xtask rfc            where each RFC is mentioned, by RFC and section
cargo xtask proofs [--check]  which test proves which row of the fault catalogue, as docs/faults.md
cargo xtask bench [store] [ARGS]   Waypost and Postfix, or Dovecot, in turn under the same load; figures as a table";

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    match command.as_deref() {
        Some("test") => test(&rest),
        Some("ui") => ui::command(&rest),
        Some("ci") => run(Command::new(tree::root().join(".ci/run"))),
        Some("rfc") => rfc::list(),
        Some("proofs") => proofs::run(&rest),
        Some("bench") => bench::compare(&rest),
        _ => bail!("say what to do:\n{USAGE}"),
    }
}

/// All tests, those of the web UI last. The programs are built first, because tests with real peers start the real `waypost`.
fn test(arguments: &[String]) -> Result<()> {
    peers::provide();
    let pages = ui::build();
    let cargo = || {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(tree::root());
        cargo
    };
    let mut build = cargo();
    build.args(["build", "--quiet", "--workspace", "--bins"]);
    run(build)?;
    let mut test = cargo();
    test.args(["test", "--workspace", "--no-fail-fast"]).args(arguments);
    test.env("WAYPOST_BINARY", tree::target().join("debug/waypost"));
    let tested = run(test);
    pages.and_then(|()| ui::test()).and(tested)
}

/// Runs a command to its end with our own standard streams; anything but success is an error.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("cannot start {name}"))?;
    if !status.success() {
        let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
        bail!("{name} {}: {status}", arguments.join(" "));
    }
    Ok(())
}
