//! Our certificates: read from PEM files, replaced while running, self-signed where none are given.

use std::path::{Path, PathBuf};

use thiserror::Error;

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
#[derive(Clone, Debug)]
pub struct ServerTls {}

impl ServerTls {
    /// From a chain and a key in PEM files.
    pub fn from_files(_certificate: &Path, _key: &Path) -> Result<Self, ServerTlsError> {
        todo!()
    }

    /// With a certificate made now for this name, which no client will trust.
    pub fn self_signed(_hostname: &str) -> Result<Self, ServerTlsError> {
        todo!()
    }

    /// Reads the files again. If they cannot be used, the old certificate stays.
    pub fn reload(&self) -> Result<(), ServerTlsError> {
        todo!()
    }
}
