//! What holds for JMAP over HTTP: who is let in, how much may be asked, what browsers are told.
#![allow(clippy::unwrap_used, reason = "test code")]

mod jmap_world;

use jmap_world::{ANN, BOB, Server};
use serde_json::{Value, json};

const SESSION: &str = "GET /.well-known/jmap HTTP/1.1";
const REQUEST: &str = "POST /jmap HTTP/1.1\r\nContent-Type: application/json";

#[tokio::test]
async fn who_is_not_known_is_not_let_in() {
    let server = Server::new();
    for path in ["GET /.well-known/jmap", "POST /jmap", "GET /jmap/download/a/be1/x", "POST /jmap/upload/a/"]
    {
        let answer = server.http(&format!("{path} HTTP/1.1"), None, b"").await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.head.to_ascii_lowercase().contains("www-authenticate: basic"), "{}", answer.head);
        assert_eq!(server.http(&format!("{path} HTTP/1.1"), Some("eve@here.test"), b"").await.status, 401);
    }
    assert_eq!(server.http(SESSION, Some(ANN), b"").await.status, 200);
}

#[tokio::test]
async fn a_session_says_what_there_is() {
    let server = Server::new();
    let session = server.http(SESSION, Some(ANN), b"").await.json();
    assert_eq!(session["username"], ANN);
    assert_eq!(session["apiUrl"], "http://mail.here.test/jmap");
    for (url, parts) in [
        ("downloadUrl", &["{accountId}", "{blobId}", "{name}", "{type}"][..]),
        ("uploadUrl", &["{accountId}"]),
        ("eventSourceUrl", &["{types}", "{closeafter}", "{ping}"]),
    ] {
        assert!(parts.iter().all(|part| session[url].as_str().unwrap().contains(part)), "{url}");
    }
    let account = session["primaryAccounts"]["urn:ietf:params:jmap:mail"].as_str().unwrap();
    let mail = &session["accounts"][account]["accountCapabilities"]["urn:ietf:params:jmap:mail"];
    assert!(mail["emailQuerySortOptions"].as_array().unwrap().contains(&json!("receivedAt")));
    assert_eq!(session["accounts"][account]["isPersonal"], true);
    let other = server.http(SESSION, Some(BOB), b"").await.json();
    assert!(other["accounts"].get(account).is_none(), "each has an account of its own");
}

// proves: 5.17 JMAP errors, L11
#[tokio::test]
async fn what_is_no_request_is_a_problem() {
    let server = Server::new();
    let core = "urn:ietf:params:jmap:core";
    let many: Vec<Value> = (0..65).map(|nth| json!(["Core/echo", {}, nth.to_string()])).collect();
    for (body, kind, limit) in [
        ("{".to_owned(), "notJSON", None),
        ("[".repeat(100_000), "notJSON", None),
        (r#"{"using":[],"using":[]}"#.to_owned(), "notJSON", None),
        ("[]".to_owned(), "notRequest", None),
        (json!({ "using": [core], "methodCalls": [["Core/echo", {}]] }).to_string(), "notRequest", None),
        (json!({ "using": ["urn:x"], "methodCalls": [] }).to_string(), "unknownCapability", None),
        (json!({ "using": [core], "methodCalls": many }).to_string(), "limit", Some("maxCallsInRequest")),
        (" ".repeat(10_000_001), "limit", Some("maxSizeRequest")),
    ] {
        let answer = server.http(REQUEST, Some(ANN), body.as_bytes()).await;
        let problem = answer.json();
        assert_eq!(problem["type"], format!("urn:ietf:params:jmap:error:{kind}"));
        assert_eq!(problem["status"], answer.status);
        assert_eq!(problem.get("limit").and_then(Value::as_str), limit);
        assert!(answer.head.contains("application/problem+json"));
    }
    let answer = server.http("POST /jmap HTTP/1.1\r\nContent-Type: text/plain", Some(ANN), b"{}").await;
    assert_eq!(answer.json()["type"], "urn:ietf:params:jmap:error:notJSON");
}

#[tokio::test]
async fn more_objects_than_announced_are_refused() {
    let server = Server::new();
    let account = server.account_id(ANN).await;
    let ids: Vec<String> = (0..1001).map(|nth| format!("e{nth}")).collect();
    let calls = json!([
        ["Email/get", { "accountId": account, "ids": ids }, "0"],
        ["Email/set", { "accountId": account, "destroy": ids }, "1"],
        ["Email/parse", { "accountId": account, "blobIds": ids }, "2"],
        ["Mailbox/get", { "accountId": account, "ids": null }, "3"],
    ]);
    let using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"];
    let answer = server.request(ANN, &json!({ "using": using, "methodCalls": calls })).await.json();
    for nth in 0..3 {
        assert_eq!(answer["methodResponses"][nth][1]["type"], "requestTooLarge");
    }
    assert_eq!(answer["methodResponses"][3][0], "Mailbox/get");
    let closed = json!({ "using": ["urn:ietf:params:jmap:core"], "methodCalls": [["Mailbox/get", { "accountId": account }, "0"]] });
    let answer = server.request(ANN, &closed).await.json();
    assert_eq!(answer["methodResponses"][0][1]["type"], "unknownMethod");
}

#[tokio::test]
async fn content_is_never_a_page_of_ours() {
    let server = Server::new();
    let account = server.account_id(ANN).await;
    let upload = format!("POST /jmap/upload/{account}/ HTTP/1.1\r\nContent-Type: text/html");
    let answer = server.http(&upload, Some(ANN), b"<script>alert(1)</script>").await;
    assert_eq!(answer.status, 201);
    let blob = answer.json()["blobId"].as_str().unwrap().to_owned();
    let get = format!("GET /jmap/download/{account}/{blob}/x%22%0d%0aA.html?type=text/html HTTP/1.1");
    let answer = server.http(&get, Some(ANN), b"").await;
    let head = answer.head.to_ascii_lowercase();
    for expected in [
        "content-type: text/html",
        "content-disposition: attachment; filename=\"x_a.html\"",
        "content-security-policy: default-src 'none'; sandbox",
        "x-content-type-options: nosniff",
        "access-control-allow-origin: *",
    ] {
        assert!(head.contains(expected), "{expected} is not in {head}");
    }
    assert!(!head.contains("access-control-allow-credentials"));
    assert_eq!(server.http(&get, Some(BOB), b"").await.status, 404);
    assert_eq!(server.http(&upload, Some(BOB), b"x").await.status, 404);
    let preflight = server.http("OPTIONS /jmap HTTP/1.1\r\nOrigin: https://web.example", None, b"").await;
    assert_eq!(preflight.status, 204);
    assert!(preflight.head.to_ascii_lowercase().contains("access-control-allow-headers: authorization"));
}

#[tokio::test]
async fn states_survive_and_quotas_hold() {
    let server = Server::new();
    let drafts = server.call(ANN, "Mailbox/query", json!({ "filter": { "role": "drafts" } })).await;
    let drafts = drafts["ids"][0].as_str().unwrap().to_owned();
    let text = "x".repeat(4_000_000);
    let email = |_| json!({ "mailboxIds": { &drafts: true }, "textBody": [{ "partId": "1" }], "bodyValues": { "1": { "value": text } } });
    let mut refused = None;
    for nth in 0..4 {
        let set = server.call(ANN, "Email/set", json!({ "create": { "k": email(nth) } })).await;
        if set["created"].is_null() {
            refused = Some((nth, set["notCreated"]["k"]["type"].clone()));
            break;
        }
    }
    assert_eq!(refused, Some((2, json!("overQuota"))));
}
