//! OpenSSL's command: a certificate authority, a host's certificate below it, and what TLSA records say of both.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::process::program;

/// An authority and one certificate that it has signed.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// For a host of this name.
    #[track_caller]
    pub fn of(host: &str) -> Certificates {
        let made = Certificates { folder: tempfile::tempdir().expect("a temporary folder") };
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let authority =
            ["req", "-x509", "-subj", "/CN=authority", "-days", "30", "-keyout", "ca.key", "-out", "ca.pem"];
        made.openssl(&[&authority[..], &key].concat());
        made.openssl(&[&["req", "-subj", "/", "-keyout", "host.key", "-out", "host.csr"][..], &key].concat());
        fs::write(made.path("names"), format!("subjectAltName=DNS:{host}\n"))
            .expect("the folder can be written");
        made.openssl(&[
            "x509",
            "-req",
            "-in",
            "host.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "30",
            "-extfile",
            "names",
            "-out",
            "host.pem",
        ]);
        let read = |name| fs::read_to_string(made.path(name)).expect("just made");
        fs::write(made.path("chain.pem"), read("host.pem") + &read("ca.pem"))
            .expect("the folder can be written");
        made
    }

    /// The host's certificate with that of the authority, for a server.
    pub fn chain(&self) -> PathBuf {
        self.path("chain.pem")
    }

    /// The host's key.
    pub fn key(&self) -> PathBuf {
        self.path("host.key")
    }

    /// The data of a TLSA record 3 1 1: SHA-256 of the host's public key.
    #[track_caller]
    pub fn key_digest(&self) -> String {
        self.openssl(&["x509", "-in", "host.pem", "-pubkey", "-noout", "-out", "host.pub"]);
        self.openssl(&["pkey", "-pubin", "-in", "host.pub", "-outform", "der", "-out", "host.der"]);
        self.digest("host.der")
    }

    /// The data of a TLSA record 2 0 1: SHA-256 of the authority's certificate.
    #[track_caller]
    pub fn authority_digest(&self) -> String {
        self.openssl(&["x509", "-in", "ca.pem", "-outform", "der", "-out", "ca.der"]);
        self.digest("ca.der")
    }

    #[track_caller]
    fn digest(&self, file: &str) -> String {
        let said = self.openssl(&["dgst", "-sha256", "-r", file]);
        said.split_whitespace().next().expect("a digest").to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[track_caller]
    fn openssl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(program("openssl", "openssl"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        let output = command.output().expect("openssl can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {}: {said}", arguments.join(" "));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
