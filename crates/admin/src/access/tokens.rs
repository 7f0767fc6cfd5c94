//! What may programs ask? API tokens: shown once, kept as a hash.

use mail::Timestamp;

use super::administrators::check_description;
use super::permissions;
use super::records::{self, Edit, digest_of, secret_text};
use super::{Access, Refusal, TOKENS_MAX};
use crate::caller::{Caller, Role};

/// What every token begins with, so that those who look for lost secrets find it.
pub const TOKEN_PREFIX: &str = "wpt_";
/// Methods in the list of a token at most.
pub const METHODS_MAX: usize = 100;
/// How exactly it is remembered when a token was last used.
const USED_STEP_MILLIS: u64 = 60_000;

/// A token, without its secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// Its id.
    pub id: u64,
    /// What it is for; how the audit log calls it.
    pub description: String,
    /// What it may do.
    pub role: Role,
    /// The methods that it is meant for; all that its role may call if there is no list.
    pub methods: Option<Vec<String>>,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
}

/// What a new token is to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewToken {
    /// What it is for.
    pub description: String,
    /// What it may do.
    pub role: Role,
    /// The methods that it is meant for.
    pub methods: Option<Vec<String>>,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
}

/// What becomes of a token; what is not said stays. What it may do never changes: whoever holds it knows what it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TokenChange {
    /// Another description.
    pub description: Option<String>,
    /// Another end.
    pub expires_at: Option<Option<Timestamp>>,
}

impl Access {
    /// All tokens, by id.
    pub fn tokens(&self) -> Vec<Token> {
        self.state().tokens.iter().map(|(id, record)| shown(*id, record)).collect()
    }

    /// Makes a token; gives its id and its secret, which nobody sees again.
    pub async fn add_token(&self, caller: &Caller, new: NewToken) -> Result<(u64, String), Refusal> {
        check_label(&new.description)?;
        check_methods(new.methods.as_deref())?;
        check_width(caller, &new)?;
        let secret = format!("{TOKEN_PREFIX}{}", secret_text());
        let (digest, created_by) = (digest_of(&secret), caller.name.clone());
        let id = self.change(move |state, now| {
            if state.tokens.len() >= TOKENS_MAX {
                return Err(Refusal::TooMany(TOKENS_MAX));
            }
            check_end(new.expires_at, now)?;
            if let Some((id, _)) = state.tokens.iter().find(|(_, other)| other.description == new.description)
            {
                return Err(Refusal::Taken(id.to_string()));
            }
            let id = state.last_id.saturating_add(1);
            let record = records::Token {
                description: new.description,
                role: new.role,
                methods: new.methods,
                expires_at: new.expires_at.map(Timestamp::as_millis),
                created_at: now.as_millis(),
                created_by,
                used_at: None,
                digest,
            };
            Ok((vec![Edit::LastId(id), Edit::Token(id, Some(record))], id))
        });
        Ok((id.await?, secret))
    }

    /// Changes what a token is called and when it ends.
    pub async fn change_token(&self, id: u64, change: TokenChange) -> Result<(), Refusal> {
        if let Some(description) = &change.description {
            check_label(description)?;
        }
        self.change(move |state, now| {
            let mut record = state.tokens.get(&id).ok_or(Refusal::NotFound("token"))?.clone();
            if let Some(description) = change.description {
                record.description = description;
            }
            if let Some(expires_at) = change.expires_at {
                check_end(expires_at, now)?;
                record.expires_at = expires_at.map(Timestamp::as_millis);
            }
            Ok((vec![Edit::Token(id, Some(record))], ()))
        })
        .await
    }

    /// Ends a token.
    pub async fn remove_token(&self, id: u64) -> Result<(), Refusal> {
        self.change(move |state, _| match state.tokens.contains_key(&id) {
            true => Ok((vec![Edit::Token(id, None)], ())),
            false => Err(Refusal::NotFound("token")),
        })
        .await
    }

    /// Who holds this token.
    pub(super) async fn by_token(&self, secret: &str) -> Result<Caller, Refusal> {
        let unknown = Refusal::Unknown("there is no such token");
        if !secret.starts_with(TOKEN_PREFIX) {
            return Err(unknown);
        }
        let now = self.now().as_millis();
        let found = {
            let state = self.state();
            // Looked up by the hash: how long that takes says nothing about the secret.
            let id = state.token_ids.get(&digest_of(secret)).copied();
            id.and_then(|id| Some((id, state.tokens.get(&id)?.clone())))
        };
        let Some((id, record)) = found else { return Err(unknown) };
        if record.expires_at.is_some_and(|end| end <= now) {
            return Err(Refusal::Unknown("the token has expired"));
        }
        if record.used_at.is_none_or(|used| now.saturating_sub(used) >= USED_STEP_MILLIS) {
            let used = self.change(move |state, now| {
                let mut record = state.tokens.get(&id).ok_or(Refusal::NotFound("token"))?.clone();
                record.used_at = Some(now.as_millis());
                Ok((vec![Edit::Token(id, Some(record))], ()))
            });
            if let Err(error) = used.await {
                tracing::warn!(%error, "cannot remember when a token was used");
            }
        }
        let scope = record.methods.map(Into::into);
        Ok(Caller {
            scope,
            proof: crate::caller::Proof::Token,
            ..Caller::new(format!("token {}", record.description), record.role)
        })
    }
}

fn shown(id: u64, record: &records::Token) -> Token {
    Token {
        id,
        description: record.description.clone(),
        role: record.role,
        methods: record.methods.clone(),
        expires_at: record.expires_at.map(Timestamp::from_millis),
        created_at: Timestamp::from_millis(record.created_at),
        created_by: record.created_by.clone(),
        used_at: record.used_at.map(Timestamp::from_millis),
    }
}

fn check_label(description: &str) -> Result<(), Refusal> {
    if description.trim().is_empty() || description.len() > 64 {
        return Err(Refusal::Invalid("description", "must be 1 to 64 bytes".to_owned()));
    }
    check_description(Some(description))
}

fn check_end(end: Option<Timestamp>, now: Timestamp) -> Result<(), Refusal> {
    match end {
        Some(end) if end <= now => Err(Refusal::Invalid("expiresAt", "is over already".to_owned())),
        Some(_) | None => Ok(()),
    }
}

/// A method that nobody can call is a slip of the pen.
fn check_methods(methods: Option<&[String]>) -> Result<(), Refusal> {
    let Some(methods) = methods else { return Ok(()) };
    let wrong = |why: String| Err(Refusal::Invalid("methods", why));
    if methods.is_empty() || methods.len() > METHODS_MAX {
        return wrong(format!("must be 1 to {METHODS_MAX} methods, or null for all"));
    }
    for method in methods {
        let alone = Caller { scope: Some(vec![method.clone()].into()), ..Caller::new("", Role::Admin) };
        if !permissions::all().any(|(object, verb, _)| alone.is_in_scope(object, verb)) {
            return wrong(format!("there is no method {method}"));
        }
    }
    Ok(())
}

/// Nobody makes a token that may do more than the maker.
fn check_width(caller: &Caller, new: &NewToken) -> Result<(), Refusal> {
    if new.role > caller.role {
        return Err(Refusal::Forbidden(format!("{} may not give the role {}", caller.name, new.role)));
    }
    if caller.scope.is_none() {
        return Ok(());
    }
    let wanted = Caller { scope: new.methods.clone().map(Into::into), ..Caller::new("", new.role) };
    let wider = permissions::all()
        .find(|(object, verb, _)| wanted.is_in_scope(object, verb) && !caller.is_in_scope(object, verb));
    match wider {
        Some((object, verb, _)) => Err(Refusal::Forbidden(format!(
            "{} is not meant for {object}/{verb} and cannot give it away",
            caller.name
        ))),
        // What the table does not know is not given away either.
        None if new.methods.is_none() => {
            Err(Refusal::Forbidden(format!("{} is meant for some methods only", caller.name)))
        }
        None => Ok(()),
    }
}
