//! Changes of settings objects, as clients ask for them.

use serde_json::{Value, json};

use super::*;
use crate::settings::Settings;

mod laws;

fn hash(password: &str) -> String {
    format!("$argon2id$v=19${}", password.len())
}

fn set(registry: &Registry, kind: ObjectType, arguments: Value) -> SetOutcome {
    let request = SetRequest::from_arguments(&arguments).unwrap();
    registry.set(kind, &request, &mut CreationIds::new(), &hash)
}

/// A registry with a route `relay` (id c), a store `db` and an account.
fn example() -> Registry {
    let text = json!({
        "MtaRoute": [{
            "@type": "Relay", "name": "relay", "address": "Relay.Example.ORG", "authUsername": "me",
            "authSecret": {"@type": "Value", "secret": "hunter2"},
        }],
        "StoreLookup": [{"@type": "Memory", "name": "db"}],
        "Domain": [{"name": "Example.org"}],
        "Account": [{"name": "Ann@example.org", "secret": "plain"}],
    });
    Registry::from_document(&text.to_string()).unwrap()
}

fn object(registry: &Registry, kind: ObjectType, id: &str) -> Value {
    Value::Object(registry.get(kind, id, None).unwrap())
}

/// The first refusal of an outcome, as answers have it.
fn refusal(outcome: &SetOutcome) -> Value {
    let all = outcome.not_created.iter().chain(&outcome.not_updated).chain(&outcome.not_destroyed);
    all.map(|(_, error)| error.json()).next().expect("something is refused")
}

#[test]
fn the_fresh_objects_are_those_of_the_settings() {
    let without_ids = |mut settings: Settings| {
        settings.inbound_throttles.iter_mut().for_each(|throttle| throttle.id.clear());
        settings
    };
    let fresh = Registry::fresh();
    assert_eq!(without_ids(fresh.settings().unwrap()), without_ids(Settings::fresh()));
    assert_eq!(fresh.ids(ObjectType::VirtualQueue).len(), 4);
    assert_eq!(object(&fresh, ObjectType::VirtualQueue, "b")["name"], "remote");
    assert_eq!(object(&fresh, ObjectType::Schedule, "a")["queueId"], "a");
    let again = Registry::from_document(&fresh.to_document(Secrets::Shown).to_string()).unwrap();
    assert_eq!(again, fresh);
}

#[test]
fn an_object_is_shown_whole_and_without_its_secrets() {
    let shown = object(&example(), ObjectType::Route, "c");
    assert_eq!(shown["authSecret"], json!({"@type": "Value", "secret": "****"}));
    assert_eq!(shown["address"], "relay.example.org");
    assert_eq!(shown["port"], 25);
    assert_eq!(shown["socket"], Value::Null);
    assert_eq!(shown["addresses"], json!({}));
    assert_eq!(shown.as_object().unwrap().keys().next().unwrap(), "id");
    let schedule = object(&example(), ObjectType::Schedule, "c");
    assert_eq!(schedule["retry"]["intervals"]["3"], json!({"duration": 7_200_000}));
    assert_eq!(schedule["expiry"], json!({"@type": "Attempts", "maxAttempts": 10}));
    let names = ["@type".to_owned(), "name".to_owned()];
    let part = example().get(ObjectType::Route, "c", Some(&names)).unwrap();
    assert_eq!(Value::Object(part), json!({"id": "c", "@type": "Relay", "name": "relay"}));
    assert!(!example().to_document(Secrets::Masked).to_string().contains("hunter2"));
}

#[test]
fn objects_are_created_with_their_defaults_and_never_twice() {
    let outcome = set(
        &example(),
        ObjectType::Route,
        json!({"create": {"r1": {"@type": "Mx", "name": "  mx2 "}, "r2": {"@type": "Local", "name": "mx"}}}),
    );
    assert_eq!(outcome.created, [("r1".to_owned(), "d".to_owned())]);
    let created = object(&outcome.registry, ObjectType::Route, "d");
    assert_eq!(
        created,
        json!({
            "id": "d", "@type": "Mx", "name": "mx2", "description": null, "ipLookupStrategy": "v4ThenV6",
            "maxMxHosts": 5, "maxMultihomed": 2,
        })
    );
    let error = refusal(&outcome);
    assert_eq!(error["type"], "primaryKeyViolation");
    assert_eq!(error["objectId"], json!({"object": "MtaRoute", "id": "a"}));
    let gone = set(&outcome.registry, ObjectType::Route, json!({"destroy": ["d"]})).registry;
    let next = set(&gone, ObjectType::Route, json!({"create": {"x": {"@type": "Local", "name": "y"}}}));
    assert_eq!(next.created[0].1, "e", "ids are not given again");
}

// proves: J9
#[test]
fn what_is_wrong_is_refused_with_its_place() {
    let before = example();
    for (value, kind, path) in [
        (json!({"name": "x"}), "invalidProperties", ""),
        (json!({"@type": "Rely", "name": "x"}), "invalidProperties", ""),
        (json!({"@type": "Relay", "name": "x", "address": "a.b", "prot": 1}), "invalidProperties", "prot"),
        (json!({"@type": "Relay", "name": "x", "address": "a.b", "id": "c"}), "invalidProperties", "id"),
        (json!({"@type": "Relay", "name": "x", "address": "a.b", "port": "25"}), "invalidProperties", "port"),
        (json!({"@type": "Relay", "name": "x", "address": "a.b", "port": 70000}), "validationFailed", "port"),
        (json!({"@type": "Relay", "name": "x", "address": "a.b", "port": -1}), "validationFailed", "port"),
        (json!({"@type": "Relay", "name": "x", "address": "a.b", "port": 1.5}), "invalidProperties", "port"),
        (json!({"@type": "Relay", "name": "x", "address": "a b"}), "validationFailed", "address"),
        (
            json!({"@type": "Relay", "name": "x", "address": "a.b", "protocol": "smpt"}),
            "validationFailed",
            "protocol",
        ),
        (json!({"@type": "Mx", "name": "x", "maxMxHosts": 0}), "validationFailed", "maxMxHosts"),
        (json!({"@type": "Mx", "name": ""}), "validationFailed", "name"),
        (json!({"@type": "Mx"}), "validationFailed", "name"),
        (json!({"@type": "Mx", "name": ["x"]}), "invalidProperties", "name"),
        (
            json!({"@type": "Relay", "name": "x", "address": "a.b", "authSecret": {"@type": "Value"}}),
            "validationFailed",
            "authSecret/secret",
        ),
        (
            json!({"@type": "Relay", "name": "x", "address": "a.b", "authSecret": {"@type": "Value", "secret": "****"}}),
            "validationFailed",
            "authSecret/secret",
        ),
        (
            json!({"@type": "Relay", "name": "x", "addresses": {"0": {"address": "a.b", "weight": 70000}}}),
            "validationFailed",
            "addresses/0/weight",
        ),
        (json!("text"), "invalidProperties", ""),
        (json!({"@type": "Mx", "name": "x".repeat(70_000)}), "validationFailed", "name"),
    ] {
        let outcome = set(&before, ObjectType::Route, json!({"create": {"x": value.clone()}}));
        let error = refusal(&outcome);
        let place = error["properties"][0].as_str().unwrap_or_default();
        assert_eq!((error["type"].as_str().unwrap(), place), (kind, path), "{value}: {error}");
        assert_eq!(outcome.registry, before, "{value}");
        assert!(outcome.changes.is_empty(), "{value}");
    }
}

#[test]
fn pointers_reach_into_lists_sets_variants_and_secrets() {
    let registry = example();
    let update = |kind, id: &str, patch: Value| {
        let outcome = set(&registry, kind, json!({"update": {id: patch}}));
        assert!(outcome.is_whole(), "{:?}", outcome.not_updated);
        object(&outcome.registry, kind, id)
    };
    let schedule = update(
        ObjectType::Schedule,
        "c",
        json!({"retry/intervals/0/duration": 60000, "retry/intervals/2": null, "retry/intervals/4/duration": 1000}),
    );
    let waits: Vec<u64> = schedule["retry"]["intervals"]
        .as_object()
        .unwrap()
        .values()
        .map(|interval| interval["duration"].as_u64().unwrap())
        .collect();
    assert_eq!(waits, [60_000, 1_800_000, 7_200_000, 1000]);
    let custom = update(ObjectType::Schedule, "a", json!({"retry": {"@type": "Custom", "intervals": [{}]}}));
    assert_eq!(custom["retry"]["intervals"], json!({"0": {"duration": 3_600_000}}));
    let attempts =
        update(ObjectType::Schedule, "a", json!({"expiry/@type": "Attempts", "expiry/maxAttempts": 3}));
    assert_eq!(attempts["expiry"], json!({"@type": "Attempts", "maxAttempts": 3}));
    let key = update(ObjectType::InboundThrottle, "b", json!({"key/listener": true, "key/rcpt": null}));
    assert_eq!(key["key"], json!({"listener": true, "senderDomain": true}));
    let route =
        update(ObjectType::Route, "c", json!({"authSecret/secret": "new", "port": 587, "description": null}));
    assert_eq!(route["authSecret"]["secret"], "****");
    let strategy = update(
        ObjectType::Outbound,
        "singleton",
        json!({"route/match/1": {"if": "rcpt_domain == 'a'", "then": "'relay'"}, "route/else": "'relay'"}),
    );
    assert_eq!(strategy["route"]["match"]["1"]["then"], "'relay'");
    assert_eq!(strategy["route"]["else"], "'relay'");
}

#[test]
fn paths_that_lead_nowhere_are_refused() {
    for (kind, id, patch, error_kind) in [
        (ObjectType::Schedule, "c", json!({"retry/intervals/9/duration": 1000}), "invalidPatch"),
        (
            ObjectType::Schedule,
            "c",
            json!({"retry": {"@type": "Default"}, "retry/intervals/0": null}),
            "invalidPatch",
        ),
        (ObjectType::Schedule, "a", json!({"retry/intervals/0/duration": 1000}), "invalidProperties"),
        (ObjectType::Schedule, "a", json!({"name/x": 1}), "invalidPatch"),
        (ObjectType::Schedule, "a", json!({"name": "other"}), "invalidProperties"),
        (ObjectType::Schedule, "a", json!({"queueId": "z"}), "invalidForeignKey"),
        (ObjectType::Schedule, "a", json!({"queueId": null}), "validationFailed"),
        (ObjectType::Schedule, "z", json!({}), "notFound"),
        (ObjectType::InboundThrottle, "b", json!({"key/listener": 1}), "invalidPatch"),
        (ObjectType::InboundThrottle, "b", json!({"key/listner": true}), "validationFailed"),
        (ObjectType::Route, "a", json!({"authSecret/secret": "x"}), "invalidProperties"),
        (ObjectType::Route, "a", json!({"@type": "Relais"}), "invalidProperties"),
        (ObjectType::Route, "a", json!({"id": "b"}), "invalidProperties"),
        (ObjectType::Outbound, "singleton", json!({"route/match/0/when": "1"}), "invalidPatch"),
        (ObjectType::Outbound, "a", json!({}), "notFound"),
    ] {
        let outcome = set(&example(), kind, json!({"update": {id: patch.clone()}}));
        assert_eq!(refusal(&outcome)["type"], error_kind, "{patch}: {}", refusal(&outcome));
        assert_eq!(outcome.registry, example());
    }
}

#[test]
fn another_variant_begins_with_its_defaults_and_keeps_the_name() {
    let outcome =
        set(&example(), ObjectType::Route, json!({"update": {"c": {"@type": "Mx", "maxMxHosts": 9}}}));
    assert!(outcome.is_whole());
    let route = object(&outcome.registry, ObjectType::Route, "c");
    assert_eq!((&route["name"], &route["maxMxHosts"], route.get("port")), (&json!("relay"), &json!(9), None));
    let same =
        set(&example(), ObjectType::Route, json!({"update": {"c": {"@type": "Relay", "name": "relay"}}}));
    assert!(same.is_whole() && same.changes.is_empty());
}

// proves: L6, 5.17 secrets
#[test]
fn writing_the_mask_keeps_the_secret() {
    let before = example();
    let shown = object(&before, ObjectType::Route, "c");
    let outcome = set(&before, ObjectType::Route, json!({"update": {"c": shown}}));
    assert!(outcome.is_whole() && outcome.changes.is_empty(), "{:?}", outcome.not_updated);
    let import = before.replaced_by(&before.to_document(Secrets::Masked).to_string()).unwrap();
    assert_eq!(import, before);
    let account = set(&before, ObjectType::Account, json!({"update": {"a": {"secret": "****", "quota": 5}}}));
    assert!(account.is_whole());
    let document = account.registry.document(ObjectType::Account, Id::Number(0)).unwrap();
    assert_eq!(
        document["secret"], "$argon2id$v=19$5",
        "what stood there in the clear is hashed with the first change"
    );
    assert_eq!(object(&account.registry, ObjectType::Account, "a")["secret"], "****");
}

#[test]
fn expressions_are_compiled_as_they_are_written() {
    for (route, message) in [
        (
            json!({"else": "relay"}),
            "Error parsing 'else' expression: there is no variable or constant relay (did you mean 'relay'",
        ),
        (
            json!({"match": {"0": {"if": "1", "then": "'a'"}, "1": {"if": "rcpt ==", "then": "'a'"}}, "else": "'a'"}),
            "Error parsing 'if' expression in condition #2: ",
        ),
        (
            json!({"match": [{"if": "1", "then": "a("}], "else": "'a'"}),
            "Error parsing 'then' expression in condition #1: ",
        ),
        (json!({"match": {"0": {"if": "1", "then": "'a'"}}}), "Missing 'else' block in 'if' expression"),
        (
            json!({"match": {"0": {"if": "", "then": "'a'"}}, "else": "'a'"}),
            "All 'if' and 'then' blocks must be non-empty",
        ),
    ] {
        let outcome =
            set(&example(), ObjectType::Outbound, json!({"update": {"singleton": {"route": route}}}));
        let error = refusal(&outcome);
        assert_eq!(error["type"], "validationFailed", "{error}");
        let found = error["validationErrors"][0]["message"].as_str().unwrap();
        assert!(found.starts_with(message), "{found}");
    }
}

// proves: J7
#[test]
fn what_others_need_is_not_destroyed() {
    let registry = example();
    let strategy = json!({"update": {"singleton": {
        "route": "if_then(retry_num > 0, 'relay', 'mx')", "schedule/match/2/if": "key_exists('db', sender)",
    }}});
    let registry = set(&registry, ObjectType::Outbound, strategy).registry;
    for (kind, id, by) in [
        (ObjectType::Route, "c", "MtaOutboundStrategy"),
        (ObjectType::Route, "a", "MtaOutboundStrategy"),
        (ObjectType::VirtualQueue, "c", "MtaDeliverySchedule"),
        (ObjectType::LookupStore, "a", "MtaOutboundStrategy"),
        (ObjectType::Tls, "b", "MtaOutboundStrategy"),
    ] {
        let error = refusal(&set(&registry, kind, json!({"destroy": [id]})));
        assert_eq!(error["type"], "objectIsLinked", "{kind} {id}");
        assert_eq!(error["linkedObjects"][0]["object"], by, "{error}");
    }
    assert!(
        set(&registry, ObjectType::Route, json!({"destroy": ["b"]})).is_whole(),
        "nothing yields 'local'"
    );
    assert_eq!(
        refusal(&set(&registry, ObjectType::Outbound, json!({"destroy": ["singleton"]})))["type"],
        "singleton"
    );
}

#[test]
fn several_types_change_as_one() {
    let registry = example();
    let queues = SetRequest::from_arguments(&json!({"create": {"q": {"name": "bulk"}}})).unwrap();
    let schedules = SetRequest::from_arguments(&json!({
        "create": {"s": {"name": "bulk", "queueId": "#q"}}, "update": {"a": {"queueId": "#q"}},
    }))
    .unwrap();
    let routes = SetRequest::from_arguments(&json!({"destroy": ["a"]})).unwrap();
    let strategy =
        SetRequest::from_arguments(&json!({"update": {"singleton": {"route": "'relay'"}}})).unwrap();
    let requests = [
        (ObjectType::Route, &routes),
        (ObjectType::Schedule, &schedules),
        (ObjectType::VirtualQueue, &queues),
        (ObjectType::Outbound, &strategy),
    ];
    let mut ids = CreationIds::new();
    let (after, outcomes) = registry.apply(&requests, &mut ids, &hash);
    assert!(outcomes.iter().all(SetOutcome::is_whole), "{outcomes:?}");
    assert_eq!(ids["q"], "e");
    assert_eq!(object(&after, ObjectType::Schedule, "e")["queueId"], "e");
    assert_eq!(object(&after, ObjectType::Schedule, "a")["queueId"], "e");
    assert!(after.get(ObjectType::Route, "a", None).is_none());
    assert!(after.settings().is_ok());
}

#[test]
fn the_same_request_does_not_update_what_it_destroys() {
    let outcome =
        set(&example(), ObjectType::Route, json!({"update": {"c": {"port": 26}}, "destroy": ["c"]}));
    assert_eq!(refusal(&outcome)["type"], "willDestroy");
    assert_eq!(outcome.destroyed, ["c"]);
}

#[test]
fn queries_filter_sort_and_page() {
    let registry = Registry::fresh();
    let ask = |arguments: Value| {
        let query = Query::from_arguments(&arguments)?;
        registry.query(ObjectType::VirtualQueue, &query).map(|answer| {
            let ids: Vec<String> = answer.ids.iter().map(Id::to_string).collect();
            (ids.join(""), answer.position, answer.total)
        })
    };
    let sort = json!([{"property": "name"}]);
    for (arguments, expected) in [
        (json!({}), ("dcba", 0, None)),
        (json!({"filter": {"name": "dsn"}}), ("c", 0, None)),
        (json!({"filter": {"name": "ds"}}), ("", 0, None)),
        (json!({"filter": {"text": "O"}}), ("dba", 0, None)),
        (json!({"filter": {"nameIsGreaterThan": "local"}}), ("db", 0, None)),
        (json!({"filter": {"nameIsLessThanOrEqual": "local"}}), ("ca", 0, None)),
        (
            json!({"filter": {"operator": "AND", "conditions": [{"text": "o"}, {"name": "local"}]}}),
            ("a", 0, None),
        ),
        (json!({"sort": sort, "calculateTotal": true, "limit": 2}), ("ca", 0, Some(4))),
        (json!({"sort": [{"property": "id", "isAscending": true}], "position": 1}), ("bcd", 1, None)),
        (json!({"position": -1}), ("a", 3, None)),
        (json!({"anchor": "c", "anchorOffset": 1}), ("ba", 2, None)),
        (json!({"position": 99}), ("", 4, None)),
    ] {
        let (ids, position, total) = ask(arguments.clone()).unwrap();
        assert_eq!((ids.as_str(), position, total), expected, "{arguments}");
    }
    for (arguments, kind) in [
        (json!({"filter": {"operator": "OR", "conditions": []}}), "unsupportedFilter"),
        (json!({"filter": {"@type": "Mx"}}), "unsupportedFilter"),
        (json!({"filter": {"threadsPerNode": 5}}), "unsupportedFilter"),
        (json!({"sort": [{"property": "threadsPerNode"}]}), "unsupportedSort"),
        (json!({"anchor": "z"}), "anchorNotFound"),
        (json!({"limit": -1}), "invalidArguments"),
        (json!({"filter": []}), "invalidArguments"),
    ] {
        assert_eq!(ask(arguments.clone()).unwrap_err().kind, kind, "{arguments}");
    }
    let nothing = Query::default();
    assert_eq!(registry.query(ObjectType::Outbound, &nothing).unwrap_err().kind, "unknownMethod");
}

#[test]
fn an_import_keeps_the_ids_of_what_is_named_the_same() {
    let before = example();
    let text = json!({
        "@fresh": false,
        "MtaVirtualQueue": [{"name": "new"}, {"name": "remote"}],
        "MtaDeliverySchedule": [{"name": "remote", "queueId": "remote"}],
        "MtaInboundThrottle": [{
            "description": "messages of one unknown client", "rate": {"count": 1, "period": 1000}
        }],
    });
    let after = before.replaced_by(&text.to_string()).unwrap();
    assert_eq!(object(&after, ObjectType::VirtualQueue, "b")["name"], "remote");
    assert_eq!(object(&after, ObjectType::VirtualQueue, "e")["name"], "new");
    assert_eq!(object(&after, ObjectType::Schedule, "b")["queueId"], "b");
    assert_eq!(after.ids(ObjectType::InboundThrottle), [Id::Number(2)]);
    assert!(after.ids(ObjectType::Route).is_empty());
    assert_eq!(after.next()[&ObjectType::Route], 3);
}

#[test]
fn stored_objects_of_an_older_program_get_what_is_new() {
    let stored = json!({"@type": "Mx", "name": "mx", "gone": 1}).as_object().unwrap().clone();
    let next = [(ObjectType::Route, 9)].into();
    let registry = Registry::from_objects([(ObjectType::Route, Id::Number(4), stored)], next);
    assert_eq!(object(&registry, ObjectType::Route, "e")["maxMxHosts"], 5);
    assert_eq!(registry.next()[&ObjectType::Route], 9);
    assert!(registry.get(ObjectType::Outbound, "singleton", None).is_some());
}
