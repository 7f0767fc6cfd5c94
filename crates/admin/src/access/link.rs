//! How does the first administrator come in, and one who has lost the password? By a link that works once.

use std::net::IpAddr;
use std::time::Duration;

use mail::Timestamp;

use super::administrators::{check_free, check_name};
use super::records::{self, Administrator, Edit, State, digest_of, secret_text};
use super::{ADMINISTRATORS_MAX, Access, Refusal};
use crate::caller::Role;

/// How long a link may be used.
pub const LINK_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A link that works once.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeLink {
    /// What stands behind `/setup#`.
    pub secret: String,
    /// Until when it may be used.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for OneTimeLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OneTimeLink").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Access {
    /// The link for the first administrator: made anew at each start, as long as there is none who can log in.
    pub async fn first_link(&self) -> Result<Option<OneTimeLink>, Refusal> {
        if self.has_administrator() {
            return Ok(None);
        }
        self.link(None, Role::Admin).await.map(Some)
    }

    /// Makes a link; the one before it works no more. With the name of an administrator it sets that one's password,
    /// otherwise it makes an administrator with this role, of the given name or a free choice.
    pub async fn link(&self, name: Option<String>, role: Role) -> Result<OneTimeLink, Refusal> {
        if let Some(name) = &name {
            check_name(name)?;
        }
        let secret = secret_text();
        let digest = digest_of(&secret);
        let expires_at = self
            .change(move |state, now| {
                let ends = now.plus(LINK_MAX);
                let found = name.as_deref().and_then(|name| state.named(name));
                let role = found.map_or(role, |(_, record)| record.role);
                let link = records::Link { digest, expires_at: ends.as_millis(), name, role };
                Ok((vec![Edit::Link(Some(link))], ends))
            })
            .await?;
        Ok(OneTimeLink { secret, expires_at })
    }

    /// Uses the link up: sets the password. Gives the name as it is kept.
    pub async fn set_up(
        &self,
        client: Option<IpAddr>,
        secret: &str,
        name: &str,
        password: String,
    ) -> Result<String, Refusal> {
        check_name(name)?;
        if let Some(wait) = self.guess_wait(client, "") {
            return Err(Refusal::NotNow(wait));
        }
        // Before the work of hashing; asked again when the change is decided.
        if let Err(refusal) = valid(&self.state(), self.now(), secret, name) {
            if matches!(refusal, Refusal::Unknown(_)) {
                self.guessed(client, None, false);
            }
            return Err(refusal);
        }
        let hash = self.new_hash(name, password).await?;
        let (secret, name) = (secret.to_owned(), name.to_owned());
        let named = self.change(move |state, now| decide(state, now, &secret, name, hash)).await?;
        self.forget_proven();
        Ok(named)
    }
}

fn valid(state: &State, now: Timestamp, secret: &str, name: &str) -> Result<records::Link, Refusal> {
    let used = Refusal::Unknown("the link was used, has expired or was replaced; ask for another one");
    let good = |link: &&records::Link| link.digest == digest_of(secret) && link.expires_at > now.as_millis();
    let Some(link) = state.link.as_ref().filter(good) else { return Err(used) };
    match &link.name {
        Some(named) if !named.eq_ignore_ascii_case(name) => {
            Err(Refusal::Invalid("name", format!("this link is for {named}")))
        }
        Some(_) | None => Ok(link.clone()),
    }
}

fn decide(
    state: &State,
    now: Timestamp,
    secret: &str,
    name: String,
    hash: String,
) -> Result<(Vec<Edit>, String), Refusal> {
    let link = valid(state, now, secret, &name)?;
    let at = now.as_millis();
    let mut edits = vec![Edit::Link(None)];
    let found = link.name.as_deref().and_then(|name| state.named(name));
    if let Some((id, record)) = found {
        let mut record = record.clone();
        record.hash = Some(hash);
        record.password_at = Some(at);
        record.epoch = record.epoch.saturating_add(1);
        edits.extend(state.sessions_of(id).into_iter().map(|digest| Edit::Session(digest, None)));
        let named = record.name.clone();
        edits.push(Edit::Administrator(id, Some(record)));
        return Ok((edits, named));
    }
    check_free(state, &name, None)?;
    if state.administrators.len() >= ADMINISTRATORS_MAX {
        return Err(Refusal::TooMany(ADMINISTRATORS_MAX));
    }
    let id = state.last_id.saturating_add(1);
    let record = Administrator {
        name: name.clone(),
        role: link.role,
        description: None,
        hash: Some(hash),
        epoch: 0,
        created_at: at,
        password_at: Some(at),
        login_at: None,
    };
    edits.extend([Edit::LastId(id), Edit::Administrator(id, Some(record))]);
    Ok((edits, name))
}
