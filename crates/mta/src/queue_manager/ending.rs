//! How the queue manager ends: nothing new, what is under way may end, the rest is given back.

use std::time::Duration;

use policy::limits::{SHUTDOWN_MAX, SHUTDOWN_SETTLE_MAX};
use store::StoreError;
use tokio::time::Instant;
use tracing::{info, warn};

use super::State;

impl State {
    /// Waits for what is under way, but not longer than allowed.
    pub(super) async fn wind_down(mut self) -> Result<(), StoreError> {
        self.stopping = true;
        self.means.quotas.stop();
        self.unpark_until.cancel();
        self.release_waiting();
        info!(deliveries = self.deliveries, "the queue manager stops; deliveries under way may end");
        self.wait(SHUTDOWN_MAX).await?;
        self.means.cut.cancel();
        self.wait(SHUTDOWN_SETTLE_MAX).await?;
        if !self.tasks.is_empty() {
            warn!(tasks = self.tasks.len(), duplicate_risk = true, "not all that happened could be written");
            self.tasks.shutdown().await;
        }
        Ok(())
    }

    /// Waits until nothing is under way, but not longer than this.
    async fn wait(&mut self, time_max: Duration) -> Result<(), StoreError> {
        let deadline = Instant::now() + time_max;
        while let Ok(Some(ended)) = tokio::time::timeout_at(deadline, self.tasks.join_next_with_id()).await {
            match ended {
                Ok((id, done)) => self.done(id, done)?,
                Err(failure) => self.crashed(failure.id(), &failure),
            }
        }
        Ok(())
    }
}
