//! Reads the settings, gathers what lies outside them, and has them checked.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use policy::Configuration;
use policy::check::{Environment, Finding, Severity, check};
use policy::settings::{Secret, SecretReference, Settings, SettingsError};
use rustix::fs::OFlags;
use serde::Serialize;

use crate::config::{Boot, Secrets};

/// Bytes of a settings file at most.
const SETTINGS_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes of a secret's file at most.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// What became of reading and checking a settings file.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Everything worth saying, errors first.
    pub(crate) findings: Vec<Remark>,
    /// The configuration, if no finding is an error.
    pub(crate) configuration: Option<Configuration>,
}

/// One thing to say about a settings file.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Remark {
    /// `error` or `warning`.
    pub(crate) severity: &'static str,
    /// Which object; empty if it is the file as a whole.
    pub(crate) object: String,
    /// Which property; empty if it is the object as a whole.
    pub(crate) property: String,
    /// Of what `line` and `column` speak: `file` or `expression`; none if there are none.
    pub(crate) within: Option<&'static str>,
    /// The line, from 1.
    pub(crate) line: Option<usize>,
    /// The column, from 1.
    pub(crate) column: Option<usize>,
    /// What is wrong.
    pub(crate) message: String,
    /// What may help.
    pub(crate) hint: Option<String>,
}

/// Reads, gathers, checks. A file that is not there is a fresh system only if `may_be_missing`.
pub(crate) fn load(path: &Path, boot: &Boot, may_be_missing: bool) -> Loaded {
    let settings = match read(path, may_be_missing) {
        Ok(settings) => settings,
        Err(findings) => return Loaded { findings, configuration: None },
    };
    let environment = Environment {
        hostname: hostname(boot),
        secrets: secrets(&settings.secret_references(), &boot.secrets),
        listeners: listeners(boot),
        ..Environment::default()
    };
    let checked = check(&settings, &environment);
    let findings = checked.findings.into_iter().map(Remark::from).collect();
    Loaded { findings, configuration: checked.configuration }
}

fn read(path: &Path, may_be_missing: bool) -> Result<Settings, Vec<Remark>> {
    let text = match bounded_text(path, SETTINGS_BYTES_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && may_be_missing => return Ok(Settings::fresh()),
        Err(error) => return Err(vec![Remark::of_file(format!("cannot read {}: {error}", path.display()))]),
    };
    // RFC 8259 section 8.1: a byte order mark may be passed over.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Settings::from_json(text).map_err(|errors| errors.into_iter().map(Remark::from).collect())
}

/// The text of a file, if it is no larger than this.
pub(crate) fn bounded_text(path: &Path, bytes_max: u64) -> std::io::Result<String> {
    read_bounded(std::fs::File::open(path)?, bytes_max)
}

fn read_bounded(file: std::fs::File, bytes_max: u64) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    file.take(bytes_max.saturating_add(1)).read_to_string(&mut text)?;
    if text.len() as u64 > bytes_max {
        return Err(std::io::Error::other(format!("it is larger than {bytes_max} bytes")));
    }
    Ok(text)
}

/// The host name of the boot file, or the machine's.
pub(crate) fn hostname(boot: &Boot) -> Option<String> {
    let said = boot.hostname.as_ref().map(|name| name.0.as_str().to_owned());
    said.or_else(|| rustix::system::uname().nodename().to_str().ok().map(str::to_owned))
}

fn listeners(boot: &Boot) -> Vec<SocketAddr> {
    boot.listeners.iter().map(|listener| listener.bind).collect()
}

fn secrets(
    references: &[SecretReference],
    allowed: &Secrets,
) -> BTreeMap<SecretReference, Result<Secret, String>> {
    references.iter().map(|reference| (reference.clone(), secret(reference, allowed))).collect()
}

fn secret(reference: &SecretReference, allowed: &Secrets) -> Result<Secret, String> {
    let text = match reference {
        SecretReference::EnvironmentVariable(name) => variable(name.trim(), allowed)?,
        SecretReference::File(path) => file(path, allowed)?,
    };
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(Secret::new(text))
}

fn variable(name: &str, allowed: &Secrets) -> Result<String, String> {
    if let Some(prefix) = allowed.environment_prefix.as_ref().filter(|prefix| !name.starts_with(*prefix)) {
        return Err(format!("the boot file allows only variables that begin with {prefix}"));
    }
    std::env::var(name).map_err(|error| match error {
        std::env::VarError::NotPresent => "it is not set".to_owned(),
        std::env::VarError::NotUnicode(_) => "it is not UTF-8".to_owned(),
    })
}

fn file(path: &Path, allowed: &Secrets) -> Result<String, String> {
    let real = path.canonicalize().map_err(|error| error.to_string())?;
    let inside = |directory: &PathBuf| directory.canonicalize().is_ok_and(|base| real.starts_with(base));
    if !allowed.directories.is_empty() && !allowed.directories.iter().any(inside) {
        return Err("it lies in none of the directories that the boot file allows".to_owned());
    }
    let text = secret_text(&real).map_err(|error| error.to_string())?;
    Ok(text.trim_end().to_owned())
}

/// Only of a regular file: a pipe would keep us waiting, a device would never end. No link is followed any more.
fn secret_text(real: &Path) -> std::io::Result<String> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let flags = i32::try_from(flags.bits()).expect("flags fit the system's own type");
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(real)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    read_bounded(file, SECRET_BYTES_MAX)
}

impl Loaded {
    /// Whether something forbids the use of the settings.
    pub(crate) fn has_errors(&self) -> bool {
        self.findings.iter().any(Remark::is_error)
    }
}

impl Remark {
    fn of_file(message: String) -> Self {
        Remark {
            severity: "error",
            object: String::new(),
            property: String::new(),
            within: None,
            line: None,
            column: None,
            message,
            hint: None,
        }
    }

    /// Says it in the log.
    pub(crate) fn log(&self, file: &Path) {
        let (file, Remark { object, property, line, column, hint, .. }) = (file.display(), self);
        if self.is_error() {
            tracing::error!(%file, object, property, within = self.within, line, column, hint, "{}", self.message);
        } else {
            tracing::warn!(%file, object, property, within = self.within, line, column, hint, "{}", self.message);
        }
    }

    /// Whether it forbids the use of the settings.
    pub(crate) fn is_error(&self) -> bool {
        self.severity == "error"
    }
}

impl From<SettingsError> for Remark {
    fn from(error: SettingsError) -> Self {
        Remark {
            severity: "error",
            object: error.object,
            property: error.property,
            within: Some("file"),
            line: Some(error.line),
            column: Some(error.column),
            message: error.message,
            hint: error.hint,
        }
    }
}

impl From<Finding> for Remark {
    fn from(finding: Finding) -> Self {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Remark {
            severity,
            object: finding.object,
            property: finding.property,
            within: finding.position.map(|_| "expression"),
            line: finding.position.map(|(line, _)| line),
            column: finding.position.map(|(_, column)| column),
            message: finding.message,
            hint: finding.hint,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::Mode;

    // proves: J5
    #[test]
    fn a_secret_is_read_from_a_regular_file_of_modest_size() {
        let place = tempfile::tempdir().unwrap();
        let check = |path: PathBuf, expected: &str| {
            let error = file(&path, &Secrets::default()).unwrap_err();
            assert!(error.contains(expected), "{error:?} does not contain {expected:?}");
        };
        check(place.path().to_owned(), "regular file");
        check(PathBuf::from("/dev/zero"), "regular file");
        let pipe = place.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        check(pipe, "regular file");
        let large = place.path().join("large");
        std::fs::write(&large, "x".repeat(70_000)).unwrap();
        check(large, "larger than");
    }

    // proves: J5, 5.17 secrets
    #[test]
    fn secrets_come_only_from_where_the_boot_file_allows() {
        let inside = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        for directory in [&inside, &outside] {
            std::fs::write(directory.path().join("secret"), "hush \n").unwrap();
        }
        let allowed = Secrets {
            environment_prefix: Some("WAYPOST_".to_owned()),
            directories: vec![inside.path().to_owned()],
        };
        let good = SecretReference::File(inside.path().join("secret"));
        assert_eq!(secret(&good, &allowed).unwrap().expose(), "hush");
        let sneaky = inside.path().join("..").join(outside.path().file_name().unwrap()).join("secret");
        for bad in [
            SecretReference::File(outside.path().join("secret")),
            SecretReference::File(sneaky),
            SecretReference::File(inside.path().join("absent")),
            SecretReference::EnvironmentVariable("PATH".to_owned()),
            SecretReference::EnvironmentVariable("WAYPOST_NOT_SET".to_owned()),
        ] {
            assert!(secret(&bad, &allowed).is_err(), "{bad:?}");
        }
        assert!(
            secret(&SecretReference::EnvironmentVariable("PATH".to_owned()), &Secrets::default()).is_ok()
        );
    }
}
