//! The AUTH exchange (RFC 4954) with PLAIN and LOGIN. Each attempt begins afresh.

use super::{AuthOffer, Phase, Question, ServerSession, Step};
use crate::sasl::{
    LOGIN_PASSWORD_CHALLENGE, LOGIN_USERNAME_CHALLENGE, PlainCredentials, SaslError, decode_login,
    decode_plain,
};
use crate::smtp::answer::Answer;
use crate::smtp::limits::AUTH_LINE_BYTES_MAX;
use crate::smtp::lines::Line;

const CANCELLED: Answer = Answer("501 5.7.0 Authentication cancelled");
const MALFORMED: Answer = Answer("501 5.5.2 The response is malformed");
const OTHER_USER: Answer = Answer("535 5.7.8 Acting for another user is not allowed");

/// What the client is to say next.
#[derive(Debug)]
pub(super) enum Exchange {
    Plain,
    LoginUsername,
    LoginPassword { username: String },
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
        let exchange = if mechanism.eq_ignore_ascii_case("PLAIN") {
            Exchange::Plain
        } else if mechanism.eq_ignore_ascii_case("LOGIN") {
            Exchange::LoginUsername
        } else {
            self.say(Answer("504 5.5.4 The mechanism is not known here"));
            return None;
        };
        match initial {
            // RFC 4954 section 4: `=` is a response of no bytes.
            Some("=") => self.response(exchange, b""),
            Some(response) => self.response(exchange, response.as_bytes()),
            None => {
                let challenge =
                    if matches!(exchange, Exchange::Plain) { "" } else { LOGIN_USERNAME_CHALLENGE };
                self.challenge(challenge, exchange)
            }
        }
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
                Phase::Exchange(exchange) => self.response(exchange, line),
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

    fn challenge(&mut self, challenge: &str, next: Exchange) -> Option<Step<'static, T>> {
        self.output.extend_from_slice(format!("334 {challenge}\r\n").as_bytes());
        self.phase = Phase::Exchange(next);
        None
    }

    fn response(&mut self, exchange: Exchange, response: &[u8]) -> Option<Step<'static, T>> {
        self.phase = Phase::Command;
        if response == b"*" {
            self.say(CANCELLED);
            return None;
        }
        let credentials = match exchange {
            Exchange::Plain => decode_plain(response),
            Exchange::LoginUsername => match decode_login(response) {
                Ok(username) => {
                    return self.challenge(LOGIN_PASSWORD_CHALLENGE, Exchange::LoginPassword { username });
                }
                Err(error) => Err(error),
            },
            Exchange::LoginPassword { username } => {
                decode_login(response).map(|password| PlainCredentials { username, password })
            }
        };
        match credentials {
            Ok(credentials) => {
                self.phase = Phase::Asked(Question::Authenticate);
                Some(Step::Authenticate(credentials))
            }
            Err(error) => {
                self.refuse_response(error);
                None
            }
        }
    }

    /// Counts as a failed authentication, so that guessing by malformed responses is bounded too.
    fn refuse_response(&mut self, error: SaslError) {
        self.say(match error {
            SaslError::Base64 | SaslError::Malformed => MALFORMED,
            SaslError::AuthorizationId => OTHER_USER,
        });
        self.count_auth_failure();
    }
}
