//! Where the API listens: an address, and a socket that only this user and root may open.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

/// Why the API cannot listen.
#[derive(Debug, Error)]
#[error("cannot listen on {place} for the management API: {source}")]
pub struct SocketError {
    /// The address or the path.
    pub place: String,
    /// The reason.
    pub source: io::Error,
}

/// Sockets that listen.
pub struct Sockets {
    pub(super) network: Option<TcpListener>,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) local: Option<UnixListener>,
    path: Option<PathBuf>,
}

impl Sockets {
    /// Binds an address, with TLS if there is an acceptor, and a Unix socket at a path.
    pub async fn bind(
        address: Option<SocketAddr>,
        tls: Option<TlsAcceptor>,
        path: Option<&Path>,
    ) -> Result<Self, SocketError> {
        let network = match address {
            Some(address) => Some(TcpListener::bind(address).await.map_err(failed(&address.to_string()))?),
            None => None,
        };
        let local =
            path.map(|path| bind_path(path).map_err(failed(&path.display().to_string()))).transpose()?;
        Ok(Sockets { network, tls, local, path: path.map(Path::to_owned) })
    }

    /// The address that it got.
    pub fn address(&self) -> Option<SocketAddr> {
        self.network.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Whether it speaks TLS over the network.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Who comes later binds it anew anyway.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn failed(place: &str) -> impl FnOnce(io::Error) -> SocketError {
    let place = place.to_owned();
    move |source| SocketError { place, source }
}

/// A socket of a process that is gone is taken away; the lock on the data directory says that it is gone.
fn bind_path(path: &Path) -> io::Result<UnixListener> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::other("something is there that is no socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    // Others who connect before this are refused by their user id all the same.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
