//! The programs of others that our tests talk to: are they here, and if not, can we fetch them?

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// A program that tests start, the Debian package that has it, and how to see whether it is there.
struct Need {
    what: &'static str,
    package: &'static str,
    present: fn(&str) -> bool,
}

const NEEDS: [Need; 18] = [
    Need { what: "smtp-source", package: "postfix", present: program },
    Need { what: "smtp-sink", package: "postfix", present: program },
    Need { what: "dovecot", package: "dovecot-core", present: program },
    Need { what: "/usr/lib/dovecot/lmtp", package: "dovecot-lmtpd", present: file },
    Need { what: "swaks", package: "swaks", present: program },
    Need { what: "Net::SSLeay", package: "libnet-ssleay-perl", present: perl_module },
    Need { what: "unbound", package: "unbound", present: program },
    Need { what: "knotd", package: "knot", present: program },
    Need { what: "postgres", package: "postgresql", present: postgresql },
    Need { what: "psql", package: "postgresql-client", present: program },
    Need { what: "slapd", package: "slapd", present: program },
    Need { what: "ldapmodify", package: "ldap-utils", present: program },
    Need { what: "argon2", package: "argon2", present: program },
    Need { what: "mbsync", package: "isync", present: program },
    Need { what: "openssl", package: "openssl", present: program },
    Need { what: "promtool", package: "prometheus", present: program },
    Need { what: "/usr/lib/python3/dist-packages/dkim/__init__.py", package: "python3-dkim", present: file },
    Need { what: "/usr/lib/python3/dist-packages/pip/__init__.py", package: "python3-pip", present: file },
];

/// A JMAP client of which Debian has no package, and what speaks WebSocket with it; from PyPI, in a folder of its own.
const JMAPC: [&str; 2] = ["jmapc==0.4.0", "websockets==17.4"];

/// While this file exists, Debian's packages do not start the services that they bring.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// What builds the web UI.
const NODE: [Need; 2] = [
    Need { what: "node", package: "nodejs", present: program },
    Need { what: "npm", package: "npm", present: program },
];

/// In what its pages are tested.
const BROWSER: [Need; 1] = [Need { what: "chromium", package: "chromium", present: program }];

/// Sees to it that Node.js and npm are there, where that may be done.
pub(crate) fn provide_node() {
    let missing = missing(&NODE);
    if !missing.is_empty() && can_install() {
        install(&packages(&missing));
    }
}

/// Sees to it that a browser is there, or says that it is not.
pub(crate) fn provide_browser() {
    provide_all(&BROWSER);
}

/// Sees to it that every peer is there, or says which is not. The tests that need a missing one fail by themselves.
pub(crate) fn provide() {
    provide_all(&NEEDS);
    provide_jmapc();
}

fn provide_jmapc() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/jmapc");
    let installed = JMAPC.join(" ");
    if fs::read_to_string(folder.join("bin/jmapc-is-here")).is_ok_and(|text| text == installed) {
        return;
    }
    let run = |program: &Path, arguments: &[&str]| {
        let status = Command::new(program).args(arguments).stdin(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let place = folder.display().to_string();
    // Debian's venv may lack the module that puts pip into it; pip itself can install from outside.
    let made = run(Path::new("/usr/bin/python3"), &["-m", "venv", "--without-pip", &place])
        && run(
            Path::new("/usr/bin/python3"),
            &[
                &["-m", "pip", "--quiet", "--python", &format!("{place}/bin/python"), "install"][..],
                &JMAPC[..],
            ]
            .concat(),
        );
    match made {
        true => drop(fs::write(folder.join("bin/jmapc-is-here"), installed)),
        false => println!("xtask: missing for tests with real peers: {installed} (PyPI); its test will fail"),
    }
}

fn provide_all(needs: &'static [Need]) {
    if missing(needs).is_empty() {
        return;
    }
    if can_install() {
        install(&packages(&missing(needs)));
    }
    let missing = missing(needs);
    for need in &missing {
        println!("xtask: missing for tests with real peers: {} (Debian package {})", need.what, need.package);
    }
    if !missing.is_empty() {
        println!(
            "xtask: the tests that need them will fail; apt-get install {}",
            packages(&missing).join(" ")
        );
    }
}

fn missing(needs: &'static [Need]) -> Vec<&'static Need> {
    needs.iter().filter(|need| !(need.present)(need.what)).collect()
}

fn packages(needs: &[&Need]) -> Vec<&'static str> {
    let mut packages: Vec<_> = needs.iter().map(|need| need.package).collect();
    packages.dedup();
    packages
}

fn program(name: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').chain(["/usr/sbin", "/usr/bin"]).any(|folder| Path::new(folder).join(name).is_file())
}

fn file(path: &str) -> bool {
    Path::new(path).exists()
}

/// Debian keeps the server's programs by version, out of the way.
fn postgresql(name: &str) -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    program(name) || versions.into_iter().any(|version| version.path().join("bin").join(name).is_file())
}

fn perl_module(name: &str) -> bool {
    let load = format!("-M{name}");
    let mut perl = Command::new("perl");
    perl.args([load.as_str(), "-e1"]).stdout(Stdio::null()).stderr(Stdio::null());
    perl.status().is_ok_and(|status| status.success())
}

fn can_install() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    root && program("apt-get")
}

fn install(packages: &[&str]) {
    println!("xtask: installing {}", packages.join(" "));
    let ours = !Path::new(POLICY).exists() && forbid_services();
    apt_get(&["update", "-qq"]);
    apt_get(&[&["install", "-y", "-qq", "--no-install-recommends"], packages].concat());
    if ours {
        let _ = fs::remove_file(POLICY);
    }
}

/// Writes the file that keeps packages from starting services. Answers whether it was written.
fn forbid_services() -> bool {
    let written = fs::write(POLICY, "#!/bin/sh\nexit 101\n");
    written.and_then(|()| fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))).is_ok()
}

fn apt_get(arguments: &[&str]) {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => println!("xtask: apt-get {}: {status}", arguments.join(" ")),
        Err(error) => println!("xtask: cannot start apt-get: {error}"),
    }
}
