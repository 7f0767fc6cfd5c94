//! Who is who: which account an address belongs to, and whether somebody is the one whom they say they are.
//!
//! SMTP, IMAP, POP3 and JMAP ask here, and nowhere else.

pub mod accounts;
pub mod app_passwords;
mod elsewhere;
mod ldap;
mod oidc;
mod password;
mod proven;
pub mod scram;
mod sql;

use std::net::IpAddr;
use std::sync::Arc;

pub use accounts::Accounts;
use async_trait::async_trait;
pub use elsewhere::Ways;
use mail::Address;
pub use oidc::Fetch;
use policy::settings::Account;

/// What somebody shows to be let in.
#[derive(Clone)]
pub enum Credentials {
    /// A name with a password, or an app password (LOGIN, USER/PASS, PLAIN, HTTP Basic).
    Password {
        /// As it was typed: an address, or a local part of the default domain.
        name: String,
        /// In clear.
        password: String,
    },
    /// A token of an identity provider (OAUTHBEARER, HTTP Bearer).
    Token {
        /// The account that it is to be for, if that was said.
        name: Option<String>,
        /// The token.
        token: String,
    },
}

/// Who asks to be let in, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Client {
    /// What wrong guesses are counted by.
    pub address: IpAddr,
    /// What is to be used: an app password may be for some services only.
    pub service: Service,
}

/// What an account's owner can use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Service {
    /// Submission.
    Smtp,
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
    /// JMAP.
    Jmap,
}

impl Service {
    /// All of them.
    pub const ALL: [Service; 4] = [Service::Smtp, Service::Imap, Service::Pop3, Service::Jmap];

    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Service::Smtp => "smtp",
            Service::Imap => "imap",
            Service::Pop3 => "pop3",
            Service::Jmap => "jmap",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }
}

/// What was found.
#[derive(Clone, PartialEq, Debug)]
pub enum Authentication {
    /// This account's owner.
    Is(Arc<Account>),
    /// Nobody whom we know by these credentials; nobody is told which part is wrong.
    IsNot,
    /// Too many wrong guesses, no time, or a directory that does not answer: nothing is known.
    NotNow,
}

/// Whether an address is somebody's.
#[derive(Clone, PartialEq, Debug)]
pub enum Known {
    /// This account's.
    Is(Arc<Account>),
    /// Nobody's.
    Nobody,
    /// A directory does not answer: nothing is known.
    NotNow,
}

/// The keys of an account for SCRAM (RFC 5802 section 3).
#[derive(Clone)]
pub struct ScramKeys {
    /// The salt.
    pub salt: Vec<u8>,
    /// How often it is hashed.
    pub iterations: u32,
    /// What proofs of clients are checked with.
    pub stored_key: [u8; 32],
    /// What proves us to clients.
    pub server_key: [u8; 32],
}

/// Who is who.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Who this is.
    async fn authenticate(&self, client: Client, credentials: Credentials) -> Authentication;
    /// The account that has this address or alias, of a domain of ours; [`Configuration::elsewhere`] says whether this
    /// is to be asked at all.
    ///
    /// [`Configuration::elsewhere`]: policy::Configuration::elsewhere
    async fn account(&self, _address: &Address) -> Known {
        Known::NotNow
    }
    /// The keys for SCRAM-SHA-256 of the account of this name. A name that nobody has gets keys that no proof fits, the
    /// same each time. `None` if it cannot be said now.
    async fn scram_keys(&self, client: Client, name: &str) -> Option<ScramKeys>;
    /// The account that a proof by these keys has shown; what comes of it counts as a guess.
    async fn scram_done(&self, client: Client, name: &str, proven: bool) -> Authentication;
}
