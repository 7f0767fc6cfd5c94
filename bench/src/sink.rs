//! The counting sink: takes every message, knows each by its stamp, tells what it has on a control port.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use anyhow::{Context, Result};
use clap::Args;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, LocalSet};

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
}

/// What the sink has seen since its last reset.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Connections.
    pub(crate) sessions: u64,
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
                    let ledger = Rc::clone(&ledger);
                    sessions.spawn_local(async move { Session::new(stream, ledger).run().await });
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

/// One connection.
struct Session {
    stream: TcpStream,
    ledger: Rc<RefCell<Ledger>>,
    input: Vec<u8>,
    /// Bytes of a message that were searched for its end.
    searched: usize,
    in_data: bool,
    recipients: u64,
    output: Vec<u8>,
}

impl Session {
    fn new(stream: TcpStream, ledger: Rc<RefCell<Ledger>>) -> Self {
        Session {
            stream,
            ledger,
            input: Vec::new(),
            searched: 0,
            in_data: false,
            recipients: 0,
            output: Vec::new(),
        }
    }

    async fn run(mut self) -> std::io::Result<()> {
        self.stream.set_nodelay(true)?;
        self.stream.write_all(b"220 sink.bench.test ESMTP\r\n").await?;
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let length = self.stream.read(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            self.input.extend_from_slice(&buffer[..length]);
            let more = self.digest();
            self.stream.write_all(&self.output).await?;
            self.output.clear();
            if !more {
                return Ok(());
            }
        }
    }

    /// Handles all that has come whole. False after QUIT.
    fn digest(&mut self) -> bool {
        loop {
            let end = if self.in_data {
                self.message_end()
            } else {
                memchr::memchr(b'\n', &self.input).map(|at| at + 1)
            };
            let Some(end) = end else { return true };
            let rest = self.input.split_off(end);
            let piece = std::mem::replace(&mut self.input, rest);
            if self.in_data {
                self.ledger.borrow_mut().note(&piece, self.recipients);
                (self.in_data, self.searched, self.recipients) = (false, 0, 0);
                self.output.extend_from_slice(b"250 2.0.0 taken\r\n");
            } else if !self.command(&piece) {
                return false;
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

    fn command(&mut self, line: &[u8]) -> bool {
        let verb: Vec<u8> = line.iter().take(4).map(u8::to_ascii_uppercase).collect();
        let reply: &[u8] = match verb.as_slice() {
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
        verb != b"QUIT"
    }
}
