//! Postfix's `smtp-sink`: takes mail and keeps it in files, or says no where it is told to.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::open_folder;
use crate::process::{Process, eventually, free_port, is_root, program};

/// A running `smtp-sink`.
#[derive(Debug)]
pub struct SmtpSink {
    /// Where it takes mail.
    pub port: u16,
    folder: TempDir,
    process: Process,
}

impl SmtpSink {
    /// Takes everything.
    #[track_caller]
    pub fn start() -> SmtpSink {
        SmtpSink::with(&[])
    }

    /// With options of its own, such as `-r RCPT` (4xx), `-f RCPT` (5xx), `-q DATA` (disconnects), `-L` (LMTP).
    #[track_caller]
    pub fn with(options: &[&str]) -> SmtpSink {
        SmtpSink::at("127.0.0.1", free_port(), options)
    }

    /// At a loopback address and a port that were chosen before.
    #[track_caller]
    pub fn at(host: &str, port: u16, options: &[&str]) -> SmtpSink {
        let folder = tempfile::tempdir().expect("a temporary folder");
        open_folder(folder.path());
        let mut command = Command::new(program("smtp-sink", "postfix"));
        command.current_dir(folder.path());
        if is_root() {
            command.args(["-u", "nobody"]);
        }
        command.args(["-d", "message."]).args(options).arg(format!("{host}:{port}")).arg("100");
        let mut process = Process::start(command, &folder.path().join("log"));
        process.wait_for_port(host, port);
        SmtpSink { port, folder, process }
    }

    /// What it took until now: each message with the envelope at its head (`X-Mail-Args:`, `X-Rcpt-Args:`).
    pub fn messages(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("its folder").flatten();
        let files = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("message."));
        files
            .map(|file| String::from_utf8_lossy(&fs::read(file.path()).unwrap_or_default()).into_owned())
            .collect()
    }

    /// Waits until it has `count` messages that contain `text`.
    #[track_caller]
    pub fn wait_for(&self, count: usize, text: &str) -> Vec<String> {
        eventually(&format!("smtp-sink has {count} messages with {text:?}"), || {
            let found: Vec<_> =
                self.messages().into_iter().filter(|message| message.contains(text)).collect();
            (found.len() >= count).then_some(found)
        })
    }

    /// What it said.
    pub fn said(&self) -> String {
        self.process.said()
    }
}
