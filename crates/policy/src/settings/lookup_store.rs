//! `StoreLookup`: a store that expressions look into.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::json::fields;
use super::secret::SecretKeyOptional;
use super::shape;
use super::tls_strategy::TlsLevel;
use crate::expr::StoreKind;

/// A named lookup store. The name is what `key_get` and the like take as their first argument.
#[derive(Clone, PartialEq, Debug)]
pub struct StoreLookup {
    /// Unique among lookup stores; neither empty nor `*`, which stand for the default store.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Which of the three kinds, with its own fields.
    pub kind: LookupStoreKind,
}

/// The three kinds of lookup store.
#[derive(Clone, PartialEq, Debug)]
pub enum LookupStoreKind {
    /// In the memory of the server: empty after a restart.
    Memory,
    /// A file that SQLite reads.
    Sqlite(SqliteLookup),
    /// A database of a PostgreSQL server.
    PostgreSql(PostgreSqlLookup),
}

/// What a Sqlite store says.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SqliteLookup {
    /// The file, as an absolute path; made if it is not there, in a directory that is.
    #[serde(deserialize_with = "path")]
    #[schemars(with = "shape::FilePath")]
    pub path: PathBuf,
    /// How long one lookup may take.
    #[serde(default = "patience", deserialize_with = "fields::millis")]
    #[serde(serialize_with = "shape::millis")]
    #[schemars(with = "shape::Millis")]
    pub timeout: Duration,
}

/// What a PostgreSql store says.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostgreSqlLookup {
    /// A host name, an IP address, or the directory of a Unix socket.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Text")]
    pub host: String,
    /// The port of the server.
    #[serde(default = "postgresql_port", deserialize_with = "fields::port")]
    #[schemars(with = "shape::Port")]
    pub port: u16,
    /// The name of the database.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Text")]
    pub database: String,
    /// The user who asks.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Text")]
    pub auth_username: String,
    /// The user's password, if the server wants one.
    #[serde(default)]
    pub auth_secret: SecretKeyOptional,
    /// Whether the connection is encrypted; never on a Unix socket.
    #[serde(default = "required")]
    pub tls: TlsLevel,
    /// Whether a certificate that does not verify is good enough.
    #[serde(default)]
    pub allow_invalid_certs: bool,
    /// How long one lookup may take, connecting included.
    #[serde(default = "patience", deserialize_with = "fields::millis")]
    #[serde(serialize_with = "shape::millis")]
    #[schemars(with = "shape::Millis")]
    pub timeout: Duration,
    /// Connections at once, 1 to 64.
    #[serde(default = "pool", deserialize_with = "pool_max")]
    #[schemars(with = "shape::Count", extend("maximum" = 64))]
    pub pool_max_connections: usize,
}

/// What all kinds say.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StoreHead {
    /// What `key_get` and the like take as their first argument; unique, and not `*`.
    #[serde(deserialize_with = "name")]
    #[schemars(with = "shape::Name")]
    pub(crate) name: String,
    /// A note for people; nothing depends on it.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub(crate) description: Option<String>,
}

/// What a Memory store says: nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Memory {}

impl LookupStoreKind {
    /// What it can be asked.
    pub fn knows(&self) -> StoreKind {
        match self {
            LookupStoreKind::Memory => StoreKind::Keys,
            LookupStoreKind::Sqlite(_) | LookupStoreKind::PostgreSql(_) => StoreKind::Sql,
        }
    }
}

impl PostgreSqlLookup {
    /// Whether the host is the directory of a Unix socket.
    pub fn is_local_socket(&self) -> bool {
        self.host.starts_with('/')
    }
}

fn name<'de, D: serde::Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    match fields::text(json)? {
        star if star == "*" => Err(serde::de::Error::custom("* stands for the default store")),
        name => Ok(name),
    }
}

fn path<'de, D: serde::Deserializer<'de>>(json: D) -> Result<PathBuf, D::Error> {
    let path = PathBuf::from(fields::text(json)?);
    match path.is_absolute() {
        true => Ok(path),
        false => Err(serde::de::Error::custom(format!("'{}' is no absolute path", path.display()))),
    }
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

const fn postgresql_port() -> u16 {
    5432
}

const fn required() -> TlsLevel {
    TlsLevel::Require
}

const fn pool() -> usize {
    4
}
