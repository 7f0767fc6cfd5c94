//! Answers the calls of a request, one after the other.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use policy::settings::Account;
use serde_json::{Map, Value, json};
use wire::jmap::{Answers, Invocation, Limits, MethodError, ReferenceError, Request};

use super::call::{Answer, Call};
use super::email::VALUES_BYTES_MAX;
use super::push::courier::Pushes;
use super::{methods, session};
use crate::World;

/// The response to a request (RFC 8620 section 3.4).
pub(crate) async fn perform(
    world: &World,
    pushes: &Pushes,
    account: &Arc<Account>,
    account_id: &str,
    client: IpAddr,
    limits: &Limits,
    request: Request,
) -> Value {
    let Request { using, calls, created_ids } = request;
    let tells_created = created_ids.is_some();
    let mut created: BTreeMap<String, String> = created_ids.unwrap_or_default();
    let mut answers = Answers::new(limits);
    let mut call = Call {
        world,
        pushes,
        account,
        account_id,
        client,
        using: &using,
        created: &mut created,
        limits,
        now: world.clock.now(),
        values_left: VALUES_BYTES_MAX,
        further: Vec::new(),
    };
    for Invocation { name, arguments, call_id } in calls {
        let answer = match answers.resolve(arguments) {
            Ok(arguments) => one(&mut call, &name, arguments).await,
            Err(ReferenceError::InvalidArguments(why)) => Err(MethodError::invalid_arguments(why)),
            Err(ReferenceError::InvalidResultReference(why)) => {
                Err(MethodError::new("invalidResultReference", why))
            }
        };
        answers.push(invocation(name, answer, &call_id));
        for (name, answer) in std::mem::take(&mut call.further) {
            answers.push(invocation(name.to_owned(), answer, &call_id));
        }
    }
    let state = session::state(world, account);
    let mut response = json!({ "methodResponses": answers.into_value(), "sessionState": state });
    if tells_created {
        response["createdIds"] = json!(created);
    }
    response
}

/// One call, if the request may make it and it is about the caller's own account.
async fn one(call: &mut Call<'_>, name: &str, mut arguments: Map<String, Value>) -> Answer {
    let object = name.split_once('/').map_or(name, |(object, _)| object);
    let capability = methods::capability(object).ok_or_else(|| MethodError::unknown_method(name))?;
    if !call.using.contains(capability) {
        return Err(MethodError::new("unknownMethod", format!("{name} needs {capability} in `using`")));
    }
    if methods::is_without_account(object) {
        return methods::call(call, name, arguments).await;
    }
    match arguments.remove("accountId") {
        Some(Value::String(id)) if id == call.account_id => {}
        Some(Value::String(_)) => return Err(account_not_found()),
        None | Some(_) => return Err(MethodError::invalid_arguments("accountId must be a string")),
    }
    let mut answer = methods::call(call, name, arguments).await?;
    answer.insert("accountId".to_owned(), call.account_id.into());
    Ok(answer)
}

fn account_not_found() -> MethodError {
    MethodError::new("accountNotFound", "there is no such account")
}

fn invocation(name: String, answer: Answer, call_id: &str) -> Invocation {
    let call_id = call_id.to_owned();
    match answer {
        Ok(arguments) => Invocation { name, arguments, call_id },
        Err(error) => {
            let arguments = if let Value::Object(members) = error.arguments() { members } else { Map::new() };
            Invocation { name: "error".to_owned(), arguments, call_id }
        }
    }
}
