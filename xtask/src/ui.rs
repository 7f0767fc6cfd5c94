//! The web UI: is `ui/dist` up to date, and if not, what builds it? And its tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::{peers, run, tree};

/// The oldest Node.js that the tools of the UI run on; Debian 12 has it.
const NODE_MIN: u32 = 18;

/// What the pages are made of, below `ui`.
const SOURCES: [&str; 6] =
    ["src", "public", "index.html", "package-lock.json", "vite.config.ts", "tsconfig.json"];

/// `cargo xtask ui [test]`.
pub(crate) fn command(arguments: &[String]) -> Result<()> {
    match arguments.first().map(String::as_str) {
        None => build(),
        Some("test") => test(),
        Some(other) => {
            bail!("cargo xtask ui builds the pages, cargo xtask ui test tests them; not {other:?}")
        }
    }
}

/// Builds `ui/dist`, unless it is newer than everything it is made of.
pub(crate) fn build() -> Result<()> {
    if fresh() {
        return Ok(());
    }
    install()?;
    println!("xtask: building ui/dist");
    run(npm(&["run", "--silent", "build"]))
}

/// Types, lints, units, and the pages in a browser against the real program, which must have been built.
pub(crate) fn test() -> Result<()> {
    build()?;
    install()?;
    run(npm(&["run", "--silent", "test"]))?;
    peers::provide_browser();
    run(npm(&["run", "--silent", "e2e"]))
}

fn folder() -> PathBuf {
    tree::root().join("ui")
}

fn npm(arguments: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(folder()).args(arguments).stdin(Stdio::null());
    npm.env("WAYPOST_BINARY", tree::target().join("debug/waypost"));
    npm
}

/// The packages that the lock file names, unless they are there.
fn install() -> Result<()> {
    let has = changed(&folder().join("node_modules/.package-lock.json"));
    if has.is_some() && has >= changed(&folder().join("package-lock.json")) {
        return Ok(());
    }
    peers::provide_node();
    let version = node_version().context(
        "the web UI is built by Node.js and npm, which are missing; apt-get install nodejs npm, \
         or see https://nodejs.org",
    )?;
    if version < NODE_MIN {
        bail!("the web UI needs Node.js {NODE_MIN} or newer, this is {version}");
    }
    println!("xtask: fetching what the web UI is built with");
    run(npm(&["ci", "--no-audit", "--no-fund", "--loglevel=error"]))
}

fn node_version() -> Option<u32> {
    let output = Command::new("node").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn fresh() -> bool {
    let Some(built) = changed(&folder().join("dist/index.html.gz")) else { return false };
    SOURCES.iter().all(|name| newest(&folder().join(name)).is_none_or(|source| source <= built))
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// When anything at or below this path was last changed.
fn newest(path: &Path) -> Option<SystemTime> {
    let below = fs::read_dir(path).into_iter().flatten().flatten();
    below.filter_map(|entry| newest(&entry.path())).chain(changed(path)).max()
}
