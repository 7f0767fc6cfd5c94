//! `SystemSettings`: the server's own names.

use serde::Deserialize;

use super::json::fields;

/// The singleton.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SystemSettings {
    /// This server's host name: EHLO, Received, Reporting-MTA; the machine's own name unless said.
    #[serde(deserialize_with = "fields::optional_domain")]
    pub default_hostname: Option<mail::Domain>,
    /// The default mail domain; the host name unless said.
    #[serde(deserialize_with = "fields::optional_domain")]
    pub default_domain: Option<mail::Domain>,
}
