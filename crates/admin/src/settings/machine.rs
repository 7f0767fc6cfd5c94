//! What the settings need of the machine and of the running server.

use async_trait::async_trait;
use mta::world::Forget;
use policy::Configuration;
use policy::check::Environment;
use policy::registry::Registry;
use policy::settings::{SecretReference, Settings};

use super::judge::Remark;

/// What lies outside the settings.
#[async_trait]
pub trait Outside: Send + Sync {
    /// What must be known to check them: secrets, source addresses, the host name.
    async fn environment(&self, settings: &Settings) -> Environment;
    /// Whether the API may make the settings refer to this secret; the reason if not.
    async fn allowed(&self, reference: &SecretReference) -> Result<(), String>;
}

/// The server, as the settings see it.
#[async_trait]
pub trait Machine: Outside {
    /// Puts a configuration in force, whole and at once.
    fn put_in_force(&self, configuration: Configuration);

    /// Reads the settings file again, in file mode; says in the log what is wrong with it.
    async fn load_file(&self) -> Result<FromFile, Vec<Remark>>;

    /// Reads the certificates again; the old ones stay where they cannot be used.
    fn reload_certificates(&self) -> Result<(), String>;

    /// Opens the lookup stores anew.
    fn reload_lookup_stores(&self);

    /// Forgets what was kept of DNS and of hosts that are down.
    fn forget(&self, what: Forget);
}

/// A settings file that can be used.
#[derive(Debug)]
pub struct FromFile {
    /// Its objects.
    pub registry: Registry,
    /// The configuration that they make.
    pub configuration: Configuration,
    /// Warnings.
    pub remarks: Vec<Remark>,
}
