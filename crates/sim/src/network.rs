//! The network: connections in memory that are refused, vanish, dribble and break at any byte.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use mail::Timestamp;
use mta::{Stream, Transport};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio_util::task::TaskTracker;

use crate::chance::Chance;
use crate::fault::Fault;
use crate::history::{ConnectionId, Event, History};
use crate::peer::Peer;

/// Bytes that one direction holds before the writer has to wait.
const BUFFER_BYTES: usize = 64 * 1024;

/// How often a connection fails, in cases of a thousand.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// Refused.
    pub refused: u32,
    /// Nothing answers.
    pub black_hole: u32,
    /// Reset at some byte.
    pub reset: u32,
    /// Reads and writes are cut into small pieces.
    pub dribble: u32,
    /// Times in which nothing gets through.
    pub outages: Vec<(Timestamp, Timestamp)>,
    /// From this time on nothing fails.
    pub fair_from: Option<Timestamp>,
}

/// The network of one world.
pub struct Network {
    history: History,
    weather: Weather,
    chance: Mutex<Chance>,
    hosts: BTreeMap<SocketAddr, Arc<Peer>>,
    sessions: TaskTracker,
}

impl Network {
    /// A network with these hosts.
    pub fn new(
        history: History,
        chance: Chance,
        weather: Weather,
        hosts: BTreeMap<SocketAddr, Arc<Peer>>,
    ) -> Self {
        Network { history, weather, chance: Mutex::new(chance), hosts, sessions: TaskTracker::new() }
    }

    fn chance<R>(&self, draw: impl FnOnce(&mut Chance) -> R) -> R {
        draw(&mut self.chance.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn outage(&self) -> bool {
        let now = self.history.now();
        self.weather.outages.iter().any(|(from, to)| *from <= now && now < *to)
    }

    fn fair(&self) -> bool {
        self.weather.fair_from.is_some_and(|from| self.history.now() >= from)
    }

    fn mischief(&self, rate: u32) -> bool {
        !self.fair() && self.chance(|chance| chance.per_mille(rate))
    }

    async fn black_hole(&self, fault: Fault) -> io::Error {
        self.history.fired(fault);
        std::future::pending().await
    }

    fn open(&self, peer: &Arc<Peer>) -> SimStream {
        let (ours, theirs) = tokio::io::duplex(BUFFER_BYTES);
        let connection = self.history.connection();
        self.history.note(Event::Connected { connection, peer: peer.name().to_owned() });
        let peer = Arc::clone(peer);
        self.sessions.spawn(async move { peer.serve(theirs, connection).await });
        let reset_after = self.mischief(self.weather.reset).then(|| {
            self.chance(|chance| chance.between(1, *chance.clone().pick(&[60, 400, 3_000, 20_000])))
        });
        let piece_max =
            self.mischief(self.weather.dribble).then(|| self.chance(|chance| chance.count(1, 40)));
        SimStream {
            inner: Some(ours),
            connection,
            left: reset_after,
            piece_max,
            history: self.history.clone(),
        }
    }
}

#[async_trait]
impl Transport for Network {
    async fn connect(&self, to: SocketAddr, _from: Option<IpAddr>) -> io::Result<Box<dyn Stream>> {
        let delay = self.chance(|chance| chance.duration(Duration::ZERO, Duration::from_millis(80)));
        tokio::time::sleep(delay).await;
        let Some(peer) = self.hosts.get(&to) else {
            if to.ip().is_loopback() || to.ip().is_unspecified() {
                self.history
                    .note(Event::Rude { peer: to.to_string(), what: "we called ourselves".to_owned() });
            }
            return Err(self.black_hole(Fault::BlackHole).await);
        };
        if self.outage() {
            return Err(self.black_hole(Fault::NetworkOutage).await);
        }
        if self.mischief(self.weather.refused) {
            self.history.fired(Fault::Refused);
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        if self.mischief(self.weather.black_hole) {
            return Err(self.black_hole(Fault::BlackHole).await);
        }
        Ok(Box::new(self.open(peer)))
    }
}

/// Our end of a connection.
struct SimStream {
    inner: Option<DuplexStream>,
    connection: ConnectionId,
    /// Bytes, both directions together, until the network resets it.
    left: Option<u64>,
    /// Bytes at most that one read or write moves.
    piece_max: Option<usize>,
    history: History,
}

impl SimStream {
    fn piece(&self, wanted: usize) -> usize {
        let left = self.left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        wanted.min(self.piece_max.unwrap_or(usize::MAX)).min(left)
    }

    fn moved(&mut self, bytes: usize) {
        let Some(left) = &mut self.left else { return };
        *left = left.saturating_sub(bytes as u64);
        if *left == 0 && self.inner.take().is_some() {
            self.history.fired(Fault::Reset);
            self.history.note(Event::Reset { connection: self.connection });
        }
    }

    fn inner(&mut self) -> io::Result<Pin<&mut DuplexStream>> {
        self.inner.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::ConnectionReset.into())
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut room = vec![0; self.piece(into.remaining())];
        let mut piece = ReadBuf::new(&mut room);
        let polled = self.inner()?.poll_read(cx, &mut piece);
        let bytes = piece.filled().len();
        into.put_slice(piece.filled());
        self.moved(bytes);
        polled
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let piece = self.piece(bytes.len());
        let polled = self.inner()?.poll_write(cx, &bytes[..piece]);
        if let Poll::Ready(Ok(written)) = polled {
            self.moved(written);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SimClock;
    use crate::peer::{Manners, Offers, Tongue};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const HOST: &str = "192.0.2.1:25";

    fn network(weather: Weather) -> (Network, History) {
        let history = History::new(SimClock::start());
        let peer = Peer::new(
            "mx.example",
            Tongue::Smtp,
            Offers::ALL,
            Manners::default(),
            history.clone(),
            Chance::new(1),
        );
        let hosts = BTreeMap::from([(HOST.parse().unwrap(), Arc::new(peer))]);
        (Network::new(history.clone(), Chance::new(2), weather, hosts), history)
    }

    async fn greeting(network: &Network) -> io::Result<String> {
        let mut stream = network.connect(HOST.parse().unwrap(), None).await?;
        let mut text = String::new();
        stream.write_all(b"QUIT\r\n").await?;
        stream.read_to_string(&mut text).await?;
        Ok(text)
    }

    #[tokio::test(start_paused = true)]
    async fn carries_bytes_both_ways_in_pieces_too() {
        for dribble in [0, 1000] {
            let (network, _) = network(Weather { dribble, ..Weather::default() });
            let text = greeting(&network).await.unwrap();
            assert_eq!(text, "220 mx.example at your service\r\n221 2.0.0 bye\r\n");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn refuses_resets_and_swallows() {
        let (refusing, history) = network(Weather { refused: 1000, ..Weather::default() });
        assert_eq!(greeting(&refusing).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(history.faults()[&Fault::Refused], 1);

        let (resetting, history) = network(Weather { reset: 1000, ..Weather::default() });
        let mut stream = resetting.connect(HOST.parse().unwrap(), None).await.unwrap();
        let error = stream.write_all(&[b'x'; 20_000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(history.faults()[&Fault::Reset], 1);

        let (swallowing, _) = network(Weather { black_hole: 1000, ..Weather::default() });
        let day = Duration::from_secs(86_400);
        assert!(tokio::time::timeout(day, greeting(&swallowing)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_ends() {
        let until = crate::clock::BEGINNING.plus(Duration::from_secs(60));
        let weather = Weather { outages: vec![(crate::clock::BEGINNING, until)], ..Weather::default() };
        let (network, _) = network(weather);
        assert!(tokio::time::timeout(Duration::from_secs(61), greeting(&network)).await.is_err());
        assert!(greeting(&network).await.is_ok());
    }
}
