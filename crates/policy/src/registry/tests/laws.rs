//! Laws that hold for whatever is asked.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{example, set};
use crate::registry::{ObjectReference, Registry, Secrets, SetOutcome};
use crate::settings::ObjectType;

fn kinds() -> impl Strategy<Value = ObjectType> {
    prop::sample::select(ObjectType::all().collect::<Vec<_>>())
}

/// Texts that mean something somewhere, and others.
fn words() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "Mx",
        "Relay",
        "Local",
        "Value",
        "None",
        "Custom",
        "Ttl",
        "a",
        "b",
        "c",
        "singleton",
        "mx",
        "relay",
        "****",
        "'mx'",
        "true",
        "rcpt",
        "#x",
        "example.org",
        "ann@example.org",
        "10.0.0.1",
        "",
        "0",
    ];
    prop_oneof![4 => prop::sample::select(KNOWN).prop_map(str::to_owned), 1 => ".{0,12}"]
}

fn names() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "@type",
        "name",
        "description",
        "port",
        "address",
        "addresses",
        "authSecret",
        "authSecret/secret",
        "authSecret/@type",
        "retry",
        "retry/intervals/0",
        "retry/intervals/0/duration",
        "key",
        "key/mx",
        "match",
        "match/0/if",
        "else",
        "route",
        "route/match/0",
        "route/else",
        "queueId",
        "rate/count",
        "secret",
        "expiry",
        "sourceIps/0/sourceIp",
        "id",
    ];
    prop_oneof![6 => prop::sample::select(KNOWN).prop_map(str::to_owned), 1 => "[a-z/~0-9]{0,12}"]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5i64..70_000).prop_map(Value::from),
        words().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn requests() -> impl Strategy<Value = Value> {
    let members = || prop::collection::btree_map(names(), values(), 0..6);
    let ids = || prop::sample::select(&["a", "b", "c", "d", "singleton", "#x", "zz"][..]);
    (
        prop::collection::btree_map("[xy]", members(), 0..2),
        prop::collection::btree_map(ids(), members(), 0..3),
        prop::collection::vec(ids(), 0..2),
    )
        .prop_map(|(create, update, destroy)| json!({"create": create, "update": update, "destroy": destroy}))
}

fn refused(outcome: &SetOutcome) -> usize {
    outcome.not_created.len() + outcome.not_updated.len() + outcome.not_destroyed.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_change_is_done_or_refused_and_what_is_done_can_be_read(kind in kinds(), request in requests()) {
        let before = example();
        let outcome = set(&before, kind, request.clone());
        let done = outcome.created.len() + outcome.updated.len() + outcome.destroyed.len();
        let asked = ["create", "update"].iter().map(|part| request[part].as_object().unwrap().len()).sum::<usize>();
        prop_assert_eq!(done + refused(&outcome), asked + request["destroy"].as_array().unwrap().len());
        if done == 0 {
            prop_assert_eq!(&outcome.registry, &before, "a refused change changes nothing");
        }
        prop_assert!(outcome.registry.settings().is_ok(), "{:?}", outcome.registry.settings().err());
        // The changes lead from one to the other.
        let mut replayed = before.clone();
        for change in &outcome.changes {
            match &change.after {
                Some(document) => replayed.put(change.kind, change.id, document.clone()),
                None => drop(replayed.remove(change.kind, change.id)),
            }
        }
        prop_assert_eq!(&replayed.objects, &outcome.registry.objects);
        // Writing back what is read changes nothing.
        for (_, id) in &outcome.created {
            // What is made may be destroyed by the same request.
            let Some(shown) = outcome.registry.get(kind, id, None) else {
                prop_assert!(!outcome.destroyed.is_empty(), "{id:?} was made, and is not there");
                continue;
            };
            let again = set(&outcome.registry, kind, json!({"update": {id: shown}}));
            prop_assert!(again.is_whole() && again.changes.is_empty(), "{:?}", again.not_updated);
        }
    }

    #[test]
    fn an_export_is_the_whole(kind in kinds(), request in requests()) {
        let registry = set(&example(), kind, request).registry;
        let shown = registry.to_document(Secrets::Shown).to_string();
        let read = Registry::from_document(&shown).unwrap();
        prop_assert_eq!(read.settings().is_ok(), true);
        prop_assert_eq!(&registry.replaced_by(&shown).unwrap(), &registry);
        let masked = registry.to_document(Secrets::Masked).to_string();
        prop_assert!(!masked.contains("hunter2"));
        prop_assert_eq!(&registry.replaced_by(&masked).unwrap(), &registry, "a masked import keeps secrets");
    }

    #[test]
    fn equal_registries_do_not_differ_and_others_do(kind in kinds(), request in requests()) {
        let before = example();
        prop_assert!(before.diff(&before.clone()).is_empty());
        let outcome = set(&before, kind, request);
        let differences = before.diff(&outcome.registry);
        prop_assert_eq!(differences.is_empty(), outcome.registry.objects == before.objects);
        for difference in &differences {
            prop_assert!(!difference.sentence.contains("hunter2"), "{}", difference.sentence);
        }
    }

    #[test]
    fn nothing_that_is_needed_is_destroyed(kind in kinds(), request in requests()) {
        let outcome = set(&example(), kind, request);
        for (kind, id, _) in outcome.registry.objects() {
            for ObjectReference { kind, id } in outcome.registry.linked(kind, id) {
                prop_assert!(outcome.registry.document(kind, id).is_some());
            }
        }
    }
}
