//! House rules that a machine can check: who imports whom, what the pure rooms must not touch, sizes, manifests.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// A crate, and what its verb permits.
struct Room {
    name: &'static str,
    /// Which of our crates it may import.
    imports: &'static [&'static str],
    waits: bool,
    sql: bool,
    sockets: bool,
    chance: bool,
}

const fn room(name: &'static str, imports: &'static [&'static str]) -> Room {
    Room { name, imports, waits: false, sql: false, sockets: false, chance: false }
}

/// Who may import whom, and what each room may do. A change here needs a page in `docs/design`.
const ROOMS: &[Room] = &[
    room("mail", &[]),
    room("wire", &["mail"]),
    room("policy", &["mail"]),
    Room { waits: true, sql: true, ..room("store", &["mail", "policy"]) },
    Room { waits: true, sockets: true, chance: true, ..room("directory", &["mail", "policy", "store"]) },
    Room { waits: true, sockets: true, ..room("mta", &["mail", "wire", "policy", "store", "directory"]) },
    Room {
        waits: true,
        sockets: true,
        chance: true,
        ..room("access", &["mail", "wire", "policy", "store", "directory"])
    },
    Room {
        waits: true,
        sockets: true,
        chance: true,
        ..room("admin", &["mail", "wire", "policy", "store", "directory", "mta"])
    },
    Room { waits: true, sockets: true, ..room("cli", &[]) },
    Room {
        waits: true,
        sockets: true,
        chance: true,
        ..room("server", &["mail", "wire", "policy", "store", "directory", "mta", "access", "admin", "cli"])
    },
    Room { waits: true, ..room("sim", &["mail", "wire", "policy", "store", "mta"]) },
    room("xtask", &[]),
    Room { waits: true, sockets: true, ..room("bench", &[]) },
    Room { sockets: true, ..room("e2e", &[]) },
];

const WAITING: &[&str] = &["tokio", "tokio-util", "tokio-rustls", "futures-util", "async-trait"];
const SQL: &[&str] = &["rusqlite", "tokio-postgres", "sqlx"];
const SOCKETS: &[&str] = &["socket2", "hickory-resolver", "hickory-server", "rustls", "tokio-rustls"];
const CHANCE: &[&str] = &["rand", "fastrand", "getrandom", "uuid"];

/// The rooms that hold every decision and every grammar.
const PURE: &[&str] = &["mail", "wire", "policy"];

/// What the pure rooms must not say, and why.
const IMPURE: &[(&str, &str)] = &[
    ("SystemTime::now", "does not ask the clock: take `now` as an argument"),
    ("Instant::now", "does not ask the clock: take `now` as an argument"),
    ("HashMap", "has no order of chance: use BTreeMap"),
    ("HashSet", "has no order of chance: use BTreeSet"),
    ("std::fs", "does not touch files: gather first, then decide"),
    ("std::env", "does not read the environment: gather first, then decide"),
    ("std::net::TcpStream", "does not touch sockets"),
    ("std::thread", "starts nothing and waits for nothing"),
    ("rand::", "leaves nothing to chance: take a seed as an argument"),
    ("tokio", "never waits"),
];

/// Lines of a file, tests not counted.
const FILE_LINES_MAX: usize = 500;

/// Files that were longer when the rule came, with what they may have at most. Only ever shortened.
const RATCHET: &[(&str, usize)] = &[];

struct Package {
    name: String,
    folder: PathBuf,
    manifest: Table,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn toml_file(path: &Path) -> Table {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The members of the workspace.
fn packages() -> Vec<Package> {
    let mut folders = Vec::new();
    let workspace = toml_file(&root().join("Cargo.toml"));
    for member in workspace["workspace"]["members"].as_array().unwrap() {
        let member = member.as_str().unwrap();
        match member.strip_suffix("/*") {
            Some(parent) => folders.extend(
                fs::read_dir(root().join(parent))
                    .unwrap()
                    .map(|entry| entry.unwrap().path())
                    .filter(|path| path.is_dir()),
            ),
            None => folders.push(root().join(member)),
        }
    }
    folders.sort();
    let package = |folder: PathBuf| {
        let manifest = toml_file(&folder.join("Cargo.toml"));
        Package { name: manifest["package"]["name"].as_str().unwrap().to_owned(), folder, manifest }
    };
    folders.into_iter().map(package).collect()
}

fn dependencies(package: &Package, section: &str) -> Vec<String> {
    package
        .manifest
        .get(section)
        .and_then(Value::as_table)
        .map(|t| t.keys().cloned().collect())
        .unwrap_or_default()
}

/// Every Rust file below `folder`, build output not included.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return files };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target" && name != "node_modules") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The lines of a file before its tests, with their numbers.
fn product_lines(text: &str) -> Vec<(usize, &str)> {
    let lines: Vec<_> = text.lines().enumerate().map(|(index, line)| (index + 1, line)).collect();
    let tests = lines.windows(2).position(|two| {
        two[0].1.trim() == "#[cfg(test)]"
            && (two[1].1.starts_with("mod ") || two[1].1.starts_with("pub(crate) mod "))
    });
    let end = tests.unwrap_or(lines.len());
    lines.into_iter().take(end).collect()
}

fn is_test_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs")
        || path.components().any(|part| part.as_os_str() == "tests")
}

fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}\n  {}\n", broken.join("\n  "));
}

#[test]
fn every_crate_has_a_room() {
    let broken: Vec<_> = packages()
        .iter()
        .filter(|package| ROOMS.iter().all(|room| room.name != package.name))
        .map(|package| format!("{} has no row in ROOMS: say what it may import", package.name))
        .collect();
    assert_none("a crate without a room", &broken);
}

#[test]
fn rooms_import_only_what_their_verb_permits() {
    let ours: Vec<String> = packages().into_iter().map(|package| package.name).collect();
    let mut broken = Vec::new();
    for package in packages() {
        let Some(room) = ROOMS.iter().find(|room| room.name == package.name) else { continue };
        for dependency in dependencies(&package, "dependencies") {
            let name = &package.name;
            let bans = [
                (WAITING, room.waits, "never waits"),
                (SQL, room.sql, "speaks no SQL (that is the store's)"),
                (SOCKETS, room.sockets, "opens no sockets"),
                (CHANCE, room.chance, "leaves nothing to chance"),
            ];
            let why = bans.iter().find(|(list, may, _)| !may && list.contains(&dependency.as_str()));
            if let Some((_, _, why)) = why {
                broken.push(format!("{name} {why}, so it must not import {dependency}"));
            }
            if ours.contains(&dependency) && !room.imports.contains(&dependency.as_str()) {
                broken.push(format!("{name} must not import {dependency}: it may import {:?}", room.imports));
            }
        }
    }
    assert_none("a room imports what its verb does not permit", &broken);
}

#[test]
fn pure_rooms_ask_nobody() {
    let mut broken = Vec::new();
    for name in PURE {
        for path in rust_files(&root().join("crates").join(name).join("src")) {
            if is_test_file(&path) {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for (number, line) in product_lines(&text) {
                let code = line.split("//").next().unwrap_or_default();
                for (word, why) in IMPURE {
                    if code.contains(word) {
                        broken.push(format!("{}:{number}: {name} {why} (`{word}`)", shown(&path)));
                    }
                }
            }
        }
    }
    assert_none("a pure room asks somebody", &broken);
}

#[test]
fn only_the_world_reads_the_clock() {
    let mut broken = Vec::new();
    for name in ["store", "sim", "mta"] {
        for path in rust_files(&root().join("crates").join(name).join("src")) {
            let text = fs::read_to_string(&path).unwrap();
            for (number, line) in product_lines(&text) {
                if line.split("//").next().unwrap_or_default().contains("SystemTime::now")
                    && !is_test_file(&path)
                {
                    broken.push(format!(
                        "{}:{number}: {name} is given `now` or asks World::clock",
                        shown(&path)
                    ));
                }
            }
        }
    }
    assert_none("the clock is read outside the seam", &broken);
}

#[test]
fn sql_lives_only_in_the_store() {
    const WORDS: &[&str] = &["INSERT INTO ", "DELETE FROM ", "CREATE TABLE ", "rusqlite"];
    // IMAP says SELECT too, but not FROM where.
    let is_query = |line: &str| line.contains("SELECT ") && line.contains(" FROM ");
    let mut broken = Vec::new();
    for package in packages().iter().filter(|package| package.name != "store" && package.name != "xtask") {
        for path in rust_files(&package.folder.join("src")).into_iter().filter(|path| !is_test_file(path)) {
            let text = fs::read_to_string(&path).unwrap();
            for (number, line) in product_lines(&text) {
                if is_query(line) || WORDS.iter().any(|word| line.contains(word)) {
                    broken.push(format!("{}:{number}: SQL is the store's", shown(&path)));
                }
            }
        }
    }
    assert_none("SQL outside the store", &broken);
}

#[test]
fn the_world_holds_its_seams_and_nothing_else() {
    let text = fs::read_to_string(root().join("crates/mta/src/world.rs")).unwrap();
    let start = text.find("pub struct World {").expect("mta/world.rs declares World");
    let body = &text[start..start + text[start..].find("\n}").expect("World ends")];
    let fields: Vec<_> =
        body.lines().skip(1).map(str::trim).filter(|line| line.starts_with("pub ")).collect();
    assert_eq!(
        fields.len(),
        12,
        "World holds the seams store, resolver, transport, clock, web, lookups, secrets and directory (who may log in, and \
         where a local address leads, may have to be asked elsewhere); the health of the hosts behind them; who listens \
         to what happens (each part has something to say); what operators have paused; who is away; and nothing else: \
         {fields:?}"
    );
}

#[test]
fn every_file_says_its_job_in_its_first_line() {
    let broken: Vec<_> = rust_files(&root())
        .iter()
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//! "))
        .map(|path| shown(path))
        .collect();
    assert_none("a file begins with one `//!` line that says what it answers or does", &broken);
}

#[test]
fn files_stay_short() {
    let mut broken = Vec::new();
    for path in rust_files(&root()).into_iter().filter(|path| !is_test_file(path)) {
        let name = shown(&path);
        let text = fs::read_to_string(&path).unwrap();
        let length = product_lines(&text).len();
        let ratchet = RATCHET.iter().find(|(file, _)| *file == name).map(|(_, lines)| *lines);
        let most = ratchet.unwrap_or(FILE_LINES_MAX);
        if length > most {
            broken.push(format!("{name}: {length} lines without tests, {most} at most"));
        }
    }
    assert_none("a file has grown too long: give the second job a file of its own", &broken);
}

#[test]
fn manifests_take_the_house_lints() {
    let workspace = toml_file(&root().join("Cargo.toml"));
    let lints = &workspace["workspace"]["lints"];
    assert_eq!(
        lints["rust"]["unsafe_code"].as_str(),
        Some("forbid"),
        "unsafe is forbidden in the whole workspace"
    );
    assert!(lints["clippy"].get("too_many_lines").is_some(), "clippy counts the lines of functions");
    let broken: Vec<_> = packages()
        .iter()
        .filter(|package| {
            let lints = package.manifest.get("lints").and_then(|lints| lints.get("workspace"));
            lints.and_then(Value::as_bool) != Some(true)
        })
        .map(|package| format!("{}: add `[lints] workspace = true`", package.name))
        .collect();
    assert_none("a crate without the house lints", &broken);
}

/// Clippy reads the nearest `clippy.toml` alone, so what the root's says must stand in each.
#[test]
fn clippy_files_agree() {
    let house = toml_file(&root().join("clippy.toml"));
    let mut broken = Vec::new();
    for package in packages() {
        let path = package.folder.join("clippy.toml");
        let needed = PURE.contains(&package.name.as_str());
        if !path.exists() {
            if needed {
                broken.push(format!(
                    "{}: a pure room has a clippy.toml that bans clock, files and chance",
                    package.name
                ));
            }
            continue;
        }
        let own = toml_file(&path);
        for (key, value) in house.iter().filter(|(_, value)| !value.is_array()) {
            if own.get(key) != Some(value) {
                broken.push(format!("{}: {key} must be {value} as in the root's", shown(&path)));
            }
        }
        for banned in ["std::time::SystemTime::now", "std::time::Instant::now", "std::env::var"] {
            if needed && !own.to_string().contains(banned) {
                broken.push(format!("{}: must ban {banned}", shown(&path)));
            }
        }
    }
    assert_none("clippy.toml files disagree", &broken);
}

/// What `cargo deny` enforces for the whole tree, checked here for our own crates without it.
#[test]
fn only_the_named_crate_imports_a_wrapped_one() {
    let deny = toml_file(&root().join("deny.toml"));
    let mut wrappers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for ban in deny["bans"]["deny"].as_array().unwrap() {
        let names = ban.get("wrappers").and_then(Value::as_array).cloned().unwrap_or_default();
        let names = names.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        wrappers.insert(ban["crate"].as_str().unwrap().to_owned(), names);
    }
    let mut broken = Vec::new();
    for package in packages() {
        for section in ["dependencies", "dev-dependencies"] {
            for dependency in dependencies(&package, section) {
                let allowed = wrappers.get(&dependency);
                if allowed.is_some_and(|names| !names.contains(&package.name)) {
                    broken.push(format!("{} must not import {dependency} (deny.toml)", package.name));
                }
            }
        }
    }
    assert_none("a crate imports what deny.toml gives to another", &broken);
}

#[test]
fn every_dependency_is_used() {
    let mut broken = Vec::new();
    for package in packages() {
        let read = |folders: &[&str]| {
            let files = folders.iter().flat_map(|folder| rust_files(&package.folder.join(folder)));
            files.map(|path| fs::read_to_string(path).unwrap()).collect::<Vec<_>>().join("\n")
        };
        let product = read(&["src"]);
        let all = product.clone() + &read(&["tests", "benches", "fuzz_targets"]);
        for (section, text) in [("dependencies", &product), ("dev-dependencies", &all)] {
            for dependency in dependencies(&package, section) {
                if !mentions(text, &dependency.replace('-', "_")) {
                    broken.push(format!("{}: {section}: nothing uses {dependency}", package.name));
                }
            }
        }
    }
    assert_none("a dependency that nothing uses", &broken);
}

/// Whether `text` has `word` as a path's first part: `word::` or `use word`.
fn mentions(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !inside(before) && !inside(after)
    })
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let places =
        [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("../sha", "red")];
    let listed = std::process::Command::new("git").arg("-C").arg(root()).arg("ls-files").output().unwrap();
    assert!(listed.status.success(), "git lists the files");
    let mut broken = Vec::new();
    for name in String::from_utf8_lossy(&listed.stdout).lines() {
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        for (number, line) in text.lines().enumerate() {
            if let Some(place) = places.iter().find(|place| line.contains(*place)) {
                broken.push(format!("{name}:{}: {place}", number + 1));
            }
        }
    }
    assert_none("a path that only one machine has", &broken);
}

#[test]
fn the_table_of_proofs_is_current() {
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_xtask")).args(["proofs", "--check"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
