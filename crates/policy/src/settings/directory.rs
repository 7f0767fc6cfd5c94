//! `Domain` and `Account`: for whom mail is ours.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::json::fields;
use super::secret::Secret;
use super::shape;

/// A domain whose mail we take.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Domain {
    /// The domain name, as it stands behind the @.
    #[serde(deserialize_with = "fields::domain")]
    #[schemars(with = "shape::DomainKey")]
    pub name: mail::Domain,
    /// A note for people; nothing depends on it.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub description: Option<String>,
    /// Other names of the same domain.
    #[serde(default, deserialize_with = "fields::domains")]
    #[schemars(with = "BTreeSet<shape::DomainName>")]
    pub aliases: Vec<mail::Domain>,
    /// Where mail for unknown addresses of the domain goes; refused unless said.
    #[serde(default, deserialize_with = "fields::optional_address")]
    #[schemars(with = "Option<shape::Mailbox>")]
    pub catch_all_address: Option<mail::Address>,
    /// Whether unknown addresses are accepted as they are, to be routed elsewhere.
    #[serde(default)]
    pub allow_relaying: bool,
    /// The name of the directory that knows its accounts; that of `SystemSettings` unless said. Our own accounts are known
    /// in any case.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub directory: Option<String>,
}

/// Somebody with a mailbox.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Account {
    /// The login name, which is also the first address.
    #[serde(deserialize_with = "fields::address")]
    #[schemars(with = "shape::AddressKey")]
    pub name: mail::Address,
    /// A note for people; nothing depends on it.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub description: Option<String>,
    /// Further addresses of the same mailbox.
    #[serde(default, deserialize_with = "fields::addresses")]
    #[schemars(with = "BTreeSet<shape::Mailbox>")]
    pub aliases: Vec<mail::Address>,
    /// The password. What is kept is its argon2id hash; a hash in PHC form is taken as it is.
    #[serde(default)]
    #[schemars(with = "Option<shape::Password>")]
    pub secret: Option<Secret>,
    /// Bytes of mail that the mailbox holds at most; no limit unless said.
    #[serde(default)]
    #[schemars(with = "Option<shape::AnyBytes>")]
    pub quota: Option<u64>,
    /// Whether mail to a sub-address, such as `ann+work@`, goes into the mailbox of that name if there is one.
    #[serde(default)]
    pub detail_to_mailbox: bool,
}
