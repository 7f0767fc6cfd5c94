//! The machine and the running server, as the settings see them.

use std::sync::Arc;

use admin::settings::{FromFile, Machine, Outside, Remark};
use async_trait::async_trait;
use mta::Resolver;
use mta::server_tls::ServerTls;
use mta::world::Forget;
use policy::Configuration;
use policy::check::Environment;
use policy::registry::Registry;
use policy::settings::{SecretReference, Settings};
use store::LookupStores;
use tokio::sync::watch;

use crate::config::Boot;
use crate::secrets::allowed_over_api;
use crate::settings_file::environment;
use crate::starting::usable;

/// This machine, before anything runs.
#[derive(Clone)]
pub(crate) struct ThisMachine(pub(crate) Arc<Boot>);

#[async_trait]
impl Outside for ThisMachine {
    async fn environment(&self, settings: &Settings) -> Environment {
        let (settings, boot) = (settings.clone(), Arc::clone(&self.0));
        // A secret may lie on another machine that does not answer.
        let gathering = tokio::task::spawn_blocking(move || environment(&settings, &boot));
        gathering.await.expect("what lies outside is gathered without a panic")
    }

    async fn allowed(&self, reference: &SecretReference) -> Result<(), String> {
        let (reference, boot) = (reference.clone(), Arc::clone(&self.0));
        let looking = tokio::task::spawn_blocking(move || {
            allowed_over_api(&reference, &boot.secrets, &boot.data_directory)
        });
        looking.await.unwrap_or_else(|error| Err(error.to_string()))
    }
}

/// What a change of the settings reaches.
pub(crate) struct Running {
    pub(crate) here: ThisMachine,
    pub(crate) lookups: Arc<LookupStores>,
    pub(crate) configuration: watch::Sender<Arc<Configuration>>,
    pub(crate) certificates: Vec<ServerTls>,
    pub(crate) resolver: Arc<dyn Resolver>,
}

#[async_trait]
impl Outside for Running {
    async fn environment(&self, settings: &Settings) -> Environment {
        self.here.environment(settings).await
    }

    async fn allowed(&self, reference: &SecretReference) -> Result<(), String> {
        self.here.allowed(reference).await
    }
}

#[async_trait]
impl Machine for Running {
    fn put_in_force(&self, configuration: Configuration) {
        self.lookups.replace(&configuration.lookup_stores, &configuration.lookup_secrets);
        self.configuration.send_replace(Arc::new(configuration));
    }

    async fn load_file(&self) -> Result<FromFile, Vec<Remark>> {
        let boot = Arc::clone(&self.here.0);
        let read = tokio::task::spawn_blocking(move || {
            // A file that is gone for a moment must not make this a server without domains.
            let loaded = usable(&boot, false);
            let remarks: Vec<Remark> = loaded.findings.iter().map(Remark::from).collect();
            let Some(configuration) = loaded.configuration else { return Err(remarks) };
            let text = loaded.text.unwrap_or_default();
            let registry = Registry::from_document(&text)
                .map_err(|errors| errors.into_iter().map(Remark::from).collect::<Vec<_>>())?;
            Ok(FromFile { registry, configuration, remarks })
        });
        read.await.expect("a settings file is read without a panic")
    }

    fn reload_certificates(&self) -> Result<(), String> {
        let failed: Vec<_> = self
            .certificates
            .iter()
            .filter_map(|tls| tls.reload().err())
            .map(|error| error.to_string())
            .collect();
        if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
    }

    fn reload_lookup_stores(&self) {
        let configuration = self.configuration.borrow().clone();
        self.lookups.replace(&configuration.lookup_stores, &configuration.lookup_secrets);
    }

    fn forget(&self, what: Forget) {
        self.resolver.forget(what);
    }
}
