//! What has changed, applied to what a client had, gives what there is now.
#![allow(clippy::unwrap_used, reason = "test code")]

mod jmap_world;

use std::collections::BTreeMap;

use jmap_world::{ANN, Server};
use serde_json::{Value, json};

/// A sequence that is the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).unwrap()
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// What a client keeps of the account: states of messages, and the results of queries.
struct Client<'a> {
    server: &'a Server,
    queries: Vec<Value>,
    results: Vec<(String, Vec<String>)>,
    emails: (String, BTreeMap<String, Value>),
}

const KEPT: [&str; 2] = ["keywords", "mailboxIds"];

impl<'a> Client<'a> {
    async fn new(server: &'a Server, queries: Vec<Value>) -> Client<'a> {
        let mut client =
            Client { server, queries, results: Vec::new(), emails: (String::new(), BTreeMap::new()) };
        client.emails = client.all().await;
        for query in client.queries.clone() {
            client.results.push(client.query(&query).await);
        }
        client
    }

    async fn query(&self, query: &Value) -> (String, Vec<String>) {
        let found = self.server.call(ANN, "Email/query", query.clone()).await;
        (found["queryState"].as_str().unwrap().to_owned(), texts(&found["ids"]))
    }

    async fn all(&self) -> (String, BTreeMap<String, Value>) {
        let found = self.server.call(ANN, "Email/get", json!({ "ids": null, "properties": KEPT })).await;
        let list = found["list"].as_array().unwrap().iter();
        let by_id = list.map(|email| (email["id"].as_str().unwrap().to_owned(), email.clone())).collect();
        (found["state"].as_str().unwrap().to_owned(), by_id)
    }

    /// Learns what has changed, a few at a time, and compares with what there is.
    async fn catch_up(&mut self, seed: u64) {
        loop {
            let asked = json!({ "sinceState": self.emails.0, "maxChanges": 3 });
            let changes = self.server.call(ANN, "Email/changes", asked).await;
            texts(&changes["destroyed"]).iter().for_each(|id| drop(self.emails.1.remove(id)));
            let ids = [texts(&changes["created"]), texts(&changes["updated"])].concat();
            let got = self.server.call(ANN, "Email/get", json!({ "ids": ids, "properties": KEPT })).await;
            for email in got["list"].as_array().unwrap() {
                self.emails.1.insert(email["id"].as_str().unwrap().to_owned(), email.clone());
            }
            self.emails.0 = changes["newState"].as_str().unwrap().to_owned();
            if changes["hasMoreChanges"] == false {
                break;
            }
        }
        assert_eq!(self.emails.1, self.all().await.1, "seed {seed}");
        for (nth, query) in self.queries.clone().into_iter().enumerate() {
            let mut asked = query.clone();
            asked["sinceQueryState"] = self.results[nth].0.clone().into();
            asked["calculateTotal"] = true.into();
            let changes = self.server.call(ANN, "Email/queryChanges", asked).await;
            let removed = texts(&changes["removed"]);
            let (state, ids) = &mut self.results[nth];
            ids.retain(|id| !removed.contains(id));
            for added in changes["added"].as_array().unwrap() {
                let index = usize::try_from(added["index"].as_u64().unwrap()).unwrap();
                ids.insert(index.min(ids.len()), added["id"].as_str().unwrap().to_owned());
            }
            *state = changes["newQueryState"].as_str().unwrap().to_owned();
            let now = self.query(&query).await;
            assert_eq!(self.results[nth].1, now.1, "seed {seed}, {query}");
            assert_eq!(changes["total"], now.1.len());
        }
    }
}

async fn alter(server: &Server, dice: &mut Dice, mailboxes: &[String]) {
    let all = server.call(ANN, "Email/query", json!({})).await;
    let ids = texts(&all["ids"]);
    let mailbox = &mailboxes[dice.below(mailboxes.len())];
    let set = if ids.len() < 3 || dice.below(3) == 0 {
        let subject = ["Alpha", "Re: Alpha", "Beta", "Re: Beta"][dice.below(4)];
        let thread = ["a@x", "b@x"][dice.below(2)];
        let received = format!("2026-01-{:02}T00:00:00Z", 1 + dice.below(20));
        let email = json!({ "mailboxIds": { mailbox: true }, "subject": subject, "receivedAt": received, "references": [thread] });
        json!({ "create": { "k": email } })
    } else {
        let id = &ids[dice.below(ids.len())];
        let keyword = ["keywords/$seen", "keywords/$flagged", "keywords/todo"][dice.below(3)];
        match dice.below(6) {
            0 => json!({ "destroy": [id] }),
            1 => json!({ "update": { id: { "mailboxIds": { mailbox: true } } } }),
            2 => json!({ "update": { id: { keyword: null } } }),
            _ => json!({ "update": { id: { keyword: true } } }),
        }
    };
    server.call(ANN, "Email/set", set).await;
}

#[tokio::test]
async fn changes_lead_from_what_was_to_what_is() {
    for seed in 1..=4_u64 {
        let server = Server::new();
        let found = server.call(ANN, "Mailbox/query", json!({})).await;
        let mailboxes = texts(&found["ids"])[..3].to_vec();
        let by_date = json!([{ "property": "receivedAt" }]);
        let by_flag = json!([{ "property": "someInThreadHaveKeyword", "keyword": "$flagged", "isAscending": false }, { "property": "subject" }]);
        let queries = vec![
            json!({}),
            json!({ "filter": { "inMailbox": mailboxes[0] }, "sort": by_date }),
            json!({ "filter": { "notKeyword": "$seen" }, "collapseThreads": true, "sort": by_date }),
            json!({ "filter": { "noneInThreadHaveKeyword": "todo" }, "sort": by_flag }),
        ];
        let mut client = Client::new(&server, queries).await;
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..12 {
            for _ in 0..=dice.below(4) {
                alter(&server, &mut dice, &mailboxes).await;
            }
            client.catch_up(seed).await;
        }
    }
}
