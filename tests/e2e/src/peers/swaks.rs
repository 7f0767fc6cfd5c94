//! `swaks`, the Swiss army knife for SMTP: a client that speaks STARTTLS and AUTH.

use std::process::{Command, Stdio};

use crate::process::program;

/// A run of `swaks` and what came of it.
#[derive(Clone, Debug)]
pub struct Swaks {
    /// Whether the message was taken.
    pub success: bool,
    /// The dialogue, line by line as it shows it.
    pub dialogue: String,
}

impl Swaks {
    /// Sends one message to a port on 127.0.0.1 with these further options.
    #[track_caller]
    pub fn send(port: u16, options: &[&str]) -> Swaks {
        let mut command = Command::new(program("swaks", "swaks libnet-ssleay-perl"));
        command.args(["--server", "127.0.0.1", "--port", &port.to_string(), "--timeout", "30"]);
        command.args(["--helo", "swaks.client.test"]).args(options).stdin(Stdio::null());
        let output = command.output().expect("swaks can be started");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Swaks { success: output.status.success(), dialogue: format!("{out}{err}") }
    }
}
