//! Reads and writes mbox files.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use mail::{Flags, Timestamp, mbox};

use super::{Found, private};

/// How the files of an export are called.
const SUFFIX: &str = ".mbox";
/// Bytes of one message at most: more is no message.
const MESSAGE_BYTES_MAX: usize = 512 << 20;
/// Folders in folders that are looked into.
const DEPTH_MAX: usize = 20;

/// An mbox file that is written; it is there under its name when it is complete.
pub(super) struct Writer {
    part: PathBuf,
    path: PathBuf,
    file: BufWriter<File>,
}

impl Writer {
    /// Begins the file of a mailbox.
    pub(super) fn begin(root: &Path, mailbox: &str) -> anyhow::Result<Self> {
        // What a name must not be as a file's is written otherwise.
        let safe = |level: &str| level.replace('%', "%25").replace('\0', "%00");
        let safe = |level: &str| match level {
            "." | ".." => level.replace('.', "%2E"),
            _ => safe(level),
        };
        let levels: Vec<String> = mailbox.split('/').map(safe).collect();
        let path = root.join(format!("{}{SUFFIX}", levels.join("/")));
        let cannot = || format!("cannot write {}", path.display());
        fs::create_dir_all(path.parent().unwrap_or(root)).with_context(cannot)?;
        let part = path.with_extension("part");
        let file = BufWriter::new(private(&part).with_context(cannot)?);
        Ok(Writer { part, path, file })
    }

    pub(super) fn write(&mut self, content: &[u8], flags: &Flags, at: Timestamp) -> anyhow::Result<()> {
        let mut text = Vec::with_capacity(content.len() + 200);
        mbox::append(content, flags, at, &mut text);
        self.file.write_all(&text).with_context(|| format!("cannot write {}", self.path.display()))
    }

    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        let cannot = || format!("cannot write {}", self.path.display());
        self.file.flush().with_context(cannot)?;
        fs::rename(&self.part, &self.path).with_context(cannot)
    }
}

/// The mbox files of a directory with the mailboxes that they are.
pub(super) fn files(root: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    look(root, "", 0, &mut found)?;
    found.sort();
    if found.is_empty() {
        bail!("there is no mbox file ({SUFFIX}) in {}", root.display());
    }
    Ok(found)
}

fn look(folder: &Path, above: &str, depth: usize, found: &mut Vec<(String, PathBuf)>) -> anyhow::Result<()> {
    if depth > DEPTH_MAX {
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_file = entry.file_type()?.is_file();
        let level = if is_file { name.strip_suffix(SUFFIX) } else { Some(name.as_str()) };
        let Some(level) = level else { continue };
        let level = level.replace("%2E", ".").replace("%00", "\0").replace("%25", "%");
        let path = if above.is_empty() { level } else { format!("{above}/{level}") };
        match is_file {
            true => found.push((path, entry.path())),
            false if entry.file_type()?.is_dir() => look(&entry.path(), &path, depth + 1, found)?,
            false => {}
        }
    }
    Ok(())
}

/// Calls for each message of a file, in order.
pub(super) struct Messages {
    file: BufReader<File>,
    path: PathBuf,
    /// When the message came whose first line was read.
    next: Option<Timestamp>,
}

impl Messages {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut messages = Messages { file: BufReader::new(file), path: path.to_owned(), next: None };
        let first = messages.line()?;
        messages.next = mbox::begins(&first);
        if messages.next.is_none() && !first.is_empty() {
            bail!("{} is no mbox file: its first line is not `From ADDRESS DATE`", path.display());
        }
        Ok(messages)
    }

    fn line(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.file
            .read_until(b'\n', &mut line)
            .with_context(|| format!("cannot read {}", self.path.display()))?;
        Ok(line)
    }

    fn message(&mut self, received_at: Timestamp) -> anyhow::Result<Found> {
        let mut content = Vec::new();
        let mut after_empty = false;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            if after_empty && let Some(at) = mbox::begins(&line) {
                self.next = Some(at);
                break;
            }
            after_empty = matches!(line.as_slice(), b"\n" | b"\r\n");
            mbox::unquote(&line, &mut content);
            if content.len() > MESSAGE_BYTES_MAX {
                bail!("{} has a message that is larger than {MESSAGE_BYTES_MAX} bytes", self.path.display());
            }
        }
        // The empty line before the next message belongs to the file.
        if content.ends_with(b"\r\n\r\n") && after_empty {
            content.truncate(content.len() - 2);
        }
        let (content, flags) = mbox::take_status(&content);
        Ok(Found { content, flags, received_at })
    }
}

impl Iterator for Messages {
    type Item = anyhow::Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.next.take()?;
        Some(self.message(at))
    }
}
