//! One session: drives `wire::smtp::server` over a stream and asks `policy::admit`.

mod answer;
mod authenticate;
mod clockwork;
mod extensions;
mod proxy;
pub(crate) mod rates;
mod telling;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, BytesMut};
use policy::Configuration;
use policy::extensions::Offered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use wire::smtp::answer::Answer;
use wire::smtp::server::{AuthOffer, ServerProfile, ServerSession, Step};

use self::clockwork::{Clockwork, Due};
pub(crate) use self::telling::connection;
use crate::accept::Incoming;
use crate::events::ConnectionChange;
use crate::listen::{ListenerSettings, ListenerTls};
use crate::quotas::Quotas;
use crate::server_tls::ServerTls;
use crate::throttles::Throttles;
use crate::world::{Stream, World};

/// Bytes read at once while commands are expected.
const COMMAND_READ_BYTES: usize = 4 * 1024;
/// Bytes read at once while content is expected.
const CONTENT_READ_BYTES: usize = 32 * 1024;
/// Bytes of buffer that an idle session keeps at most.
const IDLE_BYTES_MAX: usize = 2 * COMMAND_READ_BYTES;
/// Bytes of replies after which they are written even if there is more to read.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of what a client still sends that are read after we have closed, so that it sees our last word.
const LINGER_BYTES_MAX: usize = 256 * 1024;
/// How long we listen to them.
const LINGER_MAX: std::time::Duration = std::time::Duration::from_secs(2);

/// How long when the server ends.
const LINGER_AT_SHUTDOWN: std::time::Duration = std::time::Duration::from_millis(100);

/// What every session shares.
pub(crate) struct Surroundings {
    pub(crate) world: World,
    pub(crate) configuration: watch::Receiver<Arc<Configuration>>,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) throttles: Arc<Throttles>,
    pub(crate) quotas: Arc<Quotas>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) trace_ids: TraceIds,
}

/// Names for what is not yet in the queue: grow, and differ from those before a restart.
#[derive(Debug)]
pub(crate) struct TraceIds(AtomicU64);

impl TraceIds {
    pub(crate) fn from(now: mail::Timestamp) -> Self {
        TraceIds(AtomicU64::new(now.as_millis() << 16))
    }

    fn next(&self) -> String {
        format!("{:x}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// Both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) client: SocketAddr,
    pub(crate) local: SocketAddr,
}

impl Ends {
    /// The client's address; an IPv4 one is one, also on a socket for both families.
    pub(crate) fn client_ip(&self) -> IpAddr {
        self.client.ip().to_canonical()
    }
}

/// Why a session has no more to say.
#[derive(Debug)]
enum Ended {
    /// The client is gone, or cannot be written to.
    Gone,
    /// We have said our last word.
    Closed,
}

struct Session {
    around: Arc<Surroundings>,
    listener: Arc<ListenerSettings>,
    ends: Ends,
    stream: Box<dyn Stream>,
    machine: ServerSession<Incoming>,
    buffer: BytesMut,
    clockwork: Clockwork,
    /// What the client is offered.
    offered: Offered,
    /// What names the current message in the log before it is in the queue.
    id: String,
}

/// Serves one client until one side has had enough.
pub(crate) async fn serve(
    around: Arc<Surroundings>,
    listener: Arc<ListenerSettings>,
    mut stream: Box<dyn Stream>,
    ends: Ends,
) {
    let ends = match proxy::ends(&listener, &mut stream, ends).await {
        Ok(ends) => ends,
        Err(error) => {
            tracing::warn!(client = %ends.client, listener = listener.name, %error, "a proxy is turned away");
            return;
        }
    };
    let hostname = around.configuration.borrow().hostname.to_string();
    let profile = ServerProfile {
        protocol: listener.protocol,
        hostname,
        starttls: listener.tls == ListenerTls::StartTls && around.tls.is_some(),
        require_tls: listener.require_tls,
        require_auth: listener.require_auth,
        limits: listener.limits.clone(),
    };
    let auth = match listener.auth {
        false => AuthOffer::Never,
        true if ends.client_ip().is_loopback() => AuthOffer::Always,
        true => AuthOffer::OverTls,
    };
    let mut session = Session {
        machine: ServerSession::new(Arc::new(profile), auth),
        offered: Offered::to_strangers(),
        clockwork: Clockwork::new(listener.times),
        buffer: BytesMut::new(),
        id: String::new(),
        around,
        listener,
        ends,
        stream,
    };
    let (around, listener) = (Arc::clone(&session.around), Arc::clone(&session.listener));
    connection(&around, &listener, ends, ConnectionChange::Opened);
    match session.run().await {
        Ok(()) | Err(Ended::Closed) => session.part().await,
        Err(Ended::Gone) => tracing::debug!(client = %session.ends.client, "the client is gone"),
    }
    connection(&around, &listener, ends, ConnectionChange::Closed);
}

impl Session {
    async fn run(&mut self) -> Result<(), Ended> {
        if self.listener.tls == ListenerTls::Implicit {
            self.handshake().await?;
            self.machine.tls_from_start();
        }
        self.catch_early_talkers().await?;
        self.ask_for_connection().await?;
        self.machine.greet();
        loop {
            self.step_through().await?;
            self.read().await?;
        }
    }

    /// RFC 5321 section 4.3.1: a client waits for the greeting. What talks before is no mail client.
    async fn catch_early_talkers(&mut self) -> Result<(), Ended> {
        let delay = self.listener.times.greeting_delay;
        // Even with no delay the stream is looked at once.
        match timeout(delay, self.stream.read_buf(&mut self.buffer)).await {
            Err(_) => {}
            Ok(Ok(0) | Err(_)) => return Err(Ended::Gone),
            Ok(Ok(_)) => return self.close(Answer("554 5.5.0 Commands were sent before the greeting")),
        }
        Ok(())
    }

    /// Takes all steps that the bytes at hand allow.
    async fn step_through(&mut self) -> Result<(), Ended> {
        loop {
            let (used, step) = self.machine.step(&self.buffer);
            if let Step::Content(bytes) = step {
                let spill = self.machine.transaction().is_some_and(|incoming| incoming.take(bytes));
                self.buffer.advance(used);
                if spill && let Some(incoming) = self.machine.transaction() {
                    incoming.spill().await;
                }
                continue;
            }
            match step {
                Step::NeedInput => {
                    self.buffer.advance(used);
                    return Ok(());
                }
                Step::Hello => self.hello().await,
                Step::Lookup(address) => self.look_up(&address),
                Step::Mail(mail) => self.mail(*mail).await,
                Step::Recipient(rcpt) => self.recipient(*rcpt).await,
                Step::ContentBegins => self.content_begins().await,
                Step::ContentEnds(finished) => self.content_ends(finished).await?,
                Step::StartTls => {
                    self.buffer.advance(used);
                    self.start_tls().await?;
                    continue;
                }
                Step::Authenticate(ask) => self.authenticate(ask).await?,
                Step::Close => return Err(Ended::Closed),
                Step::Content(_) => {}
            }
            self.buffer.advance(used);
            if self.machine.output().len() > OUTPUT_BYTES_MAX {
                self.flush().await?;
            }
        }
    }

    /// Writes what we have to say, then waits for what the client has to say.
    async fn read(&mut self) -> Result<(), Ended> {
        if !self.machine.output().is_empty() {
            self.clockwork.progress();
            self.flush().await?;
        }
        let in_content = self.machine.in_content();
        let idle = self.buffer.is_empty() && self.machine.is_idle();
        let shutting_down = self.around.shutdown.is_cancelled();
        if idle && shutting_down {
            return self.close(Answer("421 4.3.2 Shutting down, come again"));
        }
        let deadline = self.clockwork.deadline(in_content, idle, shutting_down);
        if idle && self.buffer.capacity() > IDLE_BYTES_MAX {
            self.buffer = BytesMut::new();
        }
        self.buffer.reserve(if in_content { CONTENT_READ_BYTES } else { COMMAND_READ_BYTES });
        tokio::select! {
            biased;
            read = self.stream.read_buf(&mut self.buffer) => match read {
                // A stream that ends without saying so is no end of a message (F17).
                Ok(0) | Err(_) => Err(Ended::Gone),
                Ok(count) => {
                    self.clockwork.received(count);
                    Ok(())
                }
            },
            () = self.around.shutdown.cancelled(), if !shutting_down => Ok(()),
            () = tokio::time::sleep_until(deadline) => match self.clockwork.due(in_content, shutting_down) {
                Due::GoOn => Ok(()),
                Due::TooSlow => self.close(Answer("421 4.4.2 Too slow, closing")),
            },
        }
    }

    async fn flush(&mut self) -> Result<(), Ended> {
        let output = self.machine.output();
        if output.is_empty() {
            return Ok(());
        }
        let write = async {
            self.stream.write_all(output).await?;
            self.stream.flush().await
        };
        match timeout(self.listener.times.write, write).await {
            Ok(Ok(())) => {
                output.clear();
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(Ended::Gone),
        }
    }

    /// Says a last word.
    fn close(&mut self, answer: Answer) -> Result<(), Ended> {
        self.machine.close(answer);
        Err(Ended::Closed)
    }

    async fn handshake(&mut self) -> Result<(), Ended> {
        let Some(tls) = &self.around.tls else {
            tracing::error!(listener = self.listener.name, "there is no certificate for TLS");
            return Err(Ended::Gone);
        };
        // The handshake takes the stream over; what stands in its place meanwhile yields nothing.
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        match timeout(self.listener.times.handshake, tls.acceptor().accept(plain)).await {
            Ok(Ok(secured)) => {
                self.stream = Box::new(secured);
                Ok(())
            }
            Ok(Err(error)) => {
                tracing::info!(client = %self.ends.client, %error, "TLS handshake refused");
                Err(Ended::Gone)
            }
            Err(_) => Err(Ended::Gone),
        }
    }

    async fn start_tls(&mut self) -> Result<(), Ended> {
        self.flush().await?;
        self.handshake().await?;
        self.machine.tls_established();
        self.clockwork.progress();
        Ok(())
    }

    /// Writes the last word and lets the client read it: closing over unread bytes would take it away.
    async fn part(&mut self) {
        if self.flush().await.is_err() {
            return;
        }
        let has_quit = self.machine.has_quit();
        let linger = if self.around.shutdown.is_cancelled() { LINGER_AT_SHUTDOWN } else { LINGER_MAX };
        let farewell = async {
            let _ = self.stream.shutdown().await;
            let mut read = 0;
            while !has_quit && read < LINGER_BYTES_MAX {
                self.buffer.clear();
                match self.stream.read_buf(&mut self.buffer).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => read += count,
                }
            }
        };
        let _ = timeout(linger, farewell).await;
    }
}
