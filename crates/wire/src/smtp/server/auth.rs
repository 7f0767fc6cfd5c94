//! The AUTH exchange (RFC 4954). Each attempt begins afresh.

use mail::Reply;

use super::{AuthOffer, Phase, Question, ServerSession, Step};
use crate::sasl::SaslError;
use crate::sasl::server::{self, Exchange, Keys, Mechanism};
use crate::smtp::answer::Answer;
use crate::smtp::extensions::Extensions;
use crate::smtp::limits::AUTH_LINE_BYTES_MAX;
use crate::smtp::lines::Line;

const CANCELLED: Answer = Answer("501 5.7.0 Authentication cancelled");
const MALFORMED: Answer = Answer("501 5.5.2 The response is malformed");
const OTHER_USER: Answer = Answer("535 5.7.8 Acting for another user is not allowed");
const REFUSED: Answer = Answer("535 5.7.8 Authentication failed");

/// An exchange, and what is said when the client has heard our last challenge.
#[derive(Debug)]
pub(super) struct Dialogue {
    exchange: Exchange,
    owed: Option<Owed>,
}

#[derive(Debug)]
enum Owed {
    Yes(String, Extensions),
    No(Reply),
}

impl<T> ServerSession<T> {
    /// Whether AUTH is offered now.
    pub(super) fn offers_auth(&self) -> bool {
        match self.auth {
            AuthOffer::Never => false,
            AuthOffer::OverTls => self.tls,
            AuthOffer::Always => true,
        }
    }

    pub(super) fn auth(&mut self, mechanism: &str, initial: Option<&str>) -> Option<Step<'static, T>> {
        if let Some(answer) = self.auth_out_of_place() {
            self.say(answer);
            return None;
        }
        let offered = Mechanism::named(mechanism).filter(|&known| self.extensions.auth.contains(known));
        let Some(mechanism) = offered else {
            self.say(Answer("504 5.5.4 The mechanism is not known here"));
            return None;
        };
        let (exchange, step) = Exchange::start(mechanism, initial.map(str::as_bytes));
        self.go_on(Dialogue { exchange, owed: None }, step)
    }

    fn auth_out_of_place(&self) -> Option<Answer> {
        if self.hello.is_none() {
            Some(Answer("503 5.5.1 Say EHLO first"))
        } else if self.auth == AuthOffer::Never {
            Some(Answer("503 5.5.1 AUTH is not offered here"))
        } else if !self.offers_auth() {
            Some(Answer("538 5.7.11 AUTH needs TLS"))
        } else if self.user.is_some() {
            Some(Answer("503 5.5.1 Already authenticated"))
        } else if self.transaction.is_some() {
            Some(Answer("503 5.5.1 Not within a transaction"))
        } else {
            None
        }
    }

    pub(super) fn step_exchange<'i>(&mut self, input: &'i [u8]) -> (usize, Option<Step<'i, T>>) {
        let (used, line) = self.lines.next(input, AUTH_LINE_BYTES_MAX);
        let step = match line {
            Line::NeedInput => Some(Step::NeedInput),
            Line::Whole(line) => match std::mem::replace(&mut self.phase, Phase::Command) {
                Phase::Exchange(mut dialogue) => {
                    let step = dialogue.exchange.respond(line);
                    self.go_on(*dialogue, step)
                }
                other => {
                    self.phase = other;
                    None
                }
            },
            Line::Broken(answer) => {
                self.phase = Phase::Command;
                self.say(answer);
                None
            }
            Line::Flood => {
                self.close(Answer("421 4.7.0 Too much without a line end"));
                None
            }
        };
        (used, step)
    }

    fn go_on(&mut self, dialogue: Dialogue, step: server::Step) -> Option<Step<'static, T>> {
        self.phase = Phase::Command;
        match step {
            server::Step::Challenge(challenge) => {
                self.output.extend_from_slice(format!("334 {challenge}\r\n").as_bytes());
                self.phase = Phase::Exchange(Box::new(dialogue));
            }
            server::Step::Ask(ask) => {
                self.phase = Phase::Asked(Question::Authenticate(Box::new(dialogue)));
                return Some(Step::Authenticate(ask));
            }
            server::Step::Done => match dialogue.owed {
                Some(Owed::Yes(username, extensions)) => self.let_in(username, extensions),
                Some(Owed::No(_)) | None => self.refuse_for_good(None),
            },
            server::Step::Refused => match dialogue.owed {
                Some(Owed::No(reply)) => self.refuse_for_good(Some(&reply)),
                Some(Owed::Yes(..)) | None => self.refuse_for_good(None),
            },
            server::Step::Cancelled => self.say(CANCELLED),
            // Counts as a failed authentication, so that guessing by malformed responses is bounded too.
            server::Step::Malformed(error) => {
                self.say(match error {
                    SaslError::Base64 | SaslError::Malformed => MALFORMED,
                    SaslError::AuthorizationId => OTHER_USER,
                });
                self.count_auth_failure();
            }
        }
        None
    }

    fn asked_dialogue(&mut self) -> Option<Dialogue> {
        match std::mem::replace(&mut self.phase, Phase::Command) {
            Phase::Asked(Question::Authenticate(dialogue)) => Some(*dialogue),
            other => {
                debug_assert!(false, "AUTH was asked");
                self.phase = other;
                None
            }
        }
    }

    /// The keys that were asked for.
    pub fn scram_keys(&mut self, keys: Keys) {
        let Some(mut dialogue) = self.asked_dialogue() else { return };
        let step = dialogue.exchange.keys(keys);
        self.go_on(dialogue, step);
    }

    /// The client has shown that it is this user, and is offered this from now on.
    pub fn authenticated(&mut self, username: String, extensions: Extensions) {
        let Some(mut dialogue) = self.asked_dialogue() else { return };
        let step = dialogue.exchange.decided(true);
        dialogue.owed = Some(Owed::Yes(username, extensions));
        self.go_on(dialogue, step);
    }

    /// The client has not, or it cannot be said now.
    pub fn refuse_authentication(&mut self, reply: &Reply) {
        let Some(mut dialogue) = self.asked_dialogue() else { return };
        if reply.code < 500 {
            return self.refuse_for_good(Some(reply));
        }
        let step = dialogue.exchange.decided(false);
        dialogue.owed = Some(Owed::No(reply.clone()));
        self.go_on(dialogue, step);
    }

    fn let_in(&mut self, username: String, extensions: Extensions) {
        self.user = Some(username);
        self.extensions = extensions;
        self.say(Answer("235 2.7.0 Authentication succeeded"));
    }

    fn refuse_for_good(&mut self, reply: Option<&Reply>) {
        match reply {
            Some(reply) => self.say_reply(reply),
            None => self.say(REFUSED),
        }
        self.count_auth_failure();
    }

    fn count_auth_failure(&mut self) {
        self.counters.auth_failures = self.counters.auth_failures.saturating_add(1);
        let too_many = self.counters.auth_failures >= self.profile.limits.auth_failures_max;
        if too_many && !matches!(self.phase, Phase::Over) {
            self.close(Answer("421 4.7.0 Too many failed authentications"));
        }
    }
}
