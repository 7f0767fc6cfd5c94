//! A client says who it is: the directory knows whether that is so.

use directory::{Authentication, Client, Credentials, Service};
use mail::{EnhancedStatus, Reply};
use wire::sasl::PlainCredentials;
use wire::sasl::server::{Ask, Keys};

use super::{Ended, Session};
use crate::events::RefusedStep;
use crate::listen::client_key;

impl Session {
    pub(super) async fn authenticate(&mut self, ask: Ask) -> Result<(), Ended> {
        self.flush().await?;
        let directory = self.around.world.directory.clone();
        let client = Client { address: client_key(self.ends.client_ip()), service: Service::Smtp };
        let (name, credentials) = match ask {
            Ask::Password(PlainCredentials { username, password }) => {
                (username.clone(), Credentials::Password { name: username, password })
            }
            Ask::Token { name, token } => {
                (name.clone().unwrap_or_default(), Credentials::Token { name, token })
            }
            Ask::Keys { name } => {
                match directory.scram_keys(client, &name).await {
                    Some(keys) => self.machine.scram_keys(with_nonce(keys)),
                    None => self.not_now(),
                }
                return Ok(());
            }
            Ask::Proof { name, proven } => {
                let found = directory.scram_done(client, &name, proven).await;
                self.decided(&name, found).await;
                return Ok(());
            }
        };
        let found = directory.authenticate(client, credentials).await;
        self.decided(&name, found).await;
        Ok(())
    }

    async fn decided(&mut self, username: &str, found: Authentication) {
        match found {
            Authentication::Is(account) => {
                let user = account.name.to_string();
                let extensions = self.extensions(Some(&user)).await;
                self.machine.authenticated(user, extensions);
            }
            Authentication::IsNot => {
                tracing::info!(client = %self.ends.client, username, "authentication failed");
                tokio::time::sleep(self.listener.times.auth_failure_delay).await;
                let status = Some(EnhancedStatus::new(5, 7, 8));
                let reply = Reply::new(535, status, "Authentication failed.");
                self.tell_refusal(RefusedStep::Auth, None, None, &reply);
                self.machine.refuse_authentication(&reply);
            }
            Authentication::NotNow => self.not_now(),
        }
    }

    fn not_now(&mut self) {
        let status = Some(EnhancedStatus::new(4, 7, 0));
        let reply = Reply::new(454, status, "Authentication is not possible now.");
        self.machine.refuse_authentication(&reply);
    }
}

fn with_nonce(keys: directory::ScramKeys) -> Keys {
    let directory::ScramKeys { salt, iterations, stored_key, server_key } = keys;
    Keys { salt, iterations, stored_key, server_key, nonce: directory::scram::nonce() }
}
