//! Can each relay be reached as it is meant to be, and do its credentials stay secret?

use std::net::{IpAddr, SocketAddr};

use super::strategies::{Compiled, reachable};
use super::{Environment, Finding, Severity};
use crate::settings::{
    AuthMechanism, RelayHost, RelayLookup, RelayProtocol, RelayRoute, RouteKind, SecretKeyOptional, Settings,
    TlsLevel,
};

pub(super) fn check(
    settings: &Settings,
    environment: &Environment,
    compiled: Option<&Compiled>,
    findings: &mut Vec<Finding>,
) {
    for (name, relay) in relays(settings) {
        let object = format!("MtaRoute {name}");
        places(&object, relay, findings);
        credentials(&object, relay, environment, findings);
        if relay.socket.is_none() {
            ports(&object, relay, findings);
        }
        if let Some(listener) = itself(relay, &environment.listeners) {
            let message = format!("the relay is this server itself, which listens on {listener}");
            findings.push(
                Finding::new(Severity::Warning, &object, message)
                    .at("address")
                    .hint("mail would go in circles"),
            );
        }
        if relay.has_credentials() && !is_loopback(relay) {
            exposure(&object, relay, settings, compiled, findings);
        }
    }
}

fn relays(settings: &Settings) -> impl Iterator<Item = (&str, &RelayRoute)> {
    settings.routes.values().filter_map(|route| match &route.kind {
        RouteKind::Relay(relay) => Some((route.name.as_str(), relay)),
        RouteKind::Local | RouteKind::Mx(_) => None,
    })
}

/// Whether it is said to what the relay is, once.
fn places(object: &str, relay: &RelayRoute, findings: &mut Vec<Finding>) {
    let mut error = |property: &str, message: &str, hint: &str| {
        findings.push(Finding::new(Severity::Error, object, message).at(property).hint(hint));
    };
    if relay.socket.is_none() {
        if relay.hosts().is_empty() {
            error("address", "the relay names no host", "give address, addresses or socket");
        }
        let is_service = |host: &RelayHost| host.address.starts_with('_');
        if relay.lookup != RelayLookup::Srv && relay.hosts().iter().any(is_service) {
            error("address", "the name is that of SRV records, not of a host", "set lookup to srv");
        }
        return;
    }
    if !relay.hosts().is_empty() {
        error("socket", "the relay is either a socket or at hosts", "leave out address and addresses");
    }
    if relay.socket.as_ref().is_some_and(|path| !path.is_absolute()) {
        error("socket", "the path of a socket is absolute", "such as /run/dovecot/lmtp");
    }
    if relay.protocol != RelayProtocol::Lmtp {
        error("protocol", "only LMTP is spoken over a Unix socket", "set protocol to lmtp");
    }
    if relay.implicit_tls || relay.require_tls {
        let property = if relay.implicit_tls { "implicitTls" } else { "requireTls" };
        error(property, "there is no TLS over a Unix socket", "leave it out");
    }
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
    if relay.auth_mechanism != AuthMechanism::Auto && !relay.has_credentials() {
        let message = "there is a mechanism, but no user name and secret for it".to_owned();
        findings.push(error("authMechanism", message));
    }
    if relay.client_key.is_some() && !relay.client_certificate.is_some() {
        let message = "there is no certificate that the key belongs to".to_owned();
        findings.push(error("clientCertificate", message));
    }
    for (property, key) in secret_keys(relay) {
        if matches!(key, SecretKeyOptional::Value { secret } if secret.expose() == "****") {
            let message = "the secret is ****, which is how secrets are shown, not one".to_owned();
            findings.push(error(property, message));
        }
        findings.extend(out_of_reach(object, property, key, environment));
    }
}

fn secret_keys(relay: &RelayRoute) -> [(&'static str, &SecretKeyOptional); 3] {
    [
        ("authSecret", &relay.auth_secret),
        ("clientCertificate", &relay.client_certificate),
        ("clientKey", &relay.client_key),
    ]
}

/// A secret that cannot be read now may be there when it is needed: until then, mail waits.
fn out_of_reach(
    object: &str,
    property: &str,
    key: &SecretKeyOptional,
    environment: &Environment,
) -> Option<Finding> {
    let reference = key.reference()?;
    let message = match environment.secrets.get(&reference) {
        Some(Ok(secret)) if secret.expose().is_empty() => format!("the secret in {reference} is empty"),
        Some(Ok(_)) => return None,
        Some(Err(reason)) => format!("cannot read the secret in {reference}: {reason}"),
        None => format!("the secret in {reference} was not read"),
    };
    let finding = Finding::new(Severity::Warning, object, message).at(property);
    Some(finding.hint("mail by this route is deferred until it can be read"))
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
    if relay.allow_plaintext_auth {
        let message = match (relay.implicit_tls || relay.require_tls, relay.allow_invalid_certs) {
            (true, false) => return,
            (true, true) => "the password may go to whoever presents any certificate",
            (false, _) => "the password may be sent without TLS, for anybody on the way to read",
        };
        let warning = warning("allowPlaintextAuth", message.to_owned());
        return findings.push(warning.hint("set it to false as soon as the relay has a certificate"));
    }
    if relay.allow_invalid_certs {
        let message = "the password is not sent to a server whose certificate does not verify, so that mail would be \
                       deferred there";
        let warning = warning("allowInvalidCerts", message.to_owned());
        findings.push(
            warning.hint("set it to false; or say with allowPlaintextAuth that the password may be seen"),
        );
    }
    let Some(compiled) = compiled.filter(|_| !relay.implicit_tls && !relay.require_tls) else { return };
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

/// Whether the relay is on this machine.
pub(super) fn is_loopback(relay: &RelayRoute) -> bool {
    relay.hosts().iter().all(is_loopback_host)
}

fn is_loopback_host(host: &RelayHost) -> bool {
    match host.address.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => host.address == "localhost" || host.address.ends_with(".localhost"),
    }
}

fn itself(relay: &RelayRoute, listeners: &[SocketAddr]) -> Option<SocketAddr> {
    let hosts = relay.hosts();
    let is_host = |listener: &SocketAddr, host: &RelayHost| {
        let same_host = match host.address.parse::<IpAddr>() {
            Ok(ip) => {
                listener.ip() == ip || (listener.ip().is_unspecified() && ip.to_canonical().is_loopback())
            }
            Err(_) => {
                is_loopback_host(host) && (listener.ip().is_unspecified() || listener.ip().is_loopback())
            }
        };
        listener.port() == host.port && same_host
    };
    listeners.iter().copied().find(|listener| hosts.iter().any(|host| is_host(listener, host)))
}
