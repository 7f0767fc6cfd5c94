//! How many deliveries may the scheduler run at once? As the configuration says.

use policy::Configuration;
use policy::scheduler::Scheduler;
use policy::settings::{MtaRoute, RouteKind};

/// Sets what each virtual queue runs at once, and what each relay bears.
pub(crate) fn set_bounds<D>(scheduler: &mut Scheduler<D>, configuration: &Configuration) {
    let queues = configuration.virtual_queues.iter();
    scheduler.set_caps(queues.map(|(name, queue)| (name.as_str(), queue.threads_per_node)));
    let bound = |route: &MtaRoute| match &route.kind {
        RouteKind::Relay(relay) => Some((route.name.clone(), relay.max_connections?)),
        RouteKind::Local | RouteKind::Mx(_) => None,
    };
    scheduler.set_relay_limits(configuration.routes.values().filter_map(|route| bound(route)).collect());
}
