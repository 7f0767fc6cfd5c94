//! Hears commands from an IMAP client and writes answers, each within its time.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use wire::imap::Announced;
use wire::imap::reply::{self, Ending};
use wire::imap::{Framer, Step};

use super::deflate::Deflate;
use super::limits::{
    COMMAND_BYTES, COMMAND_BYTES_BEFORE_LOGIN, IDLE_MAX, LINGER_MAX, LOGIN_MAX, MESSAGE_READ_BYTES,
    NONSENSE_MAX, OUTPUT_BYTES, PIECE_MAX, READ_BYTES, WRITE_MAX,
};
use crate::connection::{Connection, Security};

/// Why a session has no more to say.
#[derive(Debug)]
pub(super) enum Ended {
    /// The client is gone, or cannot be written to.
    Gone,
    /// We have said our last word.
    Closed,
}

/// What was heard.
#[derive(Debug)]
pub(super) enum Heard {
    /// A whole command, without its last CRLF.
    Command(Bytes),
    /// An APPEND up to the announcement of its message, or what follows a message up to the next.
    Message(Bytes, Announced),
}

/// One client and what was heard and not yet said.
pub(super) struct Talk {
    connection: Connection,
    framer: Framer,
    input: BytesMut,
    /// What is to be written.
    pub(super) output: Vec<u8>,
    deflate: Option<Box<Deflate>>,
    /// When somebody unknown has to leave.
    login_until: Option<Instant>,
    nonsense: u32,
}

impl Talk {
    pub(super) fn new(connection: Connection) -> Self {
        Talk {
            connection,
            framer: Framer::new(COMMAND_BYTES_BEFORE_LOGIN, 0),
            input: BytesMut::new(),
            output: Vec::new(),
            deflate: None,
            login_until: Some(Instant::now() + LOGIN_MAX),
            nonsense: 0,
        }
    }

    pub(super) fn client(&self) -> SocketAddr {
        self.connection.client
    }

    pub(super) fn client_ip(&self) -> IpAddr {
        self.connection.client_ip()
    }

    pub(super) fn is_private(&self) -> bool {
        self.connection.is_private()
    }

    pub(super) fn may_start_tls(&self) -> bool {
        matches!(self.connection.security, Security::StartTls(_))
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.deflate.is_some()
    }

    /// It is known who this is: it may stay, and say more at once; so many bytes of a refused literal are passed over.
    pub(super) fn known(&mut self, pass_over_bytes: u64) {
        self.login_until = None;
        self.framer.set_limits(COMMAND_BYTES, pass_over_bytes);
    }

    /// The next command, or the next message of an APPEND; answers are written before it is waited for. What is no
    /// command is answered here.
    pub(super) async fn hear(&mut self) -> Result<Heard, Ended> {
        loop {
            match self.framer.step(&mut self.input) {
                Step::Whole(command) => return Ok(Heard::Command(command)),
                Step::Message(head, announced) => return Ok(Heard::Message(head, announced)),
                Step::GoAhead => reply::go_on(&mut self.output, "OK"),
                Step::Broken(tag, why) => {
                    self.not_understood(tag.as_deref(), why)?;
                }
                Step::Flood(why) => return self.close("", why),
                Step::NeedInput => self.wait().await?,
            }
        }
    }

    /// A line that is no command, without its end: an answer to `+`.
    pub(super) async fn bare_line(&mut self) -> Result<Bytes, Ended> {
        loop {
            match self.framer.bare_line(&mut self.input) {
                Step::Whole(line) => return Ok(line),
                Step::NeedInput => self.wait().await?,
                _ => return self.close("", "that line is too long"),
            }
        }
    }

    /// The same, if the client has said one already.
    pub(super) fn line(&mut self) -> Result<Option<Bytes>, Ended> {
        match self.framer.bare_line(&mut self.input) {
            Step::Whole(line) => Ok(Some(line)),
            Step::NeedInput => Ok(None),
            _ => self.close("", "that line is too long"),
        }
    }

    /// Whether the client has sent something that was not looked at.
    pub(super) fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// The message that was announced, if it is wanted; the rest of the command follows.
    pub(super) async fn message(&mut self, announced: Announced) -> Result<BytesMut, Ended> {
        self.framer.take_message();
        if announced.waits {
            reply::go_on(&mut self.output, "send it");
        }
        let mut message = self.framer.message_piece(&mut self.input);
        // It stays where it is, and is not copied with what follows.
        while self.framer.message_left().is_some() {
            self.flush().await?;
            self.read(MESSAGE_READ_BYTES, PIECE_MAX).await?;
            let piece = self.framer.message_piece(&mut self.input);
            if message.is_empty() { message = piece } else { message.extend_from_slice(&piece) }
        }
        Ok(message)
    }

    /// The message that was announced is not wanted, nor is the rest of its command.
    pub(super) fn no_message(&mut self) -> Result<(), Ended> {
        match self.framer.refuse_message() {
            Some(_) => self.close("", "that is more than is listened to"),
            None => Ok(()),
        }
    }

    /// Something that cannot be understood: answered, until it is too much.
    pub(super) fn not_understood(&mut self, tag: Option<&str>, why: &str) -> Result<(), Ended> {
        match tag {
            Some(tag) => reply::tagged(&mut self.output, tag, Ending::Bad, "", why),
            None => reply::untagged_status(&mut self.output, Ending::Bad, "", why),
        }
        self.nonsense()
    }

    /// Counts what could not be understood.
    pub(super) fn nonsense(&mut self) -> Result<(), Ended> {
        self.nonsense += 1;
        if self.nonsense > NONSENSE_MAX { self.close("", "too many bad commands") } else { Ok(()) }
    }

    /// Writes what there is, and waits for more from the client.
    pub(super) async fn wait(&mut self) -> Result<(), Ended> {
        self.flush().await?;
        self.wait_only().await
    }

    /// Waits for more from the client; may be dropped while it waits.
    pub(super) async fn wait_only(&mut self) -> Result<(), Ended> {
        let between = self.framer.is_between();
        if self.input.is_empty() {
            // A silent client keeps no memory.
            self.input = BytesMut::new();
            self.output = Vec::new();
        }
        self.read(READ_BYTES, if between { IDLE_MAX } else { PIECE_MAX }).await
    }

    async fn read(&mut self, bytes: usize, patience: Duration) -> Result<(), Ended> {
        let until = Instant::now() + patience;
        let deadline = self.login_until.map_or(until, |login| login.min(until));
        let unread = self.deflate.as_mut().is_some_and(|deflate| deflate.has_more());
        if unread {
            return self.inflate();
        }
        let into = match &mut self.deflate {
            Some(deflate) => &mut deflate.heard,
            None => &mut self.input,
        };
        into.reserve(bytes);
        tokio::select! {
            biased;
            read = self.connection.stream.read_buf(into) => match read {
                Ok(0) | Err(_) => return Err(Ended::Gone),
                Ok(_) => {}
            },
            () = self.connection.shutdown.cancelled() => return self.close("[UNAVAILABLE]", "shutting down"),
            () = tokio::time::sleep_until(deadline) => return self.close("", "silent for too long"),
        }
        if self.deflate.is_some() { self.inflate() } else { Ok(()) }
    }

    fn inflate(&mut self) -> Result<(), Ended> {
        let Some(deflate) = &mut self.deflate else { return Ok(()) };
        deflate.inflate(&mut self.input).map_err(|_| Ended::Gone)
    }

    /// Writes what there is if it is much.
    pub(super) async fn spill(&mut self) -> Result<(), Ended> {
        if self.output.len() >= OUTPUT_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Writes what there is.
    pub(super) async fn flush(&mut self) -> Result<(), Ended> {
        if self.output.is_empty() {
            return Ok(());
        }
        let deflated = self.deflate.as_mut().map(|deflate| deflate.deflate(&self.output));
        let (stream, output) = (&mut self.connection.stream, deflated.as_deref().unwrap_or(&self.output));
        for piece in output.chunks(OUTPUT_BYTES) {
            // A client that reads slowly but reads is waited for.
            match timeout(WRITE_MAX, stream.write_all(piece)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(Ended::Gone),
            }
        }
        match timeout(WRITE_MAX, stream.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Err(Ended::Gone),
        }
        self.output.clear();
        self.output.shrink_to(OUTPUT_BYTES);
        Ok(())
    }

    /// Says a last word.
    pub(super) fn close<T>(&mut self, code: &str, text: &str) -> Result<T, Ended> {
        reply::bye(&mut self.output, code, text);
        Err(Ended::Closed)
    }

    /// TLS from here on. What stands behind the command was not protected and is not listened to: neither it nor the
    /// client that seems to have sent it (F1).
    pub(super) async fn start_tls(&mut self, tag: &str) -> Result<(), Ended> {
        if self.has_input() {
            reply::tagged(&mut self.output, tag, Ending::Bad, "", "something was sent before TLS began");
            return self.close("", "this may not be the client that it seems to be");
        }
        reply::tagged(&mut self.output, tag, Ending::Ok, "", "begin TLS now");
        self.flush().await?;
        self.connection.start_tls().await.map_err(|error| {
            tracing::info!(client = %self.connection.client, %error, "TLS handshake refused");
            Ended::Gone
        })
    }

    /// What is said and heard is compressed from here on (RFC 4978); what was heard already is, too.
    pub(super) async fn start_deflate(&mut self) -> Result<(), Ended> {
        self.flush().await?;
        self.deflate = Some(Box::new(Deflate::new(std::mem::take(&mut self.input))));
        Ok(())
    }

    /// Writes the last word and lets the client read it: closing over unread bytes would take it away.
    pub(super) async fn part(&mut self) {
        if self.flush().await.is_err() {
            return;
        }
        let farewell = async {
            let _ = self.connection.stream.shutdown().await;
            for _ in 0..OUTPUT_BYTES / READ_BYTES {
                self.input.clear();
                self.input.reserve(READ_BYTES);
                match self.connection.stream.read_buf(&mut self.input).await {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
            }
        };
        let _ = timeout(LINGER_MAX, farewell).await;
    }
}
