//! The stores under test, and messages to put in them.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use mail::{
    Address, EnhancedStatus, MessageId, Notify, Origin, RecipientId, Reply, ReversePath, Source, Timestamp,
};
use policy::outcome::Delivered;
use policy::{Accepted, Expiry, NewRecipient, Progress, Scope, Trouble, TroubleKind, Verdict};
use tempfile::TempDir;

use crate::{
    Claim, Content, Ending, LeaseId, MemoryStore, MessageStore, Notice, Settlement, SqliteOptions,
    SqliteStore, Store,
};

/// When the tests begin.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// How long leases are.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

/// So many seconds after the start.
pub(crate) fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

/// A store that can crash.
pub(crate) trait Subject {
    fn store(&self) -> &dyn Store;
    fn messages(&self) -> &dyn MessageStore;
    fn crash(&mut self);
}

pub(crate) struct MemorySubject(MemoryStore);

impl MemorySubject {
    pub(crate) fn new() -> Self {
        MemorySubject(MemoryStore::new())
    }
}

impl Subject for MemorySubject {
    fn store(&self) -> &dyn Store {
        &self.0
    }

    fn messages(&self) -> &dyn MessageStore {
        &self.0
    }

    fn crash(&mut self) {
        self.0 = self.0.reopen();
    }
}

pub(crate) struct SqliteSubject {
    store: Option<SqliteStore>,
    directory: TempDir,
}

impl SqliteSubject {
    pub(crate) fn new() -> Self {
        let mut subject = SqliteSubject { store: None, directory: tempfile::tempdir().unwrap() };
        subject.crash();
        subject
    }
}

impl Subject for SqliteSubject {
    fn store(&self) -> &dyn Store {
        self.store.as_ref().unwrap()
    }

    fn messages(&self) -> &dyn MessageStore {
        self.store.as_ref().unwrap()
    }

    fn crash(&mut self) {
        self.store = None;
        let options = SqliteOptions { free_bytes_min: 0, ..SqliteOptions::default() };
        self.store = Some(SqliteStore::open(self.directory.path(), options).unwrap());
    }
}

pub(crate) fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub(crate) fn progress(due: Timestamp) -> Progress {
    Progress {
        retry_num: 0,
        due,
        notify_num: 0,
        notify_due: None,
        expiry: Expiry::At(due.plus(Duration::from_secs(86_400))),
        virtual_queue: "remote".into(),
        last: None,
        envelope_expiry: None,
        envelope_notice: false,
        last_hop: None,
        orders: None,
    }
}

/// A message to so many recipients, each due at its time.
pub(crate) fn message(accepted_at: Timestamp, due: &[Timestamp]) -> Accepted {
    let recipient = |(place, due): (usize, &Timestamp)| NewRecipient {
        forward_path: address(&format!("r{place}@example.net")),
        original: None,
        notify: Notify::DEFAULT,
        progress: progress(*due),
    };
    let origin = Origin {
        source: Source::Authenticated,
        listener: "submission".into(),
        client_ip: IpAddr::from([192, 0, 2, 1]),
        local_port: 587,
        authenticated_as: Some("alice".into()),
    };
    let reverse_path = ReversePath::Address(address("alice@example.org"));
    let recipients = due.iter().enumerate().map(recipient).collect();
    Accepted::unchecked(reverse_path, accepted_at, origin, 5, recipients)
}

pub(crate) async fn accept(store: &dyn Store, accepted_at: Timestamp, due: &[Timestamp]) -> MessageId {
    let content = Content::Memory(Bytes::from_static(b"hello"));
    store.accept(message(accepted_at, due), content).await.unwrap()
}

/// Claims all that is due.
pub(crate) async fn claim(store: &dyn Store, now: Timestamp) -> Vec<Claim> {
    store.claim(now, LEASE, 1000).await.unwrap()
}

/// Claims the one message that is due.
pub(crate) async fn claim_one(store: &dyn Store, now: Timestamp) -> Claim {
    let mut claims = claim(store, now).await;
    assert_eq!(claims.len(), 1, "{claims:?}");
    claims.remove(0)
}

/// The recipients of a claim, in the order of the envelope.
pub(crate) fn ids(claim: &Claim) -> Vec<RecipientId> {
    let mut ids: Vec<_> = claim.recipients.iter().map(|queued| queued.recipient.id).collect();
    ids.sort_unstable();
    ids
}

pub(crate) fn delivered() -> Verdict {
    Verdict::Delivered(Delivered {
        host: "mx.example.net".into(),
        reply: Reply::new(250, None, "2.0.0 queued"),
        last_hop: false,
        dsn_handed_on: false,
        traced: false,
    })
}

pub(crate) fn trouble() -> Trouble {
    Trouble {
        scope: Scope::Recipient,
        kind: TroubleKind::UnexpectedReply,
        status: EnhancedStatus::new(5, 1, 1),
        text: "no such user".into(),
        host: "mx.example.net".into(),
        reply: Some(("RCPT TO".into(), Reply::new(550, None, "no such user"))),
        in_doubt: false,
    }
}

pub(crate) fn failed() -> Verdict {
    Verdict::Failed(trouble())
}

pub(crate) fn retry(due: Timestamp) -> Verdict {
    Verdict::Retry(Progress { retry_num: 1, last: Some(trouble()), ..progress(due) })
}

/// A settlement of some recipients of a claim, all with the same verdict.
pub(crate) fn settlement(
    claim: &Claim,
    recipients: &[RecipientId],
    verdict: &Verdict,
    owed: bool,
) -> Settlement {
    let ending = |id: &RecipientId| Ending { recipient: *id, verdict: verdict.clone(), owed };
    Settlement { endings: recipients.iter().map(ending).collect(), ..nothing(claim) }
}

pub(crate) fn nothing(claim: &Claim) -> Settlement {
    Settlement {
        lease: claim.lease,
        message: claim.envelope.message,
        endings: Vec::new(),
        told: Vec::new(),
        deposits: Vec::new(),
        notices: Vec::new(),
    }
}

pub(crate) fn notice(accepted_at: Timestamp) -> Notice {
    Notice { accepted: message(accepted_at, &[accepted_at]), content: Bytes::from_static(b"sorry") }
}

pub(crate) async fn begin(store: &dyn Store, lease: LeaseId, recipients: &[RecipientId], now: Timestamp) {
    store.begin(lease, recipients, now, LEASE).await.unwrap();
}

/// How many recipients have not ended.
pub(crate) async fn pending(store: &dyn Store) -> usize {
    store.pending(None, 10_000).await.unwrap().iter().map(|claim| claim.recipients.len()).sum()
}

/// All bytes of a content.
pub(crate) fn bytes(content: Option<Content>) -> Option<Bytes> {
    content.map(|content| match content {
        Content::Memory(bytes) => bytes,
        Content::File(file) => file.read().unwrap().into(),
    })
}
