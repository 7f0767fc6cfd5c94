//! Which queued recipients does a filter mean? The language of routing, over what is known of a queued recipient.

use std::collections::{BTreeMap, BTreeSet};

use crate::cause::Cause;
use crate::configuration::Configuration;
use crate::expr::{
    Context, Dictionary, ExprError, Formula, Interrupt, LookupAnswers, Scene, Span, Value, Variable,
    Variables,
};
use crate::facts::Facts;
use crate::revise::Standing;

/// A filter that passed the check.
#[derive(Debug)]
pub struct QueueFilter(Formula);

/// What is known of a recipient that is in the queue.
#[derive(Clone, Copy, Debug)]
pub struct Queued<'a> {
    /// The message, the recipient and how far it is.
    pub facts: Facts<'a>,
    /// Whether it is still to be delivered.
    pub standing: Standing,
    /// What it waits for.
    pub cause: &'a Cause,
}

impl QueueFilter {
    /// Checks a filter. It may not look outside: it is asked for every recipient of the queue.
    pub fn compile(source: &str) -> Result<Self, ExprError> {
        let none = (BTreeSet::new(), BTreeMap::new());
        let dictionary = Dictionary {
            context: Context::Queued,
            objects: ("route", &none.0),
            stores: &none.1,
            relays: &none.0,
        };
        let formula = Formula::compile(source, &dictionary)?;
        if formula.asks_outside() {
            let message = "a filter of the queue cannot look anything up";
            return Err(ExprError {
                span: Span { start: 0, end: source.len() },
                message: message.into(),
                hint: None,
            });
        }
        Ok(QueueFilter(formula))
    }

    /// As written.
    pub fn source(&self) -> &str {
        self.0.source()
    }

    /// Whether it means this recipient. Fails if that takes too long to say.
    pub fn means(&self, queued: &Queued<'_>, configuration: &Configuration) -> Result<bool, String> {
        let answers = LookupAnswers::default();
        let scene = Scene { variables: queued, surroundings: configuration, answers: &answers };
        match self.0.evaluate(scene) {
            Ok(value) => Ok(value.is_true()),
            Err(Interrupt::Failed(why)) => Err(why),
            Err(Interrupt::Needs(lookup)) => Err(format!("it needs {lookup}")),
        }
    }
}

impl<'a> Variables<'a> for Queued<'a> {
    fn value(&self, variable: Variable) -> Value<'a> {
        let progress = self.facts.progress;
        match variable {
            Variable::NextHop => {
                progress.last_hop.as_ref().map_or(Value::text(""), |hop| Value::owned(hop.to_string()))
            }
            Variable::Route => Value::text(route(progress)),
            Variable::Age => self.facts.value(Variable::QueueAge),
            Variable::Held => Value::truth(progress.held().is_some()),
            Variable::Status => Value::text(match self.standing {
                Standing::Pending if progress.last.is_some() => "deferred",
                Standing::Pending => "scheduled",
                Standing::Failed => "failed",
                Standing::Delivered => "delivered",
            }),
            Variable::Cause => Value::text(self.cause.kind.name()),
            Variable::InDoubt => Value::truth(progress.last.as_ref().is_some_and(|last| last.in_doubt)),
            other => self.facts.value(other),
        }
    }
}

/// The route that an operator chose, else that of the last attempt.
fn route(progress: &crate::Progress) -> &str {
    let ordered = progress.orders.as_ref().and_then(|orders| orders.route.as_ref());
    let last = || progress.last_hop.as_ref().map_or("", crate::NextHop::route);
    ordered.map_or_else(last, |order| order.route.as_str())
}
