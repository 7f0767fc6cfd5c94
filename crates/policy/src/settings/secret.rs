//! Secrets, and where they come from. A secret cannot be printed, logged or serialised.

use std::fmt;
use std::path::PathBuf;

/// A secret's text. Shown as `****` wherever it would be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret's text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for the one place that sends or compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// Where a secret comes from, if there is one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum SecretKeyOptional {
    /// No secret.
    #[default]
    None,
    /// Written down here.
    Value {
        /// The secret.
        secret: Secret,
    },
    /// In the environment of the server.
    EnvironmentVariable {
        /// The variable's name; it must be set and not empty.
        variable_name: String,
    },
    /// In a file.
    File {
        /// The file's path; trailing white space of its content is taken off, the rest must not be empty.
        file_path: PathBuf,
    },
}

/// A secret that lies outside the settings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SecretReference {
    /// In the environment of the server; must be set and not empty.
    EnvironmentVariable(String),
    /// In a file; trailing white space is not part of it, the rest must not be empty.
    File(PathBuf),
}
