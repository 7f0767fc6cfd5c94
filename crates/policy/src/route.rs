//! Which next hop? And by the same means: which schedule, which connection strategy, which TLS strategy?

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use mail::{Address, Domain};

use crate::configuration::Configuration;
use crate::explain::describe;
pub use crate::explain::{Explained, ExplainedBranch};
use crate::expr::{CheckedExpression, Evaluated, Interrupt, Lookup, LookupAnswers, Place, Scene, Value};
use crate::facts::Facts;
use crate::outcome::{Scope, Trouble, TroubleKind};
use crate::revise::ordered_route;
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

impl<T> Choice<T> {
    /// The same choice among other things.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Choice<U> {
        match self {
            Choice::Decided(decided) => Choice::Decided(change(decided)),
            Choice::Needs(lookups) => Choice::Needs(lookups),
            Choice::Undecidable(trouble) => Choice::Undecidable(trouble),
        }
    }
}

/// One of the four expressions, with the objects that it chooses among.
struct Strategy<'a, T> {
    property: &'static str,
    noun: &'static str,
    expression: &'a CheckedExpression,
    objects: &'a BTreeMap<String, Arc<T>>,
    describe: fn(&T) -> String,
}

/// Which route the recipient takes: the one that an operator chose for it, as long as there is one, else by the strategy.
pub fn choose_route(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> Choice<Arc<MtaRoute>> {
    if let Some((_, route)) = ordered_route(configuration, facts.progress) {
        return Choice::Decided(Arc::clone(route));
    }
    route_strategy(configuration).choose(configuration, facts, answers)
}

/// [`choose_route`], and why.
pub fn explain_route(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> (Choice<Arc<MtaRoute>>, Explained) {
    if let Some((order, route)) = ordered_route(configuration, facts.progress) {
        let explained = Explained::ordered(order, describe::route(route));
        return (Choice::Decided(Arc::clone(route)), explained);
    }
    route_strategy(configuration).explain(configuration, facts, answers)
}

/// Which schedule the recipient has.
pub fn choose_schedule(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> Choice<Arc<MtaDeliverySchedule>> {
    schedule_strategy(configuration).choose(configuration, facts, answers)
}

/// [`choose_schedule`], and why.
pub fn explain_schedule(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> (Choice<Arc<MtaDeliverySchedule>>, Explained) {
    schedule_strategy(configuration).explain(configuration, facts, answers)
}

/// Which connection strategy serves for the host.
pub fn choose_connection(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> Choice<Arc<MtaConnectionStrategy>> {
    connection_strategy(configuration).choose(configuration, facts, answers)
}

/// [`choose_connection`], and why.
pub fn explain_connection(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> (Choice<Arc<MtaConnectionStrategy>>, Explained) {
    connection_strategy(configuration).explain(configuration, facts, answers)
}

/// Which TLS strategy holds for the host.
pub fn choose_tls(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> Choice<Arc<MtaTlsStrategy>> {
    tls_strategy(configuration).choose(configuration, facts, answers)
}

/// [`choose_tls`], and why.
pub fn explain_tls(
    configuration: &Configuration,
    facts: &Facts<'_>,
    answers: &LookupAnswers,
) -> (Choice<Arc<MtaTlsStrategy>>, Explained) {
    tls_strategy(configuration).explain(configuration, facts, answers)
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

fn route_strategy(configuration: &Configuration) -> Strategy<'_, MtaRoute> {
    Strategy {
        property: "route",
        noun: "route",
        expression: &configuration.route,
        objects: &configuration.routes,
        describe: describe::route,
    }
}

fn schedule_strategy(configuration: &Configuration) -> Strategy<'_, MtaDeliverySchedule> {
    Strategy {
        property: "schedule",
        noun: "schedule",
        expression: &configuration.schedule,
        objects: &configuration.schedules,
        describe: describe::schedule,
    }
}

fn connection_strategy(configuration: &Configuration) -> Strategy<'_, MtaConnectionStrategy> {
    Strategy {
        property: "connection",
        noun: "connection strategy",
        expression: &configuration.connection,
        objects: &configuration.connections,
        describe: describe::connection,
    }
}

fn tls_strategy(configuration: &Configuration) -> Strategy<'_, MtaTlsStrategy> {
    Strategy {
        property: "tls",
        noun: "TLS strategy",
        expression: &configuration.tls_strategy,
        objects: &configuration.tls,
        describe: describe::tls,
    }
}

/// The name that counts when an expression yields none.
const DEFAULT: &str = "default";

impl<T> Strategy<'_, T> {
    fn choose(
        &self,
        configuration: &Configuration,
        facts: &Facts<'_>,
        answers: &LookupAnswers,
    ) -> Choice<Arc<T>> {
        let scene = Scene { variables: facts, surroundings: configuration, answers };
        self.object(self.expression.evaluate(scene))
    }

    fn explain(
        &self,
        configuration: &Configuration,
        facts: &Facts<'_>,
        answers: &LookupAnswers,
    ) -> (Choice<Arc<T>>, Explained) {
        let scene = Scene { variables: facts, surroundings: configuration, answers };
        let (evaluated, steps) = self.expression.explain(scene);
        let name = evaluated.as_ref().ok().map(|(_, value)| name(value.as_ref()).into_owned());
        let choice = self.object(evaluated);
        let result = match &choice {
            Choice::Decided(object) => (self.describe)(object),
            Choice::Needs(lookups) => {
                let all = lookups.iter().map(ToString::to_string).collect::<Vec<_>>();
                format!("needs {}", all.join(", "))
            }
            Choice::Undecidable(trouble) => format!("deferred: {}", trouble.text),
        };
        let branches = steps.into_iter().map(|step| ExplainedBranch::new(step, self.expression)).collect();
        (choice, Explained { property: self.property.to_owned(), branches, name, result })
    }

    /// The object that bears the name which came out.
    fn object(&self, evaluated: Evaluated<'_>) -> Choice<Arc<T>> {
        let (place, value) = match evaluated {
            Ok(found) => found,
            Err((_, Interrupt::Needs(lookup))) => return Choice::Needs(vec![*lookup]),
            Err((place, Interrupt::Failed(reason))) => return self.undecidable(place, reason),
        };
        let name = name(value.as_ref());
        if let Some(object) = self.objects.get(name.as_ref()) {
            return Choice::Decided(Arc::clone(object));
        }
        let noun = self.noun;
        let reason = match &value {
            Some(Value::Text(_)) => format!("there is no {noun} {name:?}"),
            Some(other) => format!("{} is no name, and there is no {noun} {name:?}", other.to_text()),
            None => format!("the property is empty, and there is no {noun} {name:?}"),
        };
        self.undecidable(place, reason)
    }

    fn undecidable(&self, place: Place, reason: String) -> Choice<Arc<T>> {
        let text = format!("MtaOutboundStrategy {}.{place}: {reason}", self.property);
        Choice::Undecidable(Trouble::new(Scope::Recipient, TroubleKind::Io, (4, 3, 5), text))
    }
}

fn name<'v>(value: Option<&'v Value<'_>>) -> Cow<'v, str> {
    match value {
        Some(Value::Text(text)) => Cow::Borrowed(text),
        Some(Value::Integer(_) | Value::Float(_) | Value::List(_) | Value::Constant(_)) | None => {
            Cow::Borrowed(DEFAULT)
        }
    }
}

impl NextHop {
    /// The name of the route.
    pub fn route(&self) -> &str {
        match self {
            NextHop::Local { route } | NextHop::Mx { route, .. } | NextHop::Relay { route } => route,
        }
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

#[cfg(test)]
mod tests;
