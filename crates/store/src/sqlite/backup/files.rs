//! Files and directories of a copy.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::super::database;
use crate::StoreError;

/// Directories that may lie within each other in a data directory.
const DEPTH_MAX: usize = 8;
/// What a copy does not need: what is made anew, and what belongs to a running server.
const LEFT_OUT: [&str; 7] =
    ["spool", "lock", "reserve", database::NAME, "search.db", super::MANIFEST, super::OUTSIDE];

fn fault(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError::File { doing, path: path.to_owned(), source }
}

/// Where a copy grows until it is whole.
pub(super) fn partial(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// Fails if there is something.
pub(super) fn must_not_be(path: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(fault("look at", path)(error)),
        Ok(_) => {
            Err(fault("create", path)(io::Error::new(io::ErrorKind::AlreadyExists, "it is there already")))
        }
    }
}

/// Fails if something lies in the directory; it need not be there.
pub(super) fn must_be_empty(path: &Path) -> Result<(), StoreError> {
    match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(fault("list", path)(error)),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => {
                let why = io::Error::new(io::ErrorKind::DirectoryNotEmpty, "the directory is not empty");
                Err(fault("restore into", path)(why))
            }
        },
    }
}

/// Makes a directory, for its owner alone, and those above it.
pub(super) fn make_directory(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fault("create", path))
}

/// Copies a file and syncs it. Gives its length; none if it is not there.
pub(super) fn copy(from: &Path, to: &Path) -> Result<Option<u64>, StoreError> {
    let bytes = match fs::copy(from, to) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !from.exists() => return Ok(None),
        Err(error) => return Err(fault("copy", from)(error)),
    };
    File::open(to).and_then(|file| file.sync_all()).map_err(fault("sync", to))?;
    Ok(Some(bytes))
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(fault("rename", from))?;
    match to.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync(parent),
        None => Ok(()),
    }
}

/// Removes a file if it is there.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fault("remove", path)(error)),
        _ => Ok(()),
    }
}

fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|opened| opened.sync_all()).map_err(fault("sync", path))
}

/// Makes the names of a directory and of all below it durable, and the databases in it.
pub(super) fn sync_all(directory: &Path) -> Result<(), StoreError> {
    let entries = fs::read_dir(directory).map_err(fault("list", directory))?;
    for entry in entries {
        let path = entry.map_err(fault("list", directory))?.path();
        if path.is_dir() { sync_all(&path)? } else { sync(&path)? }
    }
    sync(directory)
}

pub(super) fn length(path: &Path) -> Result<u64, StoreError> {
    fs::metadata(path).map(|found| found.len()).map_err(fault("look at", path))
}

/// Whether it is a database of ours.
pub(super) fn is_database(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("db"))
}

/// The other files of a data directory, by their path in it; no sockets, no links.
pub(super) fn others(data: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = Vec::new();
    list(data, Path::new(""), 0, &mut found)?;
    Ok(found)
}

fn list(data: &Path, within: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), StoreError> {
    let directory = data.join(within);
    for entry in fs::read_dir(&directory).map_err(fault("list", &directory))? {
        let entry = entry.map_err(fault("list", &directory))?;
        let (name, path) = (entry.file_name(), within.join(entry.file_name()));
        let is_left_out = depth == 0 && LEFT_OUT.iter().any(|left_out| name == *left_out);
        let text = name.to_string_lossy();
        let is_of_database = text.contains(".db-");
        let kind = entry.file_type().map_err(fault("look at", &directory))?;
        if is_left_out || is_of_database {
            continue;
        }
        if kind.is_dir() && depth < DEPTH_MAX {
            list(data, &path, depth + 1, found)?;
        } else if kind.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

/// All files below a directory, by their path in it.
pub(super) fn all(directory: &Path, within: &Path, found: &mut Vec<PathBuf>) -> Result<(), StoreError> {
    let here = directory.join(within);
    for entry in fs::read_dir(&here).map_err(fault("list", &here))? {
        let entry = entry.map_err(fault("list", &here))?;
        let path = within.join(entry.file_name());
        match entry.file_type().map_err(fault("look at", &here))? {
            kind if kind.is_dir() => all(directory, &path, found)?,
            kind if kind.is_file() => found.push(path),
            _ => {}
        }
    }
    Ok(())
}
