//! Which file answers which method?

use std::collections::BTreeMap;

use serde_json::Value;

use crate::access::permissions;
use crate::api::Api;
use crate::caller::Caller;
use crate::error::MethodError;

/// Answers a call; `method` is `x:Object/verb`, the prefix may be left out.
pub(crate) async fn call(
    _api: &Api,
    caller: &Caller,
    _created: &mut BTreeMap<String, String>,
    method: &str,
    _arguments: Value,
) -> Result<Value, MethodError> {
    let plain = method.strip_prefix("x:").unwrap_or(method);
    let (object, verb) = plain.split_once('/').ok_or_else(|| MethodError::unknown_method(method))?;
    permissions::allow(caller, object, verb)?;
    match object {
        // "QueuedMessage" | "QueueCause" | "QueueJob" => queue::call(api, caller, object, verb, arguments).await,
        _ => Err(MethodError::unknown_method(method)),
    }
}
