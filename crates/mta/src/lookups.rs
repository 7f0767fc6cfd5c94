//! What lies elsewhere, behind its seams: lookup stores, TLS for those that are servers, directories.

use std::io;

use async_trait::async_trait;
use directory::Known;
use mail::Address;
use policy::Configuration;
use policy::admit::{Admission, Said};
use policy::expr::{LookupValue, Question};
use store::LookupStores;
use store::lookup::{Channel, Secure};

use crate::client_tls::{ClientTls, Trust};
use crate::world::{Lookups, World};

#[async_trait]
impl Lookups for LookupStores {
    async fn answer(&self, store: &str, question: &Question) -> Result<LookupValue, String> {
        LookupStores::answer(self, store, question).await
    }
}

/// What a directory elsewhere says of a forward-path, before it is admitted. Costs nothing for our own accounts.
pub(crate) async fn learn(
    world: &World,
    configuration: &Configuration,
    admission: &mut Admission,
    forward_path: &Address,
) {
    if configuration.elsewhere(forward_path).is_none() {
        return;
    }
    let questions = admission.questions(configuration, forward_path);
    if questions.is_empty() {
        return;
    }
    let mut said = Said::Nobody;
    for address in &questions {
        said = match world.directory.account(address).await {
            Known::Is(account) => Said::Is(account.name.clone()),
            Known::NotNow => Said::NotNow,
            Known::Nobody => continue,
        };
        break;
    }
    admission.learn(forward_path.clone(), said);
}

#[async_trait]
impl Secure for ClientTls {
    async fn secure(
        &self,
        stream: Box<dyn Channel>,
        host: &str,
        verify: bool,
    ) -> io::Result<Box<dyn Channel>> {
        let trust = if verify { Trust::Roots } else { Trust::Anybody };
        let secured = self.handshake(Box::new(stream), host, &trust, None).await;
        let (secured, _) = secured.map_err(|error| io::Error::other(error.text))?;
        Ok(Box::new(secured))
    }
}
