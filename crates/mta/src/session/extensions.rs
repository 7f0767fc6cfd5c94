//! What is this client offered, and what is it told about addresses?

use std::sync::Arc;

use mail::{Address, EnhancedStatus, Reply, ReversePath, Timestamp};
use policy::admit::default_domain;
use policy::authenticity::Client;
use policy::extensions::{Offered, PriorityProfile, offered};
use policy::settings::SaslMechanism;
use wire::sasl::server::Mechanism;
use wire::smtp::extensions::Extensions;

use super::Session;
use crate::gather;

impl Session {
    /// The client has said hello.
    pub(super) async fn hello(&mut self) {
        let user = self.machine.user().map(str::to_owned);
        let extensions = self.extensions(user.as_deref()).await;
        self.machine.accept_hello(extensions);
    }

    /// Decides what the client is offered as this user. Where that cannot be decided now, it is no more than what
    /// strangers are offered.
    pub(super) async fn extensions(&mut self, user: Option<&str>) -> Extensions {
        let configuration = Arc::clone(&self.around.configuration.borrow());
        let client = Client {
            listener: &self.listener.name,
            ip: self.ends.client_ip(),
            local_port: self.ends.local.port(),
            helo: self.machine.hello().map_or("", |hello| hello.name.as_str()),
            is_tls: self.machine.is_tls(),
            authenticated_as: user,
            reverse_path: &ReversePath::Null,
        };
        let decided =
            gather::decide(&self.around.world, |answers| offered(&configuration, &client, answers)).await;
        self.offered = decided.unwrap_or_else(|trouble| {
            tracing::error!(why = trouble.text, "it cannot be decided which extensions are offered");
            Offered::to_strangers()
        });
        let auth = configuration.sasl.iter().map(|mechanism| known(*mechanism)).collect();
        Extensions { auth, ..said(&self.offered, self.around.world.clock.now()) }
    }

    /// VRFY and EXPN: there are no lists, so that an address stands for one account (RFC 5321 section 3.5).
    pub(super) fn look_up(&mut self, text: &str) {
        let configuration = Arc::clone(&self.around.configuration.borrow());
        let text = text.trim_start_matches('<').trim_end_matches('>');
        let whole = match text.contains('@') {
            true => Address::parse(text),
            false => Address::parse(&format!("{text}@{}", default_domain(&configuration))),
        };
        let reply = |code, (class, subject, detail), text: String| {
            Reply::new(code, Some(EnhancedStatus::new(class, subject, detail)), text)
        };
        self.machine.answer_lookup(&match whole {
            Err(_) => reply(501, (5, 1, 3), "That is no address.".to_owned()),
            Ok(address) => match configuration.account(&address) {
                Some(account) => reply(250, (2, 1, 5), format!("<{}>", account.name)),
                None if configuration.elsewhere(&address).is_some() => {
                    reply(252, (2, 5, 0), "Send some mail, I will try my best.".to_owned())
                }
                None if configuration.local_domain(&address.domain).is_some() => {
                    reply(550, (5, 1, 1), "Mailbox does not exist.".to_owned())
                }
                None => reply(252, (2, 5, 0), "Send some mail, I will try my best.".to_owned()),
            },
        });
    }
}

fn known(mechanism: SaslMechanism) -> Mechanism {
    match mechanism {
        SaslMechanism::ScramSha256 => Mechanism::ScramSha256,
        SaslMechanism::Plain => Mechanism::Plain,
        SaslMechanism::Login => Mechanism::Login,
        SaslMechanism::OauthBearer => Mechanism::OAuthBearer,
        SaslMechanism::Xoauth2 => Mechanism::XOAuth2,
    }
}

/// As EHLO says it.
fn said(offered: &Offered, now: Timestamp) -> Extensions {
    Extensions {
        pipelining: offered.pipelining,
        chunking: offered.chunking,
        require_tls: offered.require_tls,
        dsn: offered.dsn,
        expn: offered.expn,
        vrfy: offered.vrfy,
        deliver_by: offered.deliver_by.is_some(),
        // RFC 4865 section 4: the longest time and the latest date up to which mail may be held back.
        future_release: offered
            .future_release
            .map(|longest| format!("{} {}", longest.as_secs(), now.plus(longest).rfc3339())),
        mt_priority: offered.mt_priority.map(|profile| match profile {
            PriorityProfile::Mixer => "MIXER",
            PriorityProfile::Stanag4406 => "STANAG4406",
            PriorityProfile::Nsep => "NSEP",
        }),
        no_soliciting: offered.no_soliciting.clone(),
        ..Extensions::default()
    }
}
