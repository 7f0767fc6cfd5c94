//! Postfix's `smtp-source`: sends mail over many sessions and gives up at the first refusal.

use std::process::{Command, Stdio};

use crate::process::program;

/// A run of `smtp-source`.
#[derive(Clone, Copy, Debug)]
pub struct SmtpSource<'a> {
    /// Where to.
    pub port: u16,
    /// The reverse-path.
    pub from: &'a str,
    /// The forward-path; with several recipients, numbers come before it.
    pub to: &'a str,
    /// Messages in all.
    pub messages: u32,
    /// Sessions at once.
    pub sessions: u32,
    /// Recipients of each message.
    pub recipients: u32,
    /// Bytes of each message.
    pub bytes: u32,
}

impl SmtpSource<'_> {
    /// Sends; panics with what it said unless everything was taken.
    #[track_caller]
    pub fn send(&self) {
        let mut command = Command::new(program("smtp-source", "postfix"));
        command.args(["-d", "-f", self.from, "-t", self.to]);
        command.args(["-m", &self.messages.to_string(), "-s", &self.sessions.to_string()]);
        command.args(["-r", &self.recipients.to_string(), "-l", &self.bytes.to_string()]);
        command.arg(format!("127.0.0.1:{}", self.port)).stdin(Stdio::null());
        let output = command.output().expect("smtp-source can be started");
        assert!(output.status.success(), "smtp-source: {}", String::from_utf8_lossy(&output.stderr));
    }
}
