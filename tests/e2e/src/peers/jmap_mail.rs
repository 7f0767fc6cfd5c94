//! `jmapc` and `websockets` as a mail program: can they read, file, send and be told of mail by the standard alone?

use std::path::Path;
use std::process::Command;

use super::jmapc::PYTHON;

const SCRIPT: &str = include_str!("jmap_mail.py");

/// Has one send to another, each named with a password, by the server on this port, whose certificate for `localhost` is
/// in the file.
#[track_caller]
pub fn understands(port: u16, certificate: &Path, sender: (&str, &str), receiver: (&str, &str)) {
    let mut command = Command::new(PYTHON);
    command.args(["-c", SCRIPT]).arg(format!("localhost:{port}")).arg(certificate);
    command.args([sender.0, sender.1, receiver.0, receiver.1]);
    let output = command.env("REQUESTS_CA_BUNDLE", certificate).output();
    let output = output
        .unwrap_or_else(|error| panic!("{PYTHON}: {error}: run cargo xtask test, which installs jmapc"));
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "understood", "{err}");
}
