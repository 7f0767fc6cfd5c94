//! Can each lookup store be reached as it is meant to be, and does its password stay secret?

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Environment, Finding, Severity};
use crate::settings::{LookupStoreKind, PostgreSqlLookup, Secret, SecretKeyOptional, Settings, TlsLevel};

pub(super) fn check(settings: &Settings, environment: &Environment, findings: &mut Vec<Finding>) {
    for (name, store) in servers(settings) {
        let object = format!("StoreLookup {name}");
        if let Some(message) = secret_fault(store, environment) {
            findings.push(Finding::new(Severity::Error, &object, message).at("authSecret"));
        }
        let far = !store.is_local_socket() && !is_loopback(&store.host);
        let mut warn = |property: &str, message: &str, hint: &str| {
            findings.push(Finding::new(Severity::Warning, &object, message).at(property).hint(hint));
        };
        if far && store.tls != TlsLevel::Require {
            warn("tls", "questions and answers may go over the network in the clear", "set tls to require");
        } else if far && store.allow_invalid_certs {
            warn(
                "allowInvalidCerts",
                "whoever presents any certificate is believed",
                "set allowInvalidCerts to false",
            );
        }
    }
}

/// The secrets of lookup stores, by the stores' names.
pub(super) fn secrets(settings: &Settings, environment: &Environment) -> BTreeMap<String, Secret> {
    let secret = |store: &PostgreSqlLookup| match &store.auth_secret {
        SecretKeyOptional::Value { secret } => Some(secret.clone()),
        other => environment.secrets.get(&other.reference()?)?.as_ref().ok().cloned(),
    };
    servers(settings).filter_map(|(name, store)| Some((name.to_owned(), secret(store)?))).collect()
}

fn servers(settings: &Settings) -> impl Iterator<Item = (&str, &PostgreSqlLookup)> {
    settings.lookup_stores.values().filter_map(|store| match &store.kind {
        LookupStoreKind::PostgreSql(server) => Some((store.name.as_str(), server)),
        LookupStoreKind::Memory | LookupStoreKind::Sqlite(_) => None,
    })
}

fn secret_fault(store: &PostgreSqlLookup, environment: &Environment) -> Option<String> {
    if matches!(&store.auth_secret, SecretKeyOptional::Value { secret } if secret.expose() == "****") {
        return Some("the secret is ****, which is how secrets are shown, not one".to_owned());
    }
    let reference = store.auth_secret.reference()?;
    match environment.secrets.get(&reference) {
        Some(Ok(secret)) if secret.expose().is_empty() => Some(format!("the secret in {reference} is empty")),
        Some(Ok(_)) => None,
        Some(Err(reason)) => Some(format!("cannot read the secret in {reference}: {reason}")),
        None => Some(format!("the secret in {reference} was not read")),
    }
}

fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}
