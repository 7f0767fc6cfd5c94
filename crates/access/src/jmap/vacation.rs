//! What is said for somebody who is away? `VacationResponse` (RFC 8621 section 8).

use mail::Timestamp;
use policy::vacation::Vacation;
use serde_json::{Map, Value, json};
use store::messages::Kind;
use wire::jmap::{MethodError, SetError, SetErrorKind};

use super::arguments::Arguments;
use super::call::{Answer, Call, unavailable};
use super::get::Get;
use super::patch;
use super::records::{self, Kept, failed};
use super::set::{Set, SetAnswer, not_found};

/// The id of the only one.
const ID: &str = "singleton";
/// Bytes of the subject at most.
const SUBJECT_BYTES_MAX: usize = 1_000;
/// Bytes of a text at most.
const BODY_BYTES_MAX: usize = 64 << 10;
const PROPERTIES: &[&str] = &["id", "isEnabled", "fromDate", "toDate", "subject", "textBody", "htmlBody"];

/// Answers a call about the vacation response.
pub(super) async fn call(call: &mut Call<'_>, verb: &str, arguments: Map<String, Value>) -> Answer {
    match verb {
        "get" => get(call, arguments).await,
        "set" => set(call, arguments).await,
        _ => Err(MethodError::unknown_method(&format!("VacationResponse/{verb}"))),
    }
}

async fn get(call: &Call<'_>, arguments: Map<String, Value>) -> Answer {
    let get = Get::read(call, &mut Arguments::new(arguments))?;
    get.check_properties(PROPERTIES)?;
    let vacation = call.world.outbox.vacation(call.account).await.map_err(unavailable)?;
    Ok(get.answer(call.state().await?, vec![shown(&vacation)]))
}

fn shown(vacation: &Vacation) -> Value {
    let date = |at: Option<Timestamp>| at.map(Timestamp::rfc3339);
    json!({
        "id": ID,
        "isEnabled": vacation.enabled,
        "fromDate": date(vacation.from),
        "toDate": date(vacation.to),
        "subject": vacation.subject,
        "textBody": vacation.text,
        "htmlBody": vacation.html,
    })
}

async fn set(call: &mut Call<'_>, arguments: Map<String, Value>) -> Answer {
    let set = Set::read(call, &mut Arguments::new(arguments))?;
    call.check_state(Kind::Vacation, set.if_in_state.as_deref()).await?;
    let (old, mut answer) = (call.state().await?, SetAnswer::default());
    for (creation, _) in set.create {
        answer.create(call, creation, Err(SetError::bare(SetErrorKind::Singleton)));
    }
    for (name, patch) in set.update {
        let changed = if name == ID { update(call, patch).await } else { Err(not_found()) };
        answer.update(name, changed.map(|()| Value::Null));
    }
    for name in set.destroy {
        let kind = if name == ID { SetErrorKind::Singleton } else { SetErrorKind::NotFound };
        answer.destroy(name, Err(SetError::bare(kind)));
    }
    Ok(answer.into_answer(old, call.state().await?))
}

/// The answer is changed first: the record only tells clients that it has changed.
async fn update(call: &Call<'_>, given: Value) -> Result<(), SetError> {
    let outbox = &call.world.outbox;
    let before = outbox.vacation(call.account).await.map_err(|error| failed(error.to_string()))?;
    let mut vacation = before.clone();
    for (property, value) in patch::apply(&shown(&before), given)? {
        apply(&mut vacation, &property, value)?;
    }
    if vacation == before {
        return Ok(());
    }
    outbox.answer_for(call.account, &vacation).await.map_err(|error| failed(error.to_string()))?;
    let kept: Vec<Kept<Value>> = records::all(call, Kind::Vacation)
        .await
        .map_err(|error| failed(error.description.unwrap_or_default()))?;
    let id = kept.first().map(|kept| kept.id);
    records::put(call, Kind::Vacation, id, &shown(&vacation)).await.map(|_| ())
}

fn apply(vacation: &mut Vacation, property: &str, given: Value) -> Result<(), SetError> {
    let wrong = |why: &str| SetError::invalid_property(property, why);
    let text = |given: Value, most: usize| match given {
        Value::Null => Ok(None),
        Value::String(text) if text.len() <= most => Ok(Some(text)),
        _ => Err(wrong(&format!("it must be null or a string of {most} bytes at most"))),
    };
    let date = |given: Value| match &given {
        Value::Null => Ok(None),
        Value::String(text) => {
            Timestamp::parse_rfc3339(text).map(Some).ok_or_else(|| wrong("it must be a UTC date"))
        }
        _ => Err(wrong("it must be null or a UTC date")),
    };
    match property {
        "isEnabled" => vacation.enabled = given.as_bool().ok_or_else(|| wrong("it must be true or false"))?,
        "fromDate" => vacation.from = date(given)?,
        "toDate" => vacation.to = date(given)?,
        "subject" => {
            vacation.subject = text(given, SUBJECT_BYTES_MAX)?;
            if vacation.subject.as_ref().is_some_and(|text| text.chars().any(char::is_control)) {
                return Err(wrong("it must be one line"));
            }
        }
        "textBody" => vacation.text = text(given, BODY_BYTES_MAX)?,
        "htmlBody" => vacation.html = text(given, BODY_BYTES_MAX)?,
        "id" if given == ID => {}
        _ => return Err(wrong("there is no such property")),
    }
    Ok(())
}
