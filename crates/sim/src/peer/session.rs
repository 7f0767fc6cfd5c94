//! One connection to a peer: commands in, replies out, and what goes wrong in between.

mod dot;

use std::time::Duration;

use mail::Address;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::{Peer, Tongue};
use crate::fault::Fault;
use crate::history::{ConnectionId, Event, ReplyId};

/// The connection is over, for whatever reason.
struct Gone;

type Step<T = ()> = Result<T, Gone>;

/// Where in the dialogue a reply stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Greeting,
    Hello,
    Mail,
    Rcpt,
    Data,
    Dot,
}

/// What the peer makes of a stage.
enum Mood {
    Good,
    No(u16),
}

struct Transaction {
    reverse_path: String,
    recipients: Vec<Address>,
    refused: usize,
    content: Vec<u8>,
}

struct Session<'a> {
    peer: &'a Peer,
    connection: ConnectionId,
    stream: DuplexStream,
    buffer: Vec<u8>,
    greeted: bool,
    transaction: Option<Transaction>,
}

/// Serves until either side ends the connection.
pub(super) async fn serve(peer: &Peer, stream: DuplexStream, connection: ConnectionId) {
    let mut session =
        Session { peer, connection, stream, buffer: Vec::new(), greeted: false, transaction: None };
    let Err(Gone) = session.run().await;
    session.close_transaction();
}

impl Session<'_> {
    async fn run(&mut self) -> Step<std::convert::Infallible> {
        if let Mood::No(code) = self.mood(Stage::Greeting).await? {
            self.refuse(code, Vec::new()).await?;
            return Err(Gone);
        }
        self.write(format!("220 {} at your service\r\n", self.peer.name)).await?;
        loop {
            let line = self.command().await?;
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" | "LHLO" | "HELO" => self.hello(verb).await?,
                "MAIL" => self.mail(rest).await?,
                "RCPT" => self.rcpt(rest).await?,
                "DATA" => self.data().await?,
                "BDAT" => self.bdat(rest).await?,
                "RSET" => {
                    self.close_transaction();
                    self.write("250 2.0.0 forgotten\r\n").await?;
                }
                "NOOP" => self.write("250 2.0.0 nothing done\r\n").await?,
                "QUIT" => {
                    self.write("221 2.0.0 bye\r\n").await?;
                    return Err(Gone);
                }
                _ => {
                    self.rude(format!("unknown command {line:?}"));
                    self.write("500 5.5.1 what?\r\n").await?;
                }
            }
        }
    }

    async fn hello(&mut self, verb: &str) -> Step {
        let expected = match self.peer.tongue {
            Tongue::Smtp => "EHLO",
            Tongue::Lmtp => "LHLO",
        };
        self.close_transaction();
        if verb.eq_ignore_ascii_case("HELO") && self.peer.tongue == Tongue::Smtp {
            self.greeted = true;
            return self.write(format!("250 {}\r\n", self.peer.name)).await;
        }
        if !verb.eq_ignore_ascii_case(expected) {
            self.rude(format!("{verb} where {expected} is spoken"));
            return self.write("500 5.5.1 not here\r\n").await;
        }
        if !self.buffer.is_empty() {
            self.rude("something was sent behind EHLO".to_owned());
        }
        if let Mood::No(code) = self.mood(Stage::Hello).await? {
            return self.refuse(code, Vec::new()).await;
        }
        self.greeted = true;
        let offers = &self.peer.offers;
        let size = offers.size.map(|max| if max == 0 { "SIZE".to_owned() } else { format!("SIZE {max}") });
        let keyword = |offered: bool, word: &str| offered.then(|| word.to_owned());
        let words = [
            Some(self.peer.name.clone()),
            keyword(offers.pipelining, "PIPELINING"),
            size,
            keyword(offers.eight_bit, "8BITMIME"),
            keyword(offers.dsn, "DSN"),
            keyword(offers.chunking, "CHUNKING"),
            keyword(offers.enhanced, "ENHANCEDSTATUSCODES"),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        if !offers.pipelining {
            self.peer.fired(if words.len() == 1 { Fault::NoExtensions } else { Fault::NoPipelining });
        }
        let last = words.len() - 1;
        let line =
            |(i, word): (usize, &String)| format!("250{}{word}\r\n", if i == last { ' ' } else { '-' });
        self.write(words.iter().enumerate().map(line).collect::<String>()).await
    }

    async fn mail(&mut self, rest: &str) -> Step {
        let Some((path, parameters)) = path(rest, "FROM:") else {
            self.rude(format!("MAIL {rest:?}"));
            return self.write("501 5.5.4 not a path\r\n").await;
        };
        if !self.greeted || self.transaction.is_some() {
            self.rude("MAIL out of turn".to_owned());
            return self.write("503 5.5.1 not now\r\n").await;
        }
        self.check_mail_parameters(parameters);
        let size = parameters.split(' ').find_map(|word| word.strip_prefix("SIZE=")?.parse::<u64>().ok());
        if let (Some(size), Some(max)) = (size, self.peer.manners.size_max)
            && size > max
        {
            self.peer.fired(Fault::SizeExceeded);
            return self.refuse(552, Vec::new()).await;
        }
        if let Mood::No(code) = self.mood(Stage::Mail).await? {
            return self.refuse(code, Vec::new()).await;
        }
        let (peer, connection) = (self.peer.name.clone(), self.connection);
        self.peer.history.note(Event::Opened { connection, peer });
        self.transaction = Some(Transaction {
            reverse_path: path.to_owned(),
            recipients: Vec::new(),
            refused: 0,
            content: Vec::new(),
        });
        self.write("250 2.1.0 go on\r\n").await
    }

    async fn rcpt(&mut self, rest: &str) -> Step {
        let address = path(rest, "TO:").and_then(|(path, _)| Address::parse(path).ok());
        let Some(address) = address else {
            self.rude(format!("RCPT {rest:?}"));
            return self.write("501 5.5.4 not a path\r\n").await;
        };
        if rest.contains(" NOTIFY=") && !self.peer.offers.dsn {
            self.rude(format!("DSN was not offered: {rest:?}"));
        }
        if self.transaction.is_none() {
            if !self.peer.offers.pipelining {
                self.rude("RCPT out of turn".to_owned());
            }
            return self.write("503 5.5.1 MAIL first\r\n").await;
        }
        if let Some(refusal) = self.recipient_mood(&address).await? {
            return self.refuse_recipient(refusal, address).await;
        }
        self.transaction.as_mut().expect("asked above").recipients.push(address);
        self.write("250 2.1.5 good\r\n").await
    }

    /// What is said about this recipient: the code, and what RFC 5321 lets a client make of it.
    async fn recipient_mood(&mut self, address: &Address) -> Step<Option<(u16, u16)>> {
        let transaction = self.transaction.as_ref().expect("asked by the caller");
        let (taken, local_part) = (transaction.recipients.len(), address.local_part.as_str());
        if local_part.starts_with("unknown") {
            self.peer.fired(Fault::Permanent);
            return Ok(Some((550, 550)));
        }
        if let Some((max, says_552)) = self.peer.manners.recipients_max
            && taken >= max
        {
            let fault = if says_552 { Fault::TooManyRecipients552 } else { Fault::TooManyRecipients452 };
            self.peer.fired(fault);
            return Ok(Some((if says_552 { 552 } else { 452 }, 452)));
        }
        if self.peer.grey(&transaction.reverse_path, &address.to_string()) {
            self.peer.fired(Fault::Greylisted);
            return Ok(Some((450, 450)));
        }
        Ok(match self.mood(Stage::Rcpt).await? {
            Mood::Good => None,
            Mood::No(code) => Some((code, code)),
        })
    }

    async fn refuse_recipient(&mut self, (code, meaning): (u16, u16), address: Address) -> Step {
        let transaction = self.transaction.as_mut().expect("asked by the caller");
        transaction.refused += 1;
        if !transaction.recipients.is_empty() {
            self.peer.fired(Fault::Mixed);
        }
        let reply = self.said(meaning, vec![address]);
        self.write_no(code, reply).await
    }

    async fn data(&mut self) -> Step {
        let Some(transaction) = &self.transaction else {
            return self.write("503 5.5.1 MAIL first\r\n").await;
        };
        if transaction.recipients.is_empty() {
            return self.data_for_nobody().await;
        }
        let recipients = transaction.recipients.clone();
        match self.mood(Stage::Data).await? {
            Mood::Good => {}
            Mood::No(250) => return self.write("250 2.0.0 as you like\r\n").await,
            Mood::No(code) => {
                self.close_transaction();
                return self.refuse(code, recipients).await;
            }
        }
        self.write("354 go ahead\r\n").await?;
        let stop_after = self.stop_after();
        let mut content = Vec::new();
        loop {
            if stop_after.is_some_and(|lines| content.iter().filter(|byte| **byte == b'\n').count() >= lines)
            {
                self.peer.fired(Fault::DropBeforeDot);
                return Err(Gone);
            }
            let line = self.line().await?;
            if line == b".\r\n" {
                break;
            }
            if line[..line.len() - 2].iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
                self.rude("a bare CR or LF in the content".to_owned());
            }
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        self.dot(content).await
    }

    /// RFC 2920 section 3.1: a client that hears 354 for nobody sends the final dot and nothing else.
    async fn data_for_nobody(&mut self) -> Step {
        if !self.peer.mischief(self.peer.manners.credulous) {
            return self.write("554 5.5.1 no valid recipients\r\n").await;
        }
        self.peer.fired(Fault::Credulous);
        self.write("354 go ahead\r\n").await?;
        while self.line().await? != b".\r\n" {
            self.rude("content for nobody".to_owned());
        }
        self.close_transaction();
        let answer = self.peer.chance(|chance| *chance.pick(&["554 5.5.1 for whom?", "250 2.0.0 fine"]));
        self.write(format!("{answer}\r\n")).await
    }

    async fn bdat(&mut self, rest: &str) -> Step {
        let (size, last) = rest.split_once(' ').unwrap_or((rest, ""));
        let Ok(size) = size.parse::<usize>() else {
            self.rude(format!("BDAT {rest:?}"));
            return Err(Gone);
        };
        if !self.peer.offers.chunking {
            self.rude("CHUNKING was not offered".to_owned());
        }
        while self.buffer.len() < size {
            self.fill().await?;
        }
        let chunk: Vec<u8> = self.buffer.drain(..size).collect();
        let Some(transaction) = self.transaction.as_mut().filter(|t| !t.recipients.is_empty()) else {
            return self.write("503 5.5.1 no valid recipients\r\n").await;
        };
        transaction.content.extend_from_slice(&chunk);
        if !last.eq_ignore_ascii_case("LAST") {
            return self.write("250 2.0.0 more\r\n").await;
        }
        if self.stop_after().is_some() {
            self.peer.fired(Fault::DropBeforeDot);
            return Err(Gone);
        }
        let content = std::mem::take(&mut self.transaction.as_mut().expect("seen above").content);
        self.dot(content).await
    }

    /// After how many lines of content to hang up, if at all.
    fn stop_after(&self) -> Option<usize> {
        self.peer.mischief(self.peer.manners.hang_up).then(|| self.peer.chance(|chance| chance.count(0, 8)))
    }

    /// Draws what the peer makes of this stage; the mischief that needs no further word happens here.
    async fn mood(&mut self, stage: Stage) -> Step<Mood> {
        let peer = self.peer;
        let manners = &peer.manners;
        if peer.mischief(manners.slow) {
            peer.fired(Fault::SlowReply);
            let wait =
                peer.chance(|chance| chance.duration(Duration::from_secs(1), Duration::from_secs(280)));
            self.pause(wait).await?;
        }
        if peer.mischief(manners.silent) {
            peer.fired(Fault::Silence);
            self.pause(Duration::from_secs(86_400)).await?;
            return Err(Gone);
        }
        if peer.mischief(manners.hang_up) && stage != Stage::Dot {
            return Err(Gone);
        }
        if peer.mischief(manners.malformed) {
            peer.fired(Fault::Malformed);
            let odd = [
                "HTTP/1.1 200 OK\r\n",
                "2x0 so so\r\n",
                "199 odd\r\n",
                "250-first\r\n550 second\r\n",
                "\r\n",
            ];
            let odd = peer.chance(|chance| *chance.pick(&odd));
            self.write(odd).await?;
            self.pause(Duration::from_secs(600)).await?;
            return Err(Gone);
        }
        if peer.mischief(manners.closing) {
            peer.fired(Fault::Closing);
            let reply = self.said(421, Vec::new());
            self.write_no(421, reply).await?;
            return Err(Gone);
        }
        if peer.mischief(manners.transient) {
            peer.fired(Fault::Transient);
            return Ok(Mood::No(peer.chance(|chance| *chance.pick(&[450, 451, 452]))));
        }
        if peer.mischief(manners.permanent) {
            peer.fired(Fault::Permanent);
            return Ok(Mood::No(peer.chance(|chance| *chance.pick(&[550, 553, 554]))));
        }
        if stage == Stage::Data && peer.mischief(manners.malformed) {
            peer.fired(Fault::WrongIntermediate);
            return Ok(Mood::No(250));
        }
        Ok(Mood::Good)
    }

    async fn refuse(&mut self, code: u16, about: Vec<Address>) -> Step {
        let reply = self.said(code, about);
        self.write_no(code, reply).await
    }

    fn said(&self, code: u16, recipients: Vec<Address>) -> ReplyId {
        let reply = self.peer.history.reply();
        self.peer.history.note(Event::Said { reply, code, peer: self.peer.name.clone(), recipients });
        reply
    }

    async fn write_no(&mut self, code: u16, reply: ReplyId) -> Step {
        let enhanced = if self.peer.offers.enhanced { format!("{}.7.0 ", code / 100) } else { String::new() };
        self.write(format!("{code} {enhanced}no {}\r\n", reply.mark())).await
    }

    fn check_mail_parameters(&self, parameters: &str) {
        let offers = &self.peer.offers;
        for word in parameters.split(' ').filter(|word| !word.is_empty()) {
            let allowed = match word.split('=').next().unwrap_or_default() {
                "SIZE" => offers.size.is_some(),
                "BODY" => offers.eight_bit,
                "RET" | "ENVID" => offers.dsn,
                _ => false,
            };
            if !allowed {
                self.rude(format!("the parameter {word} was not offered"));
            }
        }
    }

    fn close_transaction(&mut self) {
        if self.transaction.take().is_some() {
            self.peer.history.note(Event::Closed { connection: self.connection });
        }
    }

    fn rude(&self, what: String) {
        self.peer.history.note(Event::Rude { peer: self.peer.name.clone(), what });
    }

    /// The next command, without its line end.
    async fn command(&mut self) -> Step<String> {
        if self.transaction.is_none()
            && self.buffer.is_empty()
            && self.peer.mischief(self.peer.manners.idle_close)
        {
            self.idle().await?;
        }
        let line = self.line().await?;
        if !self.buffer.is_empty() && !self.peer.offers.pipelining && !starts(&line, b"BDAT") {
            self.rude(format!("pipelining was not offered, and behind {line:?} there is more"));
        }
        match String::from_utf8(line) {
            Ok(line) if line.len() <= 512 + 1_024 => Ok(line.trim_end_matches("\r\n").to_owned()),
            _ => {
                self.rude("a command that is too long or not UTF-8".to_owned());
                Err(Gone)
            }
        }
    }

    /// Waits some seconds for a command, then hangs up.
    async fn idle(&mut self) -> Step {
        let wait =
            self.peer.chance(|chance| chance.duration(Duration::from_millis(1), Duration::from_secs(20)));
        match tokio::time::timeout(wait, self.fill()).await {
            Ok(filled) => filled,
            Err(_) => {
                self.peer.fired(Fault::IdleClosed);
                Err(Gone)
            }
        }
    }

    /// The next line, with its CRLF.
    async fn line(&mut self) -> Step<Vec<u8>> {
        let mut from = 0;
        loop {
            if let Some(at) = self.buffer[from..].windows(2).position(|pair| pair == b"\r\n") {
                return Ok(self.buffer.drain(..from + at + 2).collect());
            }
            from = self.buffer.len().saturating_sub(1);
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Step {
        let mut chunk = [0; 4_096];
        match self.stream.read(&mut chunk).await {
            Ok(0) | Err(_) => Err(Gone),
            Ok(n) => {
                self.buffer.extend_from_slice(&chunk[..n]);
                Ok(())
            }
        }
    }

    /// Lets time pass, unless the client goes away.
    async fn pause(&mut self, wait: Duration) -> Step {
        let end = tokio::time::Instant::now() + wait;
        while let Ok(filled) = tokio::time::timeout_at(end, self.fill()).await {
            filled?;
        }
        Ok(())
    }

    async fn write(&mut self, text: impl AsRef<[u8]>) -> Step {
        self.stream.write_all(text.as_ref()).await.map_err(|_| Gone)
    }
}

/// The path between angle brackets and the parameters behind it.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (head, tail) = rest.split_at_checked(keyword.len())?;
    let (path, parameters) = tail.strip_prefix('<')?.rsplit_once('>')?;
    head.eq_ignore_ascii_case(keyword).then_some((path, parameters))
}

fn starts(line: &[u8], verb: &[u8]) -> bool {
    line.get(..verb.len()).is_some_and(|head| head.eq_ignore_ascii_case(verb))
}
