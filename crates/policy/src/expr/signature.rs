//! How is a function called, what does it yield, and what for? For people who write expressions.

use super::value::Kind;
use super::{check, functions, remote};

/// A function, as people see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature {
    /// Its name.
    pub name: &'static str,
    /// What its arguments are called.
    pub parameters: &'static [&'static str],
    /// Which values it yields.
    pub kind: Kind,
    /// What it yields, in a sentence.
    pub help: &'static str,
}

impl Signature {
    /// All functions of the language.
    pub fn all() -> impl Iterator<Item = Signature> {
        functions::signatures().chain(check::signatures()).chain(remote::signatures())
    }

    /// `starts_with(text, start)`.
    pub fn call(&self) -> String {
        format!("{}({})", self.name, self.parameters.join(", "))
    }
}
