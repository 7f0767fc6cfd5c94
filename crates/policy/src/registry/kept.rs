//! May a secret that nobody has given again go where the object now sends it?
//!
//! Whoever may change a route may not read its password. They could, if the password that is kept followed them to a
//! host of theirs, or in the clear.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Change, Document, MASK, SetError, SetErrorKind};
use crate::settings::ObjectType;

/// What protects a secret on its way, and the value with which it does.
const RELAY_GUARDS: [(&str, bool); 4] = [
    ("implicitTls", true),
    ("requireTls", true),
    ("allowInvalidCerts", false),
    ("allowPlaintextAuth", false),
];

impl Change {
    /// The property for which the object's secrets now go to another place, or go there less protected.
    pub fn exposes(&self) -> Option<&'static str> {
        exposes(self.kind, self.before.as_deref()?, self.after.as_deref()?)
    }
}

/// Refuses a change that sends a kept secret elsewhere. `written` has the mask where a secret is kept.
pub(super) fn refuse(
    kind: ObjectType,
    before: &Document,
    written: &Document,
    after: &Document,
) -> Result<(), SetError> {
    let kept: Vec<String> =
        written.iter().filter(|(_, value)| is_kept(value)).map(|(n, _)| n.clone()).collect();
    let (Some(property), Some(first)) = (exposes(kind, before, after), kept.first()) else { return Ok(()) };
    let message = format!(
        "{first}: give the secret again, since with another {property} it goes to another place or is less \
         protected on its way; what is kept stays with what it was given for"
    );
    Err(SetError { properties: kept, ..SetError::new(SetErrorKind::InvalidProperties, message) })
}

fn is_kept(value: &Value) -> bool {
    value.get("secret").and_then(Value::as_str) == Some(MASK)
}

fn exposes(kind: ObjectType, before: &Document, after: &Document) -> Option<&'static str> {
    match kind {
        ObjectType::Route => relay(before, after),
        ObjectType::LookupStore => database(before, after),
        ObjectType::Directory => ldap(before, after),
        ObjectType::WebHook => differs("url", before, after),
        _ => None,
    }
}

fn relay(before: &Document, after: &Document) -> Option<&'static str> {
    let known = places(before);
    let is_new = |place: &(&'static str, String)| !known.iter().any(|(_, one)| *one == place.1);
    if let Some((property, _)) = places(after).into_iter().find(is_new) {
        return Some(property);
    }
    let lowered = |(name, guard): &(&'static str, bool)| {
        before.get(*name) == Some(&Value::Bool(*guard)) && after.get(*name) != Some(&Value::Bool(*guard))
    };
    RELAY_GUARDS.iter().find(|guard| lowered(guard)).map(|(name, _)| *name)
}

/// Where a relay's mail may go, each with the property that says so.
fn places(document: &Document) -> BTreeSet<(&'static str, String)> {
    let value = |name: &str| document.get(name).unwrap_or(&Value::Null);
    let (port, lookup) = (value("port"), value("lookup"));
    let mut places = BTreeSet::new();
    if let Value::String(address) = value("address") {
        places.insert(("address or port", format!("{lookup} {address} {port}")));
    }
    for one in value("addresses").as_object().into_iter().flat_map(|list| list.values()) {
        let (address, own) = (one["address"].as_str().unwrap_or_default(), &one["port"]);
        let port = if own.is_null() { port } else { own };
        places.insert(("addresses", format!("{lookup} {address} {port}")));
    }
    if let Value::String(socket) = value("socket") {
        places.insert(("socket", format!("unix {socket}")));
    }
    places
}

fn database(before: &Document, after: &Document) -> Option<&'static str> {
    let place = differs("host", before, after).or_else(|| differs("port", before, after));
    let tls = differs("tls", before, after).filter(|_| after.get("tls") != Some(&Value::from("require")));
    let certificates = differs("allowInvalidCerts", before, after)
        .filter(|name| after.get(*name) == Some(&Value::Bool(true)));
    place.or(tls).or(certificates)
}

fn ldap(before: &Document, after: &Document) -> Option<&'static str> {
    let tls = differs("startTls", before, after).filter(|name| after.get(*name) != Some(&Value::Bool(true)));
    let certificates = differs("allowInvalidCerts", before, after)
        .filter(|name| after.get(*name) == Some(&Value::Bool(true)));
    differs("url", before, after).or(tls).or(certificates)
}

fn differs(name: &'static str, before: &Document, after: &Document) -> Option<&'static str> {
    (before.get(name) != after.get(name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{CreationIds, Registry, Secrets, SetRequest};
    use super::*;

    fn example() -> Registry {
        let secret = json!({"@type": "Value", "secret": "hunter2"});
        let text = json!({
            "MtaRoute": [{
                "@type": "Relay", "name": "r", "address": "a.example", "requireTls": true, "implicitTls": true,
                "port": 465, "addresses": [{"address": "b.example"}], "authUsername": "u", "authSecret": secret,
            }],
            "StoreLookup": [{
                "@type": "PostgreSql", "name": "db", "host": "db.example", "database": "d", "authUsername": "u",
                "authSecret": secret,
            }],
            "WebHook": [{"name": "w", "url": "https://a.example/", "secret": secret}],
        });
        Registry::from_document(&text.to_string()).unwrap()
    }

    fn refused(registry: &Registry, kind: ObjectType, name: &str, patch: &Value) -> Option<SetError> {
        let id = registry.named(kind, name).unwrap().to_string();
        let request = SetRequest { update: vec![(id, patch.clone())], ..SetRequest::default() };
        let outcome = registry.set(kind, &request, &mut CreationIds::new(), &|text| text.to_owned());
        outcome.not_updated.into_iter().next().map(|(_, error)| error)
    }

    #[test]
    fn a_kept_secret_does_not_follow_to_another_place_or_into_the_clear() {
        let masked = json!({"@type": "Value", "secret": "****"});
        let table = [
            (ObjectType::Route, "r", json!({"address": "evil.example"})),
            (ObjectType::Route, "r", json!({"address": "evil.example", "authSecret": masked})),
            (ObjectType::Route, "r", json!({"address": "evil.example", "authSecret/secret": "****"})),
            (ObjectType::Route, "r", json!({"port": 2525})),
            (ObjectType::Route, "r", json!({"lookup": "mx"})),
            (ObjectType::Route, "r", json!({"addresses/1": {"address": "evil.example"}})),
            (ObjectType::Route, "r", json!({"addresses/0/port": 2525})),
            (ObjectType::Route, "r", json!({"address": null, "addresses": [], "socket": "/tmp/evil"})),
            (ObjectType::Route, "r", json!({"implicitTls": false})),
            (ObjectType::Route, "r", json!({"requireTls": false})),
            (ObjectType::Route, "r", json!({"allowInvalidCerts": true})),
            (ObjectType::Route, "r", json!({"allowPlaintextAuth": true})),
            (ObjectType::LookupStore, "db", json!({"host": "evil.example"})),
            (ObjectType::LookupStore, "db", json!({"tls": "disable"})),
            (ObjectType::LookupStore, "db", json!({"allowInvalidCerts": true})),
            (ObjectType::WebHook, "w", json!({"url": "https://evil.example/"})),
        ];
        for (kind, name, patch) in table {
            let error =
                refused(&example(), kind, name, &patch).unwrap_or_else(|| panic!("{patch} is refused"));
            let property = if kind == ObjectType::WebHook { "secret" } else { "authSecret" };
            assert_eq!(
                (error.kind, error.properties),
                (SetErrorKind::InvalidProperties, vec![property.to_owned()])
            );
            assert!(error.description.contains("give the secret again"), "{}", error.description);
        }
    }

    #[test]
    fn what_sends_the_secret_nowhere_new_or_gives_it_again_is_taken() {
        let given = json!({"@type": "Value", "secret": "hunter2"});
        let table = [
            (ObjectType::Route, "r", json!({"address": "new.example", "authSecret": given})),
            (ObjectType::Route, "r", json!({"address": "new.example", "authSecret/secret": "another"})),
            (ObjectType::Route, "r", json!({"address": "new.example", "authSecret": {"@type": "None"}})),
            (ObjectType::Route, "r", json!({"addresses": []})),
            (ObjectType::Route, "r", json!({"addresses/0/weight": 7, "authUsername": "v"})),
            (ObjectType::LookupStore, "db", json!({"timeout": 5})),
            (ObjectType::WebHook, "w", json!({"enable": false})),
        ];
        for (kind, name, patch) in table {
            assert_eq!(refused(&example(), kind, name, &patch), None, "{patch}");
        }
    }

    #[test]
    fn a_masked_document_does_not_lead_a_secret_elsewhere() {
        let (registry, whole) = (example(), example().to_document(Secrets::Masked).to_string());
        assert_eq!(registry.replaced_by(&whole).unwrap(), registry);
        let errors = registry.replaced_by(&whole.replace("a.example", "evil.example")).unwrap_err();
        let about: Vec<_> =
            errors.iter().map(|error| (error.object.as_str(), error.property.as_str())).collect();
        assert_eq!(about, [("MtaRoute r", "authSecret"), ("WebHook w", "secret")]);
    }
}
