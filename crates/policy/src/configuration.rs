//! The configuration in force: settings that passed all checks, compiled. Only `check` makes one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::authenticity::SenderAuth;
use crate::check::{Checked, Environment, Finding, check};
use crate::expr::{CheckedExpression, Surroundings};
use crate::extensions::Extensions;
use crate::quota::Quotas;
use crate::reporter::ReportRules;
use crate::settings::{
    Account, DirectoryServer, Domain, HistorySettings, MailingList, MtaConnectionStrategy,
    MtaDeliverySchedule, MtaRoute, MtaTlsStrategy, MtaVirtualQueue, SaslMechanism, Secret, Settings,
    StoreLookup, WebHook,
};
use crate::signing::Signer;
use crate::throttle::{InboundThrottles, OutboundThrottles};
use crate::tls_report::TlsReportRules;

/// An immutable whole; a change makes a new one.
#[derive(Debug)]
pub struct Configuration {
    /// This server's host name: EHLO, Received, Reporting-MTA.
    pub hostname: mail::Domain,
    /// The default mail domain.
    pub domain: mail::Domain,
    /// Routes by name.
    pub routes: BTreeMap<String, Arc<MtaRoute>>,
    /// Lookup stores by name, without the default one.
    pub lookup_stores: BTreeMap<String, Arc<StoreLookup>>,
    /// The secret of each lookup store that has one, by its name: read when the settings were loaded.
    pub lookup_secrets: BTreeMap<String, Secret>,
    /// Schedules by name.
    pub schedules: BTreeMap<String, Arc<MtaDeliverySchedule>>,
    /// Virtual queues by name.
    pub virtual_queues: BTreeMap<String, Arc<MtaVirtualQueue>>,
    /// Connection strategies by name.
    pub connections: BTreeMap<String, Arc<MtaConnectionStrategy>>,
    /// TLS strategies by name.
    pub tls: BTreeMap<String, Arc<MtaTlsStrategy>>,
    /// Directories by name.
    pub directories: BTreeMap<String, Arc<DirectoryServer>>,
    /// The secret of each directory that has one, by its name.
    pub directory_secrets: BTreeMap<String, Secret>,
    /// The directory of domains that name none.
    pub directory: Option<Arc<DirectoryServer>>,
    /// How clients may say who they are.
    pub sasl: BTreeSet<SaslMechanism>,
    /// Local domains by name and by alias.
    pub domains: BTreeMap<mail::Domain, Arc<Domain>>,
    /// Accounts by each of their addresses, in lower case: ask [`Configuration::account`].
    pub accounts: BTreeMap<mail::Address, Arc<Account>>,
    /// Mailing lists by their address, in lower case: ask [`Configuration::mailing_list`].
    pub mailing_lists: BTreeMap<mail::Address, Arc<MailingList>>,
    /// How fast clients may send.
    pub inbound: InboundThrottles,
    /// How fast mail is delivered.
    pub outbound: OutboundThrottles,
    /// How much the queue holds.
    pub quotas: Quotas,
    /// How the sender of mail is authenticated.
    pub sender_auth: SenderAuth,
    /// Which extensions clients are offered.
    pub extensions: Extensions,
    /// What signs mail of ours, by domain.
    pub signers: BTreeMap<mail::Domain, Vec<Arc<Signer>>>,
    /// Which route.
    pub route: CheckedExpression,
    /// Which schedule.
    pub schedule: CheckedExpression,
    /// Which connection strategy.
    pub connection: CheckedExpression,
    /// Which TLS strategy.
    pub tls_strategy: CheckedExpression,
    /// In whose name notifications and reports are written, and who gets them.
    pub reports: ReportRules,
    /// How other domains are told how our TLS connections to them went.
    pub tls_reports: TlsReportRules,
    /// How long it is remembered what became of messages.
    pub history: HistorySettings,
    /// Who is told what happens, by name, with what signs.
    pub webhooks: BTreeMap<String, (Arc<WebHook>, Option<Secret>)>,
    /// Whether domains or accounts may be missing, as stored settings could not be read: whom it does not know, it must
    /// not refuse for good.
    pub incomplete: bool,
}

impl Configuration {
    /// Loads settings from JSON and checks them; what is wrong with them otherwise.
    pub fn from_settings_json(json: &str, environment: &Environment) -> Result<Configuration, Vec<Finding>> {
        let settings = Settings::from_json(json)
            .map_err(|errors| errors.into_iter().map(Finding::from).collect::<Vec<_>>())?;
        let Checked { findings, configuration } = check(&settings, environment);
        configuration.ok_or(findings)
    }

    /// The domain of this name or alias, if it is one of ours.
    pub fn local_domain(&self, name: &mail::Domain) -> Option<&Arc<Domain>> {
        self.domains.get(name)
    }

    /// The account that has this address or alias; upper and lower case are the same here, and so are the names of
    /// one domain.
    pub fn account(&self, address: &mail::Address) -> Option<&Arc<Account>> {
        let lower = lower_case(address);
        let direct = self.accounts.get(&lower);
        direct.or_else(|| {
            let domain = self.domains.get(&lower.domain)?.name.clone();
            self.accounts.get(&mail::Address { domain, ..lower })
        })
    }

    /// The mailing list of this address, likewise.
    pub fn mailing_list(&self, address: &mail::Address) -> Option<&Arc<MailingList>> {
        if self.mailing_lists.is_empty() {
            return None;
        }
        let lower = lower_case(address);
        let direct = self.mailing_lists.get(&lower);
        direct.or_else(|| {
            let domain = self.domains.get(&lower.domain)?.name.clone();
            self.mailing_lists.get(&mail::Address { domain, ..lower })
        })
    }

    /// The directory that knows the accounts of a domain of ours; none if that is this server alone.
    pub fn directory_of(&self, domain: &mail::Domain) -> Option<&Arc<DirectoryServer>> {
        if self.directories.is_empty() {
            return None;
        }
        match &self.domains.get(domain)?.directory {
            Some(name) => self.directories.get(name),
            None => self.directory.as_ref(),
        }
    }

    /// The directory elsewhere that must be asked about this address, as no account of our own has it.
    pub fn elsewhere(&self, address: &mail::Address) -> Option<&Arc<DirectoryServer>> {
        let directory = self.directory_of(&address.domain).filter(|directory| directory.is_elsewhere())?;
        self.account(address).is_none().then_some(directory)
    }

    /// Whether the address is that of an account, a list or a catch-all in a domain of ours; taken for one where a
    /// directory elsewhere knows, which was asked when the recipient was admitted.
    pub fn is_local_address(&self, address: &mail::Address) -> bool {
        let domain = self.domains.get(&address.domain);
        domain.is_some_and(|domain| {
            domain.catch_all_address.is_some()
                || self.account(address).is_some()
                || self.mailing_list(address).is_some()
                || self.elsewhere(address).is_some()
        })
    }
}

/// The form in which addresses of accounts are compared.
pub(crate) fn lower_case(address: &mail::Address) -> mail::Address {
    let lower = address.to_string().to_lowercase();
    mail::Address::parse(&lower).unwrap_or_else(|_| address.clone())
}

impl Surroundings for Configuration {
    fn is_local_domain(&self, domain: &str) -> bool {
        let is_canonical = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
        self.domains.contains_key(domain)
            || (!domain.bytes().all(is_canonical) || domain.ends_with('.'))
                && mail::Domain::parse(domain).is_ok_and(|domain| self.domains.contains_key(&domain))
    }

    fn is_local_address(&self, address: &str) -> bool {
        mail::Address::parse(address).is_ok_and(|address| self.is_local_address(&address))
    }

    fn hostname(&self) -> &str {
        self.hostname.as_str()
    }

    fn domain(&self) -> &str {
        self.domain.as_str()
    }
}
