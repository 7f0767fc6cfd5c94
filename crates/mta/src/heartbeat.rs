//! Writes down now and then that we run, and finds out at the start for how long we did not.

use std::convert::Infallible;

use bytes::Bytes;
use mail::Timestamp;
use policy::gap::Gap;
use policy::limits::HEARTBEAT_INTERVAL;
use store::{Store, StoreError};
use tracing::{error, warn};

use crate::world::World;

/// Where it is written.
const SPACE: &str = "heartbeat";
/// The time of the last beat, in milliseconds.
const LAST: &[u8] = b"last";
/// The last gap between two beats that was too long.
const GAP: &[u8] = b"gap";

/// When this store was last in use, as far as is known.
pub async fn last(store: &dyn Store) -> Result<Option<Timestamp>, StoreError> {
    let value = store.value(SPACE, LAST, Timestamp::EPOCH).await?;
    let bytes: Option<[u8; 8]> = value.and_then(|value| value.as_ref().try_into().ok());
    Ok(bytes.map(|bytes| Timestamp::from_millis(u64::from_be_bytes(bytes))))
}

/// The time that does not count, at the start. It is kept: another restart does not take back what was given.
pub(crate) async fn resume(world: &World) -> Option<Gap> {
    let now = world.clock.now();
    match find(world, now).await {
        Ok(gap) => gap,
        Err(why) => {
            warn!(%why, "cannot find out for how long nothing ran");
            None
        }
    }
}

async fn find(world: &World, now: Timestamp) -> Result<Option<Gap>, StoreError> {
    let store = &world.store;
    let last = last(store.as_ref()).await?.unwrap_or(now);
    if let Some(gap) = Gap::between(last, now) {
        error!(%last, %now, days = gap.length().as_secs() / 86_400,
            "nothing ran for long, or the clock is wrong: what would have expired meanwhile is tried again first");
        store.put(SPACE, GAP, Bytes::copy_from_slice(&gap.encode()), None, now).await?;
        return Ok(Some(gap));
    }
    Ok(store.value(SPACE, GAP, now).await?.and_then(|bytes| Gap::decode(&bytes)))
}

/// Beats for as long as the work goes on.
pub(crate) async fn beating<T>(world: World, work: impl Future<Output = T>) -> T {
    tokio::select! {
        biased;
        done = work => done,
        never = beat(world) => match never {},
    }
}

async fn beat(world: World) -> Infallible {
    loop {
        let now = world.clock.now();
        let time = Bytes::copy_from_slice(&now.as_millis().to_be_bytes());
        if let Err(why) = world.store.put(SPACE, LAST, time, None, now).await {
            warn!(%why, "cannot write down that we run");
        }
        tokio::time::sleep(HEARTBEAT_INTERVAL).await;
    }
}
