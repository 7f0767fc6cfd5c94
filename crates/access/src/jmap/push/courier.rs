//! Tells push services that something has changed: a small task for each account that has subscriptions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mail::{Address, ModSeq};
use policy::settings::Account;
use serde_json::Value;
use store::StoreError;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::changes::changed;
use super::encrypt::encrypt;
use super::subscription::{self, Subscription};
use crate::World;

/// Accounts that are read at once.
pub(super) const PAGE: usize = 1_000;
/// What comes together is told together.
const TOGETHER: Duration = Duration::from_millis(500);
/// How often subscriptions are looked at that nothing is told: they may have ended.
const LOOK_AGAIN: Duration = Duration::from_secs(6 * 60 * 60);
/// Attempts to tell one push service, and the first wait between them.
const ATTEMPTS_MAX: u32 = 4;
const BACKOFF: Duration = Duration::from_secs(2);
/// Posts under way at once, over all accounts.
const POSTS_MAX: usize = 64;
/// For how long a push service keeps what it cannot hand on (RFC 8030 section 5.2).
const KEPT_SECONDS: u64 = 24 * 60 * 60;

/// The tasks that tell; clones share them.
#[derive(Clone)]
pub(crate) struct Pushes(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    /// Accounts of which somebody waits for held mail; what is sent to one makes it look again.
    pub(super) waiting: Mutex<BTreeMap<Address, watch::Sender<()>>>,
    told: Mutex<BTreeSet<Address>>,
    posts: Semaphore,
}

impl Pushes {
    /// None yet; they end with `stop`.
    pub(crate) fn new(tasks: TaskTracker, stop: CancellationToken) -> Self {
        Pushes(Arc::new(Inner {
            tasks,
            stop,
            waiting: Mutex::default(),
            told: Mutex::default(),
            posts: Semaphore::new(POSTS_MAX),
        }))
    }

    /// Begins for all that had subscriptions before a restart.
    pub(crate) fn recall(&self, world: &World) {
        let (pushes, world) = (self.clone(), world.clone());
        self.0.tasks.spawn(async move {
            match subscription::accounts(&world).await {
                Ok(accounts) => accounts.into_iter().for_each(|name| pushes.tell(&world, name)),
                Err(error) => tracing::error!(%error, "it cannot be read who is told of changes"),
            }
        });
    }

    /// Begins for an account, if it was not begun.
    pub(crate) fn begin(&self, world: &World, account: Arc<Account>) {
        self.tell(world, account.name.clone());
    }

    fn tell(&self, world: &World, account: Address) {
        if !self.0.told.lock().unwrap_or_else(PoisonError::into_inner).insert(account.clone()) {
            return;
        }
        self.foresee(world, &account);
        let (pushes, world) = (self.clone(), world.clone());
        self.0.tasks.spawn(async move {
            if let Err(error) = pushes.run(&world, &account).await {
                tracing::warn!(%account, %error, "changes are told no more until the account is looked at again");
            }
            pushes.0.told.lock().unwrap_or_else(PoisonError::into_inner).remove(&account);
        });
    }

    /// Sends the code that shows whose the URL is.
    pub(super) fn verify(&self, world: &World, to: Subscription, code: Value) {
        let (pushes, world) = (self.clone(), world.clone());
        self.0.tasks.spawn(async move {
            pushes.post(&world, &to, &code).await;
        });
    }

    /// Until the account has no subscription any more, or we stop.
    async fn run(&self, world: &World, account: &Address) -> Result<(), StoreError> {
        let mut watch = world.messages.watch(account);
        let mut since = *watch.borrow_and_update();
        loop {
            let woken = tokio::select! {
                biased;
                () = self.0.stop.cancelled() => return Ok(()),
                changed = watch.changed() => changed.is_ok(),
                () = tokio::time::sleep(LOOK_AGAIN) => true,
            };
            if !woken {
                return Ok(());
            }
            tokio::time::sleep(TOGETHER).await;
            let now = *watch.borrow_and_update();
            let all = subscription::of(world, account).await?;
            if all.is_empty() {
                return Ok(());
            }
            for one in all.iter().filter(|one| one.verified) {
                self.tell_one(world, account, one, (since, now)).await?;
            }
            since = now;
        }
    }

    async fn tell_one(
        &self,
        world: &World,
        account: &Address,
        to: &Subscription,
        (since, now): (ModSeq, ModSeq),
    ) -> Result<(), StoreError> {
        if since == now {
            return Ok(());
        }
        let Some(told) = changed(world, account, since, now, &to.types()).await? else { return Ok(()) };
        if self.post(world, to, &told).await == Posted::Gone {
            tracing::info!(%account, id = to.id, "a push service knows a subscription no more");
            subscription::remove(world, account, &to.id).await?;
        }
        Ok(())
    }

    async fn post(&self, world: &World, to: &Subscription, told: &Value) -> Posted {
        let plain = told.to_string().into_bytes();
        let mut fields = vec![("ttl", KEPT_SECONDS.to_string()), ("urgency", "normal".to_owned())];
        let body = match to.keys() {
            None => plain,
            Some(keys) => match encrypt(&plain, &keys) {
                Ok(body) => {
                    fields.push(("content-encoding", "aes128gcm".to_owned()));
                    body
                }
                Err(_) => return Posted::Gone,
            },
        };
        let mut backoff = BACKOFF;
        for _ in 0..ATTEMPTS_MAX {
            let Ok(_place) = self.0.posts.acquire().await else { return Posted::Not };
            match world.courier.post(&to.url, &fields, body.clone()).await {
                Ok(200..300) => return Posted::Yes,
                Ok(404 | 410) => return Posted::Gone,
                Ok(429 | 500..600) | Err(_) => {}
                Ok(status) => {
                    tracing::info!(id = to.id, status, "a push service refuses what it is told");
                    return Posted::Not;
                }
            }
            drop(_place);
            tokio::select! {
                biased;
                () = self.0.stop.cancelled() => return Posted::Not,
                () = tokio::time::sleep(backoff) => {}
            }
            backoff = backoff.saturating_mul(4);
        }
        tracing::info!(id = to.id, "a push service does not answer");
        Posted::Not
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Posted {
    Yes,
    Not,
    Gone,
}
