//! PostgreSQL: a cluster of its own in a temporary folder, with TLS and a password.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::open_folder;
use crate::process::{Process, free_port, is_root, program};

/// A running cluster with one superuser.
#[derive(Debug)]
pub struct PostgreSql {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    folder: TempDir,
    process: Option<Process>,
}

impl PostgreSql {
    /// The superuser.
    pub const USER: &str = "waypost";
    /// Its password.
    pub const PASSWORD: &str = "it's a 'secret'";

    /// Makes a cluster and starts it.
    #[track_caller]
    pub fn start() -> PostgreSql {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        open_folder(path);
        fs::write(path.join("password"), Self::PASSWORD).expect("the folder can be written");
        let mut initdb = as_postgres(&server_program("initdb"));
        initdb.arg("-D").arg(path.join("data")).args(["-N", "-A", "scram-sha-256", "-U", Self::USER]);
        initdb.args(["--locale=C", "-E", "UTF8"]).arg("--pwfile").arg(path.join("password"));
        run(initdb);
        certificate(&path.join("data"));
        let mut postgres = PostgreSql { port: free_port(), folder, process: None };
        postgres.run();
        postgres
    }

    /// Starts it, again if it was stopped, and waits until it answers.
    #[track_caller]
    pub fn run(&mut self) {
        let path = self.folder.path();
        let mut command = as_postgres(&server_program("postgres"));
        command.arg("-D").arg(path.join("data")).args([
            "-F",
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
        ]);
        command.arg("-k").arg(path).args(["-c", "ssl=on", "-c", "log_statement=all"]);
        let mut process = Process::start(command, &path.join("log"));
        process.wait_until("answers", || self.psql("SELECT 1").status().ok().filter(|s| s.success()));
        self.process = Some(process);
    }

    /// Stops it, and with it every connection.
    #[track_caller]
    pub fn stop(&mut self) {
        let mut command = as_postgres(&server_program("pg_ctl"));
        command.arg("-D").arg(self.folder.path().join("data")).args(["-m", "immediate", "-W", "stop"]);
        run(command);
        // It ends by itself; whoever started it as another user has ended before.
        let port = self.port;
        crate::eventually("PostgreSQL has ended", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_err().then_some(())
        });
        self.process = None;
    }

    /// Runs statements, and answers what they print: columns with `|` between them, a line a row.
    #[track_caller]
    pub fn sql(&self, statements: &str) -> String {
        let output = self.psql(statements).output().expect("psql can be started");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{statements}: {err}");
        out.trim_end().to_owned()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn psql(&self, statements: &str) -> Command {
        let mut psql = Command::new(program("psql", "postgresql-client"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", Self::USER]);
        psql.args(["-p", &self.port.to_string(), "-d", "postgres", "-c", statements]);
        psql.env("PGPASSWORD", Self::PASSWORD).stderr(std::process::Stdio::piped());
        psql.stdout(std::process::Stdio::piped());
        psql
    }
}

impl Drop for PostgreSql {
    fn drop(&mut self) {
        let mut command = as_postgres(&server_program("pg_ctl"));
        command.arg("-D").arg(self.folder.path().join("data")).args(["-m", "immediate", "-W", "stop"]);
        let _ = command.output();
    }
}

/// The server refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program).current_dir("/");
    command
}

/// Debian keeps the server's programs out of the way, by version.
#[track_caller]
fn server_program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut places: Vec<_> = versions.map(|version| version.path().join("bin").join(name)).collect();
    places.sort();
    places.pop().filter(|place| place.is_file()).unwrap_or_else(|| program(name, "postgresql"))
}

/// A certificate that nobody else vouches for.
fn certificate(data: &Path) {
    let mut openssl = as_postgres(&program("openssl", "openssl"));
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    openssl.args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]);
    openssl.arg("-keyout").arg(data.join("server.key")).arg("-out").arg(data.join("server.crt"));
    run(openssl);
}

#[track_caller]
fn run(mut command: Command) {
    let output = command.output().expect("the program can be started");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
