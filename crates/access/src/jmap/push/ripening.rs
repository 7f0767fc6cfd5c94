//! Held mail becomes final by the clock alone: whoever waits for changes must be told of that one too.

use std::sync::PoisonError;
use std::time::Duration;

use mail::Address;
use store::StoreError;
use tokio::sync::watch;

use super::super::submission::ripen;
use super::courier::Pushes;
use crate::World;

/// How long nobody looks at most: the clock may be set.
const LOOK_AGAIN: Duration = Duration::from_secs(10 * 60);

impl Pushes {
    /// Writes down that held mail of the account is final when its time has come, so that those who watch are told. To be
    /// called when somebody begins to watch, and when something more is held.
    pub(crate) fn foresee(&self, world: &World, account: &Address) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(again) = waiting.get(account) {
            again.send_replace(());
            return;
        }
        let (again, asked) = watch::channel(());
        waiting.insert(account.clone(), again);
        drop(waiting);
        let (pushes, world, account) = (self.clone(), world.clone(), account.clone());
        self.0.tasks.spawn(async move {
            if let Err(error) = pushes.wait(&world, &account, asked).await {
                tracing::warn!(%account, %error, "it is not told when held mail is final");
                pushes.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&account);
            }
        });
    }

    /// Until nothing is held any more, or we stop.
    async fn wait(
        &self,
        world: &World,
        account: &Address,
        mut asked: watch::Receiver<()>,
    ) -> Result<(), StoreError> {
        loop {
            asked.mark_unchanged();
            let Some(next) = ripen(world, account).await? else {
                let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if asked.has_changed().unwrap_or(false) {
                    continue;
                }
                waiting.remove(account);
                return Ok(());
            };
            let left = next.since(world.clock.now()).min(LOOK_AGAIN);
            tokio::select! {
                biased;
                () = self.0.stop.cancelled() => return Ok(()),
                _ = asked.changed() => {}
                () = tokio::time::sleep(left) => {}
            }
        }
    }
}
