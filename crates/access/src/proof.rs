//! Answers what a SASL exchange asks, by asking the directory.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use directory::{Authentication, Client, Credentials, Directory};
use wire::sasl::server::{Ask, Exchange, Keys, Step};

/// Bytes of chance in a nonce.
const NONCE_BYTES: usize = 18;

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
