//! `Domain` and `Account`: for whom mail is ours.

use serde::Deserialize;

use super::json::fields;
use super::secret::Secret;

/// A domain whose mail we take.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Domain {
    /// The domain name.
    #[serde(deserialize_with = "fields::domain")]
    pub name: mail::Domain,
    /// For people.
    #[serde(default, deserialize_with = "fields::optional_text")]
    pub description: Option<String>,
    /// Other names of the same domain.
    #[serde(default, deserialize_with = "fields::domains")]
    pub aliases: Vec<mail::Domain>,
    /// Where mail for unknown addresses goes, if anywhere.
    #[serde(default, deserialize_with = "fields::optional_address")]
    pub catch_all_address: Option<mail::Address>,
    /// Whether unknown addresses are accepted as they are, to be routed elsewhere.
    #[serde(default)]
    pub allow_relaying: bool,
}

/// Somebody with a mailbox.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Account {
    /// The login name, also the first address.
    #[serde(deserialize_with = "fields::address")]
    pub name: mail::Address,
    /// For people.
    #[serde(default, deserialize_with = "fields::optional_text")]
    pub description: Option<String>,
    /// Further addresses.
    #[serde(default, deserialize_with = "fields::addresses")]
    pub aliases: Vec<mail::Address>,
    /// The password, as an argon2id hash in PHC form or, in a file written by hand, as plain text.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// Bytes of mail at most; no limit unless said.
    #[serde(default)]
    pub quota: Option<u64>,
}
