//! Can each relay be reached as it is meant to be, and do its credentials stay secret?

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::strategies::{Compiled, reachable};
use super::{Environment, Finding, Severity};
use crate::settings::{RelayProtocol, RelayRoute, RouteKind, Secret, SecretKeyOptional, Settings, TlsLevel};

pub(super) fn check(
    settings: &Settings,
    environment: &Environment,
    compiled: Option<&Compiled>,
    findings: &mut Vec<Finding>,
) {
    for (name, relay) in relays(settings) {
        let object = format!("MtaRoute {name}");
        credentials(&object, relay, environment, findings);
        ports(&object, relay, findings);
        if let Some(listener) = itself(relay, &environment.listeners) {
            let message = format!("the relay is this server itself, which listens on {listener}");
            findings.push(
                Finding::new(Severity::Warning, &object, message)
                    .at("address")
                    .hint("mail would go in circles"),
            );
        }
        if relay.auth_username.is_some() && relay.auth_secret.is_some() && !is_loopback(relay) {
            exposure(&object, relay, settings, compiled, findings);
        }
    }
}

/// The secrets of relays, by route name.
pub(super) fn secrets(settings: &Settings, environment: &Environment) -> BTreeMap<String, Secret> {
    let secret = |relay: &RelayRoute| match &relay.auth_secret {
        SecretKeyOptional::Value { secret } => Some(secret.clone()),
        other => environment.secrets.get(&other.reference()?)?.as_ref().ok().cloned(),
    };
    let all = relays(settings);
    all.filter_map(|(name, relay)| Some((name.to_owned(), secret(relay)?))).collect()
}

fn relays(settings: &Settings) -> impl Iterator<Item = (&str, &RelayRoute)> {
    settings.routes.values().filter_map(|route| match &route.kind {
        RouteKind::Relay(relay) => Some((route.name.as_str(), relay)),
        RouteKind::Local | RouteKind::Mx(_) => None,
    })
}

fn credentials(object: &str, relay: &RelayRoute, environment: &Environment, findings: &mut Vec<Finding>) {
    let error = |property: &str, message: String| Finding::new(Severity::Error, object, message).at(property);
    match (&relay.auth_username, relay.auth_secret.is_some()) {
        (Some(username), false) => {
            let message = format!("there is no secret for the user {username}");
            findings.push(error("authSecret", message).hint("give both or neither"));
        }
        (None, true) => {
            let message = "there is a secret, but no user name".to_owned();
            findings.push(error("authUsername", message).hint("give both or neither"));
        }
        (Some(_), true) | (None, false) => {}
    }
    if matches!(&relay.auth_secret, SecretKeyOptional::Value { secret } if secret.expose() == "****") {
        let message = "the secret is ****, which is how secrets are shown, not one".to_owned();
        findings.push(error("authSecret", message));
    }
    let Some(reference) = relay.auth_secret.reference() else { return };
    match environment.secrets.get(&reference) {
        Some(Ok(secret)) if secret.expose().is_empty() => {
            findings.push(error("authSecret", format!("the secret in {reference} is empty")));
        }
        Some(Ok(_)) => {}
        Some(Err(reason)) => {
            findings.push(error("authSecret", format!("cannot read the secret in {reference}: {reason}")));
        }
        None => findings.push(error("authSecret", format!("the secret in {reference} was not read"))),
    }
}

fn ports(object: &str, relay: &RelayRoute, findings: &mut Vec<Finding>) {
    let warning = |message: &str| Finding::new(Severity::Warning, object, message).at("port");
    let is_plain_port = matches!(relay.port, 24 | 25 | 587);
    if relay.implicit_tls && is_plain_port {
        let message = format!("implicitTls does not fit port {}, which begins without TLS", relay.port);
        findings.push(warning(&message).hint("port 465 begins with TLS"));
    }
    if !relay.implicit_tls && relay.port == 465 {
        let message = "port 465 begins with TLS, but implicitTls is false";
        findings.push(warning(message).hint("set implicitTls to true, or use port 587 with STARTTLS"));
    }
    if relay.protocol == RelayProtocol::Lmtp && matches!(relay.port, 25 | 465 | 587) {
        let message = format!("LMTP does not belong on port {}", relay.port);
        findings.push(warning(&message).hint("RFC 2033 section 5 forbids port 25; 24 is usual"));
    }
}

/// Ways in which a password could be seen by others than the relay.
fn exposure(
    object: &str,
    relay: &RelayRoute,
    settings: &Settings,
    compiled: Option<&Compiled>,
    findings: &mut Vec<Finding>,
) {
    let warning =
        |property: &str, message: String| Finding::new(Severity::Warning, object, message).at(property);
    if relay.allow_invalid_certs {
        let message = "the password would go to whoever presents any certificate".to_owned();
        findings.push(warning("allowInvalidCerts", message).hint("set allowInvalidCerts to false"));
    }
    let Some(compiled) = compiled.filter(|_| !relay.implicit_tls) else { return };
    let names = reachable(&compiled.tls);
    let is_reachable = |name: &str| names.as_ref().is_none_or(|names| names.contains(name));
    let lax =
        settings.tls.values().filter(|tls| tls.start_tls != TlsLevel::Require && is_reachable(&tls.name));
    let lax: Vec<_> = lax.map(|tls| format!("'{}'", tls.name)).collect();
    if !lax.is_empty() {
        let message = format!(
            "there are credentials, but neither implicitTls nor a TLS strategy that requires STARTTLS: {} may be chosen",
            lax.join(", ")
        );
        findings.push(
            warning("implicitTls", message).hint(
                "the password is never sent without TLS, so mail would be deferred where none is offered",
            ),
        );
    }
}

pub(super) fn is_loopback(relay: &RelayRoute) -> bool {
    match relay.address.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => relay.address == "localhost" || relay.address.ends_with(".localhost"),
    }
}

fn itself(relay: &RelayRoute, listeners: &[SocketAddr]) -> Option<SocketAddr> {
    let ip = relay.address.parse::<IpAddr>().ok();
    listeners.iter().copied().find(|listener| {
        let same_host = match ip {
            Some(ip) => {
                listener.ip() == ip || (listener.ip().is_unspecified() && ip.to_canonical().is_loopback())
            }
            None => is_loopback(relay) && (listener.ip().is_unspecified() || listener.ip().is_loopback()),
        };
        listener.port() == relay.port && same_host
    })
}
