//! `ledger send PORT | take PORT | port`: the load and the sink of the power-cut test, as programs of their own.
#![allow(clippy::expect_used, reason = "test code")]

use std::io::Write;
use std::process::ExitCode;

use e2e::free_port;
use e2e::ledger::{Load, Sink};

/// Clients that send at once.
const CLIENTS: usize = 8;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let port = |text: &str| text.parse::<u16>().expect("a port");
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["port"] => print(&free_port().to_string()),
        ["send", to] => {
            let _load = Load::start(
                port(to),
                CLIENTS,
                recipient,
                |number| print(&format!("ACK {number}")),
                |_| false,
            );
            park()
        }
        ["take", at] => {
            let _sink = Sink::telling(port(at), |number| print(&format!("HAVE {number}")));
            park()
        }
        _ => {
            print("usage: ledger send PORT | take PORT | port");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// For ever.
fn park() -> ! {
    loop {
        std::thread::park();
    }
}

/// A quarter into a mailbox, a quarter to a relay that is down, the rest to one that is up.
fn recipient(number: u64) -> &'static str {
    match number % 4 {
        0 => "ann@here.test",
        1 => "b@later.test",
        _ => "b@there.test",
    }
}

/// A line that is out before the next thing happens.
fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("somebody reads");
}
