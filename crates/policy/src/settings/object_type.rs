//! Which types of settings objects are there?

use std::fmt;

use crate::expr::suggest::closest;

/// A type of settings objects.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ObjectType {
    /// The server's own names.
    System,
    /// Where mail goes next.
    Route,
    /// The expressions that choose how mail is delivered.
    Outbound,
    /// When mail is tried again and given up.
    Schedule,
    /// Shares of the delivery capacity.
    VirtualQueue,
    /// From which addresses, with how much patience.
    Connection,
    /// How much transport security.
    Tls,
    /// What expressions look into.
    LookupStore,
    /// In whose name notifications are written.
    DsnReport,
    /// Which host says that it reports.
    Report,
    /// How other domains are told of our TLS connections.
    TlsReport,
    /// How fast clients may send.
    InboundThrottle,
    /// How fast mail is delivered.
    OutboundThrottle,
    /// How much may wait.
    QueueQuota,
    /// Who knows accounts.
    Directory,
    /// Domains that are ours.
    Domain,
    /// Mailboxes.
    Account,
    /// Addresses whose mail goes to many.
    MailingList,
    /// Keys that sign.
    DkimSignature,
    /// Whose mail comes in, and what is signed.
    SenderAuth,
    /// What clients are offered.
    Extensions,
    /// How long it is remembered what became of messages.
    History,
    /// Who is told what happens.
    WebHook,
}

const TYPES: &[(&str, ObjectType)] = &[
    ("SystemSettings", ObjectType::System),
    ("MtaRoute", ObjectType::Route),
    ("MtaOutboundStrategy", ObjectType::Outbound),
    ("MtaDeliverySchedule", ObjectType::Schedule),
    ("MtaVirtualQueue", ObjectType::VirtualQueue),
    ("MtaConnectionStrategy", ObjectType::Connection),
    ("MtaTlsStrategy", ObjectType::Tls),
    ("StoreLookup", ObjectType::LookupStore),
    ("DsnReportSettings", ObjectType::DsnReport),
    ("ReportSettings", ObjectType::Report),
    ("TlsReportSettings", ObjectType::TlsReport),
    ("MtaInboundThrottle", ObjectType::InboundThrottle),
    ("MtaOutboundThrottle", ObjectType::OutboundThrottle),
    ("MtaQueueQuota", ObjectType::QueueQuota),
    ("Directory", ObjectType::Directory),
    ("Domain", ObjectType::Domain),
    ("Account", ObjectType::Account),
    ("MailingList", ObjectType::MailingList),
    ("DkimSignature", ObjectType::DkimSignature),
    ("SenderAuthSettings", ObjectType::SenderAuth),
    ("MtaExtensions", ObjectType::Extensions),
    ("HistorySettings", ObjectType::History),
    ("WebHook", ObjectType::WebHook),
];

/// The variants of a route, which stand for its type where objects are not listed by type.
pub(super) const ROUTE_VARIANTS: &[&str] = &["Local", "Mx", "Relay"];
/// The variants of a lookup store, likewise.
pub(super) const STORE_VARIANTS: &[&str] = &["Memory", "Sqlite", "PostgreSql"];
/// The variants of a directory, likewise.
pub(super) const DIRECTORY_VARIANTS: &[&str] = &["Internal", "Ldap", "Sql", "Oidc"];

impl ObjectType {
    /// All of them.
    pub fn all() -> impl Iterator<Item = ObjectType> {
        TYPES.iter().map(|(_, kind)| *kind)
    }

    /// As documents write it.
    pub fn name(self) -> &'static str {
        TYPES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// The type of this name, in any case, with or without `x:`.
    pub fn named(name: &str) -> Option<ObjectType> {
        let plain = name.strip_prefix("x:").unwrap_or(name);
        TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(plain)).map(|(_, kind)| *kind)
    }

    /// Whether there is exactly one object of it.
    pub fn is_singleton(self) -> bool {
        matches!(
            self,
            ObjectType::System
                | ObjectType::Outbound
                | ObjectType::DsnReport
                | ObjectType::Report
                | ObjectType::TlsReport
                | ObjectType::SenderAuth
                | ObjectType::Extensions
                | ObjectType::History
        )
    }
}

impl fmt::Display for ObjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The type of this name; what may have been meant otherwise.
pub(super) fn find(name: &str) -> Result<ObjectType, String> {
    let names = || TYPES.iter().map(|(known, _)| *known);
    ObjectType::named(name).ok_or_else(|| {
        let candidates =
            names().chain(ROUTE_VARIANTS.iter().chain(STORE_VARIANTS).chain(DIRECTORY_VARIANTS).copied());
        let near = closest(name.strip_prefix("x:").unwrap_or(name), candidates);
        let all = || format!("there are {}", names().collect::<Vec<_>>().join(", "));
        near.map_or_else(all, |near| format!("did you mean {near}?"))
    })
}
