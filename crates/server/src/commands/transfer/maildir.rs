//! Reads and writes the files of one folder of a Maildir++.

use std::collections::BTreeMap;
use std::fs::{self, FileTimes};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use mail::{Flags, Timestamp, maildir};

use super::{Found, private};

/// The file that says which letter stands for which keyword.
const KEYWORDS: &str = "dovecot-keywords";

/// A folder that is written into.
pub(super) struct Folder {
    path: PathBuf,
    keywords: Vec<String>,
    /// Files that are there, by the part of their name that stays when flags change.
    there: BTreeMap<String, PathBuf>,
}

impl Folder {
    /// Opens a folder, making it if it is not there.
    pub(super) fn open(path: &Path, is_inbox: bool) -> anyhow::Result<Self> {
        for part in ["cur", "new", "tmp"] {
            let part = path.join(part);
            fs::create_dir_all(&part).with_context(|| format!("cannot make {}", part.display()))?;
        }
        if !is_inbox {
            // It marks a folder inside a Maildir.
            fs::write(path.join("maildirfolder"), b"").context("cannot write maildirfolder")?;
        }
        let there = files(path)?.into_iter().map(|file| (base(&file), file)).collect();
        Ok(Folder { path: path.to_owned(), keywords: read_keywords(path), there })
    }

    /// Writes a message, or gives the file that has it its flags; whether all its keywords have a letter.
    pub(super) fn write(
        &mut self,
        base: &str,
        content: &[u8],
        flags: &Flags,
        received_at: Timestamp,
    ) -> anyhow::Result<bool> {
        let (info, all) = maildir::info(flags, &mut self.keywords);
        let to = self.path.join("cur").join(format!("{base}{info}"));
        let cannot = || format!("cannot write {}", to.display());
        if let Some(file) = self.there.get(base) {
            if *file != to {
                fs::rename(file, &to).with_context(cannot)?;
            }
            return Ok(all);
        }
        let part = self.path.join("tmp").join(base);
        let mut file = private(&part).with_context(cannot)?;
        file.write_all(content).with_context(cannot)?;
        let at = UNIX_EPOCH + Duration::from_millis(received_at.as_millis());
        file.set_times(FileTimes::new().set_modified(at)).with_context(cannot)?;
        drop(file);
        fs::rename(&part, &to).with_context(cannot)?;
        Ok(all)
    }

    /// Writes down the keywords.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        if self.keywords.is_empty() {
            return Ok(());
        }
        let lines: String = self
            .keywords
            .iter()
            .enumerate()
            .map(|(number, keyword)| format!("{number} {keyword}\n"))
            .collect();
        fs::write(self.path.join(KEYWORDS), lines).context("cannot write the keywords")
    }
}

/// The folders of a Maildir++: what stands behind its name, and where it is.
pub(super) fn folders(root: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut found = vec![(String::new(), root.to_owned())];
    for entry in fs::read_dir(root).with_context(|| format!("cannot read {}", root.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') && entry.path().join("cur").is_dir() {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// The messages of a folder, one after another.
pub(super) fn messages(path: &Path) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Found>>> {
    let keywords = read_keywords(path);
    Ok(files(path)?.into_iter().map(move |file| read(&file, &keywords)))
}

fn read(file: &Path, keywords: &[String]) -> anyhow::Result<Found> {
    let cannot = || format!("cannot read {}", file.display());
    let content = fs::read(file).with_context(cannot)?;
    let modified = fs::metadata(file).and_then(|data| data.modified()).with_context(cannot)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    Ok(Found {
        content: with_crlf(&content),
        flags: maildir::flags(&name, keywords),
        received_at: timestamp(modified),
    })
}

/// Files that other programs wrote have LF at the ends of lines.
fn with_crlf(content: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(content.len());
    wire::smtp::line_ends::LineEndMender::default().append(content, &mut whole);
    whole
}

fn timestamp(at: SystemTime) -> Timestamp {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or_default())
}

/// The files of a folder, oldest first as far as their names say.
fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for part in ["cur", "new"] {
        let part = path.join(part);
        let entries = match fs::read_dir(&part) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", part.display())),
        };
        for entry in entries {
            let entry = entry?;
            let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !is_hidden && entry.file_type()?.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort_by_key(|file| file.file_name().map(ToOwned::to_owned));
    Ok(files)
}

fn base(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.split_once(":2,").map_or_else(|| name.to_string(), |(base, _)| base.to_owned())
}

fn read_keywords(path: &Path) -> Vec<String> {
    fs::read_to_string(path.join(KEYWORDS)).map(|text| maildir::keywords(&text)).unwrap_or_default()
}
