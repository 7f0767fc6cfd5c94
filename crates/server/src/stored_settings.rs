//! Reads the settings that rule, from a file or from the store, whether a server runs or not.

use std::path::PathBuf;

use admin::settings::{SETTINGS_SPACE, Stored};
use mail::Clock;
use store::{SqliteReader, StoreError};

use crate::clock::SystemClock;
use crate::config::Boot;
use crate::settings_file::{Loaded, Remark, checked, load};

/// Rows read from the store at a time.
const PAGE: usize = 500;

/// The settings that a server with this boot file has, and what they are called.
pub(crate) fn load_ruling(boot: &Boot, may_be_missing: bool) -> (PathBuf, Loaded) {
    let file = boot.settings_file();
    if boot.settings.is_some() {
        let loaded = load(&file, boot, may_be_missing);
        return (file, loaded);
    }
    match stored(boot) {
        // Nobody has started a server here yet: it would take the file over.
        Err(StoreError::Database { .. } | StoreError::File { .. }) | Ok(None) => {
            let loaded = load(&file, boot, may_be_missing);
            (file, loaded)
        }
        Err(error) => {
            let findings = vec![Remark::of_file(format!("cannot read the settings: {error}"))];
            (boot.data_directory.clone(), Loaded { findings, configuration: None, text: None })
        }
        Ok(Some(stored)) => {
            let name = boot.data_directory.join(format!("(settings, revision {})", stored.revision()));
            (name, load_stored(&stored, boot))
        }
    }
}

fn load_stored(stored: &Stored, boot: &Boot) -> Loaded {
    let damaged =
        stored.damaged.iter().map(|what| Remark::of_file(format!("the stored settings are damaged: {what}")));
    let damaged: Vec<_> = damaged.collect();
    let mut loaded = match stored.registry().settings() {
        Ok(settings) => checked(&settings, boot),
        Err(errors) => {
            let findings =
                errors.into_iter().map(|error| Remark { within: None, ..Remark::from(error) }).collect();
            Loaded { findings, configuration: None, text: None }
        }
    };
    loaded.findings.splice(0..0, damaged);
    loaded
}

fn stored(boot: &Boot) -> Result<Option<Stored>, StoreError> {
    let reader = SqliteReader::open(&boot.data_directory)?;
    let now = SystemClock.now();
    let (mut rows, mut after) = (Vec::new(), None::<bytes::Bytes>);
    loop {
        let page = reader.scan(SETTINGS_SPACE, after.as_deref(), PAGE, now)?;
        let Some((last, _)) = page.last() else { return Ok(Stored::read(rows)) };
        after = Some(last.clone());
        rows.extend(page);
    }
}
