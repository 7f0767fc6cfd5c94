//! `SystemSettings`: the server's own names.

use schemars::JsonSchema;
use serde::Deserialize;

use super::json::fields;
use super::shape;

/// The singleton.
#[derive(Clone, PartialEq, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SystemSettings {
    /// This server's host name: EHLO, Received, Reporting-MTA; the machine's own name unless said.
    #[serde(deserialize_with = "fields::optional_domain")]
    #[schemars(with = "Option<shape::Host>")]
    pub default_hostname: Option<mail::Domain>,
    /// The default mail domain; the host name unless said.
    #[serde(deserialize_with = "fields::optional_domain")]
    #[schemars(with = "Option<shape::DomainName>")]
    pub default_domain: Option<mail::Domain>,
}
