//! How does a client prove who it is? One SASL exchange, from its first response to the server's yes or no.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::oauth;
use super::scram::Scram;
use super::{encode_login, encode_plain};

/// Challenges answered in one exchange at most.
const CHALLENGES_MAX: u8 = 3;
/// Bytes of one challenge at most (RFC 4954 section 4).
const CHALLENGE_BYTES_MAX: usize = 12 * 1024;
/// Characters of a server's explanation that are kept.
const EXPLANATION_CHARS_MAX: usize = 300;

/// The mechanisms that we know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mechanism {
    /// RFC 7677: the password is not sent, and the server proves that it knows it.
    ScramSha256,
    /// RFC 4616.
    Plain,
    /// User name and password, as they are asked for.
    Login,
    /// An access token, as Google and Microsoft have it.
    XOAuth2,
    /// An access token, as RFC 7628 has it.
    OAuthBearer,
}

impl Mechanism {
    /// All of them; those that take a password first, in the order in which they are preferred.
    pub const ALL: [Mechanism; 5] = [
        Mechanism::ScramSha256,
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::XOAuth2,
        Mechanism::OAuthBearer,
    ];
    /// Those that take a password, in the order in which they are preferred.
    pub const WITH_PASSWORD: [Mechanism; 3] = [Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login];

    /// The one of this registered name, in upper or lower case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| name.eq_ignore_ascii_case(mechanism.name()))
    }

    /// Its registered name.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
            Mechanism::XOAuth2 => "XOAUTH2",
            Mechanism::OAuthBearer => "OAUTHBEARER",
        }
    }
}

/// A set of mechanisms.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mechanisms(u8);

impl Mechanisms {
    /// Adds one by its name; those that we do not know are passed over.
    pub fn add_named(&mut self, name: &str) {
        if let Some(mechanism) = Mechanism::named(name) {
            self.add(mechanism);
        }
    }

    /// Adds one.
    pub fn add(&mut self, mechanism: Mechanism) {
        self.0 |= 1 << mechanism as u8;
    }

    /// Those that it has, in the order in which they are preferred.
    pub fn iter(self) -> impl Iterator<Item = Mechanism> {
        Mechanism::ALL.into_iter().filter(move |&mechanism| self.contains(mechanism))
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it is among them.
    pub fn contains(self, mechanism: Mechanism) -> bool {
        self.0 & (1 << mechanism as u8) != 0
    }
}

impl FromIterator<Mechanism> for Mechanisms {
    fn from_iter<I: IntoIterator<Item = Mechanism>>(mechanisms: I) -> Self {
        let mut set = Mechanisms::default();
        mechanisms.into_iter().for_each(|mechanism| set.add(mechanism));
        set
    }
}

/// What to authenticate with.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user name.
    pub username: String,
    /// The password; for XOAUTH2 and OAUTHBEARER, the access token.
    pub password: String,
    /// The mechanisms that may be used, the preferred first.
    pub mechanisms: Vec<Mechanism>,
    /// What is never the same twice: printable, without a comma.
    pub nonce: String,
    /// The server's name and port, which OAUTHBEARER states.
    pub server: (String, u16),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Login {{ username: {:?}, password: ****, mechanisms: {:?} }}",
            self.username, self.mechanisms
        )
    }
}

/// Why an exchange cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ExchangeError {
    /// It asks and asks.
    #[error("the server asks more than {CHALLENGES_MAX} times for proof")]
    Endless,
    /// It asks at too great length.
    #[error("the server's challenge is longer than {CHALLENGE_BYTES_MAX} bytes")]
    TooLong,
    /// What it asks is no question of this mechanism.
    #[error("the server's challenge makes no sense: {0}")]
    Malformed(&'static str),
    /// It said yes without having proven that it knows the password.
    #[error("the server did not prove that it knows the password")]
    Unproven,
}

/// One exchange by one mechanism.
pub struct Exchange {
    mechanism: Mechanism,
    challenges: u8,
    state: State,
    explanation: Option<String>,
}

enum State {
    /// What is said first is said at last as well.
    Single(String),
    Login,
    Scram(Box<Scram>),
}

/// The password is in it.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange {{ mechanism: {:?}, challenges: {} }}", self.mechanism, self.challenges)
    }
}

impl Exchange {
    /// Nothing is said yet.
    pub fn new(mechanism: Mechanism, login: &Login) -> Self {
        let state = match mechanism {
            Mechanism::Plain => State::Single(encode_plain(&login.username, &login.password)),
            Mechanism::XOAuth2 => State::Single(STANDARD.encode(oauth::xoauth2(login))),
            Mechanism::OAuthBearer => State::Single(STANDARD.encode(oauth::oauthbearer(login))),
            Mechanism::Login => State::Login,
            Mechanism::ScramSha256 => {
                State::Scram(Box::new(Scram::new(&login.username, &login.password, &login.nonce)))
            }
        };
        Exchange { mechanism, challenges: 0, state, explanation: None }
    }

    /// Its mechanism.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// What can be said without being asked, in base64.
    pub fn initial(&self) -> Option<String> {
        match &self.state {
            State::Single(response) => Some(response.clone()),
            State::Scram(scram) => Some(STANDARD.encode(scram.first())),
            State::Login => None,
        }
    }

    /// The answer to a challenge, both in base64. `initial_sent` says that [`Exchange::initial`] was said already.
    pub fn respond(
        &mut self,
        login: &Login,
        challenge: &str,
        initial_sent: bool,
    ) -> Result<String, ExchangeError> {
        let nth = self.challenges;
        self.challenges += 1;
        if nth >= CHALLENGES_MAX {
            return Err(ExchangeError::Endless);
        }
        if challenge.len() > CHALLENGE_BYTES_MAX {
            return Err(ExchangeError::TooLong);
        }
        let challenge = challenge.trim();
        if nth == 0 && !initial_sent && !matches!(self.state, State::Login) {
            return Ok(self.initial().unwrap_or_default());
        }
        match &mut self.state {
            State::Login => Ok(login_response(login, nth, challenge)),
            State::Single(response) => match self.mechanism {
                // Some servers do not take an initial response, and ask for it again with nothing.
                Mechanism::Plain if nth == 0 => Ok(response.clone()),
                Mechanism::XOAuth2 | Mechanism::OAuthBearer if nth == 0 && challenge.is_empty() => {
                    Ok(response.clone())
                }
                Mechanism::XOAuth2 | Mechanism::OAuthBearer => {
                    self.explanation = Some(explanation(challenge)?);
                    Ok(oauth::acknowledgement(self.mechanism).to_owned())
                }
                Mechanism::Plain | Mechanism::Login | Mechanism::ScramSha256 => {
                    Err(ExchangeError::Malformed("nothing is left to say"))
                }
            },
            State::Scram(scram) => Ok(STANDARD.encode(scram.respond(&decoded(challenge)?)?)),
        }
    }

    /// Whether the server's yes can be believed.
    pub fn accepted(&self) -> Result<(), ExchangeError> {
        match &self.state {
            State::Scram(scram) if !scram.server_is_proven() => Err(ExchangeError::Unproven),
            State::Scram(_) | State::Single(_) | State::Login => Ok(()),
        }
    }

    /// Why the server refuses, in its own words, if it said more than its reply.
    pub fn explanation(&self) -> Option<&str> {
        self.explanation.as_deref()
    }
}

/// User name or password, as the challenge says; in that order if it says neither.
fn login_response(login: &Login, nth: u8, challenge: &str) -> String {
    let prompt = STANDARD.decode(challenge).unwrap_or_default();
    let prompt = String::from_utf8_lossy(&prompt).to_ascii_lowercase();
    let password = prompt.contains("pass") || (nth > 0 && !prompt.contains("user"));
    encode_login(if password { &login.password } else { &login.username })
}

fn decoded(challenge: &str) -> Result<String, ExchangeError> {
    let bytes = STANDARD.decode(challenge).map_err(|_| ExchangeError::Malformed("it is not base64"))?;
    String::from_utf8(bytes).map_err(|_| ExchangeError::Malformed("it is not UTF-8"))
}

fn explanation(challenge: &str) -> Result<String, ExchangeError> {
    let text = decoded(challenge)?;
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    Ok(text.chars().take(EXPLANATION_CHARS_MAX).map(plain).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn login() -> Login {
        Login {
            username: "user".to_owned(),
            password: "pencil".to_owned(),
            mechanisms: Mechanism::WITH_PASSWORD.to_vec(),
            nonce: "rOprNGfwEbeRWgbNEkqO".to_owned(),
            server: ("relay.example.org".to_owned(), 587),
        }
    }

    fn base64(text: &str) -> String {
        STANDARD.encode(text)
    }

    #[test]
    fn plain_is_said_once_and_again_if_asked_with_nothing() {
        let mut exchange = Exchange::new(Mechanism::Plain, &login());
        let said = base64("\0user\0pencil");
        assert_eq!(exchange.initial(), Some(said.clone()));
        assert_eq!(exchange.respond(&login(), "", true), Ok(said));
        assert!(exchange.respond(&login(), "", true).is_err());
        assert_eq!(exchange.accepted(), Ok(()));
    }

    #[test]
    fn login_answers_what_is_asked() {
        for (first, second) in [("Username:", "Password:"), ("User Name\0", "password"), ("", "")] {
            let mut exchange = Exchange::new(Mechanism::Login, &login());
            assert_eq!(exchange.initial(), None);
            assert_eq!(exchange.respond(&login(), &base64(first), false), Ok(base64("user")), "{first}");
            assert_eq!(exchange.respond(&login(), &base64(second), false), Ok(base64("pencil")), "{second}");
        }
    }

    #[test]
    fn a_refused_token_is_acknowledged_and_explained() {
        let why = base64(r#"{"status":"invalid_token"}"#);
        for (mechanism, initial, acknowledged) in [
            (Mechanism::XOAuth2, "user=user\x01auth=Bearer pencil\x01\x01", ""),
            (
                Mechanism::OAuthBearer,
                "n,a=user,\x01host=relay.example.org\x01port=587\x01auth=Bearer pencil\x01\x01",
                "AQ==",
            ),
        ] {
            let mut exchange = Exchange::new(mechanism, &login());
            assert_eq!(exchange.initial(), Some(base64(initial)));
            assert_eq!(exchange.respond(&login(), &why, true), Ok(acknowledged.to_owned()));
            assert_eq!(exchange.explanation(), Some(r#"{"status":"invalid_token"}"#));
        }
    }

    #[test]
    fn a_long_token_waits_to_be_asked() {
        let mut exchange = Exchange::new(Mechanism::XOAuth2, &login());
        let initial = exchange.initial().unwrap();
        assert_eq!(exchange.respond(&login(), "", false), Ok(initial));
    }

    // proves: G6
    #[test]
    fn endless_and_huge_challenges_end_the_exchange() {
        for mechanism in Mechanism::ALL {
            let mut exchange = Exchange::new(mechanism, &login());
            let huge = "A".repeat(CHALLENGE_BYTES_MAX + 1);
            assert_eq!(exchange.respond(&login(), &huge, true), Err(ExchangeError::TooLong));
            let mut exchange = Exchange::new(mechanism, &login());
            let answers = (0..10).map(|_| exchange.respond(&login(), "", true)).collect::<Vec<_>>();
            assert_eq!(answers[9], Err(ExchangeError::Endless), "{mechanism:?}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        for mechanism in Mechanism::ALL {
            let shown = format!("{:?} {:?}", login(), Exchange::new(mechanism, &login()));
            let secret = ["pencil".to_owned(), base64("\0user\0pencil")];
            assert!(secret.iter().all(|secret| !shown.contains(secret)), "{mechanism:?}: {shown}");
        }
    }

    proptest! {
        // proves: G6
        #[test]
        fn never_panics_whatever_the_server_asks(
            challenges in proptest::collection::vec(".*", 0..5),
            encoded in any::<bool>(),
            initial_sent in any::<bool>(),
        ) {
            for mechanism in Mechanism::ALL {
                let mut exchange = Exchange::new(mechanism, &login());
                for challenge in &challenges {
                    let challenge = if encoded { base64(challenge) } else { challenge.clone() };
                    let _ = exchange.respond(&login(), &challenge, initial_sent);
                }
                let _ = exchange.accepted();
            }
        }
    }
}
