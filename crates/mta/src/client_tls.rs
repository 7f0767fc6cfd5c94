//! TLS as a client: the verifying and the unverifying configuration, and the handshake.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;

/// Both client configurations, made once.
#[derive(Clone, Debug)]
pub struct ClientTls {
    verifying: Arc<ClientConfig>,
    accepting: Arc<ClientConfig>,
}

impl ClientTls {
    /// Trusts the roots of the platform and `extra_roots`. If neither yields any, no certificate verifies.
    pub fn new(extra_roots: Vec<CertificateDer<'static>>) -> Result<Self, rustls::Error> {
        let _ = extra_roots;
        todo!()
    }
}
