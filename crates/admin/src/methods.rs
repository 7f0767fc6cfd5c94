//! Which file answers which method?

use serde_json::Value;

use crate::api::Api;
use crate::caller::Caller;
use crate::error::MethodError;

/// Answers a call; `method` is `x:Object/verb`, the prefix may be left out.
pub(crate) async fn call(
    _api: &Api,
    _caller: &Caller,
    method: &str,
    _arguments: Value,
) -> Result<Value, MethodError> {
    let plain = method.strip_prefix("x:").unwrap_or(method);
    let (object, _verb) = plain.split_once('/').ok_or_else(|| MethodError::unknown_method(method))?;
    match object {
        // "QueuedMessage" | "QueueCause" | "QueueJob" => queue::call(api, caller, object, verb, arguments).await,
        _ => Err(MethodError::unknown_method(method)),
    }
}
