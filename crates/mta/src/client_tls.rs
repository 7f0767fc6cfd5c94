//! TLS as a client: the verifying and the unverifying configuration, and the handshake.

use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;

use crate::world::Stream;

/// Both client configurations, made once.
#[derive(Clone, Debug)]
pub struct ClientTls {
    verifying: Arc<ClientConfig>,
    accepting: Arc<ClientConfig>,
}

impl ClientTls {
    /// Trusts the roots of the platform and `extra_roots`. If neither yields any, no certificate verifies.
    pub fn new(extra_roots: Vec<CertificateDer<'static>>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match Verifier::new_with_extra_roots(
            extra_roots.clone(),
            Arc::clone(&provider),
        ) {
            Ok(verifier) => Arc::new(verifier),
            Err(error) => {
                tracing::warn!(%error, "no root certificates: certificates of other servers will not verify");
                only(extra_roots, &provider)?
            }
        };
        let accept_any = Arc::new(AcceptAny { provider: Arc::clone(&provider) });
        Ok(ClientTls {
            verifying: Arc::new(client_config(&provider, verifier)?),
            accepting: Arc::new(client_config(&provider, accept_any)?),
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
        verify: bool,
    ) -> io::Result<(Box<dyn Stream>, String)> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, format!("'{host}': {error}")))?;
        let config = if verify { &self.verifying } else { &self.accepting };
        let secured = TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
        let version = secured.get_ref().1.protocol_version();
        let version = version.and_then(|version| version.as_str()).unwrap_or("TLS");
        let trust = if verify { "verified" } else { "unverified" };
        Ok((Box::new(secured), format!("{version} {trust}")))
    }
}

fn client_config(
    provider: &Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, rustls::Error> {
    // RFC 8446 and 5246; no early data, no client certificate.
    Ok(ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

/// Verifies by these roots alone; refuses everything if there are none.
fn only(
    roots: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    if roots.is_empty() {
        return Ok(Arc::new(RefuseAll { provider: Arc::clone(provider) }));
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

/// Takes any certificate, for opportunistic TLS, but still proves that the peer holds its key.
#[derive(Debug)]
struct AcceptAny {
    provider: Arc<CryptoProvider>,
}

/// Takes none.
#[derive(Debug)]
struct RefuseAll {
    provider: Arc<CryptoProvider>,
}

macro_rules! check_signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider.signature_verification_algorithms.supported_schemes()
        }
    };
}

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    check_signatures!();
}

impl ServerCertVerifier for RefuseAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Err(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer))
    }

    check_signatures!();
}
