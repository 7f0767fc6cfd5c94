//! `Directory`: who knows the accounts of a domain, if not we ourselves.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::json::fields;
use super::secret::SecretKeyOptional;
use super::shape;

/// A named directory.
#[derive(Clone, PartialEq, Debug)]
pub struct DirectoryServer {
    /// Unique among directories.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Which kind, with its own fields.
    pub kind: DirectoryKind,
}

/// The kinds of directory.
#[derive(Clone, PartialEq, Debug)]
pub enum DirectoryKind {
    /// Our own accounts.
    Internal,
    /// A server that speaks LDAP (RFC 4511).
    Ldap(LdapDirectory),
    /// A database that a lookup store reaches.
    Sql(SqlDirectory),
    /// An identity provider that speaks OpenID Connect. Accounts are our own; who they are is known there.
    Oidc(OidcDirectory),
}

/// What an Ldap directory says.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LdapDirectory {
    /// `ldap://host:389` or `ldaps://host:636`.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Text")]
    pub url: String,
    /// Whether a connection to `ldap://` is encrypted before anything is said (StartTLS).
    #[serde(default)]
    pub start_tls: bool,
    /// Whether a certificate that does not verify is good enough.
    #[serde(default)]
    pub allow_invalid_certs: bool,
    /// As whom accounts are looked for; as nobody unless said.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub bind_dn: Option<String>,
    /// The password of it.
    #[serde(default)]
    pub bind_secret: SecretKeyOptional,
    /// Below which entry accounts are looked for.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Text")]
    pub base_dn: String,
    /// Which entry is the account of an address (RFC 4515). `{address}`, `{local}` and `{domain}` stand for its parts.
    #[serde(default = "filter", deserialize_with = "fields::text")]
    #[schemars(with = "shape::Text")]
    pub filter: String,
    /// The attribute with the account's name, which is its first address.
    #[serde(default = "mail", deserialize_with = "fields::text")]
    #[schemars(with = "shape::Text")]
    pub attribute_name: String,
    /// The attribute with its further addresses.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub attribute_aliases: Option<String>,
    /// The attribute with the bytes of mail that the mailbox holds at most.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub attribute_quota: Option<String>,
    /// The attribute with what people call the account.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub attribute_description: Option<String>,
    /// How long one question may take, connecting included.
    #[serde(default = "patience", deserialize_with = "fields::millis")]
    #[serde(serialize_with = "shape::millis")]
    #[schemars(with = "shape::Millis")]
    pub timeout: Duration,
    /// Connections at once, 1 to 64.
    #[serde(default = "pool", deserialize_with = "pool_max")]
    #[schemars(with = "shape::Count", extend("maximum" = 64))]
    pub pool_max_connections: usize,
    /// How long what was found about an address holds.
    #[serde(default = "remembered", deserialize_with = "fields::millis")]
    #[serde(serialize_with = "shape::millis")]
    #[schemars(with = "shape::Millis")]
    pub cache_ttl: Duration,
}

/// What a Sql directory says.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SqlDirectory {
    /// The lookup store that is asked.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Text")]
    pub store: String,
    /// One row for an address, given as `$1`: the account's name; then, if there, the password's hash, the quota in bytes,
    /// and what people call it. No row: there is no such account.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Text")]
    pub query_account: String,
    /// One row for each further address of the account whose name is `$1`.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub query_aliases: Option<String>,
    /// How long what was found about an address holds.
    #[serde(default = "remembered", deserialize_with = "fields::millis")]
    #[serde(serialize_with = "shape::millis")]
    #[schemars(with = "shape::Millis")]
    pub cache_ttl: Duration,
}

/// What an Oidc directory says.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OidcDirectory {
    /// Who makes the tokens, exactly as they say it: `https://login.example.org/realms/mail`.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Text")]
    pub issuer: String,
    /// For whom tokens must be made, such as the client id of mail programs.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Text")]
    pub audience: String,
    /// Which claim has the address of the account.
    #[serde(default = "email", deserialize_with = "fields::text")]
    #[schemars(with = "shape::Text")]
    pub claim_address: String,
    /// Where the keys are; where the issuer's metadata says unless said.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub jwks_url: Option<String>,
    /// Whether the issuer may have a private address, such as 10.0.0.5.
    #[serde(default)]
    pub allow_private: bool,
}

/// What all kinds say.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DirectoryHead {
    /// What domains and `SystemSettings` call it; unique.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Name")]
    pub(crate) name: String,
    /// A note for people; nothing depends on it.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub(crate) description: Option<String>,
}

/// What an Internal directory says: nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Internal {}

impl DirectoryServer {
    /// Whether addresses must be asked for there; accounts of the others are our own.
    pub fn is_elsewhere(&self) -> bool {
        match &self.kind {
            DirectoryKind::Internal | DirectoryKind::Oidc(_) => false,
            DirectoryKind::Ldap(_) | DirectoryKind::Sql(_) => true,
        }
    }
}

impl LdapDirectory {
    /// Host, port, and whether it is TLS from the start; nothing if the URL is none.
    pub fn place(&self) -> Option<(&str, u16, bool)> {
        let (rest, port, tls) = match self.url.strip_prefix("ldaps://") {
            Some(rest) => (rest, 636, true),
            None => (self.url.strip_prefix("ldap://")?, 389, false),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, digits)) if !digits.contains(']') => {
                (host, digits.parse().ok().filter(|port| *port > 0)?)
            }
            _ => (rest, port),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '_');
        (!host.is_empty() && host.chars().all(plain)).then_some((host, port, tls))
    }
}

fn filter() -> String {
    "(mail={address})".to_owned()
}

fn mail() -> String {
    "mail".to_owned()
}

fn email() -> String {
    "email".to_owned()
}

fn pool_max<'de, D: serde::Deserializer<'de>>(json: D) -> Result<usize, D::Error> {
    const CONNECTIONS_MAX: usize = 64;
    match fields::at_least_one(json)? {
        many if many > CONNECTIONS_MAX => {
            Err(serde::de::Error::custom(format!("must be at most {CONNECTIONS_MAX}")))
        }
        count => Ok(count),
    }
}

const fn patience() -> Duration {
    Duration::from_secs(5)
}

const fn remembered() -> Duration {
    Duration::from_secs(60)
}

const fn pool() -> usize {
    4
}
