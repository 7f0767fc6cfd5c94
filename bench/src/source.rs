//! The load generator: sessions that send stamped messages as fast as they are taken.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

use crate::latency::Summary;
use crate::stamp::{Stamp, now_ns};

/// Sessions that fail one after the other before the generator gives up.
const FAILURES_MAX: u32 = 200;

/// How long a session waits after a failure or a temporary refusal.
const PAUSE: Duration = Duration::from_millis(20);

/// What to send, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct Load {
    /// Where the relay listens.
    #[arg(long, default_value = "127.0.0.1:2525")]
    pub(crate) to: SocketAddr,
    /// Sessions at once.
    #[arg(long, default_value_t = 20)]
    pub(crate) sessions: usize,
    /// Messages in all.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) count: u64,
    /// Bytes of each message.
    #[arg(long, default_value_t = 5_120)]
    pub(crate) size: usize,
    /// Recipients of each message.
    #[arg(long, default_value_t = 1)]
    pub(crate) recipients: u32,
    /// Domains over which the recipients are spread.
    #[arg(long, default_value_t = 1)]
    pub(crate) domains: u32,
    /// Messages in one connection; 0 for as many as there are.
    #[arg(long, default_value_t = 0)]
    pub(crate) per_connection: u64,
    /// Send MAIL, RCPT and DATA in one write.
    #[arg(long)]
    pub(crate) pipelining: bool,
    /// The number of the first message.
    #[arg(long, default_value_t = 0)]
    pub(crate) first: u64,
}

/// What became of a load.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// Messages that were acknowledged.
    pub(crate) accepted: u64,
    /// Temporary refusals, each tried again.
    pub(crate) refused: u64,
    /// Connections that failed.
    pub(crate) broken: u64,
    /// When the first connection was opened, in nanoseconds since 1970.
    pub(crate) began_at_ns: u64,
    /// From the first connection to the last acknowledgement.
    pub(crate) seconds: f64,
    /// Acknowledged messages per second.
    pub(crate) rate: f64,
    /// From the final dot to its reply.
    pub(crate) dot_ms: Summary,
    /// The last trouble met.
    pub(crate) trouble: String,
}

/// What the sessions share. All run on one thread.
struct Shared {
    load: Load,
    next: Cell<u64>,
    again: RefCell<Vec<u64>>,
    accepted: Cell<u64>,
    refused: Cell<u64>,
    broken: Cell<u64>,
    in_a_row: Cell<u32>,
    last_at_ns: Cell<u64>,
    dots_ns: RefCell<Vec<u64>>,
    trouble: RefCell<String>,
    body: Vec<u8>,
}

impl Shared {
    fn take(&self) -> Option<u64> {
        if let Some(number) = self.again.borrow_mut().pop() {
            return Some(number);
        }
        let number = self.next.get();
        let more = number < self.load.first + self.load.count;
        self.next.set(number + u64::from(more));
        more.then_some(number)
    }
}

/// Sends the whole load.
pub(crate) async fn run(load: &Load) -> Result<Sent> {
    let began_at_ns = now_ns();
    let shared = Rc::new(Shared {
        next: Cell::new(load.first),
        again: RefCell::default(),
        accepted: Cell::new(0),
        refused: Cell::new(0),
        broken: Cell::new(0),
        in_a_row: Cell::new(0),
        last_at_ns: Cell::new(began_at_ns),
        dots_ns: RefCell::default(),
        trouble: RefCell::default(),
        body: body(load.size),
        load: load.clone(),
    });
    let local = LocalSet::new();
    let all = local.run_until(async {
        let mut sessions = JoinSet::new();
        for _ in 0..load.sessions {
            sessions.spawn_local(session(Rc::clone(&shared)));
        }
        while let Some(ended) = sessions.join_next().await {
            ended.context("a session ends by itself")??;
        }
        anyhow::Ok(())
    });
    all.await?;
    let seconds = (shared.last_at_ns.get() - began_at_ns) as f64 / 1e9;
    Ok(Sent {
        accepted: shared.accepted.get(),
        refused: shared.refused.get(),
        broken: shared.broken.get(),
        began_at_ns,
        seconds,
        rate: shared.accepted.get() as f64 / seconds.max(1e-9),
        dot_ms: Summary::of(&mut shared.dots_ns.borrow_mut()),
        trouble: shared.trouble.borrow().clone(),
    })
}

/// Lines of text, no dot at the start of any, `size` bytes or a little more.
fn body(size: usize) -> Vec<u8> {
    const LINE: &[u8] =
        b"A letter may rest on the road, but it must know where it is going and who is to be told.\r\n";
    let mut body = Vec::with_capacity(size + LINE.len());
    while body.len() < size {
        body.extend_from_slice(LINE);
    }
    body
}

/// One session after the other until no message is left.
async fn session(shared: Rc<Shared>) -> Result<()> {
    while let Some(number) = shared.take() {
        let mut current = Some(number);
        let result = connection(&shared, &mut current).await;
        shared.again.borrow_mut().extend(current);
        let Err(error) = result else {
            shared.in_a_row.set(0);
            continue;
        };
        shared.broken.set(shared.broken.get() + 1);
        shared.in_a_row.set(shared.in_a_row.get() + 1);
        *shared.trouble.borrow_mut() = format!("{error:#}");
        if shared.in_a_row.get() > FAILURES_MAX {
            return Err(error.context(format!("{FAILURES_MAX} connections failed in a row")));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// One connection; `current` is the message that is not acknowledged yet.
async fn connection(shared: &Shared, current: &mut Option<u64>) -> Result<()> {
    let stream = TcpStream::connect(shared.load.to).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    let mut peer = Peer { stream: BufReader::new(stream), line: Vec::new() };
    peer.expect(b'2').await.context("greeting")?;
    peer.say(b"EHLO source.bench.test\r\n", b'2').await.context("EHLO")?;
    let mut sent = 0;
    while let Some(number) = *current {
        match transaction(shared, &mut peer, number).await? {
            Answer::Accepted => {
                *current = None;
                shared.accepted.set(shared.accepted.get() + 1);
                shared.in_a_row.set(0);
            }
            Answer::Later => {
                shared.refused.set(shared.refused.get() + 1);
                tokio::time::sleep(PAUSE).await;
            }
        }
        sent += 1;
        if shared.load.per_connection != 0 && sent >= shared.load.per_connection {
            break;
        }
        if current.is_none() {
            *current = shared.take();
        }
    }
    peer.say(b"QUIT\r\n", b'2').await.context("QUIT").map(|_| ())
}

enum Answer {
    Accepted,
    Later,
}

async fn transaction(shared: &Shared, peer: &mut Peer, number: u64) -> Result<Answer> {
    let load = &shared.load;
    let stamp = Stamp { number, sent_at_ns: now_ns() };
    let mut commands = vec![b"MAIL FROM:<source@bench.test>\r\n".to_vec()];
    commands.extend((0..load.recipients).map(|k| recipient(number, k, load.domains).into_bytes()));
    commands.push(b"DATA\r\n".to_vec());
    if load.pipelining {
        peer.write(&commands.concat()).await?;
    }
    for command in &commands {
        if !load.pipelining {
            peer.write(command).await?;
        }
        let data = command.starts_with(b"DATA");
        match peer.reply().await? {
            b'2' if !data => {}
            b'3' if data => {}
            b'4' if !load.pipelining => {
                peer.say(b"RSET\r\n", b'2').await?;
                return Ok(Answer::Later);
            }
            _ => bail!("{}: {}", String::from_utf8_lossy(command).trim_end(), peer.last()),
        }
    }
    let mut message = Vec::with_capacity(shared.body.len() + 256);
    message
        .extend_from_slice(b"From: <source@bench.test>\r\nTo: undisclosed-recipients:;\r\nSubject: load\r\n");
    message.extend_from_slice(stamp.field().as_bytes());
    message.extend_from_slice(b"\r\n");
    message.extend_from_slice(&shared.body);
    message.extend_from_slice(b".\r\n");
    peer.write(&message).await?;
    let dot_at = now_ns();
    let reply = peer.reply().await?;
    let now = now_ns();
    match reply {
        b'2' => {
            shared.dots_ns.borrow_mut().push(now.saturating_sub(dot_at));
            shared.last_at_ns.set(now);
            Ok(Answer::Accepted)
        }
        b'4' => {
            *shared.trouble.borrow_mut() = peer.last();
            Ok(Answer::Later)
        }
        _ => bail!("end of data: {}", peer.last()),
    }
}

fn recipient(number: u64, k: u32, domains: u32) -> String {
    format!("RCPT TO:<user{}-{k}@d{}.example.test>\r\n", number % 1_000, k % domains.max(1))
}

/// The other side of a connection.
struct Peer {
    stream: BufReader<TcpStream>,
    line: Vec<u8>,
}

impl Peer {
    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.get_mut().write_all(bytes).await?)
    }

    /// Reads one reply; answers with its first digit.
    async fn reply(&mut self) -> Result<u8> {
        loop {
            self.line.clear();
            if self.stream.read_until(b'\n', &mut self.line).await? == 0 {
                bail!("the relay closed the connection");
            }
            if self.line.get(3) != Some(&b'-') {
                return Ok(self.line[0]);
            }
        }
    }

    async fn expect(&mut self, digit: u8) -> Result<()> {
        let found = self.reply().await?;
        if found != digit {
            bail!("{}", self.last());
        }
        Ok(())
    }

    async fn say(&mut self, command: &[u8], digit: u8) -> Result<()> {
        self.write(command).await?;
        self.expect(digit).await
    }

    fn last(&self) -> String {
        String::from_utf8_lossy(&self.line).trim_end().to_owned()
    }
}
