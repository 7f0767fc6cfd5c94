//! Deliveries over loopback sockets to peers that play a script.

mod dane;
mod extensions;
mod peer;
mod pools;
mod relays;
mod routes;
mod stage;
mod transport_security;
