//! The configuration in force: settings that passed all checks, compiled. Only `check` makes one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::check::{Environment, Finding};
use crate::expr::CheckedExpression;
use crate::settings::{
    Account, Domain, MtaConnectionStrategy, MtaDeliverySchedule, MtaRoute, MtaTlsStrategy, MtaVirtualQueue,
    Secret,
};

/// An immutable whole; a change makes a new one.
#[derive(Debug)]
pub struct Configuration {
    /// This server's host name: EHLO, Received, Reporting-MTA.
    pub hostname: mail::Domain,
    /// The default mail domain.
    pub domain: mail::Domain,
    /// Routes by name.
    pub routes: BTreeMap<String, Arc<MtaRoute>>,
    /// The secret of each Relay route that has one, by route name: read when the settings were loaded.
    pub relay_secrets: BTreeMap<String, Secret>,
    /// Schedules by name.
    pub schedules: BTreeMap<String, Arc<MtaDeliverySchedule>>,
    /// Virtual queues by name.
    pub virtual_queues: BTreeMap<String, Arc<MtaVirtualQueue>>,
    /// Connection strategies by name.
    pub connections: BTreeMap<String, Arc<MtaConnectionStrategy>>,
    /// TLS strategies by name.
    pub tls: BTreeMap<String, Arc<MtaTlsStrategy>>,
    /// Local domains by name and by alias.
    pub domains: BTreeMap<mail::Domain, Arc<Domain>>,
    /// Accounts by each of their addresses, in lower case: ask [`Configuration::account`].
    pub accounts: BTreeMap<mail::Address, Arc<Account>>,
    /// Which route.
    pub route: CheckedExpression,
    /// Which schedule.
    pub schedule: CheckedExpression,
    /// Which connection strategy.
    pub connection: CheckedExpression,
    /// Which TLS strategy.
    pub tls_strategy: CheckedExpression,
}

impl Configuration {
    /// Loads settings from JSON and checks them; what is wrong with them otherwise.
    pub fn from_settings_json(json: &str, environment: &Environment) -> Result<Configuration, Vec<Finding>> {
        let _ = (json, environment);
        todo!()
    }

    /// The domain of this name or alias, if it is one of ours.
    pub fn local_domain(&self, name: &mail::Domain) -> Option<&Arc<Domain>> {
        self.domains.get(name)
    }

    /// The account that has this address or alias; upper and lower case are the same here.
    pub fn account(&self, address: &mail::Address) -> Option<&Arc<Account>> {
        let _ = address;
        todo!()
    }

    /// Whether the address is that of an account or a catch-all in a domain of ours.
    pub fn is_local_address(&self, address: &mail::Address) -> bool {
        let _ = address;
        todo!()
    }
}
