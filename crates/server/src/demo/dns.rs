//! Answers DNS queries for the demo's names, over UDP and TCP on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hickory_proto::rr::rdata::{A, MX, SOA};
use hickory_proto::rr::{Name, RData, Record};
use hickory_server::Server;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use tokio::net::{TcpListener, UdpSocket};

/// Seconds for which an answer may be kept.
const TTL: u32 = 60;
/// How long a TCP client may be silent.
const TCP_IDLE_MAX: Duration = Duration::from_secs(5);
/// Bytes of answers buffered for one TCP client.
const TCP_BUFFER_BYTES: usize = 64 * 1024;

/// One record of the demo's zones.
pub(crate) enum Entry {
    /// `name MX preference exchange`.
    Mx(&'static str, u16, &'static str),
    /// `name A address`.
    A(&'static str, Ipv4Addr),
}

/// A name server with one zone for each domain that it was given.
pub(crate) struct NameServer {
    server: Server<Catalog>,
    address: SocketAddr,
}

impl NameServer {
    /// Starts on a free port of 127.0.0.1.
    pub(crate) async fn start(zones: &[&str], entries: &[Entry]) -> anyhow::Result<Self> {
        let mut catalog = Catalog::new();
        for zone in zones {
            let origin = absolute(zone)?;
            let handler = zone_of(&origin, entries)?;
            catalog.upsert(origin.into(), vec![Arc::new(handler)]);
        }
        let udp =
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot bind a UDP port for DNS")?;
        let address = udp.local_addr()?;
        let tcp = TcpListener::bind(address).await.context("cannot bind a TCP port for DNS")?;
        let mut server = Server::new(catalog);
        server.register_socket(udp);
        server.register_listener(tcp, TCP_IDLE_MAX, TCP_BUFFER_BYTES);
        Ok(NameServer { server, address })
    }

    /// Where it answers.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops answering.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.server.shutdown_gracefully().await.context("cannot stop the name server")
    }
}

fn zone_of(origin: &Name, entries: &[Entry]) -> anyhow::Result<InMemoryZoneHandler> {
    let mut zone: InMemoryZoneHandler =
        InMemoryZoneHandler::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny);
    let soa = SOA::new(origin.clone(), origin.clone(), 1, 3600, 600, 86_400, TTL);
    zone.upsert_mut(Record::from_rdata(origin.clone(), TTL, RData::SOA(soa)), 1);
    for entry in entries {
        let (name, data) = match entry {
            Entry::Mx(name, preference, exchange) => {
                (absolute(name)?, RData::MX(MX::new(*preference, absolute(exchange)?)))
            }
            Entry::A(name, address) => (absolute(name)?, RData::A(A(*address))),
        };
        if origin.zone_of(&name) {
            zone.upsert_mut(Record::from_rdata(name, TTL, data), 1);
        }
    }
    Ok(zone)
}

fn absolute(name: &str) -> anyhow::Result<Name> {
    let mut name = Name::from_ascii(name).with_context(|| format!("{name} is not a domain name"))?;
    name.set_fqdn(true);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Message, Query, ResponseCode};
    use hickory_proto::rr::RecordType;

    use super::*;

    async fn ask(server: &NameServer, name: &str, kind: RecordType) -> Message {
        let mut query = Message::query();
        query.add_query(Query::query(absolute(name).unwrap(), kind));
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        socket.send_to(&query.to_vec().unwrap(), server.address()).await.unwrap();
        let mut buffer = [0; 1024];
        let length = socket.recv(&mut buffer).await.unwrap();
        Message::from_vec(&buffer[..length]).unwrap()
    }

    #[tokio::test]
    async fn answers_for_its_zones_and_says_what_is_not_there() {
        let entries = [
            Entry::Mx("example.net", 20, "b.example.net"),
            Entry::Mx("example.net", 10, "a.example.net"),
            Entry::A("a.example.net", Ipv4Addr::new(127, 0, 0, 9)),
        ];
        let server = NameServer::start(&["example.net"], &entries).await.unwrap();
        assert_eq!(ask(&server, "example.net", RecordType::MX).await.answers.len(), 2);
        assert_eq!(ask(&server, "a.example.net", RecordType::A).await.answers.len(), 1);
        let no_data = ask(&server, "a.example.net", RecordType::AAAA).await;
        assert_eq!((no_data.metadata.response_code, no_data.answers.len()), (ResponseCode::NoError, 0));
        let no_name = ask(&server, "c.example.net", RecordType::A).await;
        assert_eq!(no_name.metadata.response_code, ResponseCode::NXDomain);
        server.stop().await.unwrap();
    }
}
