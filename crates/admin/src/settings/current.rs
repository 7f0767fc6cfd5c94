//! Which settings are there now, and since when?

use std::path::PathBuf;

use bytes::Bytes;
use mail::Timestamp;
use policy::registry::Registry;

use super::judge::Remark;

/// The settings as they are now; replaced whole.
#[derive(Clone, Debug)]
pub struct Current {
    /// The objects.
    pub registry: Registry,
    /// The number of the last revision; the `state` of every answer.
    pub revision: u64,
    /// Who rules.
    pub mode: Mode,
    /// A revision that goes back by itself unless it is confirmed.
    pub waiting: Option<Waiting>,
    /// The revision whose configuration is in force: an older one if the last could not be used at the start.
    pub in_force: u64,
    /// What the check says about the registry.
    pub remarks: Vec<Remark>,
    /// The keys of stored objects that could not be read. The next change lets go of them.
    pub lost: Vec<Bytes>,
}

/// Who rules the settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mode {
    /// The store, by way of this API.
    Store,
    /// A file; the API only shows it.
    File(PathBuf),
    /// The store, but nobody may change it: why.
    ReadOnly(String),
}

/// A revision on trial.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Which.
    pub revision: u64,
    /// When it goes back.
    pub by: Timestamp,
    /// To which revision.
    pub back_to: u64,
    /// Who made it.
    pub author: String,
}

impl Current {
    /// The `state` of answers.
    pub fn state(&self) -> String {
        self.revision.to_string()
    }
}

impl Mode {
    /// Why nothing may be changed, if nothing may.
    pub(super) fn refusal(&self) -> Option<String> {
        match self {
            Mode::Store => None,
            Mode::File(path) => Some(format!(
                "the settings are ruled by the file {}: change it and send SIGHUP, or take `settings` out of the boot \
                 file",
                path.display()
            )),
            Mode::ReadOnly(why) => Some(why.clone()),
        }
    }
}
