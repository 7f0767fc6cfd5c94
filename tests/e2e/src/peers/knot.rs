//! Knot, an authoritative name server: zones from text; a zone without text answers SERVFAIL.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::answers;
use crate::process::{Process, free_port, program};

/// A running `knotd`.
#[derive(Debug)]
pub struct Knot {
    /// Where it answers, by UDP and TCP.
    pub port: u16,
    folder: TempDir,
    _process: Process,
}

/// What keymgr says of a zone's keys.
fn said(folder: &Path, zone: &str, what: &str) -> String {
    let mut command = Command::new(program("keymgr", "knot"));
    let output = command.arg("-c").arg(folder.join("knot.conf")).arg(zone).arg(what).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

impl Knot {
    /// Serves these zones: each its name and its records, without SOA and NS. `None` makes it answer SERVFAIL.
    #[track_caller]
    pub fn start(zones: &[(&str, Option<&str>)]) -> Knot {
        Knot::with(zones, &[])
    }

    /// The same, and signs those that are named as signed.
    #[track_caller]
    pub fn with(zones: &[(&str, Option<&str>)], signed: &[&str]) -> Knot {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        fs::create_dir(path.join("database")).expect("the folder can be written");
        let port = free_port();
        let mut settings = SETTINGS.replace("@FOLDER@", &path.display().to_string());
        settings = settings.replace("@PORT@", &port.to_string());
        for (name, records) in zones {
            writeln!(settings, "  - domain: {name}").expect("a string takes everything");
            if signed.contains(name) {
                settings.push_str("    dnssec-signing: on\n");
            }
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
        for name in signed {
            process.wait_until(&format!("has signed {name}"), || {
                said(path, name, "ds").contains(" DS ").then_some(())
            });
        }
        Knot { port, folder, _process: process }
    }

    /// The DS record of a signed zone.
    #[track_caller]
    pub fn ds(&self, zone: &str) -> String {
        self.record(zone, "ds", " DS ")
    }

    /// The DNSKEY record of a signed zone that others are to trust.
    #[track_caller]
    pub fn dnskey(&self, zone: &str) -> String {
        self.record(zone, "dnskey", " DNSKEY ")
    }

    #[track_caller]
    fn record(&self, zone: &str, what: &str, kind: &str) -> String {
        let text = said(self.folder.path(), zone, what);
        let line = text.lines().find(|line| line.contains(kind));
        line.unwrap_or_else(|| panic!("keymgr shows no{kind}record of {zone}: {text}")).trim().to_owned()
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
policy:
  - id: one-key
    single-type-signing: on
template:
  - id: default
    storage: \"@FOLDER@\"
    file: \"%s.zone\"
    zonefile-sync: -1
    journal-content: none
    dnssec-policy: one-key
zone:
";
