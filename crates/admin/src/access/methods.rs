//! `x:Administrator` and `x:ApiToken`: get, set, query; and links that work once.

use mail::Timestamp;
use policy::registry::Id;
use serde_json::{Map, Value, json};

use super::administrators::{AdministratorChange, NewAdministrator};
use super::tokens::{NewToken, TokenChange};
use super::{Access, Refusal};
use crate::api::Api;
use crate::caller::{Caller, Role};
use crate::error::MethodError;
use crate::set_error::{SetError, SetErrorKind};

/// Objects in one call at most.
const OBJECTS_MAX: usize = 500;

type Members = Map<String, Value>;

/// Answers a call.
pub(crate) async fn call(
    api: &Api,
    caller: &Caller,
    object: &str,
    verb: &str,
    arguments: Value,
) -> Result<Value, MethodError> {
    let access = &api.access;
    let all = || match object {
        "Administrator" => access.administrators().iter().map(administrator).collect(),
        _ => access.tokens().iter().map(token).collect(),
    };
    match (object, verb) {
        ("Administrator", "link") => link(access, caller, &arguments).await,
        ("Administrator" | "ApiToken", "get") => get(all(), &arguments),
        ("Administrator" | "ApiToken", "query") => query(all(), &arguments),
        ("Administrator", "set") | ("ApiToken", "set") => set(access, caller, object, &arguments).await,
        _ => Err(MethodError::unknown_method(&format!("{object}/{verb}"))),
    }
}

fn administrator(of: &super::administrators::Administrator) -> Value {
    json!({
        "id": Id::Number(of.id).to_string(),
        "name": of.name,
        "role": of.role,
        "description": of.description,
        "password": of.has_password.then_some(policy::registry::MASK),
        "createdAt": of.created_at.rfc3339(),
        "passwordAt": of.password_at.map(Timestamp::rfc3339),
        "loginAt": of.login_at.map(Timestamp::rfc3339),
        "sessions": of.sessions,
    })
}

fn token(of: &super::tokens::Token) -> Value {
    json!({
        "id": Id::Number(of.id).to_string(),
        "description": of.description,
        "role": of.role,
        "methods": of.methods,
        "expiresAt": of.expires_at.map(Timestamp::rfc3339),
        "createdAt": of.created_at.rfc3339(),
        "createdBy": of.created_by,
        "usedAt": of.used_at.map(Timestamp::rfc3339),
    })
}

fn get(all: Vec<Value>, arguments: &Value) -> Result<Value, MethodError> {
    let properties: Option<Vec<&str>> = match arguments.get("properties") {
        None | Some(Value::Null) => None,
        Some(Value::Array(names)) => Some(names.iter().filter_map(Value::as_str).collect()),
        Some(_) => return Err(MethodError::invalid_arguments("properties must be null or a list of names")),
    };
    let shown = |object: &Value| {
        let mut object = object.clone();
        if let (Some(wanted), Some(members)) = (&properties, object.as_object_mut()) {
            members.retain(|name, _| name == "id" || wanted.contains(&name.as_str()));
        }
        object
    };
    match arguments.get("ids") {
        None | Some(Value::Null) => {
            Ok(json!({ "list": all.iter().map(shown).collect::<Vec<_>>(), "notFound": [] }))
        }
        Some(Value::Array(ids)) if ids.len() <= OBJECTS_MAX => {
            let of = |id: &Value| all.iter().find(|object| object["id"] == *id);
            let list: Vec<Value> = ids.iter().filter_map(of).map(shown).collect();
            let not_found: Vec<&Value> = ids.iter().filter(|id| of(id).is_none()).collect();
            Ok(json!({ "list": list, "notFound": not_found }))
        }
        Some(_) => {
            Err(MethodError::invalid_arguments(format!("ids must be null or at most {OBJECTS_MAX} ids")))
        }
    }
}

fn query(all: Vec<Value>, arguments: &Value) -> Result<Value, MethodError> {
    let none = Members::new();
    let filter = match arguments.get("filter") {
        None | Some(Value::Null) => &none,
        Some(Value::Object(filter)) => filter,
        Some(_) => return Err(MethodError::invalid_arguments("filter must be an object or null")),
    };
    if let Some(name) =
        filter.keys().find(|name| !matches!(name.as_str(), "name" | "description" | "role" | "text"))
    {
        let why = format!("there is no filter {name}; filters are name, description, role, text");
        return Err(MethodError::new("unsupportedFilter", why));
    }
    let folded = |value: &Value| value.as_str().map(str::to_lowercase).unwrap_or_default();
    let takes = |object: &Value| {
        filter.iter().all(|(name, wanted)| match name.as_str() {
            "role" => object["role"] == *wanted,
            "text" => [&object["name"], &object["description"]]
                .iter()
                .any(|text| folded(text).contains(&folded(wanted))),
            name => folded(&object[name]).contains(&folded(wanted)),
        })
    };
    let mut found: Vec<&Value> = all.iter().filter(|object| takes(object)).collect();
    found.sort_by_key(|object| folded(object.get("name").unwrap_or(&object["description"])));
    let number =
        |name: &str| arguments.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let (position, limit) = (number("position").unwrap_or(0), number("limit").unwrap_or(usize::MAX));
    let ids: Vec<&Value> = found.iter().skip(position).take(limit).map(|object| &object["id"]).collect();
    Ok(json!({ "ids": ids, "position": position, "total": found.len(), "canCalculateChanges": false }))
}

/// Makes a link that sets a password once.
async fn link(access: &Access, caller: &Caller, arguments: &Value) -> Result<Value, MethodError> {
    may_make_administrators(caller)?;
    let role = match arguments.get("role") {
        None | Some(Value::Null) => Role::Admin,
        Some(role) => {
            role.as_str().and_then(Role::parse).ok_or_else(|| MethodError::invalid_arguments(ROLES))?
        }
    };
    let name = match arguments.get("name") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name.clone()),
        Some(_) => return Err(MethodError::invalid_arguments("name must be a string")),
    };
    let link = access.link(name, role).await.map_err(|refusal| match refusal {
        Refusal::Store(_) | Refusal::Ending => MethodError::new("serverUnavailable", refusal.to_string()),
        refusal => MethodError::invalid_arguments(refusal.to_string()),
    })?;
    let path = format!("/setup#{}", link.secret);
    let url = access.0.origin.get().map(|origin| format!("{origin}{path}"));
    Ok(json!({
        "secret": link.secret, "path": path, "url": url, "expiresAt": link.expires_at.rfc3339(),
    }))
}

/// Else a token that is meant for little would make an administrator who may do everything.
fn may_make_administrators(caller: &Caller) -> Result<(), MethodError> {
    match &caller.scope {
        Some(_) => {
            Err(MethodError::forbidden("a token that is meant for some methods makes no administrators"))
        }
        None => Ok(()),
    }
}

/// What became of the objects of a call.
#[derive(Default)]
struct Done {
    created: Members,
    updated: Members,
    destroyed: Vec<Value>,
    not_created: Members,
    not_updated: Members,
    not_destroyed: Members,
}

async fn set(
    access: &Access,
    caller: &Caller,
    object: &str,
    arguments: &Value,
) -> Result<Value, MethodError> {
    if object == "Administrator" {
        may_make_administrators(caller)?;
    }
    let empty = Members::new();
    let members = |name: &str| match arguments.get(name) {
        None | Some(Value::Null) => Ok(&empty),
        Some(Value::Object(members)) => Ok(members),
        Some(_) => Err(MethodError::invalid_arguments(format!("{name} must be an object"))),
    };
    let destroy = match arguments.get("destroy") {
        None | Some(Value::Null) => &Vec::new(),
        Some(Value::Array(ids)) => ids,
        Some(_) => return Err(MethodError::invalid_arguments("destroy must be a list of ids")),
    };
    let (create, update) = (members("create")?, members("update")?);
    if create.len().saturating_add(update.len()).saturating_add(destroy.len()) > OBJECTS_MAX {
        return Err(MethodError::new("requestTooLarge", format!("at most {OBJECTS_MAX} objects at once")));
    }
    let mut done = Done::default();
    for (key, properties) in create {
        match created(access, caller, object, properties).await {
            Ok(answer) => done.created.insert(key.clone(), answer),
            Err(error) => done.not_created.insert(key.clone(), error.into()),
        };
    }
    for (id, patch) in update {
        let going = destroy.iter().any(|gone| gone.as_str() == Some(id));
        match if going {
            Err(SetError::bare(SetErrorKind::WillDestroy))
        } else {
            updated(access, object, id, patch).await
        } {
            Ok(()) => done.updated.insert(id.clone(), Value::Null),
            Err(error) => done.not_updated.insert(id.clone(), error.into()),
        };
    }
    for id in destroy.iter().filter_map(Value::as_str) {
        match destroyed(access, object, id).await {
            Ok(()) => done.destroyed.push(id.into()),
            Err(error) => {
                done.not_destroyed.insert(id.to_owned(), error.into());
            }
        }
    }
    Ok(answer(done))
}

fn answer(done: Done) -> Value {
    let mut answer = Members::new();
    for (name, members) in [
        ("created", done.created),
        ("updated", done.updated),
        ("notCreated", done.not_created),
        ("notUpdated", done.not_updated),
        ("notDestroyed", done.not_destroyed),
    ] {
        if !members.is_empty() {
            answer.insert(name.to_owned(), members.into());
        }
    }
    if !done.destroyed.is_empty() {
        answer.insert("destroyed".to_owned(), done.destroyed.into());
    }
    answer.into()
}

async fn created(
    access: &Access,
    caller: &Caller,
    object: &str,
    properties: &Value,
) -> Result<Value, SetError> {
    let mut properties = Properties::of(properties)?;
    if object == "Administrator" {
        let new = NewAdministrator {
            name: properties.required("name")?,
            role: properties.role()?.ok_or_else(|| SetError::invalid_property("role", ROLES))?,
            description: properties.text("description")?.flatten(),
            password: properties.text("password")?.flatten(),
        };
        properties.end()?;
        let id = access.add_administrator(new).await.map_err(set_error)?;
        return Ok(json!({ "id": Id::Number(id).to_string() }));
    }
    let new = NewToken {
        description: properties.required("description")?,
        role: properties.role()?.ok_or_else(|| SetError::invalid_property("role", ROLES))?,
        methods: properties.methods()?,
        expires_at: properties.time("expiresAt")?.flatten(),
    };
    properties.end()?;
    let (id, secret) = access.add_token(caller, new).await.map_err(set_error)?;
    Ok(json!({ "id": Id::Number(id).to_string(), "secret": secret }))
}

async fn updated(access: &Access, object: &str, id: &str, patch: &Value) -> Result<(), SetError> {
    let id = number(id)?;
    let mut properties = Properties::of(patch)?;
    if object == "Administrator" {
        let change = AdministratorChange {
            name: properties.text("name")?.map(|name| name.unwrap_or_default()),
            role: properties.role()?,
            description: properties.text("description")?,
            // The mask is what was shown: it means that the password stays.
            password: properties.text("password")?.flatten().filter(|text| text != policy::registry::MASK),
        };
        properties.end()?;
        return access.change_administrator(id, change).await.map_err(set_error);
    }
    let change = TokenChange {
        description: properties.text("description")?.map(|text| text.unwrap_or_default()),
        expires_at: properties.time("expiresAt")?,
    };
    for fixed in ["role", "methods"] {
        if properties.0.contains_key(fixed) {
            return Err(SetError::invalid_property(fixed, "cannot be changed; make another token"));
        }
    }
    properties.end()?;
    access.change_token(id, change).await.map_err(set_error)
}

async fn destroyed(access: &Access, object: &str, id: &str) -> Result<(), SetError> {
    let id = number(id)?;
    match object {
        "Administrator" => access.remove_administrator(id).await,
        _ => access.remove_token(id).await,
    }
    .map_err(set_error)
}

fn number(id: &str) -> Result<u64, SetError> {
    match id.parse() {
        Ok(Id::Number(number)) => Ok(number),
        Ok(Id::Singleton) | Err(_) => Err(SetError::bare(SetErrorKind::NotFound)),
    }
}

fn set_error(refusal: Refusal) -> SetError {
    let text = refusal.to_string();
    match refusal {
        Refusal::Invalid(property, why) => SetError::invalid_property(property, why),
        Refusal::Taken(id) => {
            let id = id.parse().map(|number| Id::Number(number).to_string()).unwrap_or(id);
            SetError::new(SetErrorKind::PrimaryKeyViolation, text).with("existingId", id)
        }
        Refusal::NotFound(_) => SetError::bare(SetErrorKind::NotFound),
        Refusal::Forbidden(_) | Refusal::Unknown(_) => SetError::new(SetErrorKind::Forbidden, text),
        Refusal::TooMany(_) => SetError::new(SetErrorKind::OverQuota, text),
        Refusal::NotNow(_) => SetError::new(SetErrorKind::RateLimit, text),
        Refusal::Store(_) | Refusal::Ending => SetError::new(SetErrorKind::ServerFail, text),
    }
}

const ROLES: &str = "must be viewer, operator, router or admin";

/// What was written, taken out piece by piece; what is left in the end is unknown.
struct Properties(Members);

impl Properties {
    fn of(value: &Value) -> Result<Self, SetError> {
        match value {
            Value::Object(members) => Ok(Properties(members.clone())),
            _ => Err(SetError::new(SetErrorKind::InvalidProperties, "must be an object")),
        }
    }

    fn text(&mut self, name: &str) -> Result<Option<Option<String>>, SetError> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(Value::String(text)) => Ok(Some(Some(text))),
            Some(_) => Err(SetError::invalid_property(name, "must be a string")),
        }
    }

    fn required(&mut self, name: &str) -> Result<String, SetError> {
        self.text(name)?.flatten().ok_or_else(|| SetError::invalid_property(name, "is needed"))
    }

    fn role(&mut self) -> Result<Option<Role>, SetError> {
        match self.text("role")? {
            None => Ok(None),
            Some(name) => {
                let role = name.as_deref().and_then(Role::parse);
                role.map(Some).ok_or_else(|| SetError::invalid_property("role", ROLES))
            }
        }
    }

    fn time(&mut self, name: &str) -> Result<Option<Option<Timestamp>>, SetError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let parsed = text.as_deref().map(|text| {
            let at = Timestamp::parse_rfc3339(text);
            at.ok_or_else(|| SetError::invalid_property(name, "must be a time (RFC 3339) or null"))
        });
        Ok(Some(parsed.transpose()?))
    }

    /// A list as such, or in the form `{"0": …}`, or as a set.
    fn methods(&mut self) -> Result<Option<Vec<String>>, SetError> {
        let wrong = || SetError::invalid_property("methods", "must be null or a list of methods");
        let texts = match self.0.remove("methods") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(methods)) => methods,
            Some(Value::Object(members)) => members
                .into_iter()
                .map(|(name, value)| if value == Value::Bool(true) { Value::String(name) } else { value })
                .collect(),
            Some(_) => return Err(wrong()),
        };
        let texts = texts.into_iter().map(|text| text.as_str().map(str::to_owned));
        texts.collect::<Option<Vec<String>>>().map(Some).ok_or_else(wrong)
    }

    fn end(self) -> Result<(), SetError> {
        let Some(name) = self.0.keys().next() else { return Ok(()) };
        const SERVER_SET: &[&str] =
            &["id", "createdAt", "createdBy", "passwordAt", "loginAt", "usedAt", "sessions", "secret"];
        let why = if SERVER_SET.contains(&name.as_str()) { "is set by the server" } else { "is unknown" };
        Err(SetError::invalid_property(name, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    // proves: L9
    #[tokio::test]
    async fn a_token_that_is_meant_for_some_methods_makes_no_administrators() {
        let access = Access::open(&testing::world(), Vec::new()).await.unwrap();
        let admin = Caller::new("alice", Role::Admin);
        let scoped = Caller { scope: Some(["Administrator/*".to_owned()].into()), ..admin.clone() };
        let new = json!({ "create": { "a": { "name": "eve", "role": "admin" } } });
        assert!(link(&access, &scoped, &json!({})).await.is_err());
        assert!(set(&access, &scoped, "Administrator", &new).await.is_err());
        assert!(link(&access, &admin, &json!({})).await.is_ok());
    }
}
