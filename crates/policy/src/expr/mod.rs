//! The expression language: tokens → tree → checked tree. Only a checked one can be run.

pub mod lookup;

pub use lookup::{DnsKind, Lookup, LookupAnswers, LookupValue};

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

/// An expression property that passed the check and can be evaluated.
#[derive(Debug)]
pub struct CheckedExpression {}
