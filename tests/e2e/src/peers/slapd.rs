//! OpenLDAP's server, with a tree of its own in a temporary folder.

use std::fs;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::open_folder;
use crate::process::{Process, free_port, program};

/// A running server with entries below `dc=there,dc=test`.
#[derive(Debug)]
pub struct Slapd {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    folder: TempDir,
    process: Option<Process>,
}

impl Slapd {
    /// Below which entry everything is.
    pub const BASE: &str = "dc=there,dc=test";
    /// Who may read everything.
    pub const ADMIN: &str = "cn=admin,dc=there,dc=test";
    /// And the password.
    pub const PASSWORD: &str = "keys to the tree";

    /// Makes a tree of these entries, in LDIF, and serves it.
    #[track_caller]
    pub fn with(entries: &str) -> Slapd {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        open_folder(path);
        open_folder(&path.join("tree"));
        let text = CONFIG.replace("@FOLDER@", &path.display().to_string());
        fs::write(path.join("slapd.conf"), text).expect("the folder can be written");
        let base =
            "dn: dc=there,dc=test\nobjectClass: dcObject\nobjectClass: organization\no: there\ndc: there\n\n";
        fs::write(path.join("tree.ldif"), format!("{base}{entries}")).expect("the folder can be written");
        let mut add = Command::new(program("slapadd", "slapd"));
        add.arg("-f").arg(path.join("slapd.conf")).arg("-l").arg(path.join("tree.ldif"));
        let output = add.output().expect("slapadd can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut slapd = Slapd { port: free_port(), folder, process: None };
        slapd.run();
        slapd
    }

    /// Starts it, again if it was stopped, and waits until it answers.
    #[track_caller]
    pub fn run(&mut self) {
        let path = self.folder.path();
        let mut command = Command::new(program("slapd", "slapd"));
        // With `-d` it stays in the foreground.
        command.arg("-f").arg(path.join("slapd.conf")).args(["-d", "256", "-h"]);
        command.arg(format!("ldap://127.0.0.1:{}/", self.port));
        let mut process = Process::start(command, &path.join("log"));
        process.wait_for_port("127.0.0.1", self.port);
        self.process = Some(process);
    }

    /// Stops it, and with it every connection.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Changes entries, as LDIF says.
    #[track_caller]
    pub fn modify(&self, changes: &str) {
        let file = self.folder.path().join("changes.ldif");
        fs::write(&file, changes).expect("the folder can be written");
        let mut modify = Command::new(program("ldapmodify", "ldap-utils"));
        modify.args(["-x", "-H", &format!("ldap://127.0.0.1:{}", self.port)]);
        modify.args(["-D", Self::ADMIN, "-w", Self::PASSWORD, "-f"]).arg(&file).stdin(Stdio::null());
        let output = modify.output().expect("ldapmodify can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// What it was asked and has answered.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// Nobody but its admin may search; everybody may bind.
const CONFIG: &str = r#"include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile @FOLDER@/pid
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "dc=there,dc=test"
rootdn "cn=admin,dc=there,dc=test"
rootpw "keys to the tree"
directory @FOLDER@/tree
maxsize 10485760
access to attrs=userPassword by anonymous auth by * none
access to * by * none
"#;
