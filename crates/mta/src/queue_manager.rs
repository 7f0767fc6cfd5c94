//! Claim, route, schedule, start: the one loop that owns what is to be delivered next.

use std::sync::Arc;

use policy::Configuration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::World;
use crate::connections::Connections;

/// Runs until `shutdown`; then claims no more, lets attempts end or reach their deadline, and gives back the rest.
pub async fn run(
    world: World,
    configuration: watch::Receiver<Arc<Configuration>>,
    connections: Arc<Connections>,
    shutdown: CancellationToken,
) {
    let _ = (world, configuration, connections, shutdown);
    todo!()
}
