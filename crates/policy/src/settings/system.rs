//! `SystemSettings`: the server's own names.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::json::fields;
use super::shape;

/// The singleton.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
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
    /// Who is asked for accounts of domains that name no directory of their own; our own accounts unless said.
    #[serde(deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub directory: Option<String>,
    /// How clients may say who they are; tokens only where a directory knows them.
    #[serde(serialize_with = "shape::set")]
    #[schemars(with = "BTreeSet<SaslMechanism>")]
    pub sasl_mechanisms: BTreeSet<SaslMechanism>,
}

/// How clients say who they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SaslMechanism {
    /// SCRAM-SHA-256 (RFC 7677): the password is not sent. What it is checked with is kept from then on, when a password is set.
    ScramSha256,
    /// PLAIN (RFC 4616).
    Plain,
    /// LOGIN, for old clients.
    Login,
    /// OAUTHBEARER (RFC 7628).
    OauthBearer,
    /// XOAUTH2, for old clients.
    Xoauth2,
}

impl Default for SystemSettings {
    fn default() -> Self {
        use SaslMechanism::{Login, OauthBearer, Plain, Xoauth2};
        SystemSettings {
            default_hostname: None,
            default_domain: None,
            directory: None,
            sasl_mechanisms: BTreeSet::from([Plain, Login, OauthBearer, Xoauth2]),
        }
    }
}
