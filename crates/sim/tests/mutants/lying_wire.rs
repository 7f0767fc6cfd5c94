//! A connection on which the lines that peers send are not those that we read.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use mta::{Stream, Transport};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) struct LyingTransport {
    inner: Arc<dyn Transport>,
    line: fn(&str) -> String,
}

impl LyingTransport {
    /// `line` gets each line without its end, and gives what is read instead.
    pub(crate) fn new(inner: Arc<dyn Transport>, line: fn(&str) -> String) -> Self {
        LyingTransport { inner, line }
    }
}

#[async_trait]
impl Transport for LyingTransport {
    async fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> io::Result<Box<dyn Stream>> {
        let inner = self.inner.connect(to, from).await?;
        Ok(Box::new(LyingStream { inner, line: self.line, whole: Vec::new(), ready: VecDeque::new() }))
    }
}

struct LyingStream {
    inner: Box<dyn Stream>,
    line: fn(&str) -> String,
    /// What has come and is not a whole line yet.
    whole: Vec<u8>,
    /// What may be read.
    ready: VecDeque<u8>,
}

impl AsyncRead for LyingStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.ready.is_empty() {
            let mut room = [0; 512];
            let mut piece = ReadBuf::new(&mut room);
            std::task::ready!(Pin::new(&mut self.inner).poll_read(cx, &mut piece))?;
            if piece.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.whole.extend_from_slice(piece.filled());
            while let Some(at) = self.whole.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.whole.drain(..at + 2).collect();
                let text = (self.line)(&String::from_utf8_lossy(&line[..at]));
                self.ready.extend(text.as_bytes());
                self.ready.extend(b"\r\n");
            }
        }
        let count = self.ready.len().min(into.remaining());
        let bytes: Vec<u8> = self.ready.drain(..count).collect();
        into.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LyingStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
