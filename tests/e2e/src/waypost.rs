//! The real `waypost`, on a free port, with its files in a folder of the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::process::{Process, free_port};

/// What `waypost serve` is to be started with.
#[derive(Debug)]
pub struct Setup {
    settings: Value,
    boot: String,
    data: Option<PathBuf>,
    relay: bool,
    admin: String,
    storing: bool,
}

/// A `waypost serve` that runs.
#[derive(Debug)]
pub struct Waypost {
    /// Where it takes mail.
    pub port: u16,
    folder: TempDir,
    process: Option<Process>,
}

impl Setup {
    /// With these settings objects; clients on loopback may send anywhere.
    pub fn with(settings: Value) -> Setup {
        Setup {
            settings,
            boot: String::new(),
            data: None,
            relay: true,
            admin: "bind = \"127.0.0.1:0\"".to_owned(),
            storing: false,
        }
    }

    /// Nobody may send anywhere but to local domains.
    pub fn closed(mut self) -> Setup {
        self.relay = false;
        self
    }

    /// With more in the boot file: whole tables, in TOML.
    pub fn boot(mut self, toml: &str) -> Setup {
        self.boot.push_str(toml);
        self.boot.push('\n');
        self
    }

    /// With this in the table `[admin]` of the boot file.
    pub fn admin(mut self, toml: &str) -> Setup {
        toml.clone_into(&mut self.admin);
        self
    }

    /// With the settings in the store, where the management API can change them.
    pub fn storing(mut self) -> Setup {
        self.storing = true;
        self
    }

    /// With the data directory here instead of in a folder of its own.
    pub fn data(mut self, folder: &Path) -> Setup {
        self.data = Some(folder.to_path_buf());
        self
    }

    /// Starts it and waits until it greets.
    #[track_caller]
    pub fn start(self) -> Waypost {
        let mut waypost = self.prepare();
        waypost.run();
        waypost
    }

    /// Writes its files and starts nothing.
    pub fn prepare(self) -> Waypost {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let data = self.data.unwrap_or_else(|| folder.path().join("data"));
        let networks = if self.relay { "\"127.0.0.0/8\"" } else { "" };
        let ruling = if self.storing { "" } else { "settings = \"settings.json\"\n" };
        let boot = format!(
            "data_directory = \"{}\"\n{ruling}hostname = \"mx.here.test\"\n\
             relay_networks = [{networks}]\n\
             [[listener]]\nname = \"smtp\"\nbind = \"127.0.0.1:{port}\"\n{}\n\
             [admin]\n{}\n",
            data.display(),
            self.boot,
            self.admin
        );
        fs::write(folder.path().join("waypost.toml"), boot).expect("the folder can be written");
        let settings = serde_json::to_string_pretty(&self.settings).expect("JSON prints");
        let place = if self.storing { data.as_path() } else { folder.path() };
        fs::create_dir_all(place).expect("the folder can be made");
        fs::write(place.join("settings.json"), settings).expect("the folder can be written");
        Waypost { port, folder, process: None }
    }
}

impl Waypost {
    /// Starts it, again if it ran before, and waits until it greets.
    #[track_caller]
    pub fn run(&mut self) {
        let mut process = self.launch();
        let port = self.port;
        process.wait_until("greets", || {
            let mut client = Client::connect(port).ok()?;
            client.reply().ok().filter(|reply| reply.code == 220)
        });
        self.process = Some(process);
    }

    /// Starts a process of it that nobody waits for.
    pub fn launch(&self) -> Process {
        let mut command = self.command(&["serve", "--config", "waypost.toml"]);
        command.current_dir(self.folder.path());
        Process::start(command, &self.folder.path().join("log"))
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.take().expect("it runs").end();
    }

    /// SIGTERM, and its exit status.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.take().expect("it runs").terminate()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::runs)
    }

    /// The number of its process.
    #[track_caller]
    pub fn id(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// A file in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs another command of the program in its folder, such as `mailbox list --config waypost.toml`.
    pub fn tell(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.current_dir(self.folder.path()).env("NO_COLOR", "1");
        command.output().expect("the program can be started")
    }

    /// What a command of the program prints; panics if it fails.
    #[track_caller]
    pub fn print(&self, arguments: &[&str]) -> String {
        let output = self.tell(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "waypost {}: {}\n{out}\n{err}", arguments.join(" "), output.status);
        out.into_owned()
    }

    /// Recipients that have not ended: one JSON object each.
    #[track_caller]
    pub fn queue(&self) -> Vec<Value> {
        let rows = self.print(&["queue", "list", "--config", "waypost.toml", "--json"]);
        serde_json::from_str(&rows).expect("an array of JSON objects")
    }

    /// The inbox of an account as a table, one line a message.
    #[track_caller]
    pub fn inbox(&self, account: &str) -> String {
        self.print(&["mailbox", "show", "--config", "waypost.toml", account])
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments);
        command
    }
}

/// The program: where `WAYPOST_BINARY` says, or where cargo puts it beside the tests.
#[track_caller]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("WAYPOST_BINARY") {
        return path.into();
    }
    let own = std::env::current_exe().expect("a process knows its program");
    let beside = own.ancestors().map(|folder| folder.join("waypost")).find(|path| path.is_file());
    beside.expect("the program waypost is not built: use `cargo xtask test`, or `cargo build` first")
}
