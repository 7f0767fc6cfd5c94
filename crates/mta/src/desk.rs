//! What operators have paused: known to the queue manager, written down, and there after a restart.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use mail::{MessageId, RecipientId, Timestamp};
use policy::NextHop;
use policy::limits::{PAUSES_MAX, STORE_BACKOFF_MIN};
use store::StoreError;
use tokio::sync::Notify;
use tracing::warn;

use crate::settle::longer;
use crate::world::World;

/// The space of the store in which it is written down what is paused.
pub const PAUSED_SPACE: &str = "paused";
/// Endings by operators that nobody has counted yet; more are forgotten, until the queue is counted again.
const LEFT_MAX: usize = 1_000_000;

/// What may be paused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Pause {
    /// All deliveries.
    All,
    /// Those of a virtual queue, by its name.
    VirtualQueue(String),
    /// Those to a next hop, as it is called: `relay via smarthost`, `mx of example.org via mx`.
    NextHop(String),
}

/// Who paused it, and since when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PausedBy {
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
}

/// All that is paused.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Paused(BTreeMap<Pause, PausedBy>);

impl Paused {
    /// What is paused, by whom.
    pub fn iter(&self) -> impl Iterator<Item = (&Pause, &PausedBy)> {
        self.0.iter()
    }

    /// Who has paused everything, if somebody has.
    pub fn all(&self) -> Option<&PausedBy> {
        if self.0.is_empty() { None } else { self.0.get(&Pause::All) }
    }

    /// Which pause keeps deliveries of a virtual queue to a next hop, if one does.
    pub fn over(&self, virtual_queue: &str, next_hop: Option<&NextHop>) -> Option<(&Pause, &PausedBy)> {
        if self.0.is_empty() {
            return None;
        }
        let hop = next_hop.map(|next_hop| Pause::NextHop(next_hop.to_string()));
        let pauses = [Some(Pause::All), Some(Pause::VirtualQueue(virtual_queue.to_owned())), hop];
        pauses.iter().flatten().find_map(|pause| self.0.get_key_value(pause))
    }

    /// Whether one does.
    pub(crate) fn covers(&self, virtual_queue: &str, next_hop: &NextHop) -> bool {
        self.over(virtual_queue, Some(next_hop)).is_some()
    }
}

/// Where operators leave what the queue manager is to do.
#[derive(Debug, Default)]
pub struct Desk {
    paused: Mutex<Arc<Paused>>,
    left: Mutex<Vec<(MessageId, RecipientId)>>,
    changed: Notify,
}

impl Desk {
    /// What is paused now.
    pub fn paused(&self) -> Arc<Paused> {
        Arc::clone(&self.lock())
    }

    /// Pauses; running attempts end. Durable when it returns. Fails if too much is paused already.
    pub async fn pause(&self, world: &World, pause: Pause, by: &str) -> Result<(), StoreError> {
        let now = world.clock.now();
        let count = self.paused().0.len();
        if count >= PAUSES_MAX {
            let what = "the list of what is paused";
            return Err(StoreError::TooLong { what, length: count + 1, length_max: PAUSES_MAX });
        }
        let value = Bytes::from([&now.as_millis().to_be_bytes()[..], by.as_bytes()].concat());
        world.store.put(PAUSED_SPACE, pause.to_string().as_bytes(), value, None, now).await?;
        self.change(|paused| {
            paused.0.entry(pause).or_insert_with(|| PausedBy { by: by.to_owned(), at: now });
        });
        Ok(())
    }

    /// Resumes; gives whether it was paused.
    pub async fn resume(&self, world: &World, pause: &Pause) -> Result<bool, StoreError> {
        let now = world.clock.now();
        world.store.remove(PAUSED_SPACE, pause.to_string().as_bytes(), now).await?;
        let mut was_paused = false;
        self.change(|paused| was_paused = paused.0.remove(pause).is_some());
        Ok(was_paused)
    }

    /// Says that recipients have left the queue by an operator's hand.
    pub fn left(&self, recipients: impl IntoIterator<Item = (MessageId, RecipientId)>) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.extend(recipients);
        left.truncate(LEFT_MAX);
        drop(left);
        self.changed.notify_one();
    }

    /// Who has left since somebody last asked.
    pub(crate) fn take_left(&self) -> Vec<(MessageId, RecipientId)> {
        std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Resolves when something has changed since the last call.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Reads what was paused before a restart, again and again while the store cannot: nothing is delivered that
    /// should not be. Fails if the store has stopped.
    pub async fn recall(&self, world: &World) -> Result<(), StoreError> {
        let mut backoff = STORE_BACKOFF_MIN;
        loop {
            match world.store.scan(PAUSED_SPACE, None, PAUSES_MAX, world.clock.now()).await {
                Ok(rows) => {
                    let rows = rows.iter().filter_map(|(key, value)| read(key, value));
                    self.change(|paused| paused.0.extend(rows));
                    return Ok(());
                }
                Err(stopped @ StoreError::Stopped(_)) => return Err(stopped),
                Err(why) => {
                    warn!(%why, "it cannot be read what is paused; nothing is delivered before it is")
                }
            }
            tokio::time::sleep(backoff).await;
            backoff = longer(backoff);
        }
    }

    fn change(&self, change: impl FnOnce(&mut Paused)) {
        let mut paused = self.lock();
        let mut changed = (**paused).clone();
        change(&mut changed);
        *paused = Arc::new(changed);
        drop(paused);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Paused>> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(key: &[u8], value: &[u8]) -> Option<(Pause, PausedBy)> {
    let pause = Pause::parse(std::str::from_utf8(key).ok()?)?;
    let (at, by) = value.split_first_chunk::<8>()?;
    let at = Timestamp::from_millis(u64::from_be_bytes(*at));
    Some((pause, PausedBy { by: String::from_utf8_lossy(by).into_owned(), at }))
}

impl Pause {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            None => (text == "all").then_some(Pause::All),
            Some(("queue", name)) => Some(Pause::VirtualQueue(name.to_owned())),
            Some(("hop", name)) => Some(Pause::NextHop(name.to_owned())),
            Some(_) => None,
        }
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pause::All => f.write_str("all"),
            Pause::VirtualQueue(name) => write!(f, "queue {name}"),
            Pause::NextHop(name) => write!(f, "hop {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_read_as_it_was_written() {
        let all =
            [Pause::All, Pause::VirtualQueue("dsn".into()), Pause::NextHop("mx of a.example via mx".into())];
        for pause in all {
            assert_eq!(Pause::parse(&pause.to_string()), Some(pause));
        }
        assert_eq!(Pause::parse("everything"), None);
        assert_eq!(read(b"all", b"short"), None);
    }

    #[test]
    fn covers_what_it_names_and_nothing_else() {
        let relay = |route: &str| NextHop::Relay { route: route.to_owned() };
        let by = PausedBy { by: "alice".to_owned(), at: Timestamp::EPOCH };
        let paused = |pause| Paused(BTreeMap::from([(pause, by.clone())]));
        assert!(!Paused::default().covers("remote", &relay("a")));
        assert!(paused(Pause::All).covers("remote", &relay("a")));
        let queue = paused(Pause::VirtualQueue("dsn".into()));
        assert!(queue.covers("dsn", &relay("a")) && !queue.covers("remote", &relay("a")));
        let hop = paused(Pause::NextHop("relay via a".into()));
        assert!(hop.covers("dsn", &relay("a")) && !hop.covers("dsn", &relay("b")));
        assert!(hop.over("dsn", None).is_none());
    }
}
