//! Carries bytes between the client machine and a stream, each wait with its deadline.

use std::io::{self, IoSlice};
use std::time::Duration;

use mail::Stage;
use policy::settings::MtaConnectionStrategy;
use store::Content;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use wire::smtp::client::{Client, Framing, Step};
use wire::smtp::stuffing::Stuffer;

use crate::world::Stream;

/// Content must get away at least this fast, in bytes per [`PACE_WINDOW`].
const PACE_BYTES_MIN: usize = 30_000;
/// The time over which the pace of content is measured.
const PACE_WINDOW: Duration = Duration::from_secs(60);
/// Pieces written in one call at most.
const PIECES_PER_WRITE_MAX: usize = 64;
/// Bytes of content read from a file at once.
const FILE_CHUNK_BYTES: usize = 256 * 1024;
/// After content could not be written: the wait for the peer to say why.
const LAST_WORD_TIME_MAX: Duration = Duration::from_secs(3);

/// How long each stage may last, and all of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    pub(crate) tls: Duration,
    greeting: Duration,
    hello: Duration,
    mail: Duration,
    rcpt: Duration,
    data: Duration,
    /// When the attempt must be over.
    pub(crate) until: Instant,
}

impl Patience {
    pub(crate) fn new(strategy: &MtaConnectionStrategy, tls: Duration, until: Instant) -> Self {
        Patience {
            connect: strategy.connect_timeout,
            tls,
            greeting: strategy.greeting_timeout,
            hello: strategy.ehlo_timeout,
            mail: strategy.mail_from_timeout,
            rcpt: strategy.rcpt_to_timeout,
            data: strategy.data_timeout,
            until,
        }
    }

    /// When a wait that begins now must be over.
    pub(crate) fn deadline(&self, wait: Duration) -> Instant {
        (Instant::now() + wait).min(self.until)
    }

    fn of(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Greeting => self.greeting,
            Stage::Hello | Stage::Auth => self.hello,
            Stage::StartTls => self.tls,
            Stage::Reset | Stage::Mail => self.mail,
            Stage::Rcpt => self.rcpt,
            // RFC 5321 section 4.5.3.2.6: the reply to the end of the content may take ten minutes.
            Stage::Data | Stage::Content => self.data,
        }
    }
}

/// Goes on until something else than sending and receiving is to be done.
pub(crate) async fn drive(
    stream: &mut Box<dyn Stream>,
    client: &mut Client,
    buffer: &mut [u8],
    patience: &Patience,
) -> Step {
    // The deadline is that of the whole reply: a peer that drips bytes does not get more time.
    let mut awaited: Option<(u64, Instant)> = None;
    loop {
        match client.step() {
            Step::Send => {
                let deadline = patience.deadline(patience.rcpt);
                let sending = async {
                    stream.write_all(client.output()).await?;
                    stream.flush().await
                };
                match timeout_at(deadline, sending).await {
                    Ok(Ok(())) => client.sent(),
                    Ok(Err(error)) => client.disconnected(error.to_string()),
                    Err(_) => client.disconnected("the server takes no commands"),
                }
            }
            Step::Receive(stage) => {
                let replies = client.replies();
                let deadline = match awaited {
                    Some((at, deadline)) if at == replies => deadline,
                    _ => patience.deadline(patience.of(stage)),
                };
                awaited = Some((replies, deadline));
                match timeout_at(deadline, stream.read(buffer)).await {
                    Ok(Ok(0)) => client.disconnected("the server closed the connection"),
                    Ok(Ok(count)) => client.receive(&buffer[..count]),
                    Ok(Err(error)) => client.disconnected(error.to_string()),
                    Err(_) => client.disconnected("no answer in time"),
                }
            }
            step @ (Step::Handshake | Step::SendContent(_) | Step::Ready | Step::Over) => return step,
        }
    }
}

/// Why the content cannot be sent, by no fault of the peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ContentFault {
    /// It has a bare CR or LF, which DATA must not carry.
    BareLineEnd,
    /// It cannot be read, or is not as long as it was.
    Unreadable(String),
}

/// Sends the content and tells the client how far it came.
pub(crate) async fn send_content(
    stream: &mut Box<dyn Stream>,
    client: &mut Client,
    buffer: &mut [u8],
    framing: Framing,
    content: &Content,
    patience: &Patience,
) -> Result<(), ContentFault> {
    let mut pace = Pace::new(patience.until);
    let written = match content {
        Content::Memory(bytes) => {
            write_memory(stream, client.content_prefix(), framing, bytes, &mut pace).await
        }
        Content::File(file) => write_file(stream, client.content_prefix(), framing, file, &mut pace).await,
    };
    match written {
        Ok(()) => {
            client.content_sent();
            match timeout_at(patience.until, stream.flush()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => client.disconnected(error.to_string()),
                Err(_) => client.disconnected("the server takes no content"),
            }
            Ok(())
        }
        Err(Stopped::Fault(fault)) => {
            client.disconnected("the content could not be sent");
            Err(fault)
        }
        Err(Stopped::Slow) => {
            client.disconnected("the server takes the content too slowly");
            Ok(())
        }
        Err(Stopped::Io(error)) => {
            client.content_interrupted();
            let last_word = Patience { until: patience.deadline(LAST_WORD_TIME_MAX), ..*patience };
            drive(stream, client, buffer, &last_word).await;
            client.disconnected(error.to_string());
            Ok(())
        }
    }
}

/// Why writing content stopped before its end.
enum Stopped {
    Fault(ContentFault),
    Slow,
    Io(io::Error),
}

async fn write_memory(
    stream: &mut Box<dyn Stream>,
    prefix: &[u8],
    framing: Framing,
    bytes: &[u8],
    pace: &mut Pace,
) -> Result<(), Stopped> {
    let mut pieces: Vec<&[u8]> = Vec::with_capacity(4);
    pieces.push(prefix);
    match framing {
        Framing::Chunk => pieces.push(bytes),
        Framing::Dot => {
            let mut stuffer = Stuffer::default();
            stuffer.push(bytes, &mut pieces).map_err(|_| Stopped::Fault(ContentFault::BareLineEnd))?;
            pieces.push(stuffer.finish().map_err(|_| Stopped::Fault(ContentFault::BareLineEnd))?);
        }
    }
    write_pieces(stream, &pieces, pace).await
}

async fn write_file(
    stream: &mut Box<dyn Stream>,
    prefix: &[u8],
    framing: Framing,
    content: &store::spool::ContentFile,
    pace: &mut Pace,
) -> Result<(), Stopped> {
    let unreadable = |why: String| Stopped::Fault(ContentFault::Unreadable(why));
    let mut file =
        tokio::fs::File::open(&content.path).await.map_err(|error| unreadable(error.to_string()))?;
    let mut chunk = vec![0; FILE_CHUNK_BYTES];
    let mut stuffer = Stuffer::default();
    let mut left = content.len;
    write_pieces(stream, &[prefix], pace).await?;
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
        let count = file.read(&mut chunk[..wanted]).await.map_err(|error| unreadable(error.to_string()))?;
        if count == 0 {
            return Err(unreadable("the file is shorter than it was".to_owned()));
        }
        left -= count as u64;
        let bytes = &chunk[..count];
        match framing {
            Framing::Chunk => write_pieces(stream, &[bytes], pace).await?,
            Framing::Dot => {
                let mut pieces = Vec::with_capacity(4);
                stuffer.push(bytes, &mut pieces).map_err(|_| Stopped::Fault(ContentFault::BareLineEnd))?;
                write_pieces(stream, &pieces, pace).await?;
            }
        }
    }
    match framing {
        Framing::Chunk => Ok(()),
        Framing::Dot => {
            let end = stuffer.finish().map_err(|_| Stopped::Fault(ContentFault::BareLineEnd))?;
            write_pieces(stream, &[end], pace).await
        }
    }
}

/// Hands over every byte, in as few calls as the stream allows. An error says that not all of it was taken.
async fn write_pieces(
    stream: &mut Box<dyn Stream>,
    pieces: &[&[u8]],
    pace: &mut Pace,
) -> Result<(), Stopped> {
    let mut slices: Vec<IoSlice<'_>> =
        pieces.iter().filter(|piece| !piece.is_empty()).map(|piece| IoSlice::new(piece)).collect();
    let mut slices = slices.as_mut_slice();
    while !slices.is_empty() {
        let some = &slices[..slices.len().min(PIECES_PER_WRITE_MAX)];
        match timeout_at(pace.deadline(), stream.write_vectored(some)).await {
            Ok(Ok(0)) => return Err(Stopped::Io(io::ErrorKind::WriteZero.into())),
            Ok(Ok(count)) => {
                IoSlice::advance_slices(&mut slices, count);
                pace.advance(count);
            }
            Ok(Err(error)) => return Err(Stopped::Io(error)),
            Err(_) if pace.is_enough() => {}
            Err(_) => return Err(Stopped::Slow),
        }
    }
    Ok(())
}

/// Watches that content gets away fast enough, so that a slow receiver does not hold a place for ever.
struct Pace {
    window_end: Instant,
    bytes: usize,
    until: Instant,
}

impl Pace {
    fn new(until: Instant) -> Self {
        Pace { window_end: Instant::now() + PACE_WINDOW, bytes: 0, until }
    }

    fn deadline(&self) -> Instant {
        self.window_end.min(self.until)
    }

    fn advance(&mut self, count: usize) {
        self.bytes = self.bytes.saturating_add(count);
    }

    /// At the end of a window: whether enough went away in it; begins the next.
    fn is_enough(&mut self) -> bool {
        let now = Instant::now();
        if now >= self.until || self.bytes < PACE_BYTES_MIN {
            return false;
        }
        self.bytes = 0;
        self.window_end = now + PACE_WINDOW;
        true
    }
}
