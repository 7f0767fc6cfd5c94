//! Our certificates: read from PEM files, replaced while running, self-signed where none are given.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs as provider;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// Why there is no certificate to use.
#[derive(Debug, Error)]
#[error("cannot use the certificate {certificate}: {why}")]
pub struct ServerTlsError {
    /// The certificate's file.
    pub certificate: PathBuf,
    /// The reason.
    pub why: String,
}

/// The certificate in use and the TLS configuration around it; clones share both.
#[derive(Clone)]
pub struct ServerTls {
    current: Arc<Current>,
    config: Arc<ServerConfig>,
    files: Option<(PathBuf, PathBuf)>,
}

impl ServerTls {
    /// From a chain and a key in PEM files.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, ServerTlsError> {
        let files = (certificate.to_owned(), key.to_owned());
        Self::new(read(certificate, key)?, Some(files))
    }

    /// With a certificate made now for this name, which no client will trust.
    pub fn self_signed(hostname: &str) -> Result<Self, ServerTlsError> {
        let unusable = |why: String| ServerTlsError { certificate: PathBuf::from("(self-signed)"), why };
        let made = rcgen::generate_simple_self_signed([hostname.to_owned()])
            .map_err(|error| unusable(error.to_string()))?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let certified = certify(vec![made.cert.der().clone()], key.into()).map_err(unusable)?;
        Self::new(certified, None)
    }

    /// With a certificate that is made for these names and addresses, and written to these files, unless they are there
    /// already: who has looked at its fingerprint once finds the same after a restart.
    pub fn kept_self_signed(
        names: &[String],
        certificate: &Path,
        key: &Path,
    ) -> Result<Self, ServerTlsError> {
        if !certificate.exists() || !key.exists() {
            let unusable = |why: String| ServerTlsError { certificate: certificate.to_owned(), why };
            let made =
                rcgen::generate_simple_self_signed(names).map_err(|error| unusable(error.to_string()))?;
            write_private(key, &made.signing_key.serialize_pem())
                .and_then(|()| write_private(certificate, &made.cert.pem()))
                .map_err(|error| unusable(error.to_string()))?;
        }
        Self::from_files(certificate, key)
    }

    /// The same for the web: HTTP is spoken, not mail.
    #[must_use]
    pub fn for_web(self) -> Self {
        self.for_protocol(b"http/1.1")
    }

    /// The same for a protocol of this name for ALPN, and no other.
    #[must_use]
    pub fn for_protocol(self, alpn: &[u8]) -> Self {
        let mut config = (*self.config).clone();
        config.alpn_protocols = vec![alpn.to_vec()];
        ServerTls { config: Arc::new(config), ..self }
    }

    /// The SHA-256 fingerprint of the certificate, as browsers show it.
    pub fn fingerprint(&self) -> String {
        let current = Arc::clone(&self.current.0.read().unwrap_or_else(PoisonError::into_inner));
        let leaf = current.cert.first().map(|leaf| leaf.as_ref()).unwrap_or_default();
        let digest = digest::digest(&digest::SHA256, leaf);
        let bytes: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        bytes.join(":")
    }

    /// Reads the files again. If they cannot be used, the old certificate stays.
    pub fn reload(&self) -> Result<(), ServerTlsError> {
        if let Some((certificate, key)) = &self.files {
            let certified = read(certificate, key)?;
            *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
        }
        Ok(())
    }

    /// Makes the handshake of a server.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    fn new(certified: CertifiedKey, files: Option<(PathBuf, PathBuf)>) -> Result<Self, ServerTlsError> {
        let current = Arc::new(Current(RwLock::new(Arc::new(certified))));
        let versions = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions();
        let builder = versions.map_err(|error| ServerTlsError {
            certificate: files.clone().map(|(certificate, _)| certificate).unwrap_or_default(),
            why: error.to_string(),
        })?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::clone(&current) as _);
        // A ticket of one listener must not open another with a stricter policy: there are none.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        // A browser that was led here asks for another protocol and is turned away (ALPACA).
        config.alpn_protocols = vec![b"smtp".to_vec(), b"lmtp".to_vec()];
        Ok(ServerTls { current, config: Arc::new(config), files })
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("files", &self.files).finish_non_exhaustive()
    }
}

/// The certificate that the next handshake shows, whatever name the client asks for.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Nobody else reads a key.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, ServerTlsError> {
    let unusable = |why: String| ServerTlsError { certificate: certificate.to_owned(), why };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(error.to_string()))?;
    if chain.is_empty() {
        return Err(unusable("there is no certificate in the file".to_owned()));
    }
    let key_der =
        PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(format!("{}: {error}", key.display())))?;
    certify(chain, key_der).map_err(unusable)
}

/// Pairs chain and key, if they belong together.
fn certify(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<CertifiedKey, String> {
    CertifiedKey::from_der(chain, key, &provider::default_provider()).map_err(|error| error.to_string())
}

/// What a TLSA record `3 1 1` says of a certificate: the SHA-256 of its public key (RFC 6698 section 2.1).
pub fn key_hash(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(digest::digest(&digest::SHA256, parsed.public_key().raw).as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_pair(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (certificate, key)
    }

    fn in_use(tls: &ServerTls) -> CertificateDer<'static> {
        tls.current.0.read().unwrap().cert[0].clone()
    }

    // proves: F15
    #[test]
    fn a_reload_takes_the_new_certificate_and_keeps_the_old_where_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = write_pair(folder.path(), "a.example");
        let tls = ServerTls::from_files(&certificate, &key).unwrap();
        let first = in_use(&tls);
        write_pair(folder.path(), "b.example");
        tls.reload().unwrap();
        let second = in_use(&tls);
        assert_ne!(first, second);
        std::fs::write(&key, "rubbish").unwrap();
        let error = tls.reload().unwrap_err().to_string();
        assert!(error.contains("key.pem"), "{error}");
        assert_eq!(in_use(&tls), second);
    }

    // proves: F15
    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = write_pair(folder.path(), "a.example");
        let other = rcgen::generate_simple_self_signed(["b.example".to_owned()]).unwrap();
        std::fs::write(&key, other.signing_key.serialize_pem()).unwrap();
        assert!(ServerTls::from_files(&certificate, &key).is_err());
        assert!(ServerTls::from_files(Path::new("/nonexistent"), &key).is_err());
    }

    // proves: L1
    #[test]
    fn a_certificate_that_was_made_is_kept_with_its_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        let names = ["mx.example.org".to_owned(), "127.0.0.1".to_owned()];
        let first = ServerTls::kept_self_signed(&names, &certificate, &key).unwrap();
        let second = ServerTls::kept_self_signed(&names, &certificate, &key).unwrap().for_web();
        assert_eq!(first.fingerprint(), second.fingerprint());
        assert_eq!(first.fingerprint().len(), 32 * 3 - 1);
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions());
        assert_eq!(mode & 0o077, 0);
    }

    #[test]
    fn a_certificate_can_be_made() {
        assert!(ServerTls::self_signed("mx.example.org").unwrap().reload().is_ok());
    }
}
