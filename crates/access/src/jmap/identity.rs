//! In whose name does an account send? `Identity/get`, `/changes`, `/set` (RFC 8621 section 6).
//!
//! Each address of an account is an identity from the beginning, and stays one; its owner names and signs it, and may add
//! others with the same addresses.

use mail::Address;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::messages::Kind;
use store::messages::ids::numbered;
use wire::jmap::{MethodError, SetError, SetErrorKind};

use super::arguments::Arguments;
use super::call::{Answer, Call};
use super::get::Get;
use super::own_address::{addresses, is_own};
use super::records::{self, Kept, method_failed};
use super::set::{Set, SetAnswer, not_found};
use super::{changes, patch};

/// Identities of one account at most.
const IDENTITIES_MAX: usize = 200;
/// Bytes of a name at most.
const NAME_BYTES_MAX: usize = 1_000;
/// Bytes of a signature at most.
const SIGNATURE_BYTES_MAX: usize = 64 << 10;
/// Addresses in Reply-To or Bcc at most.
const ADDRESSES_MAX: usize = 100;
const PROPERTIES: &[&str] =
    &["id", "name", "email", "replyTo", "bcc", "textSignature", "htmlSignature", "mayDelete"];

/// An identity as it is kept.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Identity {
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) email: String,
    #[serde(default)]
    pub(crate) reply_to: Value,
    #[serde(default)]
    pub(crate) bcc: Value,
    #[serde(default)]
    pub(crate) text_signature: String,
    #[serde(default)]
    pub(crate) html_signature: String,
    /// It was made by the server for an address of the account.
    #[serde(default)]
    pub(crate) given: bool,
}

/// The id of an identity.
pub(crate) fn id(number: u64) -> String {
    format!("i{number}")
}

/// Answers a call about identities.
pub(super) async fn call(call: &mut Call<'_>, verb: &str, arguments: Map<String, Value>) -> Answer {
    match verb {
        "get" => get(call, arguments).await,
        "changes" => {
            all(call).await?;
            changes::changes(call, Kind::Identity, arguments, id).await
        }
        "set" => set(call, arguments).await,
        _ => Err(MethodError::unknown_method(&format!("Identity/{verb}"))),
    }
}

/// All identities; those of new addresses are made, those of addresses that are gone go.
pub(crate) async fn all(call: &Call<'_>) -> Result<Vec<Kept<Identity>>, MethodError> {
    let mut kept: Vec<Kept<Identity>> = records::all(call, Kind::Identity).await?;
    let own = addresses(call.account);
    let mut stale = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    kept.retain(|identity| {
        let known = Address::parse(&identity.value.email).is_ok_and(|email| own.contains(&email));
        let stays = !identity.value.given || (known && seen.insert(identity.value.email.clone()));
        if !stays {
            stale.push(identity.id);
        }
        stays
    });
    for id in stale {
        records::remove(call, Kind::Identity, id).await.map_err(method_failed)?;
    }
    let name = call.account.description.clone().unwrap_or_default();
    for address in own {
        let email = address.to_string();
        if seen.contains(&email) {
            continue;
        }
        let value = Identity {
            name: name.clone(),
            email,
            reply_to: Value::Null,
            bcc: Value::Null,
            text_signature: String::new(),
            html_signature: String::new(),
            given: true,
        };
        let id = records::put(call, Kind::Identity, None, &value).await.map_err(method_failed)?;
        kept.push(Kept { id, value });
    }
    Ok(kept)
}

fn shown(identity: &Kept<Identity>) -> Value {
    let value = &identity.value;
    json!({
        "id": id(identity.id),
        "name": value.name,
        "email": value.email,
        "replyTo": value.reply_to,
        "bcc": value.bcc,
        "textSignature": value.text_signature,
        "htmlSignature": value.html_signature,
        "mayDelete": !value.given,
    })
}

async fn get(call: &Call<'_>, arguments: Map<String, Value>) -> Answer {
    let get = Get::read(call, &mut Arguments::new(arguments))?;
    get.check_properties(PROPERTIES)?;
    let list = all(call).await?;
    Ok(get.answer(call.state().await?, list.iter().map(shown).collect()))
}

async fn set(call: &mut Call<'_>, arguments: Map<String, Value>) -> Answer {
    let set = Set::read(call, &mut Arguments::new(arguments))?;
    let mut kept = all(call).await?;
    call.check_state(Kind::Identity, set.if_in_state.as_deref()).await?;
    let (old, mut answer) = (call.state().await?, SetAnswer::default());
    for (creation, object) in set.create {
        let made = create(call, &mut kept, object).await;
        answer.create(call, creation, made);
    }
    for (name, patch) in set.update {
        let name = call.meant(&name).unwrap_or(&name).to_owned();
        let changed = if set.destroy.contains(&name) {
            Err(SetError::bare(SetErrorKind::WillDestroy))
        } else {
            update(call, &mut kept, &name, patch).await
        };
        answer.update(name, changed);
    }
    for name in set.destroy {
        let name = call.meant(&name).unwrap_or(&name).to_owned();
        let gone = destroy(call, &kept, &name).await;
        answer.destroy(name, gone);
    }
    Ok(answer.into_answer(old, call.state().await?))
}

async fn create(call: &Call<'_>, kept: &mut Vec<Kept<Identity>>, object: Value) -> Result<Value, SetError> {
    if kept.len() >= IDENTITIES_MAX {
        return Err(SetError::new(SetErrorKind::OverQuota, format!("{IDENTITIES_MAX} identities at most")));
    }
    let email = object["email"].as_str().unwrap_or_default();
    let email =
        Address::parse(email).map_err(|_| SetError::invalid_property("email", "it must be an address"))?;
    let configuration = call.world.configuration.borrow().clone();
    if !is_own(&configuration, call.account, &email) {
        let text = format!("{email} is no address of this account");
        return Err(SetError::new(SetErrorKind::ForbiddenFrom, text));
    }
    let mut value = Identity {
        name: String::new(),
        email: email.to_string(),
        reply_to: Value::Null,
        bcc: Value::Null,
        text_signature: String::new(),
        html_signature: String::new(),
        given: false,
    };
    let Value::Object(members) = object else { return Err(not_found()) };
    for (property, given) in members {
        if property != "email" {
            apply(&mut value, &property, given)?;
        }
    }
    let number = records::put(call, Kind::Identity, None, &value).await?;
    kept.push(Kept { id: number, value: value.clone() });
    let mut all = shown(&Kept { id: number, value });
    // What the client has said need not be said to it.
    if let Some(members) = all.as_object_mut() {
        members.remove("email");
    }
    Ok(all)
}

async fn update(
    call: &Call<'_>,
    kept: &mut [Kept<Identity>],
    name: &str,
    given: Value,
) -> Result<Value, SetError> {
    let identity = find(kept, name).ok_or_else(not_found)?;
    let place = kept.iter().position(|one| one.id == identity.id).ok_or_else(not_found)?;
    let patched = patch::apply(&shown(&kept[place]), given)?;
    let mut value = kept[place].value.clone();
    for (property, given) in patched {
        if property == "email" && given == value.email.as_str() {
            continue;
        }
        apply(&mut value, &property, given)?;
    }
    if value != kept[place].value {
        records::put(call, Kind::Identity, Some(kept[place].id), &value).await?;
        kept[place].value = value;
    }
    Ok(Value::Null)
}

async fn destroy(call: &Call<'_>, kept: &[Kept<Identity>], name: &str) -> Result<(), SetError> {
    let identity = find(kept, name).ok_or_else(not_found)?;
    if identity.value.given {
        return Err(SetError::new(SetErrorKind::Forbidden, "it belongs to an address of the account"));
    }
    records::remove(call, Kind::Identity, identity.id).await
}

/// The identity of this id.
pub(crate) fn find<'k>(kept: &'k [Kept<Identity>], name: &str) -> Option<&'k Kept<Identity>> {
    let number = numbered(name, 'i')?;
    kept.iter().find(|one| one.id == number)
}

fn apply(identity: &mut Identity, property: &str, given: Value) -> Result<(), SetError> {
    let text = |given: &Value, most: usize| match given {
        Value::String(text) if text.len() <= most => Ok(text.clone()),
        _ => {
            Err(SetError::invalid_property(property, format!("it must be a string of {most} bytes at most")))
        }
    };
    match property {
        "name" => {
            let name = text(&given, NAME_BYTES_MAX)?;
            if name.chars().any(char::is_control) {
                return Err(SetError::invalid_property(property, "it must be one line"));
            }
            identity.name = name;
        }
        "textSignature" => identity.text_signature = text(&given, SIGNATURE_BYTES_MAX)?,
        "htmlSignature" => identity.html_signature = text(&given, SIGNATURE_BYTES_MAX)?,
        "replyTo" => identity.reply_to = address_list(property, given)?,
        "bcc" => identity.bcc = address_list(property, given)?,
        "id" | "mayDelete" | "email" => {
            return Err(SetError::invalid_property(property, "it cannot be set"));
        }
        _ => return Err(SetError::invalid_property(property, "there is no such property")),
    }
    Ok(())
}

/// A list of addresses with names, or `null` (RFC 8621 section 4.1.2.3).
fn address_list(property: &str, given: Value) -> Result<Value, SetError> {
    let is_one = |one: &Value| {
        let name = one.get("name").is_none_or(|name| name.is_null() || name.is_string());
        let email =
            one.get("email").and_then(Value::as_str).is_some_and(|email| Address::parse(email).is_ok());
        name && email
    };
    match &given {
        Value::Null => Ok(given),
        Value::Array(items) if items.len() <= ADDRESSES_MAX && items.iter().all(is_one) => Ok(given),
        _ => Err(SetError::invalid_property(property, "it must be a list of addresses")),
    }
}
