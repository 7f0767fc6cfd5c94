//! Do mailing lists have addresses of their own, owners and members?

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::Address;

use super::{Finding, Severity};
use crate::configuration::lower_case;
use crate::limits::LIST_RECIPIENTS_MAX;
use crate::settings::{MailingList, Settings};

pub(super) fn check(settings: &Settings, findings: &mut Vec<Finding>) {
    if settings.mailing_lists.is_empty() {
        return;
    }
    let accounts: BTreeMap<Address, &Address> = settings
        .accounts
        .values()
        .flat_map(|account| {
            std::iter::once(&account.name)
                .chain(&account.aliases)
                .map(|address| (lower_case(address), &account.name))
        })
        .collect();
    for list in settings.mailing_lists.values() {
        let mut find = |severity, property: &str, message: String| {
            let finding = Finding::new(severity, format!("MailingList {}", list.name), message);
            findings.push(if property.is_empty() { finding } else { finding.at(property) });
        };
        if let Some(account) = accounts.get(&lower_case(&list.name)) {
            find(
                Severity::Error,
                "name",
                format!("{} is also an address of the account {account}", list.name),
            );
        }
        if !settings.domains.values().any(|domain| domain.name == list.name.domain) {
            find(Severity::Error, "name", format!("{} is in no domain of this server", list.name));
        }
        if lower_case(&list.owner) == lower_case(&list.name) {
            find(Severity::Error, "owner", "a list cannot be its own owner".to_owned());
        }
        if list.members.len() > LIST_RECIPIENTS_MAX {
            let message = format!("a list has {LIST_RECIPIENTS_MAX} members at most");
            find(Severity::Error, "members", message);
        }
        if list.members.is_empty() {
            find(Severity::Warning, "members", "a list without members returns all mail".to_owned());
        }
    }
}

/// Lists by their address.
pub(super) fn compiled(settings: &Settings) -> BTreeMap<Address, Arc<MailingList>> {
    settings.mailing_lists.values().map(|list| (lower_case(&list.name), Arc::new(list.clone()))).collect()
}
