//! Asks the management API of a server that runs, over its Unix socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::process::eventually;
use crate::waypost::Waypost;

impl Waypost {
    /// The arguments of the answer to one method, such as `x:RouteTest/get`; panics if it is an error.
    #[track_caller]
    pub fn ask(&self, method: &str, arguments: &Value) -> Value {
        let request = json!({ "using": ["urn:stalwart:jmap"], "methodCalls": [[method, arguments, "0"]] });
        let answer = self.post("/jmap", &request.to_string());
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
        let response = &answer["methodResponses"][0];
        assert_eq!(response[0], method, "{method}: {answer}");
        response[1].clone()
    }

    /// The body of the answer to what is posted.
    #[track_caller]
    pub fn post(&self, path: &str, body: &str) -> String {
        let socket = self.path("data").join("admin.sock");
        // Mail is taken a moment before.
        let mut stream = eventually("the socket of the API is there", || UnixStream::connect(&socket).ok());
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body.as_bytes()))
            .expect("it is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it is answered");
        answer.split_once("\r\n\r\n").expect("a head and a body").1.to_owned()
    }
}
