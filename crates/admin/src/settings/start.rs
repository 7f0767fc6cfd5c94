//! With which settings does the server start? The last that can be used, said loudly if they are not the last there are.

use bytes::Bytes;
use mail::Timestamp;
use policy::Configuration;
use policy::registry::Registry;
use store::{KeyValues, StoreError};
use thiserror::Error;

use super::current::{Current, Mode, Waiting};
use super::judge::{Judged, Remark, judge};
use super::machine::Outside;
use super::owner::{Reason, revised, unconfirmed};
use super::past::{self, rows, step_back};
use super::stored::{SETTINGS_SPACE, Stored, UNDO_SPACE, by_place, writes};

/// Revisions that are tried when the last cannot be used.
const TRIED_MAX: u64 = 50;

/// What the server starts with.
#[derive(Debug)]
pub struct Started {
    /// The settings.
    pub current: Current,
    /// The configuration that is in force.
    pub configuration: Configuration,
    /// What somebody must hear: that these are not the settings they should be.
    pub alarms: Vec<String>,
}

/// Why it cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Neither the last settings nor those before them can be used.
    #[error("no settings can be used: {}", .0.iter().map(Remark::sentence).collect::<Vec<_>>().join("; "))]
    Unusable(Vec<Remark>),
    /// The store cannot be read or written.
    #[error("cannot read the settings: {0}")]
    Store(#[from] StoreError),
}

/// The settings in the store; none at a first start.
pub async fn read_stored(store: &dyn KeyValues, now: Timestamp) -> Result<Option<Stored>, StoreError> {
    Ok(Stored::read(rows(store, SETTINGS_SPACE, &[], now).await?))
}

/// Starts with a file that rules.
pub fn from_file(
    registry: Registry,
    configuration: Configuration,
    remarks: Vec<Remark>,
    path: std::path::PathBuf,
) -> Started {
    let current = Current {
        registry,
        revision: 1,
        in_force: 1,
        mode: Mode::File(path),
        waiting: None,
        remarks,
        lost: Vec::new(),
    };
    Started { current, configuration, alarms: Vec::new() }
}

/// Writes the first revision.
pub async fn take_over(
    store: &dyn KeyValues,
    registry: Registry,
    (configuration, remarks): (Configuration, Vec<Remark>),
    (author, comment): (&str, String),
    now: Timestamp,
) -> Result<Started, StoreError> {
    let reason = Reason { author: author.to_owned(), comment: Some(comment), restores: None, trial: None };
    let (about, revision) = revised(&Registry::fresh(), 0, &registry, reason, now);
    store.change(writes(&about, &revision, &Registry::default(), &registry), now).await?;
    let current = Current {
        registry,
        revision: 1,
        in_force: 1,
        mode: Mode::Store,
        waiting: None,
        remarks,
        lost: Vec::new(),
    };
    Ok(Started { current, configuration, alarms: Vec::new() })
}

/// Starts with what is stored; goes back where a trial ended while nothing ran, and where the last cannot be used.
pub async fn resume(
    store: &dyn KeyValues,
    outside: &dyn Outside,
    mut stored: Stored,
    now: Timestamp,
) -> Result<Started, StartError> {
    let lost = stored.lost.clone();
    if lost.is_empty() {
        return resume_readable(store, outside, stored, now).await;
    }
    stored.recover(&rows(store, UNDO_SPACE, &[], now).await?);
    let mut started = resume_readable(store, outside, stored, now).await?;
    started.configuration.incomplete = true;
    started.current.remarks.splice(0..0, remarks_on(&lost));
    started.alarms.extend(remarks_on(&lost).iter().map(Remark::sentence));
    started.current.lost = lost;
    Ok(started)
}

/// What is to be done about objects that could not be read.
pub(super) fn remarks_on(lost: &[Bytes]) -> Vec<Remark> {
    let remark = |key: &Bytes| {
        Remark {
        object: String::from_utf8_lossy(key).into_owned(),
        hint: Some("look at this object, make it anew or restore a revision; the next change of the settings ends this".to_owned()),
        ..Remark::plain(
            "it cannot be read from the store; it is as it was before its last change, or missing, and until somebody \
             changes the settings, addresses that are not known are answered with 451"
                .to_owned(),
        )
    }
    };
    lost.iter().map(remark).collect()
}

/// As [`resume`], with what of the settings is there.
async fn resume_readable(
    store: &dyn KeyValues,
    outside: &dyn Outside,
    stored: Stored,
    now: Timestamp,
) -> Result<Started, StartError> {
    let mut alarms: Vec<_> =
        stored.damaged.iter().map(|what| format!("the stored settings are damaged: {what}")).collect();
    let mode = match stored.newer {
        None => Mode::Store,
        Some(version) => {
            let why =
                format!("the settings were written by a newer version of this program (form {version})");
            alarms.push(format!("{why}; what of them is known here is in force, and nothing can be changed"));
            Mode::ReadOnly(why)
        }
    };
    let waiting = stored.about.as_ref().and_then(|about| about.waiting.clone()).map(Waiting::from);
    let registry = stored.registry();
    let mut current = Current {
        revision: stored.revision(),
        in_force: stored.revision(),
        registry,
        mode,
        waiting,
        remarks: Vec::new(),
        lost: Vec::new(),
    };
    if let Some(started) = end_trial(store, outside, &current, now).await? {
        return Ok(Started { alarms: [alarms, started.alarms].concat(), ..started });
    }
    let Judged { remarks, configuration } = judge(outside, &current.registry).await;
    current.remarks = remarks.clone();
    if let Some(configuration) = configuration {
        return Ok(Started { current, configuration, alarms });
    }
    for remark in remarks.iter().filter(|remark| remark.is_error) {
        alarms.push(format!(
            "the settings of revision {} cannot be used: {}",
            current.revision,
            remark.sentence()
        ));
    }
    let (in_force, mut configuration) =
        last_good(store, outside, &current, now).await?.ok_or(StartError::Unusable(remarks))?;
    alarms.push(format!("the settings of revision {in_force} are in force instead, until these are mended"));
    current.in_force = in_force;
    // What was added since is not known to it.
    configuration.incomplete = true;
    Ok(Started { current, configuration, alarms })
}

/// What nobody confirmed before the server ended has gone back by the time it starts again.
async fn end_trial(
    store: &dyn KeyValues,
    outside: &dyn Outside,
    current: &Current,
    now: Timestamp,
) -> Result<Option<Started>, StartError> {
    let Some(waiting) = current.waiting.as_ref().filter(|waiting| waiting.by <= now) else { return Ok(None) };
    let at = (&current.registry, current.revision);
    let Some(registry) = past::registry_at(store, at, waiting.back_to, now).await? else { return Ok(None) };
    let Judged { remarks, configuration } = judge(outside, &registry).await;
    // The owner tries again as soon as the server runs.
    let Some(configuration) = configuration else { return Ok(None) };
    let (about, revision) =
        revised(&current.registry, current.revision, &registry, unconfirmed(waiting), now);
    store.change(writes(&about, &revision, &current.registry, &registry), now).await?;
    let alarm = format!(
        "revision {} of {} was not confirmed in time; the settings of revision {} are in force again",
        waiting.revision, waiting.author, waiting.back_to
    );
    let number = revision.number;
    let mode = current.mode.clone();
    let current = Current {
        registry,
        revision: number,
        in_force: number,
        mode,
        waiting: None,
        remarks,
        lost: Vec::new(),
    };
    Ok(Some(Started { current, configuration, alarms: vec![alarm] }))
}

/// The youngest revision before the last that can be used.
async fn last_good(
    store: &dyn KeyValues,
    outside: &dyn Outside,
    current: &Current,
    now: Timestamp,
) -> Result<Option<(u64, Configuration)>, StoreError> {
    let oldest = current.revision.saturating_sub(TRIED_MAX).max(1);
    let undo = rows(store, UNDO_SPACE, &oldest.to_be_bytes(), now).await?;
    let place = |(place, document): (_, &policy::registry::Document)| (place, document.clone());
    let mut objects = by_place(&current.registry).into_iter().map(place).collect();
    for number in (oldest + 1..=current.revision).rev() {
        if step_back(&mut objects, &undo, number).is_err() {
            return Ok(None);
        }
        let documents = objects.iter().map(|((kind, id), document)| (*kind, *id, document.clone()));
        let registry = Registry::from_objects(documents, current.registry.next().clone());
        if let Some(configuration) = judge(outside, &registry).await.configuration {
            return Ok(Some((number - 1, configuration)));
        }
    }
    Ok(None)
}
