//! What do we prove with who we are? Passwords, tokens and client certificates, as they are now.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use policy::plan::{ClientIdentity, Credentials, Proofs};
use policy::settings::{MtaRoute, RelayRoute, RouteKind, Secret, SecretKeyOptional, SecretReference};
use policy::{Scope, Trouble, TroubleKind};
use tokio::time::Instant;

use crate::world::{Secrets, World};

/// How long a secret is taken to be what it was when it was read.
const SECRET_KEPT: Duration = Duration::from_secs(60);
/// How long one that could not be read is not asked for again.
const ABSENCE_KEPT: Duration = Duration::from_secs(5);
/// Secrets that are kept at most; with more, all are read anew.
const SECRETS_KEPT_MAX: usize = 1_000;

/// What a route's hosts are to be shown. A secret that is configured and not there defers: nothing is sent without
/// AUTH where AUTH is meant.
pub async fn proofs(world: &World, route: &MtaRoute) -> Result<Proofs, Trouble> {
    let RouteKind::Relay(relay) = &route.kind else { return Ok(Proofs::default()) };
    let credentials = match (&relay.auth_username, secret(world, route, &relay.auth_secret).await?) {
        (Some(username), Some(secret)) => {
            Some(Credentials { username: username.clone(), secret, mechanism: relay.auth_mechanism })
        }
        (Some(_) | None, None) | (None, Some(_)) => None,
    };
    Ok(Proofs { credentials, identity: identity(world, route, relay).await? })
}

async fn identity(
    world: &World,
    route: &MtaRoute,
    relay: &RelayRoute,
) -> Result<Option<ClientIdentity>, Trouble> {
    let Some(certificate) = secret(world, route, &relay.client_certificate).await? else { return Ok(None) };
    let key = secret(world, route, &relay.client_key).await?;
    Ok(Some(ClientIdentity { key: key.unwrap_or_else(|| certificate.clone()), certificate }))
}

async fn secret(world: &World, route: &MtaRoute, key: &SecretKeyOptional) -> Result<Option<Secret>, Trouble> {
    let reference = match key {
        SecretKeyOptional::None => return Ok(None),
        SecretKeyOptional::Value { secret } => return Ok(Some(secret.clone())),
        SecretKeyOptional::EnvironmentVariable { .. } | SecretKeyOptional::File { .. } => key.reference(),
    };
    let Some(reference) = reference else { return Ok(None) };
    match world.secrets.secret(&reference).await {
        Ok(secret) => Ok(Some(secret)),
        Err(why) => {
            let name = &route.name;
            let text = format!("cannot read the secret of the route '{name}' in {reference}: {why}");
            Err(Trouble::new(Scope::Destination, TroubleKind::Io, (4, 3, 5), text))
        }
    }
}

/// Secrets that are read again a minute after they were.
pub struct KeptSecrets {
    source: Arc<dyn Secrets>,
    kept: Mutex<BTreeMap<SecretReference, Kept>>,
}

struct Kept {
    secret: Result<Secret, String>,
    until: Instant,
}

impl KeptSecrets {
    /// Keeps what this one reads.
    pub fn new(source: Arc<dyn Secrets>) -> Self {
        KeptSecrets { source, kept: Mutex::default() }
    }

    /// Nothing under this lock can panic half-way, so that a poisoned one is as good.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<SecretReference, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self, reference: &SecretReference) -> Option<Result<Secret, String>> {
        let kept = self.lock();
        let kept = kept.get(reference).filter(|kept| kept.until > Instant::now())?;
        Some(kept.secret.clone())
    }
}

#[async_trait]
impl Secrets for KeptSecrets {
    async fn secret(&self, reference: &SecretReference) -> Result<Secret, String> {
        if let Some(kept) = self.kept(reference) {
            return kept;
        }
        let secret = self.source.secret(reference).await;
        if let Err(why) = &secret {
            tracing::error!(%reference, why, alarm = "secret", "a secret cannot be read; mail that needs it waits");
        }
        let time = if secret.is_ok() { SECRET_KEPT } else { ABSENCE_KEPT };
        let mut kept = self.lock();
        if kept.len() >= SECRETS_KEPT_MAX {
            kept.clear();
        }
        kept.insert(reference.clone(), Kept { secret: secret.clone(), until: Instant::now() + time });
        secret
    }
}

impl std::fmt::Debug for KeptSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptSecrets").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A secret that is another each time; every third cannot be read.
    #[derive(Default)]
    struct Changing(AtomicUsize);

    #[async_trait]
    impl Secrets for Changing {
        async fn secret(&self, _reference: &SecretReference) -> Result<Secret, String> {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                number if number % 3 == 2 => Err("it is not set".to_owned()),
                number => Ok(Secret::new(format!("secret {number}"))),
            }
        }
    }

    // proves: G9
    #[tokio::test(start_paused = true)]
    async fn a_secret_is_read_again_after_a_minute_and_its_absence_sooner() {
        let kept = KeptSecrets::new(Arc::new(Changing::default()));
        let reference = SecretReference::EnvironmentVariable("V".to_owned());
        let mut read = Vec::new();
        for wait in [0, 59, 2, 61, 4, 2] {
            tokio::time::advance(Duration::from_secs(wait)).await;
            read.push(kept.secret(&reference).await.map(|secret| secret.expose().to_owned()));
        }
        let ok = |number| Ok(format!("secret {number}"));
        let lost = || Err("it is not set".to_owned());
        assert_eq!(read, [ok(0), ok(0), ok(1), lost(), lost(), ok(3)]);
    }

    #[tokio::test]
    async fn not_everything_is_kept() {
        let kept = KeptSecrets::new(Arc::new(Changing::default()));
        for number in 0..3 * SECRETS_KEPT_MAX {
            let _ = kept.secret(&SecretReference::EnvironmentVariable(number.to_string())).await;
        }
        assert!(kept.lock().len() <= SECRETS_KEPT_MAX);
    }
}
