//! `x:DkimKey/get` and `make`: what DNS must say about the keys that sign, whether it does, and new keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use mail::dkim::KeyRecord;
use mail::{Domain, Timestamp};
use mta::Resolver;
use mta::sign::{NewKey, generate, open};
use policy::dns::DnsError;
use policy::signing::{Signer, SigningAlgorithm, SigningKey};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::api::Api;
use crate::error::MethodError;

/// Keys whose records are looked up in one call at most.
const LOOKUPS_MAX: usize = 100;

/// Answers a call.
pub(crate) async fn call(api: &Api, verb: &str, arguments: Value) -> Result<Value, MethodError> {
    match verb {
        "get" => Ok(get(api, &arguments).await),
        "make" => make(api, &arguments).await,
        _ => Err(MethodError::unknown_method(&format!("x:DkimKey/{verb}"))),
    }
}

/// The keys in force, by the name of their `DkimSignature`; with `check`, what DNS has.
async fn get(api: &Api, arguments: &Value) -> Value {
    let configuration = api.configuration.borrow().clone();
    let name = arguments.get("name").and_then(Value::as_str);
    let check = arguments.get("check") == Some(&Value::Bool(true));
    let all = configuration.signers.values().flatten();
    let wanted: Vec<_> =
        all.filter(|signer| name.is_none_or(|name| signer.settings.name == name)).take(LOOKUPS_MAX).collect();
    let mut lookups = JoinSet::new();
    for (place, signer) in wanted.into_iter().cloned().enumerate() {
        let resolver = check.then(|| api.world.resolver.clone());
        lookups.spawn(async move {
            let found = match &resolver {
                Some(resolver) => Some(compare(resolver.as_ref(), &signer).await),
                None => None,
            };
            (place, described(&signer, found))
        });
    }
    let mut list = lookups.join_all().await;
    list.sort_by_key(|(place, _)| *place);
    let list: Vec<Value> = list.into_iter().map(|(_, key)| key).collect();
    json!({ "list": list })
}

fn described(signer: &Signer, found: Option<Result<(), String>>) -> Value {
    json!({
        "id": signer.settings.name,
        "domain": signer.settings.domain.as_str(),
        "selector": signer.settings.selector.as_str(),
        "algorithm": signer.key.algorithm().name(),
        "record": shown(&self::place(signer), &record(signer.key.as_ref())),
        "published": found.as_ref().map(Result::is_ok),
        "trouble": found.and_then(Result::err),
    })
}

/// A new key; nothing is kept of it here.
async fn make(api: &Api, arguments: &Value) -> Result<Value, MethodError> {
    let text = |name: &str| arguments.get(name).and_then(Value::as_str);
    let domain = Domain::parse(text("domain").unwrap_or_default())
        .map_err(|error| MethodError::invalid_arguments(format!("domain: {error}")))?;
    let (kind, letter) = match text("algorithm").unwrap_or("rsa") {
        "rsa" => (NewKey::Rsa2048, 'r'),
        "ed25519" => (NewKey::Ed25519, 'e'),
        other => {
            return Err(MethodError::invalid_arguments(format!("algorithm is rsa or ed25519, not {other}")));
        }
    };
    let selector = match text("selector").filter(|text| !text.is_empty()) {
        Some(selector) => selector.to_owned(),
        None => selector(api.world.clock.now(), letter),
    };
    let selector = Domain::parse(&selector)
        .map_err(|error| MethodError::invalid_arguments(format!("selector: {error}")))?;
    let made = tokio::task::spawn_blocking(move || {
        let pem = generate(kind)?;
        open(&pem).map(|key| (record(key.as_ref()), pem))
    });
    let failed = |why: String| MethodError::new("serverFail", format!("cannot make a key: {why}"));
    let (record, pem) = made.await.map_err(|error| failed(error.to_string()))?.map_err(failed)?;
    let place = format!("{selector}._domainkey.{domain}");
    Ok(json!({
        "name": format!("{domain}-{selector}"),
        "domain": domain.as_str(),
        "selector": selector.as_str(),
        "key": pem,
        "record": shown(&place, &record),
    }))
}

/// Such as `202611r`: who changes keys once a year sees at a glance how old one is.
fn selector(now: Timestamp, letter: char) -> String {
    let month: String = now.rfc3339().chars().filter(char::is_ascii_digit).take(6).collect();
    format!("{month}{letter}")
}

fn shown(name: &str, record: &KeyRecord) -> Value {
    json!({ "name": name, "type": "TXT", "value": record.to_string() })
}

fn place(signer: &Signer) -> String {
    format!("{}._domainkey.{}", signer.settings.selector, signer.settings.domain)
}

/// What DNS must say about a key.
fn record(key: &dyn SigningKey) -> KeyRecord {
    let kind = match key.algorithm() {
        SigningAlgorithm::Ed25519 => "ed25519",
        SigningAlgorithm::Rsa { .. } => "rsa",
    };
    KeyRecord { kind: kind.to_owned(), public_key: BASE64.encode(key.public_key()) }
}

/// Why a signature would not verify, if so.
async fn compare(resolver: &dyn Resolver, signer: &Signer) -> Result<(), String> {
    let records = match resolver.txt(&place(signer)).await {
        Ok(answer) => answer.records,
        Err(DnsError::NoSuchName(_) | DnsError::NoData(_)) => return Err("there is no TXT record".to_owned()),
        Err(error) => return Err(format!("cannot look it up: {error}")),
    };
    if records.len() > 1 {
        return Err(format!("there are {} TXT records; there must be one", records.len()));
    }
    let expected = record(signer.key.as_ref());
    let found =
        records.first().and_then(|text| KeyRecord::parse(text)).ok_or("the TXT record is no DKIM key")?;
    if found.public_key.is_empty() {
        return Err("the key is revoked: p= is empty".to_owned());
    }
    if found.kind != expected.kind || found.public_key != expected.public_key {
        return Err("DNS has another key than the settings".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_says_the_month_and_the_kind() {
        let now = Timestamp::parse_rfc3339("2026-11-24T15:00:00Z").unwrap();
        assert_eq!(selector(now, 'e'), "202611e");
    }

    #[test]
    fn the_record_of_a_new_key_is_the_one_that_verifiers_read() {
        for kind in [NewKey::Ed25519, NewKey::Rsa2048] {
            let key = open(&generate(kind).unwrap()).unwrap();
            let record = record(key.as_ref());
            let read = KeyRecord::parse(&record.to_string()).unwrap();
            assert_eq!(BASE64.decode(read.public_key).unwrap(), key.public_key());
        }
    }
}
