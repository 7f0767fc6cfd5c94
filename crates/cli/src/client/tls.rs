//! TLS to a server somewhere else: whom to believe.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::place::Remote;
use crate::failure::Failure;

/// Makes the handshake with a server.
pub(super) async fn handshake(stream: TcpStream, remote: &Remote) -> Result<TlsStream<TcpStream>, Failure> {
    let config = config(remote)?;
    let name = ServerName::try_from(remote.host.clone())
        .map_err(|_| Failure::usage(format!("`{}` is not a host name", remote.host)))?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| {
        let failure = Failure::unreachable(format!("no TLS with {}: {error}", remote.authority()));
        let words = error.to_string();
        if words.contains("not valid for name") {
            failure.hint("ask by a name that stands in its certificate")
        } else if words.contains("certificate") {
            failure
                .hint("name who signed its certificate with --ca FILE; a self-signed one vouches for itself")
        } else {
            failure
        }
    })
}

fn config(remote: &Remote) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if remote.insecure {
        Arc::new(Anybody { provider: Arc::clone(&provider) })
    } else {
        let roots = remote.ca.as_deref().map(roots).transpose()?.unwrap_or_default();
        let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(&provider));
        Arc::new(verifier.map_err(|error| Failure::failed(format!("no root certificates: {error}")))?)
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::failed(format!("cannot set up TLS: {error}")))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(roots) if roots.is_empty() => {
            Err(Failure::failed(format!("there is no certificate (PEM) in {}", path.display())))
        }
        Ok(roots) => Ok(roots),
        Err(error) => Err(Failure::failed(format!("cannot read {}: {error}", path.display()))),
    }
}

/// Believes every certificate, for `--insecure`.
#[derive(Debug)]
struct Anybody {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anybody {
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

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
