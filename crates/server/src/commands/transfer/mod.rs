//! `waypost account export` and `import`: an account's mail as files, and files as an account's mail.

mod export;
mod folders;
mod import;
mod maildir;
mod mbox;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use cli::transfer::Transfer;
use mail::{Address, Flags, Timestamp};

use super::mailbox::Place;

/// A message as it is read from files.
pub(super) struct Found {
    content: Vec<u8>,
    flags: Flags,
    received_at: Timestamp,
}

/// Does it, on the data directory that these arguments name.
pub(super) fn run(transfer: Transfer<'_>, server: &cli::Server) -> anyhow::Result<ExitCode> {
    let place = Place::of(server.config.as_deref(), server.data.as_deref());
    match transfer {
        Transfer::Export(args) => export::run(&place, args)?,
        Transfer::Import(args) => super::block_on(import::run(&place, args))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A new file that its owner alone may read: it is somebody's mail.
fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn address(text: &str) -> anyhow::Result<Address> {
    Address::parse(text).with_context(|| format!("`{text}` is not an account's name"))
}
