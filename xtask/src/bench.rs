//! Builds what the comparison needs and starts it.

use std::process::Command;

use anyhow::Result;

use crate::{run, tree};

/// Waypost and Postfix in turn, or with `store` first Waypost and Dovecot, in a network namespace of their own where the
/// machine permits it.
pub(crate) fn compare(arguments: &[String]) -> Result<()> {
    let mut build = Command::new("cargo");
    build.current_dir(tree::root()).args(["build", "--release", "-p", "server", "-p", "bench"]);
    run(build)?;
    let mut compare = Command::new(tree::target().join("release/bench"));
    let (what, arguments) = match arguments.split_first() {
        Some((first, rest)) if first == "store" => ("store", rest),
        _ => ("compare", arguments),
    };
    compare.current_dir(tree::root()).arg(what).args(arguments);
    compare.env("WAYPOST_BINARY", tree::target().join("release/waypost"));
    run(compare)
}
