//! Can each webhook be signed, and is it wise?

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Environment, Finding, Severity};
use crate::settings::{Secret, SecretKeyOptional, Settings, WebHook};

/// The receivers of events that are to be told, with the secrets that sign.
pub(super) fn compile(
    settings: &Settings,
    environment: &Environment,
    findings: &mut Vec<Finding>,
) -> BTreeMap<String, (Arc<WebHook>, Option<Secret>)> {
    let mut hooks = BTreeMap::new();
    for (name, hook) in settings.webhooks.iter().filter(|(_, hook)| hook.enable) {
        let object = format!("WebHook {name}");
        match secret(hook, environment) {
            Ok(secret) => {
                if secret.is_none() {
                    let message = "requests are not signed: the receiver cannot tell ours from a stranger's";
                    findings.push(Finding::new(Severity::Warning, &object, message).at("secret"));
                }
                hooks.insert(name.clone(), (Arc::new(hook.clone()), secret));
            }
            Err(message) => {
                findings.push(Finding::new(Severity::Error, &object, message).at("secret"));
            }
        }
    }
    hooks
}

fn secret(hook: &WebHook, environment: &Environment) -> Result<Option<Secret>, String> {
    let found = match &hook.secret {
        SecretKeyOptional::None => return Ok(None),
        SecretKeyOptional::Value { secret } if secret.expose() == "****" => {
            return Err("the secret is ****, which is how secrets are shown, not one".to_owned());
        }
        SecretKeyOptional::Value { secret } => return Ok(Some(secret.clone())),
        other => other.reference(),
    };
    let Some(reference) = found else { return Ok(None) };
    match environment.secrets.get(&reference) {
        Some(Ok(secret)) if secret.expose().is_empty() => Err(format!("the secret in {reference} is empty")),
        Some(Ok(secret)) => Ok(Some(secret.clone())),
        Some(Err(reason)) => Err(format!("cannot read the secret in {reference}: {reason}")),
        None => Err(format!("the secret in {reference} was not read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Configuration;

    fn load(json: &str) -> Result<Configuration, Vec<Finding>> {
        Configuration::from_settings_json(json, &Environment::default())
    }

    #[test]
    fn a_webhook_is_compiled_with_its_secret() {
        let json = r#"{"WebHook": {"a": {"name": "ops", "url": "https://hooks.example.org/",
            "secret": {"@type": "Value", "secret": "s3cret"}, "events": ["failed", "bounced"]},
            "b": {"name": "off", "url": "https://hooks.example.org/", "enable": false}}}"#;
        let configuration = load(json).unwrap();
        let (hook, secret) = &configuration.webhooks["ops"];
        assert_eq!(hook.events.len(), 2);
        assert_eq!(secret.as_ref().map(Secret::expose), Some("s3cret"));
        assert_eq!(configuration.webhooks.len(), 1);
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_an_error() {
        let json = r#"{"WebHook": {"a": {"name": "ops", "url": "https://hooks.example.org/",
            "secret": {"@type": "EnvironmentVariable", "variableName": "HOOK"}}}}"#;
        let findings = load(json).unwrap_err();
        assert!(findings[0].to_string().starts_with("error: WebHook ops: secret: "), "{}", findings[0]);
    }
}
