//! What a new configuration changes for what is on its way.

use std::sync::Arc;

use policy::Configuration;

use super::{Done, Running, State};
use crate::bounds::set_bounds;
use crate::parts::Means;

impl State {
    /// Routes of the old configuration hold for nothing that has not started.
    pub(super) fn reconfigure(&mut self, configuration: Arc<Configuration>) {
        set_bounds(&mut self.scheduler, &configuration);
        self.means.configuration = configuration;
        self.count_for_quotas();
        self.release_waiting();
        self.unpark();
        self.claim_wanted = true;
    }

    /// Counts what the queue holds, if there are quotas that it is not counted for.
    pub(super) fn count_for_quotas(&mut self) {
        let Means { world, quotas, configuration, .. } = self.means.clone();
        if quotas.replace(&configuration) || quotas.is_uncounted() && !self.counting {
            self.counting = true;
            let counting = async move {
                quotas.count(&world).await;
                Done::Counted
            };
            let id = self.tasks.spawn(counting).id();
            self.running.insert(id, Running::Counting);
        }
    }

    pub(super) fn release_waiting(&mut self) {
        for part in self.scheduler.drain() {
            self.release(part.delivery.lease, part.ids());
        }
    }
}
