//! Can each directory be asked as it is meant to be, and can clients show who they are?

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::{Environment, Finding, Severity};
use crate::settings::{
    DirectoryKind, DirectoryServer, LdapDirectory, LookupStoreKind, OidcDirectory, SaslMechanism, Secret,
    SecretKeyOptional, Settings, SqlDirectory,
};

/// The name of the directory that is this server itself, whether it is written down or not.
const INTERNAL: &str = "internal";

pub(super) fn check(settings: &Settings, environment: &Environment, findings: &mut Vec<Finding>) {
    for directory in settings.directories.values() {
        let object = format!("Directory {}", directory.name);
        let before = findings.len();
        match &directory.kind {
            DirectoryKind::Internal => {}
            DirectoryKind::Ldap(server) => ldap(server, environment, findings),
            DirectoryKind::Sql(database) => sql(database, settings, findings),
            DirectoryKind::Oidc(provider) => oidc(provider, findings),
        }
        findings[before..].iter_mut().for_each(|finding| finding.object.clone_from(&object));
    }
    let named = |name: &Option<String>| name.clone().filter(|name| !exists(settings, name));
    let mut missing = |object: String, name: String| {
        let message = format!("there is no directory '{name}'");
        findings.push(Finding::new(Severity::Error, object, message).at("directory"));
    };
    if let Some(name) = named(&settings.system.directory) {
        missing("SystemSettings".to_owned(), name);
    }
    for domain in settings.domains.values() {
        if let Some(name) = named(&domain.directory) {
            missing(format!("Domain {}", domain.name), name);
        }
    }
    scram(settings, findings);
}

fn exists(settings: &Settings, name: &str) -> bool {
    name == INTERNAL || settings.directories.contains_key(name)
}

/// The directory of domains that name none.
pub(super) fn default(settings: &Settings) -> Option<Arc<DirectoryServer>> {
    let name = settings.system.directory.as_ref()?;
    settings.directories.get(name).cloned().map(Arc::new)
}

/// The secrets of directories, by their names.
pub(super) fn secrets(settings: &Settings, environment: &Environment) -> BTreeMap<String, Secret> {
    let secret = |directory: &DirectoryServer| match &directory.kind {
        DirectoryKind::Ldap(server) => match &server.bind_secret {
            SecretKeyOptional::Value { secret } => Some(secret.clone()),
            other => environment.secrets.get(&other.reference()?)?.as_ref().ok().cloned(),
        },
        DirectoryKind::Internal | DirectoryKind::Sql(_) | DirectoryKind::Oidc(_) => None,
    };
    settings.directories.values().filter_map(|one| Some((one.name.clone(), secret(one)?))).collect()
}

/// How clients may say who they are: with tokens only if somebody knows these.
pub(super) fn mechanisms(settings: &Settings) -> BTreeSet<SaslMechanism> {
    let knows_tokens =
        settings.directories.values().any(|directory| matches!(directory.kind, DirectoryKind::Oidc(_)));
    let mut mechanisms = settings.system.sasl_mechanisms.clone();
    mechanisms.retain(|mechanism| match mechanism {
        SaslMechanism::OauthBearer | SaslMechanism::Xoauth2 => knows_tokens,
        SaslMechanism::ScramSha256 | SaslMechanism::Plain | SaslMechanism::Login => true,
    });
    mechanisms
}

fn error(property: &str, message: impl Into<String>) -> Finding {
    Finding::new(Severity::Error, "", message).at(property)
}

fn ldap(server: &LdapDirectory, environment: &Environment, findings: &mut Vec<Finding>) {
    let Some((host, _, tls)) = server.place() else {
        findings.push(error("url", format!("'{}' is no URL such as ldaps://ldap.example.org", server.url)));
        return;
    };
    if tls && server.start_tls {
        findings.push(error("startTls", "ldaps:// is encrypted from the start; StartTLS is for ldap://"));
    }
    if let Some(message) = filter_fault(&server.filter) {
        findings.push(error("filter", message));
    }
    if matches!(&server.bind_secret, SecretKeyOptional::Value { secret } if secret.expose() == "****") {
        findings.push(error("bindSecret", "the secret is ****, which is how secrets are shown, not one"));
    }
    if let Some(reference) = server.bind_secret.reference() {
        match environment.secrets.get(&reference) {
            Some(Ok(secret)) if !secret.expose().is_empty() => {}
            Some(Ok(_)) => findings.push(error("bindSecret", format!("the secret in {reference} is empty"))),
            Some(Err(why)) => {
                let message = format!("cannot read the secret in {reference}: {why}");
                findings.push(error("bindSecret", message));
            }
            None => findings.push(error("bindSecret", format!("the secret in {reference} was not read"))),
        }
    }
    match (&server.bind_dn, server.bind_secret.is_some()) {
        (None, true) => findings.push(error("bindDn", "there is a bindSecret, and nobody whose it is")),
        (Some(_), false) => findings.push(error("bindSecret", "bindDn has no password")),
        (Some(_), true) | (None, false) => {}
    }
    if !tls && !server.start_tls && !is_here(host) {
        let warning = Finding::new(Severity::Warning, "", "passwords go over the network in the clear");
        findings.push(warning.at("url").hint("use ldaps:// or set startTls to true"));
    } else if server.allow_invalid_certs && !is_here(host) {
        let warning =
            Finding::new(Severity::Warning, "", "whoever presents any certificate is told passwords");
        findings.push(warning.at("allowInvalidCerts").hint("set allowInvalidCerts to false"));
    }
}

/// What can be told without asking; the rest is said when it is used.
fn filter_fault(filter: &str) -> Option<String> {
    let mut depth = 0_i32;
    for (at, c) in filter.char_indices() {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if depth < 0 || depth == 0 && at + c.len_utf8() < filter.len() {
            return Some("the filter is not one pair of ( and )".to_owned());
        }
    }
    let names = ["{address}", "{local}", "{domain}"];
    if depth != 0 || !filter.starts_with('(') {
        Some("the filter is not one pair of ( and )".to_owned())
    } else if !names.iter().any(|name| filter.contains(name)) {
        Some("the filter finds the same for every address; it needs {address} or {local}".to_owned())
    } else {
        None
    }
}

fn sql(database: &SqlDirectory, settings: &Settings, findings: &mut Vec<Finding>) {
    match settings.lookup_stores.get(&database.store).map(|store| &store.kind) {
        None => findings.push(error("store", format!("there is no lookup store '{}'", database.store))),
        Some(LookupStoreKind::Memory) => {
            findings.push(error("store", format!("'{}' is in memory and knows no SQL", database.store)));
        }
        Some(LookupStoreKind::Sqlite(_) | LookupStoreKind::PostgreSql(_)) => {}
    }
    let queries =
        [("queryAccount", Some(&database.query_account)), ("queryAliases", database.query_aliases.as_ref())];
    for (property, query) in queries {
        if query.is_some_and(|query| !query.contains("$1")) {
            findings.push(error(property, "the query does not use $1, which is what is asked about"));
        }
    }
}

fn oidc(provider: &OidcDirectory, findings: &mut Vec<Finding>) {
    let urls = [("issuer", Some(&provider.issuer)), ("jwksUrl", provider.jwks_url.as_ref())];
    for (property, url) in urls {
        if let Some(url) = url.filter(|url| crate::settings::url_fault(url).is_some()) {
            let message = format!("'{url}' must be an https URL, or an http URL of this machine");
            findings.push(error(property, message));
        }
    }
}

/// A mechanism that is offered is tried: whoever has no keys for it does not come in.
fn scram(settings: &Settings, findings: &mut Vec<Finding>) {
    if !settings.system.sasl_mechanisms.contains(&SaslMechanism::ScramSha256) {
        return;
    }
    let has_none = |secret: &Secret| !secret.expose().contains(" SCRAM-SHA-256$");
    let without = settings.accounts.values().filter(|one| one.secret.as_ref().is_some_and(has_none)).count();
    let mut warn = |message: String, hint: &str| {
        let warning = Finding::new(Severity::Warning, "SystemSettings", message);
        findings.push(warning.at("saslMechanisms").hint(hint));
    };
    if without > 0 {
        let message =
            format!("{without} accounts have passwords that were set before scramSha256 was chosen");
        warn(message, "their clients must use another mechanism, or the passwords be set again");
    }
    if settings.directories.values().any(DirectoryServer::is_elsewhere) {
        let message = "clients of accounts in other directories cannot use scramSha256, but may try";
        warn(message.to_owned(), "take scramSha256 away");
    }
}

fn is_here(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}
