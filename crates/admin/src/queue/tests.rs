//! The queue as operators see and change it.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use mail::{Address, MessageId, Notify, Origin, RecipientId, ReversePath, Source, Timestamp};
use mail::{EnhancedStatus, Reply};
use policy::check::Environment;
use policy::outcome::Delivered;
use policy::{Accepted, Expiry, NewRecipient, Progress, Scope, Trouble, TroubleKind, Verdict};
use store::{Claim, Ending, Settlement};

use super::*;
use crate::caller::Role;
use crate::testing::{HandClock, world_and_clock};

const LEASE: Duration = Duration::from_secs(60);

struct Desk {
    office: Office,
    clock: Arc<HandClock>,
    _configuration: watch::Sender<Arc<Configuration>>,
}

fn configuration() -> Configuration {
    let json = r#"{
        "SystemSettings": {"defaultHostname": "mx.home.example", "defaultDomain": "home.example"},
        "MtaRoute": [
            {"@type": "Relay", "name": "one", "address": "192.0.2.1"},
            {"@type": "Relay", "name": "two", "address": "192.0.2.2"}
        ],
        "MtaOutboundStrategy": {"route": {"else": "'one'"}}
    }"#;
    Configuration::from_settings_json(json, &Environment::default()).unwrap_or_else(|why| panic!("{why:?}"))
}

impl Desk {
    fn open() -> Self {
        let (world, clock) = world_and_clock();
        let (sender, configuration) = watch::channel(Arc::new(configuration()));
        let office = Office { world, configuration, jobs: Jobs::default(), tasks: TaskTracker::new() };
        Desk { office, clock, _configuration: sender }
    }

    fn now(&self) -> Timestamp {
        self.office.world.clock.now()
    }

    async fn accept(&self, sender: &str, recipients: &[&str], due: u64) -> MessageId {
        let now = self.now();
        let recipient = |address: &&str| NewRecipient {
            forward_path: Address::parse(address).unwrap(),
            original: None,
            notify: Notify::DEFAULT,
            progress: Progress {
                due: now.plus(Duration::from_secs(due)),
                notify_due: Some(now.plus(Duration::from_secs(due + 3600))),
                expiry: Expiry::At(now.plus(Duration::from_secs(due + 86_400))),
                virtual_queue: "remote".to_owned(),
                ..Progress::unscheduled(now)
            },
        };
        let origin = Origin {
            source: Source::Authenticated,
            listener: "submission".into(),
            client_ip: IpAddr::from([192, 0, 2, 1]),
            local_port: 587,
            authenticated_as: Some("alice".into()),
        };
        let path = ReversePath::Address(Address::parse(sender).unwrap());
        let recipients = recipients.iter().map(recipient).collect();
        let accepted = Accepted::unchecked(path, now, origin, 5, recipients);
        let content = Content::Memory(Bytes::from_static(b"hello"));
        self.office.world.store.accept(accepted, content).await.unwrap()
    }

    async fn claim(&self) -> Vec<Claim> {
        self.office.world.store.claim(self.now(), LEASE, 1000).await.unwrap()
    }

    /// Tries all that is due, and settles each as this says.
    async fn attempt(&self, verdict: impl Fn(&str, &Progress) -> Verdict) -> Vec<String> {
        let mut tried = Vec::new();
        for claim in self.claim().await {
            let ids: Vec<RecipientId> = claim.recipients.iter().map(|queued| queued.recipient.id).collect();
            self.office.world.store.begin(claim.lease, &ids, self.now(), LEASE).await.unwrap();
            let ending = |queued: &store::QueuedRecipient| {
                let address = queued.recipient.forward_path.to_string();
                Ending {
                    recipient: queued.recipient.id,
                    verdict: verdict(&address, &queued.progress),
                    owed: false,
                }
            };
            tried.extend(claim.recipients.iter().map(|queued| queued.recipient.forward_path.to_string()));
            let settlement = Settlement {
                lease: claim.lease,
                message: claim.envelope.message,
                endings: claim.recipients.iter().map(ending).collect(),
                told: Vec::new(),
                deposits: Vec::new(),
                notices: Vec::new(),
            };
            self.office.world.store.settle(settlement).await.unwrap();
        }
        tried
    }

    async fn call(&self, method: &str, arguments: Value) -> Value {
        self.ask(method, arguments).await.unwrap_or_else(|error| panic!("{method}: {error:?}"))
    }

    async fn ask(&self, method: &str, arguments: Value) -> Result<Value, MethodError> {
        let (object, verb) = method.split_once('/').unwrap();
        answer(&self.office, &Caller::new("alice", Role::Operator), object, verb, arguments).await
    }

    async fn message(&self, id: MessageId) -> Value {
        self.call("QueuedMessage/get", json!({ "ids": [id.to_string()] })).await["list"][0].clone()
    }

    async fn query(&self, arguments: Value) -> Vec<String> {
        let answer = self.call("QueuedMessage/query", arguments).await;
        answer["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    async fn update(&self, id: MessageId, patch: Value) -> Value {
        let answer = self.call("QueuedMessage/set", json!({ "update": { id.to_string(): patch } })).await;
        answer.get("notUpdated").map_or(Value::Null, |errors| errors[id.to_string()].clone())
    }

    async fn job(&self, wanted: Value) -> Value {
        let answer = self.call("QueueJob/set", json!({ "create": { "j": wanted } })).await;
        let Some(id) = answer["created"]["j"]["id"].as_str().map(str::to_owned) else { return answer };
        for _ in 0..10_000 {
            tokio::task::yield_now().await;
            let job = self.call("QueueJob/get", json!({ "ids": [id] })).await["list"][0].clone();
            if job["state"] != "running" {
                return job;
            }
        }
        panic!("the job does not end");
    }
}

fn delivered() -> Verdict {
    let reply = Reply::new(250, Some(EnhancedStatus::new(2, 0, 0)), "queued");
    let host = "mx.example.net".to_owned();
    Verdict::Delivered(Delivered { host, reply, last_hop: false, dsn_handed_on: false, traced: false })
}

fn deferred(progress: &Progress) -> Verdict {
    let trouble = Trouble {
        scope: Scope::Recipient,
        kind: TroubleKind::UnexpectedReply,
        status: EnhancedStatus::new(4, 2, 0),
        text: "mx.example.net refused RCPT TO: 450 later".to_owned(),
        host: "mx.example.net".to_owned(),
        reply: Some(("RCPT TO".to_owned(), Reply::new(450, None, "later"))),
        in_doubt: false,
    };
    Verdict::Retry(Progress {
        retry_num: progress.retry_num + 1,
        due: progress.due.plus(Duration::from_secs(600)),
        last: Some(trouble),
        ..progress.clone()
    })
}

// proves: 5.15.1
#[tokio::test]
async fn a_message_is_shown_as_its_envelope_says() {
    let desk = Desk::open();
    let id = desk.accept("ann@home.example", &["bob@one.example", "eve@two.example"], 60).await;
    let shown = desk.message(id).await;
    let now = desk.now();
    let time = |seconds| Value::from(now.plus(Duration::from_secs(seconds)).rfc3339());
    assert_eq!(shown["id"], id.to_string());
    assert_eq!((&shown["createdAt"], &shown["nextRetry"]), (&time(0), &time(60)));
    assert_eq!((&shown["nextNotify"], &shown["returnPath"]), (&time(3660), &"ann@home.example".into()));
    assert_eq!(shown["flags"], json!({ "authenticated": true }));
    assert_eq!((&shown["size"], &shown["receivedViaPort"]), (&5.into(), &587.into()));
    let bob = &shown["recipients"]["bob@one.example"];
    assert_eq!(bob["expires"], json!({ "@type": "Ttl", "expiresAt": time(86_460) }));
    assert_eq!((&bob["status"], &bob["retryCount"]), (&json!({ "@type": "Scheduled" }), &0.into()));
    assert_eq!((&bob["queueName"], &bob["route"]), (&"remote".into(), &"one".into()));
    assert_eq!((&bob["reason"], &bob["nextHop"]), (&"else".into(), &"relay via one".into()));
    assert!(bob["why"].as_str().unwrap().starts_with("waits for its first attempt, due "), "{bob}");
    let none = desk.call("QueuedMessage/get", json!({ "ids": ["1", "nonsense"] })).await;
    assert_eq!(none, json!({ "list": [], "notFound": ["1", "nonsense"] }));
    let some = desk.call("QueuedMessage/get", json!({ "ids": null, "properties": ["size"] })).await;
    assert_eq!(some["list"], json!([{ "id": id.to_string(), "size": 5 }]));
}

// proves: 5.15.2
#[tokio::test]
async fn who_has_got_it_is_shown_until_the_last_has() {
    let desk = Desk::open();
    let id = desk.accept("ann@home.example", &["bob@one.example", "eve@two.example"], 0).await;
    desk.attempt(
        |address, progress| if address.starts_with("bob") { delivered() } else { deferred(progress) },
    )
    .await;
    let shown = desk.message(id).await;
    let (bob, eve) = (&shown["recipients"]["bob@one.example"], &shown["recipients"]["eve@two.example"]);
    assert_eq!((&bob["status"]["@type"], &bob["retryCount"]), (&"Completed".into(), &0.into()));
    assert_eq!(bob["status"]["responseHostname"], "mx.example.net");
    assert_eq!((&eve["status"]["@type"], &eve["retryCount"]), (&"TemporaryFailure".into(), &1.into()));
    assert_eq!(eve["status"]["errorType"], "unexpectedResponse");
    assert_eq!(eve["status"]["errorCommand"], "RCPT TO");
    assert!(eve["why"].as_str().unwrap().starts_with("mx.example.net refused it for now: 450"), "{eve}");
    desk.clock.pass(Duration::from_secs(600));
    desk.attempt(|_, _| delivered()).await;
    assert!(desk.message(id).await.is_null());
}

// proves: 5.15.3
#[tokio::test]
async fn filters_find_what_they_mean() {
    let desk = Desk::open();
    let mut ids = Vec::new();
    for (sender, recipient, due) in [
        ("ann@home.example", "bob@one.example", 10),
        ("ann@home.example", "eve@two.example", 20),
        ("zoe@home.example", "bob@two.example", 30),
    ] {
        ids.push(desk.accept(sender, &[recipient], due).await.to_string());
    }
    let at = desk.now().plus(Duration::from_secs(20)).rfc3339();
    let check = async |filter: Value, expected: &[usize]| {
        let sort = json!([{ "property": "due", "isAscending": true }]);
        let found = desk.query(json!({ "filter": filter, "sort": sort })).await;
        let expected: Vec<_> = expected.iter().map(|at| ids[*at].clone()).collect();
        assert_eq!(found, expected, "{filter}");
    };
    check(json!({}), &[0, 1, 2]).await;
    check(json!({ "returnPath": "ann@" }), &[0, 1]).await;
    check(json!({ "to": "@two.example" }), &[1, 2]).await;
    check(json!({ "returnPath": "ann@", "to": "@two.example" }), &[1]).await;
    check(json!({ "text": "bob" }), &[0, 2]).await;
    check(json!({ "text": "zoe", "to": "nobody" }), &[2]).await;
    check(json!({ "dueIsLessThan": at }), &[0]).await;
    check(json!({ "dueIsLessThanOrEqual": at }), &[0, 1]).await;
    check(json!({ "dueIsGreaterThan": at }), &[2]).await;
    check(json!({ "due": at, "text": "ann" }), &[1]).await;
    check(json!({ "queueName": "remote", "held": false }), &[0, 1, 2]).await;
    check(json!({ "expression": "rcpt_domain == 'two.example' && sender != 'ann@home.example'" }), &[2])
        .await;
    check(
        json!({ "expression": "status == 'scheduled' && cause == 'new' && !held && age < 60" }),
        &[0, 1, 2],
    )
    .await;
    let conditions = json!([{ "returnPath": "ann@" }, { "to": "one" }]);
    check(json!({ "operator": "AND", "conditions": conditions }), &[0]).await;
    for (arguments, kind) in [
        (json!({ "filter": { "operator": "OR", "conditions": [] } }), "unsupportedFilter"),
        (json!({ "filter": { "colour": "red" } }), "unsupportedFilter"),
        (json!({ "filter": { "expression": "rcpt_domian == 'x'" } }), "unsupportedFilter"),
        (json!({ "filter": { "expression": "dns_query(rcpt_domain, 'mx') == 'x'" } }), "unsupportedFilter"),
        (json!({ "sort": [{ "property": "size" }] }), "unsupportedSort"),
        (json!({ "anchor": "99" }), "anchorNotFound"),
        (json!({ "limit": -1 }), "invalidArguments"),
    ] {
        assert_eq!(
            desk.ask("QueuedMessage/query", arguments.clone()).await.unwrap_err().kind,
            kind,
            "{arguments}"
        );
    }
}

// proves: 5.15.4
#[tokio::test]
async fn pages_go_by_position_and_by_anchor_both_ways() {
    let desk = Desk::open();
    let mut ids = Vec::new();
    for due in 0..5 {
        ids.push(
            desk.accept("ann@home.example", &["a@one.example", "b@one.example"], due * 10).await.to_string(),
        );
    }
    for ascending in [true, false] {
        let sort = json!([{ "property": "due", "isAscending": ascending }]);
        let mut all = Vec::new();
        for position in [0, 2, 4] {
            all.extend(desk.query(json!({ "sort": sort, "position": position, "limit": 2 })).await);
        }
        let mut expected = ids.clone();
        if !ascending {
            expected.reverse();
        }
        assert_eq!(all, expected);
        let mut by_anchor = vec![expected[0].clone()];
        while let Some(anchor) = by_anchor.last().cloned() {
            let arguments = json!({ "sort": sort, "anchor": anchor, "anchorOffset": 1, "limit": 2 });
            let page = desk.query(arguments).await;
            if page.is_empty() {
                break;
            }
            by_anchor.extend(page);
        }
        assert_eq!(by_anchor, expected);
        let last = desk.query(json!({ "sort": sort, "position": -1, "limit": 2 })).await;
        assert_eq!(last, expected[4..]);
    }
    let counted = desk.call("QueuedMessage/query", json!({ "limit": 1, "calculateTotal": true })).await;
    assert_eq!((&counted["total"], &counted["ids"]), (&5.into(), &json!([ids[4]])));
}

// proves: 5.15.5, 5.15.6
#[tokio::test]
async fn the_next_attempt_is_when_the_operator_says() {
    let desk = Desk::open();
    let id = desk.accept("ann@home.example", &["bob@one.example", "eve@two.example"], 600).await;
    assert!(desk.claim().await.is_empty());
    let now = desk.now().rfc3339();
    assert!(desk.update(id, json!({ "recipients/bob@one.example/retryDue": now })).await.is_null());
    assert_eq!(desk.attempt(|_, progress| deferred(progress)).await, ["bob@one.example"]);
    let far = "2200-01-01T00:00:00Z";
    assert!(desk.update(id, json!({ "recipients/eve@two.example/retryDue": far })).await.is_null());
    let shown = desk.message(id).await;
    assert_eq!(shown["recipients"]["eve@two.example"]["retryDue"], far);
    assert_ne!(shown["recipients"]["bob@one.example"]["retryDue"], far);
    assert!(desk.update(id, json!({ "nextRetry": "2000-01-01T00:00:00Z" })).await.is_null());
    assert_eq!(desk.attempt(|_, _| delivered()).await.len(), 2);
    assert!(desk.message(id).await.is_null());
}

// proves: 5.17 JMAP errors
#[tokio::test]
async fn a_patch_that_makes_no_sense_is_refused_with_its_path() {
    let desk = Desk::open();
    let id = desk.accept("ann@home.example", &["bob@one.example"], 600).await;
    for (patch, path, kind) in [
        (
            json!({ "recipients/eve@x.example/retryDue": "2026-01-01T00:00:00Z" }),
            "recipients/eve@x.example/retryDue",
            "invalidProperties",
        ),
        (
            json!({ "recipients/bob@one.example/retryDue": "soon" }),
            "recipients/bob@one.example/retryDue",
            "invalidProperties",
        ),
        (
            json!({ "recipients/bob@one.example/queueName": "x" }),
            "recipients/bob@one.example/queueName",
            "invalidProperties",
        ),
        (json!({ "size": 1 }), "size", "invalidProperties"),
        (json!({ "colour": 1 }), "colour", "invalidProperties"),
        (json!({ "recipients": {} }), "recipients", "invalidPatch"),
        (json!({ "recipients/bob@one.example/override": "nowhere" }), "override", "invalidProperties"),
    ] {
        let error = desk.update(id, patch.clone()).await;
        assert_eq!((&error["type"], &error["properties"]), (&kind.into(), &json!([path])), "{patch}");
    }
    let created = desk.call("QueuedMessage/set", json!({ "create": { "a": {} } })).await;
    assert_eq!(created["notCreated"]["a"]["description"], "Queued messages cannot be created");
    let both = json!({ "update": { id.to_string(): {} }, "destroy": [id.to_string()] });
    let both = desk.call("QueuedMessage/set", both).await;
    assert_eq!(both["notUpdated"][id.to_string()]["type"], "willDestroy");
    assert_eq!(both["destroyed"], json!([id.to_string()]));
}

#[tokio::test]
async fn each_property_can_be_patched_alone() {
    let desk = Desk::open();
    let id = desk.accept("ann@home.example", &["bob@one.example"], 600).await;
    let path = |name: &str| format!("recipients/bob@one.example/{name}");
    let patch = json!({
        path("retryCount"): 7, path("notifyCount"): 2, path("notifyDue"): null,
        path("expires"): { "@type": "Attempts", "expiresAttempts": 9 }, path("override"): "two",
    });
    assert!(desk.update(id, patch).await.is_null());
    let bob = desk.message(id).await["recipients"]["bob@one.example"].clone();
    assert_eq!(
        (&bob["retryCount"], &bob["notifyCount"], &bob["notifyDue"]),
        (&7.into(), &2.into(), &Value::Null)
    );
    assert_eq!(bob["expires"], json!({ "@type": "Attempts", "expiresAttempts": 9 }));
    assert_eq!((&bob["override"], &bob["route"]), (&"two".into(), &"two".into()));
    assert!(bob["reason"].as_str().unwrap().starts_with("operator alice chose 'two' at "), "{bob}");
    let attempts = json!({ path("expires/expiresAttempts"): 12, path("override"): null });
    assert!(desk.update(id, attempts).await.is_null());
    let bob = desk.message(id).await["recipients"]["bob@one.example"].clone();
    assert_eq!((&bob["expires"]["expiresAttempts"], &bob["route"]), (&12.into(), &"one".into()));
}

// proves: 5.15.7, 5.15.8
#[tokio::test]
async fn who_is_cancelled_has_failed_and_the_others_go_on() {
    let desk = Desk::open();
    let to = ["bob@one.example", "eve@two.example"];
    let id = desk.accept("ann@home.example", &to, 600).await;
    assert!(desk.update(id, json!({ "recipients/bob@one.example": null })).await.is_null());
    let shown = desk.message(id).await;
    let bob = &shown["recipients"]["bob@one.example"];
    assert_eq!(bob["status"]["@type"], "PermanentFailure");
    assert_eq!(bob["status"]["errorMessage"], "delivery cancelled by alice");
    assert_eq!(shown["recipients"]["eve@two.example"]["status"]["@type"], "Scheduled");
    let revived = json!({ "recipients/bob@one.example/status": { "@type": "Scheduled" } });
    assert!(desk.update(id, revived).await.is_null());
    assert_eq!(desk.message(id).await["recipients"]["bob@one.example"]["status"]["@type"], "Scheduled");
    let all = json!({ "recipients/bob@one.example": null, "recipients/eve@two.example": null });
    assert!(desk.update(id, all).await.is_null());
    assert!(desk.message(id).await.is_null());
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(desk.accept("ann@home.example", &to, 600).await.to_string());
    }
    let gone = desk.call("QueuedMessage/set", json!({ "destroy": [ids[0]] })).await;
    assert_eq!(gone, json!({ "destroyed": [ids[0]] }));
    let again = desk.call("QueuedMessage/set", json!({ "destroy": [ids[0]] })).await;
    assert_eq!(again["notDestroyed"][&ids[0]]["type"], "notFound");
    let rest = desk.query(json!({})).await;
    desk.call("QueuedMessage/set", json!({ "destroy": rest })).await;
    assert!(desk.query(json!({})).await.is_empty());
    let left = desk.office.world.store.content(MessageId(u64::from_str_radix(&ids[1], 16).unwrap())).await;
    assert!(left.unwrap().is_none(), "its content has left the spool");
}

// proves: 5.17 edit race
#[tokio::test]
async fn what_is_destroyed_while_it_is_tried_stays_destroyed() {
    let desk = Desk::open();
    let id = desk.accept("ann@home.example", &["bob@one.example"], 0).await;
    let claim = desk.claim().await.remove(0);
    let ids = [claim.recipients[0].recipient.id];
    desk.office.world.store.begin(claim.lease, &ids, desk.now(), LEASE).await.unwrap();
    desk.call("QueuedMessage/set", json!({ "destroy": [id.to_string()] })).await;
    assert!(desk.message(id).await.is_null(), "it is gone at once");
    let verdict = deferred(&claim.recipients[0].progress);
    let settlement = Settlement {
        lease: claim.lease,
        message: id,
        endings: vec![Ending { recipient: ids[0], verdict, owed: false }],
        told: Vec::new(),
        deposits: Vec::new(),
        notices: Vec::new(),
    };
    desk.office.world.store.settle(settlement).await.unwrap();
    assert!(desk.office.world.store.pending(None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_waits_is_grouped_by_what_it_waits_for() {
    let desk = Desk::open();
    for number in 0..3 {
        desk.accept("ann@home.example", &[&format!("r{number}@one.example"), "x@two.example"], 0).await;
    }
    desk.attempt(|address, progress| if address.starts_with('x') { delivered() } else { deferred(progress) })
        .await;
    let later = desk.accept("ann@home.example", &["late@one.example"], 900).await;
    let found = desk.call("QueueCause/query", json!({ "calculateTotal": true })).await;
    assert_eq!(found["total"], 2);
    let causes = desk.call("QueueCause/get", json!({ "ids": found["ids"] })).await["list"].clone();
    assert_eq!(
        (&causes[0]["kind"], &causes[0]["recipients"], &causes[0]["messages"]),
        (&"refused".into(), &3.into(), &3.into())
    );
    let sentence = causes[0]["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with("mx.example.net refused it for now: 450 to RCPT; next attempt "),
        "{sentence}"
    );
    assert!(sentence.ends_with("; 3 recipients wait"), "{sentence}");
    assert_eq!((&causes[1]["kind"], &causes[1]["samples"]), (&"new".into(), &json!([later.to_string()])));
    let of_cause = desk.query(json!({ "filter": { "cause": causes[0]["id"] } })).await;
    assert_eq!(of_cause.len(), 3);
}

#[tokio::test]
async fn what_is_held_is_counted_in_the_look_that_groups() {
    let desk = Desk::open();
    for number in 0..3 {
        desk.accept("ann@home.example", &[&format!("r{number}@one.example"), "x@two.example"], 0).await;
    }
    let filter = json!({ "expression": "rcpt_domain == 'two.example'" });
    desk.job(json!({ "action": "hold", "filter": filter, "reason": "look first" })).await;
    desk.office.jobs.forget();
    let waiting = causes::waiting(&desk.office).await.unwrap();
    assert_eq!((waiting.recipients, waiting.messages, waiting.held), (6, 3, 3));
    assert!(waiting.oldest.is_some());
    let now = desk.now();
    assert!(Arc::ptr_eq(&desk.office.jobs.looked(now), &desk.office.jobs.looked(now)), "one look for all");
}

#[tokio::test]
async fn a_job_does_it_to_all_that_are_meant_and_can_be_undone() {
    let desk = Desk::open();
    for number in 0..600 {
        let domain = if number % 2 == 0 { "one" } else { "two" };
        desk.accept("ann@home.example", &[&format!("r{number}@{domain}.example")], 600).await;
    }
    let filter = json!({ "expression": "rcpt_domain == 'two.example'" });
    let dry = json!({ "action": "reroute", "route": "two", "filter": filter, "dryRun": true });
    let preview = desk.job(dry).await["created"]["j"].clone();
    assert_eq!((&preview["count"], &preview["recipients"]), (&300.into(), &300.into()));
    assert_eq!(
        (&preview["sample"][0]["route"], &preview["sample"][0]["newRoute"]),
        (&"one".into(), &"two".into())
    );
    assert_eq!(desk.query(json!({ "filter": { "held": true } })).await.len(), 0, "nothing was done");
    let held = desk.job(json!({ "action": "hold", "filter": filter, "reason": "look first" })).await;
    assert_eq!((&held["state"], &held["done"], &held["failed"]), (&"done".into(), &300.into(), &0.into()));
    assert_eq!((&held["by"], held["undoUntil"].is_string()), (&"alice".into(), true));
    let found =
        desk.call("QueuedMessage/query", json!({ "filter": { "held": true }, "calculateTotal": true })).await;
    assert_eq!(found["total"], 300);
    let first = found["ids"][0].as_str().unwrap();
    let shown = desk.call("QueuedMessage/get", json!({ "ids": [first] })).await["list"][0].clone();
    let recipient = shown["recipients"].as_object().unwrap().values().next().unwrap().clone();
    assert_eq!(
        (&recipient["held"]["by"], &recipient["held"]["reason"]),
        (&"alice".into(), &"look first".into())
    );
    assert_eq!(recipient["why"], "held by alice: look first");
    desk.call("QueueJob/set", json!({ "create": { "r": { "action": "release", "ids": [first] } } })).await;
    while desk.query(json!({ "filter": { "held": true }, "calculateTotal": true })).await.len() > 299 {
        tokio::task::yield_now().await;
    }
    let undone = desk.job(json!({ "action": "undo", "job": held["id"] })).await;
    assert_eq!((&undone["done"], &undone["failed"]), (&299.into(), &1.into()), "one was edited since");
    assert!(desk.query(json!({ "filter": { "held": true } })).await.is_empty());
    let twice = desk.job(json!({ "action": "undo", "job": held["id"] })).await;
    assert_eq!(twice["notCreated"]["j"]["description"], "it has been undone");
}

#[tokio::test]
async fn a_job_that_is_not_clear_is_refused() {
    let desk = Desk::open();
    for wanted in [
        json!({ "action": "hold" }),
        json!({ "action": "burn", "filter": {} }),
        json!({ "action": "cancel", "filter": {} }),
        json!({ "action": "reroute", "route": "nowhere", "filter": {} }),
        json!({ "action": "reschedule", "filter": {} }),
        json!({ "action": "hold", "filter": { "colour": 1 } }),
        json!({ "action": "undo", "job": "job9" }),
    ] {
        assert!(desk.job(wanted.clone()).await["notCreated"]["j"].is_object(), "{wanted}");
    }
    let until = desk.job(json!({ "action": "hold", "filter": {} })).await;
    desk.clock.pass(Duration::from_secs(16 * 60));
    let late = desk.job(json!({ "action": "undo", "job": until["id"] })).await;
    assert_eq!(late["notCreated"]["j"]["description"], "it ended more than 15 minutes ago");
}

#[tokio::test]
async fn a_job_that_ran_when_the_server_stopped_is_said_to_be_interrupted() {
    let desk = Desk::open();
    let done = desk.job(json!({ "action": "retry", "filter": {} })).await;
    let key = (u64::MAX - 1).to_be_bytes();
    let store = &desk.office.world.store;
    let written = store.value("queue-job", &key, desk.now()).await.unwrap().unwrap();
    let running = String::from_utf8(written.to_vec()).unwrap().replace("\"Done\"", "\"Running\"");
    store.put("queue-job", &key, running.into(), None, desk.now()).await.unwrap();
    let shown = desk.call("QueueJob/get", json!({ "ids": [done["id"]] })).await["list"][0].clone();
    assert_eq!(shown["state"], "interrupted");
}

#[tokio::test]
async fn what_is_paused_is_listed_with_who_did_it() {
    let desk = Desk::open();
    let alice = Caller::new("alice", Role::Operator);
    let act = async |action: Value| pauses::act(&desk.office, &alice, &action).await;
    assert!(act(json!({ "@type": "ReloadSettings" })).await.is_none());
    let unknown = act(json!({ "@type": "PauseVirtualQueue", "name": "nowhere" })).await.unwrap();
    assert!(unknown.is_err());
    act(json!({ "@type": "PauseNextHop", "nextHop": "relay via one" })).await.unwrap().unwrap();
    act(json!({ "@type": "PauseMtaQueue" })).await.unwrap().unwrap();
    let list = desk.call("Pause/get", json!({})).await["list"].clone();
    let scopes: Vec<_> = list.as_array().unwrap().iter().map(|pause| pause["scope"].clone()).collect();
    assert_eq!(scopes, ["all", "nextHop"]);
    assert_eq!((&list[1]["nextHop"], &list[1]["by"]), (&"relay via one".into(), &"alice".into()));
    let id = desk.accept("ann@home.example", &["bob@one.example"], 0).await;
    let why = desk.message(id).await["recipients"]["bob@one.example"]["why"].clone();
    assert!(why.as_str().unwrap().starts_with("all deliveries paused by alice since "), "{why}");
    let hops = desk.call("NextHop/get", json!({})).await["list"].clone();
    assert_eq!(hops[0]["state"], "paused");
    act(json!({ "@type": "ResumeMtaQueue" })).await.unwrap().unwrap();
    assert_eq!(desk.call("Pause/query", json!({})).await["total"], 1);
}

#[tokio::test]
async fn the_content_of_what_is_queued_and_nothing_else_is_given() {
    let desk = Desk::open();
    let id = desk.accept("ann@home.example", &["bob@one.example"], 0).await;
    let found = content::content(&desk.office, &id.to_string()).await.unwrap().unwrap();
    assert_eq!(found.len(), 5);
    for blob in ["", "../etc/passwd", "ffffffffffffffffff", "12"] {
        assert!(content::content(&desk.office, blob).await.unwrap().is_none(), "{blob}");
    }
}
