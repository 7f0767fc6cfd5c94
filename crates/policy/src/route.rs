//! Which next hop? And by the same means: which schedule, which connection strategy, which TLS strategy?

use std::fmt;
use std::sync::Arc;

use mail::{Address, Domain};
use serde::Serialize;

use crate::configuration::Configuration;
use crate::expr::{Lookup, LookupAnswers};
use crate::facts::Facts;
use crate::outcome::Trouble;
use crate::settings::{MtaConnectionStrategy, MtaDeliverySchedule, MtaRoute, MtaTlsStrategy, RouteKind};

/// Where one recipient goes now: the key of concurrency and of connection sharing.
///
/// It holds the route's name: two routes with the same content are still two.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NextHop {
    /// The local store.
    Local {
        /// The route's name.
        route: String,
    },
    /// The hosts of this domain.
    Mx {
        /// The route's name.
        route: String,
        /// The recipient domain.
        domain: Domain,
    },
    /// A configured host.
    Relay {
        /// The route's name.
        route: String,
    },
}

/// What an expression chose.
#[derive(Clone, PartialEq, Debug)]
pub enum Choice<T> {
    /// This.
    Decided(T),
    /// Nothing yet: gather these, add the answers to those already there, and ask again.
    Needs(Vec<Lookup>),
    /// Nothing: the recipient is deferred. Mail never takes a way that nobody wrote.
    Undecidable(Trouble),
}

/// Which route the recipient takes.
pub fn choose_route(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> Choice<Arc<MtaRoute>> {
    let _ = (configuration, facts, answers);
    todo!()
}

/// Which schedule the recipient has.
pub fn choose_schedule(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> Choice<Arc<MtaDeliverySchedule>> {
    let _ = (configuration, facts, answers);
    todo!()
}

/// Which connection strategy serves for the host.
pub fn choose_connection(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> Choice<Arc<MtaConnectionStrategy>> {
    let _ = (configuration, facts, answers);
    todo!()
}

/// Which TLS strategy holds for the host.
pub fn choose_tls(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> Choice<Arc<MtaTlsStrategy>> {
    let _ = (configuration, facts, answers);
    todo!()
}

/// [`choose_route`], and why.
pub fn explain_route(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> (Choice<Arc<MtaRoute>>, Explained) {
    let _ = (configuration, facts, answers);
    todo!()
}

/// [`choose_schedule`], and why.
pub fn explain_schedule(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> (Choice<Arc<MtaDeliverySchedule>>, Explained) {
    let _ = (configuration, facts, answers);
    todo!()
}

/// [`choose_connection`], and why.
pub fn explain_connection(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> (Choice<Arc<MtaConnectionStrategy>>, Explained) {
    let _ = (configuration, facts, answers);
    todo!()
}

/// [`choose_tls`], and why.
pub fn explain_tls(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> (Choice<Arc<MtaTlsStrategy>>, Explained) {
    let _ = (configuration, facts, answers);
    todo!()
}

/// Where a route takes this forward-path.
pub fn next_hop(route: &MtaRoute, forward_path: &Address) -> NextHop {
    let name = route.name.clone();
    match route.kind {
        RouteKind::Local => NextHop::Local { route: name },
        RouteKind::Mx(_) => NextHop::Mx { route: name, domain: forward_path.domain.clone() },
        RouteKind::Relay(_) => NextHop::Relay { route: name },
    }
}

/// How an expression came to its result.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The property, such as `route`.
    pub property: String,
    /// The branches that were looked at, in order, up to the one that fired.
    pub branches: Vec<ExplainedBranch>,
    /// The name that came out, if one did.
    pub name: Option<String>,
    /// What came of it, in words.
    pub result: String,
}

/// One branch that was looked at.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedBranch {
    /// Its place in `match`; none for `else`.
    pub index: Option<usize>,
    /// The condition as written; empty for `else`.
    pub condition: String,
    /// What the condition came to.
    pub value: String,
    /// The variables and lookups that it saw, with their values.
    pub variables: Vec<(String, String)>,
    /// Whether it decided.
    pub fired: bool,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.property, self.result)
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NextHop::Local { route } => write!(f, "local via {route}"),
            NextHop::Mx { route, domain } => write!(f, "mx of {domain} via {route}"),
            NextHop::Relay { route } => write!(f, "relay via {route}"),
        }
    }
}
