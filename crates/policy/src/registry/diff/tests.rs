//! Are differences told in words that people understand?

use serde_json::{Value, json};

use crate::registry::{CreationIds, Registry, SetRequest};
use crate::settings::ObjectType;

fn after(registry: &Registry, kind: ObjectType, arguments: Value) -> Registry {
    let request = SetRequest::from_arguments(&arguments).unwrap();
    let outcome = registry.set(kind, &request, &mut CreationIds::new(), &|_| "hash".to_owned());
    assert!(outcome.is_whole(), "{:?} {:?}", outcome.not_created, outcome.not_updated);
    outcome.registry
}

fn sentences(before: &Registry, after: &Registry) -> Vec<String> {
    before.diff(after).into_iter().map(|difference| difference.sentence).collect()
}

#[test]
fn values_are_told_in_words() {
    let before = after(
        &Registry::fresh(),
        ObjectType::Route,
        json!({"create": {"r": {
            "@type": "Relay", "name": "relay", "address": "a.example", "authUsername": "me",
            "authSecret": {"@type": "Value", "secret": "canary"},
        }}}),
    );
    let check = |kind, arguments: Value, expected: &[&str]| {
        let later = after(&before, kind, arguments);
        assert_eq!(sentences(&before, &later), expected);
    };
    check(
        ObjectType::Route,
        json!({"update": {"c": {
            "port": 587, "authUsername": null, "authSecret/secret": "other", "addresses/0/address": "b.example",
        }}}),
        &[
            "MtaRoute relay: port: 25 → 587",
            "MtaRoute relay: addresses: 1 added: (address b.example)",
            "MtaRoute relay: authUsername: me → none",
            "MtaRoute relay: authSecret.secret: changed",
        ],
    );
    check(
        ObjectType::Route,
        json!({"update": {"c": {"authSecret": {"@type": "EnvironmentVariable", "variableName": "PW"}}}}),
        &["MtaRoute relay: authSecret: Value → EnvironmentVariable (variableName PW)"],
    );
    check(
        ObjectType::Route,
        json!({"update": {"c": {"@type": "Mx"}, "a": {"maxMxHosts": 3}}}),
        &["MtaRoute mx: maxMxHosts: 5 → 3", "MtaRoute relay: Relay → Mx"],
    );
    check(
        ObjectType::Route,
        json!({"destroy": ["c"]}),
        &["MtaRoute relay: destroyed: Relay (address a.example, authUsername me, authSecret Value)"],
    );
    check(
        ObjectType::Schedule,
        json!({"update": {"a": {"queueId": "b", "expiry": {"@type": "Attempts"}}, "c": {"retry/intervals/0/duration": 5000}}}),
        &[
            "MtaDeliverySchedule local: queueId: local → remote",
            "MtaDeliverySchedule local: expiry: Ttl → Attempts",
            "MtaDeliverySchedule dsn: retry.intervals.0.duration: 15 min → 5 s",
        ],
    );
    check(
        ObjectType::InboundThrottle,
        json!({"update": {"b": {"key": ["senderDomain", "listener"]}}}),
        &["MtaInboundThrottle mail of one domain to one recipient: key: listener added; rcpt removed"],
    );
    check(
        ObjectType::Account,
        json!({"create": {"a": {"name": "ann@example.org", "secret": "canary"}}}),
        &["Account ann@example.org: created"],
    );
}

#[test]
fn branches_move_change_come_and_go() {
    let strategy = |branches: &[(&str, &str)], otherwise: &str| {
        let branches: Vec<Value> = branches.iter().map(|(c, t)| json!({"if": c, "then": t})).collect();
        let arguments = json!({"update": {"singleton": {"route": {"match": branches, "else": otherwise}}}});
        after(&Registry::fresh(), ObjectType::Outbound, arguments)
    };
    const A: (&str, &str) = ("rcpt_domain == 'a'", "'a'");
    const B: (&str, &str) = ("rcpt_domain == 'b'", "'b'");
    const C: (&str, &str) = ("rcpt_domain == 'c'", "'c'");
    const D: (&str, &str) = ("rcpt_domain == 'd'", "'d'");
    let before = strategy(&[A, B, C], "'mx'");
    for (branches, otherwise, expected) in [
        (&[A, C, B][..], "'mx'", &["branch 3 moved above 2"][..]),
        (&[C, A, B], "'mx'", &["branch 3 moved above 1"]),
        (&[B, C, A], "'mx'", &["branch 1 moved to the end"]),
        (&[A, B], "'mx'", &["branch 3 removed: if rcpt_domain == 'c' then 'c'"]),
        (&[A, D, B, C], "'mx'", &["branch 2 added: if rcpt_domain == 'd' then 'd'"]),
        (
            &[A, ("sender == 'x'", "'b'"), C],
            "'mx'",
            &["branch 2: condition changed from rcpt_domain == 'b' to sender == 'x'"],
        ),
        (&[A, (B.0, "'d'"), C], "'mx'", &["branch 2: yields 'd' instead of 'b'"]),
        (&[A, B, C], "'d'", &["else: 'mx' → 'd'"]),
    ] {
        let expected: Vec<String> =
            expected.iter().map(|sentence| format!("MtaOutboundStrategy: route: {sentence}")).collect();
        assert_eq!(sentences(&before, &strategy(branches, otherwise)), expected);
    }
}
