//! What has changed since a state (RFC 8620 section 5.2)?

use serde_json::{Map, Value, json};
use store::messages::{Changes, Kind};
use wire::jmap::MethodError;

use super::arguments::{Arguments, wrong};
use super::call::{Answer, Call, parse_state, state_text, unavailable};

/// Ids in one answer at most, if the client does not ask for fewer.
const CHANGES_MAX: u64 = 5_000;

/// Answers `/changes` of a kind; `id` says how its ids look.
pub(crate) async fn changes(
    call: &Call<'_>,
    kind: Kind,
    arguments: Map<String, Value>,
    id: impl Fn(u64) -> String,
) -> Answer {
    changes_of(call, kind, &mut Arguments::new(arguments), id).await
}

/// Likewise, if the arguments have been looked at.
pub(crate) async fn changes_of(
    call: &Call<'_>,
    kind: Kind,
    arguments: &mut Arguments,
    id: impl Fn(u64) -> String,
) -> Answer {
    let (since, changes) = since(call, kind, arguments).await?;
    Ok(answer(&since, &changes, id))
}

/// What has changed since the state that the arguments name, which is given too.
pub(crate) async fn since(
    call: &Call<'_>,
    kind: Kind,
    arguments: &mut Arguments,
) -> Result<(String, Changes), MethodError> {
    let since = arguments.needed_text("sinceState")?;
    let most = arguments.unsigned("maxChanges")?;
    if most == Some(0) {
        return Err(wrong("maxChanges must be greater than 0"));
    }
    let most = usize::try_from(most.unwrap_or(CHANGES_MAX).min(CHANGES_MAX)).unwrap_or(usize::MAX);
    let state = parse_state(&since).ok_or_else(|| cannot_calculate(&since))?;
    // Whoever names a state that is yet to come has it from a store that was put back.
    if state > call.state().await? {
        return Err(cannot_calculate(&since));
    }
    let changes =
        call.world.messages.changes(call.address(), kind, state, most).await.map_err(unavailable)?;
    let changes = changes.ok_or_else(|| cannot_calculate(&since))?;
    Ok((since, changes))
}

/// The answer of a `/changes`.
pub(crate) fn answer(since: &str, changes: &Changes, id: impl Fn(u64) -> String) -> Map<String, Value> {
    let ids = |of: &[u64]| Value::from(of.iter().map(|of| id(*of)).collect::<Vec<_>>());
    let members = json!({
        "oldState": since,
        "newState": state_text(changes.state),
        "hasMoreChanges": changes.more,
        "created": ids(&changes.created),
        "updated": ids(&changes.updated),
        "destroyed": ids(&changes.destroyed),
    });
    if let Value::Object(members) = members { members } else { Map::new() }
}

/// The state is too old, or none of ours: the client has to fetch everything.
pub(crate) fn cannot_calculate(since: &str) -> MethodError {
    MethodError::new("cannotCalculateChanges", format!("the state {since} is no longer known"))
}
