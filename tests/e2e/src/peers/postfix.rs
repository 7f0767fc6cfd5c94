//! Postfix as a server that receives: says what it heard, keeps what it took in a maildir.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{certificate, open_folder};
use crate::process::{Process, eventually, free_port, is_root, program};

/// A running Postfix that takes all mail for there.test.
#[derive(Debug)]
pub struct Postfix {
    /// Where it takes mail.
    pub port: u16,
    folder: TempDir,
    process: Process,
}

impl Postfix {
    /// With these lines in its `main.cf` besides those that it needs.
    #[track_caller]
    pub fn with(settings: &[&str]) -> Postfix {
        assert!(is_root(), "Postfix runs its services as several users, so this test must run as root");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, port) = (folder.path(), free_port());
        for name in ["etc", "spool", "mail"] {
            open_folder(&path.join(name));
        }
        open_folder(path);
        certificate(path);
        let place = |text: &str| {
            text.replace("@FOLDER@", &path.display().to_string()).replace("@PORT@", &port.to_string())
        };
        let etc = path.join("etc");
        let main = place(&main(settings));
        for (name, text) in
            [("main.cf", main), ("master.cf", place(MASTER)), ("dynamicmaps.cf", String::new())]
        {
            fs::write(etc.join(name), text).expect("the folder can be written");
        }
        fs::set_permissions(&etc, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
        fs::set_permissions(path.join("spool"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("it is ours");
        prepare(path);
        let mut command = Command::new(program("postfix", "postfix"));
        command.arg("-c").arg(&etc).arg("start-fg");
        let mut process = Process::start(command, &path.join("log"));
        process.wait_for_port("127.0.0.1", port);
        Postfix { port, folder, process }
    }

    /// All that was said to it and by it, and what it did.
    pub fn log(&self) -> String {
        self.process.said()
    }

    /// Waits until `count` messages are in the maildir.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<String> {
        let new = self.folder.path().join("mail/inbox/new");
        eventually(&format!("Postfix has {count} messages"), || {
            let entries = fs::read_dir(&new).ok()?.flatten();
            let read = |entry: fs::DirEntry| fs::read(entry.path()).ok();
            let messages: Vec<String> =
                entries.filter_map(read).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
            Some(messages).filter(|messages| messages.len() >= count)
        })
    }
}

impl Drop for Postfix {
    /// Its master is no child of ours; its services end when the master has told them to.
    fn drop(&mut self) {
        let pid = fs::read_to_string(self.folder.path().join("spool/pid/master.pid")).unwrap_or_default();
        let told = |signal: &str| {
            let kill = Command::new("kill").args([signal, pid.trim()]).stderr(Stdio::null()).status();
            kill.is_ok_and(|status| status.success())
        };
        if told("-TERM") {
            eventually("Postfix ends", || (!told("-0")).then_some(()));
        }
    }
}

/// What `main.cf` says, each name once: every process warns of a name that stands there twice, and the one that writes
/// the log may wait for itself then.
fn main(settings: &[&str]) -> String {
    let name = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let replaced = |line: &&str| settings.iter().any(|other| name(other) == name(line));
    let lines = MAIN.lines().filter(|line| !replaced(line)).chain(settings.iter().copied());
    lines.map(|line| format!("{line}\n")).collect()
}

/// What its start looks for: the list of its files, and a folder of its user.
fn prepare(path: &Path) {
    for entry in fs::read_dir("/etc/postfix").expect("postfix is missing: apt-get install postfix").flatten()
    {
        if entry.file_name().to_string_lossy().starts_with("postfix-files") && entry.path().is_file() {
            fs::copy(entry.path(), path.join("etc").join(entry.file_name()))
                .expect("the folder can be written");
        }
    }
    let data = path.join("data");
    fs::create_dir_all(&data).expect("the folder can be written");
    let owned = Command::new("chown").arg("postfix").arg(&data).status();
    assert!(owned.is_ok_and(|status| status.success()), "there is no user postfix");
}

const MAIN: &str = "\
compatibility_level = 3.6
queue_directory = @FOLDER@/spool
data_directory = @FOLDER@/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = /dev/stdout
myhostname = mx.there.test
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
virtual_mailbox_domains = there.test
virtual_mailbox_base = @FOLDER@/mail
virtual_mailbox_maps = static:inbox/
virtual_mailbox_limit = 0
message_size_limit = 100000000
virtual_minimum_uid = 1
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtputf8_enable = yes
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtpd_tls_key_file = @FOLDER@/server.key
smtpd_tls_cert_file = @FOLDER@/server.crt
";

const MASTER: &str = "\
127.0.0.1:@PORT@ inet n - n - - smtpd -v
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";
