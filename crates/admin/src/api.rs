//! What the methods work on.

use std::collections::BTreeMap;
use std::sync::Arc;

use mta::World;
use policy::Configuration;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::audit::Audit;
use crate::caller::Caller;
use crate::error::MethodError;
use crate::explain::Surroundings;
use crate::methods;
use crate::observer::Observer;
use crate::queue::Jobs;
use crate::route_test::RouteTests;
use crate::settings::Settings;

/// The management API: answers method calls.
#[derive(Clone)]
pub struct Api {
    /// The seams of the running server.
    pub world: World,
    /// The configuration in force.
    pub configuration: watch::Receiver<Arc<Configuration>>,
    /// What the boot file says that bears on decisions.
    pub surroundings: Arc<Surroundings>,
    /// Who may ask.
    pub access: Access,
    /// Who did what.
    pub audit: Audit,
    /// Owns calls that change something, so that none is cut in the middle when its client goes away.
    pub tasks: TaskTracker,
    /// Who listens to what happens, and remembers it.
    pub observer: Arc<Observer>,
    /// The jobs on the queue that run.
    pub jobs: Jobs,
    /// Tests of routes.
    pub route_tests: RouteTests,
    /// The settings.
    pub settings: Settings,
}

impl Api {
    /// Answers one method call, such as `x:MtaRoute/get`.
    pub async fn call(&self, caller: &Caller, method: &str, arguments: Value) -> Result<Value, MethodError> {
        self.call_with(caller, &mut BTreeMap::new(), method, arguments).await
    }

    /// The same within a request in which objects were created before: their ids by creation id.
    pub async fn call_with(
        &self,
        caller: &Caller,
        created: &mut BTreeMap<String, String>,
        method: &str,
        arguments: Value,
    ) -> Result<Value, MethodError> {
        methods::call(self, caller, created, method, arguments).await
    }
}
