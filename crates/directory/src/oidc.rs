//! Is this token good, and whose is it? JSON Web Tokens (RFC 7519) of an issuer that speaks OpenID Connect.

mod jwt;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mail::{Address, Timestamp};
use policy::settings::OidcDirectory;
use serde_json::Value;

use self::jwt::{Key, Token};
use crate::accounts::lock;

/// How long keys are used before they are fetched again.
const KEYS_FRESH: Duration = Duration::from_secs(60 * 60);
/// How long they are used if they cannot be fetched.
const KEYS_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How often they are fetched at most: a token may name any key.
const FETCH_AGAIN: Duration = Duration::from_secs(30);
/// How soon an issuer that did not answer is asked again: whoever waits behind a fetch does not wait for one more.
const FAILED_AGAIN: Duration = Duration::from_secs(5);
/// Keys of an issuer at most.
const ISSUER_KEYS_MAX: usize = 64;
/// How far clocks may differ.
const LEEWAY: u64 = 60;

/// The web as tokens need it.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// Gets a page with status 200; `allow_private` says whether the server may have a private address.
    async fn fetch(&self, url: &str, allow_private: bool) -> Result<Vec<u8>, String>;
}

/// One issuer.
pub(crate) struct Oidc {
    settings: OidcDirectory,
    web: Arc<dyn Fetch>,
    keys: Mutex<Keys>,
    fetching: tokio::sync::Mutex<()>,
}

/// Keys by the id that tokens name.
type KeysById = Arc<BTreeMap<String, Vec<Key>>>;

#[derive(Clone, Default)]
struct Keys {
    keys: KeysById,
    fetched: Option<Timestamp>,
    tried: Option<Timestamp>,
    failed: Option<String>,
}

impl Keys {
    /// What is known without a fetch; nothing if it must be fetched.
    fn settled(&self, now: Timestamp, anew: bool) -> Option<Result<KeysById, String>> {
        let within = |at: Option<Timestamp>, long| at.is_some_and(|at| now.since(at) < long);
        if !within(self.fetched, KEYS_MAX) {
            return self.failed.clone().filter(|_| within(self.tried, FAILED_AGAIN)).map(Err);
        }
        let holds = within(self.fetched, KEYS_FRESH) && !anew
            || within(self.tried, FETCH_AGAIN) && within(self.fetched, KEYS_MAX);
        holds.then(|| Ok(Arc::clone(&self.keys)))
    }
}

/// Who made a token, as it says itself.
pub(crate) fn issuer(token: &str) -> Option<String> {
    Token::read(token)?.claims.get("iss")?.as_str().map(str::to_owned)
}

impl Oidc {
    pub(crate) fn new(settings: OidcDirectory, web: Arc<dyn Fetch>) -> Self {
        Oidc { settings, web, keys: Mutex::default(), fetching: tokio::sync::Mutex::new(()) }
    }

    /// Whose token this is; nothing if it is not good, the reason if that cannot be said now.
    pub(crate) async fn owner(&self, token: &str, now: Timestamp) -> Result<Option<Address>, String> {
        let Some(token) = Token::read(token) else { return Ok(None) };
        if !self.claims_hold(&token.claims, now) {
            return Ok(None);
        }
        let mut keys = self.keys(now, false).await?;
        if !token.key_id.as_ref().is_none_or(|id| keys.contains_key(id)) {
            // The issuer may have changed its keys.
            keys = self.keys(now, true).await?;
        }
        let candidates = match &token.key_id {
            Some(id) => keys.get(id).cloned().unwrap_or_default(),
            None => keys.values().flatten().cloned().collect(),
        };
        if !candidates.iter().any(|key| token.is_signed_by(key)) {
            return Ok(None);
        }
        Ok(self.address(&token.claims))
    }

    fn claims_hold(&self, claims: &Value, now: Timestamp) -> bool {
        let now = now.as_secs();
        let time = |name: &str| match claims.get(name) {
            None => Some(None),
            Some(value) => value.as_f64().map(|seconds| Some(seconds.clamp(0.0, 1e15) as u64)),
        };
        let audience = &self.settings.audience;
        let is_for_us = match claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(audience)),
            _ => false,
        };
        let lasts = matches!(time("exp"), Some(Some(end)) if now < end.saturating_add(LEEWAY));
        let has_begun = match time("nbf") {
            Some(begin) => begin.is_none_or(|begin| begin <= now.saturating_add(LEEWAY)),
            None => false,
        };
        let issuer = claims.get("iss").and_then(Value::as_str);
        issuer == Some(&self.settings.issuer) && is_for_us && lasts && has_begun
    }

    fn address(&self, claims: &Value) -> Option<Address> {
        // What the user may have typed in without proof is nobody's address.
        let unproven = self.settings.claim_address == "email"
            && claims.get("email_verified") == Some(&Value::Bool(false));
        let address = claims.get(&self.settings.claim_address)?.as_str().filter(|_| !unproven)?;
        Address::parse(address).ok()
    }

    async fn keys(&self, now: Timestamp, anew: bool) -> Result<Arc<BTreeMap<String, Vec<Key>>>, String> {
        if let Some(settled) = lock(&self.keys).settled(now, anew) {
            return settled;
        }
        // One asks for all.
        let _one = self.fetching.lock().await;
        if let Some(settled) = lock(&self.keys).settled(now, anew) {
            return settled;
        }
        let fetched = self.fetch().await;
        let mut state = lock(&self.keys);
        state.tried = Some(now);
        match fetched {
            Ok(keys) => {
                state.keys = Arc::new(keys);
                state.fetched = Some(now);
                Ok(Arc::clone(&state.keys))
            }
            Err(why) if state.fetched.is_some_and(|at| now.since(at) < KEYS_MAX) => {
                tracing::warn!(
                    issuer = self.settings.issuer,
                    why,
                    "keys cannot be fetched; the old ones are used"
                );
                Ok(Arc::clone(&state.keys))
            }
            Err(why) => {
                state.failed = Some(why.clone());
                Err(why)
            }
        }
    }

    async fn fetch(&self) -> Result<BTreeMap<String, Vec<Key>>, String> {
        let url = match &self.settings.jwks_url {
            Some(url) => url.clone(),
            None => self.discover().await?,
        };
        let set = self.json(&url).await?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or_else(|| format!("{url} has no keys"))?;
        let mut by_id: BTreeMap<String, Vec<Key>> = BTreeMap::new();
        for jwk in keys.iter().take(ISSUER_KEYS_MAX) {
            if let Some(key) = Key::read(jwk) {
                let id = jwk.get("kid").and_then(Value::as_str).unwrap_or_default();
                by_id.entry(id.to_owned()).or_default().push(key);
            }
        }
        if by_id.is_empty() { Err(format!("{url} has no key that can be used")) } else { Ok(by_id) }
    }

    /// OpenID Connect Discovery 1.0 section 4.
    async fn discover(&self) -> Result<String, String> {
        let issuer = &self.settings.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata = self.json(&url).await?;
        if metadata.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(format!("{url} is that of another issuer"));
        }
        let keys = metadata.get("jwks_uri").and_then(Value::as_str);
        keys.map(str::to_owned).ok_or_else(|| format!("{url} does not say where the keys are"))
    }

    async fn json(&self, url: &str) -> Result<Value, String> {
        let body = self.web.fetch(url, self.settings.allow_private).await;
        let body = body.map_err(|why| format!("cannot fetch {url}: {why}"))?;
        serde_json::from_slice(&body).map_err(|error| format!("{url} is no JSON: {error}"))
    }
}

#[cfg(test)]
mod tests;
