//! Random histories: the same calls to the reference and to SQLite, and the same to be seen in both.

use std::time::Duration;

use mail::{MessageId, RecipientId, Timestamp};
use policy::{Edit, Verdict};
use proptest::prelude::*;

use super::subject::*;
use crate::{Claim, Deposit, LeaseId, QueuedRecipient, Revision, RevisionOutcome, Settlement, StoreError};

/// One call.
#[derive(Clone, Debug)]
enum Step {
    Accept {
        due: Vec<u64>,
    },
    Claim {
        wait: u64,
        limit: usize,
    },
    Begin {
        claim: usize,
        first: usize,
    },
    Settle {
        claim: usize,
        first: usize,
        what: What,
    },
    Release {
        claim: usize,
        first: usize,
    },
    /// An operator edits a recipient: the nth of those in the queue.
    Revise {
        nth: usize,
        edit: Edit,
    },
    Crash,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Deliver,
    Deposit,
    Fail,
    FailAndTell,
    Owe,
    Tell,
    Retry(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let what = prop_oneof![
        Just(What::Deliver),
        Just(What::Deposit),
        Just(What::Fail),
        Just(What::FailAndTell),
        Just(What::Owe),
        Just(What::Tell),
        (0_u64..90).prop_map(What::Retry),
    ];
    prop_oneof![
        4 => proptest::collection::vec(prop_oneof![3 => Just(0_u64), 1 => 1_u64..100], 1..4)
            .prop_map(|due| Step::Accept { due }),
        6 => (0_u64..40, 0_usize..6).prop_map(|(wait, limit)| Step::Claim { wait, limit }),
        4 => (0_usize..8, 0_usize..3).prop_map(|(claim, first)| Step::Begin { claim, first }),
        6 => (0_usize..8, 0_usize..3, what).prop_map(|(claim, first, what)| Step::Settle { claim, first, what }),
        1 => (0_usize..8, 0_usize..3).prop_map(|(claim, first)| Step::Release { claim, first }),
        4 => (0_usize..12, any_edit()).prop_map(|(nth, edit)| Step::Revise { nth, edit }),
        1 => Just(Step::Crash),
    ]
}

fn any_edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (0_u64..200).prop_map(|wait| Edit::Due(START.plus(Duration::from_secs(wait)))),
        any::<bool>().prop_map(|counts| Edit::Hold { reason: String::new(), counts }),
        Just(Edit::Release),
        Just(Edit::Reroute("other".to_owned())),
        any::<bool>().prop_map(|notify| Edit::Cancel { notify }),
        Just(Edit::Revive),
    ]
}

/// A claim as both stores gave it; the lease's end as we reckon it.
struct Pair {
    reference: Claim,
    tested: Claim,
    until: Timestamp,
}

struct History {
    reference: MemorySubject,
    tested: SqliteSubject,
    now: Timestamp,
    claims: Vec<Pair>,
    /// The ids that each store gave to the same message.
    messages: Vec<(MessageId, MessageId)>,
    /// How many recipients each of them had.
    recipients: Vec<u64>,
}

/// A lease and some recipients under it.
type Picked = (LeaseId, Vec<RecipientId>);
/// A recipient without its store's own numbers.
type Seen = (usize, u64, QueuedRecipient);

impl History {
    /// What a claim shows: which message, which recipient, what is known of it.
    fn seen(&self, claim: &Claim, pick: impl Fn(&(MessageId, MessageId)) -> MessageId) -> Vec<Seen> {
        let message = claim.envelope.message;
        let which = self.messages.iter().position(|ids| pick(ids) == message).expect("accepted here");
        let mut seen: Vec<Seen> = claim
            .recipients
            .iter()
            .map(|queued| {
                let mut queued = queued.clone();
                let place = queued.recipient.id.0 - message.0;
                queued.recipient.id = RecipientId(0);
                (which, place, queued)
            })
            .collect();
        seen.sort_by_key(|(_, place, _)| *place);
        seen
    }

    fn all_seen(&self, claims: &[Claim], pick: impl Fn(&(MessageId, MessageId)) -> MessageId) -> Vec<Seen> {
        claims.iter().flat_map(|claim| self.seen(claim, &pick)).collect()
    }

    async fn run(&mut self, step: &Step) {
        match step {
            Step::Accept { due } => {
                let due: Vec<_> = due.iter().map(|wait| self.now.plus(Duration::from_secs(*wait))).collect();
                let reference = accept(self.reference.store(), self.now, &due).await;
                let tested = accept(self.tested.store(), self.now, &due).await;
                self.messages.push((reference, tested));
                self.recipients.push(due.len() as u64);
            }
            Step::Claim { wait, limit } => self.claim(*wait, *limit).await,
            Step::Begin { claim, first } => self.begin(*claim, *first).await,
            Step::Settle { claim, first, what } => self.settle(*claim, *first, *what).await,
            Step::Release { claim, first } => self.release(*claim, *first).await,
            Step::Revise { nth, edit } => self.revise(*nth, edit).await,
            Step::Crash => {
                self.reference.crash();
                self.tested.crash();
            }
        }
    }

    async fn claim(&mut self, wait: u64, limit: usize) {
        self.now = self.now.plus(Duration::from_secs(wait));
        let reference = self.reference.store().claim(self.now, LEASE, limit).await.unwrap();
        let tested = self.tested.store().claim(self.now, LEASE, limit).await.unwrap();
        assert_eq!(self.all_seen(&reference, |ids| ids.0), self.all_seen(&tested, |ids| ids.1));
        let until = self.now.plus(LEASE);
        let pairs = reference.into_iter().zip(tested);
        self.claims.extend(pairs.map(|(reference, tested)| Pair { reference, tested, until }));
    }

    async fn revise(&mut self, nth: usize, edit: &Edit) {
        // Those that have ended are edited too, as long as they can be seen.
        let of = |(&(reference, tested), &count): (&(MessageId, MessageId), &u64)| {
            (1..=count).map(move |place| (RecipientId(reference.0 + place), RecipientId(tested.0 + place)))
        };
        let all: Vec<_> = self.messages.iter().zip(&self.recipients).rev().take(4).flat_map(of).collect();
        let Some((reference, tested)) = all.get(nth) else { return };
        let revision =
            |recipient: &RecipientId| vec![Revision { recipient: *recipient, edits: vec![edit.clone()] }];
        let reference = self.reference.store().revise(revision(reference), "alice", self.now).await.unwrap();
        let tested = self.tested.store().revise(revision(tested), "alice", self.now).await.unwrap();
        assert_eq!(without_ids(reference), without_ids(tested), "{edit:?}");
    }

    /// The leases of a claim and those of its recipients that come after the first few.
    fn pick(&self, claim: usize, first: usize) -> Option<(usize, [Picked; 2])> {
        let place = self.claims.len().checked_sub(1 + claim)?;
        let pair = &self.claims[place];
        let from = |claim: &Claim| (claim.lease, ids(claim).into_iter().skip(first).collect::<Vec<_>>());
        let picked = [from(&pair.reference), from(&pair.tested)];
        (!picked[0].1.is_empty()).then_some((place, picked))
    }

    async fn begin(&mut self, claim: usize, first: usize) {
        let Some((_, [(lease, recipients), (lease_tested, recipients_tested)])) = self.pick(claim, first)
        else {
            return;
        };
        let reference = self.reference.store().begin(lease, &recipients, self.now, LEASE).await;
        let tested = self.tested.store().begin(lease_tested, &recipients_tested, self.now, LEASE).await;
        agree(&reference, &tested);
    }

    async fn release(&mut self, claim: usize, first: usize) {
        let Some((place, [(lease, recipients), (lease_tested, recipients_tested)])) = self.pick(claim, first)
        else {
            return;
        };
        if self.claims[place].until <= self.now {
            return;
        }
        let reference = self.reference.store().release(lease, &recipients).await;
        agree(&reference, &self.tested.store().release(lease_tested, &recipients_tested).await);
    }

    /// Only within the lease as it was claimed: after its end the reference refuses what a store may still take.
    async fn settle(&mut self, claim: usize, first: usize, what: What) {
        let Some((place, [(_, recipients), (_, recipients_tested)])) = self.pick(claim, first) else {
            return;
        };
        let pair = &self.claims[place];
        if pair.until <= self.now {
            return;
        }
        let reference = settlement_of(&pair.reference, &recipients, what, self.now);
        let tested = settlement_of(&pair.tested, &recipients_tested, what, self.now);
        let notices = reference.notices.len();
        let reference = self.reference.store().settle(reference).await;
        let tested = self.tested.store().settle(tested).await;
        agree(&reference, &tested);
        if reference.is_ok() && notices > 0 {
            let newest = |claims: Vec<Claim>| claims.last().expect("just queued").envelope.message;
            let all = usize::MAX;
            let reference = newest(self.reference.store().pending(None, all).await.unwrap());
            let tested = newest(self.tested.store().pending(None, all).await.unwrap());
            self.messages.push((reference, tested));
            self.recipients.push(1);
        }
    }

    /// What anyone can see is the same in both.
    async fn compare(&self) {
        let (reference, tested) = (self.reference.store(), self.tested.store());
        let listed = reference.pending(None, 1000).await.unwrap();
        let listed_tested = tested.pending(None, 1000).await.unwrap();
        assert_eq!(self.all_seen(&listed, |ids| ids.0), self.all_seen(&listed_tested, |ids| ids.1));
        // Somebody who was put off by an edit may be looked for too early, never too late.
        let never = Timestamp::NEVER;
        let expected = reference.next_event().await.unwrap();
        let found = tested.next_event().await.unwrap();
        assert!(found.unwrap_or(never) <= expected.unwrap_or(never), "{expected:?} {found:?}");
        for (of_reference, of_tested) in &self.messages {
            let ended = |found: Vec<crate::QueuedMessage>| -> Vec<_> {
                let all = found.into_iter().flat_map(|message| message.ended);
                all.map(|queued| (queued.progress, queued.state)).collect()
            };
            let expected = ended(reference.messages(&[*of_reference]).await.unwrap());
            assert_eq!(expected, ended(tested.messages(&[*of_tested]).await.unwrap()));
        }
        let account = address("bob@example.net");
        assert_eq!(
            reference.entries(&account, "INBOX").await.unwrap(),
            tested.entries(&account, "INBOX").await.unwrap()
        );
        assert_eq!(reference.usage(&account).await.unwrap(), tested.usage(&account).await.unwrap());
    }
}

fn settlement_of(claim: &Claim, recipients: &[RecipientId], what: What, now: Timestamp) -> Settlement {
    let all = |verdict: Verdict, owed| settlement(claim, recipients, &verdict, owed);
    match what {
        What::Deliver => all(delivered(), false),
        What::Deposit => {
            let deposit = |recipient: &RecipientId| Deposit {
                recipient: *recipient,
                account: address("bob@example.net"),
                mailbox: "INBOX".into(),
                prefix: "X: y\r\n".into(),
                received_at: now,
            };
            Settlement { deposits: recipients.iter().map(deposit).collect(), ..all(delivered(), false) }
        }
        What::Fail => all(failed(), false),
        What::FailAndTell => Settlement { notices: vec![notice(now)], ..all(failed(), false) },
        What::Owe => all(failed(), true),
        What::Tell => Settlement { told: recipients.to_vec(), notices: vec![notice(now)], ..nothing(claim) },
        What::Retry(wait) => {
            let mut settled = all(retry(now.plus(Duration::from_secs(wait))), false);
            for ending in &mut settled.endings {
                // An attempt keeps what was ordered before it.
                let claimed = claim.recipients.iter().find(|queued| queued.recipient.id == ending.recipient);
                if let (Verdict::Retry(progress), Some(claimed)) = (&mut ending.verdict, claimed) {
                    progress.orders.clone_from(&claimed.progress.orders);
                }
            }
            settled
        }
    }
}

/// What became of revisions, without the store's own numbers.
fn without_ids(outcomes: Vec<RevisionOutcome>) -> Vec<RevisionOutcome> {
    let plain = |outcome| match outcome {
        RevisionOutcome::Changed(change) => {
            RevisionOutcome::Changed(Box::new(crate::Change { message: MessageId(0), ..*change }))
        }
        other => other,
    };
    outcomes.into_iter().map(plain).collect()
}

#[track_caller]
fn agree(reference: &Result<(), StoreError>, tested: &Result<(), StoreError>) {
    match (reference, tested) {
        (Ok(()), Ok(())) | (Err(StoreError::LeaseLost(_)), Err(StoreError::LeaseLost(_))) => {}
        (reference, tested) => panic!("the reference says {reference:?}, this one {tested:?}"),
    }
}

fn run(steps: &[Step]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut history = History {
            reference: MemorySubject::new(),
            tested: SqliteSubject::new(),
            now: START,
            claims: Vec::new(),
            messages: Vec::new(),
            recipients: Vec::new(),
        };
        for step in steps {
            history.run(step).await;
            history.compare().await;
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn sqlite_is_as_the_reference(steps in proptest::collection::vec(any_step(), 1..60)) {
        run(&steps);
    }
}
