//! Who is behind a request? A cookie, a token, a name and password, or the Unix socket.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail::Timestamp;

use super::records::{Digest, digest_of};
use super::{Access, Refusal, lock};
use crate::caller::{Caller, Proof};

/// How long a password that came with a request need not be hashed again.
const PROVEN_MILLIS: u64 = 60_000;
/// Such passwords that are remembered at most.
const PROVEN_MAX: usize = 64;

/// Passwords that were right a moment ago: the hash of name, password and a secret of this process, whose, until when.
#[derive(Default)]
pub(super) struct Proven {
    salt: Option<String>,
    known: BTreeMap<Digest, (u64, u64)>,
}

impl Proven {
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }

    fn key(&mut self, name: &str, password: &str) -> Digest {
        let salt = self.salt.get_or_insert_with(super::records::secret_text);
        digest_of(&format!("{salt}\0{}\0{password}", name.to_ascii_lowercase()))
    }

    fn is_known(&mut self, key: &Digest, now: u64) -> Option<u64> {
        self.known.get(key).filter(|(_, until)| *until > now).map(|(id, _)| *id)
    }

    fn remember(&mut self, key: Digest, id: u64, now: u64) {
        self.known.retain(|_, (_, until)| *until > now);
        if self.known.len() < PROVEN_MAX {
            self.known.insert(key, (id, now.saturating_add(PROVEN_MILLIS)));
        }
    }
}

/// What a request shows for itself.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// The value of our cookie.
    Cookie(String),
    /// A bearer token.
    Bearer(String),
    /// A name and a password.
    Basic(String, String),
    /// Nothing.
    Nothing,
}

impl Shown {
    /// Reads the `Authorization` field (RFC 9110 section 11.6.2); nothing if it makes no sense.
    pub fn from_authorization(field: &str) -> Self {
        let Some((scheme, rest)) = field.trim().split_once(' ') else { return Shown::Nothing };
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Shown::Bearer(rest.to_owned());
        }
        // RFC 7617.
        let decoded = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(rest).ok()).flatten();
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        match text.as_deref().and_then(|text| text.split_once(':')) {
            Some((name, password)) => Shown::Basic(name.to_owned(), password.to_owned()),
            None => Shown::Nothing,
        }
    }
}

impl Access {
    /// Who asks from this address, and when its session ends if it has one.
    pub async fn identify(
        &self,
        client: Option<IpAddr>,
        shown: Shown,
    ) -> Result<(Caller, Option<Timestamp>), Refusal> {
        let (caller, ends) = match shown {
            Shown::Cookie(secret) => {
                let (caller, ends) = self.by_session(&secret).await?;
                (caller, Some(ends))
            }
            Shown::Bearer(secret) => (self.by_token(&secret).await?, None),
            Shown::Basic(name, password) => (self.by_password(client, &name, password).await?, None),
            Shown::Nothing => return Err(Refusal::Unknown("say who you are")),
        };
        Ok((Caller { address: client, ..caller }, ends))
    }

    async fn by_password(
        &self,
        client: Option<IpAddr>,
        name: &str,
        password: String,
    ) -> Result<Caller, Refusal> {
        let now = self.now().as_millis();
        let (key, known) = {
            let mut proven = lock(&self.0.proven);
            let key = proven.key(name, &password);
            (key, proven.is_known(&key, now))
        };
        let id = match known {
            Some(id) => id,
            None => {
                let id = self.prove(client, name, password).await?;
                lock(&self.0.proven).remember(key, id, now);
                id
            }
        };
        let state = self.state();
        let record = state.administrators.get(&id);
        let record = record.ok_or(Refusal::Unknown("the name or the password is wrong"))?;
        Ok(Caller { proof: Proof::Password, ..Caller::new(record.name.clone(), record.role) })
    }
}
