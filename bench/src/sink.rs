//! The counting sink: takes every message, knows each by its stamp, tells what it has on a control port.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, LocalSet};
use tokio_rustls::TlsAcceptor;

use crate::latency::Summary;
use crate::stamp::{Stamp, now_ns};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// Where the sink listens.
#[derive(Clone, Debug, Args)]
pub(crate) struct Ports {
    /// Port for mail, on 127.0.0.1.
    #[arg(long, default_value_t = 2600)]
    pub(crate) port: u16,
    /// Port for questions, on 127.0.0.1: `stats`, `full`, `reset`, `quit`.
    #[arg(long, default_value_t = 2601)]
    pub(crate) control: u16,
    /// Take nothing before STARTTLS; the certificate is made at the start.
    #[arg(long)]
    pub(crate) tls: bool,
    /// Hang up after so many messages; 0 for never.
    #[arg(long, default_value_t = 0)]
    pub(crate) per_connection: u64,
}

/// What the sink has seen since its last reset.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Connections.
    pub(crate) sessions: u64,
    /// TLS handshakes.
    #[serde(default)]
    pub(crate) handshakes: u64,
    /// Messages, copies of the same counted each.
    pub(crate) messages: u64,
    /// Recipients, copies counted each.
    pub(crate) recipients: u64,
    /// Different stamps.
    pub(crate) unique: u64,
    /// When the last message was complete, in nanoseconds since 1970.
    pub(crate) last_at_ns: u64,
    /// From the start of the sender's transaction to here; only in the answer to `full`.
    pub(crate) end_to_end_ms: Summary,
}

#[derive(Default)]
struct Ledger {
    seen: Seen,
    stamps: HashSet<u64>,
    latencies_ns: Vec<u64>,
}

impl Ledger {
    fn note(&mut self, message: &[u8], recipients: u64) {
        let now = now_ns();
        self.seen.messages += 1;
        self.seen.recipients += recipients;
        self.seen.last_at_ns = now;
        if let Some(stamp) = Stamp::of(message) {
            self.seen.unique += u64::from(self.stamps.insert(stamp.number));
            self.latencies_ns.push(now.saturating_sub(stamp.sent_at_ns));
        }
    }

    fn answer(&mut self, question: &str) -> String {
        match question {
            "reset" => *self = Ledger::default(),
            "full" => self.seen.end_to_end_ms = Summary::of(&mut self.latencies_ns),
            _ => {}
        }
        serde_json::to_string(&self.seen).unwrap_or_default()
    }
}

/// Takes mail until told to quit.
pub(crate) async fn run(ports: &Ports) -> Result<()> {
    let mail = listener(ports.port).await?;
    let control = listener(ports.control).await?;
    let ledger = Rc::new(RefCell::new(Ledger::default()));
    let tls = if ports.tls { Some(acceptor()?) } else { None };
    let local = LocalSet::new();
    let serve = local.run_until(async {
        let mut sessions = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Ok((stream, _)) = control.accept() => {
                    if matches!(answer(stream, &ledger).await.as_deref(), Ok("quit")) {
                        return;
                    }
                }
                Ok((stream, _)) = mail.accept() => {
                    ledger.borrow_mut().seen.sessions += 1;
                    let session = Session::new(Rc::clone(&ledger), tls.clone(), ports.per_connection);
                    sessions.spawn_local(session.run(stream));
                }
                Some(_) = sessions.join_next() => {}
            }
        }
    });
    serve.await;
    Ok(())
}

async fn listener(port: u16) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).await.with_context(|| format!("cannot listen on port {port}"))
}

async fn answer(mut stream: TcpStream, ledger: &RefCell<Ledger>) -> std::io::Result<String> {
    let mut question = [0; 64];
    let length = stream.read(&mut question).await?;
    let question = String::from_utf8_lossy(&question[..length]).trim().to_owned();
    let reply = ledger.borrow_mut().answer(&question);
    stream.write_all(format!("{reply}\n").as_bytes()).await?;
    Ok(question)
}

/// TLS with a certificate that nobody has signed.
fn acceptor() -> Result<TlsAcceptor> {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(|why| anyhow::anyhow!("the key that was just made cannot be read: {why}"))?;
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A stream in clear or over TLS.
trait Bytes: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Bytes for T {}

/// What becomes of a connection after what has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Read,
    Handshake,
    Close,
}

/// One connection.
struct Session {
    ledger: Rc<RefCell<Ledger>>,
    input: Vec<u8>,
    /// Bytes of a message that were searched for its end.
    searched: usize,
    in_data: bool,
    recipients: u64,
    output: Vec<u8>,
    /// There until it was used.
    tls: Option<TlsAcceptor>,
    per_connection: u64,
    messages: u64,
}

impl Session {
    fn new(ledger: Rc<RefCell<Ledger>>, tls: Option<TlsAcceptor>, per_connection: u64) -> Self {
        Session {
            ledger,
            input: Vec::new(),
            searched: 0,
            in_data: false,
            recipients: 0,
            output: Vec::new(),
            tls,
            per_connection,
            messages: 0,
        }
    }

    async fn run(mut self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream: Box<dyn Bytes> = Box::new(stream);
        stream.write_all(b"220 sink.bench.test ESMTP\r\n").await?;
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let length = stream.read(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            self.input.extend_from_slice(&buffer[..length]);
            let next = self.digest();
            stream.write_all(&self.output).await?;
            stream.flush().await?;
            self.output.clear();
            match (next, self.tls.take_if(|_| next == Next::Handshake)) {
                (Next::Handshake, Some(tls)) => {
                    self.ledger.borrow_mut().seen.handshakes += 1;
                    stream = Box::new(tls.accept(stream).await?);
                }
                (Next::Close, _) => return stream.shutdown().await,
                (Next::Read | Next::Handshake, _) => {}
            }
        }
    }

    /// Handles all that has come whole.
    fn digest(&mut self) -> Next {
        loop {
            let end = if self.in_data {
                self.message_end()
            } else {
                memchr::memchr(b'\n', &self.input).map(|at| at + 1)
            };
            let Some(end) = end else { return Next::Read };
            let rest = self.input.split_off(end);
            let piece = std::mem::replace(&mut self.input, rest);
            if self.in_data {
                self.ledger.borrow_mut().note(&piece, self.recipients);
                (self.in_data, self.searched, self.recipients) = (false, 0, 0);
                self.output.extend_from_slice(b"250 2.0.0 taken\r\n");
                self.messages += 1;
                if self.messages == self.per_connection {
                    return Next::Close;
                }
            } else {
                match self.command(&piece) {
                    Next::Read => {}
                    next => return next,
                }
            }
        }
    }

    fn message_end(&mut self) -> Option<usize> {
        const END: &[u8] = b"\r\n.\r\n";
        let from = self.searched.saturating_sub(END.len());
        let found = memmem::find(&self.input[from..], END).map(|at| from + at + END.len());
        self.searched = self.input.len();
        found
    }

    fn command(&mut self, line: &[u8]) -> Next {
        let verb: Vec<u8> = line.iter().take(4).map(u8::to_ascii_uppercase).collect();
        let reply: &[u8] = match verb.as_slice() {
            b"EHLO" if self.tls.is_some() => b"250-sink.bench.test\r\n250 STARTTLS\r\n",
            b"STAR" if self.tls.is_some() => b"220 2.0.0 go on\r\n",
            b"MAIL" if self.tls.is_some() => b"530 5.7.0 STARTTLS first\r\n",
            b"EHLO" => b"250-sink.bench.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 104857600\r\n",
            b"RCPT" => {
                self.recipients += 1;
                b"250 2.1.5 ok\r\n"
            }
            b"MAIL" | b"RSET" => {
                self.recipients = 0;
                b"250 2.1.0 ok\r\n"
            }
            b"DATA" => {
                self.in_data = true;
                b"354 go on\r\n"
            }
            b"QUIT" => b"221 2.0.0 bye\r\n",
            b"HELO" | b"NOOP" => b"250 ok\r\n",
            _ => b"502 5.5.1 no\r\n",
        };
        self.output.extend_from_slice(reply);
        match verb.as_slice() {
            b"QUIT" => Next::Close,
            b"STAR" => Next::Handshake,
            _ => Next::Read,
        }
    }
}
