//! Of which types have objects changed since a state? `StateChange` (RFC 8620 section 7.1).

use std::collections::BTreeSet;

use mail::{Address, ModSeq};
use serde_json::{Map, Value, json};
use store::StoreError;
use store::messages::Kind;

use super::super::account_id::account_id;
use super::super::call::state_text;
use crate::World;

/// The types of which changes are told, and of which things they are made.
const TYPES: [(&str, Kind); 7] = [
    ("Mailbox", Kind::Mailbox),
    ("Email", Kind::Email),
    ("Thread", Kind::Thread),
    ("EmailDelivery", Kind::Email),
    ("Identity", Kind::Identity),
    ("EmailSubmission", Kind::Submission),
    ("VacationResponse", Kind::Vacation),
];

/// Which types a client wants to hear of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Types {
    /// All.
    All,
    /// These.
    These(BTreeSet<String>),
}

impl Types {
    /// From a list of names, or all if there is none.
    pub(crate) fn of(names: Option<Vec<String>>) -> Self {
        names.map_or(Types::All, |names| Types::These(names.into_iter().collect()))
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Types::All => true,
            Types::These(names) => names.contains(name),
        }
    }
}

/// The changes of an account after `since`, up to `now`; none if no type that is wanted has changed.
pub(crate) async fn changed(
    world: &World,
    account: &Address,
    since: ModSeq,
    now: ModSeq,
    types: &Types,
) -> Result<Option<Value>, StoreError> {
    let mut states = Map::new();
    for (name, kind) in TYPES {
        if types.has(name) && has_changed(world, account, since, (name, kind)).await? {
            states.insert(name.to_owned(), state_text(now).into());
        }
    }
    let mut of_account = Map::new();
    of_account.insert(account_id(account), states.clone().into());
    let told = || json!({ "@type": "StateChange", "changed": of_account });
    Ok((!states.is_empty()).then(told))
}

async fn has_changed(
    world: &World,
    account: &Address,
    since: ModSeq,
    (name, kind): (&str, Kind),
) -> Result<bool, StoreError> {
    let limit = if name == "EmailDelivery" { 100 } else { 1 };
    let changes = world.messages.changes(account, kind, since, limit).await?;
    // What is forgotten may have been anything.
    Ok(changes.is_none_or(|changes| {
        let other = !changes.updated.is_empty() || !changes.destroyed.is_empty();
        !changes.created.is_empty() || (name != "EmailDelivery" && other)
    }))
}
