//! The semantics of a declarative file, by table: what is there, the file, the steps.

use serde_json::{Value, json};

use super::compile::{Plan, Present, compile};
use super::operation::operations;
use crate::schema::tests::sample;

fn present() -> Present {
    let routes = vec![
        json!({"id": "a", "@type": "Mx", "name": "mx", "maxMxHosts": 2}),
        json!({"id": "b", "@type": "Local", "name": "local"}),
        json!({"id": "c", "@type": "Relay", "name": "smarthost", "address": "relay.example.org", "port": 25}),
        json!({"id": "d", "@type": "Relay", "name": "old", "address": "old.example.org", "port": 25}),
    ];
    let queues = vec![json!({"id": "a", "name": "local", "threadsPerNode": 25})];
    let throttles = vec![
        json!({"id": "a", "description": "slow", "enable": true, "key": {}}),
        json!({"id": "b", "description": "slow", "enable": false, "key": {}}),
    ];
    let mut present = Present::new();
    present.insert("MtaRoute".to_owned(), routes);
    present.insert("MtaVirtualQueue".to_owned(), queues);
    present.insert("MtaOutboundThrottle".to_owned(), throttles);
    present
}

fn plan(text: &str) -> Result<Plan, String> {
    compile(&operations(text, &sample()).map_err(|wrong| wrong.join("\n"))?, &present())
}

/// The steps as `[object, create, update, destroy]`.
#[track_caller]
fn check(text: &str, expected: &Value) {
    let steps: Vec<Value> = plan(text)
        .unwrap()
        .steps
        .into_iter()
        .map(|step| json!([step.object, step.create, step.update, step.destroy]))
        .collect();
    assert_eq!(&Value::Array(steps), expected, "{text}");
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let wrong = plan(text).unwrap_err();
    assert!(wrong.contains(expected), "{wrong:?} does not contain {expected:?}");
}

// proves: 5.17 declarative apply
#[test]
fn a_match_is_an_update_of_what_may_change_and_else_it_is_made() {
    check(
        r#"{"@type":"upsert","object":"MtaRoute","value":{
            "n":{"@type":"Relay","name":"new","address":"x"},
            "s":{"@type":"Relay","name":"smarthost","address":"relay.example.org","port":587}}}"#
            .replace('\n', "")
            .as_str(),
        &json!([
            ["MtaRoute", {"n": {"@type": "Relay", "name": "new", "address": "x"}}, {}, []],
            ["MtaRoute", {}, {"c": {"address": "relay.example.org", "port": 587}}, []],
        ]),
    );
}

// proves: 5.17 declarative apply
#[test]
fn matching_happens_within_the_variant_and_the_scope() {
    check(
        r#"{"@type":"upsert","object":"MtaRoute","value":{"m":{"@type":"Relay","name":"mx","address":"x"}}}"#,
        &json!([["MtaRoute", {"m": {"@type": "Relay", "name": "mx", "address": "x"}}, {}, []]]),
    );
    check(
        r#"{"@type":"upsert","object":"MtaRoute","scope":{"port":587},"value":{"m":{"@type":"Relay","name":"old","address":"x"}}}"#,
        &json!([["MtaRoute", {"m": {"@type": "Relay", "name": "old", "address": "x", "port": 587}}, {}, []]]),
    );
}

// proves: 5.17 declarative apply
#[test]
fn reconcile_empties_its_slice_and_nothing_else() {
    check(
        r#"{"@type":"reconcile","object":"MtaRoute","matchOn":["name"],"scope":{"@type":"Relay"},"value":{}}"#,
        &json!([["MtaRoute", {}, {}, ["c", "d"]]]),
    );
    check(
        r#"{"@type":"reconcile","object":"MtaRoute","scope":{"@type":"Relay"},"value":{"s":{"name":"smarthost","address":"y"}}}"#,
        &json!([["MtaRoute", {}, {"c": {"address": "y"}}, []], ["MtaRoute", {}, {}, ["d"]]]),
    );
}

// proves: 5.17 declarative apply
#[test]
fn what_any_line_names_is_never_swept() {
    let text = r#"{"@type":"reconcile","object":"MtaRoute","scope":{"@type":"Relay"},"value":{}}
{"@type":"update","object":"MtaRoute","id":"d","value":{"port":26}}
{"@type":"upsert","object":"MtaRoute","value":{"s":{"@type":"Relay","name":"smarthost"}}}
{"@type":"create","object":"MtaRoute","value":{"n":{"@type":"Relay","name":"n","address":"x"}}}"#;
    check(
        text,
        &json!([
            ["MtaRoute", {}, {"d": {"port": 26}}, []],
            ["MtaRoute", {"n": {"@type": "Relay", "name": "n", "address": "x"}}, {}, []],
        ]),
    );
}

// proves: 5.17 declarative apply
#[test]
fn three_passes_destroy_first_in_reverse_and_sweep_last_in_reverse() {
    let text = r#"{"@type":"reconcile","object":"MtaVirtualQueue","value":{"q":{"name":"fast"}}}
{"@type":"reconcile","object":"MtaRoute","scope":{"@type":"Relay"},"value":{}}
{"@type":"destroy","object":"MtaRoute","value":{"name":"old"}}
{"@type":"destroy","object":"MtaOutboundThrottle"}"#;
    check(
        text,
        &json!([
            ["MtaOutboundThrottle", {}, {}, ["a", "b"]],
            ["MtaRoute", {}, {}, ["d"]],
            ["MtaVirtualQueue", {"q": {"name": "fast"}}, {}, []],
            ["MtaRoute", {}, {}, ["c"]],
            ["MtaVirtualQueue", {}, {}, ["a"]],
        ]),
    );
}

// proves: 5.17 declarative apply
#[test]
fn what_is_destroyed_is_not_matched_any_more() {
    let text = r#"{"@type":"upsert","object":"MtaRoute","value":{"m":{"@type":"Mx","name":"mx"}}}
{"@type":"destroy","object":"MtaRoute","value":{"@type":"Mx"}}"#;
    check(
        text,
        &json!([
            ["MtaRoute", {}, {}, ["a"]],
            ["MtaRoute", {"m": {"@type": "Mx", "name": "mx"}}, {}, []],
        ]),
    );
}

// proves: 5.17 declarative apply
#[test]
fn labels_stand_for_what_is_there_and_for_what_is_made() {
    let text = r##"{"@type":"upsert","object":"MtaVirtualQueue","value":{"local":{"name":"local","threadsPerNode":5},"slow":{"name":"slow"}}}
{"@type":"create","object":"MtaDeliverySchedule","value":{"l":{"name":"l","queueId":"#local"},"s":{"name":"s","queueId":"#slow"}}}
{"@type":"update","object":"MtaVirtualQueue","id":"#local","value":{"threadsPerNode":6}}
{"@type":"update","object":"MtaDeliverySchedule","id":"#s","value":{"retry/@type":"Default","description":"d"}}"##;
    check(
        text,
        &json!([
            ["MtaVirtualQueue", {}, {"a": {"threadsPerNode": 5}}, []],
            ["MtaVirtualQueue", {"slow": {"name": "slow"}}, {}, []],
            ["MtaDeliverySchedule", {"l": {"name": "l", "queueId": "a"}}, {}, []],
            ["MtaDeliverySchedule", {"s": {"name": "s", "queueId": "#slow", "retry": {"@type": "Default"}, "description": "d"}}, {}, []],
            ["MtaVirtualQueue", {}, {"a": {"threadsPerNode": 6}}, []],
        ]),
    );
    refused(
        r##"{"@type":"update","object":"MtaRoute","id":"#nobody","value":{"port":1}}"##,
        "label `nobody`",
    );
}

// proves: 5.17 declarative apply
#[test]
fn a_label_stands_for_one_object() {
    let text = r#"{"@type":"create","object":"MtaVirtualQueue","value":{"a":{"name":"x"}}}
{"@type":"create","object":"MtaVirtualQueue","value":{"a":{"name":"y"}}}"#;
    refused(text, "line 2: the label `a` is used twice");
}

// proves: 5.17 declarative apply
#[test]
fn more_than_one_match_is_an_error() {
    refused(
        r#"{"@type":"upsert","object":"MtaOutboundThrottle","value":{"x":{"description":"slow"}}}"#,
        "same as several objects",
    );
    check(
        r#"{"@type":"upsert","object":"MtaOutboundThrottle","matchOn":"*","value":{"x":{"description":"slow","key":{"mx":true}}}}"#,
        &json!([["MtaOutboundThrottle", {}, {"a": {"description": "slow", "key": {"mx": true}}}, []]]),
    );
}

// proves: 5.17 declarative apply
#[test]
fn null_and_absent_are_the_same() {
    check(
        r#"{"@type":"upsert","object":"MtaRoute","matchOn":["name","port"],"value":{"l":{"@type":"Local","name":"local","port":null}}}"#,
        &json!([["MtaRoute", {}, {"b": {"port": null}}, []]]),
    );
}

// proves: 5.17 declarative apply
#[test]
fn a_second_upsert_meets_what_the_first_has_made() {
    let text = r#"{"@type":"upsert","object":"MtaVirtualQueue","value":{"a":{"name":"x"}}}
{"@type":"upsert","object":"MtaVirtualQueue","value":{"b":{"name":"x","threadsPerNode":3}}}
{"@type":"reconcile","object":"MtaVirtualQueue","value":{"c":{"name":"x"}}}"#;
    check(
        text,
        &json!([
            ["MtaVirtualQueue", {"a": {"name": "x", "threadsPerNode": 3}}, {}, []],
            ["MtaVirtualQueue", {}, {}, ["a"]],
        ]),
    );
}

// proves: 5.17 declarative apply
#[test]
fn the_only_object_of_its_type_is_always_met() {
    check(
        r#"{"@type":"upsert","object":"MtaOutboundStrategy","value":{"s":{"route/else":"'mx'"}}}"#,
        &json!([["MtaOutboundStrategy", {}, {"singleton": {"route/else": "'mx'"}}, []]]),
    );
    check(
        r#"{"@type":"update","object":"MtaOutboundStrategy","id":"singleton","value":{"route/else":"'mx'"}}"#,
        &json!([["MtaOutboundStrategy", {}, {"singleton": {"route/else": "'mx'"}}, []]]),
    );
}

// proves: 5.17 declarative apply
#[test]
fn a_filter_that_names_nothing_destroys_nothing() {
    refused(r#"{"@type":"destroy","object":"MtaRoute","value":{"nmae":"old"}}"#, "no property `nmae`");
    check(
        r#"{"@type":"destroy","object":"MtaRoute","value":{"portIsLessThan":26,"name":"old"}}"#,
        &json!([["MtaRoute", {}, {}, ["d"]]]),
    );
}
