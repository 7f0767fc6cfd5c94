//! Is one condition true whenever another is? As far as ranges of numbers and sets of texts tell.

use std::collections::BTreeSet;

use crate::expr::tree::{BinaryOperator, Expr, Node};
use crate::expr::{Formula, Interrupt, LookupAnswers, Scene, Surroundings, Value, Variable, Variables};

/// A condition as alternatives, each of which holds if all its terms do.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Condition {
    /// No alternative: never true. An alternative without terms: always true.
    alternatives: Vec<Vec<Term>>,
}

/// What one term demands of what it is about.
#[derive(Clone, PartialEq, Debug)]
struct Term {
    /// What it is about, printed.
    subject: String,
    demand: Demand,
}

#[derive(Clone, PartialEq, Debug)]
enum Demand {
    /// That it counts as true.
    True,
    /// That it is in a range of numbers.
    Range(Range),
    /// That it is one of these texts.
    OneOf(BTreeSet<String>),
}

/// Numbers from `low` to `high`, both in it unless `open`.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Range {
    low: f64,
    low_open: bool,
    high: f64,
    high_open: bool,
}

impl Condition {
    pub(super) fn of(formula: &Formula) -> Self {
        if formula.is_constant() {
            let always = matches!(constant(formula), Ok(value) if value);
            return Condition { alternatives: if always { vec![Vec::new()] } else { Vec::new() } };
        }
        let mut alternatives = alternatives(formula.expr());
        alternatives.retain_mut(is_possible);
        Condition { alternatives }
    }

    pub(super) fn is_never(&self) -> bool {
        self.alternatives.is_empty()
    }

    pub(super) fn is_always(&self) -> bool {
        self.alternatives.iter().any(Vec::is_empty)
    }
}

/// Whether `after` is true whenever `before` is.
pub(super) fn implies(before: &Condition, after: &Condition) -> bool {
    before.alternatives.iter().all(|strong| {
        after
            .alternatives
            .iter()
            .any(|weak| weak.iter().all(|wanted| strong.iter().any(|given| gives(given, wanted))))
    })
}

fn gives(given: &Term, wanted: &Term) -> bool {
    given.subject == wanted.subject
        && match (&given.demand, &wanted.demand) {
            (Demand::True, Demand::True) => true,
            (Demand::Range(given), Demand::Range(wanted)) => given.is_within(wanted),
            (Demand::OneOf(given), Demand::OneOf(wanted)) => given.is_subset(wanted),
            (Demand::OneOf(given), Demand::True) => !given.contains(""),
            (Demand::Range(given), Demand::True) => !given.contains(0.0),
            (Demand::True, _)
            | (Demand::Range(_), Demand::OneOf(_))
            | (Demand::OneOf(_), Demand::Range(_)) => false,
        }
}

/// Takes away the terms that always hold; false if the terms cannot all hold.
fn is_possible(terms: &mut Vec<Term>) -> bool {
    const NEVER_NEGATIVE: Range = Range { low: 0.0, low_open: false, high: f64::INFINITY, high_open: true };
    let counts = |term: &Term| {
        matches!(term.subject.as_str(), "retry_num" | "notify_num" | "size" | "queue_age" | "expires_in")
    };
    let holds_always = |term: &Term| {
        counts(term) && matches!(&term.demand, Demand::Range(range) if NEVER_NEGATIVE.is_within(range))
    };
    let is_impossible = |term: &Term| match &term.demand {
        Demand::Range(range) if counts(term) => range.meet(&NEVER_NEGATIVE).is_empty(),
        Demand::Range(range) => range.is_empty(),
        Demand::OneOf(texts) => texts.is_empty(),
        Demand::True => false,
    };
    terms.retain(|term| !holds_always(term));
    let pairs = || {
        terms.iter().enumerate().flat_map(|(at, left)| terms[at + 1..].iter().map(move |right| (left, right)))
    };
    let contradict = |left: &Term, right: &Term| match (&left.demand, &right.demand) {
        (Demand::Range(left), Demand::Range(right)) => left.meet(right).is_empty(),
        (Demand::OneOf(left), Demand::OneOf(right)) => left.is_disjoint(right),
        (Demand::True, _) | (Demand::Range(_), _) | (Demand::OneOf(_), _) => false,
    };
    !terms.iter().any(is_impossible)
        && !pairs().any(|(left, right)| left.subject == right.subject && contradict(left, right))
}

/// Alternatives of an expression, at most so many that comparing them stays cheap.
fn alternatives(expr: &Expr) -> Vec<Vec<Term>> {
    const ALTERNATIVES_MAX: usize = 64;
    let opaque = || vec![vec![Term { subject: subject(expr), demand: Demand::True }]];
    match &expr.node {
        Node::Any(parts) => {
            let all: Vec<_> = parts.iter().flat_map(alternatives).collect();
            if all.len() > ALTERNATIVES_MAX { opaque() } else { all }
        }
        Node::All(parts) => {
            let mut all = vec![Vec::new()];
            for part in parts {
                let choices = alternatives(part);
                if all.len() * choices.len() > ALTERNATIVES_MAX {
                    return opaque();
                }
                let with = |terms: &Vec<Term>, more: &Vec<Term>| [terms.as_slice(), more.as_slice()].concat();
                all =
                    all.iter().flat_map(|terms| choices.iter().map(move |more| with(terms, more))).collect();
            }
            all
        }
        Node::Integer(0) => Vec::new(),
        Node::Integer(_) => vec![Vec::new()],
        _ => vec![vec![term(expr)]],
    }
}

fn term(expr: &Expr) -> Term {
    let opaque = Term { subject: subject(expr), demand: Demand::True };
    match &expr.node {
        Node::Binary(operator, left, right) => match (&left.node, &right.node) {
            (_, Node::Text(text)) if *operator == BinaryOperator::Equal => one_of(left, [text.clone()]),
            (Node::Text(text), _) if *operator == BinaryOperator::Equal => one_of(right, [text.clone()]),
            (_, Node::List(items)) if *operator == BinaryOperator::In => texts(left, items).unwrap_or(opaque),
            _ => match (number(left), number(right)) {
                (None, Some(bound)) => range(left, *operator, bound).unwrap_or(opaque),
                (Some(bound), None) => range(right, mirrored(*operator), bound).unwrap_or(opaque),
                _ => opaque,
            },
        },
        Node::Call(name, arguments) if name == "contains" => match arguments.as_slice() {
            [Expr { node: Node::List(items), .. }, item] => texts(item, items).unwrap_or(opaque),
            _ => opaque,
        },
        _ => opaque,
    }
}

fn one_of(about: &Expr, texts: impl IntoIterator<Item = String>) -> Term {
    Term { subject: subject(about), demand: Demand::OneOf(texts.into_iter().collect()) }
}

fn texts(about: &Expr, items: &[Expr]) -> Option<Term> {
    let text = |item: &Expr| match &item.node {
        Node::Text(text) => Some(text.clone()),
        _ => None,
    };
    let all = items.iter().map(text).collect::<Option<Vec<_>>>()?;
    Some(one_of(about, all))
}

fn number(expr: &Expr) -> Option<f64> {
    match &expr.node {
        // Exact up to 2^53, and monotonic beyond, where nobody's sizes and ages are.
        Node::Integer(number) => Some(*number as f64),
        Node::Float(number) => Some(*number),
        Node::Negate(part) => number(part).map(|number| -number),
        _ => None,
    }
}

fn mirrored(operator: BinaryOperator) -> BinaryOperator {
    match operator {
        BinaryOperator::Below => BinaryOperator::Above,
        BinaryOperator::AtMost => BinaryOperator::AtLeast,
        BinaryOperator::Above => BinaryOperator::Below,
        BinaryOperator::AtLeast => BinaryOperator::AtMost,
        same => same,
    }
}

fn range(about: &Expr, operator: BinaryOperator, bound: f64) -> Option<Term> {
    let whole = Range { low: f64::NEG_INFINITY, low_open: true, high: f64::INFINITY, high_open: true };
    let range = match operator {
        BinaryOperator::Equal => Range { low: bound, low_open: false, high: bound, high_open: false },
        BinaryOperator::Below => Range { high: bound, ..whole },
        BinaryOperator::AtMost => Range { high: bound, high_open: false, ..whole },
        BinaryOperator::Above => Range { low: bound, ..whole },
        BinaryOperator::AtLeast => Range { low: bound, low_open: false, ..whole },
        _ => return None,
    };
    Some(Term { subject: subject(about), demand: Demand::Range(integral(about, range)) })
}

/// Of a variable that is a whole number, `> 1` is `>= 2`.
fn integral(about: &Expr, range: Range) -> Range {
    let Node::Name(name) = &about.node else { return range };
    let is_whole = Variable::named(name).is_some_and(|variable| variable.kind() == crate::expr::Kind::Number);
    if !is_whole {
        return range;
    }
    let low = if range.low_open { (range.low + 1.0).floor() } else { range.low.ceil() };
    let high = if range.high_open { (range.high - 1.0).ceil() } else { range.high.floor() };
    Range { low, low_open: low == f64::NEG_INFINITY, high, high_open: high == f64::INFINITY }
}

impl Range {
    fn is_within(&self, other: &Range) -> bool {
        let low = self.low > other.low || (self.low == other.low && (self.low_open || !other.low_open));
        let high =
            self.high < other.high || (self.high == other.high && (self.high_open || !other.high_open));
        low && high
    }

    fn contains(&self, number: f64) -> bool {
        Range { low: number, low_open: false, high: number, high_open: false }.is_within(self)
    }

    fn meet(&self, other: &Range) -> Range {
        let low = if self.low > other.low || (self.low == other.low && self.low_open) { self } else { other };
        let high =
            if self.high < other.high || (self.high == other.high && self.high_open) { self } else { other };
        Range { low: low.low, low_open: low.low_open, high: high.high, high_open: high.high_open }
    }

    fn is_empty(&self) -> bool {
        self.low > self.high || (self.low == self.high && (self.low_open || self.high_open))
    }
}

/// What a term is about; the directory that `is_local_domain` once named does not count.
fn subject(expr: &Expr) -> String {
    match &expr.node {
        Node::Call(name, arguments) if matches!(name.as_str(), "is_local_domain" | "is_local_address") => {
            arguments.last().map_or_else(String::new, |subject| format!("{name}({subject})"))
        }
        _ => expr.to_string(),
    }
}

/// The truth of a formula that asks nothing of the facts.
fn constant(formula: &Formula) -> Result<bool, Interrupt> {
    struct Nothing;
    impl<'a> Variables<'a> for Nothing {
        fn value(&self, _: Variable) -> Value<'a> {
            Value::text("")
        }
    }
    impl Surroundings for Nothing {
        fn is_local_domain(&self, _: &str) -> bool {
            false
        }
        fn is_local_address(&self, _: &str) -> bool {
            false
        }
        fn hostname(&self) -> &str {
            ""
        }
        fn domain(&self) -> &str {
            ""
        }
    }
    let answers = LookupAnswers::default();
    let scene = Scene { variables: &Nothing, surroundings: &Nothing, answers: &answers };
    formula.evaluate(scene).map(|value| value.is_true())
}
