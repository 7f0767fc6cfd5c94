//! Knot, an authoritative name server: zones from text; a zone without text answers SERVFAIL.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::answers;
use crate::process::{Process, free_port, program};

/// A running `knotd`.
#[derive(Debug)]
pub struct Knot {
    /// Where it answers, by UDP and TCP.
    pub port: u16,
    _folder: TempDir,
    _process: Process,
}

impl Knot {
    /// Serves these zones: each its name and its records, without SOA and NS. `None` makes it answer SERVFAIL.
    #[track_caller]
    pub fn start(zones: &[(&str, Option<&str>)]) -> Knot {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        let port = free_port();
        let mut settings = SETTINGS.replace("@FOLDER@", &path.display().to_string());
        settings = settings.replace("@PORT@", &port.to_string());
        for (name, records) in zones {
            writeln!(settings, "  - domain: {name}").expect("a string takes everything");
            if let Some(records) = records {
                let zone = format!(
                    "$ORIGIN {name}.\n$TTL 60\n@ SOA ns admin 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n{records}\n"
                );
                fs::write(path.join(format!("{name}.zone")), zone).expect("the folder can be written");
            }
        }
        fs::write(path.join("knot.conf"), settings).expect("the folder can be written");
        let mut command = Command::new(program("knotd", "knot"));
        command.arg("-c").arg(path.join("knot.conf"));
        let mut process = Process::start(command, &path.join("log"));
        process.wait_until("answers", || answers(port));
        Knot { port, _folder: folder, _process: process }
    }
}

const SETTINGS: &str = "\
server:
    rundir: \"@FOLDER@\"
    listen: [ 127.0.0.1@@PORT@ ]
    tcp-workers: 1
    udp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: \"@FOLDER@/database\"
template:
  - id: default
    storage: \"@FOLDER@\"
    file: \"%s.zone\"
    zonefile-sync: -1
    journal-content: none
zone:
";
