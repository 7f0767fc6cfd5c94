//! With which settings does the server start: those of a file that rules, or those in the store?

use std::path::Path;

use admin::settings::{Remark, Started, from_file, read_stored, resume, take_over};
use anyhow::Context;
use mail::Clock;
use policy::registry::Registry;
use std::sync::Arc;
use store::{SqliteOptions, SqliteStore};

use crate::clock::SystemClock;
use crate::config::{Boot, LogFormat};
use crate::machine::ThisMachine;
use crate::settings_file::{Loaded, load};
use cli::paint::Paint;

/// An open store and the settings to start with.
pub(crate) struct Start {
    pub(crate) store: SqliteStore,
    pub(crate) started: Started,
}

/// Opens the store and finds the settings; none if they cannot be used, which has been said then.
pub(crate) async fn begin(boot: &Boot) -> anyhow::Result<Option<Start>> {
    match &boot.settings {
        Some(path) => {
            let Some(started) = of_file(boot, path)? else { return Ok(None) };
            Ok(Some(Start { store: open_store(boot)?, started }))
        }
        None => of_store(boot).await,
    }
}

fn of_file(boot: &Boot, path: &Path) -> anyhow::Result<Option<Started>> {
    let loaded = usable(boot, false);
    let Some(configuration) = loaded.configuration else { return Ok(None) };
    let remarks = loaded.findings.iter().map(Remark::from).collect();
    let registry = registry(loaded.text.as_deref())?;
    Ok(Some(from_file(registry, configuration, remarks, path.to_owned())))
}

async fn of_store(boot: &Boot) -> anyhow::Result<Option<Start>> {
    let store = open_store(boot)?;
    let now = SystemClock.now();
    if let Some(stored) = read_stored(&store, now).await.context("cannot read the settings")? {
        let here = ThisMachine(Arc::new(boot.clone()));
        let started = resume(&store, &here, stored, now).await?;
        started.alarms.iter().for_each(|alarm| tracing::error!(alarm = "settings", "{alarm}"));
        say_if_passed_over(boot);
        return Ok(Some(Start { store, started }));
    }
    let file = boot.settings_file();
    let loaded = usable(boot, true);
    let Some(configuration) = loaded.configuration else { return Ok(None) };
    // A password that somebody wrote in the clear is not kept so.
    let registry = registry(loaded.text.as_deref())?.hashed(&admin::access::password::password_hash);
    let comment = match loaded.text {
        Some(_) => format!("taken over from {}", file.display()),
        None => "a fresh system".to_owned(),
    };
    tracing::info!("the settings are in the store from now on: {comment}");
    let remarks = loaded.findings.iter().map(Remark::from).collect();
    let started = take_over(&store, registry, (configuration, remarks), ("waypost", comment), now).await?;
    Ok(Some(Start { store, started }))
}

/// Who edits the file that was taken over long ago must hear that nobody reads it.
fn say_if_passed_over(boot: &Boot) {
    let file = boot.settings_file();
    if file.exists() {
        tracing::info!(file = %file.display(),
            "this file is not read any more: the settings are in the store (waypost import takes a file over)");
    }
}

fn registry(text: Option<&str>) -> anyhow::Result<Registry> {
    let Some(text) = text else { return Ok(Registry::fresh()) };
    Registry::from_document(text).map_err(|errors| {
        let sentences: Vec<_> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the settings cannot be used: {}", sentences.join("; "))
    })
}

/// The settings file, read and checked; all findings are printed, or logged where machines read.
pub(crate) fn usable(boot: &Boot, may_be_missing: bool) -> Loaded {
    let file = boot.settings_file();
    let loaded = load(&file, boot, may_be_missing);
    match boot.log.format {
        LogFormat::Json => loaded.findings.iter().for_each(|remark| remark.log(&file)),
        LogFormat::Text if loaded.findings.is_empty() => {}
        LogFormat::Text => eprint!("{}", crate::commands::check_text(&file, &loaded, Paint::for_stderr())),
    }
    loaded
}

fn open_store(boot: &Boot) -> anyhow::Result<SqliteStore> {
    let mut options = SqliteOptions::default();
    if let Some(bytes) = boot.limits.disk_free_bytes_min {
        options.free_bytes_min = bytes;
    }
    SqliteStore::open(&boot.data_directory, options).context("cannot open the data directory")
}
