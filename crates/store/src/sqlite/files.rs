//! The files of the spool: content too large for the database.
//!
//! A file is written in `spool/incoming/`, synced, moved to `spool/xx/`, and that directory synced: all before the
//! commit that names it. What no row names is removed at the next start (A2, A9).
//!
//! Content may begin somewhat into its file, so that what is known only at its end can be put before it. Then the
//! file's name says where, after a `-`.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rusqlite::{Connection, OptionalExtension};

use super::checksum::{Checksum, checksum, join};
use super::database::cannot;
use crate::StoreError;
use crate::spool::{ContentFile, LooseFile};

const SPOOL: &str = "spool";
const INCOMING: &str = "incoming";
/// Bytes that are read at once when a file is checked.
const READ_BYTES: usize = 256 << 10;

/// Where the files are.
#[derive(Clone, Debug)]
pub(super) struct Files {
    directory: PathBuf,
    spool: PathBuf,
}

impl Files {
    /// Makes the directories, and empties the one for what is incoming: whoever wrote there is dead.
    pub(super) fn open(directory: &Path) -> Result<Self, StoreError> {
        let files = Files { directory: directory.to_owned(), spool: directory.join(SPOOL) };
        let incoming = files.spool.join(INCOMING);
        fs::create_dir_all(&incoming).map_err(|e| files.fault("create", &incoming, e))?;
        for path in files.list(&incoming)? {
            fs::remove_file(&path).map_err(|e| files.fault("remove", &path, e))?;
        }
        // All at once: one that is made when it is needed could be used by others before it is durable.
        for shelf in 0..=u8::MAX {
            let shelf = files.spool.join(format!("{shelf:02x}"));
            fs::create_dir_all(&shelf).map_err(|e| files.fault("create", &shelf, e))?;
        }
        files.sync(&files.spool)?;
        Ok(files)
    }

    /// The files of a store that another process holds: nothing is made and nothing removed.
    pub(super) fn look(directory: &Path) -> Self {
        Files { directory: directory.to_owned(), spool: directory.join(SPOOL) }
    }

    /// The error for a file: a full disk is a kind of its own (A22, A24).
    fn fault(&self, doing: &'static str, path: &Path, source: io::Error) -> StoreError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StoreError::Full { path: self.directory.clone() }
            }
            _ => StoreError::File { doing, path: path.to_owned(), source },
        }
    }

    /// The names of a directory become durable by a sync of their own.
    fn sync(&self, directory: &Path) -> Result<(), StoreError> {
        let synced = File::open(directory).and_then(|opened| opened.sync_all());
        synced.map_err(|e| self.fault("sync", directory, e))
    }

    fn list(&self, directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
        let entries = fs::read_dir(directory).map_err(|e| self.fault("list", directory, e))?;
        let paths: io::Result<Vec<_>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
        paths.map_err(|e| self.fault("list", directory, e))
    }

    /// Where the file of that name is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.spool.join(name)
    }

    /// Begins a file, with a gap before the content. The number must be new.
    pub(super) fn create(&self, number: u64, gap: u64) -> Result<Growing, StoreError> {
        let path = self.spool.join(INCOMING).join(format!("{number:x}"));
        let file = File::create_new(&path).and_then(|mut file| file.seek(SeekFrom::Start(gap)).map(|_| file));
        let file = file.map_err(|e| self.fault("create", &path, e))?;
        Ok(Growing { files: self.clone(), number, path, file, gap, len: 0, sum: Checksum::new() })
    }

    /// Writes a whole file.
    pub(super) fn write(&self, number: u64, bytes: &[u8]) -> Result<Arc<ContentFile>, StoreError> {
        let mut growing = self.create(number, 0)?;
        growing.write(bytes)?;
        growing.finish(&[])
    }

    /// Removes a file that no row names.
    pub(super) fn remove(&self, name: &str) {
        let path = self.path(name);
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "cannot remove a file of the spool; the next start will");
        }
    }

    /// Removes the files that no row names. Gives how many.
    pub(super) fn remove_orphans(&self, db: &Connection) -> Result<usize, StoreError> {
        let fail = cannot("look for files that no message names");
        let mut named = db.prepare("SELECT 1 FROM message WHERE file = ?1").map_err(&fail)?;
        let mut removed = 0;
        for directory in self.list(&self.spool)?.into_iter().filter(|path| path.is_dir()) {
            for path in self.list(&directory)? {
                let name = path.strip_prefix(&self.spool).unwrap_or(&path).to_string_lossy().into_owned();
                if named.query_row([&name], |_| Ok(())).optional().map_err(&fail)?.is_none() {
                    fs::remove_file(&path).map_err(|e| self.fault("remove", &path, e))?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    /// The content of a file, if it is as it was written (A20).
    pub(super) fn check(&self, name: &str, size: u64, checksum: u32) -> Result<ContentFile, StoreError> {
        let file = ContentFile { path: self.path(name), start: start(name), len: size, loose: None };
        let path = &file.path;
        let read = || -> io::Result<(u64, u32)> {
            let (mut file, mut sum, mut len) = (file.open()?, Checksum::new(), 0_u64);
            let mut buffer = vec![0; READ_BYTES];
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok((len, sum.value())),
                    count => {
                        sum.update(&buffer[..count]);
                        len += count as u64;
                    }
                }
            }
        };
        let found = read().map_err(|e| self.fault("read", path, e))?;
        if found == (size, checksum) {
            return Ok(file);
        }
        let what = format!("the file {}", path.display());
        Err(StoreError::Damaged { what, why: "its bytes are not those that were written".into() })
    }
}

/// Where the content begins in a file of this name.
fn start(name: &str) -> u64 {
    name.split_once('-').and_then(|(_, start)| u64::from_str_radix(start, 16).ok()).unwrap_or(0)
}

/// A file that is being written. Dropped without `finish`, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Growing {
    files: Files,
    number: u64,
    path: PathBuf,
    file: File,
    gap: u64,
    len: u64,
    sum: Checksum,
}

impl Growing {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).map_err(|e| self.files.fault("write", &self.path, e))?;
        self.sum.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Puts this into the gap, right before the content, and makes all of it durable under its name.
    pub(super) fn finish(mut self, prefix: &[u8]) -> Result<Arc<ContentFile>, StoreError> {
        let files = self.files.clone();
        let start = self.gap.checked_sub(prefix.len() as u64).expect("the gap is large enough");
        self.file.write_all_at(prefix, start).map_err(|e| files.fault("write", &self.path, e))?;
        let len = self.len + prefix.len() as u64;
        let checksum = join(checksum(prefix), self.sum.value(), self.len);
        self.file.sync_data().map_err(|e| files.fault("sync", &self.path, e))?;
        let shelf = format!("{:02x}", self.number & 0xff);
        let directory = files.spool.join(&shelf);
        let name = match start {
            0 => format!("{shelf}/{:x}", self.number),
            start => format!("{shelf}/{:x}-{start:x}", self.number),
        };
        let path = files.path(&name);
        fs::rename(&self.path, &path).map_err(|e| files.fault("rename", &self.path, e))?;
        self.path.clone_from(&path);
        files.sync(&directory)?;
        // From here on the file belongs to what is returned, so that dropping this removes nothing.
        self.path = PathBuf::new();
        let loose = LooseFile { name, checksum, owned: AtomicBool::new(false) };
        Ok(Arc::new(ContentFile { path, start, len, loose: Some(loose) }))
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // If this fails, the next start removes it.
            let _ = fs::remove_file(&self.path);
        }
    }
}
