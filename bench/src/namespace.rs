//! A network of our own: loopback and nothing else, so that no measurement waits for the world.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// Set for the process that runs inside.
const INSIDE: &str = "BENCH_INSIDE_NAMESPACE";

/// Where the caller is now.
pub(crate) enum Entered {
    /// Inside, or the machine does not permit it: go on here.
    Here,
    /// The same command ran inside and ended with this status.
    Ran(i32),
}

/// Runs this very command again in a new network namespace, if the machine permits it.
pub(crate) fn enter() -> Result<Entered> {
    if std::env::var_os(INSIDE).is_some() {
        return Ok(Entered::Here);
    }
    let mut probe = Command::new("unshare");
    probe.args(["--net", "--", "ip", "link", "set", "lo", "up"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        eprintln!("bench: no network namespace may be made here; running on the machine's own loopback");
        return Ok(Entered::Here);
    }
    let own = std::env::current_exe().context("a process knows its program")?;
    let mut inside = Command::new("unshare");
    inside.args(["--net", "--", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);
    inside.arg(own).args(std::env::args_os().skip(1)).env(INSIDE, "1");
    let status = inside.status().context("cannot start unshare")?;
    Ok(Entered::Ran(status.code().unwrap_or(1)))
}
