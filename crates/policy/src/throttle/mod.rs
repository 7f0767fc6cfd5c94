//! How much may pass now? Which throttles apply where, and what each counts by.
//!
//! A throttle becomes a [`Demand`] where it applies: one place in a bucket that bears the throttle's own id and the
//! values of its key. All demands of one step are met together, or none; the buckets are in `bucket`, their owner waits
//! in mail transfer.

pub mod bucket;

use std::fmt::Write;
use std::net::{IpAddr, Ipv6Addr};

use crate::configuration::Configuration;
use crate::expr::tree::{Expr, Node};
use crate::expr::{CheckedExpression, Interrupt, LookupAnswers, Scene, Value, Variable, Variables};
use crate::route::Choice;
use crate::settings::{Rate, Window};

/// Whom a throttle slows down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Clients.
    Inbound,
    /// Our deliveries.
    Outbound,
}

/// A throttle in force.
#[derive(Debug)]
pub struct Throttle {
    /// Whom it slows down.
    pub direction: Direction,
    /// Names it, and its buckets.
    pub id: String,
    /// For people.
    pub description: String,
    /// What it counts by.
    pub keys: Vec<Variable>,
    /// When it applies.
    pub applies: CheckedExpression,
    /// How many, in which time.
    pub rate: Rate,
    /// How the time is measured.
    pub window: Window,
    /// Whether deliveries to the local store count.
    pub count_local: bool,
    /// Whether its condition asks for something that each recipient has by itself.
    pub personal: bool,
}

/// Throttles for clients, by the step at which all that they ask for is known.
#[derive(Debug, Default)]
pub struct InboundThrottles {
    /// Once for each connection.
    pub connection: Vec<Throttle>,
    /// At each MAIL, also those that ask for the name given in EHLO.
    pub mail: Vec<Throttle>,
    /// At each RCPT.
    pub rcpt: Vec<Throttle>,
}

/// Throttles for deliveries, by the step at which all that they ask for is known.
#[derive(Debug, Default)]
pub struct OutboundThrottles {
    /// Once for all deliveries that begin together with one message.
    pub sender: Vec<Throttle>,
    /// Once for each recipient domain of a delivery.
    pub rcpt: Vec<Throttle>,
    /// Once for each host that a delivery turns to.
    pub host: Vec<Throttle>,
}

impl OutboundThrottles {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sender.is_empty() && self.rcpt.is_empty() && self.host.is_empty()
    }
}

/// One place that is wanted in a bucket.
#[derive(Clone, PartialEq, Debug)]
pub struct Demand {
    /// The bucket's name: what is wanted of the same name counts together.
    pub bucket: String,
    /// The throttle, for people.
    pub description: String,
    /// The bucket's rate.
    pub rate: Rate,
    /// The bucket's window.
    pub window: Window,
}

/// What the throttles of one step want; those that do not apply want nothing.
///
/// A condition that fails does not apply: a throttle protects from too much, and must not itself stop the mail.
pub fn demands<'a>(
    throttles: impl IntoIterator<Item = &'a Throttle>,
    configuration: &'a Configuration,
    variables: &'a dyn Variables<'a>,
    answers: &'a LookupAnswers,
) -> Choice<Vec<Demand>> {
    let mut demands = Vec::new();
    let mut needed = Vec::new();
    let scene = Scene { variables, surroundings: configuration, answers };
    for throttle in throttles {
        match applies(&throttle.applies, scene) {
            Ok(true) => demands.push(throttle.demand(variables)),
            Ok(false) | Err(Interrupt::Failed(_)) => {}
            Err(Interrupt::Needs(lookup)) => needed.push(*lookup),
        }
    }
    if needed.is_empty() { Choice::Decided(demands) } else { Choice::Needs(needed) }
}

/// Whether a condition holds. An empty one does.
pub(crate) fn applies<'a>(condition: &'a CheckedExpression, scene: Scene<'a>) -> Result<bool, Interrupt> {
    match condition.evaluate(scene) {
        Ok((_, value)) => Ok(value.is_none_or(|value| value.is_true())),
        Err((_, interrupt)) => Err(interrupt),
    }
}

impl Throttle {
    fn demand<'a>(&self, variables: &dyn Variables<'a>) -> Demand {
        Demand {
            bucket: self.bucket(variables),
            description: self.description.clone(),
            rate: self.rate,
            window: self.window,
        }
    }

    /// The throttle's id and its rate, so that another rate begins anew; then the values of its key.
    fn bucket<'a>(&self, variables: &dyn Variables<'a>) -> String {
        let mut name = String::with_capacity(64);
        let (Rate { count, period }, window) = (self.rate, self.window);
        let _ = write!(name, "{}\n{count}/{} {window:?}", self.id, period.as_millis());
        for key in &self.keys {
            let value = variables.value(*key);
            let by_network = self.direction == Direction::Inbound && *key == Variable::RemoteIp;
            append_key(&mut name, *key, &value, by_network);
        }
        name
    }
}

/// Adds a value to a name. Upper and lower case are the same. `by_network` says that an IPv6 address stands for its
/// /64, all of which one client has.
pub(crate) fn append_key(name: &mut String, key: Variable, value: &Value<'_>, by_network: bool) {
    let text = value.to_text();
    let _ = write!(name, "\n{}=", key.name());
    match text.parse::<IpAddr>() {
        Ok(ip) if by_network => {
            let _ = write!(name, "{}", network(ip));
        }
        _ => name.extend(text.chars().flat_map(char::to_lowercase)),
    }
}

fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Whether a condition asks for one of these.
pub(crate) fn mentions(condition: &CheckedExpression, variables: &[Variable]) -> bool {
    let branches = condition.branches().iter().flat_map(|branch| [&branch.condition, &branch.then]);
    let mut formulas = branches.chain(condition.otherwise());
    formulas.any(|formula| names_one(formula.expr(), variables))
}

fn names_one(expr: &Expr, variables: &[Variable]) -> bool {
    let named =
        matches!(&expr.node, Node::Name(name) if variables.iter().any(|variable| variable.name() == name));
    named || expr.parts().into_iter().any(|part| names_one(part, variables))
}
