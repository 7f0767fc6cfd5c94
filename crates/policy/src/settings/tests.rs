//! What settings files may look like, and what is said about those that are wrong.

use std::time::Duration;

use super::*;
use crate::expr::Expression;

/// The blocks of the page on routing, as they stand there.
const PAGE: [&str; 5] = [
    r#"{
"@type": "Local",
"name": "local"
}"#,
    r#"{
"@type": "Mx",
"name": "mx",
"maxMxHosts": 3,
"maxMultihomed": 2,
"ipLookupStrategy": "v4ThenV6"
}"#,
    r#"[
{
"@type": "Relay",
"name": "relay",
"address": "relay.example.org",
"port": 25,
"protocol": "smtp",
"implicitTls": false,
"allowInvalidCerts": false,
"authSecret": {"@type": "None"}
},
{
"@type": "Mx",
"name": "mx",
"ipLookupStrategy": "v4ThenV6"
}
]"#,
    r#"[
{"@type": "Local", "name": "local"},
{
"@type": "Mx",
"name": "mx",
"ipLookupStrategy": "v4ThenV6"
},
{
"@type": "Relay",
"name": "fallback",
"address": "fallback.example.org",
"port": 25,
"protocol": "smtp",
"authSecret": {"@type": "None"}
}
]"#,
    r#"[
{
"@type": "Relay",
"name": "lmtp",
"address": "localhost",
"port": 24,
"protocol": "lmtp",
"implicitTls": false,
"allowInvalidCerts": true,
"authUsername": "relay_server",
"authSecret": {"@type": "Value", "secret": "123456"}
},
{
"@type": "Mx",
"name": "mx",
"ipLookupStrategy": "v4ThenV6"
}
]"#,
];

fn load(json: &str) -> Settings {
    Settings::from_json(json).unwrap_or_else(|errors| panic!("{json}: {}", errors[0]))
}

fn relay(settings: &Settings, name: &str) -> RelayRoute {
    match &settings.routes[name].kind {
        RouteKind::Relay(relay) => relay.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_block_of_the_page_loads() {
    let [local, mx, relays, failover, lmtp] = PAGE.map(load);
    assert_eq!(local.routes["local"].kind, RouteKind::Local);
    let three = MxRoute { max_mx_hosts: 3, ..MxRoute::default() };
    assert_eq!(mx.routes["mx"].kind, RouteKind::Mx(three));
    let expected = RelayRoute::to("relay.example.org");
    assert_eq!(relay(&relays, "relay"), expected);
    assert_eq!(relays.routes["mx"].kind, RouteKind::Mx(MxRoute::default()));
    assert_eq!(failover.routes.keys().collect::<Vec<_>>(), ["fallback", "local", "mx"]);
    let lmtp = relay(&lmtp, "lmtp");
    assert_eq!((lmtp.port, lmtp.protocol, lmtp.allow_invalid_certs), (24, RelayProtocol::Lmtp, true));
    assert_eq!(lmtp.auth_username.as_deref(), Some("relay_server"));
    assert_eq!(lmtp.auth_secret, SecretKeyOptional::Value { secret: Secret::new("123456") });
}

#[test]
fn a_relay_may_have_several_hosts() {
    let json = r#"{"@type": "Relay", "name": "pool", "address": "One.Example", "port": 587, "lookup": "mx",
        "addresses": [{"address": "two.example"}, {"address": "192.0.2.1", "port": 25, "priority": 7, "weight": 3},
                      {"address": "three.example"}],
        "authMechanism": "SCRAM-SHA-256", "maxConnections": 3, "ipLookupStrategy": "v6Only"}"#;
    let pool = relay(&load(json), "pool");
    let host = |address: &str, port, priority, weight| RelayHost {
        address: address.to_owned(),
        port,
        priority,
        weight,
    };
    let expected = [
        host("one.example", 587, 0, 1),
        host("two.example", 587, 1, 1),
        host("192.0.2.1", 25, 7, 3),
        host("three.example", 587, 8, 1),
    ];
    assert_eq!(pool.hosts(), expected);
    assert_eq!((pool.auth_mechanism, pool.max_connections), (AuthMechanism::ScramSha256, Some(3)));
    assert_eq!((pool.lookup, pool.ip_lookup_strategy), (RelayLookup::Mx, IpLookupStrategy::V6Only));
}

#[test]
fn a_fresh_system_has_its_objects() {
    let fresh = Settings::fresh();
    assert_eq!(fresh.routes.keys().collect::<Vec<_>>(), ["local", "mx"]);
    assert_eq!(fresh.schedules.keys().collect::<Vec<_>>(), ["dsn", "local", "remote", "report"]);
    assert_eq!(fresh.virtual_queues["remote"].threads_per_node, 50);
    assert_eq!(fresh.schedules["dsn"].expiry, DeliveryExpiration::Attempts(10));
    assert!(fresh.schedules["report"].notify.is_empty());
    assert_eq!(fresh.schedules["remote"].retry[8], Duration::from_secs(72 * 3600));
    assert!(fresh.tls["invalid-tls"].allow_invalid_certs);
    assert_eq!(load("{}"), fresh);
    assert_eq!(load("[]"), fresh);
}

#[test]
fn objects_by_type_in_each_form() {
    let queue = MtaVirtualQueue::named("bulk", 2);
    for json in [
        r#"{"MtaVirtualQueue": [{"name": "bulk", "threadsPerNode": 2}]}"#,
        r#"{"x:MtaVirtualQueue": {"q1": {"name": "bulk", "threadsPerNode": 2}}}"#,
        r#"{"MtaVirtualQueue": {"name": "bulk", "threadsPerNode": 2}}"#,
        r#"[{"@type": "MtaVirtualQueue", "name": " bulk ", "threadsPerNode": 2, "description": null}]"#,
        r#"{"@type": "x:MtaVirtualQueue", "name": "bulk", "threadsPerNode": 2}"#,
    ] {
        assert_eq!(load(json).virtual_queues["bulk"], queue, "{json}");
    }
}

#[test]
fn lists_are_arrays_or_keyed_objects_and_sets_are_either() {
    for intervals in [
        r#"[{"duration": 120000}, {"duration": 600500}]"#,
        r#"{"1": {"duration": 600500}, "0": {"duration": 120000}}"#,
    ] {
        let json = format!(
            r#"{{"MtaDeliverySchedule": [{{"name": "s", "queueId": "remote",
                "retry": {{"@type": "Custom", "intervals": {intervals}}},
                "notify": {{"@type": "Default"}},
                "expiry": {{"@type": "Attempts"}}}}]}}"#
        );
        let schedule = load(&json).schedules["s"].clone();
        assert_eq!(schedule.retry, [Duration::from_secs(120), Duration::from_secs(600)]);
        assert_eq!(schedule.expiry, DeliveryExpiration::Attempts(5));
    }
    for aliases in
        [r#"["a.example", "b.example"]"#, r#"{"a.example": true, "b.example": true, "c.example": false}"#]
    {
        let json = format!(r#"{{"Domain": [{{"name": "Example.ORG", "aliases": {aliases}}}]}}"#);
        let settings = load(&json);
        let domain = settings.domains.values().next().unwrap();
        assert_eq!((domain.name.as_str(), domain.aliases.len()), ("example.org", 2));
    }
}

#[test]
fn a_wait_of_none_becomes_a_second() {
    let json = r#"{"MtaDeliverySchedule": {"name": "s", "queueId": "remote",
        "retry": {"@type": "Custom", "intervals": [{"duration": 10}]},
        "notify": {"@type": "Custom", "intervals": []},
        "expiry": {"@type": "Ttl", "expire": 3600000}}}"#;
    let schedule = load(json).schedules["s"].clone();
    assert_eq!((schedule.retry, schedule.notify), (vec![Duration::from_secs(1)], vec![]));
    assert_eq!(schedule.expiry, DeliveryExpiration::Ttl(Duration::from_secs(3600)));
}

#[test]
fn expressions_in_each_form() {
    let expected = Expression::first_of(&[("rcpt == 'a'", "'x'"), ("size > 1", "'y'")], "'z'");
    for json in [
        r#"{"match": [{"if": "rcpt == 'a'", "then": "'x'"}, {"if": "size > 1", "then": "'y'"}], "else": "'z'"}"#,
        r#"{"match": {"0": {"if": "rcpt == 'a'", "then": "'x'"}, "1": {"if": "size > 1", "then": "'y'"}}, "else": "'z'"}"#,
        r#"[{"if": "rcpt == 'a'", "then": "'x'"}, {"if": "size > 1", "then": "'y'"}, {"else": "'z'"}]"#,
    ] {
        let settings = load(&format!(r#"{{"MtaOutboundStrategy": {{"route": {json}}}}}"#));
        assert_eq!(settings.outbound, MtaOutboundStrategy { route: expected.clone(), ..Default::default() });
    }
    for (json, expected) in [
        (r#""'mx'""#, Expression::always("'mx'")),
        (r#"{"else": "'mx'"}"#, Expression::always("'mx'")),
        (r#"[{"else": false}]"#, Expression::always("false")),
        (r#"{"match": {}, "else": ""}"#, Expression::default()),
        ("null", Expression::default()),
    ] {
        let json = format!(r#"{{"MtaOutboundStrategy": {{"singleton": {{"tls": {json}}}}}}}"#);
        assert_eq!(load(&json).outbound.tls, expected, "{json}");
    }
}

#[test]
fn a_schedule_may_name_its_queue_by_id() {
    let json = r##"{"MtaVirtualQueue": {"k7": {"name": "bulk"}},
        "MtaDeliverySchedule": [{"name": "a", "queueId": "k7"}, {"name": "b", "queueId": "#k7"}]}"##;
    let settings = load(json);
    assert_eq!((&*settings.schedules["a"].queue_id, &*settings.schedules["b"].queue_id), ("bulk", "bulk"));
}

#[test]
fn secrets_that_lie_outside_are_listed_once() {
    let json = r#"[
        {"@type": "Relay", "name": "a", "address": "a.example", "authSecret": {"@type": "File", "filePath": "/f"}},
        {"@type": "Relay", "name": "b", "address": "b.example", "authSecret": {"@type": "File", "filePath": "/f"}},
        {"@type": "Relay", "name": "c", "address": "192.0.2.1",
         "authSecret": {"@type": "EnvironmentVariable", "variableName": " V "}}]"#;
    let expected = [SecretReference::EnvironmentVariable("V".to_owned()), SecretReference::File("/f".into())];
    assert_eq!(load(json).secret_references(), expected);
}

#[track_caller]
fn check_error(json: &str, expected: &str) {
    let errors = Settings::from_json(json).expect_err(json);
    let text: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(text.join("\n"), expected, "{json}");
}

#[test]
fn errors_of_the_text_have_a_place() {
    let check = check_error;
    check("", "line 1, column 1: the file ends where a value is expected");
    check(
        "{\n \"MtaRoute\": [\n  {]}",
        "line 3, column 4: the name of a property in double quotes is expected here",
    );
    check("{\"Domain\": [}", "line 1, column 13: a value is expected here, not }");
    check("[] x", "line 1, column 4: something follows the end of the JSON value");
}

// proves: J9
#[test]
fn errors_of_objects_name_the_object_and_the_property() {
    let check = check_error;
    check(
        "{\"MtaRuote\": []}",
        "line 1, column 2: there is no type of object MtaRuote (did you mean MtaRoute?)",
    );
    check(
        "[{\"@type\": \"Relai\"}]",
        "line 1, column 12: there is no type of object Relai (did you mean Relay?)",
    );
    check(
        "[{\"@type\": \"Relay\", \"name\": \"r\",\n \"adress\": \"a.example\"}]",
        "line 2, column 2: MtaRoute r: there is no property adress (did you mean address?)",
    );
    check(
        "[{\"@type\": \"Relay\", \"address\": \"a.example\"}]",
        "line 1, column 2: MtaRoute: the property name is missing",
    );
}

// proves: J9, 5.12.1
#[test]
fn errors_of_values_say_what_is_allowed() {
    let check = check_error;
    check(
        "[{\"@type\": \"Relay\", \"name\": \"r\", \"address\": \"a.example\", \"port\": 70000}]",
        "line 1, column 66: MtaRoute r: port: 70000 is no port; ports are 1 to 65535",
    );
    check(
        "[{\"@type\": \"Relay\", \"name\": \"r\", \"address\": \"a.example\", \"protocol\": \"lmpt\"}]",
        "line 1, column 70: MtaRoute r: protocol: there is no value lmpt (did you mean lmtp?)",
    );
    check(
        "[{\"@type\": \"Relay\", \"name\": \"r\", \"address\": \"a.example\", \"implicitTls\": \"yes\"}]",
        "line 1, column 73: MtaRoute r: implicitTls: must be true or false, not the text \"yes\"",
    );
    check(
        "[{\"@type\": \"Relay\", \"name\": \"r\", \"address\": \"a b\"}]",
        "line 1, column 45: MtaRoute r: address: 'a b' is neither a host name nor an IP address",
    );
    check(
        "[{\"@type\": \"Relay\", \"name\": \"r\", \"address\": \"a\",\n\"authSecret\": {\"@type\": \"Value\", \"secert\": \"\"}}]",
        "line 2, column 34: MtaRoute r: authSecret: there is no property secert (did you mean secret?)",
    );
    check(
        "[{\"@type\": \"Local\", \"name\": \"l\", \"port\": 1}]",
        "line 1, column 34: MtaRoute l: there is no property port",
    );
    check(
        "[{\"@type\": \"Mx\", \"name\": \"m\", \"maxMxHosts\": 0}, {\"@type\": \"Mx\", \"name\": \"\"}]",
        "line 1, column 45: MtaRoute m: maxMxHosts: must be at least 1\n\
         line 1, column 73: MtaRoute: name: must not be empty",
    );
    check(
        "{\"MtaVirtualQueue\": {\"name\": \"overlong1\"}}",
        "line 1, column 30: MtaVirtualQueue overlong1: name: 'overlong1' has 9 bytes; 8 are allowed",
    );
    check(
        "{\"MtaConnectionStrategy\": {\"name\": \"c\", \"connectTimeout\": \"5m\"}}",
        "line 1, column 59: MtaConnectionStrategy c: connectTimeout: \
         must be a whole number of milliseconds, not the text \"5m\"",
    );
    check(
        "{\"MtaConnectionStrategy\": {\"name\": \"c\", \"sourceIps\": {\"0\": {\"sourceIp\": \"::\"}}}}",
        "line 1, column 73: MtaConnectionStrategy c: sourceIps.0.sourceIp: :: is no address of a host",
    );
    check(
        "{\"MtaOutboundStrategy\": {\"route\": {\"match\": [{\"if\": \"1\"}], \"else\": \"2\"}}}",
        "line 1, column 46: MtaOutboundStrategy: route.match.0: the property then is missing",
    );
    check(
        "[{\"@type\": \"Local\", \"name\": \"l\"}, {\"@type\": \"Local\", \"name\": \"l\"}]",
        "line 1, column 35: MtaRoute l: there are two of this name",
    );
    check("[{\"name\": \"l\"}]", "line 1, column 2: the property @type is missing");
    check("{\"a\": 1, \"a\": 2}", "line 1, column 10: a is there twice");
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "([\\[\\]{},:]|\"[a@\\\\n]{0,3}\"|\"@type\"|\"name\"|\"Relay\"|\"MtaRoute\"|1|-2.5|null|true| |\u{e9}){0,20}") {
        let _ = Settings::from_json(&text);
    }
}

// proves: J9
#[test]
fn every_fault_of_an_object_is_named() {
    let json = r#"{"MtaRoute": [
{"@type": "Relay", "name": "", "adress": "relay.example", "port": 70000, "protocol": "SMTP",
 "implicitTls": "yes", "authSecret": {"@type": "Flie", "filePath": "/x"}},
{"@type": "Mx", "name": "mx", "maxMxHosts": 0, "maxMultihomed": -1, "ipLookupStrategy": "v4thenv6"},
{"@type": "Mx"}],
"MtaDeliverySchedule": [{"name": "s", "queueId": "q", "retry": {"@type": "Custom", "intervals":
 [{"duration": 0}, {"duration": 60000}, {"duration": "x"}]}, "expiry": {"@type": "Ttl", "expire": true}}]}"#;
    let errors = Settings::from_json(json).unwrap_err();
    let said: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "line 2, column 32: MtaRoute: there is no property adress (did you mean address?)",
            "line 2, column 67: MtaRoute: port: 70000 is no port; ports are 1 to 65535",
            "line 2, column 86: MtaRoute: protocol: there is no value SMTP (did you mean smtp?)",
            "line 3, column 17: MtaRoute: implicitTls: must be true or false, not the text \"yes\"",
            "line 3, column 48: MtaRoute: authSecret: there is no value Flie (did you mean File?)",
            "line 2, column 28: MtaRoute: name: must not be empty",
            "line 4, column 45: MtaRoute mx: maxMxHosts: must be at least 1",
            "line 4, column 65: MtaRoute mx: maxMultihomed: must be a whole number, 0 or more, not -1",
            "line 4, column 89: MtaRoute mx: ipLookupStrategy: there is no value v4thenv6 (did you mean v4ThenV6?)",
            "line 5, column 1: MtaRoute: the property name is missing",
            "line 7, column 16: MtaDeliverySchedule s: retry.intervals.0.duration: must be a whole \
             number of milliseconds above 0",
            "line 7, column 54: MtaDeliverySchedule s: retry.intervals.2.duration: must be a whole \
             number of milliseconds, not the text \"x\"",
            "line 7, column 99: MtaDeliverySchedule s: expiry.expire: must be a whole number of milliseconds, not true"
        ]
    );
}

#[test]
fn a_file_full_of_faults_is_not_read_for_ever() {
    let many = (0..1000).map(|n| format!("\"p{n}\": {n}")).collect::<Vec<_>>().join(", ");
    let errors = Settings::from_json(&format!("{{\"@type\": \"Mx\", \"name\": \"a\", {many}}}")).unwrap_err();
    assert_eq!(errors.len(), 20);
}
