//! The management API as clients meet it: sessions, refusals, limits, and bad input of every kind.

use serde_json::{Value, json};

use crate::fixture::{Place, SETTINGS};

fn request(calls: &Value) -> String {
    json!({ "using": ["urn:ietf:params:jmap:core", "urn:stalwart:jmap"], "methodCalls": calls }).to_string()
}

// proves: 5.17 JMAP errors
#[test]
fn calls_are_answered_in_order_and_refer_to_each_other() {
    let place = Place::storing(SETTINGS);
    let server = place.serve();
    let calls = json!([
        ["Core/echo", { "hello": true }, "c0"],
        ["x:MtaRoute/query", { "filter": { "name": "fallback" } }, "c1"],
        ["x:MtaRoute/get", { "#ids": { "resultOf": "c1", "name": "x:MtaRoute/query", "path": "/ids" },
                             "properties": ["name", "port"] }, "c2"],
        ["x:MtaVirtualQueue/set", { "create": { "q": { "name": "slow", "threadsPerNode": 1 } } }, "c3"],
        ["x:MtaDeliverySchedule/set", { "create": { "s": {
            "name": "slow", "queueId": "#q", "expiry": { "@type": "Ttl", "expire": 3600000 } } } }, "c4"],
        ["x:MtaRoute/burn", {}, "c5"],
        ["x:MtaOutboundStrategy/query", {}, "c6"],
        ["x:MtaRoute/get", { "ids": 5 }, "c7"],
        ["x:MtaRoute/get", { "accountId": "zz" }, "c8"],
        ["x:MtaRoute/query", { "filter": { "operator": "OR", "conditions": [] } }, "c9"],
    ]);
    let (status, head, body) = place.http("POST", "/api", &request(&calls));
    assert_eq!(status, 200, "{body}");
    assert!(head.contains("no-store") && head.contains("nosniff"), "{head}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    let of = |at: usize| &answer["methodResponses"][at];
    assert_eq!(of(0), &json!(["Core/echo", { "hello": true }, "c0"]));
    assert_eq!(of(2)[1]["list"][0]["port"], 587, "{answer}");
    assert_eq!(of(2)[1]["accountId"], "a");
    assert!(of(3)[1]["created"]["q"]["id"].is_string(), "{}", of(3));
    assert_eq!(of(4)[1]["notCreated"], Value::Null, "{}", of(4));
    let expected =
        ["unknownMethod", "unknownMethod", "invalidArguments", "accountNotFound", "unsupportedFilter"];
    for (at, kind) in (5..).zip(expected) {
        assert_eq!((&of(at)[0], &of(at)[1]["type"]), (&json!("error"), &json!(kind)), "{}", of(at));
    }
    assert!(server.end().success());
}

// proves: 5.17 JMAP errors, J9, L11
#[test]
fn bad_input_is_refused_and_harms_nobody() {
    let place = Place::storing(SETTINGS);
    let server = place.serve();
    let deep = format!("{{\"using\":[],\"methodCalls\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let many = vec!["[\"Core/echo\",{},\"c\"]"; 65].join(",");
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(10_000_000));
    for (body, status, kind) in [
        ("", 400, "notJSON"),
        ("{\"using\":[\"urn:", 400, "notJSON"),
        ("{\"using\":[],\"using\":[],\"methodCalls\":[]}", 400, "notJSON"),
        (&deep, 400, "notJSON"),
        ("[]", 400, "notRequest"),
        ("{\"using\":[],\"methodCalls\":[[1]]}", 400, "notRequest"),
        ("{\"using\":[\"urn:x\"],\"methodCalls\":[]}", 400, "unknownCapability"),
        (&format!("{{\"using\":[],\"methodCalls\":[{many}]}}"), 400, "limit"),
        (&large, 413, "limit"),
    ] {
        let shown = &body[..body.len().min(60)];
        let (found, head, answer) = place.http("POST", "/jmap", body);
        assert_eq!(found, status, "{shown}: {answer}");
        assert!(head.contains("application/problem+json"), "{shown}: {head}");
        let problem: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(problem["type"], format!("urn:ietf:params:jmap:error:{kind}"), "{shown}");
    }
    let plain = "POST /jmap HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\
                 Connection: close\r\n\r\n{}";
    assert_eq!(place.raw_http(plain).0, 400);
    let smuggled = "POST /jmap HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\
                    Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n";
    assert_eq!(place.raw_http(smuggled).0, 400);
    let long = format!("GET /jmap HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    assert_eq!(place.raw_http(&long).0, 431);
    assert_eq!(place.http("DELETE", "/jmap", "").0, 405);
    for path in ["/jmap/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/jmap/download/a/../x/y"] {
        let (status, _, body) = place.http("GET", path, "");
        assert!(!body.contains("root:"), "{path}: {status}");
    }
    for (object, wrong) in [
        ("MtaRoute", json!({ "@type": "Relay", "name": "w", "address": "192.0.2.1", "port": 70000 })),
        ("MtaRoute", json!({ "@type": "Relay", "name": "w", "address": "192.0.2.1", "protocol": "pigeon" })),
        ("MtaRoute", json!({ "@type": "Mx", "name": "w", "maxMxHosts": 0 })),
        ("MtaRoute", json!({ "@type": "Mxx", "name": "w" })),
        ("MtaRoute", json!({ "name": "w" })),
        ("MtaRoute", json!({ "@type": "Mx", "name": "w", "colour": "red" })),
        ("MtaRoute", json!({ "@type": "Mx", "name": 5 })),
        ("MtaRoute", json!([])),
        ("Domain", json!(null)),
    ] {
        let answer = place.asked(&format!("x:{object}/set"), &json!({ "create": { "w": wrong } }));
        assert!(answer["notCreated"]["w"]["type"].is_string(), "{wrong}: {answer}");
    }
    assert_eq!(place.asked("x:Settings/get", &json!({}))["list"][0]["revision"], 1);
    assert!(server.end().success());
}

#[test]
fn the_session_object_is_where_the_standard_says() {
    let place = Place::storing(SETTINGS);
    let server = place.serve();
    let (status, head, _) = place.http("GET", "/.well-known/jmap", "");
    assert_eq!(status, 307, "{head}");
    let path = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    let (status, _, body) = place.http("GET", path, "");
    assert_eq!(status, 200, "{body}");
    let session: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(session["primaryAccounts"]["urn:stalwart:jmap"], "a", "{session}");
    assert!(server.end().success());
}
