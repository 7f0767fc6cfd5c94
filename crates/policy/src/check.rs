//! Is the whole configuration fit to be used?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;

use crate::configuration::Configuration;
use crate::settings::{Secret, SecretReference, Settings};

/// What lies outside the settings, gathered before the check.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The machine's host name, for settings that name none.
    pub hostname: Option<String>,
    /// What was found where the settings' secrets are said to be, or why not.
    pub secrets: BTreeMap<SecretReference, Result<Secret, String>>,
    /// Where this server itself listens, as far as known.
    pub listeners: Vec<SocketAddr>,
    /// The names of configured lookup stores.
    pub stores: BTreeSet<String>,
}

/// What the check found.
#[derive(Debug)]
pub struct Checked {
    /// Everything worth saying, errors first.
    pub findings: Vec<Finding>,
    /// The configuration, if no finding is an error.
    pub configuration: Option<Configuration>,
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, but probably not with the result that is wanted.
    Warning,
}

/// One thing that the check found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Which object, such as `MtaRoute relay`.
    pub object: String,
    /// Which property, such as `route.match.1.if`; empty if it is the object as a whole.
    pub property: String,
    /// Line and column in the expression, from 1, if it is about one.
    pub position: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
}

/// Checks all settings against each other and the environment.
pub fn check(settings: &Settings, environment: &Environment) -> Checked {
    let _ = (settings, environment);
    todo!()
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

impl fmt::Display for Finding {
    /// `error: MtaOutboundStrategy: route.else, line 1, column 1: there is no route 'relay' (did you mean …?)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.severity, self.object)?;
        if !self.property.is_empty() {
            f.write_str(&self.property)?;
            if let Some((line, column)) = self.position {
                write!(f, ", line {line}, column {column}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}
