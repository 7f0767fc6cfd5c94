//! What is kept about who may ask, how it is written down, and where chance and hashes come from.

use std::collections::BTreeMap;
use std::net::IpAddr;

use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mail::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::{KeyChange, Store, StoreError};

use crate::caller::Role;

/// Where administrators lie in the store.
const ADMINISTRATORS: &str = "administrators";
/// Where API tokens lie.
const TOKENS: &str = "api-tokens";
/// Where sessions lie, by the hash of their cookie.
const SESSIONS: &str = "admin-sessions";
/// Where the rest lies.
const ACCESS: &str = "access";
/// The key of the one-time link.
const LINK: &[u8] = b"link";
/// The key of the last id that was given.
const LAST_ID: &[u8] = b"last-id";
/// Records read at once.
const SCAN_MAX: usize = 500;

/// The hash of a secret that is itself chance: it need not be slow.
pub(super) type Digest = [u8; 32];

/// An administrator as it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Administrator {
    pub(super) name: String,
    pub(super) role: Role,
    #[serde(default)]
    pub(super) description: Option<String>,
    /// argon2id; none until a password is set by a link.
    #[serde(default)]
    pub(super) hash: Option<String>,
    /// Grows with each change that ends the sessions.
    pub(super) epoch: u64,
    pub(super) created_at: u64,
    #[serde(default)]
    pub(super) password_at: Option<u64>,
    #[serde(default)]
    pub(super) login_at: Option<u64>,
}

/// An API token as it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Token {
    pub(super) description: String,
    pub(super) role: Role,
    #[serde(default)]
    pub(super) methods: Option<Vec<String>>,
    #[serde(default)]
    pub(super) expires_at: Option<u64>,
    pub(super) created_at: u64,
    pub(super) created_by: String,
    #[serde(default)]
    pub(super) used_at: Option<u64>,
    pub(super) digest: Digest,
}

/// A session as it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session {
    pub(super) administrator: u64,
    pub(super) epoch: u64,
    pub(super) created_at: u64,
    pub(super) seen_at: u64,
    pub(super) address: Option<IpAddr>,
}

/// A one-time link as it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Link {
    pub(super) digest: Digest,
    pub(super) expires_at: u64,
    /// Whose password it sets; a new administrator's if there is none of this name, any name if none is said.
    pub(super) name: Option<String>,
    pub(super) role: Role,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) administrators: BTreeMap<u64, Administrator>,
    pub(super) tokens: BTreeMap<u64, Token>,
    pub(super) token_ids: BTreeMap<Digest, u64>,
    pub(super) sessions: BTreeMap<Digest, Session>,
    pub(super) link: Option<Link>,
    pub(super) last_id: u64,
}

/// One change; `None` removes.
#[derive(Debug)]
pub(super) enum Edit {
    Administrator(u64, Option<Administrator>),
    Token(u64, Option<Token>),
    /// The session, and when it ends.
    Session(Digest, Option<(Session, Timestamp)>),
    Link(Option<Link>),
    LastId(u64),
}

impl State {
    /// Reads what the store holds.
    pub(super) async fn read(store: &dyn Store, now: Timestamp) -> Result<Self, StoreError> {
        let mut state = State::default();
        for (key, value) in scan(store, ADMINISTRATORS, now).await? {
            state.administrators.insert(number(&key)?, parsed(ADMINISTRATORS, &value)?);
        }
        for (key, value) in scan(store, TOKENS, now).await? {
            let (id, token): (u64, Token) = (number(&key)?, parsed(TOKENS, &value)?);
            state.token_ids.insert(token.digest, id);
            state.tokens.insert(id, token);
        }
        for (key, value) in scan(store, SESSIONS, now).await? {
            if let Ok(digest) = Digest::try_from(&key[..]) {
                state.sessions.insert(digest, parsed(SESSIONS, &value)?);
            }
        }
        if let Some(value) = store.value(ACCESS, LINK, now).await? {
            state.link = Some(parsed(ACCESS, &value)?);
        }
        if let Some(value) = store.value(ACCESS, LAST_ID, now).await? {
            state.last_id = number(&value)?;
        }
        Ok(state)
    }

    /// Puts changes in force.
    pub(super) fn apply(&mut self, edits: Vec<Edit>) {
        for edit in edits {
            match edit {
                Edit::Administrator(id, Some(administrator)) => {
                    self.administrators.insert(id, administrator);
                }
                Edit::Administrator(id, None) => {
                    self.administrators.remove(&id);
                }
                Edit::Token(id, Some(token)) => {
                    self.token_ids.insert(token.digest, id);
                    self.tokens.insert(id, token);
                }
                Edit::Token(id, None) => {
                    if let Some(token) = self.tokens.remove(&id) {
                        self.token_ids.remove(&token.digest);
                    }
                }
                Edit::Session(digest, Some((session, _))) => {
                    self.sessions.insert(digest, session);
                }
                Edit::Session(digest, None) => {
                    self.sessions.remove(&digest);
                }
                Edit::Link(link) => self.link = link,
                Edit::LastId(id) => self.last_id = id,
            }
        }
    }

    /// The administrator of this name, whatever the case.
    pub(super) fn named(&self, name: &str) -> Option<(u64, &Administrator)> {
        let found = self.administrators.iter().find(|(_, other)| other.name.eq_ignore_ascii_case(name));
        found.map(|(id, administrator)| (*id, administrator))
    }

    /// The sessions of an administrator.
    pub(super) fn sessions_of(&self, administrator: u64) -> Vec<Digest> {
        let its = self.sessions.iter().filter(|(_, session)| session.administrator == administrator);
        its.map(|(digest, _)| *digest).collect()
    }
}

impl Edit {
    /// How it is written down.
    pub(super) fn written(&self) -> KeyChange {
        match self {
            Edit::Administrator(id, record) => put(ADMINISTRATORS, &id.to_be_bytes(), record.as_ref(), None),
            Edit::Token(id, record) => put(TOKENS, &id.to_be_bytes(), record.as_ref(), None),
            Edit::Session(digest, record) => {
                let (session, ends) = record.as_ref().map(|(session, ends)| (session, *ends)).unzip();
                put(SESSIONS, digest, session, ends)
            }
            Edit::Link(link) => {
                let ends = link.as_ref().map(|link| Timestamp::from_millis(link.expires_at));
                put(ACCESS, LINK, link.as_ref(), ends)
            }
            Edit::LastId(id) => KeyChange::put(ACCESS, LAST_ID, id.to_be_bytes().to_vec(), None),
        }
    }
}

fn put<T: Serialize>(space: &str, key: &[u8], record: Option<&T>, ends: Option<Timestamp>) -> KeyChange {
    match record {
        Some(record) => {
            let json = serde_json::to_vec(record).expect("a record of strings and numbers is JSON");
            KeyChange::put(space, key, json, ends)
        }
        None => KeyChange::remove(space, key),
    }
}

async fn scan(
    store: &dyn Store,
    space: &str,
    now: Timestamp,
) -> Result<Vec<(bytes::Bytes, bytes::Bytes)>, StoreError> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map(|(key, _): &(bytes::Bytes, bytes::Bytes)| key.clone());
        let more = store.scan(space, after.as_deref(), SCAN_MAX, now).await?;
        if more.is_empty() {
            return Ok(all);
        }
        all.extend(more);
    }
}

fn number(key: &[u8]) -> Result<u64, StoreError> {
    let bytes = <[u8; 8]>::try_from(key).map_err(|_| damaged(ACCESS, "an id has eight bytes"))?;
    Ok(u64::from_be_bytes(bytes))
}

fn parsed<T: DeserializeOwned>(space: &str, value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value).map_err(|error| damaged(space, &error.to_string()))
}

fn damaged(space: &str, why: &str) -> StoreError {
    StoreError::Damaged { what: format!("a record of {space}"), why: why.to_owned() }
}

/// Bytes that nobody can guess.
pub(super) fn chance<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system has random bytes, or no TLS would work either");
    bytes
}

/// A secret of 256 bits, as text.
pub(super) fn secret_text() -> String {
    URL_SAFE_NO_PAD.encode(chance::<32>())
}

/// What of a secret is kept.
pub(super) fn digest_of(secret: &str) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
    bytes
}
