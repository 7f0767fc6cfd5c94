//! Who administers this server?

use mail::Timestamp;

use super::records::{self, Edit, State};
use super::{ADMINISTRATORS_MAX, Access, Refusal, password};
use crate::caller::Role;

/// Bytes of a name at most.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of a description at most.
pub const DESCRIPTION_BYTES_MAX: usize = 512;

/// An administrator, without its secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Administrator {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Who that is, for people.
    pub description: Option<String>,
    /// Whether it has a password; if not, it gets one by a link.
    pub has_password: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its password was last set.
    pub password_at: Option<Timestamp>,
    /// When it last logged in.
    pub login_at: Option<Timestamp>,
    /// How many sessions it has.
    pub sessions: usize,
}

/// What a new administrator is to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewAdministrator {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Who that is, for people.
    pub description: Option<String>,
    /// Its password, if it is not to get one by a link.
    pub password: Option<String>,
}

/// What becomes of an administrator; what is not said stays.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AdministratorChange {
    /// Another name.
    pub name: Option<String>,
    /// Another role; ends its sessions.
    pub role: Option<Role>,
    /// Another description.
    pub description: Option<Option<String>>,
    /// Another password; ends its sessions.
    pub password: Option<String>,
}

impl Access {
    /// All administrators, by id.
    pub fn administrators(&self) -> Vec<Administrator> {
        let state = self.state();
        state.administrators.iter().map(|(id, record)| shown(&state, *id, record)).collect()
    }

    /// Whether there is one who can log in.
    pub fn has_administrator(&self) -> bool {
        self.state().administrators.values().any(|record| record.hash.is_some())
    }

    /// Makes an administrator; gives its id.
    pub async fn add_administrator(&self, new: NewAdministrator) -> Result<u64, Refusal> {
        check_name(&new.name)?;
        check_description(new.description.as_deref())?;
        let hash = match new.password {
            Some(password) => Some(self.new_hash(&new.name, password).await?),
            None => None,
        };
        self.change(move |state, now| {
            check_free(state, &new.name, None)?;
            if state.administrators.len() >= ADMINISTRATORS_MAX {
                return Err(Refusal::TooMany(ADMINISTRATORS_MAX));
            }
            let id = state.last_id.saturating_add(1);
            let record = records::Administrator {
                name: new.name,
                role: new.role,
                description: new.description,
                password_at: hash.as_ref().map(|_| now.as_millis()),
                hash,
                epoch: 0,
                created_at: now.as_millis(),
                login_at: None,
            };
            Ok((vec![Edit::LastId(id), Edit::Administrator(id, Some(record))], id))
        })
        .await
    }

    /// Changes an administrator.
    pub async fn change_administrator(&self, id: u64, change: AdministratorChange) -> Result<(), Refusal> {
        let name_now = self.state().administrators.get(&id).map(|record| record.name.clone());
        let name_now = name_now.ok_or(Refusal::NotFound("administrator"))?;
        if let Some(name) = &change.name {
            check_name(name)?;
        }
        check_description(change.description.as_ref().and_then(|description| description.as_deref()))?;
        let hash = match change.password.clone() {
            Some(password) => {
                let name = change.name.as_ref().unwrap_or(&name_now);
                Some(self.new_hash(name, password).await?)
            }
            None => None,
        };
        self.change(move |state, now| decide_change(state, now, id, change, hash)).await?;
        self.forget_proven();
        Ok(())
    }

    /// Removes an administrator, and ends its sessions.
    pub async fn remove_administrator(&self, id: u64) -> Result<(), Refusal> {
        self.change(move |state, _| {
            let record = state.administrators.get(&id).ok_or(Refusal::NotFound("administrator"))?;
            if record.role == Role::Admin && is_last_admin(state, id) {
                return Err(last_admin());
            }
            let ended = state.sessions_of(id).into_iter().map(|digest| Edit::Session(digest, None));
            let gone = [Edit::Administrator(id, None)].into_iter().chain(without_link(state, &record.name));
            Ok((ended.chain(gone).collect(), ()))
        })
        .await?;
        self.forget_proven();
        Ok(())
    }

    /// The hash of a password that may be taken.
    pub(super) async fn new_hash(&self, name: &str, password: String) -> Result<String, Refusal> {
        password::check_rules(name, &password).map_err(|why| Refusal::Invalid("password", why))?;
        self.0.passwords.hash(password).await
    }
}

fn shown(state: &State, id: u64, record: &records::Administrator) -> Administrator {
    Administrator {
        id,
        name: record.name.clone(),
        role: record.role,
        description: record.description.clone(),
        has_password: record.hash.is_some(),
        created_at: Timestamp::from_millis(record.created_at),
        password_at: record.password_at.map(Timestamp::from_millis),
        login_at: record.login_at.map(Timestamp::from_millis),
        sessions: state.sessions_of(id).len(),
    }
}

fn decide_change(
    state: &State,
    now: Timestamp,
    id: u64,
    change: AdministratorChange,
    hash: Option<String>,
) -> Result<(Vec<Edit>, ()), Refusal> {
    let mut record = state.administrators.get(&id).ok_or(Refusal::NotFound("administrator"))?.clone();
    let mut edits = Vec::new();
    if let Some(name) = change.name {
        check_free(state, &name, Some(id))?;
        if name != record.name {
            edits.extend(without_link(state, &record.name));
        }
        record.name = name;
    }
    if let Some(description) = change.description {
        record.description = description;
    }
    let role = change.role.unwrap_or(record.role);
    if record.role == Role::Admin && role != Role::Admin && is_last_admin(state, id) {
        return Err(last_admin());
    }
    if role != record.role || hash.is_some() {
        record.epoch = record.epoch.saturating_add(1);
        edits.extend(state.sessions_of(id).into_iter().map(|digest| Edit::Session(digest, None)));
    }
    record.role = role;
    if hash.is_some() {
        record.hash = hash;
        record.password_at = Some(now.as_millis());
    }
    edits.push(Edit::Administrator(id, Some(record)));
    Ok((edits, ()))
}

/// Drops the link that was for this name: used later, it would make an administrator of the name anew.
fn without_link(state: &State, name: &str) -> Option<Edit> {
    let named = state.link.as_ref()?.name.as_deref()?;
    named.eq_ignore_ascii_case(name).then_some(Edit::Link(None))
}

fn is_last_admin(state: &State, id: u64) -> bool {
    !state.administrators.iter().any(|(other, record)| *other != id && record.role == Role::Admin)
}

fn last_admin() -> Refusal {
    Refusal::Forbidden("this is the last administrator with the role admin".to_owned())
}

pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    let good = |c: char| c.is_ascii_alphanumeric() || "._-@+".contains(c);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(good) {
        let why = format!("must be 1 to {NAME_BYTES_MAX} letters, digits and . _ - @ +");
        return Err(Refusal::Invalid("name", why));
    }
    Ok(())
}

pub(super) fn check_description(description: Option<&str>) -> Result<(), Refusal> {
    match description {
        Some(text) if text.len() > DESCRIPTION_BYTES_MAX || text.chars().any(char::is_control) => {
            let why = format!("must be at most {DESCRIPTION_BYTES_MAX} bytes on one line");
            Err(Refusal::Invalid("description", why))
        }
        Some(_) | None => Ok(()),
    }
}

pub(super) fn check_free(state: &State, name: &str, except: Option<u64>) -> Result<(), Refusal> {
    match state.named(name) {
        Some((id, _)) if Some(id) != except => Err(Refusal::Taken(id.to_string())),
        Some(_) | None => Ok(()),
    }
}
