//! Can these settings be used? Gathers what lies outside them and has the whole checked, off the threads that wait.

use policy::Configuration;
use policy::check::{Finding, Severity, check};
use policy::registry::{Document, Registry, ValidationError, ValidationKind};
use policy::settings::SettingsError;
use serde_json::{Value, json};

use super::machine::Outside;

/// What the check says.
#[derive(Debug)]
pub struct Judged {
    /// Errors first.
    pub remarks: Vec<Remark>,
    /// The configuration, if no remark is an error.
    pub configuration: Option<Configuration>,
}

/// One thing that is wrong or risky.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remark {
    /// Whether it forbids the use of the settings.
    pub is_error: bool,
    /// Which object, such as `MtaRoute relay`.
    pub object: String,
    /// Which property; empty if it is the object as a whole.
    pub property: String,
    /// Line and column in the expression.
    pub position: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
}

/// Checks a registry as a whole.
pub(super) async fn judge(outside: &dyn Outside, registry: &Registry) -> Judged {
    let of = registry.clone();
    let settings = match blocking(move || of.settings()).await {
        Ok(settings) => settings,
        Err(errors) => {
            let remarks = errors.into_iter().map(Remark::from).collect();
            return Judged { remarks, configuration: None };
        }
    };
    let environment = outside.environment(&settings).await;
    let checked = blocking(move || check(&settings, &environment)).await;
    Judged {
        remarks: checked.findings.into_iter().map(Remark::from).collect(),
        configuration: checked.configuration,
    }
}

/// Runs what may take a while without waiting for anything.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends; so does who waits for this.
            Err(_) => std::future::pending().await,
        },
    }
}

impl Remark {
    /// As answers have it.
    pub fn to_value(&self) -> Value {
        json!({
            "severity": if self.is_error { "error" } else { "warning" },
            "object": self.object,
            "property": self.property,
            "line": self.position.map(|(line, _)| line),
            "column": self.position.map(|(_, column)| column),
            "message": self.message,
            "hint": self.hint,
        })
    }

    /// An error about nothing in particular.
    pub(super) fn plain(message: String) -> Self {
        let (object, property) = (String::new(), String::new());
        Remark { is_error: true, object, property, position: None, message, hint: None }
    }

    /// In one sentence.
    pub fn sentence(&self) -> String {
        let parts = [self.object.as_str(), self.property.as_str(), self.message.as_str()];
        let said: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let hint = self.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}{hint}", said.join(": "))
    }

    pub(super) fn validation(&self) -> ValidationError {
        let hint = self.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        let message = format!("{}{hint}", self.message);
        ValidationError::new(ValidationKind::Invalid, self.property.replace('.', "/"), message.clone())
            .with(message)
    }
}

impl From<Finding> for Remark {
    fn from(finding: Finding) -> Self {
        Remark {
            is_error: finding.severity == Severity::Error,
            object: finding.object,
            property: finding.property,
            position: finding.position,
            message: finding.message,
            hint: finding.hint,
        }
    }
}

impl From<SettingsError> for Remark {
    fn from(error: SettingsError) -> Self {
        Remark {
            is_error: true,
            object: error.object,
            property: error.property,
            position: None,
            message: error.message,
            hint: error.hint,
        }
    }
}

/// By which name the check calls an object.
pub(super) fn called(kind: policy::settings::ObjectType, id: &str, document: &Document) -> Vec<String> {
    if kind.is_singleton() {
        return vec![kind.name().to_owned()];
    }
    let named = |name: &str| format!("{kind} {name}");
    let label = policy::registry::schema(kind).label.and_then(|label| document.get(label)?.as_str());
    label.into_iter().chain([id]).map(named).collect()
}
