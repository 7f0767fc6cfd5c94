//! Tree to checked tree: names are resolved, arities hold, regular expressions are compiled.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Regex, RegexBuilder};

use super::error::{ExprError, Span};
use super::functions::{self, Builtin};
use super::remote::{self, LookupFunction};
use super::signature::Signature;
use super::suggest::{closest, did_you_mean};
use super::tree::{BinaryOperator, Expr, Node};
use super::value::{Kind, List, Value};
use super::variables::{Context, Variable};
use crate::limits::REGEX_BYTES_MAX;

/// What an expression may name.
#[derive(Clone, Copy, Debug)]
pub struct Dictionary<'d> {
    /// Where it is evaluated.
    pub context: Context,
    /// The objects that it may yield the name of, for better errors: `route` and the names of all routes.
    pub objects: (&'static str, &'d BTreeSet<String>),
    /// Lookup stores.
    pub stores: &'d BTreeMap<String, StoreKind>,
    /// The names of Relay routes.
    pub relays: &'d BTreeSet<String>,
}

/// What a lookup store can be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreKind {
    /// Keys and counters.
    Keys,
    /// Keys, counters and SQL.
    Sql,
}

/// A node that can be evaluated: nothing in it can be wrong any more.
#[derive(Debug)]
pub(super) enum Checked {
    Constant(Value<'static>),
    Variable(Variable),
    Capture(usize),
    Not(Box<Checked>),
    Negate(Box<Checked>),
    Any(Box<[Checked]>),
    All(Box<[Checked]>),
    Binary(BinaryOperator, Box<[Checked; 2]>),
    List(Box<[Checked]>),
    Index(Box<[Checked; 2]>),
    Call(&'static Builtin, Box<[Checked]>),
    Matches(Box<Regex>, Box<Checked>),
    System(SystemName),
    IsLocalDomain(Box<Checked>),
    IsLocalAddress(Box<Checked>),
    Lookup(LookupFunction, Box<[Checked]>),
}

/// What `system` can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SystemName {
    Domain,
    Hostname,
    NodeId,
    NodeHostname,
    NodeRole,
}

pub(super) const SYSTEM_NAMES: &[(&str, SystemName)] = &[
    ("domain", SystemName::Domain),
    ("hostname", SystemName::Hostname),
    ("node_id", SystemName::NodeId),
    ("node_hostname", SystemName::NodeHostname),
    ("node_role", SystemName::NodeRole),
];

/// Functions whose arguments are looked at before they are evaluated.
const SPECIAL: &[Signature] = &[
    Signature {
        name: "matches",
        parameters: &["pattern", "text"],
        kind: Kind::Number,
        help: "Whether a regular expression is found; fills $0, $1, ….",
    },
    Signature {
        name: "system",
        parameters: &["name"],
        kind: Kind::Any,
        help: "The server's own domain, hostname, node_id, node_hostname or node_role.",
    },
    Signature { name: "metric", parameters: &["name"], kind: Kind::Number, help: "0 in this version." },
    Signature {
        name: "is_local_domain",
        parameters: &["domain"],
        kind: Kind::Number,
        help: "Whether a Domain has this name or alias.",
    },
    Signature {
        name: "is_local_address",
        parameters: &["address"],
        kind: Kind::Number,
        help: "Whether an account or a catch-all of ours takes it.",
    },
];

/// Bare words that stand for themselves.
pub(super) const CONSTANTS: &[&str] = &[
    "relaxed",
    "strict",
    "disable",
    "optional",
    "require",
    "ipv4_only",
    "ipv6_only",
    "ipv6_then_ipv4",
    "ipv4_then_ipv6",
    "hourly",
    "daily",
    "weekly",
    "login",
    "plain",
    "xoauth2",
    "oauthbearer",
    "mixer",
    "stanag4406",
    "nsep",
];

/// [`SPECIAL`], for people.
pub(super) fn signatures() -> impl Iterator<Item = Signature> {
    SPECIAL.iter().copied()
}

/// Checks a tree.
pub(super) fn check(expr: &Expr, dictionary: &Dictionary<'_>) -> Result<Checked, ExprError> {
    let boxed = |part: &Expr| check(part, dictionary).map(Box::new);
    let pair = |left: &Expr, right: &Expr| -> Result<_, ExprError> {
        Ok(Box::new([check(left, dictionary)?, check(right, dictionary)?]))
    };
    Ok(match &expr.node {
        Node::Integer(number) => Checked::Constant(Value::Integer(*number)),
        Node::Float(number) => Checked::Constant(Value::Float(*number)),
        Node::Text(text) => Checked::Constant(Value::owned(text.clone())),
        // `$name` is always 0 in a mail router.
        Node::Global(_) => Checked::Constant(Value::Integer(0)),
        Node::Name(name) => check_name(name, expr.span, dictionary)?,
        Node::Capture(number) => Checked::Capture(usize::try_from(*number).unwrap_or(usize::MAX)),
        Node::Not(part) => Checked::Not(boxed(part)?),
        Node::Negate(part) => Checked::Negate(boxed(part)?),
        Node::Any(parts) => Checked::Any(check_all(parts, dictionary)?),
        Node::All(parts) => Checked::All(check_all(parts, dictionary)?),
        Node::Binary(operator, left, right) => {
            let operands = pair(left, right)?;
            if *operator == BinaryOperator::In && !matches!(operands[1].kind(), Kind::List | Kind::Any) {
                return Err(ExprError::new(right.span, "what follows 'in' must be a list")
                    .hint(format!("{left} in [{right}]")));
            }
            Checked::Binary(*operator, operands)
        }
        Node::List(parts) => list(check_all(parts, dictionary)?),
        Node::Index(list, index) => Checked::Index(pair(list, index)?),
        Node::Call(name, arguments) => check_call(name, arguments, expr.span, dictionary)?,
    })
}

fn check_all(parts: &[Expr], dictionary: &Dictionary<'_>) -> Result<Box<[Checked]>, ExprError> {
    parts.iter().map(|part| check(part, dictionary)).collect()
}

/// A list of constants is one constant, so that evaluating it copies nothing.
fn list(parts: Box<[Checked]>) -> Checked {
    if !parts.iter().all(|part| matches!(part, Checked::Constant(_))) {
        return Checked::List(parts);
    }
    let constant = |part| match part {
        Checked::Constant(value) => Some(value),
        _ => None,
    };
    Checked::Constant(Value::List(List::Owned(parts.into_iter().filter_map(constant).collect())))
}

fn check_name(name: &str, span: Span, dictionary: &Dictionary<'_>) -> Result<Checked, ExprError> {
    match Variable::named(name) {
        Some(variable) if variable.is_in(dictionary.context) => return Ok(Checked::Variable(variable)),
        Some(variable) => {
            let message = format!("the variable {name} is not known in {}", dictionary.context.name());
            let hint = format!("it is known in {}", variable.places());
            return Err(ExprError::new(span, message).hint(hint));
        }
        None => {}
    }
    if let Some(constant) = CONSTANTS.iter().find(|constant| **constant == name) {
        return Ok(Checked::Constant(Value::Constant(constant)));
    }
    let error = ExprError::new(span, format!("there is no variable or constant {name}"));
    let (noun, objects) = dictionary.objects;
    if objects.contains(name) {
        return Err(error.hint(format!("did you mean '{name}'? The name of a {noun} is written in quotes")));
    }
    if function_names().any(|function| function == name) {
        return Err(error.hint(format!("{name} is a function: its arguments follow in parentheses")));
    }
    let variables = Variable::ALL.iter().filter(|variable| variable.is_in(dictionary.context));
    let words = variables.map(|variable| variable.name()).chain(CONSTANTS.iter().copied());
    let hint = did_you_mean(name, words)
        .or_else(|| {
            closest(name, objects.iter().map(String::as_str)).map(|near| format!("did you mean '{near}'?"))
        })
        .unwrap_or_else(|| format!("a text is written in quotes: '{name}'"));
    Err(error.hint(hint))
}

fn function_names() -> impl Iterator<Item = &'static str> {
    functions::names().chain(remote::names()).chain(SPECIAL.iter().map(|special| special.name))
}

fn check_call(
    name: &str,
    arguments: &[Expr],
    span: Span,
    dictionary: &Dictionary<'_>,
) -> Result<Checked, ExprError> {
    if let Some(builtin) = functions::named(name) {
        let count = builtin.parameters.len();
        arity(name, count..=count, arguments, span)?;
        return Ok(Checked::Call(builtin, check_all(arguments, dictionary)?));
    }
    if let Some((function, count)) = remote::named(name) {
        arity(name, count..=count, arguments, span)?;
        remote::check(function, arguments, span, dictionary)?;
        return Ok(Checked::Lookup(function, check_all(arguments, dictionary)?));
    }
    match name {
        "matches" => check_matches(arguments, span, dictionary),
        "system" => {
            let (wanted, at) = literal(name, arguments, span)?;
            let found = SYSTEM_NAMES.iter().find(|(known, _)| *known == wanted);
            let names = SYSTEM_NAMES.iter().map(|(known, _)| *known);
            let error = || {
                let hint = did_you_mean(wanted, names.clone())
                    .unwrap_or_else(|| format!("there are {}", names.collect::<Vec<_>>().join(", ")));
                ExprError::new(at, format!("there is no system value '{wanted}'")).hint(hint)
            };
            found.map(|(_, system)| Checked::System(*system)).ok_or_else(error)
        }
        "metric" => check_metric(arguments, span),
        "is_local_domain" => Ok(Checked::IsLocalDomain(subject(name, arguments, span, dictionary)?)),
        "is_local_address" => Ok(Checked::IsLocalAddress(subject(name, arguments, span, dictionary)?)),
        _ => {
            let error = ExprError::new(span, format!("there is no function {name}"));
            Err(error.hint_if(did_you_mean(name, function_names())))
        }
    }
}

fn arity(
    name: &str,
    expected: std::ops::RangeInclusive<usize>,
    arguments: &[Expr],
    span: Span,
) -> Result<(), ExprError> {
    if expected.contains(&arguments.len()) {
        return Ok(());
    }
    let count = match (*expected.start(), *expected.end()) {
        (1, 1) => "1 argument".to_owned(),
        (low, high) if low == high => format!("{low} arguments"),
        (low, high) => format!("{low} or {high} arguments"),
    };
    Err(ExprError::new(span, format!("the function {name} takes {count}, not {}", arguments.len())))
}

/// The domain or address. An argument before it once named a directory; there is one directory, so it is ignored.
fn subject(
    name: &str,
    arguments: &[Expr],
    span: Span,
    dictionary: &Dictionary<'_>,
) -> Result<Box<Checked>, ExprError> {
    arity(name, 1..=2, arguments, span)?;
    let mut checked = check_all(arguments, dictionary)?.into_vec();
    let subject = checked.pop().expect("one or two arguments, by arity");
    Ok(Box::new(subject))
}

fn literal<'e>(name: &str, arguments: &'e [Expr], span: Span) -> Result<(&'e str, Span), ExprError> {
    arity(name, 1..=1, arguments, span)?;
    match &arguments[0].node {
        Node::Text(text) => Ok((text, arguments[0].span)),
        _ => {
            Err(ExprError::new(arguments[0].span, format!("the argument of {name} must be a text in quotes")))
        }
    }
}

fn check_metric(arguments: &[Expr], span: Span) -> Result<Checked, ExprError> {
    let (name, at) = literal("metric", arguments, span)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || !name.chars().all(plain) {
        return Err(
            ExprError::new(at, format!("'{name}' is no name of a metric")).hint("such as 'queue.count'")
        );
    }
    Ok(Checked::Constant(Value::Float(0.0)))
}

fn check_matches(arguments: &[Expr], span: Span, dictionary: &Dictionary<'_>) -> Result<Checked, ExprError> {
    arity("matches", 2..=2, arguments, span)?;
    let [pattern, subject] = arguments else { unreachable!("two arguments, by arity") };
    let Node::Text(text) = &pattern.node else {
        let swapped = matches!(subject.node, Node::Text(_));
        let error = ExprError::new(pattern.span, "the first argument of matches must be a text in quotes");
        return Err(if swapped { error.hint(format!("matches({subject}, {pattern})")) } else { error });
    };
    let regex = RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build().map_err(|error| {
        let message = match error {
            regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
            // The last line of a syntax error says what is wrong; those before it draw a picture.
            other => {
                let text = other.to_string();
                let last = text.lines().last().unwrap_or_default();
                format!("the regular expression is malformed: {}", last.trim_start_matches("error: "))
            }
        };
        ExprError::new(pattern.span, message)
    })?;
    Ok(Checked::Matches(Box::new(regex), Box::new(check(subject, dictionary)?)))
}

impl Checked {
    /// Which values are possible.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Checked::Constant(value) => value.kind(),
            Checked::Variable(variable) => variable.kind(),
            Checked::Capture(_) => Kind::Text,
            Checked::Not(_) | Checked::Matches(..) => Kind::Number,
            Checked::Negate(_) | Checked::IsLocalDomain(_) | Checked::IsLocalAddress(_) => Kind::Number,
            // The first operand comes out as it is, if it decides.
            Checked::Any(parts) | Checked::All(parts) => match parts.first().map(Checked::kind) {
                Some(Kind::Number) => Kind::Number,
                _ => Kind::Any,
            },
            Checked::Binary(BinaryOperator::Plus, operands) => match (operands[0].kind(), operands[1].kind())
            {
                (Kind::Number, Kind::Number) => Kind::Number,
                (Kind::List, _) | (_, Kind::List) => Kind::List,
                (Kind::Text, Kind::Text) => Kind::Text,
                _ => Kind::Any,
            },
            Checked::Binary(BinaryOperator::Minus, _) => Kind::Any,
            Checked::Binary(..) => Kind::Number,
            Checked::List(_) => Kind::List,
            Checked::Index(_) => Kind::Any,
            Checked::Call(builtin, _) => builtin.kind,
            Checked::System(SystemName::NodeId) => Kind::Number,
            Checked::System(_) => Kind::Text,
            Checked::Lookup(function, _) => function.kind(),
        }
    }

    /// Whether it may ask something that must be looked up.
    pub(super) fn asks_outside(&self) -> bool {
        match self {
            Checked::Lookup(..) => true,
            Checked::Constant(_) | Checked::Variable(_) | Checked::Capture(_) | Checked::System(_) => false,
            Checked::Matches(_, part)
            | Checked::IsLocalDomain(part)
            | Checked::IsLocalAddress(part)
            | Checked::Not(part)
            | Checked::Negate(part) => part.asks_outside(),
            Checked::Any(parts) | Checked::All(parts) | Checked::List(parts) | Checked::Call(_, parts) => {
                parts.iter().any(Checked::asks_outside)
            }
            Checked::Binary(_, operands) | Checked::Index(operands) => {
                operands.iter().any(Checked::asks_outside)
            }
        }
    }

    /// Whether it comes to the same value whatever the facts.
    pub(super) fn is_constant(&self) -> bool {
        match self {
            Checked::Constant(_) => true,
            Checked::Variable(_)
            | Checked::Capture(_)
            | Checked::Matches(..)
            | Checked::System(_)
            | Checked::IsLocalDomain(_)
            | Checked::IsLocalAddress(_)
            | Checked::Lookup(..) => false,
            Checked::Not(part) | Checked::Negate(part) => part.is_constant(),
            Checked::Any(parts) | Checked::All(parts) | Checked::List(parts) | Checked::Call(_, parts) => {
                parts.iter().all(Checked::is_constant)
            }
            Checked::Binary(_, operands) | Checked::Index(operands) => {
                operands.iter().all(Checked::is_constant)
            }
        }
    }
}
