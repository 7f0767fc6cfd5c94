//! Answers mail for those who are away: what they have said, who was told, and the answer on its way into the queue.
//!
//! An answer enters the queue in the transaction that delivers what it answers. That somebody was told is written before
//! it: after a crash in between nobody is told twice, and one may not be told at all.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mail::{Address, Envelope, Timestamp};
use policy::limits::{VACATION_TOLD_FOR, VACATIONS_MAX};
use policy::settings::Account;
use policy::vacation::{self, Vacation};
use policy::{Configuration, Progress};
use sha2::{Digest, Sha256};
use store::{Addition, Deposit, Notice, StoreError};
use tracing::{info, warn};

use crate::notices;
use crate::world::World;

/// The space of the store in which it is written down what somebody has said.
const SPACE: &str = "vacation";
/// The space for who was told.
const TOLD_SPACE: &str = "vacation-told";
/// Accounts that are read at once.
const PAGE: usize = 1_000;
/// Bytes of the message that are looked at: its header.
const HEADER_BYTES_MAX: u64 = 256 * 1024;

/// What those who are away have said; known to all deliveries.
#[derive(Debug, Default)]
pub struct Vacations {
    some: AtomicBool,
    said: Mutex<BTreeMap<Address, Arc<Vacation>>>,
}

impl Vacations {
    /// What an account has said.
    pub fn of(&self, account: &Address) -> Vacation {
        self.find(account).map_or_else(Vacation::default, |said| (*said).clone())
    }

    /// Says something for an account. Durable when it returns.
    pub async fn say(&self, world: &World, account: &Address, said: &Vacation) -> Result<(), StoreError> {
        let now = world.clock.now();
        let key = account.to_string();
        if *said == Vacation::default() {
            world.store.remove(SPACE, key.as_bytes(), now).await?;
            self.change(|all| drop(all.remove(account)));
            return Ok(());
        }
        let length = self.change(|all| all.len());
        if length >= VACATIONS_MAX && self.find(account).is_none() {
            let (what, length_max) = ("the list of those who are away", VACATIONS_MAX);
            return Err(StoreError::TooLong { what, length: length + 1, length_max });
        }
        let value = serde_json::to_vec(said).map_err(|error| StoreError::Damaged {
            what: "the answer of an account".to_owned(),
            why: error.to_string(),
        })?;
        world.store.put(SPACE, key.as_bytes(), Bytes::from(value), None, now).await?;
        self.change(|all| drop(all.insert(account.clone(), Arc::new(said.clone()))));
        Ok(())
    }

    /// Reads what was said before a restart.
    pub async fn recall(&self, world: &World) -> Result<(), StoreError> {
        let mut after: Option<Bytes> = None;
        loop {
            let page = world.store.scan(SPACE, after.as_deref(), PAGE, world.clock.now()).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, value) in &page {
                let account = std::str::from_utf8(key).ok().and_then(|text| Address::parse(text).ok());
                match (account, serde_json::from_slice(value)) {
                    (Some(account), Ok(said)) => {
                        self.change(|all| drop(all.insert(account, Arc::new(said))));
                    }
                    _ => warn!("what an account has said cannot be read; nobody is answered for it"),
                }
            }
        }
    }

    /// Whether anybody has said anything.
    fn any(&self) -> bool {
        self.some.load(Ordering::Relaxed)
    }

    fn find(&self, account: &Address) -> Option<Arc<Vacation>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).get(account).cloned()
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<Address, Arc<Vacation>>) -> T) -> T {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut said);
        self.some.store(!said.is_empty(), Ordering::Relaxed);
        changed
    }
}

/// The answers to a message that is about to be delivered to these mailboxes.
pub(crate) async fn answers(
    world: &World,
    configuration: &Configuration,
    envelope: &Envelope,
    deposits: &[Deposit],
    now: Timestamp,
) -> Vec<Notice> {
    if deposits.is_empty() || !world.vacations.any() {
        return Vec::new();
    }
    let mut answers = Vec::new();
    for deposit in deposits {
        let said = world.vacations.find(&deposit.account).filter(|said| said.holds(now));
        let account = configuration.account(&deposit.account);
        let (Some(said), Some(account)) = (said, account) else { continue };
        answers.extend(answer(world, configuration, envelope, (account, &said), now).await);
    }
    answers
}

async fn answer(
    world: &World,
    configuration: &Configuration,
    envelope: &Envelope,
    (account, said): (&Account, &Vacation),
    now: Timestamp,
) -> Option<Notice> {
    let content = notices::original(world, envelope, HEADER_BYTES_MAX).await;
    let own: Vec<Address> = std::iter::once(&account.name).chain(&account.aliases).cloned().collect();
    let (to, from) = vacation::answered(envelope, &content, &own)?;
    if !is_first(world, &account.name, &to, now).await {
        return None;
    }
    let seen = vacation::envelope(&to, now);
    let schedule = notices::schedule(world, configuration, envelope, &seen, now).await;
    let name = account.description.as_deref();
    let seed = format!("{:x}.{}.{}", now.as_millis(), envelope.message, short(&account.name));
    let host = (&configuration.hostname, seed.as_str());
    let letter = vacation::letter(said, &content, (&to, &from), name, host, world.clock.wall());
    let letter = notices::signed(configuration, Some(&from.domain), letter, now).await;
    let progress = Progress::first(&schedule, now, &seen.parameters);
    info!(id = %envelope.message, account = %account.name, %to, "a message is answered for somebody who is away");
    Some(Notice { accepted: vacation::accepted(&to, &letter, progress, now), content: Bytes::from(letter) })
}

/// Whether this is the first message since long; if that cannot be said, it is not.
async fn is_first(world: &World, account: &Address, to: &Address, now: Timestamp) -> bool {
    let sender = to.to_string().to_lowercase();
    let key = Sha256::digest(format!("{account}\0{sender}").as_bytes());
    let expires = Some(now.plus(VACATION_TOLD_FOR));
    let addition = Addition { space: TOLD_SPACE.to_owned(), key: key.to_vec(), by: 1, expires };
    match world.store.add(addition, now).await {
        Ok(count) => count == 1,
        Err(why) => {
            warn!(%account, %why, "it cannot be said whether a sender was told; it is not told");
            false
        }
    }
}

/// Tells answers of several accounts to one message apart.
fn short(account: &Address) -> String {
    let hash = Sha256::digest(account.to_string().as_bytes());
    hash[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}
