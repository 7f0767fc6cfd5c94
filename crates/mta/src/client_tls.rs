//! TLS as a client: whom to believe, the handshake, and what it came to.

mod dane;
mod verifiers;

use std::io;
use std::sync::{Arc, OnceLock};

use policy::dane::Binding;
use policy::plan::ClientIdentity;
use policy::tls_outcome::TlsResult;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConnection, Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CertificateError, ClientConfig, OtherError, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls_platform_verifier::Verifier as PlatformVerifier;
use tokio_rustls::TlsConnector;

use crate::world::Stream;
use verifiers::{Dated, Indifferent};

/// How to make a handshake as a client.
#[derive(Clone, Debug)]
pub struct ClientTls {
    provider: Arc<CryptoProvider>,
    roots: Arc<dyn ServerCertVerifier>,
    /// One configuration for each answer to "who is it": what one has kept to resume, the other does not see.
    verifying: Arc<ClientConfig>,
    accepting: Arc<ClientConfig>,
}

/// Who is believed to be the host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trust {
    /// Anybody.
    Anybody,
    /// Those whose name the trusted roots vouch for.
    Roots,
    /// Those that match the TLSA records.
    Records(Arc<Binding>),
}

/// Why there is no secured stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HandshakeError {
    /// In words.
    pub text: String,
    /// What it is in a TLS report.
    pub result: TlsResult,
}

impl ClientTls {
    /// Trusts the roots of the platform and `extra_roots`. If neither yields any, no certificate verifies.
    pub fn new(extra_roots: Vec<CertificateDer<'static>>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match PlatformVerifier::new_with_extra_roots(
            extra_roots.clone(),
            Arc::clone(&provider),
        ) {
            Ok(verifier) => Arc::new(verifier),
            Err(error) => {
                tracing::warn!(%error, "no root certificates: certificates of other servers will not verify");
                only(extra_roots, &provider)?
            }
        };
        let roots: Arc<dyn ServerCertVerifier> = Arc::new(Dated { inner: verifier });
        let anybody = Arc::new(Indifferent { provider: Arc::clone(&provider), accepts: true });
        Ok(ClientTls {
            verifying: Arc::new(client_config(&provider, Arc::clone(&roots), None)?),
            accepting: Arc::new(client_config(&provider, anybody, None)?),
            roots,
            provider,
        })
    }

    /// The configuration that verifies, for other protocols than SMTP.
    pub(crate) fn verifying(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.verifying)
    }

    /// Makes the handshake as a client of `host`, a name or an IP address, and says how the stream is secured.
    ///
    /// Nothing may be waiting in the stream: what was read before belongs to no TLS record.
    pub async fn handshake(
        &self,
        stream: Box<dyn Stream>,
        host: &str,
        trust: &Trust,
        identity: Option<&ClientIdentity>,
    ) -> Result<(Box<dyn Stream>, String), HandshakeError> {
        let host = match trust {
            Trust::Anybody | Trust::Roots => host,
            Trust::Records(binding) => &binding.base,
        };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| HandshakeError::other(format!("'{host}': {error}")))?;
        let mut records = None;
        let config = match (trust, identity) {
            (Trust::Anybody, None) => Arc::clone(&self.accepting),
            (Trust::Roots, None) => Arc::clone(&self.verifying),
            (trust, identity) => {
                let verifier: Arc<dyn ServerCertVerifier> = match trust {
                    Trust::Anybody => {
                        Arc::new(Indifferent { provider: Arc::clone(&self.provider), accepts: true })
                    }
                    Trust::Roots => Arc::clone(&self.roots),
                    Trust::Records(binding) => {
                        let verifier = Arc::new(dane::Verifier {
                            binding: Arc::clone(binding),
                            provider: Arc::clone(&self.provider),
                            matched: OnceLock::new(),
                        });
                        records = Some(Arc::clone(&verifier));
                        verifier
                    }
                };
                let config = client_config(&self.provider, verifier, identity);
                let mut config = config.map_err(|error| HandshakeError::other(error.to_string()))?;
                // Neither records nor an identity outlive the connection they were found for.
                config.resumption = Resumption::disabled();
                Arc::new(config)
            }
        };
        let secured = TlsConnector::from(config)
            .connect(name, stream)
            .await
            .map_err(|error| HandshakeError::of(&error))?;
        let believed = match (trust, records.as_ref().and_then(|records| records.matched.get())) {
            (Trust::Anybody, _) => "unverified".to_owned(),
            (Trust::Roots | Trust::Records(_), None) => "verified".to_owned(),
            (_, Some(matched)) => format!("verified by DANE {matched}"),
        };
        let words = format!("{} {believed}", session_words(secured.get_ref().1));
        Ok((Box::new(secured), words))
    }
}

/// Version and cipher suite, such as `TLSv1_3 TLS13_AES_128_GCM_SHA256`.
fn session_words(session: &ClientConnection) -> String {
    let version = session.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
    let cipher = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("?");
    format!("{version} {cipher}")
}

impl HandshakeError {
    fn other(text: String) -> Self {
        HandshakeError { text, result: TlsResult::ValidationFailure }
    }

    fn of(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let result = match inner {
            Some(rustls::Error::InvalidCertificate(why)) => match why {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    TlsResult::CertificateExpired
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    TlsResult::CertificateHostMismatch
                }
                CertificateError::UnknownIssuer => TlsResult::CertificateNotTrusted,
                _ => TlsResult::ValidationFailure,
            },
            _ => TlsResult::ValidationFailure,
        };
        let text = match inner {
            Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(why)))) => {
                why.to_string()
            }
            _ => error.to_string(),
        };
        HandshakeError { text, result }
    }
}

fn client_config(
    provider: &Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<&ClientIdentity>,
) -> Result<ClientConfig, rustls::Error> {
    // RFC 8446 and 5246; no early data: a message must not be replayed.
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let Some(identity) = identity else { return Ok(builder.with_no_client_auth()) };
    let unusable = |what: &str| rustls::Error::General(format!("our {what} cannot be read"));
    let chain = CertificateDer::pem_slice_iter(identity.certificate.expose().as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| unusable("certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.expose().as_bytes()).map_err(|_| unusable("key"))?;
    builder.with_client_auth_cert(chain, key)
}

/// Verifies by these roots alone; refuses everything if there are none.
fn only(
    roots: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    if roots.is_empty() {
        return Ok(Arc::new(Indifferent { provider: Arc::clone(provider), accepts: false }));
    }
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root)?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
        .build()
        .map(|verifier| verifier as Arc<dyn ServerCertVerifier>)
        .map_err(|error| rustls::Error::General(error.to_string()))
}

#[cfg(test)]
mod tests;
