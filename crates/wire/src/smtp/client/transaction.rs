//! One transaction: MAIL, RCPT for each recipient, the content, and the replies to all of it.
//!
//! With PIPELINING, commands go out in flights and DATA with the last of them, so that a message is two writes.
//! From [`Client::content_sent`] to the reply stands [`Part::Ended`]: there, and only there, a break leaves in
//! doubt whether the peer has the message.

use std::fmt::Write;

use mail::{Body, DeliverByMode, Reply, Ret, Severity, Stage, xtext};

use super::{Answer, Broken, Client, Forward, Framing, Phase, Protocol, Request, Step, Unable};
use crate::smtp::capabilities::Capabilities;

/// Commands in one flight at most: their replies must fit the peer's and our socket buffers.
const FLIGHT_COMMANDS_MAX: usize = 100;

/// Seconds of `BY` at most: nine digits (RFC 2852 section 4).
const DELIVER_BY_SECONDS_MAX: i64 = 999_999_999;

/// A transaction that is going on.
#[derive(Debug)]
pub(super) struct Transaction {
    framing: Framing,
    lmtp: bool,
    pipelining: bool,
    /// Neither DATA nor content follows.
    only_asks: bool,
    /// All commands, one after the other, and where each ends.
    script: Vec<u8>,
    commands: Vec<(Stage, usize)>,
    /// How many commands have been put into a flight, were written, were answered.
    launched: usize,
    written: usize,
    answered: usize,
    mail_refused: bool,
    answers: Vec<Option<Answer>>,
    /// Places in `answers` of those accepted at RCPT, in order.
    accepted: Vec<usize>,
    next_recipient: usize,
    part: Part,
}

/// Which part of the transaction this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// Commands and their replies.
    Commands,
    /// The content is being written.
    Content,
    /// Writing the content failed; the peer may have said why.
    Interrupted,
    /// The end of the content was sent, and is answered for this many recipients. A break here is a doubt.
    Ended { answered: usize },
    /// DATA was answered 354 though nobody was accepted: the lone dot is to be written, then to be answered.
    Empty { written: bool },
}

impl Client {
    /// Begins a transaction, if the peer's capabilities allow it. Only in [`Step::Ready`].
    pub fn begin(&mut self, request: &Request<'_>) -> Result<(), Unable> {
        let offered = &self.capabilities;
        able(offered, self.protocol, request)?;
        let framing = if offered.chunking { Framing::Chunk } else { Framing::Dot };
        let lmtp = self.protocol == Protocol::Lmtp;
        let mut transaction = Transaction::new(framing, lmtp, offered.pipelining, request.recipients.len());
        transaction.only_asks = self.only_asks;
        transaction.write_script(offered, request, std::mem::take(&mut self.reset_due));
        self.output.clear();
        if framing == Framing::Chunk && !self.only_asks {
            self.output.extend_from_slice(format!("BDAT {} LAST\r\n", request.content_bytes).as_bytes());
        }
        self.answers.clear();
        self.phase = Phase::Transaction(transaction);
        Ok(())
    }

    /// What stands before the content: the BDAT command, or nothing.
    pub fn content_prefix(&self) -> &[u8] {
        &self.output
    }

    /// The last byte of the content, with its end, has been handed over. From here on a break is a doubt.
    pub fn content_sent(&mut self) {
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.part = Part::Ended { answered: 0 };
        }
    }

    /// The content could not be written to its end. The peer may have refused it in between: go on with
    /// [`Client::step`] to read that, and give up soon.
    pub fn content_interrupted(&mut self) {
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.part = Part::Interrupted;
        }
    }

    /// What the transaction needs; none if it has moved on by itself.
    pub(super) fn transaction_step(&mut self) -> Option<Step> {
        let Phase::Transaction(transaction) = &mut self.phase else { return None };
        if !transaction.output().is_empty() {
            return Some(Step::Send);
        }
        if let Some(stage) = transaction.awaited() {
            return match self.next_reply(stage) {
                None => Some(Step::Receive(stage)),
                Some(Err(error)) => {
                    self.break_off(error.into());
                    None
                }
                Some(Ok(reply)) => {
                    self.transaction_reply(stage, reply);
                    None
                }
            };
        }
        // It is our turn: nothing may have been said before we speak.
        if !self.parser.is_empty() {
            self.break_off(Broken::OutOfTurn);
            return None;
        }
        if transaction.part == Part::Content {
            return Some(Step::SendContent(transaction.framing));
        }
        if !transaction.go_on() {
            self.transaction_over();
        }
        None
    }

    fn transaction_reply(&mut self, stage: Stage, reply: Reply) {
        let Phase::Transaction(transaction) = &mut self.phase else { return };
        if reply.code == 421 && !(transaction.lmtp && stage == Stage::Content) {
            transaction.refuse_unanswered(stage, &reply);
            self.transaction_over();
            return self.over();
        }
        let heard = match transaction.part {
            Part::Commands => transaction.command_reply(stage, reply),
            Part::Interrupted => transaction.interrupted_reply(reply),
            Part::Ended { answered } => transaction.content_reply(answered, reply),
            Part::Content | Part::Empty { .. } => Ok(Heard::Over),
        };
        match heard {
            Ok(Heard::More) => {}
            Ok(Heard::Over) => self.transaction_over(),
            Ok(Heard::Disconnect) => {
                self.transaction_over();
                self.over();
            }
            Err(broken) => self.break_off(broken),
        }
    }

    fn transaction_over(&mut self) {
        if let Phase::Transaction(transaction) = std::mem::replace(&mut self.phase, Phase::Ready) {
            self.reset_due = transaction.part == Part::Commands;
            self.answers = transaction.broken(&Broken::OutOfTurn);
            self.output.clear();
        }
    }
}

/// Whether a peer that offers this can take it at all.
fn able(offered: &Capabilities, protocol: Protocol, request: &Request<'_>) -> Result<(), Unable> {
    match offered.size {
        Some(limit) if limit > 0 && request.content_bytes > limit => return Err(Unable::TooLarge(limit)),
        _ => {}
    }
    if request.needs_smtputf8 && !offered.smtputf8 {
        return Err(Unable::NoSmtpUtf8);
    }
    if offered.conversion(request.traits).is_some() {
        return Err(if request.traits.binary { Unable::NoBinaryMime } else { Unable::NoEightBitMime });
    }
    if request.envelope.parameters.require_tls && !offered.require_tls {
        return Err(Unable::NoRequireTls);
    }
    // RFC 2852 section 4: who may not return it in time must not get it. LMTP delivers at once.
    let returned_after =
        request.deliver_by.filter(|by| by.mode == DeliverByMode::Return && protocol == Protocol::Smtp);
    match (returned_after.map(|by| u64::try_from(by.seconds).unwrap_or(0)), offered.deliver_by) {
        (None, _) => Ok(()),
        (Some(left), Some(least)) if left > 0 && left >= least => Ok(()),
        (Some(_), _) => Err(Unable::NoDeliverBy),
    }
}

/// What a reply did to the transaction.
enum Heard {
    More,
    Over,
    Disconnect,
}

impl Transaction {
    fn new(framing: Framing, lmtp: bool, pipelining: bool, recipients: usize) -> Self {
        Transaction {
            framing,
            lmtp,
            pipelining,
            only_asks: false,
            script: Vec::with_capacity(128 + 64 * recipients),
            commands: Vec::with_capacity(recipients + 3),
            launched: 0,
            written: 0,
            answered: 0,
            mail_refused: false,
            answers: vec![None; recipients],
            accepted: Vec::with_capacity(recipients),
            next_recipient: 0,
            part: Part::Commands,
        }
    }

    fn write_script(&mut self, offered: &Capabilities, request: &Request<'_>, reset: bool) {
        if reset {
            self.add(Stage::Reset, "RSET\r\n");
        }
        self.add(Stage::Mail, &mail_command(offered, request));
        for forward in request.recipients {
            self.add(Stage::Rcpt, &rcpt_command(offered, request, forward));
        }
        if self.framing == Framing::Dot && !self.only_asks {
            self.add(Stage::Data, "DATA\r\n");
        }
    }

    fn add(&mut self, stage: Stage, command: &str) {
        self.script.extend_from_slice(command.as_bytes());
        self.commands.push((stage, self.script.len()));
    }

    /// Where the first `count` commands end in the script.
    fn end_of(&self, count: usize) -> usize {
        count.checked_sub(1).map_or(0, |last| self.commands[last].1)
    }

    pub(super) fn output(&self) -> &[u8] {
        match self.part {
            Part::Commands => &self.script[self.end_of(self.written)..self.end_of(self.launched)],
            Part::Empty { written: false } => b".\r\n",
            Part::Content | Part::Interrupted | Part::Ended { .. } | Part::Empty { written: true } => b"",
        }
    }

    pub(super) fn sent(&mut self) {
        match self.part {
            Part::Commands => self.written = self.launched,
            Part::Empty { .. } => self.part = Part::Empty { written: true },
            Part::Content | Part::Interrupted | Part::Ended { .. } => {}
        }
    }

    /// The stage of the reply that is due; none if it is our turn.
    fn awaited(&self) -> Option<Stage> {
        match self.part {
            Part::Commands if self.answered < self.written => Some(self.commands[self.answered].0),
            Part::Commands | Part::Content => None,
            Part::Interrupted | Part::Ended { .. } | Part::Empty { .. } => Some(Stage::Content),
        }
    }

    /// Launches the next flight or turns to the content; false if there is nothing more to do.
    fn go_on(&mut self) -> bool {
        let rest = self.commands.len() - self.launched;
        let data_is_next = rest == 1 && self.framing == Framing::Dot && !self.only_asks;
        // Within a flight nothing is known yet; between flights, what is pointless is left out.
        let pointless = self.mail_refused || (data_is_next && self.accepted.is_empty());
        if pointless || (rest == 0 && (self.accepted.is_empty() || self.only_asks)) {
            return false;
        }
        if rest == 0 {
            self.part = Part::Content;
            return self.framing == Framing::Chunk;
        }
        self.launched += if self.pipelining { rest.min(FLIGHT_COMMANDS_MAX) } else { 1 };
        true
    }

    fn command_reply(&mut self, stage: Stage, reply: Reply) -> Result<Heard, Broken> {
        self.answered += 1;
        match (stage, reply.severity()) {
            (Stage::Data, Severity::Intermediate) if reply.code == 354 => return self.heard_354(),
            (Stage::Data, Severity::Positive) | (_, Severity::Intermediate) => {
                return Err(Broken::Unexpected(reply));
            }
            (Stage::Data, Severity::Transient | Severity::Permanent) => self.refuse_accepted(stage, &reply),
            (Stage::Mail, Severity::Transient | Severity::Permanent) => {
                self.mail_refused = true;
                self.refuse_unanswered(stage, &reply);
            }
            (Stage::Rcpt, severity) => self.heard_rcpt(severity, reply),
            (Stage::Mail, Severity::Positive) => {}
            (_, Severity::Positive) => {}
            (_, Severity::Transient | Severity::Permanent) => return Err(Broken::Unexpected(reply)),
        }
        Ok(Heard::More)
    }

    fn heard_rcpt(&mut self, severity: Severity, reply: Reply) {
        let place = self.next_recipient;
        self.next_recipient += 1;
        if self.mail_refused {
            return;
        }
        match severity {
            Severity::Positive => {
                self.accepted.push(place);
                if self.only_asks {
                    self.answers[place] = Some(Answer::Taken(reply));
                }
            }
            _ => self.answers[place] = Some(Answer::Refused(Stage::Rcpt, reply)),
        }
    }

    fn heard_354(&mut self) -> Result<Heard, Broken> {
        if !self.accepted.is_empty() {
            self.part = Part::Content;
            return Ok(Heard::More);
        }
        // In LMTP no reply at all would follow the dot; the connection is of no more use.
        if self.lmtp {
            return Ok(Heard::Disconnect);
        }
        self.part = Part::Empty { written: false };
        Ok(Heard::More)
    }

    fn interrupted_reply(&mut self, reply: Reply) -> Result<Heard, Broken> {
        match reply.severity() {
            Severity::Transient | Severity::Permanent => {
                self.refuse_accepted(Stage::Content, &reply);
                Ok(Heard::Disconnect)
            }
            Severity::Positive | Severity::Intermediate => Err(Broken::Unexpected(reply)),
        }
    }

    /// The reply to the content: one for all, in LMTP one for each accepted recipient (RFC 2033 section 4.2).
    fn content_reply(&mut self, answered: usize, reply: Reply) -> Result<Heard, Broken> {
        let answer = match reply.severity() {
            Severity::Positive => Answer::Taken(reply),
            Severity::Transient | Severity::Permanent => Answer::Refused(Stage::Content, reply),
            Severity::Intermediate => return Err(Broken::Unexpected(reply)),
        };
        if !self.lmtp {
            for &place in &self.accepted {
                self.answers[place] = Some(answer.clone());
            }
            return Ok(Heard::Over);
        }
        let shuts_down = matches!(&answer, Answer::Refused(_, reply) if reply.code == 421);
        self.answers[self.accepted[answered]] = Some(answer);
        self.part = Part::Ended { answered: answered + 1 };
        Ok(match answered + 1 == self.accepted.len() {
            true if shuts_down => Heard::Disconnect,
            true => Heard::Over,
            false => Heard::More,
        })
    }

    fn refuse_accepted(&mut self, stage: Stage, reply: &Reply) {
        for place in std::mem::take(&mut self.accepted) {
            self.answers[place] = Some(Answer::Refused(stage, reply.clone()));
        }
    }

    fn refuse_unanswered(&mut self, stage: Stage, reply: &Reply) {
        for answer in self.answers.iter_mut().filter(|answer| answer.is_none()) {
            *answer = Some(Answer::Refused(stage, reply.clone()));
        }
    }

    /// The answers, as far as they came before the dialogue broke.
    pub(super) fn broken(self, broken: &Broken) -> Vec<Answer> {
        let stage = match self.part {
            Part::Commands => self.awaited().unwrap_or(Stage::Mail),
            Part::Content | Part::Interrupted | Part::Ended { .. } | Part::Empty { .. } => Stage::Content,
        };
        let unanswered = || match self.part {
            Part::Ended { .. } => Answer::InDoubt(broken.clone()),
            _ => Answer::Unanswered(stage, broken.clone()),
        };
        self.answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect()
    }
}

fn mail_command(offered: &Capabilities, request: &Request<'_>) -> String {
    let envelope = request.envelope;
    let parameters = &envelope.parameters;
    let mut command = format!("MAIL FROM:<{}>", envelope.reverse_path);
    // Writing to a string cannot fail.
    if offered.size.is_some() {
        let _ = write!(command, " SIZE={}", request.content_bytes);
    }
    match body(offered, request) {
        Body::SevenBit => {}
        Body::EightBitMime => command.push_str(" BODY=8BITMIME"),
        Body::BinaryMime => command.push_str(" BODY=BINARYMIME"),
    }
    if request.needs_smtputf8 {
        command.push_str(" SMTPUTF8");
    }
    if parameters.require_tls {
        command.push_str(" REQUIRETLS");
    }
    if offered.mt_priority && parameters.priority != 0 {
        let _ = write!(command, " MT-PRIORITY={}", parameters.priority);
    }
    if offered.deliver_by.is_some()
        && let Some(by) = request.deliver_by
    {
        let mode = if by.mode == DeliverByMode::Return { "R" } else { "N" };
        let seconds = by.seconds.clamp(-DELIVER_BY_SECONDS_MAX, DELIVER_BY_SECONDS_MAX);
        let _ = write!(command, " BY={seconds};{mode}{}", if by.trace { "T" } else { "" });
    }
    if offered.dsn {
        match parameters.ret {
            Some(Ret::Full) => command.push_str(" RET=FULL"),
            Some(Ret::Headers) => command.push_str(" RET=HDRS"),
            None => {}
        }
        if let Some(id) = &parameters.envelope_id {
            let _ = write!(command, " ENVID={}", xtext::encode(id));
        }
    }
    command.push_str("\r\n");
    command
}

/// What the content is declared as: no more than it must be.
fn body(offered: &Capabilities, request: &Request<'_>) -> Body {
    let traits = request.traits;
    let eight_bit = traits.eight_bit || request.envelope.parameters.body == Body::EightBitMime;
    if traits.binary || traits.long_lines || (traits.eight_bit && !offered.eight_bit_mime) {
        Body::BinaryMime
    } else if offered.eight_bit_mime && eight_bit {
        Body::EightBitMime
    } else {
        Body::SevenBit
    }
}

fn rcpt_command(offered: &Capabilities, request: &Request<'_>, forward: &Forward<'_>) -> String {
    let mut command = format!("RCPT TO:<{}>", forward.forward_path);
    if offered.dsn {
        if forward.notify.explicit {
            command.push_str(" NOTIFY=");
            command.push_str(&notify_value(forward.notify));
        }
        if let Some(original) = forward.original
            && let Some(address) = original_address(&original.kind, &original.address, request.needs_smtputf8)
        {
            let _ = write!(command, " ORCPT={};{address}", original.kind);
        }
    }
    command.push_str("\r\n");
    command
}

fn notify_value(notify: mail::Notify) -> String {
    let wanted = [(notify.success, "SUCCESS"), (notify.delay, "DELAY"), (notify.failure, "FAILURE")];
    let words: Vec<&str> = wanted.into_iter().filter_map(|(asked, word)| asked.then_some(word)).collect();
    if words.is_empty() { "NEVER".to_owned() } else { words.join(",") }
}

/// ORCPT's address as the transaction can carry it (RFC 3461 section 4.2, RFC 6533 section 3).
fn original_address(kind: &str, address: &str, smtputf8: bool) -> Option<String> {
    if !kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') || kind.is_empty() {
        return None;
    }
    if address.is_ascii() {
        return Some(xtext::encode(address));
    }
    if !kind.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let mut encoded = String::new();
    for c in address.chars() {
        match c {
            c if c.is_ascii() && !matches!(c, '!'..='~') => return None,
            '+' | '=' | '\\' => {
                let _ = write!(encoded, "\\x{{{:02X}}}", u32::from(c));
            }
            c if c.is_ascii() || (smtputf8 && !c.is_control()) => encoded.push(c),
            c => {
                let _ = write!(encoded, "\\x{{{:X}}}", u32::from(c));
            }
        }
    }
    Some(encoded)
}
