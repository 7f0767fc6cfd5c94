//! Sockets and sessions on loopback.
