//! By which mechanisms may somebody say who it is, and is it true? The directory is asked.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use directory::{Authentication, Client, Credentials, Directory};
use policy::Configuration;
use policy::settings::SaslMechanism;
use wire::sasl::server::{Ask, Exchange, Keys, Mechanism, Step};

/// Bytes of chance in a nonce.
const NONCE_BYTES: usize = 18;

/// The mechanisms that can work with these settings, the best first; IMAP and POP3 offer and take no others.
pub(crate) fn mechanisms(configuration: &Configuration) -> Vec<Mechanism> {
    let known = |mechanism: &SaslMechanism| match mechanism {
        SaslMechanism::ScramSha256 => Mechanism::ScramSha256,
        SaslMechanism::Plain => Mechanism::Plain,
        SaslMechanism::Login => Mechanism::Login,
        SaslMechanism::OauthBearer => Mechanism::OAuthBearer,
        SaslMechanism::Xoauth2 => Mechanism::XOAuth2,
    };
    configuration.sasl.iter().map(known).collect()
}

/// One exchange's look at the directory.
pub(crate) struct Prover {
    directory: Arc<dyn Directory>,
    client: Client,
    /// What was found of whoever it is.
    pub(crate) found: Authentication,
}

impl Prover {
    /// Nothing is known yet.
    pub(crate) fn new(directory: Arc<dyn Directory>, client: Client) -> Self {
        Prover { directory, client, found: Authentication::IsNot }
    }

    /// What is known when the exchange refused: that nobody is let in, whatever was found before.
    pub(crate) fn refused(self) -> Authentication {
        match self.found {
            Authentication::NotNow => Authentication::NotNow,
            Authentication::Is(_) | Authentication::IsNot => Authentication::IsNot,
        }
    }

    /// Takes the step that follows a question.
    pub(crate) async fn answer(&mut self, exchange: &mut Exchange, ask: Ask) -> Step {
        let credentials = match ask {
            Ask::Password(plain) => Credentials::Password { name: plain.username, password: plain.password },
            Ask::Token { name, token } => Credentials::Token { name, token },
            Ask::Keys { name } => return self.keys(exchange, &name).await,
            Ask::Proof { name, proven } => {
                self.found = self.directory.scram_done(self.client, &name, proven).await;
                return exchange.decided(matches!(self.found, Authentication::Is(_)));
            }
        };
        self.found = self.directory.authenticate(self.client, credentials).await;
        exchange.decided(matches!(self.found, Authentication::Is(_)))
    }

    async fn keys(&mut self, exchange: &mut Exchange, name: &str) -> Step {
        let mut chance = [0_u8; NONCE_BYTES];
        let filled = aws_lc_rs::rand::fill(&mut chance);
        let keys = self.directory.scram_keys(self.client, name).await;
        match (filled, keys) {
            (Ok(()), Some(keys)) => exchange.keys(Keys {
                salt: keys.salt,
                iterations: keys.iterations,
                stored_key: keys.stored_key,
                server_key: keys.server_key,
                nonce: STANDARD_NO_PAD.encode(chance),
            }),
            _ => {
                self.found = Authentication::NotNow;
                exchange.decided(false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(settings: &str, expected: &[Mechanism]) {
        let environment = policy::check::Environment::default();
        let configuration = Configuration::from_settings_json(settings, &environment).unwrap();
        assert_eq!(mechanisms(&configuration), expected);
    }

    #[test]
    fn what_cannot_work_is_not_offered() {
        use Mechanism::{Login, Plain, ScramSha256};
        check("{}", &[Plain, Login]);
        check(
            r#"{"SystemSettings": {"saslMechanisms": ["plain", "scramSha256", "oauthBearer"]}}"#,
            &[ScramSha256, Plain],
        );
    }
}
