//! `jmapc`, another's JMAP client: can it talk to us by the standard alone?

use std::path::Path;
use std::process::Command;

const SCRIPT: &str = include_str!("jmapc.py");

/// Where `cargo xtask test` puts it: Debian has no package of it.
pub(super) const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/jmapc/bin/python");

/// Asks the server on this port, whose certificate for `localhost` is in the file, and whose socket is at the path.
#[track_caller]
pub fn understands(port: u16, certificate: &Path, socket: &Path) {
    let mut command = Command::new(PYTHON);
    command.args(["-c", SCRIPT]).arg(socket).arg(format!("localhost:{port}"));
    let output = command.env("REQUESTS_CA_BUNDLE", certificate).output();
    let output = output
        .unwrap_or_else(|error| panic!("{PYTHON}: {error}: run cargo xtask test, which installs jmapc"));
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "understood", "{err}");
}
