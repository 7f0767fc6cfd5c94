//! What is said of expressions that are still being written?

use policy::registry::Registry;
use serde_json::{Value, json};

fn registry() -> Registry {
    let text = json!({"MtaRoute": [{"@type": "Relay", "name": "relay", "address": "a.example"}]});
    Registry::from_document(&text.to_string()).unwrap()
}

fn check(arguments: Value) -> Value {
    super::check(&registry(), &arguments).unwrap()
}

fn route(value: Value) -> Value {
    check(json!({"object": "MtaOutboundStrategy", "property": "route", "value": value}))
}

#[test]
fn all_errors_of_a_property_are_told_with_their_bytes() {
    let answer = route(json!({
        "match": {"0": {"if": "rcpt_domian == 'a'", "then": "'relai'"}, "1": {"if": "rcpt ==", "then": "'mx'"}},
        "else": "mx",
    }));
    let places: Vec<(&str, u64, u64)> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            (
                error["place"].as_str().unwrap(),
                error["start"].as_u64().unwrap(),
                error["end"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(places[0], ("match.0.if", 0, 11));
    assert_eq!(
        places.iter().map(|place| place.0).collect::<Vec<_>>(),
        ["match.0.if", "match.1.if", "else", "match.0.then"]
    );
    assert!(answer["errors"][0]["hint"].as_str().unwrap().contains("rcpt_domain"), "{answer}");
}

// proves: J1, 5.17 unknown names
#[test]
fn names_that_stand_for_nothing_are_errors() {
    let answer = route(json!({"match": {"0": {"if": "size > 5", "then": "'relai'"}}, "else": "'mx'"}));
    assert_eq!(answer["errors"][0]["place"], "match.0.then");
    assert_eq!((&answer["errors"][0]["start"], &answer["errors"][0]["end"]), (&json!(0), &json!(7)));
    assert_eq!(answer["errors"][0]["hint"], "did you mean 'relay'?");
    assert_eq!(route(json!("'relay'")), json!({"errors": [], "warnings": []}));
}

#[test]
fn branches_that_never_decide_are_warned_of() {
    let answer = route(json!({
        "match": {"0": {"if": "size > 5", "then": "'mx'"}, "1": {"if": "size > 9", "then": "'relay'"}},
        "else": "'mx'",
    }));
    assert_eq!(answer["errors"], json!([]));
    assert_eq!(answer["warnings"][0]["place"], "match.1.if");
}

#[test]
fn one_text_is_checked_by_itself() {
    let ask = |part: &str, text: &str| {
        check(json!({"object": "x:MtaOutboundStrategy", "property": "route", "part": part, "text": text}))
    };
    assert_eq!(ask("if", "rcpt_domain == 'a'"), json!({"errors": [], "warnings": []}));
    assert_eq!(ask("if", "rcpt_domain ==")["errors"][0]["place"], "text");
    assert_eq!(ask("then", "'relai'")["errors"][0]["start"], 0);
    assert_eq!(ask("else", "'relay'")["errors"], json!([]));
    let filter =
        |text: &str| check(json!({"object": "QueuedMessage", "property": "expression", "text": text}));
    assert_eq!(filter("held && retry_num > 3")["errors"], json!([]));
    assert_eq!(filter("hald")["errors"][0]["end"], 4);
    assert_eq!(filter(""), json!({"errors": [], "warnings": []}));
}

#[test]
fn what_makes_no_sense_is_refused() {
    for arguments in [
        json!({}),
        json!({"object": "MtaRoute", "property": "name", "text": ""}),
        json!({"object": "MtaOutboundStrategy", "property": "route"}),
        json!({"object": "MtaOutboundStrategy", "property": "route", "part": "when", "text": "1"}),
        json!({"object": "Nothing", "property": "route", "text": "1"}),
    ] {
        assert!(super::check(&registry(), &arguments).is_err(), "{arguments}");
    }
    let error = route(json!({"match": 5}));
    assert_eq!(error["errors"].as_array().unwrap().len(), 1, "{error}");
    let large = json!({"object": "MtaOutboundStrategy", "property": "route", "value": "x".repeat(300_000)});
    assert_eq!(super::check(&registry(), &large).unwrap_err().kind, "requestTooLarge");
}

#[test]
fn completion_knows_the_objects() {
    let ask = |text: &str, cursor: Value| {
        let arguments =
            json!({"object": "MtaOutboundStrategy", "property": "route", "text": text, "cursor": cursor});
        super::complete(&registry(), &arguments).unwrap()
    };
    let answer = ask("'re' + x", json!(3));
    assert_eq!(
        answer,
        json!({"from": 1, "items": [{"label": "relay", "kind": "route", "detail": "", "help": ""}]})
    );
    assert_eq!(ask("relay_is_up('", Value::Null)["items"][0]["label"], "relay");
    assert_eq!(ask("retry_n", Value::Null)["items"][0]["help"], "Temporary failures so far.");
}
