//! Reads and writes the values that an account keeps for JMAP: identities, submissions, subscriptions.

use serde::Serialize;
use serde::de::DeserializeOwned;
use store::messages::{Alteration, Altered, Kind, Refusal, Room};
use wire::jmap::{MethodError, SetError, SetErrorKind};

use super::call::{Call, unavailable};

/// A value with its name.
#[derive(Clone, Debug)]
pub(crate) struct Kept<T> {
    /// Its name.
    pub(crate) id: u64,
    /// The value.
    pub(crate) value: T,
}

/// All values of a kind, oldest first. What cannot be read, as a newer program wrote it, is passed over.
pub(crate) async fn all<T: DeserializeOwned>(
    call: &Call<'_>,
    kind: Kind,
) -> Result<Vec<Kept<T>>, MethodError> {
    let records = call.world.messages.records(call.address(), kind, None).await.map_err(unavailable)?;
    let mut kept: Vec<Kept<T>> = Vec::with_capacity(records.len());
    for record in records {
        match serde_json::from_str(&record.document) {
            Ok(value) => kept.push(Kept { id: record.id, value }),
            Err(error) => {
                tracing::warn!(?kind, id = record.id, %error, "a record of an account cannot be read")
            }
        }
    }
    kept.sort_by_key(|kept| kept.id);
    Ok(kept)
}

/// Writes a value; a new one without an id. Gives its name.
pub(crate) async fn put<T: Serialize>(
    call: &Call<'_>,
    kind: Kind,
    id: Option<u64>,
    value: &T,
) -> Result<u64, SetError> {
    let document = serde_json::to_string(value).map_err(|error| failed(error.to_string()))?;
    let altered = alter(call, Alteration::PutRecord { kind, id, document }).await?;
    match altered {
        Altered::Record(id) => Ok(id),
        _ => id.ok_or_else(|| failed("the store gave no name".to_owned())),
    }
}

/// Removes a value.
pub(crate) async fn remove(call: &Call<'_>, kind: Kind, id: u64) -> Result<(), SetError> {
    alter(call, Alteration::DestroyRecord { kind, id }).await.map(|_| ())
}

async fn alter(call: &Call<'_>, alteration: Alteration) -> Result<Altered, SetError> {
    let now = call.world.clock.now();
    let outcome = call.world.messages.alter(call.address(), vec![alteration], Room::default(), now).await;
    let outcome = outcome.map_err(|error| failed(unavailable(error).description.unwrap_or_default()))?;
    match outcome.each.into_iter().next() {
        Some(Ok(altered)) => Ok(altered),
        Some(Err(Refusal::NoRecord(_))) => Err(SetError::bare(SetErrorKind::NotFound)),
        Some(Err(Refusal::OverQuota | Refusal::TooMany(..))) => Err(SetError::bare(SetErrorKind::OverQuota)),
        Some(Err(refusal)) => Err(failed(format!("{refusal:?}"))),
        None => Err(failed("nothing was done".to_owned())),
    }
}

/// It could not be done, by no fault of the client.
pub(crate) fn failed(why: String) -> SetError {
    SetError::new(SetErrorKind::ServerFail, why)
}

/// The same for a whole call.
pub(crate) fn method_failed(error: SetError) -> MethodError {
    MethodError::new("serverFail", error.description.unwrap_or_default())
}
