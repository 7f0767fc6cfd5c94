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

use crate::events::Transcript;
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
    transcript: &Transcript,
) -> Step {
    // The deadline is that of the whole reply: a peer that drips bytes does not get more time.
    let mut awaited: Option<(u64, Instant)> = None;
    loop {
        match client.step() {
            Step::Send => {
                let deadline = patience.deadline(patience.rcpt);
                transcript.sent(client.output(), client.is_proving());
                let sending = async {
                    stream.write_all(client.output()).await?;
                    stream.flush().await
                };
                match timeout_at(deadline, sending).await {
                    Ok(Ok(())) => client.sent(),
                    Ok(Err(error)) => broken(client, transcript, error.to_string()),
                    Err(_) => broken(client, transcript, "the server takes no commands"),
                }
            }
            Step::Receive(stage) => {
                if let Some(stages) = transcript.stages() {
                    stages.awaiting(stage);
                }
                let replies = client.replies();
                let deadline = match awaited {
                    Some((at, deadline)) if at == replies => deadline,
                    _ => patience.deadline(patience.of(stage)),
                };
                awaited = Some((replies, deadline));
                match timeout_at(deadline, stream.read(buffer)).await {
                    Ok(Ok(0)) => broken(client, transcript, "the server closed the connection"),
                    Ok(Ok(count)) => {
                        transcript.received(&buffer[..count], client.is_proving());
                        client.receive(&buffer[..count]);
                    }
                    Ok(Err(error)) => broken(client, transcript, error.to_string()),
                    Err(_) => broken(client, transcript, "no answer in time"),
                }
            }
            step @ (Step::Handshake | Step::SendContent(_) | Step::Ready | Step::Over) => return step,
        }
    }
}

/// Tells the client that it is over, and writes down why.
fn broken(client: &mut Client, transcript: &Transcript, why: impl Into<String>) {
    let why = why.into();
    transcript.note(|| why.clone());
    client.disconnected(why);
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
    transcript: &Transcript,
) -> Result<(), ContentFault> {
    transcript.note(|| sending(framing, content.len()));
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
                Ok(Err(error)) => broken(client, transcript, error.to_string()),
                Err(_) => broken(client, transcript, "the server takes no content"),
            }
            Ok(())
        }
        Err(Stopped::Fault(fault)) => {
            broken(client, transcript, "the content could not be sent");
            Err(fault)
        }
        Err(Stopped::Slow) => {
            broken(client, transcript, "the server takes the content too slowly");
            Ok(())
        }
        Err(Stopped::Io(error)) => {
            client.content_interrupted();
            let last_word = Patience { until: patience.deadline(LAST_WORD_TIME_MAX), ..*patience };
            drive(stream, client, buffer, &last_word, transcript).await;
            broken(client, transcript, error.to_string());
            Ok(())
        }
    }
}

/// That content goes out; never what it says.
fn sending(framing: Framing, bytes: u64) -> String {
    match framing {
        Framing::Dot => format!("the content, {bytes} bytes, and the final dot"),
        Framing::Chunk => format!("the content in one chunk, {bytes} bytes"),
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
    let mut file = crate::content::open(content).await.map_err(|error| unreadable(error.to_string()))?;
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

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use mail::{
        Address, ContentTraits, Envelope, MessageId, Notify, Origin, Parameters, ReversePath, Source,
        Timestamp,
    };
    use store::spool::ContentFile;
    use tokio::io::DuplexStream;
    use wire::smtp::client::{Answer, Forward, Protocol, Request, StartTls};

    use super::*;

    const WAIT: Duration = Duration::from_secs(300);

    fn patience() -> Patience {
        Patience {
            connect: WAIT,
            tls: WAIT,
            greeting: WAIT,
            hello: WAIT,
            mail: WAIT,
            rcpt: WAIT,
            data: 2 * WAIT,
            until: Instant::now() + 6 * WAIT,
        }
    }

    fn envelope() -> Envelope {
        let origin = Origin {
            source: Source::Authenticated,
            listener: String::new(),
            client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            local_port: 0,
            authenticated_as: None,
        };
        Envelope {
            message: MessageId(1),
            reverse_path: ReversePath::Null,
            accepted_at: Timestamp::EPOCH,
            origin,
            parameters: Parameters::default(),
            traits: ContentTraits::default(),
            size: 0,
            recipients: Vec::new(),
        }
    }

    /// A client to which a peer has said all that comes before the content.
    fn before_content(framing: Framing, content: &Content) -> Client {
        let offer = if framing == Framing::Chunk { "CHUNKING" } else { "HELP" };
        let hello = format!("250-mx\r\n250 {offer}\r\n");
        let mut replies = ["220 mx\r\n", &hello, "250 ok\r\n", "250 ok\r\n", "354 go\r\n"].into_iter();
        let mut client = Client::new(Protocol::Smtp, "me", StartTls::Never, None);
        let to = Address::parse("a@example.net").expect("valid");
        let forward = Forward { forward_path: &to, original: None, notify: Notify::DEFAULT };
        loop {
            match client.step() {
                Step::Send => client.sent(),
                Step::Receive(_) => client.receive(replies.next().expect("enough").as_bytes()),
                Step::Ready => client
                    .begin(&Request {
                        envelope: &envelope(),
                        content_bytes: content.len(),
                        traits: ContentTraits::default(),
                        deliver_by: None,
                        needs_smtputf8: false,
                        recipients: &[forward],
                    })
                    .expect("able"),
                Step::SendContent(found) => {
                    assert_eq!(found, framing);
                    return client;
                }
                Step::Handshake | Step::Over => panic!("nothing of that was said"),
            }
        }
    }

    /// Sends content to a peer that does this with its end of the stream, and goes on to the end.
    async fn sends<F>(
        framing: Framing,
        content: &Content,
        peer: impl FnOnce(DuplexStream) -> F,
    ) -> (Result<(), ContentFault>, Vec<Answer>, F::Output)
    where
        F: Future,
    {
        let (ours, theirs) = tokio::io::duplex(1024);
        let mut client = before_content(framing, content);
        let mut stream: Box<dyn Stream> = Box::new(ours);
        let sending = async {
            let mut buffer = [0; 512];
            let silent = Transcript::default();
            let patience = patience();
            let sent =
                send_content(&mut stream, &mut client, &mut buffer, framing, content, &patience, &silent)
                    .await;
            drive(&mut stream, &mut client, &mut buffer, &patience, &silent).await;
            drop(stream);
            sent
        };
        let (sent, said) = tokio::join!(sending, peer(theirs));
        (sent, client.take_answers(), said)
    }

    fn in_file(text: &str) -> (tempfile::TempDir, Content) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("content");
        std::fs::write(&path, text).expect("room");
        let file = ContentFile::kept(path, text.len() as u64);
        (folder, Content::File(Arc::new(file)))
    }

    async fn takes(mut stream: DuplexStream, end: &str) -> String {
        let mut taken = Vec::new();
        while !taken.ends_with(end.as_bytes()) {
            assert_ne!(stream.read_buf(&mut taken).await.expect("no error"), 0);
        }
        stream.write_all(b"250 ok\r\n").await.expect("open");
        String::from_utf8(taken).expect("text")
    }

    fn is_taken(answers: &[Answer]) -> bool {
        matches!(answers, [Answer::Taken(reply)] if reply.code == 250)
    }

    #[tokio::test]
    async fn files_go_out_as_memory_does() {
        // Long enough for several reads, with lines that cross them.
        let text = "0123456\r\n.dot\r\n".repeat(40_000);
        let count = text.len();
        let (_folder, file) = in_file(&text);
        let memory = Content::Memory(text.clone().into());
        for content in [file, memory] {
            let (sent, answers, said) =
                sends(Framing::Dot, &content, |stream| takes(stream, "\r\n.\r\n")).await;
            assert_eq!(sent, Ok(()));
            assert!(is_taken(&answers));
            assert!(said == text.replace("\r\n.", "\r\n..") + ".\r\n", "{} bytes came", said.len());
            let (sent, answers, said) = sends(Framing::Chunk, &content, |stream| async move {
                let prefix = format!("BDAT {count} LAST\r\n");
                takes_exactly(stream, prefix.len() + count).await
            })
            .await;
            assert_eq!(sent, Ok(()));
            assert!(is_taken(&answers));
            assert!(said.ends_with(&text));
        }
    }

    async fn drains(mut stream: DuplexStream) {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }

    async fn takes_exactly(mut stream: DuplexStream, count: usize) -> String {
        let mut taken = vec![0; count];
        stream.read_exact(&mut taken).await.expect("enough");
        stream.write_all(b"250 ok\r\n").await.expect("open");
        String::from_utf8(taken).expect("text")
    }

    #[tokio::test]
    async fn faults_of_the_content_are_ours() {
        let (folder, file) = in_file("short\r\n");
        let Content::File(short) = &file else { panic!("a file") };
        let longer = Content::File(Arc::new(ContentFile::kept(short.path.clone(), 100)));
        let missing = folder.path().join("missing");
        let missing = Content::File(Arc::new(ContentFile::kept(missing, 1)));
        let bare = Content::Memory("a\nb".into());
        for (content, bare) in [(longer, false), (missing, false), (bare, true)] {
            let (sent, answers, ()) = sends(Framing::Dot, &content, drains).await;
            match sent {
                Err(ContentFault::BareLineEnd) => assert!(bare),
                Err(ContentFault::Unreadable(_)) => assert!(!bare),
                Ok(()) => panic!("a fault was not noticed"),
            }
            assert!(matches!(answers[..], [Answer::Unanswered(..)]), "{answers:?}");
        }
    }

    #[tokio::test]
    async fn the_last_word_of_a_peer_that_stops_reading_counts() {
        let content = Content::Memory("x".repeat(100_000).into());
        let (_, answers, ()) = sends(Framing::Dot, &content, |mut stream| async move {
            stream.read_exact(&mut [0; 2000]).await.expect("content");
            stream.write_all(b"552 5.3.4 too big\r\n").await.expect("open");
        })
        .await;
        assert!(matches!(&answers[..], [Answer::Refused(Stage::Content, reply)] if reply.code == 552));
    }

    // proves: D6
    #[tokio::test(start_paused = true)]
    async fn a_slow_receiver_is_given_up_and_is_not_in_doubt() {
        let content = Content::Memory("x".repeat(100_000).into());
        let begun = Instant::now();
        let (_, answers, ()) = sends(Framing::Dot, &content, |mut stream| async move {
            let mut byte = [0];
            while stream.read(&mut byte).await.is_ok_and(|count| count > 0) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })
        .await;
        assert!(matches!(&answers[..], [Answer::Unanswered(Stage::Content, _)]), "{answers:?}");
        assert!(begun.elapsed() < 2000 * Duration::from_secs(1));
    }

    // proves: D7
    #[tokio::test(start_paused = true)]
    async fn a_reply_that_drips_has_one_deadline() {
        let content = Content::Memory("x".into());
        let begun = Instant::now();
        let (_, answers, ()) = sends(Framing::Dot, &content, |mut stream| async move {
            while stream.write_all(b"2").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })
        .await;
        assert!(matches!(&answers[..], [Answer::InDoubt(_)]), "{answers:?}");
        assert!(begun.elapsed() < Duration::from_secs(605));
    }
}
