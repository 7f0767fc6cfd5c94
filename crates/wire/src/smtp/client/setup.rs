//! From the greeting to the first MAIL: EHLO or LHLO, STARTTLS, AUTH.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail::{Reply, Severity, Stage};

use super::{Broken, Client, Phase, Protocol, SetupTrouble, StartTls, Step};
use crate::sasl;
use crate::smtp::capabilities::{Capabilities, peer_name};

/// Challenges answered in one exchange at most.
const CHALLENGES_MAX: u8 = 3;

/// How far the setup is: what is awaited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Setup {
    Greeting,
    Hello,
    /// HELO, after EHLO was refused.
    PlainHello,
    StartTls,
    Handshake,
    AuthPlain {
        challenges: u8,
    },
    AuthLogin {
        challenges: u8,
    },
}

impl Setup {
    pub(super) fn stage(self) -> Stage {
        match self {
            Setup::Greeting => Stage::Greeting,
            Setup::Hello | Setup::PlainHello => Stage::Hello,
            Setup::StartTls | Setup::Handshake => Stage::StartTls,
            Setup::AuthPlain { .. } | Setup::AuthLogin { .. } => Stage::Auth,
        }
    }
}

impl Client {
    /// What the setup needs; none if it has moved on by itself.
    pub(super) fn setup_step(&mut self, setup: Setup) -> Option<Step> {
        if setup == Setup::Handshake {
            return Some(Step::Handshake);
        }
        if !self.output.is_empty() {
            return Some(Step::Send);
        }
        match self.next_reply(setup.stage()) {
            None => Some(Step::Receive(setup.stage())),
            Some(Err(error)) => {
                self.break_off(error.into());
                None
            }
            Some(Ok(reply)) => {
                self.setup_reply(setup, reply);
                None
            }
        }
    }

    /// The handshake is done. What the peer said before it does not count any more (RFC 3207 section 4.2).
    pub fn secured(&mut self) {
        self.parser.clear();
        self.capabilities = Capabilities::default();
        self.start_tls = StartTls::Never;
        self.say_hello();
    }

    fn setup_reply(&mut self, setup: Setup, reply: Reply) {
        // After each of these it is our turn again: whatever stands behind the reply was said out of turn, and
        // after STARTTLS it may have been injected (CVE-2021-38371).
        if !self.parser.is_empty() {
            return self.break_off(Broken::OutOfTurn);
        }
        match (setup, reply.code) {
            (Setup::Greeting, 220) => self.say_hello(),
            (Setup::Hello | Setup::PlainHello, 250) => self.heard_hello(setup, &reply),
            (Setup::Hello, 500..600) if self.protocol == Protocol::Smtp => {
                let hello = format!("HELO {}\r\n", self.hello);
                self.say(Setup::PlainHello, hello);
            }
            (Setup::StartTls, 220) => self.phase = Phase::Setup(Setup::Handshake),
            (Setup::StartTls, code) if self.start_tls == StartTls::IfOffered && code != 421 => {
                self.authenticate();
            }
            (Setup::AuthPlain { .. } | Setup::AuthLogin { .. }, _) => self.heard_auth(setup, reply),
            _ => self.refused(setup.stage(), reply),
        }
    }

    fn say_hello(&mut self) {
        let verb = match self.protocol {
            Protocol::Smtp => "EHLO",
            Protocol::Lmtp => "LHLO",
        };
        let hello = format!("{verb} {}\r\n", self.hello);
        self.say(Setup::Hello, hello);
    }

    fn heard_hello(&mut self, setup: Setup, reply: &Reply) {
        self.peer_name = peer_name(reply).to_owned();
        self.capabilities = match setup {
            Setup::Hello => Capabilities::parse(reply),
            _ => Capabilities::default(),
        };
        match (self.start_tls, self.capabilities.start_tls) {
            (StartTls::Never, _) | (StartTls::IfOffered, false) => self.authenticate(),
            (StartTls::IfOffered | StartTls::Required, true) => {
                self.say(Setup::StartTls, "STARTTLS\r\n".to_owned());
            }
            (StartTls::Required, false) => self.setup_over(SetupTrouble::NoStartTls),
        }
    }

    fn authenticate(&mut self) {
        let Some(login) = &self.login else {
            self.phase = Phase::Ready;
            return;
        };
        if self.capabilities.auth_plain {
            let response = sasl::encode_plain(&login.username, &login.password);
            self.say(Setup::AuthPlain { challenges: 0 }, format!("AUTH PLAIN {response}\r\n"));
        } else if self.capabilities.auth_login {
            self.say(Setup::AuthLogin { challenges: 0 }, "AUTH LOGIN\r\n".to_owned());
        } else {
            self.setup_over(SetupTrouble::NoMechanism);
        }
    }

    fn heard_auth(&mut self, setup: Setup, reply: Reply) {
        match (setup, reply.code) {
            (_, 235) => {
                self.login = None;
                self.phase = Phase::Ready;
            }
            (Setup::AuthPlain { challenges: 0 }, 334) => {
                let response =
                    self.login.as_ref().map(|login| sasl::encode_plain(&login.username, &login.password));
                self.say(Setup::AuthPlain { challenges: 1 }, response.unwrap_or_default() + "\r\n");
            }
            (Setup::AuthLogin { challenges }, 334) if challenges < CHALLENGES_MAX => {
                let response = self.login_response(challenges, &reply.text);
                self.say(Setup::AuthLogin { challenges: challenges + 1 }, response + "\r\n");
            }
            // 535 and 421 are final; another refusal may be about the mechanism.
            (Setup::AuthPlain { .. }, 400..600)
                if self.capabilities.auth_login && !matches!(reply.code, 535 | 421) =>
            {
                self.say(Setup::AuthLogin { challenges: 0 }, "AUTH LOGIN\r\n".to_owned());
            }
            _ => self.refused(Stage::Auth, reply),
        }
    }

    /// User name or password, as the challenge says; in that order if it says neither.
    fn login_response(&self, challenges: u8, challenge: &str) -> String {
        let Some(login) = &self.login else { return String::new() };
        let prompt = STANDARD.decode(challenge.trim()).unwrap_or_default();
        let prompt = String::from_utf8_lossy(&prompt).to_ascii_lowercase();
        let password = prompt.contains("pass") || (challenges > 0 && !prompt.contains("user"));
        sasl::encode_login(if password { &login.password } else { &login.username })
    }

    fn say(&mut self, awaited: Setup, command: String) {
        self.output = command.into_bytes();
        self.phase = Phase::Setup(awaited);
    }

    fn refused(&mut self, stage: Stage, reply: Reply) {
        match reply.severity() {
            Severity::Transient | Severity::Permanent => {
                self.setup_over(SetupTrouble::Refused(stage, reply));
            }
            Severity::Positive | Severity::Intermediate => {
                self.setup_over(SetupTrouble::Broken(stage, Broken::Unexpected(reply)));
            }
        }
    }

    fn setup_over(&mut self, trouble: SetupTrouble) {
        self.setup_trouble = Some(trouble);
        self.over();
    }
}
