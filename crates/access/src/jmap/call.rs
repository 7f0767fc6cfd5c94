//! What a method is given besides its arguments, and what it may answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use mail::{Address, ModSeq, Timestamp};
use policy::settings::Account;
use serde_json::{Map, Value};
use store::StoreError;
use store::messages::Kind;
use wire::jmap::{Limits, MethodError};

use super::push::courier::Pushes;
use crate::World;

/// What a method answers: its arguments, or why not.
pub(crate) type Answer = Result<Map<String, Value>, MethodError>;

/// One call of a method.
pub(crate) struct Call<'a> {
    /// All that is asked of the outside.
    pub(crate) world: &'a World,
    /// Who tells push services.
    pub(crate) pushes: &'a Pushes,
    /// Whose mail it is about; the caller's own.
    pub(crate) account: &'a Arc<Account>,
    /// The id by which the caller knows it.
    pub(crate) account_id: &'a str,
    /// The address of the caller's device.
    pub(crate) client: IpAddr,
    /// Capabilities of the request.
    pub(crate) using: &'a BTreeSet<String>,
    /// What was created in this request so far, by creation id.
    pub(crate) created: &'a mut BTreeMap<String, String>,
    /// How much may be asked.
    pub(crate) limits: &'a Limits,
    /// When the request came.
    pub(crate) now: Timestamp,
    /// Bytes of texts of messages that the answers of the request may still have.
    pub(crate) values_left: usize,
    /// Answers that follow this one under the same call id, by name (RFC 8620 section 5.4, RFC 8621 section 7.5).
    pub(crate) further: Vec<(&'static str, Answer)>,
}

impl Call<'_> {
    /// The name under which the store has the account.
    pub(crate) fn address(&self) -> &Address {
        &self.account.name
    }

    /// What an id of an object means that may be one which this request has created: `#` and a creation id (RFC 8620
    /// section 5.3). `None` if nothing was created by it.
    pub(crate) fn meant<'t>(&'t self, id: &'t str) -> Option<&'t str> {
        match id.strip_prefix('#') {
            Some(creation) => self.created.get(creation).map(String::as_str),
            None => Some(id),
        }
    }

    /// The state of all objects of the account.
    pub(crate) async fn state(&self) -> Result<ModSeq, MethodError> {
        Ok(self.world.messages.open(self.address(), self.now).await.map_err(unavailable)?.modseq)
    }

    /// Refuses if objects of this kind have changed since the state that the client goes by (RFC 8620 section 5.3).
    pub(crate) async fn check_state(&self, kind: Kind, if_in_state: Option<&str>) -> Result<(), MethodError> {
        let Some(state) = if_in_state else { return Ok(()) };
        let mismatch = || MethodError::new("stateMismatch", format!("the state is not {state}"));
        let since = parse_state(state).ok_or_else(mismatch)?;
        let changes =
            self.world.messages.changes(self.address(), kind, since, 1).await.map_err(unavailable)?;
        let is_same = changes.is_some_and(|changes| {
            changes.created.is_empty() && changes.updated.is_empty() && changes.destroyed.is_empty()
        });
        if is_same { Ok(()) } else { Err(mismatch()) }
    }
}

/// The text of a state.
pub(crate) fn state_text(state: ModSeq) -> String {
    state.to_string()
}

/// A state that was given out before.
pub(crate) fn parse_state(text: &str) -> Option<ModSeq> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok().map(ModSeq)).flatten()
}

/// The store does not answer now; the log says why.
pub(crate) fn unavailable(error: StoreError) -> MethodError {
    tracing::error!(%error, "cannot answer a JMAP client");
    MethodError::new("serverUnavailable", "the message store does not answer; try again later")
}
