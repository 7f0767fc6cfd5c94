//! From the greeting to the first MAIL: EHLO or LHLO, STARTTLS, AUTH.

use mail::{Reply, Severity, Stage};

use super::{Broken, Client, Phase, Protocol, SetupTrouble, StartTls, Step};
use crate::sasl::exchange::{Exchange, Mechanism};
use crate::smtp::capabilities::{Capabilities, peer_name};
use crate::smtp::reply;

/// Bytes of a command at most, its line end included (RFC 5321 section 4.5.3.1.4).
const COMMAND_BYTES_MAX: usize = 512;

/// How far the setup is: what is awaited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Setup {
    Greeting,
    Hello,
    /// HELO, after EHLO was refused.
    PlainHello,
    StartTls,
    Handshake,
    /// The end of the exchange, or its next challenge.
    Auth {
        initial_sent: bool,
    },
}

impl Setup {
    pub(super) fn stage(self) -> Stage {
        match self {
            Setup::Greeting => Stage::Greeting,
            Setup::Hello | Setup::PlainHello => Stage::Hello,
            Setup::StartTls | Setup::Handshake => Stage::StartTls,
            Setup::Auth { .. } => Stage::Auth,
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
            (Setup::Auth { initial_sent }, _) => self.heard_auth(initial_sent, reply),
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

    /// Shows who we are, if that is wanted.
    fn authenticate(&mut self) {
        let Some(login) = &self.login else {
            self.phase = Phase::Ready;
            return;
        };
        let Some(mechanism) = self.next_mechanism() else {
            return self.setup_over(SetupTrouble::NoMechanism);
        };
        self.tried.add(mechanism);
        let exchange = Exchange::new(mechanism, login);
        let bare = format!("AUTH {}\r\n", mechanism.name());
        let whole = exchange.initial().map(|initial| format!("AUTH {} {initial}\r\n", mechanism.name()));
        // RFC 4954 section 4: the command is no longer than other commands.
        let whole = whole.filter(|command| command.len() <= COMMAND_BYTES_MAX);
        self.exchange = Some(exchange);
        self.say(Setup::Auth { initial_sent: whole.is_some() }, whole.unwrap_or(bare));
    }

    fn heard_auth(&mut self, initial_sent: bool, reply: Reply) {
        let (Some(login), Some(exchange)) = (&self.login, &mut self.exchange) else {
            return self.refused(Stage::Auth, reply);
        };
        match reply.code {
            235 => match exchange.accepted() {
                Ok(()) => {
                    (self.login, self.exchange) = (None, None);
                    self.phase = Phase::Ready;
                }
                Err(error) => self.break_off(error.into()),
            },
            334 => match exchange.respond(login, &reply.text, initial_sent) {
                Ok(response) => self.say(Setup::Auth { initial_sent }, response + "\r\n"),
                Err(error) => self.break_off(error.into()),
            },
            // 535 and 421 are final; another refusal may be about the mechanism.
            _ => self.not_authenticated(reply),
        }
    }

    /// 535 and 421 are final; another refusal may be about the mechanism.
    fn not_authenticated(&mut self, reply: Reply) {
        let about_the_mechanism = matches!(reply.code, 400..600) && !matches!(reply.code, 535 | 421);
        if about_the_mechanism && self.next_mechanism().is_some() {
            return self.authenticate();
        }
        let explanation = self.exchange.as_ref().and_then(Exchange::explanation);
        let reply = explained(reply, explanation);
        self.refused(Stage::Auth, reply);
    }

    /// The next mechanism that is wanted, offered and not yet tried.
    fn next_mechanism(&self) -> Option<Mechanism> {
        let (offered, tried) = (self.capabilities.auth, self.tried);
        let fits = |mechanism: &Mechanism| offered.contains(*mechanism) && !tried.contains(*mechanism);
        self.login.as_ref()?.mechanisms.iter().copied().find(fits)
    }

    fn say(&mut self, awaited: Setup, command: String) {
        self.output = command.into_bytes();
        self.phase = Phase::Setup(awaited);
    }

    fn refused(&mut self, stage: Stage, mut reply: Reply) {
        reply::truncate(&mut reply);
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

/// The reply with what the server had said before it.
fn explained(reply: Reply, explanation: Option<&str>) -> Reply {
    match explanation {
        Some(explanation) => Reply { text: format!("{} ({explanation})", reply.text), ..reply },
        None => reply,
    }
}
