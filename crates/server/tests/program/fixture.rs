//! A directory with a boot file and settings, and the program run in it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// No step of a test may take longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Settings with one domain, two accounts and the three kinds of route.
pub(crate) const SETTINGS: &str = r#"{
  "SystemSettings": { "defaultHostname": "mail.home.example", "defaultDomain": "home.example" },
  "Domain": [{ "name": "home.example" }],
  "Account": [
    { "name": "ann@home.example", "aliases": ["info@home.example"] },
    { "name": "bob@home.example", "secret": "open sesame" }
  ],
  "MtaRoute": [
    { "@type": "Local", "name": "local" },
    { "@type": "Mx", "name": "mx" },
    { "@type": "Relay", "name": "fallback", "address": "192.0.2.25", "port": 587,
      "authUsername": "home", "authSecret": { "@type": "Value", "secret": "hush-hush" } }
  ],
  "MtaOutboundStrategy": {
    "route": {
      "match": [
        { "if": "is_local_domain(rcpt_domain)", "then": "'local'" },
        { "if": "retry_num > 1", "then": "'fallback'" }
      ],
      "else": "'mx'"
    }
  }
}"#;

/// A directory of its own, gone at the end.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    /// With a boot file on free ports and these settings.
    pub(crate) fn with(settings: &str) -> Self {
        let place = Place { directory: tempfile::tempdir().unwrap() };
        place.write("settings.json", settings);
        place.write(
            "waypost.toml",
            "data_directory = \"data\"\nsettings = \"settings.json\"\n\
             [[listener]]\nname = \"smtp\"\nbind = \"127.0.0.1:0\"\n\
             [admin]\nbind = \"127.0.0.1:0\"\n\
             [log]\nformat = \"json\"\n",
        );
        place
    }

    /// With a boot file that names no settings: those in the data directory are taken over.
    pub(crate) fn storing(settings: &str) -> Self {
        let place = Place::with(settings);
        let boot = std::fs::read_to_string(place.path("waypost.toml")).unwrap();
        place.write("waypost.toml", &boot.replace("settings = \"settings.json\"\n", ""));
        std::fs::create_dir(place.path("data")).unwrap();
        std::fs::rename(place.path("settings.json"), place.path("data/settings.json")).unwrap();
        place
    }

    /// Asks the management API over its Unix socket, as whoever runs the tests.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, arguments: &Value) -> Value {
        let request = json!({
            "using": ["urn:ietf:params:jmap:core", "urn:stalwart:jmap"], "methodCalls": [[method, arguments, "0"]],
        });
        let (status, _, body) = self.http("POST", "/jmap", &request.to_string());
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        answer["methodResponses"][0].clone()
    }

    /// The answer's arguments; fails on a method error.
    #[track_caller]
    pub(crate) fn asked(&self, method: &str, arguments: &Value) -> Value {
        let answer = self.ask(method, arguments);
        assert_eq!(answer[0], method, "{answer}");
        answer[1].clone()
    }

    /// One request over the Unix socket: status, head and body of the answer.
    #[track_caller]
    pub(crate) fn http(&self, verb: &str, path: &str, body: &str) -> (u16, String, String) {
        let head = format!(
            "{verb} {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        self.raw_http(&format!("{head}Host: localhost\r\nConnection: close\r\n\r\n{body}"))
    }

    /// The same with a request as it is.
    #[track_caller]
    pub(crate) fn raw_http(&self, request: &str) -> (u16, String, String) {
        let mut stream = UnixStream::connect(self.path("data/admin.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // A server that refuses the head need not read the rest.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_owned(), body.to_owned())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The program with these arguments, run in the directory.
    pub(crate) fn waypost(&self, arguments: &[&str]) -> Run {
        self.waypost_with(arguments, "")
    }

    /// The same, with something on standard input.
    pub(crate) fn waypost_with(&self, arguments: &[&str], input: &str) -> Run {
        let mut child = command(self.directory.path(), arguments).stdin(Stdio::piped()).spawn().unwrap();
        // A program that does not read its input closes it; then there is nothing to write.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Run::of(child.wait_with_output().unwrap())
    }

    /// The server, as soon as it listens.
    pub(crate) fn serve(&self) -> Server {
        let mut child =
            command(self.directory.path(), &["serve", "--config", "waypost.toml"]).spawn().unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let reader = std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut server = Server {
            child,
            lines,
            reader: Some(reader),
            log: Vec::new(),
            address: String::new(),
            admin: String::new(),
        };
        let address = |line: String| {
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            line["address"].as_str().unwrap().to_owned()
        };
        server.address = address(server.line_with("\"listening\""));
        server.admin = address(server.line_with("the management API is here"));
        server
    }
}

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command.args(arguments).current_dir(directory);
    command.env_remove("WAYPOST_LOG").env_remove("WAYPOST_PASSWORD").env("USER", "tester");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    fn of(output: Output) -> Self {
        Run {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Fails with everything that was said if the exit code is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "out: {}\nerr: {}", self.out, self.err);
        self
    }
}

/// A running server; killed if the test forgets to end it.
pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    reader: Option<JoinHandle<()>>,
    log: Vec<String>,
    pub(crate) address: String,
    /// Where the management API is.
    pub(crate) admin: String,
}

impl Server {
    /// Waits for a log line with this text.
    #[track_caller]
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.log.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(why) => panic!("no line with {text:?}: {why}; so far: {:#?}", self.log),
            }
        }
    }

    /// Whether a line so far has this text.
    pub(crate) fn logged(&self, text: &str) -> bool {
        self.log.iter().any(|line| line.contains(text))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Tells it to end, and gives all that it has logged.
    pub(crate) fn log_to_the_end(&mut self) -> String {
        self.signal(Signal::TERM);
        self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        self.log.extend(self.lines.try_iter());
        self.log.join("\n")
    }

    /// Tells it to end and waits until it has.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        let status = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        status
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
