//! `StoreLookup`: a store that expressions look into.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::json::fields;
use super::secret::SecretKeyOptional;
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
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SqliteLookup {
    /// The file; made if it is not there, in a directory that is.
    #[serde(deserialize_with = "path")]
    pub path: PathBuf,
    /// For one lookup; 5 seconds unless said.
    #[serde(default = "patience", deserialize_with = "fields::millis")]
    pub timeout: Duration,
}

/// What a PostgreSql store says.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostgreSqlLookup {
    /// A host name, an IP address, or the directory of a Unix socket.
    #[serde(deserialize_with = "fields::text")]
    pub host: String,
    /// 5432 unless said.
    #[serde(default = "postgresql_port", deserialize_with = "fields::port")]
    pub port: u16,
    /// The database.
    #[serde(deserialize_with = "fields::text")]
    pub database: String,
    /// The user.
    #[serde(deserialize_with = "fields::text")]
    pub auth_username: String,
    /// The user's password, if the server wants one.
    #[serde(default)]
    pub auth_secret: SecretKeyOptional,
    /// TLS; required unless said, and not used on a Unix socket.
    #[serde(default = "required")]
    pub tls: TlsLevel,
    /// Whether a certificate that does not verify is good enough.
    #[serde(default)]
    pub allow_invalid_certs: bool,
    /// For one lookup, connecting included; 5 seconds unless said.
    #[serde(default = "patience", deserialize_with = "fields::millis")]
    pub timeout: Duration,
    /// Connections at once; 4 unless said, 1 to 64.
    #[serde(default = "pool", deserialize_with = "pool_max")]
    pub pool_max_connections: usize,
}

/// What all kinds say.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StoreHead {
    #[serde(deserialize_with = "name")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "fields::optional_text")]
    pub(super) description: Option<String>,
}

/// What a Memory store says: nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Memory {}

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
