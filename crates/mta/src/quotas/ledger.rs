//! The counters of quotas, and which message holds a share of which.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use mail::{MessageId, RecipientId};
use policy::Configuration;
use policy::quota::{QuotaScope, Share};

/// All counters. Knows nothing of waiting.
#[derive(Debug)]
pub(super) struct Ledger {
    /// Where the quotas in force stand.
    pub(super) configuration: Arc<Configuration>,
    /// Grows with each change of the quotas.
    pub(super) generation: u64,
    /// Whether the queue is counted, so that shares may be taken.
    pub(super) open: bool,
    counting: bool,
    used: HashMap<String, Used>,
    accounts: HashMap<MessageId, Account>,
    flights: BTreeSet<u64>,
    next: u64,
    /// Recipients that ended while shares were taken or the queue was counted: who binds later must hear of it.
    ended: HashMap<MessageId, Endings>,
    ended_when: VecDeque<(u64, MessageId)>,
}

#[derive(Clone, Copy, Default, Debug)]
struct Used {
    messages: u64,
    bytes: u64,
}

/// Recipients of one message that ended lately, and how often it is named in `ended_when`.
#[derive(Default, Debug)]
struct Endings {
    named: usize,
    recipients: Vec<RecipientId>,
}

/// The shares of one message.
#[derive(Debug)]
struct Account {
    bytes: u64,
    shares: Vec<(String, Vec<RecipientId>)>,
}

/// A quota that has no room.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) description: String,
    pub(super) scope: QuotaScope,
}

impl Ledger {
    pub(super) fn new(configuration: Arc<Configuration>) -> Self {
        Ledger {
            open: configuration.quotas.is_empty(),
            configuration,
            generation: 0,
            counting: false,
            used: HashMap::new(),
            accounts: HashMap::new(),
            flights: BTreeSet::new(),
            next: 0,
            ended: HashMap::new(),
            ended_when: VecDeque::new(),
        }
    }

    /// Other quotas; whether the queue must be counted for them.
    pub(super) fn replace(&mut self, configuration: Arc<Configuration>) -> bool {
        let (old, new) = (&self.configuration.quotas, &configuration.quotas);
        let same = old.len() == new.len() && old.iter().zip(new).all(|(old, new)| old.written == new.written);
        self.configuration = configuration;
        if same {
            return false;
        }
        self.generation += 1;
        self.counting = false;
        self.open = self.configuration.quotas.is_empty();
        if self.open {
            (self.used, self.accounts) = (HashMap::new(), HashMap::new());
        }
        !self.open
    }

    /// Whether each share has room for so many bytes.
    pub(super) fn check(
        &self,
        configuration: &Configuration,
        shares: &[Share],
        bytes: u64,
    ) -> Result<(), Refused> {
        for share in shares {
            let used = self.used.get(&share.counter).copied().unwrap_or_default();
            let Some(quota) = configuration.quotas.get(share.quota) else { continue };
            let many = quota.messages.is_some_and(|max| used.messages >= max);
            let much = quota.bytes.is_some_and(|max| used.bytes.saturating_add(bytes) > max);
            if many || much {
                return Err(Refused { description: quota.description.clone(), scope: quota.scope });
            }
        }
        Ok(())
    }

    /// Takes all shares or none.
    pub(super) fn take(
        &mut self,
        configuration: &Configuration,
        shares: &[Share],
        bytes: u64,
    ) -> Result<(), Refused> {
        self.check(configuration, shares, bytes)?;
        shares.iter().for_each(|share| self.add(&share.counter, bytes));
        Ok(())
    }

    fn add(&mut self, counter: &str, bytes: u64) {
        let used = self.used.entry(counter.to_owned()).or_default();
        used.messages += 1;
        used.bytes = used.bytes.saturating_add(bytes);
    }

    pub(super) fn give_back(&mut self, counter: &str, bytes: u64) {
        let Some(used) = self.used.get_mut(counter) else { return };
        used.messages = used.messages.saturating_sub(1);
        used.bytes = used.bytes.saturating_sub(bytes);
        if used.messages == 0 {
            self.used.remove(counter);
        }
    }

    /// Somebody is about to take shares.
    pub(super) fn take_off(&mut self) -> u64 {
        self.next += 1;
        self.flights.insert(self.next);
        self.next
    }

    /// They are taken, or will not be.
    pub(super) fn land(&mut self, flight: u64) {
        self.flights.remove(&flight);
        self.forget_endings();
    }

    /// A message in the queue holds these shares. Its recipients bear the numbers after its own.
    pub(super) fn bind(&mut self, message: MessageId, shares: Vec<Share>, bytes: u64, flight: u64) {
        let id = |place: &usize| RecipientId(message.0.saturating_add(1).saturating_add(*place as u64));
        let shares =
            shares.into_iter().map(|share| (share.counter, share.recipients.iter().map(id).collect()));
        self.open_account(message, Account { bytes, shares: shares.collect() });
        self.land(flight);
    }

    /// A message was found in the queue with these recipients.
    pub(super) fn found(&mut self, message: MessageId, shares: Vec<Share>, ids: &[RecipientId], bytes: u64) {
        if self.accounts.contains_key(&message) {
            return;
        }
        for share in &shares {
            self.add(&share.counter, bytes);
        }
        let of = |share: Share| {
            let recipients = share.recipients.iter().filter_map(|place| ids.get(*place).copied());
            (share.counter, recipients.collect())
        };
        self.open_account(message, Account { bytes, shares: shares.into_iter().map(of).collect() });
    }

    fn open_account(&mut self, message: MessageId, account: Account) {
        if account.shares.is_empty() {
            return;
        }
        self.accounts.insert(message, account);
        if let Some(ended) = self.ended.get(&message) {
            let recipients = ended.recipients.clone();
            self.settle(message, &recipients);
        }
    }

    /// Recipients have left the queue.
    pub(super) fn ended(&mut self, message: MessageId, recipients: &[RecipientId]) {
        self.settle(message, recipients);
        if self.counting || !self.flights.is_empty() {
            let endings = self.ended.entry(message).or_default();
            endings.named += 1;
            endings.recipients.extend(recipients);
            self.ended_when.push_back((self.next, message));
        }
    }

    fn settle(&mut self, message: MessageId, recipients: &[RecipientId]) {
        let Some(account) = self.accounts.get_mut(&message) else { return };
        let bytes = account.bytes;
        let mut released = Vec::new();
        account.shares.retain_mut(|(counter, holders)| {
            holders.retain(|holder| !recipients.contains(holder));
            if holders.is_empty() {
                released.push(std::mem::take(counter));
            }
            !holders.is_empty()
        });
        if account.shares.is_empty() {
            self.accounts.remove(&message);
        }
        released.iter().for_each(|counter| self.give_back(counter, bytes));
    }

    /// Endings that nobody who is still on the way has missed.
    fn forget_endings(&mut self) {
        if self.counting {
            return;
        }
        let oldest = self.flights.first().copied().unwrap_or(u64::MAX);
        while self.ended_when.front().is_some_and(|(when, _)| *when < oldest) {
            let Some((_, message)) = self.ended_when.pop_front() else { return };
            if let Some(endings) = self.ended.get_mut(&message) {
                endings.named -= 1;
                if endings.named == 0 {
                    self.ended.remove(&message);
                }
            }
        }
    }

    /// Begins to count, if nobody is on the way.
    pub(super) fn begin_count(&mut self) -> Option<(u64, Arc<Configuration>)> {
        if !self.flights.is_empty() {
            return None;
        }
        (self.used, self.accounts) = (HashMap::new(), HashMap::new());
        self.counting = true;
        Some((self.generation, Arc::clone(&self.configuration)))
    }

    /// All is counted, unless the quotas are others by now.
    pub(super) fn end_count(&mut self, generation: u64) -> bool {
        if self.generation != generation {
            return false;
        }
        (self.counting, self.open) = (false, true);
        self.forget_endings();
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use policy::check::Environment;
    use proptest::prelude::*;

    use super::*;

    fn configuration(quotas: &str) -> Arc<Configuration> {
        let json = format!(r#"{{"MtaQueueQuota": [{quotas}]}}"#);
        Arc::new(Configuration::from_settings_json(&json, &Environment::default()).unwrap())
    }

    fn share(counter: &str, recipients: &[usize]) -> Share {
        Share { counter: counter.to_owned(), quota: 0, recipients: recipients.to_vec() }
    }

    fn opened(quotas: &str) -> (Ledger, Arc<Configuration>) {
        let configuration = configuration(quotas);
        let mut ledger = Ledger::new(Arc::clone(&configuration));
        let (generation, _) = ledger.begin_count().unwrap();
        assert!(ledger.end_count(generation));
        (ledger, configuration)
    }

    const THREE: &str = r#"{"messages": 3}"#;

    #[test]
    fn an_ending_that_comes_before_its_message_is_bound_counts() {
        let (mut ledger, configuration) = opened(THREE);
        let flight = ledger.take_off();
        let shares = vec![share("all", &[0, 1])];
        ledger.take(&configuration, &shares, 10).unwrap();
        ledger.ended(MessageId(100), &[RecipientId(101)]);
        ledger.ended(MessageId(100), &[RecipientId(102)]);
        ledger.bind(MessageId(100), shares, 10, flight);
        assert!(ledger.used.is_empty() && ledger.accounts.is_empty() && ledger.ended.is_empty());
    }

    #[test]
    fn a_message_that_ends_while_the_queue_is_counted_is_not_counted() {
        let configuration = configuration(THREE);
        let mut ledger = Ledger::new(configuration);
        let (generation, _) = ledger.begin_count().unwrap();
        ledger.ended(MessageId(1), &[RecipientId(2)]);
        ledger.found(MessageId(1), vec![share("all", &[0])], &[RecipientId(2)], 5);
        ledger.found(MessageId(3), vec![share("all", &[0])], &[RecipientId(4)], 5);
        assert!(ledger.end_count(generation));
        assert_eq!(ledger.used["all"].messages, 1);
        assert!(ledger.ended.is_empty());
    }

    #[test]
    fn counting_waits_for_those_on_the_way_and_ends_with_the_quotas() {
        let (mut ledger, _) = opened(THREE);
        let flight = ledger.take_off();
        assert!(ledger.replace(super::tests::configuration(r#"{"messages": 4}"#)));
        assert!(ledger.begin_count().is_none(), "one is on the way");
        ledger.land(flight);
        let (generation, _) = ledger.begin_count().unwrap();
        assert!(ledger.replace(super::tests::configuration(THREE)));
        assert!(!ledger.end_count(generation));
        assert!(!ledger.replace(super::tests::configuration(THREE)), "they are the same");
    }

    proptest! {
        /// Messages of up to three recipients come and end in any order; some endings come before the binding.
        #[test]
        fn what_is_used_is_what_is_held(steps in prop::collection::vec((0u8..4, 0usize..8, 0usize..3), 1..200)) {
            let (mut ledger, configuration) = opened(THREE);
            let mut flying: Vec<(u64, MessageId, Vec<Share>)> = Vec::new();
            let mut live: BTreeMap<MessageId, Vec<usize>> = BTreeMap::new();
            let mut next = 0u64;
            for (step, pick, recipient) in steps {
                match step {
                    0 | 1 => {
                        let shares = vec![share("all", &[0, 1, 2]), share("one", &[1])];
                        let flight = ledger.take_off();
                        if ledger.take(&configuration, &shares, 7).is_ok() {
                            next += 10;
                            flying.push((flight, MessageId(next), shares));
                            live.insert(MessageId(next), vec![0, 1, 2]);
                        } else {
                            prop_assert_eq!(ledger.used["all"].messages, 3);
                            ledger.land(flight);
                        }
                    }
                    2 if !flying.is_empty() => {
                        let (flight, message, shares) = flying.remove(pick % flying.len());
                        ledger.bind(message, shares, 7, flight);
                    }
                    _ => {
                        let messages: Vec<MessageId> = live.keys().copied().collect();
                        let Some(message) = messages.get(pick) else { continue };
                        let left = live.get_mut(message).unwrap();
                        if let Some(place) = left.iter().position(|place| *place == recipient) {
                            left.remove(place);
                            ledger.ended(*message, &[RecipientId(message.0 + 1 + recipient as u64)]);
                        }
                    }
                }
            }
            for (flight, message, shares) in flying {
                ledger.bind(message, shares, 7, flight);
            }
            let held = |wanted: &[usize]| {
                live.values().filter(|left| left.iter().any(|place| wanted.contains(place))).count() as u64
            };
            let used = |counter: &str| ledger.used.get(counter).copied().unwrap_or_default();
            prop_assert_eq!((used("all").messages, used("all").bytes), (held(&[0, 1, 2]), 7 * held(&[0, 1, 2])));
            prop_assert_eq!(used("one").messages, held(&[1]));
            prop_assert!(ledger.ended.is_empty() && ledger.ended_when.is_empty());
        }
    }
}
