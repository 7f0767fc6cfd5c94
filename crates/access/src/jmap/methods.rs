//! Which file answers a method, and which capability opens it?

use serde_json::{Map, Value};
use wire::jmap::{CORE, MethodError};

use super::call::{Answer, Call};
use super::{blob, email, identity, mailbox, push, quota, snippet, submission, thread, vacation};

/// Mail (RFC 8621 section 1.3.1).
pub(crate) const MAIL: &str = "urn:ietf:params:jmap:mail";

/// Sending (RFC 8621 section 1.3.2).
pub(crate) const SUBMISSION: &str = "urn:ietf:params:jmap:submission";
/// Automatic answers (RFC 8621 section 1.3.3).
pub(crate) const VACATION: &str = "urn:ietf:params:jmap:vacationresponse";
/// Quotas (RFC 9425 section 2).
pub(crate) const QUOTA: &str = "urn:ietf:params:jmap:quota";

/// Requests over a WebSocket (RFC 8887 section 3).
pub(crate) const WEBSOCKET: &str = "urn:ietf:params:jmap:websocket";

/// The capability that opens the methods of an object; `None` if there is no such object.
pub(crate) fn capability(object: &str) -> Option<&'static str> {
    Some(match object {
        "Core" | "Blob" => CORE,
        "Mailbox" | "Thread" | "Email" | "SearchSnippet" => MAIL,
        "Identity" | "EmailSubmission" => SUBMISSION,
        "VacationResponse" => VACATION,
        "Quota" => QUOTA,
        "PushSubscription" => CORE,
        _ => return None,
    })
}

/// Whether the methods of an object are about no account (RFC 8620 sections 4 and 7.2).
pub(crate) fn is_without_account(object: &str) -> bool {
    matches!(object, "Core" | "PushSubscription")
}

/// Answers one call.
pub(crate) async fn call(call: &mut Call<'_>, method: &str, arguments: Map<String, Value>) -> Answer {
    let (object, verb) = method.split_once('/').ok_or_else(|| MethodError::unknown_method(method))?;
    match object {
        "Core" if verb == "echo" => Ok(arguments),
        "Blob" => blob::call(call, verb, arguments).await,
        "Mailbox" => mailbox::call(call, verb, arguments).await,
        "Email" => email::call(call, verb, arguments).await,
        "SearchSnippet" => snippet::call(call, verb, arguments).await,
        "Thread" => thread::call(call, verb, arguments).await,
        "Identity" => identity::call(call, verb, arguments).await,
        "EmailSubmission" => submission::call(call, verb, arguments).await,
        "VacationResponse" => vacation::call(call, verb, arguments).await,
        "Quota" => quota::call(call, verb, arguments).await,
        "PushSubscription" => push::call(call, verb, arguments).await,
        _ => Err(MethodError::unknown_method(method)),
    }
}
