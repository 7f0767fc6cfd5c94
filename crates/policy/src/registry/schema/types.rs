//! Which struct declares which type?

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::Value;

use super::{Shape, TypeSchema, Variant, read};
use crate::settings::directory_server::{DirectoryHead, Internal};
use crate::settings::lookup_store::{Memory, StoreHead};
use crate::settings::route::{Local, RouteHead};
use crate::settings::{
    Account, DkimSignature, Domain, DsnReportSettings, HistorySettings, LdapDirectory, MailingList,
    MtaConnectionStrategy, MtaDeliverySchedule, MtaExtensions, MtaInboundThrottle, MtaOutboundStrategy,
    MtaOutboundThrottle, MtaQueueQuota, MtaTlsStrategy, MtaVirtualQueue, MxRoute, ObjectType, OidcDirectory,
    PostgreSqlLookup, RelayRoute, ReportSettings, SenderAuthSettings, SqlDirectory, SqliteLookup,
    SystemSettings, TlsReportSettings, WebHook,
};

pub(super) fn schema(kind: ObjectType) -> TypeSchema {
    let plain = |json: Value| Shape { variants: vec![read::variant(None, &json)] };
    let shape = match kind {
        ObjectType::System => plain(json::<SystemSettings>()),
        ObjectType::Outbound => plain(json::<MtaOutboundStrategy>()),
        ObjectType::Schedule => plain(json::<MtaDeliverySchedule>()),
        ObjectType::VirtualQueue => plain(json::<MtaVirtualQueue>()),
        ObjectType::Connection => plain(json::<MtaConnectionStrategy>()),
        ObjectType::Tls => plain(json::<MtaTlsStrategy>()),
        ObjectType::DsnReport => plain(json::<DsnReportSettings>()),
        ObjectType::Report => plain(json::<ReportSettings>()),
        ObjectType::TlsReport => plain(json::<TlsReportSettings>()),
        ObjectType::InboundThrottle => plain(json::<MtaInboundThrottle>()),
        ObjectType::OutboundThrottle => plain(json::<MtaOutboundThrottle>()),
        ObjectType::QueueQuota => plain(json::<MtaQueueQuota>()),
        ObjectType::Domain => plain(json::<Domain>()),
        ObjectType::Account => plain(json::<Account>()),
        ObjectType::MailingList => plain(json::<MailingList>()),
        ObjectType::DkimSignature => plain(json::<DkimSignature>()),
        ObjectType::SenderAuth => plain(json::<SenderAuthSettings>()),
        ObjectType::Extensions => plain(json::<MtaExtensions>()),
        ObjectType::History => plain(json::<HistorySettings>()),
        ObjectType::WebHook => plain(json::<WebHook>()),
        ObjectType::Route => variants(
            &json::<RouteHead>(),
            &[("Mx", json::<MxRoute>()), ("Relay", json::<RelayRoute>()), ("Local", json::<Local>())],
        ),
        ObjectType::Directory => variants(
            &json::<DirectoryHead>(),
            &[
                ("Internal", json::<Internal>()),
                ("Ldap", json::<LdapDirectory>()),
                ("Sql", json::<SqlDirectory>()),
                ("Oidc", json::<OidcDirectory>()),
            ],
        ),
        ObjectType::LookupStore => variants(
            &json::<StoreHead>(),
            &[
                ("Memory", json::<Memory>()),
                ("Sqlite", json::<SqliteLookup>()),
                ("PostgreSql", json::<PostgreSqlLookup>()),
            ],
        ),
    };
    let has = |name: &str| shape.variants.iter().all(|variant| variant.property(name).is_some());
    let label = ["name", "description"].into_iter().find(|name| has(name));
    let label = label.filter(|_| !kind.is_singleton());
    TypeSchema { kind, help: help(kind).to_owned(), label, shape }
}

/// The properties that every variant has stand before its own.
fn variants(head: &Value, variants: &[(&str, Value)]) -> Shape {
    let head = read::variant(None, head);
    let whole = |(name, json): &(&str, Value)| {
        let mut variant: Variant = read::variant(Some(name), json);
        variant.properties.splice(0..0, head.properties.iter().cloned());
        variant
    };
    Shape { variants: variants.iter().map(whole).collect() }
}

fn json<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    SchemaGenerator::new(settings).into_root_schema_for::<T>().to_value()
}

/// What a type is for, as its menu entry explains itself.
fn help(kind: ObjectType) -> &'static str {
    match kind {
        ObjectType::System => "The server's own names.",
        ObjectType::Route => {
            "Where a recipient's copy goes next. The strategy's route expression yields the name."
        }
        ObjectType::Outbound => "Four expressions that choose how each recipient is delivered.",
        ObjectType::Schedule => {
            "When a recipient is tried again, when the sender is told, and when we give up."
        }
        ObjectType::VirtualQueue => {
            "A share of the delivery capacity, so that no kind of mail waits for another."
        }
        ObjectType::Connection => {
            "From which address, under which name and with how much patience we connect."
        }
        ObjectType::Tls => "How much transport security a host must offer.",
        ObjectType::Directory => "Who knows the accounts of a domain, if not this server itself.",
        ObjectType::LookupStore => "A store that expressions look into.",
        ObjectType::DsnReport => "In whose name notifications are written, and which strangers get them.",
        ObjectType::Report => "Which host says that it reports.",
        ObjectType::TlsReport => "How other domains are told how our TLS connections to them went.",
        ObjectType::InboundThrottle => "How fast clients may come and send. Beyond it they hear 4yz.",
        ObjectType::OutboundThrottle => {
            "How fast mail is delivered. Beyond it deliveries wait; nothing is refused."
        }
        ObjectType::QueueQuota => {
            "How much of some mail the queue holds at most. Beyond it clients hear 452."
        }
        ObjectType::Domain => "A domain whose mail we take.",
        ObjectType::Account => "Somebody with a mailbox.",
        ObjectType::MailingList => "An address whose mail goes to many.",
        ObjectType::DkimSignature => "A key with which the mail of a domain is signed.",
        ObjectType::SenderAuth => "What is signed as ours, and how strictly it is asked whose mail comes in.",
        ObjectType::Extensions => "Which SMTP extensions a client is offered.",
        ObjectType::History => "How long it is remembered what became of messages, and how much of it.",
        ObjectType::WebHook => "Somebody who is told by HTTP what happens.",
    }
}
