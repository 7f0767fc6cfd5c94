//! An SMTP client that sends one letter, and may vanish at any byte.

use std::time::Duration;

use mail::Notify;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::Letter;
use crate::chance::Chance;

/// How a letter comes to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entrance {
    /// Past the gate, without a dialogue.
    Gate,
    /// Through a session.
    Session {
        /// MAIL, RCPT and DATA in one go.
        pipelined: bool,
        /// The content by BDAT.
        chunking: bool,
        /// Bytes written at once.
        piece: usize,
        /// The client hangs up after so many bytes of content.
        vanishes_after: Option<usize>,
    },
}

impl Entrance {
    /// Some way in.
    pub(super) fn draw(chance: &mut Chance) -> Self {
        if chance.per_mille(400) {
            return Entrance::Gate;
        }
        Entrance::Session {
            pipelined: chance.per_mille(600),
            chunking: chance.per_mille(300),
            piece: *chance.pick(&[1, 7, 100, 4_000, 100_000]),
            vanishes_after: chance.per_mille(60).then(|| chance.count(0, 3_000)),
        }
    }
}

/// How long a client waits for a reply (RFC 5321 section 4.5.3.2).
const REPLY_WAIT: Duration = Duration::from_secs(10 * 60);

struct Client {
    stream: DuplexStream,
    buffer: Vec<u8>,
    piece: usize,
}

/// Sends the letter; `Ok` only if the reply to its end was 250. `vanished` is called when the client hangs up.
pub(super) async fn send(
    stream: DuplexStream,
    letter: &Letter,
    entrance: Entrance,
    vanished: impl FnOnce(),
) -> Result<(), String> {
    let Entrance::Session { pipelined, chunking, piece, vanishes_after } = entrance else {
        return Err("this letter has no dialogue".to_owned());
    };
    let mut client = Client { stream, buffer: Vec::new(), piece };
    client.expect(220).await?;
    client.write(b"EHLO client.example\r\n").await?;
    client.expect(250).await?;
    let content = if chunking { letter.content.clone().into_bytes() } else { stuffed(&letter.content) };
    let mut commands = envelope(letter);
    commands.push(if chunking { format!("BDAT {} LAST\r\n", content.len()) } else { "DATA\r\n".to_owned() });
    let last = commands.len() - 1;
    let mut taken = 0;
    if pipelined {
        client.write(commands[..if chunking { last } else { last + 1 }].concat().as_bytes()).await?;
    }
    for (n, command) in commands.iter().enumerate() {
        if !pipelined {
            if n == last && chunking {
                break;
            }
            client.write(command.as_bytes()).await?;
        } else if n == last && chunking {
            break;
        }
        let code = client.reply().await?;
        match n {
            0 if code != 250 => return Err(format!("{code} to MAIL")),
            0 => {}
            _ if n == last && code != 354 => return Err(format!("{code} to DATA")),
            _ => taken += usize::from(code == 250),
        }
    }
    if chunking {
        if taken == 0 {
            return Err("no recipient was taken".to_owned());
        }
        client.write(commands[last].as_bytes()).await?;
    }
    if let Some(bytes) = vanishes_after.filter(|bytes| *bytes < content.len()) {
        client.write(&content[..bytes]).await?;
        vanished();
        return Err("the client has vanished".to_owned());
    }
    client.write(&content).await?;
    client.expect(250).await?;
    let _ = client.write(b"QUIT\r\n").await;
    Ok(())
}

/// MAIL and RCPT.
fn envelope(letter: &Letter) -> Vec<String> {
    let body = if letter.traits().eight_bit { " BODY=8BITMIME" } else { "" };
    let ret = match letter.ret {
        None => "",
        Some(mail::Ret::Full) => " RET=FULL",
        Some(mail::Ret::Headers) => " RET=HDRS",
    };
    let mut commands = vec![format!("MAIL FROM:<{}>{body}{ret}\r\n", letter.reverse_path)];
    let rcpt = |(address, notify): &(mail::Address, Option<Notify>)| {
        format!("RCPT TO:<{address}>{}\r\n", notify.map_or_else(String::new, wish))
    };
    commands.extend(letter.recipients.iter().map(rcpt));
    commands
}

fn wish(notify: Notify) -> String {
    let words = [(notify.success, "SUCCESS"), (notify.delay, "DELAY"), (notify.failure, "FAILURE")];
    let wanted: Vec<&str> = words.iter().filter(|(wanted, _)| *wanted).map(|(_, word)| *word).collect();
    format!(" NOTIFY={}", if wanted.is_empty() { "NEVER".to_owned() } else { wanted.join(",") })
}

/// As it travels after DATA (RFC 5321 section 4.5.2).
fn stuffed(content: &str) -> Vec<u8> {
    let end = if content.ends_with("\r\n") { "" } else { "\r\n" };
    let text = format!("{content}{end}").replace("\r\n.", "\r\n..");
    format!("{text}.\r\n").into_bytes()
}

impl Client {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        for piece in bytes.chunks(self.piece) {
            self.stream.write_all(piece).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn expect(&mut self, code: u16) -> Result<(), String> {
        match self.reply().await? {
            found if found == code => Ok(()),
            found => Err(format!("{found} instead of {code}")),
        }
    }

    /// The code of the next reply.
    async fn reply(&mut self) -> Result<u16, String> {
        loop {
            while let Some(at) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                let text = String::from_utf8_lossy(&line).into_owned();
                if text.as_bytes().get(3) == Some(&b' ') {
                    return text[..3].parse().map_err(|_| format!("no reply: {text:?}"));
                }
            }
            let mut chunk = [0; 1_024];
            match tokio::time::timeout(REPLY_WAIT, self.stream.read(&mut chunk)).await {
                Err(_) => return Err("no reply in time".to_owned()),
                Ok(Ok(0) | Err(_)) => return Err("the connection broke".to_owned()),
                Ok(Ok(count)) => self.buffer.extend_from_slice(&chunk[..count]),
            }
        }
    }
}
