//! Hears lines from a POP3 client and writes answers, each within its time.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use wire::pop3::limits::NONSENSE_MAX;
use wire::pop3::lines::{Line, LineCutter};
use wire::pop3::response::{self, Code};

use super::limits::{IDLE_MAX, LINGER_MAX, OUTPUT_BYTES, READ_BYTES, WRITE_MAX};
use crate::connection::{Connection, Security};

/// Why a session has no more to say.
#[derive(Debug)]
pub(super) enum Ended {
    /// The client is gone, or cannot be written to.
    Gone,
    /// We have said our last word.
    Closed,
}

/// One client and what was heard and not yet said.
pub(super) struct Talk {
    connection: Connection,
    input: BytesMut,
    cutter: LineCutter,
    /// What is to be written.
    pub(super) output: Vec<u8>,
    /// When somebody unknown has to leave.
    login_until: Option<Instant>,
    nonsense: u32,
}

impl Talk {
    pub(super) fn new(connection: Connection) -> Self {
        Talk {
            connection,
            input: BytesMut::new(),
            cutter: LineCutter::default(),
            output: Vec::new(),
            login_until: None,
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

    /// Until it is known who this is, it may stay for so long.
    pub(super) fn login_within(&mut self, limit: Option<Duration>) {
        self.login_until = limit.map(|limit| Instant::now() + limit);
    }

    /// The next line, without its end; answers are written before it is waited for. A line that is too long is
    /// answered here.
    pub(super) async fn line(&mut self, bytes_max: usize) -> Result<Bytes, Ended> {
        loop {
            let (used, line) = self.cutter.next(&self.input, bytes_max);
            let whole = match line {
                Line::Whole(line) => Some(line.len()),
                Line::TooLong => {
                    self.input.advance(used);
                    self.nonsense("that line is too long")?;
                    continue;
                }
                Line::Flood => return self.close(None, "that line has no end"),
                Line::NeedInput => None,
            };
            let heard = self.input.split_to(used);
            match whole {
                Some(length) => {
                    // What was passed over stands before the line.
                    let line = heard.freeze();
                    let end = line.len() - if line.ends_with(b"\r\n") { 2 } else { 1 };
                    return Ok(line.slice(end - length..end));
                }
                None => self.read().await?,
            }
        }
    }

    /// Something that is no command: answered, until it is too much.
    pub(super) fn nonsense(&mut self, text: &str) -> Result<(), Ended> {
        self.nonsense += 1;
        if self.nonsense > NONSENSE_MAX {
            return self.close(None, "too many bad commands");
        }
        response::err(&mut self.output, None, text);
        Ok(())
    }

    async fn read(&mut self) -> Result<(), Ended> {
        self.flush().await?;
        if self.input.is_empty() {
            // A silent client keeps no memory.
            self.input = BytesMut::new();
            self.output = Vec::new();
        }
        self.input.reserve(READ_BYTES);
        let idle_until = Instant::now() + IDLE_MAX;
        let deadline = self.login_until.map_or(idle_until, |until| until.min(idle_until));
        tokio::select! {
            biased;
            read = self.connection.stream.read_buf(&mut self.input) => match read {
                Ok(0) | Err(_) => Err(Ended::Gone),
                Ok(_) => Ok(()),
            },
            () = self.connection.shutdown.cancelled() => {
                self.close(Some(Code::SysTemp), "shutting down, nothing was deleted")
            }
            () = tokio::time::sleep_until(deadline) => self.close(None, "silent for too long, nothing was deleted"),
        }
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
        let (stream, output) = (&mut self.connection.stream, &self.output);
        let write = async {
            stream.write_all(output).await?;
            stream.flush().await
        };
        match timeout(WRITE_MAX, write).await {
            Ok(Ok(())) => {
                self.output.clear();
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(Ended::Gone),
        }
    }

    /// Says a last word.
    pub(super) fn close<T>(&mut self, code: Option<Code>, text: &str) -> Result<T, Ended> {
        response::err(&mut self.output, code, text);
        Err(Ended::Closed)
    }

    /// TLS from here on. What stands behind the command was not protected and is not listened to: neither it nor the
    /// client that seems to have sent it (F1).
    pub(super) async fn start_tls(&mut self) -> Result<(), Ended> {
        if !self.input.is_empty() {
            return self.close(None, "something was sent before TLS began");
        }
        response::ok(&mut self.output, "begin TLS now");
        self.flush().await?;
        self.connection.start_tls().await.map_err(|error| {
            tracing::info!(client = %self.connection.client, %error, "TLS handshake refused");
            Ended::Gone
        })
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
