//! Asks name servers, by UDP and where that does not suffice by TCP, and takes only answers to its own question.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// Bytes of a UDP answer that are read at most; more than is asked for.
const DATAGRAM_BYTES_MAX: usize = 4096;
/// Answers to other questions that are overlooked while waiting for one.
const STRANGERS_MAX: usize = 64;

/// The name servers, and which of them answered last.
#[derive(Debug)]
pub(super) struct Stub {
    servers: Vec<SocketAddr>,
    timeout: Duration,
    attempts: usize,
    first: AtomicUsize,
}

impl Stub {
    pub(super) fn new(servers: Vec<SocketAddr>, timeout: Duration, attempts: usize) -> Self {
        Stub { servers, timeout, attempts: attempts.max(1), first: AtomicUsize::new(0) }
    }

    pub(super) fn servers(&self) -> &[SocketAddr] {
        &self.servers
    }

    /// The first answer that says something; else one that says what is wrong; else why there is none.
    pub(super) async fn exchange(&self, query: &Message) -> Result<Message, String> {
        let mut trouble = "there is no name server".to_owned();
        for _ in 0..self.attempts {
            let mut refusal = None;
            let first = self.first.load(Ordering::Relaxed);
            for turn in 0..self.servers.len() {
                let place = (first + turn) % self.servers.len();
                match self.ask(self.servers[place], query).await {
                    Ok(answer) if is_word(answer.metadata.response_code) => {
                        self.first.store(place, Ordering::Relaxed);
                        return Ok(answer);
                    }
                    Ok(answer) => refusal = Some(answer),
                    Err(why) => trouble = why,
                }
            }
            if let Some(refusal) = refusal {
                return Ok(refusal);
            }
        }
        Err(trouble)
    }

    async fn ask(&self, server: SocketAddr, query: &Message) -> Result<Message, String> {
        let answer = self.ask_with(server, query).await?;
        // RFC 6891 section 7: a server that does not know EDNS says so.
        let no_edns = matches!(answer.metadata.response_code, ResponseCode::FormErr | ResponseCode::NotImp);
        if no_edns && query.edns.is_some() {
            let mut plain = query.clone();
            plain.edns = None;
            return self.ask_with(server, &plain).await;
        }
        Ok(answer)
    }

    async fn ask_with(&self, server: SocketAddr, query: &Message) -> Result<Message, String> {
        let packet = query.to_vec().map_err(|error| error.to_string())?;
        let late = |_| format!("{server} did not answer in time");
        let failed = |error: io::Error| format!("{server}: {error}");
        let answer =
            timeout(self.timeout, by_udp(server, query, &packet)).await.map_err(late)?.map_err(failed)?;
        if !answer.metadata.truncation {
            return Ok(answer);
        }
        // What is cut off is no answer: the whole of it by TCP, or nothing (RFC 7766 section 5).
        timeout(self.timeout, by_tcp(server, query, &packet)).await.map_err(late)?.map_err(failed)
    }
}

/// Whether a response code is the server's word about the name, and not about itself.
fn is_word(code: ResponseCode) -> bool {
    matches!(code, ResponseCode::NoError | ResponseCode::NXDomain)
}

async fn by_udp(server: SocketAddr, query: &Message, packet: &[u8]) -> io::Result<Message> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // A port of its own for each question, which a forger would have to guess (RFC 5452 section 4.5).
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(packet).await?;
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    for _ in 0..STRANGERS_MAX {
        let count = socket.recv(&mut buffer).await?;
        if let Some(answer) = Message::from_vec(&buffer[..count]).ok().filter(|answer| answers(answer, query))
        {
            return Ok(answer);
        }
    }
    Err(io::Error::other("nothing but answers to other questions"))
}

async fn by_tcp(server: SocketAddr, query: &Message, packet: &[u8]) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(packet.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), packet].concat()).await?;
    let length = stream.read_u16().await?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await?;
    let answer = Message::from_vec(&buffer).map_err(io::Error::other)?;
    if answers(&answer, query) && !answer.metadata.truncation {
        Ok(answer)
    } else {
        Err(io::Error::other("an answer to another question"))
    }
}

/// Whether this is an answer to the very question (RFC 5452 section 9.1).
fn answers(answer: &Message, query: &Message) -> bool {
    answer.metadata.message_type == MessageType::Response
        && answer.metadata.id == query.metadata.id
        && answer.queries == query.queries
}
