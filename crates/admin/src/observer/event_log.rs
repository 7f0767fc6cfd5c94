//! The event log: a file with one JSON object a line, opened anew when it was moved away.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// The file, if there is to be one.
#[derive(Debug)]
pub(super) struct EventLog {
    path: Option<PathBuf>,
    file: Mutex<Option<File>>,
    reopen: AtomicBool,
    unwell: AtomicBool,
}

impl EventLog {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        EventLog {
            path,
            file: Mutex::default(),
            reopen: AtomicBool::new(true),
            unwell: AtomicBool::default(),
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.path.is_some()
    }

    pub(super) fn reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
    }

    /// Appends these objects, each as a line. That it cannot is said once.
    pub(super) fn write(&self, events: &[Value]) {
        let Some(path) = &self.path else { return };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = (|| {
            if self.reopen.swap(false, Ordering::Relaxed) || file.is_none() {
                *file = Some(OpenOptions::new().create(true).append(true).open(path)?);
            }
            let lines = events.iter().map(|event| event.to_string() + "\n").collect::<String>();
            file.as_mut().map_or(Ok(()), |file| file.write_all(lines.as_bytes()))
        })();
        match written {
            Ok(()) => {
                if self.unwell.swap(false, Ordering::Relaxed) {
                    tracing::info!(path = %path.display(), "the event log is written again");
                }
            }
            Err(error) => {
                *file = None;
                if !self.unwell.swap(true, Ordering::Relaxed) {
                    tracing::error!(path = %path.display(), %error, "the event log cannot be written; mail goes on");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_that_was_moved_away_is_opened_anew() {
        let directory = tempfile::tempdir().unwrap();
        let (path, moved) = (directory.path().join("events"), directory.path().join("events.1"));
        let log = EventLog::new(Some(path.clone()));
        log.write(&[json!({"event": "a", "text": "line\nend"}), json!({"event": "b"})]);
        std::fs::rename(&path, &moved).unwrap();
        log.write(&[json!({"event": "c"})]);
        log.reopen();
        log.write(&[json!({"event": "d"})]);
        let lines = |path| std::fs::read_to_string(path).unwrap().lines().count();
        assert_eq!((lines(&moved), lines(&path)), (3, 1));
    }
}
