//! Programs that run beside a test: started, waited for, killed when dropped.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take to come true.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer; panics, saying `what`, when patience ends.
#[track_caller]
pub fn eventually<T>(what: &str, check: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, check)
}

/// As [`eventually`], with a deadline of its own.
#[track_caller]
pub fn within<T>(patience: Duration, what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(began.elapsed() < patience, "after {patience:?} still not: {what}");
        pause();
    }
}

/// A breath between two looks at something that another process does.
#[expect(
    clippy::disallowed_methods,
    reason = "what another process does can only be asked for again and again"
)]
pub fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

/// A port on 127.0.0.1 that nobody uses, below those that the kernel gives to clients.
pub fn free_port() -> u16 {
    const LOWEST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % u32::from(COUNT)).expect("smaller than COUNT");
    let first = own.wrapping_mul(97) % COUNT;
    for _ in 0..COUNT {
        let port = LOWEST + (first + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return port;
        }
    }
    panic!("no port is free on 127.0.0.1");
}

/// Where a program is; panics with the Debian package that has it if it is not installed.
#[track_caller]
pub fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut places =
        path.split(':').chain(["/usr/sbin", "/usr/bin"]).map(|folder| Path::new(folder).join(name));
    places
        .find(|place| place.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: apt-get install {package}"))
}

/// Whether this test runs as root; some peers then change their user.
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// A program that runs until it is stopped or dropped; what it says goes to a file.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts `command`; its output goes to `log`, after what stands there already.
    pub fn start(mut command: Command, log: &Path) -> Process {
        let name = command.get_program().to_string_lossy().into_owned();
        let file =
            File::options().create(true).append(true).open(log).expect("the test's folder can be written");
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a file handle")).stderr(file);
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Process { name, log: log.to_path_buf(), child }
    }

    /// All that it has said until now.
    pub fn said(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Waits until it takes connections.
    #[track_caller]
    pub fn wait_for_port(&mut self, host: &str, port: u16) {
        self.wait_until(&format!("takes connections on {host}:{port}"), || {
            TcpStream::connect((host, port)).is_ok().then_some(())
        });
    }

    /// Waits until `check` is true; panics with its log if it ends before.
    #[track_caller]
    pub fn wait_until<T>(&mut self, what: &str, mut check: impl FnMut() -> Option<T>) -> T {
        let name = self.name.clone();
        eventually(&format!("{name} {what}"), || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("{name} ended with {status} before it {what}:\n{}", self.said());
            }
            check()
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end, and waits until it has.
    #[track_caller]
    pub fn terminate(mut self) -> ExitStatus {
        let kill = Command::new("kill").args(["-TERM", &self.id().to_string()]).status();
        assert!(kill.is_ok_and(|status| status.success()), "cannot signal {}", self.name);
        let child = &mut self.child;
        eventually("the program ends after SIGTERM", || child.try_wait().ok().flatten())
    }

    /// `kill -9`, and waits until it is gone.
    pub fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
