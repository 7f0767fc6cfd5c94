//! Hands one message to an SMTP server, as any mail program does: for `waypost send` and for the demo.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mail::Reply;
use mta::Stream;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use wire::sasl::encode_plain;
use wire::smtp::reply::ReplyParser;
use wire::smtp::stuffing::{BareLineEnd, Stuffer};

/// Bytes of replies read at once.
const READ_BYTES: usize = 4096;
/// The server must answer within this; the content may take it longer (RFC 5321 section 4.5.3.2).
const ANSWER_MAX: Duration = Duration::from_secs(5 * 60);

/// What is handed over.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    /// `host:port` of the server.
    pub(crate) server: String,
    /// How to make the connection safe; without it the server is only spoken to in the clear.
    pub(crate) tls: Option<StartTls>,
    /// User name and password, if the server is to be told who we are.
    pub(crate) login: Option<(String, String)>,
    /// The reverse-path; empty for the null one.
    pub(crate) reverse_path: String,
    /// The forward-paths.
    pub(crate) forward_paths: Vec<String>,
    /// The message, with CRLF line ends.
    pub(crate) content: Vec<u8>,
}

/// What STARTTLS needs: whom to trust, and the name that the certificate must bear.
#[derive(Clone, Debug)]
pub(crate) struct StartTls {
    /// Whom to trust.
    pub(crate) config: Arc<ClientConfig>,
    /// The server's name.
    pub(crate) name: ServerName<'static>,
}

/// What the server said in the end.
#[derive(Clone, Debug)]
pub(crate) struct Submitted {
    /// Its reply to the final dot.
    pub(crate) reply: Reply,
    /// Recipients that it did not take, and why. At least one other it took.
    pub(crate) refused: Vec<(String, Reply)>,
}

/// Why a message was not handed over.
#[derive(Debug, Error)]
pub(crate) enum SubmitError {
    /// No connection.
    #[error("cannot connect to {server}: {source}")]
    Connect {
        /// `host:port`.
        server: String,
        /// The reason.
        source: io::Error,
    },
    /// The connection broke, or the server does not speak SMTP.
    #[error("the connection broke while waiting for the answer to {command}: {source}")]
    Broken {
        /// What had been said.
        command: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// The server said no.
    #[error("the server answered {command} with: {reply}")]
    Refused {
        /// What had been said.
        command: &'static str,
        /// Its words.
        reply: Reply,
    },
    /// None of the recipients was taken.
    #[error("no recipient was taken: {}", list(refused))]
    NoRecipient {
        /// Each with the reason.
        refused: Vec<(String, Reply)>,
    },
    /// The message cannot be said.
    #[error(transparent)]
    Content(#[from] BareLineEnd),
    /// A password would have crossed a network in the clear.
    #[error("a password is not sent to {server} without TLS: only to a server on this machine")]
    PasswordInTheClear {
        /// `host:port`.
        server: String,
    },
}

fn list(refused: &[(String, Reply)]) -> String {
    refused.iter().map(|(path, reply)| format!("<{path}> {reply}")).collect::<Vec<_>>().join("; ")
}

/// Connects, says it all, and waits for the last word.
pub(crate) async fn submit(submission: &Submission) -> Result<Submitted, SubmitError> {
    let content = stuffed(&submission.content)?;
    let mut dialogue = Dialogue::connect(submission).await?;
    dialogue.expect("the greeting").await?;
    dialogue.hello().await?;
    if let Some(tls) = &submission.tls {
        dialogue.command("STARTTLS", "STARTTLS").await?;
        dialogue = dialogue.secured(tls).await?;
        dialogue.hello().await?;
    }
    if let Some((user, password)) = &submission.login {
        dialogue.command("AUTH", &format!("AUTH PLAIN {}", encode_plain(user, password))).await?;
    }
    let eight_bit = if submission.content.is_ascii() { "" } else { " BODY=8BITMIME" };
    let mut paths = submission.forward_paths.iter().chain([&submission.reverse_path]);
    let utf8 = if paths.all(|path| path.is_ascii()) { "" } else { " SMTPUTF8" };
    dialogue.command("MAIL", &format!("MAIL FROM:<{}>{eight_bit}{utf8}", submission.reverse_path)).await?;
    let mut refused = Vec::new();
    for path in &submission.forward_paths {
        match dialogue.command("RCPT", &format!("RCPT TO:<{path}>")).await {
            Ok(_) => {}
            Err(SubmitError::Refused { reply, .. }) => refused.push((path.clone(), reply)),
            Err(other) => return Err(other),
        }
    }
    if refused.len() == submission.forward_paths.len() {
        return Err(SubmitError::NoRecipient { refused });
    }
    let reply = dialogue.command("DATA", "DATA").await?;
    if reply.code != 354 {
        // It would take the message for commands.
        return Err(SubmitError::Refused { command: "DATA", reply });
    }
    let reply = dialogue.exchange("the message", &content).await?;
    // The message is theirs now; whether they also say goodbye does not matter.
    let _ = dialogue.command("QUIT", "QUIT").await;
    Ok(Submitted { reply, refused })
}

struct Dialogue {
    stream: Box<dyn Stream>,
    replies: ReplyParser,
    own_name: String,
}

impl Dialogue {
    async fn connect(submission: &Submission) -> Result<Self, SubmitError> {
        let server = &submission.server;
        let failed = |source| SubmitError::Connect { server: server.clone(), source };
        let stream = timeout(ANSWER_MAX, TcpStream::connect(server))
            .await
            .map_err(|_| failed(io::ErrorKind::TimedOut.into()))?
            .map_err(failed)?;
        let peer = stream.peer_addr().map_err(failed)?;
        let exposed = submission.login.is_some() && submission.tls.is_none();
        if exposed && !peer.ip().to_canonical().is_loopback() {
            return Err(SubmitError::PasswordInTheClear { server: server.clone() });
        }
        let own_name = match stream.local_addr().map_err(failed)?.ip() {
            IpAddr::V4(ip) => format!("[{ip}]"),
            IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
        };
        Ok(Dialogue { stream: Box::new(stream), replies: ReplyParser::default(), own_name })
    }

    async fn secured(self, tls: &StartTls) -> Result<Self, SubmitError> {
        let connector = TlsConnector::from(tls.config.clone());
        let shaken = timeout(ANSWER_MAX, connector.connect(tls.name.clone(), self.stream));
        let shaken = shaken.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let stream = shaken.map_err(|source| SubmitError::Broken { command: "STARTTLS", source })?;
        // What came after the reply to STARTTLS is dropped: it was not protected.
        Ok(Dialogue { stream: Box::new(stream), replies: ReplyParser::default(), own_name: self.own_name })
    }

    async fn hello(&mut self) -> Result<Reply, SubmitError> {
        let line = format!("EHLO {}", self.own_name);
        self.command("EHLO", &line).await
    }

    async fn command(&mut self, command: &'static str, line: &str) -> Result<Reply, SubmitError> {
        self.exchange(command, format!("{line}\r\n").as_bytes()).await
    }

    async fn exchange(&mut self, command: &'static str, bytes: &[u8]) -> Result<Reply, SubmitError> {
        let written = timeout(ANSWER_MAX, write(&mut self.stream, bytes));
        let written = written.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        // A server that refuses early may close before it has read all; its reply says why.
        match self.expect(command).await {
            Err(SubmitError::Broken { .. }) if written.is_err() => {
                let source = written.err().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into());
                Err(SubmitError::Broken { command, source })
            }
            reply => reply,
        }
    }

    async fn expect(&mut self, command: &'static str) -> Result<Reply, SubmitError> {
        let reply = timeout(ANSWER_MAX, self.reply()).await;
        let reply = reply.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let reply = reply.map_err(|source| SubmitError::Broken { command, source })?;
        if reply.code >= 400 { Err(SubmitError::Refused { command, reply }) } else { Ok(reply) }
    }

    async fn reply(&mut self) -> io::Result<Reply> {
        let mut bytes = [0; READ_BYTES];
        loop {
            if let Some(reply) = self.replies.next_reply() {
                return reply.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error));
            }
            match self.stream.read(&mut bytes).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.replies.push(&bytes[..count]),
            }
        }
    }
}

async fn write(stream: &mut Box<dyn Stream>, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// The content as it follows DATA.
fn stuffed(content: &[u8]) -> Result<Vec<u8>, BareLineEnd> {
    let (mut stuffer, mut pieces) = (Stuffer::default(), Vec::new());
    stuffer.push(content, &mut pieces)?;
    pieces.push(stuffer.finish()?);
    Ok(pieces.concat())
}

#[cfg(test)]
mod tests {
    use super::stuffed;

    #[track_caller]
    fn check(content: &str, expected: &str) {
        assert_eq!(stuffed(content.as_bytes()).as_deref(), Ok(expected.as_bytes()));
    }

    #[test]
    fn dots_at_the_beginning_of_lines_are_doubled() {
        check("a\r\n.b\r\n..\r\n", "a\r\n..b\r\n...\r\n.\r\n");
        check("a.b", "a.b\r\n.\r\n");
        check("", ".\r\n");
        assert!(stuffed(b"a\n.\nb").is_err());
    }
}
