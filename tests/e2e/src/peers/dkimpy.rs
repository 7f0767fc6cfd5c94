//! `dkimpy`, another's implementation of DKIM: signs, and verifies what we sign.

use std::io::Write;
use std::process::{Command, Stdio};

const VERIFY: &str = "\
import dkim, sys
name, record = sys.argv[1].encode(), sys.argv[2].encode()
message = sys.stdin.buffer.read()
d = dkim.DKIM(message, minkey=1024)
look_up = lambda asked, timeout=5: record if asked.rstrip(b'.') == name else None
print(d.verify(idx=int(sys.argv[3]), dnsfunc=look_up))
";

const SIGN: &str = "\
import dkim, sys
selector, domain, key = sys.argv[1].encode(), sys.argv[2].encode(), open(sys.argv[3], 'rb').read()
message = sys.stdin.buffer.read()
sys.stdout.buffer.write(dkim.sign(message, selector, domain, key, canonicalize=(b'relaxed', b'simple')) + message)
";

/// Debian's own interpreter, which knows Debian's packages.
const PYTHON: &str = "/usr/bin/python3";

/// Whether the signature of this number is good, given the TXT record of its key.
#[track_caller]
pub fn verifies(message: &str, number: usize, name: &str, record: &str) -> bool {
    let out = python(&["-c", VERIFY, name, record, &number.to_string()], message);
    out.trim() == "True"
}

/// The message with an RSA signature before it.
#[track_caller]
pub fn sign(message: &str, selector: &str, domain: &str, key_file: &str) -> String {
    python(&["-c", SIGN, selector, domain, key_file], message)
}

#[track_caller]
fn python(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new(PYTHON);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("python3 can be started");
    child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "dkimpy (Debian package python3-dkim): {err}");
    String::from_utf8(output.stdout).expect("mail of a test is UTF-8")
}
