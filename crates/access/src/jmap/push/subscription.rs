//! `PushSubscription/get` and `/set` (RFC 8620 sections 7.2.1 and 7.2.2).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use mail::{Address, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::StoreError;
use wire::jmap::{MethodError, SetError, SetErrorKind};

use super::super::arguments::{Arguments, wrong};
use super::super::call::{Answer, Call, unavailable};
use super::super::get::Get;
use super::super::patch;
use super::super::records::failed;
use super::super::set::{Set, SetAnswer, not_found};
use super::changes::Types;
use super::courier;
use super::encrypt::{Keys, PUBLIC_KEY_BYTES, SECRET_BYTES};
use crate::World;

/// The space of the store that holds them: the account's name, a zero, the id.
pub(super) const SPACE: &str = "jmap-push";
/// How long one lives at most; its client renews it.
const LIFE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Subscriptions of one account at most.
const EACH_MAX: usize = 20;
/// Bytes of a URL at most.
const URL_BYTES_MAX: usize = 2_000;
/// Bytes of the name of a client at most.
const DEVICE_BYTES_MAX: usize = 256;
const PROPERTIES: &[&str] = &["id", "deviceClientId", "verificationCode", "expires", "types"];

/// A subscription as it is kept.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subscription {
    pub(super) id: String,
    device: String,
    pub(super) url: String,
    /// `p256dh` and `auth`, if what is told is encrypted.
    keys: Option<(String, String)>,
    /// What the client has to say to show that the URL is its own.
    pub(super) code: String,
    pub(super) verified: bool,
    expires: u64,
    types: Option<Vec<String>>,
}

impl Subscription {
    /// Of what it tells.
    pub(super) fn types(&self) -> Types {
        Types::of(self.types.clone())
    }

    /// When it ends.
    pub(super) fn expires(&self) -> Timestamp {
        Timestamp::from_millis(self.expires)
    }

    /// What its body is encrypted with.
    pub(super) fn keys(&self) -> Option<Keys> {
        let (public, secret) = self.keys.as_ref()?;
        Some(Keys { public: decoded(public)?, secret: decoded(secret)? })
    }

    fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "deviceClientId": self.device,
            "verificationCode": self.verified.then_some(&self.code),
            "expires": self.expires().rfc3339(),
            "types": self.types,
        })
    }
}

/// Both forms of base64url are about.
fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

fn key(account: &Address, id: &str) -> Vec<u8> {
    format!("{account}\0{id}").into_bytes()
}

/// The subscriptions of an account.
pub(super) async fn of(world: &World, account: &Address) -> Result<Vec<Subscription>, StoreError> {
    let start = key(account, "");
    let rows = world.values.scan(SPACE, Some(&start), EACH_MAX, world.clock.now()).await?;
    let own = rows.iter().take_while(|(key, _)| key.starts_with(&start));
    Ok(own.filter_map(|(_, value)| serde_json::from_slice(value).ok()).collect())
}

/// Writes one.
async fn put(world: &World, account: &Address, one: &Subscription) -> Result<(), SetError> {
    let value = serde_json::to_vec(one).map_err(|error| failed(error.to_string()))?;
    let (key, now) = (key(account, &one.id), world.clock.now());
    let written = world.values.put(SPACE, &key, value.into(), Some(one.expires()), now).await;
    written.map_err(|error| failed(error.to_string()))
}

/// Removes one.
pub(super) async fn remove(world: &World, account: &Address, id: &str) -> Result<(), StoreError> {
    world.values.remove(SPACE, &key(account, id), world.clock.now()).await
}

/// Answers a call about subscriptions.
pub(crate) async fn call(call: &mut Call<'_>, verb: &str, arguments: Map<String, Value>) -> Answer {
    match verb {
        "get" => get(call, arguments).await,
        "set" => set(call, arguments).await,
        _ => Err(MethodError::unknown_method(&format!("PushSubscription/{verb}"))),
    }
}

async fn get(call: &Call<'_>, arguments: Map<String, Value>) -> Answer {
    let get = Get::read(call, &mut Arguments::new(arguments))?;
    // What could be used to push in our place is not given out again.
    let secret = ["url", "keys"];
    if get.properties.iter().flatten().any(|name| secret.contains(&name.as_str())) {
        return Err(MethodError::forbidden("url and keys cannot be read"));
    }
    get.check_properties(PROPERTIES)?;
    let all = of(call.world, call.address()).await.map_err(unavailable)?;
    let mut answer = get.answer(mail::ModSeq(0), all.iter().map(Subscription::shown).collect());
    answer.remove("state");
    Ok(answer)
}

async fn set(call: &mut Call<'_>, arguments: Map<String, Value>) -> Answer {
    let set = Set::read(call, &mut Arguments::new(arguments))?;
    if set.if_in_state.is_some() {
        return Err(wrong("subscriptions have no state"));
    }
    let mut answer = SetAnswer::default();
    for (creation, object) in set.create {
        let made = create(call, &object).await;
        answer.create(call, creation, made);
    }
    for (name, patch) in set.update {
        let name = call.meant(&name).unwrap_or(&name).to_owned();
        let changed = update(call, &name, patch).await;
        answer.update(name, changed);
    }
    for name in set.destroy {
        let name = call.meant(&name).unwrap_or(&name).to_owned();
        let gone = destroy(call, &name).await;
        answer.destroy(name, gone);
    }
    let mut answer = answer.into_answer(mail::ModSeq(0), mail::ModSeq(0));
    answer.remove("oldState");
    answer.remove("newState");
    Ok(answer)
}

async fn create(call: &Call<'_>, object: &Value) -> Result<Value, SetError> {
    let known = ["deviceClientId", "url", "keys", "expires", "types"];
    let names = object.as_object().into_iter().flat_map(|members| members.keys());
    if let Some(name) = names.into_iter().find(|name| !known.contains(&name.as_str())) {
        return Err(SetError::invalid_property(name, "it cannot be set"));
    }
    let all = of(call.world, call.address()).await.map_err(|error| failed(error.to_string()))?;
    if all.len() >= EACH_MAX {
        return Err(SetError::new(SetErrorKind::OverQuota, format!("{EACH_MAX} subscriptions at most")));
    }
    let device = object["deviceClientId"].as_str().filter(|text| text.len() <= DEVICE_BYTES_MAX);
    let device = device.ok_or_else(|| SetError::invalid_property("deviceClientId", "it must be a string"))?;
    let url = object["url"].as_str().filter(|url| url.len() <= URL_BYTES_MAX && url.starts_with("https://"));
    let url = url.ok_or_else(|| SetError::invalid_property("url", "it must be an https URL"))?;
    let one = Subscription {
        id: random(12)?,
        device: device.to_owned(),
        url: url.to_owned(),
        keys: keys(&object["keys"])?,
        code: random(24)?,
        verified: false,
        expires: expires(call, &object["expires"])?,
        types: types(&object["types"])?,
    };
    put(call.world, call.address(), &one).await?;
    let code = json!({
        "@type": "PushVerification",
        "pushSubscriptionId": one.id,
        "verificationCode": one.code,
    });
    call.pushes.verify(call.world, one.clone(), code);
    Ok(json!({ "id": one.id, "expires": one.expires().rfc3339(), "keys": null }))
}

async fn update(call: &Call<'_>, name: &str, given: Value) -> Result<Value, SetError> {
    let all = of(call.world, call.address()).await.map_err(|error| failed(error.to_string()))?;
    let mut one = all.into_iter().find(|one| one.id == name).ok_or_else(not_found)?;
    let mut more = Map::new();
    for (property, value) in patch::apply(&one.shown(), given)? {
        match property.as_str() {
            "verificationCode" if value == one.code.as_str() => one.verified = true,
            "verificationCode" => {
                return Err(SetError::invalid_property(
                    "verificationCode",
                    "it is not the one that was sent",
                ));
            }
            "expires" => {
                one.expires = expires(call, &value)?;
                more.insert(property, one.expires().rfc3339().into());
            }
            "types" => one.types = types(&value)?,
            _ => return Err(SetError::invalid_property(&property, "it cannot be changed")),
        }
    }
    put(call.world, call.address(), &one).await?;
    if one.verified {
        call.pushes.begin(call.world, Arc::clone(call.account));
    }
    Ok(if more.is_empty() { Value::Null } else { more.into() })
}

async fn destroy(call: &Call<'_>, name: &str) -> Result<(), SetError> {
    let all = of(call.world, call.address()).await.map_err(|error| failed(error.to_string()))?;
    all.iter().find(|one| one.id == name).ok_or_else(not_found)?;
    remove(call.world, call.address(), name).await.map_err(|error| failed(error.to_string()))
}

fn keys(given: &Value) -> Result<Option<(String, String)>, SetError> {
    if given.is_null() {
        return Ok(None);
    }
    let part = |name: &str, length: usize| {
        let text = given[name].as_str().filter(|text| decoded(text).is_some_and(|key| key.len() == length));
        let why =
            || SetError::invalid_property("keys", format!("{name} must be {length} bytes in base64url"));
        text.map(str::to_owned).ok_or_else(why)
    };
    Ok(Some((part("p256dh", PUBLIC_KEY_BYTES)?, part("auth", SECRET_BYTES)?)))
}

fn expires(call: &Call<'_>, given: &Value) -> Result<u64, SetError> {
    let now = call.world.clock.now();
    let latest = now.plus(LIFE_MAX);
    let asked = match given {
        Value::Null => latest,
        Value::String(text) => Timestamp::parse_rfc3339(text)
            .filter(|at| *at > now)
            .ok_or_else(|| SetError::invalid_property("expires", "it must be a UTC date to come"))?,
        _ => return Err(SetError::invalid_property("expires", "it must be a UTC date to come")),
    };
    Ok(asked.min(latest).as_millis())
}

fn types(given: &Value) -> Result<Option<Vec<String>>, SetError> {
    let wrong = || SetError::invalid_property("types", "it must be null or an array of strings");
    match given {
        Value::Null => Ok(None),
        Value::Array(items) if items.len() <= 100 => {
            let text = |item: &Value| item.as_str().map(str::to_owned).ok_or_else(wrong);
            items.iter().map(text).collect::<Result<_, _>>().map(Some)
        }
        _ => Err(wrong()),
    }
}

fn random(bytes: usize) -> Result<String, SetError> {
    let mut chance = vec![0; bytes];
    rand::fill(&mut chance).map_err(|_| failed("the system has no randomness".to_owned()))?;
    // An id may not begin with a sign (RFC 8620 section 1.2).
    Ok(format!("p{}", URL_SAFE_NO_PAD.encode(chance)))
}

/// The accounts that have subscriptions, and may have missed something.
pub(super) async fn accounts(world: &World) -> Result<Vec<Address>, StoreError> {
    let (mut after, mut found): (Option<bytes::Bytes>, Vec<Address>) = (None, Vec::new());
    loop {
        let page = world.values.scan(SPACE, after.as_deref(), courier::PAGE, world.clock.now()).await?;
        let Some((last, _)) = page.last() else { return Ok(found) };
        after = Some(last.clone());
        for (key, _) in &page {
            let name = key.split(|byte| *byte == 0).next().and_then(|name| std::str::from_utf8(name).ok());
            if let Some(account) = name.and_then(|name| Address::parse(name).ok())
                && found.last() != Some(&account)
            {
                found.push(account);
            }
        }
    }
}
