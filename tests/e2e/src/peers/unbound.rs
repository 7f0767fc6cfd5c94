//! Unbound, a recursive resolver: asks the name server of the test for everything.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::{Knot, answers};
use crate::process::{Process, free_port, program};

/// A running `unbound`.
#[derive(Debug)]
pub struct Unbound {
    /// Where it answers.
    pub port: u16,
    _folder: TempDir,
    _process: Process,
}

impl Unbound {
    /// Resolves these zones at `authority`, and validates nothing.
    #[track_caller]
    pub fn before(authority: &Knot, zones: &[&str]) -> Unbound {
        Unbound::start(authority, zones, None)
    }

    /// The same, and validates below these anchors: DS records, of any zones.
    #[track_caller]
    pub fn validating(authority: &Knot, zones: &[&str], anchors: &[String]) -> Unbound {
        Unbound::start(authority, zones, Some(anchors))
    }

    #[track_caller]
    fn start(authority: &Knot, zones: &[&str], anchors: Option<&[String]>) -> Unbound {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let modules = if anchors.is_some() { "validator iterator" } else { "iterator" };
        let mut trusted = String::new();
        for anchor in anchors.unwrap_or_default() {
            writeln!(trusted, "    trust-anchor: \"{anchor}\"").expect("a string takes everything");
        }
        let mut settings = SETTINGS.replace("@FOLDER@", &folder.path().display().to_string());
        settings = settings.replace("@PORT@", &port.to_string());
        settings = settings.replace("@MODULES@", modules).replace("@ANCHORS@", &trusted);
        for zone in zones {
            let stub =
                format!("stub-zone:\n    name: \"{zone}\"\n    stub-addr: 127.0.0.1@{}\n", authority.port);
            settings.push_str(&stub);
        }
        let path = folder.path().join("unbound.conf");
        fs::write(&path, settings).expect("the folder can be written");
        let mut command = Command::new(program("unbound", "unbound"));
        command.arg("-d").arg("-c").arg(path);
        let mut process = Process::start(command, &folder.path().join("log"));
        process.wait_until("answers", || answers(port));
        Unbound { port, _folder: folder, _process: process }
    }
}

const SETTINGS: &str = "\
server:
    interface: 127.0.0.1@@PORT@
    access-control: 127.0.0.0/8 allow
    directory: \"@FOLDER@\"
    pidfile: \"@FOLDER@/pid\"
    chroot: \"\"
    username: \"\"
    do-daemonize: no
    use-syslog: no
    logfile: \"\"
    num-threads: 1
    do-ip6: no
    qname-minimisation: no
    outbound-msg-retry: 1
    target-fetch-policy: \"0 0 0 0 0\"
    do-not-query-localhost: no
    module-config: \"@MODULES@\"
    local-zone: \"test.\" nodefault
@ANCHORS@remote-control:
    control-enable: no
forward-zone:
    name: \".\"
    forward-addr: 127.0.0.1@9
";
