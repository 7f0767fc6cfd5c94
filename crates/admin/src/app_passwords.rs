//! `x:AppPassword/get`, `query` and `set`: passwords of accounts that are good for one program each, shown once.

use std::collections::BTreeSet;

use directory::Service;
use directory::app_passwords::{self, AppPassword, AppPasswordError, NewAppPassword};
use mail::{Address, Timestamp};
use policy::registry::MASK;
use serde_json::{Map, Value, json};
use store::{KeyValues, StoreError};

use crate::api::Api;
use crate::error::MethodError;
use crate::set_error::{SetError, SetErrorKind};

/// Objects in one call at most.
const OBJECTS_MAX: usize = 500;
/// Objects shown at once at most.
const SHOWN_MAX: usize = 10_000;
/// Characters of a description at most.
const DESCRIPTION_CHARS_MAX: usize = 200;

type Members = Map<String, Value>;

/// Answers a call.
pub(crate) async fn call(api: &Api, verb: &str, arguments: Value) -> Result<Value, MethodError> {
    match verb {
        "get" => get(api, &arguments).await,
        "query" => query(api, &arguments).await,
        "set" => set(api, &arguments).await,
        _ => Err(MethodError::unknown_method(&format!("x:AppPassword/{verb}"))),
    }
}

async fn get(api: &Api, arguments: &Value) -> Result<Value, MethodError> {
    let now = api.world.clock.now();
    match arguments.get("ids") {
        None | Some(Value::Null) => {
            let all = all(api, None).await?;
            Ok(json!({ "list": all.iter().map(shown).collect::<Vec<_>>(), "notFound": [] }))
        }
        Some(Value::Array(ids)) if ids.len() <= OBJECTS_MAX => {
            let (mut list, mut not_found) = (Vec::new(), Vec::new());
            for id in ids {
                match app_passwords::one(values(api), id.as_str().unwrap_or_default(), now).await {
                    Ok(Some(found)) => list.push(shown(&found)),
                    Ok(None) => not_found.push(id),
                    Err(error) => return Err(unwell(&error)),
                }
            }
            Ok(json!({ "list": list, "notFound": not_found }))
        }
        Some(_) => {
            Err(MethodError::invalid_arguments(format!("ids must be null or at most {OBJECTS_MAX} ids")))
        }
    }
}

async fn query(api: &Api, arguments: &Value) -> Result<Value, MethodError> {
    let none = Members::new();
    let filter = match arguments.get("filter") {
        None | Some(Value::Null) => &none,
        Some(Value::Object(filter)) => filter,
        Some(_) => return Err(MethodError::invalid_arguments("filter must be an object or null")),
    };
    if let Some(name) = filter.keys().find(|name| *name != "account") {
        let why = format!("there is no filter {name}; the filter is account");
        return Err(MethodError::new("unsupportedFilter", why));
    }
    let account = filter.get("account").map(|account| account.as_str().unwrap_or_default());
    let found = all(api, account).await?;
    let ids: Vec<&str> = found.iter().map(|one| one.id.as_str()).collect();
    Ok(json!({ "ids": ids, "position": 0, "total": ids.len(), "canCalculateChanges": false }))
}

async fn all(api: &Api, account: Option<&str>) -> Result<Vec<AppPassword>, MethodError> {
    let now = api.world.clock.now();
    let found = match account {
        None => app_passwords::all(values(api), SHOWN_MAX, now).await,
        Some(name) => {
            let name = Address::parse(name)
                .map_err(|error| MethodError::invalid_arguments(format!("account: {error}")))?;
            app_passwords::of_account(values(api), &owner(api, &name), now).await
        }
    };
    found.map_err(|error| unwell(&error))
}

async fn set(api: &Api, arguments: &Value) -> Result<Value, MethodError> {
    let empty = Members::new();
    let members = |name: &str| match arguments.get(name) {
        None | Some(Value::Null) => Ok(&empty),
        Some(Value::Object(members)) => Ok(members),
        Some(_) => Err(MethodError::invalid_arguments(format!("{name} must be an object"))),
    };
    let none = Vec::new();
    let destroy = match arguments.get("destroy") {
        None | Some(Value::Null) => &none,
        Some(Value::Array(ids)) => ids,
        Some(_) => return Err(MethodError::invalid_arguments("destroy must be a list of ids")),
    };
    let (create, update) = (members("create")?, members("update")?);
    if create.len().saturating_add(update.len()).saturating_add(destroy.len()) > OBJECTS_MAX {
        return Err(MethodError::new("requestTooLarge", format!("at most {OBJECTS_MAX} objects at once")));
    }
    let mut answer = Members::new();
    let mut note = |kind: &str, key: &str, value: Value| {
        let place = answer.entry(kind).or_insert_with(|| json!({}));
        if let Some(members) = place.as_object_mut() {
            members.insert(key.to_owned(), value);
        }
    };
    for (key, properties) in create {
        match created(api, properties).await {
            Ok(made) => note("created", key, made),
            Err(error) => note("notCreated", key, error.into()),
        }
    }
    for id in update.keys() {
        let why = "an app password does not change; make another one";
        note("notUpdated", id, SetError::new(SetErrorKind::Forbidden, why).into());
    }
    let mut destroyed: Vec<Value> = Vec::new();
    for id in destroy.iter().filter_map(Value::as_str) {
        match app_passwords::remove(values(api), id, api.world.clock.now()).await {
            Ok(true) => destroyed.push(id.into()),
            Ok(false) => note("notDestroyed", id, SetError::bare(SetErrorKind::NotFound).into()),
            Err(error) => note("notDestroyed", id, written(&error).into()),
        }
    }
    if !destroyed.is_empty() {
        answer.insert("destroyed".to_owned(), destroyed.into());
    }
    Ok(answer.into())
}

async fn created(api: &Api, properties: &Value) -> Result<Value, SetError> {
    let Some(given) = properties.as_object() else {
        return Err(SetError::invalid_property("account", "an object is expected"));
    };
    const KNOWN: [&str; 4] = ["account", "description", "services", "expiresAt"];
    if let Some(stray) = given.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(SetError::invalid_property(stray, "there is no such property"));
    }
    let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default().trim();
    let account = Address::parse(text("account"))
        .map_err(|error| SetError::invalid_property("account", error.to_string()))?;
    let account = known(api, &account).await?;
    let description = text("description");
    if description.is_empty() || description.chars().count() > DESCRIPTION_CHARS_MAX {
        let why = format!("must say for what it is, in at most {DESCRIPTION_CHARS_MAX} characters");
        return Err(SetError::invalid_property("description", why));
    }
    let now = api.world.clock.now();
    let expires = match given.get("expiresAt") {
        None | Some(Value::Null) => None,
        Some(end) => match end.as_str().and_then(Timestamp::parse_rfc3339).filter(|end| *end > now) {
            Some(end) => Some(end),
            None => {
                let why = "must be a time to come, such as 2027-01-01T00:00:00Z, or null";
                return Err(SetError::invalid_property("expiresAt", why));
            }
        },
    };
    let services = services(given.get("services"))?;
    let new = NewAppPassword { account, description: description.to_owned(), services, expires };
    match app_passwords::create(values(api), new, now).await {
        Ok((made, password)) => {
            let mut answer = shown(&made);
            answer["secret"] = password.into();
            Ok(answer)
        }
        Err(error @ AppPasswordError::TooMany) => {
            Err(SetError::new(SetErrorKind::OverQuota, error.to_string()))
        }
        Err(AppPasswordError::Store(error)) => Err(written(&error)),
    }
}

/// A list of names, or a set as settings have them.
fn services(given: Option<&Value>) -> Result<BTreeSet<Service>, SetError> {
    let names: Vec<&str> = match given {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(names)) => names.iter().map(|name| name.as_str().unwrap_or_default()).collect(),
        Some(Value::Object(set)) => set.keys().map(String::as_str).collect(),
        Some(_) => vec![""],
    };
    let unknown =
        || SetError::invalid_property("services", "must be some of smtp, imap, pop3, jmap; all if empty");
    names.into_iter().map(|name| Service::named(name).ok_or_else(unknown)).collect()
}

/// The name of the account that has this address, here or in a directory elsewhere.
async fn known(api: &Api, address: &Address) -> Result<Address, SetError> {
    if let Some(own) = api.configuration.borrow().account(address) {
        return Ok(own.name.clone());
    }
    match api.world.directory.account(address).await {
        directory::Known::Is(account) => Ok(account.name.clone()),
        directory::Known::Nobody => Err(SetError::invalid_property("account", "there is no such account")),
        directory::Known::NotNow => {
            Err(SetError::invalid_property("account", "its directory does not answer now"))
        }
    }
}

fn owner(api: &Api, address: &Address) -> Address {
    let configuration = api.configuration.borrow();
    configuration.account(address).map_or_else(|| address.clone(), |account| account.name.clone())
}

fn shown(of: &AppPassword) -> Value {
    let services: Vec<&str> = of.services.iter().map(|service| service.name()).collect();
    json!({
        "id": of.id,
        "account": of.account.to_string(),
        "description": of.description,
        "services": services,
        "secret": MASK,
        "createdAt": of.created.rfc3339(),
        "expiresAt": of.expires.map(Timestamp::rfc3339),
        "usedAt": of.last_used.map(Timestamp::rfc3339),
    })
}

fn values(api: &Api) -> &dyn KeyValues {
    &*api.world.store
}

fn unwell(error: &StoreError) -> MethodError {
    MethodError::new("serverUnavailable", format!("the store is unwell: {error}"))
}

fn written(error: &StoreError) -> SetError {
    SetError::new(SetErrorKind::Forbidden, format!("cannot be written down: {error}"))
}
