//! An IMAP client that does as little as it can: says commands, and reads answers to their end.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A session.
pub(crate) struct Imap {
    stream: BufReader<TcpStream>,
    tag: u64,
}

/// What was answered.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Untagged lines, if they were wanted.
    pub(crate) lines: Vec<String>,
    /// How many there were.
    pub(crate) count: u64,
}

/// Whether untagged lines are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Lines,
    Count,
}

impl Imap {
    /// Connects and logs in.
    pub(crate) async fn login(port: u16, user: &str) -> Result<Imap> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let mut imap = Imap { stream: BufReader::with_capacity(64 << 10, stream), tag: 0 };
        let mut greeting = Vec::new();
        imap.line(&mut greeting).await?;
        imap.command(&format!("LOGIN {user} secret"), Keep::Count).await?;
        Ok(imap)
    }

    /// Says a command and waits until it is done.
    pub(crate) async fn command(&mut self, command: &str, keep: Keep) -> Result<Answer> {
        self.say(command.as_bytes()).await?;
        self.answer(command, keep).await
    }

    /// Puts a message into the inbox.
    pub(crate) async fn append(&mut self, message: &[u8]) -> Result<()> {
        let mut bytes = format!("APPEND INBOX {{{}+}}\r\n", message.len()).into_bytes();
        bytes.extend_from_slice(message);
        self.say(&bytes).await?;
        self.answer("APPEND", Keep::Count).await.map(|_| ())
    }

    /// Says IDLE and waits until it has begun.
    pub(crate) async fn idle(&mut self) -> Result<()> {
        self.say(b"IDLE").await?;
        let mut line = Vec::new();
        while !line.starts_with(b"+") {
            line.clear();
            self.line(&mut line).await?;
        }
        Ok(())
    }

    async fn say(&mut self, command: &[u8]) -> Result<()> {
        self.tag += 1;
        let mut bytes = format!("a{} ", self.tag).into_bytes();
        bytes.extend_from_slice(command);
        bytes.extend_from_slice(b"\r\n");
        Ok(self.stream.write_all(&bytes).await?)
    }

    async fn answer(&mut self, command: &str, keep: Keep) -> Result<Answer> {
        let tag = format!("a{} ", self.tag).into_bytes();
        let mut answer = Answer::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            self.line(&mut line).await?;
            if let Some(status) = line.strip_prefix(&tag[..]) {
                if !status.starts_with(b"OK") {
                    bail!("{command}: {}", String::from_utf8_lossy(status).trim());
                }
                return Ok(answer);
            }
            answer.count += 1;
            if keep == Keep::Lines {
                answer.lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
        }
    }

    /// A line, with the literals in it.
    async fn line(&mut self, line: &mut Vec<u8>) -> Result<()> {
        loop {
            if self.stream.read_until(b'\n', line).await? == 0 {
                bail!("the connection is closed");
            }
            let Some(size) = literal(line) else { return Ok(()) };
            let end = line.len();
            line.resize(end + size, 0);
            self.stream.read_exact(&mut line[end..]).await?;
        }
    }
}

/// The size of the literal that a line ends with.
fn literal(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}\r\n")?;
    let open = line.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&line[open + 1..]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn literals_are_seen() {
        assert_eq!(literal(b"* 1 FETCH (BODY[] {12}\r\n"), Some(12));
        assert_eq!(literal(b"* 1 FETCH (FLAGS ())\r\n"), None);
        assert_eq!(literal(b"* OK {x}\r\n"), None);
    }
}
