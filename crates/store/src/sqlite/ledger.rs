//! Who holds which recipient, and which is next? All that is known of the queue without reading it.
//!
//! Only this process has the file, so leases live here and a restart voids them. Three places hold a recipient:
//! **fresh** ones are handed out from here without a read; **leased** ones are with the queue manager; the **table**
//! has the rest. Of the table only the *frontier* is known: nothing free in it is due before the frontier, so a claim
//! reads the index from there, once, and nothing is remembered per queued row.

mod revising;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use mail::{Envelope, MessageId, RecipientId, Timestamp};
use policy::Verdict;

use crate::ids::Ids;
use crate::{Claim, LeaseId, QueuedRecipient, RecipientState, Settlement, StoreError};

/// Fresh recipients kept in memory; those beyond are found in the table.
const FRESH_MAX: usize = 16_384;

/// Where a recipient stands in the order of the queue.
pub(super) type Key = (Timestamp, RecipientId);

/// A recipient that may be claimed, with its message.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) envelope: Arc<Envelope>,
    pub(super) queued: QueuedRecipient,
}

impl Candidate {
    fn key(&self) -> Key {
        (self.queued.next_event(), self.queued.recipient.id)
    }
}

#[derive(Debug)]
enum Hold {
    /// In `fresh`, or about to be.
    Fresh,
    /// It is being revised.
    Revising,
    Leased(Lease),
}

#[derive(Debug)]
struct Lease {
    id: LeaseId,
    until: Timestamp,
    begun: bool,
    /// A settlement of it is with the committer.
    settling: bool,
    /// It has ended and owes a notification.
    untold: bool,
    /// It was revised since it was leased.
    revised: bool,
    message: MessageId,
    /// Recipients that the message had at first; their ids follow its own.
    recipients: u32,
    next_event: Timestamp,
}

/// A read of the table that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan {
    number: u64,
    /// Where it begins.
    pub(super) from: Key,
}

/// What a read of the table found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Free and due, earliest first.
    pub(super) candidates: Vec<Candidate>,
    /// The first free row that is not among them.
    pub(super) next: Option<Key>,
}

/// What becomes of a recipient that is held, once it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// It has ended.
    End(RecipientId),
    /// It is free, and due then.
    Retry(RecipientId, Timestamp),
    /// It stays held until it is told.
    Untold(RecipientId),
}

impl Change {
    pub(super) fn recipient(self) -> RecipientId {
        match self {
            Change::End(id) | Change::Retry(id, _) | Change::Untold(id) => id,
        }
    }
}

/// A settlement that may be written.
#[derive(Debug)]
pub(super) struct Settling {
    pub(super) changes: Vec<Change>,
    /// Recipients that the message had at first.
    pub(super) recipients: u32,
}

/// What is known of the queue without reading it.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) ids: Ids,
    holds: HashMap<RecipientId, Hold>,
    /// Leases by their end; without those that are being settled, which cannot end.
    ends: BTreeSet<(Timestamp, RecipientId)>,
    fresh: BTreeMap<Key, Candidate>,
    frontier: Option<Key>,
    scans: BTreeMap<u64, Key>,
    scan_last: u64,
    /// Recipients whose rows changed while scans were under way, with the last scan that may have seen them as they
    /// were. Later scans see them as they are, and must not pass over them: they have taken the frontier.
    touched: HashMap<RecipientId, u64>,
    /// Recipients that are being revised.
    revising: BTreeSet<RecipientId>,
}

impl Ledger {
    pub(super) fn new(ids: Ids, frontier: Option<Key>) -> Self {
        Ledger {
            ids,
            holds: HashMap::new(),
            ends: BTreeSet::new(),
            fresh: BTreeMap::new(),
            frontier,
            scans: BTreeMap::new(),
            scan_last: 0,
            touched: HashMap::new(),
            revising: BTreeSet::new(),
        }
    }

    /// Says that a message is about to be in the table, so that no scan takes what will be fresh.
    /// Gives whether it will be fresh.
    pub(super) fn expect(&mut self, accepted_at: Timestamp, recipients: &[QueuedRecipient]) -> bool {
        let due = recipients.iter().all(|queued| queued.next_event() <= accepted_at);
        let fresh = due && self.fresh.len().saturating_add(recipients.len()) <= FRESH_MAX;
        if fresh {
            self.holds.extend(recipients.iter().map(|queued| (queued.recipient.id, Hold::Fresh)));
        }
        fresh
    }

    /// Takes back what [`Ledger::expect`] said.
    pub(super) fn unexpect(&mut self, recipients: &[QueuedRecipient]) {
        for queued in recipients {
            self.holds.remove(&queued.recipient.id);
        }
    }

    /// Says that a message is in the table now.
    pub(super) fn enqueued(
        &mut self,
        envelope: &Arc<Envelope>,
        recipients: Vec<QueuedRecipient>,
        fresh: bool,
    ) {
        for queued in recipients {
            let candidate = Candidate { envelope: Arc::clone(envelope), queued };
            if fresh {
                self.fresh.insert(candidate.key(), candidate);
            } else {
                self.freed(candidate.key());
            }
        }
    }

    /// A row of the table is free.
    fn freed(&mut self, key: Key) {
        self.frontier = earlier(self.frontier, Some(key));
    }

    /// Whether a scan must pass over a recipient.
    pub(super) fn is_held(&self, recipient: RecipientId) -> bool {
        self.holds.contains_key(&recipient)
    }

    /// Ends leases that are over, and says from where the table must be read to know what is due, if at all.
    pub(super) fn start_claim(&mut self, now: Timestamp) -> Option<Scan> {
        self.end_leases(now);
        let from = self.frontier.take_if(|frontier| frontier.0 <= now)?;
        self.scan_last += 1;
        self.scans.insert(self.scan_last, from);
        Some(Scan { number: self.scan_last, from })
    }

    /// Ends leases that are over.
    pub(super) fn end_leases(&mut self, now: Timestamp) {
        while let Some((_, recipient)) = self.ends.first().filter(|(until, _)| *until <= now).copied() {
            self.free(recipient);
        }
    }

    /// Gives up a scan that could not read.
    pub(super) fn abandon(&mut self, scan: Scan) {
        self.end_scan(scan, Some(scan.from));
    }

    fn end_scan(&mut self, scan: Scan, next: Option<Key>) {
        self.frontier = earlier(self.frontier, next);
        self.scans.remove(&scan.number);
        if self.scans.is_empty() {
            self.touched.clear();
        }
    }

    /// Leases what is due: fresh ones and what a scan found, earliest first.
    pub(super) fn grant(
        &mut self,
        scan: Option<(Scan, Found)>,
        now: Timestamp,
        length: Duration,
        limit: usize,
    ) -> Vec<Claim> {
        let (scan, found) = scan.map_or((None, Found::default()), |(scan, found)| (Some(scan), found));
        let number = scan.map_or(0, |scan| scan.number);
        let mut table = found.candidates.into_iter().peekable();
        let mut claims = Claims::default();
        while claims.recipients < limit {
            let from_fresh = self.fresh.first_key_value().map(|(key, _)| *key).filter(|key| key.0 <= now);
            let from_table = table.peek().map(Candidate::key);
            let candidate = match (from_fresh, from_table) {
                (None, None) => break,
                (Some(fresh), other) if other.is_none_or(|other| fresh < other) => {
                    self.fresh.pop_first().map(|(_, candidate)| candidate)
                }
                _ => table.next().filter(|candidate| self.is_free(candidate.queued.recipient.id, number)),
            };
            if let Some(candidate) = candidate {
                self.lease(&mut claims, candidate, now, length);
            }
        }
        if let Some(scan) = scan {
            let left = table.peek().map(Candidate::key);
            self.end_scan(scan, left.or(found.next));
        }
        claims.claims
    }

    /// Whether what a scan has seen of a recipient still holds.
    fn is_free(&self, recipient: RecipientId, scan: u64) -> bool {
        let is_stale = self.touched.get(&recipient).is_some_and(|last| *last >= scan);
        !self.holds.contains_key(&recipient) && !is_stale
    }

    fn lease(&mut self, claims: &mut Claims, candidate: Candidate, now: Timestamp, length: Duration) {
        let Candidate { envelope, queued } = candidate;
        let lease = Lease {
            id: claims.lease_of(&envelope, || LeaseId(self.ids.take(now, 1))),
            until: now.plus(length),
            begun: false,
            settling: false,
            untold: queued.state != RecipientState::Pending,
            revised: false,
            message: envelope.message,
            recipients: u32::try_from(envelope.recipients.len()).unwrap_or(u32::MAX),
            next_event: queued.next_event(),
        };
        self.ends.insert((lease.until, queued.recipient.id));
        self.holds.insert(queued.recipient.id, Hold::Leased(lease));
        claims.push(&envelope, queued);
    }

    /// The lease on a recipient, if it is this one and nobody is settling it.
    fn held(&mut self, lease: LeaseId, recipient: RecipientId) -> Result<&mut Lease, StoreError> {
        match self.holds.get_mut(&recipient) {
            Some(Hold::Leased(held)) if held.id == lease && !held.settling => Ok(held),
            _ => Err(StoreError::LeaseLost(lease)),
        }
    }

    pub(super) fn begin(
        &mut self,
        lease: LeaseId,
        recipients: &[RecipientId],
        now: Timestamp,
        length: Duration,
    ) -> Result<(), StoreError> {
        for recipient in recipients {
            let held = self.held(lease, *recipient)?;
            if held.until <= now || held.revised {
                return Err(StoreError::LeaseLost(lease));
            }
        }
        for recipient in recipients {
            let held = self.held(lease, *recipient)?;
            let before = std::mem::replace(&mut held.until, now.plus(length));
            held.begun = true;
            self.ends.remove(&(before, *recipient));
            self.ends.insert((now.plus(length), *recipient));
        }
        Ok(())
    }

    pub(super) fn release(&mut self, lease: LeaseId, recipients: &[RecipientId]) -> Result<(), StoreError> {
        for recipient in recipients {
            self.held(lease, *recipient)?;
        }
        for recipient in recipients {
            self.free(*recipient);
        }
        Ok(())
    }

    fn free(&mut self, recipient: RecipientId) {
        if let Some(Hold::Leased(lease)) = self.holds.remove(&recipient) {
            self.ends.remove(&(lease.until, recipient));
            self.freed((lease.next_event, recipient));
        }
    }

    /// Checks that a settlement may be written (I6), and keeps its recipients from everyone else until
    /// [`Ledger::settled`] or [`Ledger::unsettled`].
    pub(super) fn start_settling(&mut self, settlement: &Settlement) -> Result<Settling, StoreError> {
        let changes = self.changes(settlement)?;
        if self.overtaken(settlement) {
            settlement.endings.iter().for_each(|ending| self.free(ending.recipient));
            return Err(StoreError::LeaseLost(settlement.lease));
        }
        let mut recipients = 0;
        for change in &changes {
            let held = self.held(settlement.lease, change.recipient()).expect("just found held");
            (held.settling, recipients) = (true, held.recipients);
            let until = held.until;
            self.ends.remove(&(until, change.recipient()));
        }
        Ok(Settling { changes, recipients })
    }

    /// Whether a settlement without an attempt gives up somebody who was revised since.
    fn overtaken(&self, settlement: &Settlement) -> bool {
        let leases = || {
            settlement.endings.iter().filter_map(|ending| match self.holds.get(&ending.recipient) {
                Some(Hold::Leased(lease)) => Some((lease, matches!(ending.verdict, Verdict::Failed(_)))),
                Some(Hold::Fresh | Hold::Revising) | None => None,
            })
        };
        leases().any(|(lease, fails)| lease.revised && fails) && !leases().any(|(lease, _)| lease.begun)
    }

    /// What the settlement does, recipient by recipient; `LeaseLost` if it may not.
    fn changes(&mut self, settlement: &Settlement) -> Result<Vec<Change>, StoreError> {
        let lost = || StoreError::LeaseLost(settlement.lease);
        let mut changes = BTreeMap::new();
        let mut delivered = HashSet::new();
        for ending in &settlement.endings {
            let held = self.held(settlement.lease, ending.recipient)?;
            let is_delivered = matches!(ending.verdict, Verdict::Delivered(_));
            if held.message != settlement.message || held.untold || (is_delivered && !held.begun) {
                return Err(lost());
            }
            if is_delivered {
                delivered.insert(ending.recipient);
            }
            let change = match &ending.verdict {
                Verdict::Retry(progress) => Change::Retry(ending.recipient, progress.next_event()),
                Verdict::Delivered(_) | Verdict::Failed(_) if ending.owed => Change::Untold(ending.recipient),
                Verdict::Delivered(_) | Verdict::Failed(_) => Change::End(ending.recipient),
            };
            if changes.insert(ending.recipient, change).is_some() {
                return Err(lost());
            }
        }
        for recipient in &settlement.told {
            let held = self.held(settlement.lease, *recipient)?;
            let owes = match changes.get(recipient) {
                Some(change) => *change == Change::Untold(*recipient),
                None => held.untold,
            };
            if held.message != settlement.message || !owes {
                return Err(lost());
            }
            changes.insert(*recipient, Change::End(*recipient));
        }
        let deposited = settlement.deposits.iter().all(|deposit| delivered.contains(&deposit.recipient));
        if changes.is_empty() || !deposited { Err(lost()) } else { Ok(changes.into_values().collect()) }
    }

    /// Says that changes are in the table now.
    pub(super) fn settled(&mut self, changes: &[Change]) {
        for change in changes {
            if !self.scans.is_empty() {
                self.touched.insert(change.recipient(), self.scan_last);
            }
            match *change {
                Change::End(recipient) => {
                    self.holds.remove(&recipient);
                }
                Change::Retry(recipient, next_event) => {
                    self.holds.remove(&recipient);
                    self.freed((next_event, recipient));
                }
                Change::Untold(recipient) => {
                    self.resume(recipient);
                    if let Some(Hold::Leased(lease)) = self.holds.get_mut(&recipient) {
                        (lease.untold, lease.next_event) = (true, Timestamp::EPOCH);
                    }
                }
            }
        }
    }

    /// Says that changes could not be written: the recipients are held as before.
    pub(super) fn unsettled(&mut self, changes: &[Change]) {
        for change in changes {
            self.resume(change.recipient());
        }
    }

    fn resume(&mut self, recipient: RecipientId) {
        if let Some(Hold::Leased(lease)) = self.holds.get_mut(&recipient) {
            lease.settling = false;
            self.ends.insert((lease.until, recipient));
        }
    }

    /// When the earliest free recipient is due.
    pub(super) fn next_event(&self) -> Option<Timestamp> {
        let fresh = self.fresh.first_key_value().map(|(key, _)| *key);
        let scanned = self.scans.values().min().copied();
        earlier(earlier(fresh, self.frontier), scanned).map(|key| key.0)
    }
}

fn earlier(a: Option<Key>, b: Option<Key>) -> Option<Key> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (key, None) | (None, key) => key,
    }
}

/// Claims as they are put together: one for each message.
#[derive(Default)]
struct Claims {
    claims: Vec<Claim>,
    places: HashMap<MessageId, usize>,
    recipients: usize,
}

impl Claims {
    fn lease_of(&mut self, envelope: &Arc<Envelope>, new: impl FnOnce() -> LeaseId) -> LeaseId {
        let place = *self.places.entry(envelope.message).or_insert_with(|| {
            self.claims.push(Claim { lease: new(), envelope: Arc::clone(envelope), recipients: Vec::new() });
            self.claims.len() - 1
        });
        self.claims[place].lease
    }

    fn push(&mut self, envelope: &Envelope, queued: QueuedRecipient) {
        self.claims[self.places[&envelope.message]].recipients.push(queued);
        self.recipients += 1;
    }
}
