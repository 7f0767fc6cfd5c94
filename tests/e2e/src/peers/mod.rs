//! Programs that nobody here wrote, each a small struct: started on free ports, ready when made, killed when dropped.

pub mod dkimpy;
mod dovecot;
pub mod jmap_mail;
pub mod jmapc;
mod knot;
mod openssl;
mod postfix;
mod postgresql;
mod slapd;
mod smtp_sink;
mod smtp_source;
mod swaks;
mod unbound;

pub use dovecot::{Dovecot, DovecotAuth};
pub use knot::Knot;
pub use openssl::Certificates;
pub use postfix::Postfix;
pub use postgresql::PostgreSql;
pub use slapd::Slapd;
pub use smtp_sink::SmtpSink;
pub use smtp_source::SmtpSource;
pub use swaks::Swaks;
pub use unbound::Unbound;

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::process::program;

/// Makes a folder that a peer under another user may use.
fn open_folder(path: &Path) {
    fs::create_dir_all(path).expect("the test's folder can be written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("it is ours");
}

/// Writes a self-signed certificate for 127.0.0.1 (`server.crt`) and its key (`server.key`).
fn certificate(folder: &Path) {
    let mut openssl = Command::new(program("openssl", "openssl"));
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    openssl.args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]);
    openssl.arg("-keyout").arg(folder.join("server.key")).arg("-out").arg(folder.join("server.crt"));
    let output = openssl.output().expect("openssl can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Whether a name server on 127.0.0.1 answers at all.
fn answers(port: u16) -> Option<()> {
    const QUESTION: &[u8] = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04test\x00\x00\x06\x00\x01";
    let socket = UdpSocket::bind("127.0.0.1:0").ok()?;
    socket.set_read_timeout(Some(Duration::from_millis(200))).ok()?;
    socket.send_to(QUESTION, ("127.0.0.1", port)).ok()?;
    let mut answer = [0; 512];
    socket.recv(&mut answer).ok().map(|_| ())
}
