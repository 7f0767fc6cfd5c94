//! A server that answers anything: no answer makes the client panic, hang or print what could steer a terminal.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::task::JoinSet;

use super::{Client, Place, call};
use crate::failure::{Failure, Kind};
use crate::paint::Paint;

/// A client of a server that answers each connection with these bytes.
struct Fake {
    client: Client,
    _directory: TempDir,
    _server: JoinSet<()>,
}

fn fake(answer: impl Into<Vec<u8>>) -> Fake {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("admin.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let answer = answer.into();
    let mut server = JoinSet::new();
    server.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
        }
    });
    Fake { client: Client::new(Place::Socket(path)), _directory: directory, _server: server }
}

fn page(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

async fn asked(answer: impl Into<Vec<u8>>) -> Result<Value, Failure> {
    fake(answer).client.ask("MtaRoute", "get", json!({})).await
}

#[tokio::test]
async fn an_answer_is_the_arguments_of_its_response() {
    let body = json!({"methodResponses": [["x:MtaRoute/get", {"list": []}, "c0"]]}).to_string();
    assert_eq!(asked(page("200 OK", &body)).await, Ok(json!({"list": []})));
}

#[tokio::test]
async fn garbage_is_said_to_be_garbage() {
    for (answer, kind) in [
        (String::new(), Kind::Unreachable),
        ("\u{0}\u{1}garbage\r\n\r\n".to_owned(), Kind::Unreachable),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nshort".to_owned(), Kind::Unreachable),
        (page("200 OK", ""), Kind::Failed),
        (page("200 OK", "<html>\u{1b}[2J</html>"), Kind::Failed),
        (page("200 OK", "null"), Kind::Failed),
        (page("200 OK", r#"{"methodResponses": {}}"#), Kind::Failed),
        (page("200 OK", r#"{"methodResponses": []}"#), Kind::Failed),
        (page("200 OK", r#"{"methodResponses": [[1, 2, 3]]}"#), Kind::Failed),
        (page("200 OK", r#"{"methodResponses": [["error", null, "c0"]]}"#), Kind::Refused),
        (page("200 OK", r#"{"methodResponses": [["error", {"type": "\u001b[31m"}, "c0"]]}"#), Kind::Refused),
        (page("401 Unauthorized", r#"{"detail": "no"}"#), Kind::Refused),
        (page("500 Internal Server Error", "\u{1b}]0;x\u{7}"), Kind::Refused),
        (page("302 Found", ""), Kind::Refused),
        (page("200 OK", &"[".repeat(100_000)), Kind::Failed),
    ] {
        let shown: String = answer.chars().take(60).collect();
        let failure = asked(answer).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{shown:?}: {failure:?}");
        let words = failure.words(Paint::plain());
        assert!(words.chars().all(|c| !c.is_control() || c == '\n'), "{words:?}");
    }
}

#[tokio::test]
async fn one_call_of_several_may_fail() {
    let responses =
        json!({"methodResponses": [["error", {"type": "forbidden"}, "c0"], ["x:B/get", {}, "c1"]]});
    let fake = fake(page("200 OK", &responses.to_string()));
    let answers =
        fake.client.batch(&[call("A", "get", json!({})), call("B", "get", json!({}))]).await.unwrap();
    assert!(answers[0].is_err() && answers[1].is_ok());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_with_how_to_start_it() {
    let client = Client::new(Place::Socket(Path::new("no/such/admin.sock").to_owned()));
    let failure = client.ask("A", "get", json!({})).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Unreachable);
    assert!(failure.hint.unwrap().contains("waypost serve"));
}

#[tokio::test]
async fn a_connection_that_the_server_has_closed_is_made_again() {
    let body = json!({"methodResponses": [["x:A/get", {}, "c0"]]}).to_string();
    let fake = fake(page("200 OK", &body));
    for _ in 0..3 {
        assert!(fake.client.ask("A", "get", json!({})).await.is_ok());
    }
}
