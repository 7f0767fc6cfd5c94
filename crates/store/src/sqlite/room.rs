//! Is there room on the disk to take in more?

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::StoreError;

/// Bytes of intake after which the disk is asked again.
const ASK_AFTER_BYTES: u64 = 1 << 20;
/// Bytes set aside, so that endings can be written when the disk is full (A23).
const RESERVE_BYTES: u64 = 16 << 20;
const RESERVE: &str = "reserve";

/// The room on the disk that holds the data directory.
#[derive(Debug)]
pub(super) struct Room {
    directory: PathBuf,
    free_bytes_min: u64,
    taken_since: AtomicU64,
    is_full: AtomicBool,
}

impl Room {
    pub(super) fn new(directory: &Path, free_bytes_min: u64) -> Self {
        let (taken_since, is_full) = (AtomicU64::new(ASK_AFTER_BYTES), AtomicBool::new(false));
        Room { directory: directory.to_owned(), free_bytes_min, taken_since, is_full }
    }

    /// Whether so many bytes may be taken in. While it is full, each call asks again, so that intake resumes by itself.
    pub(super) fn take(&self, bytes: u64) -> Result<(), StoreError> {
        let taken = self.taken_since.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if taken >= ASK_AFTER_BYTES || self.is_full.load(Ordering::Relaxed) {
            self.taken_since.store(0, Ordering::Relaxed);
            let is_full = self.free_bytes()? < self.free_bytes_min;
            if is_full != self.is_full.swap(is_full, Ordering::Relaxed) {
                tracing::warn!(directory = %self.directory.display(), is_full, "intake stops when the disk is full");
            }
            if is_full {
                return Err(StoreError::Full { path: self.directory.clone() });
            }
        }
        Ok(())
    }

    fn free_bytes(&self) -> Result<u64, StoreError> {
        let stat = statvfs(&self.directory).map_err(|errno| StoreError::File {
            doing: "ask for the free space of",
            path: self.directory.clone(),
            source: errno.into(),
        })?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Sets the reserve aside, if there is room for it above the floor. Gives whether it is there.
    pub(super) fn make_reserve(&self) -> bool {
        let path = self.directory.join(RESERVE);
        if fs::metadata(&path).is_ok_and(|found| found.len() == RESERVE_BYTES) {
            return true;
        }
        let wanted = self.free_bytes_min.saturating_add(RESERVE_BYTES);
        if !self.free_bytes().is_ok_and(|free| free >= wanted) {
            return false;
        }
        let made = File::create(&path).and_then(|file| {
            fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES).map_err(io::Error::from)
        });
        if let Err(error) = &made {
            tracing::warn!(path = %path.display(), %error, "cannot set room aside");
            let _ = fs::remove_file(&path);
        }
        made.is_ok()
    }

    /// Gives the reserve up, for endings.
    pub(super) fn release_reserve(&self) {
        let path = self.directory.join(RESERVE);
        match fs::remove_file(&path) {
            Ok(()) => {
                tracing::warn!(path = %path.display(), "the disk is full; room set aside is used for endings")
            }
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "the disk is full, and no room is set aside")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: A23
    #[test]
    fn intake_stops_at_the_floor() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Room::new(directory.path(), 0).take(1).is_ok());
        let full = Room::new(directory.path(), u64::MAX);
        assert!(matches!(full.take(1), Err(StoreError::Full { .. })));
        assert!(matches!(full.take(1), Err(StoreError::Full { .. })));
    }

    #[test]
    fn the_reserve_is_made_and_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let room = Room::new(directory.path(), 0);
        let length = || fs::metadata(directory.path().join(RESERVE)).map(|found| found.len()).ok();
        assert!(room.make_reserve());
        assert_eq!(length(), Some(RESERVE_BYTES));
        assert!(room.make_reserve());
        room.release_reserve();
        assert_eq!(length(), None);
        assert!(!Room::new(directory.path(), u64::MAX).make_reserve());
    }
}
