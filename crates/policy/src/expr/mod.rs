//! The expression language: tokens → tree → checked tree. Only a checked one can be run.
//!
//! Everything that can be wrong with an expression is found when it is checked, with its place and, where possible,
//! what may have been meant. Running one cannot fail but by what comes from outside: the lookups that it needs are
//! gathered first, by running it until it asks for one that has no answer yet.

mod check;
mod complete;
mod error;
mod eval;
mod functions;
pub mod lookup;
mod operate;
mod parse;
mod property;
mod remote;
mod signature;
pub(crate) mod suggest;
#[cfg(test)]
mod tests;
mod token;
pub mod tree;
pub mod value;
mod variables;
pub(crate) mod words;

pub use check::{Dictionary, StoreKind};
pub use complete::{Completion, CompletionNames, Proposal, complete};
pub use error::{ExprError, Span};
pub use eval::{Interrupt, Scene, Surroundings};
pub use lookup::{Argument, Asking, DnsKind, Lookup, LookupAnswers, LookupValue, Question, dns_value};
pub use property::{CheckedBranch, CheckedExpression, Formula, Place};
pub(crate) use property::{Evaluated, Step};
pub use signature::Signature;
pub use value::{Kind, Value};
pub use variables::{Context, Variable, Variables};

/// An expression property as written: a list of conditions and an `else`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expression {
    /// Conditions in order; the first that is true decides.
    pub matches: Vec<Branch>,
    /// What holds if none is.
    pub otherwise: Option<String>,
}

/// One condition and what it yields.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Branch {
    /// The condition.
    pub condition: String,
    /// What it yields.
    pub then: String,
}

impl Expression {
    /// A property that always yields the same.
    pub fn always(text: &str) -> Self {
        Expression { matches: Vec::new(), otherwise: Some(text.to_owned()) }
    }

    /// A property with conditions.
    pub fn first_of(branches: &[(&str, &str)], otherwise: &str) -> Self {
        let branch = |(condition, then): &(&str, &str)| Branch {
            condition: (*condition).to_owned(),
            then: (*then).to_owned(),
        };
        Expression { matches: branches.iter().map(branch).collect(), otherwise: Some(otherwise.to_owned()) }
    }
}
