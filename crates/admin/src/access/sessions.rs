//! Who is logged in, and for how long?

use std::net::IpAddr;
use std::time::Duration;

use mail::Timestamp;

use super::records::{self, Digest, Edit, State, digest_of, secret_text};
use super::{Access, Refusal, lock};
use crate::caller::{Caller, Proof, Role};

/// How long a session lasts at most.
pub const SESSION_MAX: Duration = Duration::from_secs(12 * 60 * 60);
/// How long it lasts without a request.
pub const SESSION_IDLE_MAX: Duration = Duration::from_secs(2 * 60 * 60);
/// Sessions of one administrator at most; the oldest makes room.
pub const SESSIONS_EACH_MAX: usize = 20;
/// How exactly it is remembered when a session was last used.
const SEEN_STEP_MILLIS: u64 = 60_000;

/// What a login gave.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// What the cookie holds.
    pub secret: String,
    /// Who logged in.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When the session ends at the latest.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What is said of a session: who, and when it ends if nothing is asked any more.
pub(super) type Seen = (Caller, Timestamp);

impl Access {
    /// Begins a session, if the password is right. Takes the same time for a name that there is not.
    pub async fn log_in(
        &self,
        client: Option<IpAddr>,
        name: &str,
        password: String,
    ) -> Result<Login, Refusal> {
        let id = self.prove(client, name, password).await?;
        let secret = secret_text();
        let digest = digest_of(&secret);
        let (name, role, created) = self
            .change(move |state, now| {
                let mut edits = sweep(state, now);
                let mut record =
                    state.administrators.get(&id).ok_or(Refusal::NotFound("administrator"))?.clone();
                record.login_at = Some(now.as_millis());
                let at = now.as_millis();
                let session = records::Session {
                    administrator: id,
                    epoch: record.epoch,
                    created_at: at,
                    seen_at: at,
                    address: client,
                };
                edits.extend(oldest(state, id));
                edits.push(Edit::Session(digest, Some((session, now.plus(SESSION_IDLE_MAX)))));
                let answer = (record.name.clone(), record.role, now);
                edits.push(Edit::Administrator(id, Some(record)));
                Ok((edits, answer))
            })
            .await?;
        Ok(Login { secret, name, role, expires_at: created.plus(SESSION_MAX) })
    }

    /// Ends the session of this cookie; gives whose it was.
    pub async fn log_out(&self, secret: &str) -> Result<Option<String>, Refusal> {
        let digest = digest_of(secret);
        self.change(move |state, _| {
            let Some(session) = state.sessions.get(&digest) else { return Ok((Vec::new(), None)) };
            let whose = state.administrators.get(&session.administrator).map(|record| record.name.clone());
            Ok((vec![Edit::Session(digest, None)], whose))
        })
        .await
    }

    /// Whose session this is.
    pub(super) async fn by_session(&self, secret: &str) -> Result<Seen, Refusal> {
        let (digest, now) = (digest_of(secret), self.now());
        let found = {
            let state = self.state();
            state.sessions.get(&digest).and_then(|session| {
                let record = state.administrators.get(&session.administrator)?;
                Some((session.clone(), record.name.clone(), record.role, record.epoch))
            })
        };
        let Some((session, name, role, epoch)) = found else {
            return Err(Refusal::Unknown("there is no such session"));
        };
        if session.epoch != epoch || end(&session) <= now {
            return Err(Refusal::Unknown("the session has ended"));
        }
        if now.as_millis().saturating_sub(session.seen_at) >= SEEN_STEP_MILLIS {
            self.see(digest).await;
        }
        let ends = Timestamp::from_millis(session.created_at).plus(SESSION_MAX);
        Ok((Caller { proof: Proof::Session, ..Caller::new(name, role) }, ends))
    }

    async fn see(&self, digest: Digest) {
        let seen = self.change(move |state, now| {
            let Some(session) = state.sessions.get(&digest) else { return Ok((Vec::new(), ())) };
            let session = records::Session { seen_at: now.as_millis(), ..session.clone() };
            let ends = end(&session);
            Ok((vec![Edit::Session(digest, Some((session, ends)))], ()))
        });
        if let Err(error) = seen.await {
            tracing::warn!(%error, "cannot remember that a session is in use");
        }
    }

    /// Sets another password for whoever knows the present one; ends all sessions of that administrator.
    pub async fn change_own_password(
        &self,
        client: Option<IpAddr>,
        name: &str,
        old: String,
        new: String,
    ) -> Result<(), Refusal> {
        let id = self.prove(client, name, old).await?;
        let change = super::administrators::AdministratorChange { password: Some(new), ..Default::default() };
        self.change_administrator(id, change).await
    }

    /// The administrator of this name, if the password is right.
    pub(super) async fn prove(
        &self,
        client: Option<IpAddr>,
        name: &str,
        password: String,
    ) -> Result<u64, Refusal> {
        let name = name.to_ascii_lowercase();
        if name.len() > super::administrators::NAME_BYTES_MAX {
            self.guessed(client, None, false);
            return Err(Refusal::Unknown("the name or the password is wrong"));
        }
        if let Some(wait) = self.guess_wait(client, &name) {
            return Err(Refusal::NotNow(wait));
        }
        let found = self.state().named(&name).map(|(id, record)| (id, record.hash.clone()));
        let (id, hash) = found.map_or((None, None), |(id, hash)| (Some(id), hash));
        let right = self.0.passwords.is_right(hash.clone(), password).await?;
        self.guessed(client, Some(&name), right);
        // The password may have been changed while it was compared.
        let still = |id: &u64| self.state().administrators.get(id).is_some_and(|record| record.hash == hash);
        match id.filter(|id| right && still(id)) {
            Some(id) => Ok(id),
            None => Err(Refusal::Unknown("the name or the password is wrong")),
        }
    }

    pub(super) fn forget_proven(&self) {
        lock(&self.0.proven).clear();
    }
}

/// When a session ends unless it is used.
fn end(session: &records::Session) -> Timestamp {
    let idle = Timestamp::from_millis(session.seen_at).plus(SESSION_IDLE_MAX);
    idle.min(Timestamp::from_millis(session.created_at).plus(SESSION_MAX))
}

/// What has ended is forgotten.
fn sweep(state: &State, now: Timestamp) -> Vec<Edit> {
    let over = state.sessions.iter().filter(|(_, session)| end(session) <= now);
    over.take(100).map(|(digest, _)| Edit::Session(*digest, None)).collect()
}

/// Makes room for one more session of this administrator.
fn oldest(state: &State, administrator: u64) -> Option<Edit> {
    let its = state.sessions_of(administrator);
    if its.len() < SESSIONS_EACH_MAX {
        return None;
    }
    let oldest = its.into_iter().min_by_key(|digest| state.sessions[digest].seen_at)?;
    Some(Edit::Session(oldest, None))
}
