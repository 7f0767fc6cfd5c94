//! Which file answers which method?

use policy::registry::CreationIds;
use policy::settings::ObjectType;
use serde_json::Value;

use crate::access::{self, permissions};
use crate::actions;
use crate::api::Api;
use crate::app_passwords;
use crate::audit::{self, Act};
use crate::caller::Caller;
use crate::dkim;
use crate::error::MethodError;
use crate::settings::{objects, revisions, whole};
use crate::{explain, expressions, history, queue, route_test, statistics, webhooks};

/// The ids of what earlier calls of the same request created, by creation id.
pub(crate) type Created = CreationIds;

type Answer = Result<Value, MethodError>;

/// Answers a call, if the caller may make it; `method` is `x:Object/verb`, the prefix may be left out. What changes
/// something, and what is refused, is in the audit log before the answer is given.
pub(crate) async fn call(
    api: &Api,
    caller: &Caller,
    created: &mut Created,
    method: &str,
    arguments: Value,
) -> Answer {
    let plain = method.strip_prefix("x:").unwrap_or(method);
    let (object, verb) = plain.split_once('/').ok_or_else(|| MethodError::unknown_method(method))?;
    if let Err(refusal) = permissions::allow(caller, object, verb) {
        let objects = audit::objects(object, &arguments, None);
        let summary = refusal.description.clone().unwrap_or_default();
        api.audit.record_refusal(Act { objects, summary, ..Act::of(caller, method, "refused") }).await;
        // A method that nobody knows is not one that somebody else may call.
        let is_known = permissions::least(object, verb).is_some();
        return Err(if is_known { refusal } else { MethodError::unknown_method(method) });
    }
    if !audit::changes(verb, &arguments) {
        return dispatch(api, caller, created, (object, verb), arguments).await;
    }
    let owned = (api.clone(), caller.clone(), created.clone(), method.to_owned());
    match api.tasks.spawn(changing(owned, arguments)).await {
        Ok((answer, then_created)) => {
            *created = then_created;
            answer
        }
        Err(error) => {
            tracing::error!(method, %error, "a method has panicked");
            Err(MethodError::new("serverFail", "something went wrong here; the log says more"))
        }
    }
}

/// Runs to its end, whether anybody still waits for it or not.
async fn changing(
    (api, caller, mut created, method): (Api, Caller, Created, String),
    arguments: Value,
) -> (Answer, Created) {
    let plain = method.strip_prefix("x:").unwrap_or(&method);
    let (object, verb) = plain.split_once('/').unwrap_or((plain, ""));
    let answer = dispatch(&api, &caller, &mut created, (object, verb), arguments.clone()).await;
    let act = Act {
        objects: audit::objects(object, &arguments, answer.as_ref().ok()),
        summary: audit::summary(&arguments, &answer),
        ..Act::of(&caller, &method, audit::outcome(&answer))
    };
    api.audit.record(act).await;
    (answer, created)
}

async fn dispatch(
    api: &Api,
    caller: &Caller,
    created: &mut Created,
    (object, verb): (&str, &str),
    arguments: Value,
) -> Answer {
    match object {
        "Administrator" | "ApiToken" => access::call(api, caller, object, verb, arguments).await,
        "AppPassword" => app_passwords::call(api, verb, arguments).await,
        "MessageHistory" => history::call(api, verb, arguments).await,
        "WebHookState" => webhooks::call(api, verb, arguments).await,
        "Statistics" => statistics::call(api, verb, arguments).await,
        "AuditEntry" => audit::call(api, caller, object, verb, arguments).await,
        "Expression" => expressions::call(api, verb, &arguments),
        "Explanation" => explain::call(api, caller, verb, arguments).await,
        "DkimKey" => dkim::call(api, verb, arguments).await,
        "QueuedMessage" | "QueueCause" | "QueueJob" | "Pause" | "NextHop" => {
            queue::call(api, caller, object, verb, arguments).await
        }
        "RouteTest" => route_test::call(api, caller, object, verb, arguments).await,
        "Action" => actions::call(api, caller, verb, arguments).await,
        "Settings" => whole::call(api, caller, created, verb, arguments).await,
        "Revision" => revisions::call(api, caller, verb, arguments).await,
        _ => match ObjectType::named(object).filter(|kind| kind.name() == object) {
            Some(kind) => objects::call(api, caller, created, kind, verb, arguments).await,
            None => Err(MethodError::unknown_method(&format!("{object}/{verb}"))),
        },
    }
}
