//! Can the machine connect from the source addresses that are written down?

use super::{Environment, Finding, Severity};
use crate::settings::Settings;

/// Each address that could not be bound is worth a warning: mail waits, and nothing is lost. It is no error, since an
/// address may move between machines, or not be there yet when the server starts.
pub(super) fn check(settings: &Settings, environment: &Environment, findings: &mut Vec<Finding>) {
    for strategy in settings.connections.values() {
        for (at, source) in strategy.source_ips.iter().enumerate() {
            let Some(Err(why)) = environment.source_addresses.get(&source.source_ip) else { continue };
            let object = format!("MtaConnectionStrategy {}", strategy.name);
            let message = format!("cannot connect from {}: {why}", source.source_ip);
            let finding =
                Finding::new(Severity::Warning, object, message).at(format!("sourceIps.{at}.sourceIp"));
            findings.push(
                finding.hint("mail that would leave from there waits until this machine has the address"),
            );
        }
    }
}
