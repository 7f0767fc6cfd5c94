//! A plain SMTP or LMTP client that says exactly what a test wants said, byte for byte.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long one reply may take.
const REPLY_MAX: Duration = Duration::from_secs(60);

/// A reply: its code and its lines, joined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The three digits; 0 if there were none.
    pub code: u16,
    /// The text of all lines, separated by line feeds.
    pub text: String,
}

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects to a port on 127.0.0.1 and reads the greeting.
    #[track_caller]
    pub fn greeted(port: u16) -> Client {
        let mut client = Client::connect(port).expect("the server takes connections");
        client.expect(220);
        client
    }

    /// Connects, greets and says EHLO.
    #[track_caller]
    pub fn ready(port: u16) -> Client {
        let mut client = Client::greeted(port);
        client.say("EHLO client.test", 250);
        client
    }

    /// Connects and reads nothing.
    pub fn connect(port: u16) -> io::Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(REPLY_MAX))?;
        stream.set_write_timeout(Some(REPLY_MAX))?;
        stream.set_nodelay(true)?;
        Ok(Client { stream: BufReader::new(stream) })
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads one reply; an error if the connection ended.
    pub fn reply(&mut self) -> io::Result<Reply> {
        let mut text = String::new();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            text.push_str(line.get(4..).unwrap_or_default());
            if line.as_bytes().get(3) != Some(&b'-') {
                let code = line.get(..3).and_then(|digits| digits.parse().ok()).unwrap_or(0);
                return Ok(Reply { code, text });
            }
            text.push('\n');
        }
    }

    /// Sends a command line and reads its reply.
    pub fn ask(&mut self, command: &str) -> io::Result<Reply> {
        self.write(format!("{command}\r\n").as_bytes())?;
        self.reply()
    }

    /// Reads a reply that must have this code.
    #[track_caller]
    pub fn expect(&mut self, code: u16) -> Reply {
        let reply = self.reply().expect("a reply comes");
        assert_eq!(reply.code, code, "{}", reply.text);
        reply
    }

    /// Sends a command line whose reply must have this code.
    #[track_caller]
    pub fn say(&mut self, command: &str, code: u16) -> Reply {
        let reply = self.ask(command).unwrap_or_else(|error| panic!("{command}: {error}"));
        assert_eq!(reply.code, code, "{command}: {}", reply.text);
        reply
    }

    /// A whole transaction; answers with the reply to the final dot, or the first that was no 2xx or 354.
    pub fn send(&mut self, from: &str, to: &[&str], message: &str) -> io::Result<Reply> {
        let recipients = to.iter().map(|to| format!("RCPT TO:<{to}>"));
        for command in [format!("MAIL FROM:<{from}>")].into_iter().chain(recipients) {
            let reply = self.ask(&command)?;
            if reply.code / 100 != 2 {
                return Ok(reply);
            }
        }
        let go_on = self.ask("DATA")?;
        if go_on.code != 354 {
            return Ok(go_on);
        }
        self.write(message.as_bytes())?;
        self.write(b".\r\n")?;
        self.reply()
    }
}

/// A short message with this subject, its lines ended as they must be.
pub fn message(subject: &str) -> String {
    format!("From: <sender@client.test>\r\nSubject: {subject}\r\n\r\nA line of text.\r\n")
}
