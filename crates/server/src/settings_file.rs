//! Reads the settings, gathers what lies outside them, and has them checked.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;

use policy::Configuration;
use policy::check::{Environment, Finding, Severity, check};
use policy::settings::{Secret, SecretReference, Settings, SettingsError};
use serde::Serialize;

use crate::config::{Boot, Secrets};
use crate::secrets;

/// Bytes of a settings file at most.
const SETTINGS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What became of reading and checking a settings file.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Everything worth saying, errors first.
    pub(crate) findings: Vec<Remark>,
    /// The configuration, if no finding is an error.
    pub(crate) configuration: Option<Configuration>,
    /// The text that was read; none if there is none to read.
    pub(crate) text: Option<String>,
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
    let unusable = |findings: Vec<Remark>| Loaded { findings, configuration: None, text: None };
    let text = match read(path, may_be_missing) {
        Ok(text) => text,
        Err(remark) => return unusable(vec![remark]),
    };
    match text.as_deref().map_or_else(|| Ok(Settings::fresh()), Settings::from_json) {
        Ok(settings) => Loaded { text, ..checked(&settings, boot) },
        Err(errors) => unusable(errors.into_iter().map(Remark::from).collect()),
    }
}

/// Gathers and checks.
pub(crate) fn checked(settings: &Settings, boot: &Boot) -> Loaded {
    let checked = check(settings, &environment(settings, boot));
    let findings = checked.findings.into_iter().map(Remark::from).collect();
    Loaded { findings, configuration: checked.configuration, text: None }
}

/// What lies outside the settings, as it is now. May block.
pub(crate) fn environment(settings: &Settings, boot: &Boot) -> Environment {
    Environment {
        hostname: hostname(boot),
        secrets: secrets(&settings.secret_references(), &boot.secrets),
        listeners: listeners(boot),
        open_key: Some(mta::sign::open),
        source_addresses: settings.source_addresses().into_iter().map(|ip| (ip, can_bind(ip))).collect(),
    }
}

fn read(path: &Path, may_be_missing: bool) -> Result<Option<String>, Remark> {
    let text = match bounded_text(path, SETTINGS_BYTES_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && may_be_missing => return Ok(None),
        Err(error) => return Err(Remark::of_file(format!("cannot read {}: {error}", path.display()))),
    };
    // RFC 8259 section 8.1: a byte order mark may be passed over.
    Ok(Some(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned)))
}

/// The text of a file, if it is no larger than this.
pub(crate) fn bounded_text(path: &Path, bytes_max: u64) -> std::io::Result<String> {
    read_bounded(std::fs::File::open(path)?, bytes_max)
}

pub(crate) fn read_bounded(file: std::fs::File, bytes_max: u64) -> std::io::Result<String> {
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

/// Whether a connection can begin at this address.
fn can_bind(ip: IpAddr) -> Result<(), String> {
    UdpSocket::bind((ip, 0)).map(|_| ()).map_err(|error| error.to_string())
}

fn listeners(boot: &Boot) -> Vec<SocketAddr> {
    boot.listeners.iter().map(|listener| listener.bind).collect()
}

fn secrets(
    references: &[SecretReference],
    allowed: &Secrets,
) -> BTreeMap<SecretReference, Result<Secret, String>> {
    references.iter().map(|reference| (reference.clone(), secrets::read(reference, allowed))).collect()
}

impl Loaded {
    /// Whether something forbids the use of the settings.
    pub(crate) fn has_errors(&self) -> bool {
        self.findings.iter().any(Remark::is_error)
    }
}

impl Remark {
    pub(crate) fn of_file(message: String) -> Self {
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

    /// An error of an object that was tried.
    pub(crate) fn of_object(object: String, message: String) -> Self {
        Remark { object, ..Remark::of_file(message) }
    }

    /// A warning about a property.
    pub(crate) fn warning(object: &str, property: &str, message: String) -> Self {
        let (object, property) = (object.to_owned(), property.to_owned());
        Remark { severity: "warning", object, property, ..Remark::of_file(message) }
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

impl From<&Remark> for admin::settings::Remark {
    fn from(remark: &Remark) -> Self {
        admin::settings::Remark {
            is_error: remark.is_error(),
            object: remark.object.clone(),
            property: remark.property.clone(),
            position: remark.line.zip(remark.column).filter(|_| remark.within == Some("expression")),
            message: remark.message.clone(),
            hint: remark.hint.clone(),
        }
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
