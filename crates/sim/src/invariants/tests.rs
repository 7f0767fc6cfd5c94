//! Short histories, each of which keeps every rule or breaks exactly one.

use std::time::Duration;

use mail::{Address, EnhancedStatus, MessageId, Notify, RecipientId, Reply, ReversePath, Timestamp};
use policy::outcome::Delivered;
use policy::{Expiry, Progress, Scope, Trouble, TroubleKind, Verdict};
use store::LeaseId;

use super::{Judge, judges};
use crate::clock::BEGINNING;
use crate::history::{ConnectionId, ContentHash, Ended, Entered, Event, ReplyId, Told, WorldFacts};

const CONTENT: ContentHash = ContentHash(7);
const MESSAGE: MessageId = MessageId(1);
const RECIPIENT: RecipientId = RecipientId(2);
const LEASE: LeaseId = LeaseId(3);
const MINUTE: Duration = Duration::from_secs(60);

fn to() -> Address {
    Address::parse("r@d.example").unwrap()
}

fn progress() -> Progress {
    let expiry = Expiry::At(BEGINNING.plus(MINUTE * 300));
    Progress {
        retry_num: 0,
        due: BEGINNING,
        notify_num: 0,
        notify_due: None,
        expiry,
        virtual_queue: "remote".to_owned(),
        last: None,
        envelope_expiry: None,
        envelope_notice: false,
        last_hop: None,
        orders: None,
    }
}

fn committed(reverse_path: &str, notify: Notify) -> Event {
    let reverse_path = Address::parse(reverse_path).map_or(ReversePath::Null, ReversePath::Address);
    let recipients = vec![Entered { id: RECIPIENT, forward_path: to(), notify, progress: progress() }];
    Event::Committed {
        message: MESSAGE,
        content: CONTENT,
        sent: CONTENT,
        reverse_path,
        recipients,
        about: None,
    }
}

fn claimed(lease: LeaseId) -> Event {
    let recipients = vec![(RECIPIENT, progress())];
    Event::Claimed { lease, message: MESSAGE, until: BEGINNING.plus(MINUTE * 60), recipients }
}

fn begun(lease: LeaseId) -> Event {
    begun_at(BEGINNING, lease)
}

fn begun_at(at: Timestamp, lease: LeaseId) -> Event {
    Event::Begun { lease, at, until: BEGINNING.plus(MINUTE * 60), recipients: vec![RECIPIENT] }
}

fn took(reply: u64) -> Event {
    Event::Took {
        connection: ConnectionId(1),
        peer: "mx.example".to_owned(),
        content: CONTENT,
        reverse_path: "s@d.example".to_owned(),
        recipients: vec![(to(), ReplyId(reply))],
    }
}

fn answered(reply: u64) -> Event {
    Event::Answered { replies: vec![ReplyId(reply)] }
}

fn said(reply: u64, code: u16) -> Event {
    Event::Said { reply: ReplyId(reply), code, peer: "mx.example".to_owned(), recipients: vec![to()] }
}

fn settled(lease: LeaseId, verdict: Verdict, told: &[&str]) -> Event {
    let told =
        told.iter().map(|action| Told { forward_path: to().to_string(), action: (*action).to_owned() });
    Event::Settled {
        lease,
        message: MESSAGE,
        endings: vec![Ended { recipient: RECIPIENT, verdict, owed: false }],
        cleared: Vec::new(),
        deposits: Vec::new(),
        told: told.collect(),
    }
}

fn delivered(reply: u64) -> Verdict {
    let reply = Reply::new(250, None, format!("taken {}", ReplyId(reply).mark()));
    let host = "mx.example".to_owned();
    Verdict::Delivered(Delivered { host, reply, last_hop: false, dsn_handed_on: false, traced: false })
}

fn failed(reply: u64) -> Verdict {
    let reply = Reply::new(550, None, format!("no {}", ReplyId(reply).mark()));
    Verdict::Failed(Trouble {
        scope: Scope::Recipient,
        kind: TroubleKind::UnexpectedReply,
        status: EnhancedStatus::new(5, 0, 0),
        text: String::new(),
        host: "mx.example".to_owned(),
        reply: Some(("RCPT".to_owned(), reply)),
        in_doubt: false,
    })
}

fn retry(after: Duration) -> Verdict {
    Verdict::Retry(Progress { retry_num: 1, due: BEGINNING.plus(after), ..progress() })
}

/// Lets every judge see the history and compares the rules that broke.
#[track_caller]
fn check(events: Vec<Event>, expected: &[&str]) {
    let now = BEGINNING;
    let facts = WorldFacts {
        threads: [("remote".to_owned(), 1)].into(),
        transactions_max: [("mx.example".to_owned(), 1)].into(),
        notices_max: 1,
        claimed_within: MINUTE,
        retry: (MINUTE, MINUTE * 30),
        ..WorldFacts::default()
    };
    let mut broken = Vec::new();
    for (id, mut judge) in judges() {
        judge.see(now, &Event::World(facts.clone()));
        let texts: Vec<String> = events.iter().flat_map(|event| judge.see(now, event)).collect();
        if !texts.is_empty() {
            broken.push((id, texts));
        }
    }
    let ids: Vec<&str> = broken.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, expected, "{broken:#?}");
}

/// A message from somebody, claimed and begun.
fn under_way() -> Vec<Event> {
    vec![committed("s@d.example", Notify::DEFAULT), claimed(LEASE), begun(LEASE)]
}

fn then(more: Vec<Event>) -> Vec<Event> {
    under_way().into_iter().chain(more).collect()
}

#[test]
fn what_is_right_breaks_nothing() {
    check(then(vec![took(1), answered(1), settled(LEASE, delivered(1), &[])]), &[]);
    check(then(vec![said(1, 550), settled(LEASE, failed(1), &["failed"])]), &[]);
    check(then(vec![said(1, 450), settled(LEASE, retry(MINUTE * 5), &[])]), &[]);
}

#[test]
fn a_failure_is_told_once_and_only_once() {
    check(then(vec![said(1, 550), settled(LEASE, failed(1), &[])]), &["I1"]);
    check(then(vec![said(1, 550), settled(LEASE, failed(1), &["failed", "failed"])]), &["I1"]);
    check(then(vec![said(1, 550), settled(LEASE, failed(1), &["delivered"])]), &["I1", "I3"]);
}

#[test]
fn what_is_owed_must_be_told_before_the_end() {
    let owed = Event::Settled {
        lease: LEASE,
        message: MESSAGE,
        endings: vec![Ended { recipient: RECIPIENT, verdict: failed(1), owed: true }],
        cleared: Vec::new(),
        deposits: Vec::new(),
        told: Vec::new(),
    };
    let cleared = Event::Settled {
        lease: LEASE,
        message: MESSAGE,
        endings: Vec::new(),
        cleared: vec![RECIPIENT],
        deposits: Vec::new(),
        told: vec![Told { forward_path: to().to_string(), action: "failed".to_owned() }],
    };
    check(then(vec![said(1, 550), owed.clone(), cleared, Event::Over { left: 0 }]), &[]);
    check(then(vec![said(1, 550), owed, Event::Over { left: 0 }]), &["I1"]);
}

#[test]
fn nobody_gets_it_twice_without_a_cut() {
    let again = || vec![begun(LEASE), took(2)];
    let with = |between: Vec<Event>| then([vec![took(1), answered(1)], between, again()].concat());
    check(with(vec![]), &["I2"]);
    check(with(vec![Event::Crashed]), &[]);
    check(with(vec![Event::Reset { connection: ConnectionId(1) }]), &[]);
    check(with(vec![Event::SettleUncertain { message: MESSAGE }]), &[]);
    check(then([vec![took(1)], again()].concat()), &[]);
    check(then(vec![took(1), took(2)]), &["I2"]);
}

#[test]
fn nobody_is_told_of_mail_from_nobody_or_against_a_wish() {
    let from = |reverse_path, notify| {
        let settled = settled(LEASE, failed(1), &["failed"]);
        vec![committed(reverse_path, notify), claimed(LEASE), begun(LEASE), said(1, 550), settled]
    };
    check(from("s@d.example", Notify::DEFAULT), &[]);
    check(from("", Notify::DEFAULT), &["I3"]);
    check(from("s@d.example", Notify::NEVER), &["I3"]);
}

#[test]
fn nothing_is_tried_early_or_late_and_nobody_given_up_without_a_certain_no() {
    let attempt = |at| vec![committed("s@d.example", Notify::DEFAULT), claimed(LEASE), begun_at(at, LEASE)];
    check(attempt(Timestamp::EPOCH), &["I4"]);
    check(attempt(BEGINNING.plus(MINUTE * 301)), &["I4"]);
    check(then(vec![said(1, 450), settled(LEASE, failed(1), &["failed"])]), &["I4"]);
    check(then(vec![settled(LEASE, retry(Duration::ZERO), &[])]), &["I4"]);
    check(then(vec![settled(LEASE, retry(MINUTE * 100), &[])]), &["I4"]);
}

#[test]
fn there_are_never_too_many_at_once() {
    let open = |n| Event::Opened { connection: ConnectionId(n), peer: "mx.example".to_owned() };
    check(vec![open(1), Event::Closed { connection: ConnectionId(1) }, open(2)], &[]);
    check(vec![open(1), open(2)], &["I5"]);
}

#[test]
fn only_the_latest_lease_counts() {
    check(then(vec![claimed(LeaseId(9))]), &["I6"]);
    check(then(vec![took(1), answered(1), settled(LeaseId(9), delivered(1), &[])]), &["I6"]);
    check(then(vec![Event::Crashed, Event::Started, claimed(LeaseId(9)), begun(LeaseId(9))]), &[]);
}

#[test]
fn a_yes_needs_a_commit() {
    check(vec![Event::Acknowledged { content: CONTENT }], &["I7"]);
    check(vec![committed("", Notify::NEVER), Event::Acknowledged { content: CONTENT }], &[]);
}

#[test]
fn content_stays_as_long_as_it_is_needed_and_not_longer() {
    let seen = |there| Event::ContentSeen { message: MESSAGE, there };
    check(then(vec![seen(false)]), &["I8"]);
    let ended = || then(vec![took(1), answered(1), settled(LEASE, delivered(1), &[])]);
    check([ended(), vec![seen(false), Event::Over { left: 0 }, seen(false)]].concat(), &[]);
    check([ended(), vec![Event::Over { left: 0 }, seen(true)]].concat(), &["I8"]);
}

#[test]
fn a_delivery_is_what_was_sent_and_somebody_said_yes_to_it() {
    check(vec![took(1)], &["I9"]);
    check(then(vec![settled(LEASE, delivered(1), &[])]), &["I13"]);
    check(vec![Event::Mailbox { account: to(), contents: vec![CONTENT] }], &["I13"]);
}

#[test]
fn the_counts_are_right_and_the_queue_is_empty_at_the_end() {
    check(then(vec![Event::Counted { pending: vec![RECIPIENT] }]), &[]);
    check(then(vec![Event::Counted { pending: vec![] }]), &["I12"]);
    check(vec![Event::Over { left: 1 }], &["I10"]);
}

#[test]
fn bugs_rudeness_and_spinning_are_noticed() {
    let panicked = |injected| Event::Panicked { message: String::new(), injected };
    check(vec![panicked(true)], &[]);
    check(vec![panicked(false)], &["I11"]);
    check(vec![Event::Rude { peer: String::new(), what: String::new() }], &["I14"]);
    check(vec![Event::Spun { calls: 1 }], &["I15"]);
}

#[test]
fn what_is_due_is_taken() {
    let later = BEGINNING.plus(MINUTE * 2);
    let waiting = || vec![committed("s@d.example", Notify::DEFAULT)];
    let mut judge = super::promptness::Promptness::default();
    let facts = WorldFacts { claimed_within: MINUTE, ..WorldFacts::default() };
    for event in [vec![Event::World(facts), Event::Started], waiting()].concat() {
        assert!(judge.see(BEGINNING, &event).is_empty());
    }
    assert_eq!(judge.see(later, &claimed(LEASE)).len(), 1, "two minutes are too long");
    assert!(judge.see(later, &Event::Counted { pending: vec![RECIPIENT] }).is_empty(), "now it is held");
}
