//! A whole expression property: conditions in order, what each yields, and what holds if none is true.

use std::fmt;

use super::Expression;
use super::check::{Checked, Dictionary, check};
use super::error::{ExprError, Span};
use super::eval::{Evaluation, Interrupt, Scene, show};
use super::parse::parse;
use super::tree::Expr;
use super::value::{Kind, Value};
use crate::limits::EXPRESSION_BRANCHES_MAX;

/// A text that can be evaluated.
#[derive(Debug)]
pub struct Formula {
    source: String,
    expr: Expr,
    ignored: Option<Span>,
    checked: Checked,
}

/// An expression property that passed the check and can be evaluated.
#[derive(Debug)]
pub struct CheckedExpression {
    branches: Vec<CheckedBranch>,
    otherwise: Option<Formula>,
}

/// One condition and what it yields.
#[derive(Debug)]
pub struct CheckedBranch {
    /// The condition.
    pub condition: Formula,
    /// What it yields.
    pub then: Formula,
}

/// A text within a property.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// The condition of this branch.
    If(usize),
    /// What this branch yields.
    Then(usize),
    /// What holds if no condition is true.
    Else,
}

impl fmt::Display for Place {
    /// As in the JSON form: `match.0.if`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::If(branch) => write!(f, "match.{branch}.if"),
            Place::Then(branch) => write!(f, "match.{branch}.then"),
            Place::Else => f.write_str("else"),
        }
    }
}

/// What an evaluation of a property came to, and where; no value if the property is empty.
pub(crate) type Evaluated<'a> = Result<(Place, Option<Value<'a>>), (Place, Interrupt)>;

/// One branch that was looked at.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Step {
    pub(crate) place: Place,
    /// What the condition came to; of `else`, what it yields.
    pub(crate) value: Option<String>,
    /// What was seen on the way.
    pub(crate) seen: Vec<(String, String)>,
    pub(crate) fired: bool,
}

impl Formula {
    /// Parses and checks a text.
    pub fn compile(source: &str, dictionary: &Dictionary<'_>) -> Result<Self, ExprError> {
        let parsed = parse(source)?;
        let checked = check(&parsed.expr, dictionary)?;
        Ok(Formula { source: source.to_owned(), expr: parsed.expr, ignored: parsed.ignored, checked })
    }

    /// As written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its tree.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// What stands after a closing brace and is therefore ignored.
    pub fn ignored(&self) -> Option<Span> {
        self.ignored
    }

    /// Which values it can have.
    pub fn kind(&self) -> Kind {
        self.checked.kind()
    }

    /// Whether it has the same value whatever the facts.
    pub fn is_constant(&self) -> bool {
        self.checked.is_constant()
    }

    /// Whether it may ask something that must be looked up.
    pub fn asks_outside(&self) -> bool {
        self.checked.asks_outside()
    }

    /// Its value.
    pub fn evaluate<'a>(&'a self, scene: Scene<'a>) -> Result<Value<'a>, Interrupt> {
        Evaluation::new(scene).run(&self.checked)
    }
}

impl CheckedExpression {
    /// Checks all texts of a property; everything that is wrong with them otherwise.
    pub fn compile(
        expression: &Expression,
        dictionary: &Dictionary<'_>,
    ) -> Result<Self, Vec<(Place, ExprError)>> {
        let mut errors = Vec::new();
        let mut compile = |place: Place, source: &str| match Formula::compile(source, dictionary) {
            Ok(formula) => Some(formula),
            Err(error) => {
                errors.push((place, error));
                None
            }
        };
        let texts = expression.matches.iter().enumerate().take(EXPRESSION_BRANCHES_MAX);
        let branches: Vec<_> = texts
            .map(|(at, branch)| {
                (compile(Place::If(at), &branch.condition), compile(Place::Then(at), &branch.then))
            })
            .collect();
        let otherwise = expression.otherwise.as_ref().and_then(|source| compile(Place::Else, source));
        if expression.matches.len() > EXPRESSION_BRANCHES_MAX {
            let message = format!("there are more than {EXPRESSION_BRANCHES_MAX} branches");
            errors.push((Place::If(EXPRESSION_BRANCHES_MAX), ExprError::new(Span::default(), message)));
        }
        if otherwise.is_none() && expression.otherwise.is_none() && !expression.matches.is_empty() {
            let error = ExprError::new(Span::default(), "'else' is missing");
            errors.push((Place::Else, error.hint("say what holds when no condition is true")));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let both = |(condition, then)| Some(CheckedBranch { condition: condition?, then: then? });
        Ok(CheckedExpression { branches: branches.into_iter().filter_map(both).collect(), otherwise })
    }

    /// The branches in order.
    pub fn branches(&self) -> &[CheckedBranch] {
        &self.branches
    }

    /// What holds if no condition is true; nothing if the property is empty.
    pub fn otherwise(&self) -> Option<&Formula> {
        self.otherwise.as_ref()
    }

    /// The text at a place.
    pub(crate) fn at(&self, place: Place) -> Option<&Formula> {
        match place {
            Place::If(branch) => self.branches.get(branch).map(|branch| &branch.condition),
            Place::Then(branch) => self.branches.get(branch).map(|branch| &branch.then),
            Place::Else => self.otherwise.as_ref(),
        }
    }

    /// The value of the first branch whose condition is true, else of `else`.
    pub(crate) fn evaluate<'a>(&'a self, scene: Scene<'a>) -> Evaluated<'a> {
        let mut evaluation = Evaluation::new(scene);
        for (at, branch) in self.branches.iter().enumerate() {
            let condition = evaluation.run(&branch.condition.checked);
            if condition.map_err(|interrupt| (Place::If(at), interrupt))?.is_true() {
                return finish(&mut evaluation, Place::Then(at), Some(&branch.then));
            }
        }
        finish(&mut evaluation, Place::Else, self.otherwise.as_ref())
    }

    /// [`CheckedExpression::evaluate`], and every branch that was looked at.
    pub(crate) fn explain<'a>(&'a self, scene: Scene<'a>) -> (Evaluated<'a>, Vec<Step>) {
        let mut evaluation = Evaluation::new(scene);
        let mut steps = Vec::new();
        for (at, branch) in self.branches.iter().enumerate() {
            evaluation.seen = Some(Vec::new());
            let condition = evaluation.run(&branch.condition.checked);
            let fired = condition.as_ref().is_ok_and(Value::is_true);
            let value = condition.as_ref().ok().map(show);
            let result = match condition {
                Err(interrupt) => Some(Err((Place::If(at), interrupt))),
                Ok(_) if fired => Some(finish(&mut evaluation, Place::Then(at), Some(&branch.then))),
                Ok(_) => None,
            };
            let seen = evaluation.seen.take().unwrap_or_default();
            steps.push(Step { place: Place::If(at), value, seen, fired });
            if let Some(result) = result {
                return (result, steps);
            }
        }
        evaluation.seen = Some(Vec::new());
        let result = finish(&mut evaluation, Place::Else, self.otherwise.as_ref());
        let value = result.as_ref().ok().and_then(|(_, value)| value.as_ref()).map(show);
        let seen = evaluation.seen.take().unwrap_or_default();
        steps.push(Step { place: Place::Else, value, seen, fired: true });
        (result, steps)
    }
}

fn finish<'a>(evaluation: &mut Evaluation<'a>, place: Place, formula: Option<&'a Formula>) -> Evaluated<'a> {
    let value = formula.map(|formula| evaluation.run(&formula.checked)).transpose();
    value.map(|value| (place, value)).map_err(|interrupt| (place, interrupt))
}
