//! Dovecot's LMTP server: delivers into maildirs that the test reads.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::open_folder;
use crate::process::{Process, eventually, free_port, is_root, program};

/// A running Dovecot that speaks LMTP and nothing else.
#[derive(Debug)]
pub struct Dovecot {
    /// Where it takes mail.
    pub port: u16,
    folder: TempDir,
    _process: Process,
}

impl Dovecot {
    /// With these users; for all others it says 550.
    #[track_caller]
    pub fn start(users: &[&str]) -> Dovecot {
        assert!(is_root(), "Dovecot delivers for several users, so this test must run as root");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let path = folder.path();
        for name in ["mail", "homes"] {
            open_folder(&path.join(name));
        }
        open_folder(path);
        let lines: String = users.iter().map(|user| format!("{user}:::::::\n")).collect();
        fs::write(path.join("users"), lines).expect("the folder can be written");
        let settings =
            SETTINGS.replace("@FOLDER@", &path.display().to_string()).replace("@PORT@", &port.to_string());
        fs::write(path.join("dovecot.conf"), settings).expect("the folder can be written");
        let mut command = Command::new(program("dovecot", "dovecot-lmtpd"));
        command.arg("-F").arg("-c").arg(path.join("dovecot.conf"));
        let mut process = Process::start(command, &path.join("start.log"));
        process.wait_for_port("127.0.0.1", port);
        Dovecot { port, folder, _process: process }
    }

    /// The messages in a user's inbox.
    pub fn inbox(&self, user: &str) -> Vec<String> {
        let new: PathBuf = self.folder.path().join("mail").join(user).join("new");
        let Ok(entries) = fs::read_dir(new) else { return Vec::new() };
        entries.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect()
    }

    /// Waits until a user's inbox has `count` messages.
    #[track_caller]
    pub fn wait_for(&self, user: &str, count: usize) -> Vec<String> {
        eventually(&format!("Dovecot has {count} messages for {user}"), || {
            Some(self.inbox(user)).filter(|messages| messages.len() >= count)
        })
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

const SETTINGS: &str = "\
base_dir = @FOLDER@/run
state_dir = @FOLDER@/state
log_path = @FOLDER@/log
protocols = lmtp
listen = 127.0.0.1
ssl = no
default_internal_user = root
default_internal_group = root
default_login_user = root
mail_location = maildir:@FOLDER@/mail/%u
auth_username_format = %Lu
first_valid_uid = 1
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = passwd-file
  args = @FOLDER@/users
  override_fields = uid=nobody gid=nogroup home=@FOLDER@/homes/%u
}
service lmtp {
  chroot =
  inet_listener lmtp {
    address = 127.0.0.1
    port = @PORT@
  }
}
";
