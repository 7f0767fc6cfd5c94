//! Dovecot's LMTP server: delivers into maildirs that the test reads.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
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

    /// The path of the Unix socket where it takes mail.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("lmtp")
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
  unix_listener @FOLDER@/lmtp {
    mode = 0666
  }
}
";

/// A running Dovecot that knows passwords, for servers that ask it.
#[derive(Debug)]
pub struct DovecotAuth {
    folder: TempDir,
    token: String,
    _process: Process,
}

impl DovecotAuth {
    /// With one user and password, and these mechanisms.
    #[track_caller]
    pub fn start(user: &str, password: &str, mechanisms: &str) -> DovecotAuth {
        let passdb = "driver = passwd-file\n  args = @FOLDER@/users".to_owned();
        Self::run(&format!("{user}:{{PLAIN}}{password}::::::\n"), &passdb, mechanisms, String::new())
    }

    /// With one user whose access tokens were signed with this key (JWT, HS256).
    #[track_caller]
    pub fn with_tokens(user: &str, key: &str, mechanisms: &str) -> DovecotAuth {
        let passdb = "driver = oauth2\n  mechanisms = oauthbearer xoauth2\n  args = @FOLDER@/oauth2.conf";
        Self::run(key, passdb, mechanisms, token(user, key))
    }

    /// An access token of its user.
    pub fn token(&self) -> String {
        self.token.clone()
    }

    #[track_caller]
    fn run(users: &str, passdb: &str, mechanisms: &str, token: String) -> DovecotAuth {
        assert!(is_root(), "Dovecot runs its services as several users, so this test must run as root");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        open_folder(path);
        let keys = path.join("keys/default/HS256");
        fs::create_dir_all(&keys).expect("the folder can be written");
        let place = |text: &str| text.replace("@FOLDER@", &path.display().to_string());
        for (name, text) in [
            (path.join("users"), users.to_owned()),
            (keys.join("default"), STANDARD.encode(users)),
            (path.join("oauth2.conf"), place(OAUTH_SETTINGS)),
        ] {
            fs::write(name, text).expect("the folder can be written");
        }
        let settings = AUTH_SETTINGS
            .replace("@PASSDB@", passdb)
            .replace("@FOLDER@", &path.display().to_string())
            .replace("@MECHANISMS@", mechanisms);
        fs::write(path.join("dovecot.conf"), settings).expect("the folder can be written");
        let mut command = Command::new(program("dovecot", "dovecot-core"));
        command.arg("-F").arg("-c").arg(path.join("dovecot.conf"));
        let process = Process::start(command, &path.join("start.log"));
        let auth = DovecotAuth { folder, token, _process: process };
        eventually("Dovecot listens", || auth.socket().exists().then_some(()));
        auth
    }

    /// The socket at which it is asked.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("auth-client")
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// A signed token that is good for an hour.
#[track_caller]
fn token(user: &str, key: &str) -> String {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let claims = format!(r#"{{"sub":"{user}","iat":{},"exp":{}}}"#, now - 10, now + 3600);
    let said = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let mut openssl = Command::new(program("openssl", "openssl"));
    openssl.args(["dgst", "-sha256", "-binary", "-hmac", key]);
    let mut signing =
        openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("openssl can be started");
    signing.stdin.take().expect("piped").write_all(said.as_bytes()).expect("openssl reads");
    let signed = signing.wait_with_output().expect("openssl ends");
    assert!(signed.status.success(), "openssl signs");
    format!("{said}.{}", URL_SAFE_NO_PAD.encode(signed.stdout))
}

const OAUTH_SETTINGS: &str = "\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=@FOLDER@/keys/
username_attribute = sub
";

const AUTH_SETTINGS: &str = "\
base_dir = @FOLDER@/run
state_dir = @FOLDER@/state
log_path = @FOLDER@/log
protocols =
ssl = no
disable_plaintext_auth = no
default_internal_user = root
default_internal_group = root
default_login_user = root
auth_mechanisms = @MECHANISMS@
auth_verbose = yes
passdb {
  @PASSDB@
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=@FOLDER@
}
service auth {
  unix_listener @FOLDER@/auth-client {
    mode = 0666
  }
}
";
