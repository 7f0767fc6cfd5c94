//! The settings objects, each declared once: fields, defaults, bounds, one-line descriptions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

pub mod connection_strategy;
pub mod delivery_schedule;
pub mod directory;
pub mod directory_server;
pub mod dkim_signature;
pub mod dsn_report;
mod expression;
pub mod extensions;
mod fresh;
pub mod history;
mod json;
pub mod lookup_store;
pub mod mailing_list;
pub mod object_type;
pub mod outbound_strategy;
pub mod queue_quota;
pub mod relay;
pub mod report;
pub mod route;
pub mod secret;
pub mod sender_auth;
mod shape;
pub mod system;
pub mod throttle;
pub mod tls_report;
pub mod tls_strategy;
pub mod virtual_queue;
pub mod webhook;

#[cfg(test)]
mod tests;

pub use connection_strategy::{MtaConnectionStrategy, SourceIp, SourceSelection};
pub use delivery_schedule::{DeliveryExpiration, MtaDeliverySchedule, NotifyFrom};
pub use directory::{Account, Domain};
pub use directory_server::{DirectoryKind, DirectoryServer, LdapDirectory, OidcDirectory, SqlDirectory};
pub use dkim_signature::DkimSignature;
pub use dsn_report::{DsnReportSettings, NotifyUnauthenticated};
pub use extensions::MtaExtensions;
pub use history::{Dialogues, HistorySettings};
pub(crate) use json::{FRESH, WrittenObject, documents};
pub use lookup_store::{LookupStoreKind, PostgreSqlLookup, SqliteLookup, StoreLookup};
pub use mailing_list::{AllowedSenders, MailingList, ReplyTo};
pub use object_type::ObjectType;
pub use outbound_strategy::MtaOutboundStrategy;
pub use queue_quota::{MtaQueueQuota, QuotaKey};
pub use relay::{AuthMechanism, RelayAddress, RelayHost, RelayLookup, RelayProtocol, RelayRoute};
pub use report::ReportSettings;
pub use route::{IpLookupStrategy, MtaRoute, MxRoute, RouteKind};
pub use secret::{Secret, SecretKeyOptional, SecretReference};
pub use sender_auth::SenderAuthSettings;
pub use system::{SaslMechanism, SystemSettings};
pub use throttle::{InboundKey, MtaInboundThrottle, MtaOutboundThrottle, OutboundKey, Rate, Window};
pub use tls_report::TlsReportSettings;
pub use tls_strategy::{MtaTlsStrategy, TlsLevel};
pub use virtual_queue::MtaVirtualQueue;
pub use webhook::{WebHook, WebHookEvent, is_loopback_url, url_fault};

/// All settings objects, as written; not yet checked against each other.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// The server's own names.
    pub system: SystemSettings,
    /// Routes by name.
    pub routes: BTreeMap<String, MtaRoute>,
    /// The four expressions.
    pub outbound: MtaOutboundStrategy,
    /// Schedules by name.
    pub schedules: BTreeMap<String, MtaDeliverySchedule>,
    /// Virtual queues by name.
    pub virtual_queues: BTreeMap<String, MtaVirtualQueue>,
    /// Connection strategies by name.
    pub connections: BTreeMap<String, MtaConnectionStrategy>,
    /// TLS strategies by name.
    pub tls: BTreeMap<String, MtaTlsStrategy>,
    /// In whose name notifications are written.
    pub dsn_report: DsnReportSettings,
    /// Which host says that it reports.
    pub report: ReportSettings,
    /// How other domains are told how our TLS connections to them went.
    pub tls_report: TlsReportSettings,
    /// How fast clients may send, in the order of the file.
    pub inbound_throttles: Vec<MtaInboundThrottle>,
    /// How fast mail is delivered, in the order of the file.
    pub outbound_throttles: Vec<MtaOutboundThrottle>,
    /// How much the queue holds, in the order of the file.
    pub queue_quotas: Vec<MtaQueueQuota>,
    /// Lookup stores by name, without the default one.
    pub lookup_stores: BTreeMap<String, StoreLookup>,
    /// Directories by name.
    pub directories: BTreeMap<String, DirectoryServer>,
    /// Local domains by name.
    pub domains: BTreeMap<mail::Domain, Domain>,
    /// Accounts by name.
    pub accounts: BTreeMap<mail::Address, Account>,
    /// Mailing lists by name.
    pub mailing_lists: BTreeMap<mail::Address, MailingList>,
    /// Signatures by name.
    pub dkim_signatures: BTreeMap<String, DkimSignature>,
    /// What is signed, and how incoming mail is checked.
    pub sender_auth: SenderAuthSettings,
    /// Which extensions clients are offered.
    pub extensions: MtaExtensions,
    /// How long it is remembered what became of messages.
    pub history: HistorySettings,
    /// Who is told what happens, by name.
    pub webhooks: BTreeMap<String, WebHook>,
}

/// What is wrong with a settings file, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingsError {
    /// Which object, such as `MtaRoute relay`; empty if it is the file as a whole.
    pub object: String,
    /// Which property, such as `authSecret.secret`; empty if it is the object as a whole.
    pub property: String,
    /// The line in the file, from 1; 0 if there is no file.
    pub line: usize,
    /// The column in the line, in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What may have been meant.
    pub hint: Option<String>,
}

impl Settings {
    /// The objects that exist without being written down.
    pub fn fresh() -> Self {
        fresh::settings()
    }

    /// The fresh objects, replaced and added to by those of a JSON text.
    ///
    /// Accepted are an object keyed by type, an array of objects that carry `@type`, and a single such object.
    pub fn from_json(text: &str) -> Result<Self, Vec<SettingsError>> {
        let mut settings = Self::fresh();
        json::load(text, &mut settings)?;
        Ok(settings)
    }

    /// The addresses that mail is to leave from: what is tried before the check.
    pub fn source_addresses(&self) -> BTreeSet<IpAddr> {
        let sources = self.connections.values().flat_map(|connection| &connection.source_ips);
        sources.map(|source| source.source_ip).collect()
    }

    /// The secrets that lie outside the settings: what must be read before the check.
    pub fn secret_references(&self) -> Vec<SecretReference> {
        let relays = self.routes.values().filter_map(|route| match &route.kind {
            RouteKind::Relay(relay) => Some(relay),
            RouteKind::Local | RouteKind::Mx(_) => None,
        });
        let secrets = relays.flat_map(RelayRoute::secret_references);
        let stores = self.lookup_stores.values().filter_map(|store| match &store.kind {
            LookupStoreKind::PostgreSql(server) => server.auth_secret.reference(),
            LookupStoreKind::Memory | LookupStoreKind::Sqlite(_) => None,
        });
        let keys = self.dkim_signatures.values().filter_map(|signature| signature.key.reference());
        let directories = self.directories.values().filter_map(|directory| match &directory.kind {
            DirectoryKind::Ldap(server) => server.bind_secret.reference(),
            DirectoryKind::Internal | DirectoryKind::Sql(_) | DirectoryKind::Oidc(_) => None,
        });
        let hooks = self.webhooks.values().filter_map(|hook| hook.secret.reference());
        let elsewhere = stores.chain(directories);
        secrets.chain(elsewhere).chain(keys).chain(hooks).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        if !self.object.is_empty() {
            write!(f, "{}: ", self.object)?;
        }
        if !self.property.is_empty() {
            write!(f, "{}: ", self.property)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}
