//! A full disk: mail is refused for now, what was acknowledged arrives, and service resumes by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use e2e::ledger::{SUBJECT, Sink};
use e2e::{Client, Settings, Setup, eventually, free_port};
use tempfile::TempDir;

/// A small file system of its own, gone when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` if this machine does not permit mounting.
    fn mount() -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"]).arg(folder.path()).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then(|| SmallDisk(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut filler = File::create(self.path().join("filler")).unwrap();
        for block in [vec![0; 1 << 20], vec![0; 1 << 12]] {
            while filler.write_all(&block).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn message(number: u64) -> String {
    format!("Subject: {SUBJECT}{number}\r\n\r\n{}", "A line of text that takes some room.\r\n".repeat(500))
}

// proves: A22
#[test]
fn mail_is_refused_for_now_and_taken_again_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else {
        println!("skipped: this machine does not permit mounting a tmpfs");
        return;
    };
    let port = free_port();
    let settings = Settings::default().relay("sink", "there.test", port);
    let boot = "[limits]\ndisk_free_bytes_min = 4194304\n";
    let mut waypost = Setup::with(settings.json()).boot(boot).data(&disk.path().join("data")).start();
    let mut acknowledged = Vec::new();
    let mut number = 0;
    let mut send = |acknowledged: &mut Vec<u64>| {
        number += 1;
        let sent = Client::ready(waypost.port).send("x@client.test", &["b@there.test"], &message(number));
        let code = sent.unwrap().code;
        if code == 250 {
            acknowledged.push(number);
        }
        code
    };
    for _ in 0..50 {
        assert_eq!(send(&mut acknowledged), 250);
    }
    disk.fill();
    let code = eventually("mail is refused", || Some(send(&mut acknowledged)).filter(|code| *code != 250));
    assert!(matches!(code, 451 | 452), "{code}");
    for _ in 0..10 {
        assert_ne!(send(&mut acknowledged), 250, "nothing is acknowledged while there is no room");
    }
    disk.free();
    eventually("mail is taken again", || (send(&mut acknowledged) == 250).then_some(()));
    let sink = Sink::start(port);
    eventually("everything that was acknowledged has come", || {
        let counts = sink.counts();
        acknowledged.iter().all(|number| counts.contains_key(number)).then_some(())
    });
    assert!(waypost.runs(), "it ran all the time");
}
