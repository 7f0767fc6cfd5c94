//! File descriptors run out: clients are told to come again, nothing spins, and service resumes by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::fs;
use std::process::Command;

use e2e::client::message;
use e2e::settings::ANN;
use e2e::{Client, Settings, Setup, eventually};

/// The first file descriptor that a process does not have.
fn next_descriptor(process: u32) -> u32 {
    let open = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let numbers = open.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u32>().ok());
    numbers.max().unwrap() + 1
}

/// Lets a process have descriptors below this from now on.
fn limit(process: u32, files: u32) {
    let mut prlimit = Command::new("prlimit");
    prlimit.args(["--pid", &process.to_string(), &format!("--nofile={files}:4096")]);
    let status = prlimit.status().expect("prlimit is part of every Debian");
    assert!(status.success());
}

/// Processor time that it has used, in ticks of a hundredth of a second.
fn ticks(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

// proves: D14, K2
#[test]
fn without_a_descriptor_clients_are_told_to_come_again() {
    let settings = Settings::default();
    let waypost = Setup::with(settings.json()).start();
    let process = waypost.id();
    let mut early = Client::ready(waypost.port);
    let limited = next_descriptor(process);
    limit(process, limited);
    let before = ticks(process);
    let mut greeted = Vec::new();
    let mut turned_away = 0;
    // Each that is turned away has waited for 50 ms: twenty of them are a second in which nothing may spin.
    while turned_away < 20 {
        let mut client = Client::connect(waypost.port).unwrap();
        match client.reply().unwrap().code {
            220 => greeted.push(client),
            code => {
                assert_eq!(code, 421);
                turned_away += 1;
            }
        }
        assert!(greeted.len() < 1_000, "the limit of {limited} descriptors holds");
    }
    let used = ticks(process) - before;
    assert!(used < 50, "{used} ticks in about a second");
    drop(greeted);
    limit(process, 4096);
    let code = eventually("mail is taken again", || {
        let sent = Client::ready(waypost.port).send("x@client.test", &[ANN], &message("again"));
        sent.ok().map(|reply| reply.code)
    });
    assert_eq!(code, 250);
    early.say("NOOP", 250);
}
