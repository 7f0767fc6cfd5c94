//! Who does a client say it is, and what shows it? The server's side of one SASL exchange (RFC 4422), without waiting.
//!
//! What goes over the wire is base64 in SMTP (RFC 4954), IMAP (RFC 9051) and POP3 (RFC 5034) alike; here it is taken and
//! given as it stands there. The exchange asks its caller whether what was shown is right, and is told.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub use super::exchange::{Mechanism, Mechanisms};
use super::oauth::{self, Shown};
use super::scram_server::{self, First};
use super::{
    LOGIN_PASSWORD_CHALLENGE, LOGIN_USERNAME_CHALLENGE, PlainCredentials, SaslError, decode_login,
    decode_plain,
};

/// What the caller is to do next.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this, and hand the client's response to [`Exchange::respond`].
    Challenge(String),
    /// Find out, and tell the exchange.
    Ask(Ask),
    /// The client is who it says it is, and knows it.
    Done,
    /// It is not.
    Refused,
    /// It has thought better of it.
    Cancelled,
    /// What it said makes no sense in this mechanism.
    Malformed(SaslError),
}

/// What must be found out.
#[derive(Clone, PartialEq, Eq)]
pub enum Ask {
    /// Whether this is the password; told by [`Exchange::decided`].
    Password(PlainCredentials),
    /// Whether this token is good, for this user if one is named; told by [`Exchange::decided`].
    Token {
        /// The user.
        name: Option<String>,
        /// The token.
        token: String,
    },
    /// The keys of this user, told by [`Exchange::keys`].
    Keys {
        /// The user.
        name: String,
    },
    /// What becomes of a user whose proof fits, or does not; told by [`Exchange::decided`].
    Proof {
        /// The user.
        name: String,
        /// Whether it fits.
        proven: bool,
    },
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Challenge(_) => "Challenge",
            Step::Ask(_) => "Ask",
            Step::Done => "Done",
            Step::Refused => "Refused",
            Step::Cancelled => "Cancelled",
            Step::Malformed(_) => "Malformed",
        })
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ask::Password(_) => "Password",
            Ask::Token { .. } => "Token",
            Ask::Keys { .. } => "Keys",
            Ask::Proof { .. } => "Proof",
        })
    }
}

/// What a proof of SCRAM is checked with.
#[derive(Clone)]
pub struct Keys {
    /// The salt.
    pub salt: Vec<u8>,
    /// How often the password is hashed.
    pub iterations: u32,
    /// What the client's proof is checked with.
    pub stored_key: [u8; 32],
    /// What proves us to the client.
    pub server_key: [u8; 32],
    /// What is never the same twice: printable, without a comma.
    pub nonce: String,
}

/// One exchange by one mechanism.
pub struct Exchange {
    mechanism: Mechanism,
    state: State,
}

enum State {
    /// The client speaks first.
    Begun,
    LoginPassword(String),
    /// The caller is looking for the keys.
    ScramKeys(First),
    ScramFinal(Box<scram_server::Awaiting>),
    /// The caller decides; what the client is shown if it is right.
    Deciding(Option<String>),
    /// The client only has to say that it has heard.
    Heard(Outcome),
    Over,
}

#[derive(Clone, Copy)]
enum Outcome {
    Right,
    Wrong,
}

/// Passwords may be in it.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange {{ mechanism: {:?} }}", self.mechanism)
    }
}

impl Exchange {
    /// Begins. The initial response is as it stood in the command, `=` for an empty one.
    pub fn start(mechanism: Mechanism, initial: Option<&[u8]>) -> (Self, Step) {
        let mut exchange = Exchange { mechanism, state: State::Begun };
        let step = match initial {
            Some(b"=") => exchange.respond(b""),
            Some(initial) => exchange.respond(initial),
            None if mechanism == Mechanism::Login => Step::Challenge(LOGIN_USERNAME_CHALLENGE.to_owned()),
            None => Step::Challenge(String::new()),
        };
        (exchange, step)
    }

    /// Its mechanism.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The client has answered a challenge.
    pub fn respond(&mut self, response: &[u8]) -> Step {
        if response == b"*" {
            self.state = State::Over;
            return Step::Cancelled;
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Begun => self.first(response),
            State::LoginPassword(username) => match decode_login(response) {
                Ok(password) => self.ask(Ask::Password(PlainCredentials { username, password })),
                Err(error) => Step::Malformed(error),
            },
            State::ScramFinal(awaiting) => match decoded(response).and_then(|text| awaiting.finish(&text)) {
                Ok((name, signature)) => {
                    let proven = signature.is_some();
                    self.state = State::Deciding(signature);
                    Step::Ask(Ask::Proof { name, proven })
                }
                Err(error) => Step::Malformed(error),
            },
            State::Heard(Outcome::Right) => Step::Done,
            State::Heard(Outcome::Wrong) => Step::Refused,
            State::ScramKeys(_) | State::Deciding(_) | State::Over => Step::Malformed(SaslError::Malformed),
        }
    }

    /// The keys that were asked for.
    pub fn keys(&mut self, keys: Keys) -> Step {
        match std::mem::replace(&mut self.state, State::Over) {
            State::ScramKeys(first) => {
                let awaiting = first.answer(keys);
                let challenge = STANDARD.encode(awaiting.server_first());
                self.state = State::ScramFinal(Box::new(awaiting));
                Step::Challenge(challenge)
            }
            _ => Step::Refused,
        }
    }

    /// Whether what was asked about is right.
    pub fn decided(&mut self, right: bool) -> Step {
        let state = std::mem::replace(&mut self.state, State::Over);
        let (challenge, outcome) = match (state, right) {
            (State::Deciding(Some(signature)), true) => (STANDARD.encode(signature), Outcome::Right),
            (State::Deciding(None), true) if self.mechanism != Mechanism::ScramSha256 => return Step::Done,
            (State::Deciding(_), false) => match oauth::refusal(self.mechanism) {
                Some(json) => (STANDARD.encode(json), Outcome::Wrong),
                None => return Step::Refused,
            },
            _ => return Step::Refused,
        };
        self.state = State::Heard(outcome);
        Step::Challenge(challenge)
    }

    fn first(&mut self, response: &[u8]) -> Step {
        let asked = match self.mechanism {
            Mechanism::Plain => decode_plain(response).map(Ask::Password),
            Mechanism::Login => match decode_login(response) {
                Ok(username) => {
                    self.state = State::LoginPassword(username);
                    return Step::Challenge(LOGIN_PASSWORD_CHALLENGE.to_owned());
                }
                Err(error) => Err(error),
            },
            Mechanism::ScramSha256 => match decoded(response).and_then(|text| First::read(&text)) {
                Ok(first) => {
                    let name = first.name().to_owned();
                    self.state = State::ScramKeys(first);
                    return Step::Ask(Ask::Keys { name });
                }
                Err(error) => Err(error),
            },
            Mechanism::OAuthBearer => {
                decoded(response).and_then(|text| oauth::read_oauthbearer(&text)).map(token)
            }
            Mechanism::XOAuth2 => decoded(response).and_then(|text| oauth::read_xoauth2(&text)).map(token),
        };
        match asked {
            Ok(asked) => self.ask(asked),
            Err(error) => Step::Malformed(error),
        }
    }

    fn ask(&mut self, asked: Ask) -> Step {
        self.state = State::Deciding(None);
        Step::Ask(asked)
    }
}

fn token(Shown { name, token }: Shown) -> Ask {
    Ask::Token { name, token }
}

fn decoded(response: &[u8]) -> Result<String, SaslError> {
    super::decode(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::exchange::{Exchange as Client, Login};
    use proptest::prelude::*;

    fn b64(text: &str) -> Vec<u8> {
        STANDARD.encode(text).into_bytes()
    }

    fn text(step: &Step) -> String {
        let Step::Challenge(challenge) = step else { panic!("{step:?}") };
        String::from_utf8(STANDARD.decode(challenge).unwrap()).unwrap()
    }

    /// The keys of `pencil` in RFC 7677.
    fn keys(nonce: &str) -> Keys {
        let key = |text: &str| STANDARD.decode(text).unwrap().try_into().unwrap();
        Keys {
            salt: STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap(),
            iterations: 4096,
            stored_key: key("WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="),
            server_key: key("wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="),
            nonce: nonce.to_owned(),
        }
    }

    // proves: L2
    #[test]
    fn the_example_of_rfc_7677() {
        let (mut exchange, step) =
            Exchange::start(Mechanism::ScramSha256, Some(&b64("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")));
        assert_eq!(step, Step::Ask(Ask::Keys { name: "user".to_owned() }));
        let step = exchange.keys(keys("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"));
        assert_eq!(
            text(&step),
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        );
        let proof = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                     p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let step = exchange.respond(&b64(proof));
        assert_eq!(step, Step::Ask(Ask::Proof { name: "user".to_owned(), proven: true }));
        let step = exchange.decided(true);
        assert_eq!(text(&step), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert_eq!(exchange.respond(b""), Step::Done);
    }

    #[track_caller]
    fn check_scram(first: &str, last: &str, expected: &Step) {
        let (mut exchange, step) = Exchange::start(Mechanism::ScramSha256, Some(&b64(first)));
        let step = match step {
            Step::Ask(Ask::Keys { .. }) => {
                exchange.keys(keys("server"));
                exchange.respond(&b64(last))
            }
            other => other,
        };
        assert_eq!(&step, expected, "{first} {last}");
    }

    // proves: L2
    #[test]
    fn scram_messages_that_are_none_are_refused_and_proofs_that_do_not_fit() {
        let malformed = Step::Malformed(SaslError::Malformed);
        for first in ["", "n", "n,,", "n,,n=user", "n,,n=,r=abc", "n,,m=x,n=user,r=abc", "n,,n=us=er,r=abc"] {
            check_scram(first, "", &malformed);
        }
        check_scram("p=tls-unique,,n=user,r=abc", "", &malformed);
        check_scram("n,a=other,n=user,r=abc", "", &Step::Malformed(SaslError::AuthorizationId));
        let good = "n,,n=user,r=abc";
        for last in
            ["", "c=biws,r=abc", "c=eSws,r=abcserver,p=AAAA", "c=biws,r=abc,p=AAAA", "c=biws,r=abcserver,p=%"]
        {
            check_scram(good, last, &malformed);
        }
        let unproven = Step::Ask(Ask::Proof { name: "user".to_owned(), proven: false });
        let zeros = STANDARD.encode([0_u8; 32]);
        check_scram(good, &format!("c=biws,r=abcserver,p={zeros}"), &unproven);
        check_scram(good, "c=biws,r=abcserver,p=AAAA", &unproven);
    }

    #[test]
    fn an_unproven_client_is_not_let_in_whatever_the_caller_says() {
        let (mut exchange, _) = Exchange::start(Mechanism::ScramSha256, Some(&b64("y,,n=user,r=abc")));
        exchange.keys(keys("server"));
        exchange.respond(&b64("c=eSws,r=abcserver,p=AAAA"));
        assert_eq!(exchange.decided(true), Step::Refused);
    }

    /// RFC 7628 section 4.1.
    #[test]
    fn a_token_is_shown_and_a_wrong_one_explained() {
        let shown =
            "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmT\x01\x01";
        let (mut exchange, step) = Exchange::start(Mechanism::OAuthBearer, Some(&b64(shown)));
        let name = Some("user@example.com".to_owned());
        assert_eq!(step, Step::Ask(Ask::Token { name, token: "vF9dft4qmT".to_owned() }));
        let step = exchange.decided(false);
        assert!(text(&step).contains(r#""status":"invalid_token""#));
        assert_eq!(exchange.respond(b"AQ=="), Step::Refused);
        let (mut exchange, _) = Exchange::start(Mechanism::OAuthBearer, Some(&b64(shown)));
        assert_eq!(exchange.decided(true), Step::Done);
        let old = "user=anna@example.org\x01auth=bearer abc\x01\x01";
        let (mut exchange, step) = Exchange::start(Mechanism::XOAuth2, Some(&b64(old)));
        assert!(matches!(step, Step::Ask(Ask::Token { .. })));
        assert!(text(&exchange.decided(false)).contains("401"));
        assert_eq!(exchange.respond(b""), Step::Refused);
        for bad in [
            "n,,\x01\x01",
            "n,a=u,\x01auth=Basic abc\x01\x01",
            "auth=Bearer a",
            "n,,\x01auth=Bearer \x01\x01",
        ] {
            let (_, step) = Exchange::start(Mechanism::OAuthBearer, Some(&b64(bad)));
            assert!(matches!(step, Step::Malformed(_)), "{bad}");
        }
    }

    #[test]
    fn it_can_be_broken_off() {
        for mechanism in Mechanism::ALL {
            let (mut exchange, step) = Exchange::start(mechanism, None);
            assert!(matches!(step, Step::Challenge(_)));
            assert_eq!(exchange.respond(b"*"), Step::Cancelled);
            assert_eq!(exchange.respond(b""), Step::Malformed(SaslError::Malformed));
        }
    }

    /// What our client says, our server understands.
    #[test]
    fn both_sides_agree() {
        for mechanism in Mechanism::ALL {
            let login = Login {
                username: "user".to_owned(),
                password: "pencil".to_owned(),
                mechanisms: vec![mechanism],
                nonce: "clientnonce".to_owned(),
                server: ("mx.example.org".to_owned(), 143),
            };
            let mut client = Client::new(mechanism, &login);
            let initial = client.initial();
            let (mut server, mut step) = Exchange::start(mechanism, initial.as_deref().map(str::as_bytes));
            for _ in 0..6 {
                step = match step {
                    Step::Challenge(challenge) => {
                        let said = client.respond(&login, &challenge, initial.is_some()).unwrap();
                        server.respond(said.as_bytes())
                    }
                    Step::Ask(Ask::Keys { .. }) => server.keys(keys("servernonce")),
                    Step::Ask(Ask::Proof { proven, .. }) => server.decided(proven),
                    Step::Ask(Ask::Password(got)) => server.decided(got.password == "pencil"),
                    Step::Ask(Ask::Token { token, .. }) => server.decided(token == "pencil"),
                    over => over,
                };
            }
            assert_eq!(step, Step::Done, "{mechanism:?}");
            assert_eq!(client.accepted(), Ok(()));
        }
    }

    proptest! {
        #[test]
        fn never_panics(first in ".{0,60}", second in ".{0,60}") {
            for mechanism in Mechanism::ALL {
                let (mut exchange, step) = Exchange::start(mechanism, Some(&b64(&first)));
                if let Step::Ask(Ask::Keys { .. }) = step {
                    exchange.keys(keys("server"));
                }
                exchange.respond(&b64(&second));
                exchange.decided(false);
                exchange.respond(second.as_bytes());
            }
        }
    }
}
