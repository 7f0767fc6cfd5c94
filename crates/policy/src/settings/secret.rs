//! Secrets, and where they come from. A secret cannot be printed, logged or serialised.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::json::fields;
use super::shape;

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

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        match String::deserialize(json)? {
            empty if empty.is_empty() => Err(serde::de::Error::custom("must not be empty")),
            text => Ok(Secret(text)),
        }
    }
}

fn path<'de, D: Deserializer<'de>>(json: D) -> Result<PathBuf, D::Error> {
    fields::text(json).map(PathBuf::from)
}

/// Where a secret comes from, if there is one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all_fields = "camelCase", deny_unknown_fields)]
#[schemars(tag = "@type", extend("default" = {"@type": "None"}))]
pub enum SecretKeyOptional {
    /// No secret.
    #[default]
    None,
    /// Written down here.
    Value {
        /// The secret itself; never shown again.
        #[schemars(with = "shape::SecretText")]
        secret: Secret,
    },
    /// In the environment of the server.
    EnvironmentVariable {
        /// The variable's name; it must be set and not empty.
        #[serde(deserialize_with = "fields::text")]
        #[schemars(with = "shape::Text")]
        variable_name: String,
    },
    /// In a file.
    File {
        /// The file's path; trailing white space of its content is taken off, the rest must not be empty.
        #[serde(deserialize_with = "path")]
        #[schemars(with = "shape::FilePath")]
        file_path: PathBuf,
    },
}

impl SecretKeyOptional {
    /// Whether there is one.
    pub fn is_some(&self) -> bool {
        *self != SecretKeyOptional::None
    }

    /// Where it must be read, if it is not written down.
    pub fn reference(&self) -> Option<SecretReference> {
        match self {
            SecretKeyOptional::None | SecretKeyOptional::Value { .. } => None,
            SecretKeyOptional::EnvironmentVariable { variable_name } => {
                Some(SecretReference::EnvironmentVariable(variable_name.clone()))
            }
            SecretKeyOptional::File { file_path } => Some(SecretReference::File(file_path.clone())),
        }
    }
}

/// A secret that lies outside the settings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SecretReference {
    /// In the environment of the server; must be set and not empty.
    EnvironmentVariable(String),
    /// In a file; trailing white space is not part of it, the rest must not be empty.
    File(PathBuf),
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretReference::EnvironmentVariable(name) => write!(f, "environment variable {name}"),
            SecretReference::File(path) => write!(f, "file {}", path.display()),
        }
    }
}
