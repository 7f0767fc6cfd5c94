//! How much may the account hold, and how much does it? `Quota` (RFC 9425).

use serde_json::{Map, Value, json};
use wire::jmap::MethodError;

use super::arguments::Arguments;
use super::call::{Answer, Call, parse_state, state_text, unavailable};
use super::changes::cannot_calculate;
use super::get::Get;

/// The one quota that an account may have: of bytes.
const ID: &str = "octets";
const PROPERTIES: &[&str] = &[
    "id",
    "resourceType",
    "used",
    "hardLimit",
    "warnLimit",
    "softLimit",
    "scope",
    "name",
    "description",
    "types",
];

/// Answers a call about quotas.
pub(super) async fn call(call: &Call<'_>, verb: &str, arguments: Map<String, Value>) -> Answer {
    let mut arguments = Arguments::new(arguments);
    match verb {
        "get" => get(call, &mut arguments).await,
        "changes" => changes(call, &mut arguments).await,
        "query" => query(call, &mut arguments).await,
        "queryChanges" => {
            let since = arguments.needed_text("sinceQueryState")?;
            Err(cannot_calculate(&since))
        }
        _ => Err(MethodError::unknown_method(&format!("Quota/{verb}"))),
    }
}

async fn get(call: &Call<'_>, arguments: &mut Arguments) -> Answer {
    let get = Get::read(call, arguments)?;
    get.check_properties(PROPERTIES)?;
    let state = call.world.messages.open(call.address(), call.now).await.map_err(unavailable)?;
    let quota = |limit: u64| {
        json!({
            "id": ID,
            "resourceType": "octets",
            "used": state.usage,
            "hardLimit": limit,
            "warnLimit": null,
            "softLimit": null,
            "scope": "account",
            "name": call.account.name.to_string(),
            "description": null,
            "types": ["Email"],
        })
    };
    Ok(get.answer(state.modseq, call.account.quota.map(quota).into_iter().collect()))
}

/// What is used may have changed with anything.
async fn changes(call: &Call<'_>, arguments: &mut Arguments) -> Answer {
    let since = arguments.needed_text("sinceState")?;
    let before = parse_state(&since).ok_or_else(|| cannot_calculate(&since))?;
    let now = call.state().await?;
    if before > now {
        return Err(cannot_calculate(&since));
    }
    let updated: &[&str] = if before < now && call.account.quota.is_some() { &[ID] } else { &[] };
    let mut answer = Map::new();
    answer.insert("oldState".to_owned(), since.into());
    answer.insert("newState".to_owned(), state_text(now).into());
    answer.insert("hasMoreChanges".to_owned(), false.into());
    answer.insert("created".to_owned(), json!([]));
    answer.insert("updated".to_owned(), json!(updated));
    answer.insert("destroyed".to_owned(), json!([]));
    answer.insert("updatedProperties".to_owned(), json!(["used"]));
    Ok(answer)
}

async fn query(call: &Call<'_>, arguments: &mut Arguments) -> Answer {
    let total_wanted = arguments.flag("calculateTotal", false)?;
    let filter = arguments.object("filter")?;
    let holds = |(name, wanted): (&String, &Value)| match name.as_str() {
        "name" => wanted.as_str().is_some_and(|part| call.account.name.to_string().contains(part)),
        "scope" => wanted == "account",
        "resourceType" => wanted == "octets",
        "type" => wanted == "Email",
        _ => false,
    };
    let known = ["name", "scope", "resourceType", "type"];
    if filter.keys().any(|name| !known.contains(&name.as_str())) {
        return Err(MethodError::new("unsupportedFilter", "there is no such condition"));
    }
    let matches = call.account.quota.is_some() && filter.iter().all(holds);
    let ids: &[&str] = if matches { &[ID] } else { &[] };
    let mut answer = Map::new();
    answer.insert("queryState".to_owned(), state_text(call.state().await?).into());
    answer.insert("canCalculateChanges".to_owned(), false.into());
    answer.insert("position".to_owned(), 0.into());
    answer.insert("ids".to_owned(), json!(ids));
    if total_wanted {
        answer.insert("total".to_owned(), ids.len().into());
    }
    Ok(answer)
}
