//! Deliveries over loopback sockets to peers that play a script.

mod dane;
mod extensions;
mod mta_sts;
mod peer;
mod policy_host;
mod pools;
mod probe;
mod relays;
mod routes;
mod stage;
mod tls_reports;
mod transport_security;
mod web;
