//! Which command may come now, and what is answered to it?

use mail::{Body, EnhancedStatus, Reply};

use super::intake::{Intake, REFUSED_BYTES_MAX};
use super::{AuthOffer, Hello, Phase, Protocol, Question, ServerSession, Step};
use crate::sasl::server::Mechanism;
use crate::smtp::answer::Answer;
use crate::smtp::command::{self, Command, HelloVerb, MailFrom, NEEDS_SMTPUTF8, RcptTo};
use crate::smtp::limits::{AUTH_LINE_BYTES_MAX, COMMAND_LINE_BYTES_MAX};
use crate::smtp::lines::Line;

/// Command lines that are not text at most until a message is accepted.
const BROKEN_LINES_MAX: u32 = 3;

/// What a client hears that sends mail to a listener for submission and has not authenticated.
pub const AUTHENTICATE_FIRST: Answer = Answer("530 5.7.0 Authenticate first");
const HELLO_FIRST: Answer = Answer("503 5.5.1 Say EHLO first");
const MAIL_FIRST: Answer = Answer("503 5.5.1 Say MAIL first");
const RCPT_FIRST: Answer = Answer("503 5.5.1 There is no valid recipient");
const TOO_MANY_RECIPIENTS: Answer = Answer("452 4.5.3 Too many recipients, send the rest in another message");
const TOO_BIG: Answer = Answer("552 5.3.4 The message is too big");
const NOT_OFFERED: Answer = Answer("555 5.5.4 A parameter is not offered in this session");
const WRONG_HELLO: Answer = Answer("500 5.5.1 Not the greeting of this protocol");
const TALKS_EARLY: Answer = Answer("554 5.5.0 Commands were sent before their time");

impl<T> ServerSession<T> {
    pub(super) fn step_command<'i>(&mut self, input: &'i [u8]) -> (usize, Option<Step<'i, T>>) {
        // RFC 4954 section 4: an initial response makes the line longer.
        let auth = input.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"AUTH "));
        let bytes_max = if auth { AUTH_LINE_BYTES_MAX } else { COMMAND_LINE_BYTES_MAX };
        let (used, line) = self.lines.next(input, bytes_max);
        let step = match line {
            Line::NeedInput => Some(Step::NeedInput),
            Line::Whole(line) => match command::parse(line) {
                Ok(command) => self.command(command, used < input.len()),
                Err(answer) => self.broken(answer),
            },
            Line::Broken(answer) => self.broken(answer),
            Line::Flood => {
                self.close(Answer("421 4.7.0 Too much without a line end"));
                None
            }
        };
        (used, step)
    }

    /// Binary rubbish on a command line is not a mistake of a mail client.
    fn broken(&mut self, answer: Answer) -> Option<Step<'static, T>> {
        self.say(answer);
        if answer.0.starts_with("500 5.5.2") {
            self.counters.broken_lines += 1;
            if self.counters.broken_lines >= BROKEN_LINES_MAX && !matches!(self.phase, Phase::Over) {
                self.close(Answer("421 4.7.0 Too many broken lines"));
            }
        }
        None
    }

    fn command(&mut self, command: Command<'_>, more: bool) -> Option<Step<'static, T>> {
        match command {
            Command::Hello(verb, name) => self.hello_command(verb, name, more),
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(rcpt) => self.rcpt(rcpt),
            Command::Data => self.data(more),
            Command::Bdat { size, last } => self.bdat(size, last),
            Command::Auth { mechanism, initial } => self.auth(mechanism, initial),
            Command::StartTls => self.start_tls(more),
            Command::Quit => {
                self.quit = true;
                self.close(Answer("221 2.0.0 Bye"));
                None
            }
            Command::Rset => {
                self.transaction = None;
                self.junk(Answer("250 2.0.0 Reset"))
            }
            Command::Noop => self.junk(Answer("250 2.0.0 Ok")),
            Command::Help => self.junk(Answer("214 2.0.0 See RFC 5321")),
            // RFC 5321 section 7.3: 252 tells nobody whether there is such a user.
            Command::Vrfy(address) if self.extensions.vrfy => self.lookup(address),
            Command::Vrfy(_) => self.junk(Answer("252 2.5.0 Send some mail, I will try my best")),
            Command::Expn(address) if self.extensions.expn => self.lookup(address),
            Command::Expn(_) => self.junk(Answer("502 5.5.1 EXPN is not offered")),
            Command::Etrn => self.junk(Answer("502 5.5.1 ETRN is not offered")),
            Command::Http => {
                self.close(Answer("554 5.5.0 This is a mail server"));
                None
            }
            Command::Proxy => {
                self.close(Answer("554 5.7.1 No proxy is known at this address"));
                None
            }
        }
    }

    fn junk(&mut self, answer: Answer) -> Option<Step<'static, T>> {
        self.say(answer);
        self.count_junk();
        None
    }

    fn lookup(&mut self, address: &str) -> Option<Step<'static, T>> {
        self.phase = Phase::Asked(Question::Lookup);
        Some(Step::Lookup(address.to_owned()))
    }

    pub(super) fn count_junk(&mut self) {
        self.counters.junk_commands = self.counters.junk_commands.saturating_add(1);
        let too_many = self.counters.junk_commands > self.profile.limits.junk_commands_max;
        if too_many && !matches!(self.phase, Phase::Over) {
            self.close(Answer("421 4.7.0 Too many commands without mail"));
        }
    }

    /// RFC 5321 section 4.1.4: EHLO in a transaction resets it.
    fn hello_command(&mut self, verb: HelloVerb, name: &str, more: bool) -> Option<Step<'static, T>> {
        let lmtp = self.profile.protocol == Protocol::Lmtp;
        if lmtp != (verb == HelloVerb::Lhlo) {
            self.say(WRONG_HELLO);
            return None;
        }
        // RFC 2920 section 3.1: hello and DATA end a group. Who goes on without our answer is no mail client.
        if more {
            self.close(TALKS_EARLY);
            return None;
        }
        self.transaction = None;
        self.hello = Some(Hello { verb, name: name.to_owned() });
        self.phase = Phase::Asked(Question::Hello);
        Some(Step::Hello)
    }

    pub(super) fn answer_hello(&mut self) {
        if self.hello.as_ref().is_some_and(|hello| hello.verb == HelloVerb::Helo) {
            let line = format!("250 {}\r\n", self.profile.hostname);
            self.output.extend_from_slice(line.as_bytes());
        } else {
            self.capabilities();
        }
        self.count_junk();
    }

    fn capabilities(&mut self) {
        let profile = &self.profile;
        let mut lines = vec![
            profile.hostname.clone(),
            "8BITMIME".to_owned(),
            "SMTPUTF8".to_owned(),
            "ENHANCEDSTATUSCODES".to_owned(),
        ];
        lines.extend(self.extensions.lines(self.tls));
        if profile.starttls && !self.tls {
            lines.push("STARTTLS".to_owned());
        }
        if self.offers_auth() && self.user.is_none() && !self.extensions.auth.is_empty() {
            let names: Vec<&str> = self.extensions.auth.iter().map(Mechanism::name).collect();
            lines.push(format!("AUTH {}", names.join(" ")));
        }
        lines.push(match profile.limits.message_bytes_max {
            0 => "SIZE".to_owned(),
            max => format!("SIZE {max}"),
        });
        let reply = Reply::new(250, None, lines.join("\n"));
        crate::smtp::answer::append_reply(&reply, &mut self.output);
    }

    fn mail(&mut self, mail: Box<MailFrom>) -> Option<Step<'static, T>> {
        if let Some(answer) = self.mail_out_of_place().or_else(|| self.mail_not_allowed(&mail)) {
            self.say(answer);
            return None;
        }
        if self.counters.messages >= self.profile.limits.messages_max {
            self.close(Answer("421 4.7.0 Too many messages in one session, come again"));
            return None;
        }
        let (smtputf8, body) = (mail.parameters.smtputf8, mail.parameters.body);
        self.phase = Phase::Asked(Question::Mail { smtputf8, body });
        Some(Step::Mail(mail))
    }

    fn mail_out_of_place(&self) -> Option<Answer> {
        if self.hello.is_none() {
            Some(HELLO_FIRST)
        } else if self.transaction.is_some() {
            Some(Answer("503 5.5.1 There is a transaction already"))
        } else if self.profile.require_tls && !self.tls {
            Some(Answer("530 5.7.0 Say STARTTLS first"))
        } else if self.profile.require_auth && self.user.is_none() {
            Some(AUTHENTICATE_FIRST)
        } else {
            None
        }
    }

    fn mail_not_allowed(&self, mail: &MailFrom) -> Option<Answer> {
        let parameters = &mail.parameters;
        let max = self.profile.limits.message_bytes_max;
        if max > 0 && parameters.size.is_some_and(|size| size > max) {
            return Some(TOO_BIG);
        }
        if self.auth == AuthOffer::Never && parameters.auth {
            return Some(NOT_OFFERED);
        }
        self.extensions.refuse_mail(parameters, self.tls)
    }

    fn rcpt(&mut self, rcpt: Box<RcptTo>) -> Option<Step<'static, T>> {
        let answer = match &self.transaction {
            None if self.hello.is_none() => HELLO_FIRST,
            None => MAIL_FIRST,
            Some(transaction) if transaction.chunks.is_some() => Answer("503 5.5.1 The content has begun"),
            Some(transaction) if rcpt.needs_smtputf8 && !transaction.smtputf8 => NEEDS_SMTPUTF8,
            Some(transaction) if transaction.recipients >= self.profile.limits.recipients_max => {
                TOO_MANY_RECIPIENTS
            }
            Some(_) => match self.extensions.refuse_rcpt(&rcpt.parameters) {
                Some(refusal) => refusal,
                None => {
                    self.phase = Phase::Asked(Question::Recipient);
                    return Some(Step::Recipient(rcpt));
                }
            },
        };
        self.say(answer);
        None
    }

    fn data(&mut self, more: bool) -> Option<Step<'static, T>> {
        let answer = match &self.transaction {
            None if self.hello.is_none() => HELLO_FIRST,
            None => MAIL_FIRST,
            Some(transaction) if transaction.recipients == 0 => RCPT_FIRST,
            // RFC 3030 sections 2 and 3: not after BDAT, not with BINARYMIME.
            Some(transaction) if transaction.chunks.is_some() || transaction.body == Body::BinaryMime => {
                self.transaction = None;
                Answer("503 5.5.1 Use BDAT")
            }
            Some(_) if !more => {
                self.phase = Phase::Asked(Question::Data);
                return Some(Step::ContentBegins);
            }
            Some(_) => TALKS_EARLY,
        };
        if more {
            // Content was sent without waiting for 354. It must never be read as commands.
            self.close(if answer == TALKS_EARLY { answer } else { TALKS_EARLY });
        } else {
            self.say(answer);
        }
        None
    }

    fn bdat(&mut self, size: u64, last: bool) -> Option<Step<'static, T>> {
        let limits = &self.profile.limits;
        let max = if limits.message_bytes_max == 0 { u64::MAX } else { limits.message_bytes_max };
        if size > max.saturating_add(REFUSED_BYTES_MAX) || size == u64::MAX {
            // It would have to be read to its end before the next command, and that is too much to ask.
            self.close(TOO_BIG);
            return None;
        }
        let refusal = match &mut self.transaction {
            _ if !self.extensions.chunking => "CHUNKING is not offered",
            None => "There is no transaction",
            Some(transaction) if transaction.recipients == 0 => "There is no valid recipient",
            Some(transaction) => match transaction.chunks.take() {
                Some(mut intake) => {
                    intake.next_chunk(limits.chunks_max);
                    self.phase = Phase::Chunk { left: size, last, intake };
                    return None;
                }
                None => {
                    self.phase = Phase::Asked(Question::FirstChunk { size, last });
                    return Some(Step::ContentBegins);
                }
            },
        };
        // The chunk is on its way whatever we say: read it, then refuse (RFC 3030 section 2).
        self.transaction = None;
        let reply = Reply::new(503, Some(EnhancedStatus::new(5, 5, 1)), refusal);
        self.phase = Phase::Chunk { left: size, last, intake: Box::new(Intake::refused(reply, 1)) };
        None
    }

    fn start_tls(&mut self, more: bool) -> Option<Step<'static, T>> {
        let answer = if self.tls {
            Answer("503 5.5.1 TLS runs already")
        } else if !self.profile.starttls {
            Answer("502 5.5.1 STARTTLS is not offered")
        } else if self.hello.is_none() {
            HELLO_FIRST
        } else if self.transaction.is_some() {
            Answer("503 5.5.1 Not within a transaction")
        } else if more {
            // What was said in clear must not run under TLS (CVE-2011-0411), and is not worth a second chance.
            self.close(Answer("501 5.5.1 Nothing may follow STARTTLS"));
            return None;
        } else {
            self.phase = Phase::Asked(Question::Tls);
            Answer("220 2.0.0 Go ahead").append_to(&mut self.output);
            return Some(Step::StartTls);
        };
        if more {
            self.close(Answer("501 5.5.1 Nothing may follow STARTTLS"));
        } else {
            self.say(answer);
        }
        None
    }
}
