//! The lookup stores behind their seam, and TLS for those that are servers.

use std::io;

use async_trait::async_trait;
use policy::expr::{LookupValue, Question};
use store::LookupStores;
use store::lookup::{Channel, Secure};

use crate::client_tls::{ClientTls, Trust};
use crate::world::Lookups;

#[async_trait]
impl Lookups for LookupStores {
    async fn answer(&self, store: &str, question: &Question) -> Result<LookupValue, String> {
        LookupStores::answer(self, store, question).await
    }
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
