//! A checked tree to a value. Cannot fail but for what comes from outside, and ends after a bounded number of steps.

use std::borrow::Cow;
use std::ops::Range;

use regex::Regex;

use super::check::{Checked, SystemName};
use super::functions::{ARGUMENTS_MAX, Builtin, Cost};
use super::lookup::{Lookup, LookupAnswers};
use super::operate::{binary, in_list, index};
use super::remote::{self, Asker, LookupFunction, Turn};
use super::tree::BinaryOperator;
use super::value::{Number, Value};
use super::variables::Variables;
use crate::limits::{
    EVALUATION_STEPS_MAX, EVALUATION_TEXT_BYTES_MAX, LOOKUPS_PER_DECISION_MAX, REGEX_INPUT_BYTES_MAX,
};

/// What expressions may ask of the configuration.
pub trait Surroundings {
    /// Whether a Domain object has this name or alias.
    fn is_local_domain(&self, domain: &str) -> bool;
    /// Whether mail to this address ends here.
    fn is_local_address(&self, address: &str) -> bool;
    /// This server's host name.
    fn hostname(&self) -> &str;
    /// The default mail domain.
    fn domain(&self) -> &str;
}

/// All that an evaluation sees.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The variables.
    pub variables: &'a dyn Variables<'a>,
    /// The configuration.
    pub surroundings: &'a dyn Surroundings,
    /// What was found out so far.
    pub answers: &'a LookupAnswers,
}

/// Why an evaluation stopped without a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Interrupt {
    /// This must be found out first.
    Needs(Box<Lookup>),
    /// There will be no value: a lookup failed, or a bound was met.
    Failed(String),
}

/// One run over the branches of a property. Captures stay from one branch to the next.
pub(super) struct Evaluation<'a> {
    scene: Scene<'a>,
    steps_left: u32,
    lookups: usize,
    /// How often it has written to a lookup store so far.
    writes: u32,
    captured: Cow<'a, str>,
    captures: Vec<Option<Range<usize>>>,
    /// What was seen, if somebody wants to know.
    pub(super) seen: Option<Vec<(String, String)>>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(scene: Scene<'a>) -> Self {
        Evaluation {
            scene,
            steps_left: EVALUATION_STEPS_MAX,
            lookups: 0,
            writes: 0,
            captured: Cow::Borrowed(""),
            captures: Vec::new(),
            seen: None,
        }
    }

    pub(super) fn run(&mut self, node: &'a Checked) -> Result<Value<'a>, Interrupt> {
        self.spend(1)?;
        match node {
            Checked::Constant(value) => Ok(value.borrowed()),
            Checked::Variable(variable) => {
                let value = self.scene.variables.value(*variable);
                self.note(|| variable.name().to_owned(), &value);
                // An inspected list may be long; a text that is only passed on costs nothing.
                if let Value::List(list) = &value {
                    self.spend(list.items().len())?;
                }
                Ok(value)
            }
            Checked::Capture(number) => Ok(self.capture(*number)),
            Checked::Not(part) => Ok(Value::truth(!self.run(part)?.is_true())),
            Checked::Negate(part) => Ok(match self.run(part)?.number() {
                Number::Integer(number) => Value::Integer(number.saturating_neg()),
                Number::Float(number) => Value::Float(-number),
            }),
            Checked::Any(parts) => self.chain(parts, true),
            Checked::All(parts) => self.chain(parts, false),
            Checked::Binary(operator, operands) => self.binary(*operator, operands),
            Checked::List(parts) => {
                Ok(Value::list(parts.iter().map(|part| self.run(part)).collect::<Result<_, _>>()?))
            }
            Checked::Index(operands) => {
                let list = self.run(&operands[0])?;
                let at = self.run(&operands[1])?;
                Ok(index(list, &at))
            }
            Checked::Call(builtin, arguments) => self.call(builtin, arguments),
            Checked::Matches(regex, subject) => self.matches(regex, subject),
            Checked::System(name) => Ok(self.system(*name)),
            Checked::IsLocalDomain(domain) => {
                let domain = self.run(domain)?;
                let local = self.scene.surroundings.is_local_domain(&domain.to_text());
                self.note(|| format!("is_local_domain({})", show(&domain)), &Value::truth(local));
                Ok(Value::truth(local))
            }
            Checked::IsLocalAddress(address) => {
                let address = self.run(address)?;
                let local = self.scene.surroundings.is_local_address(&address.to_text());
                self.note(|| format!("is_local_address({})", show(&address)), &Value::truth(local));
                Ok(Value::truth(local))
            }
            Checked::Lookup(function, arguments) => {
                let arguments = self.arguments(arguments)?;
                let variables = self.scene.variables;
                let (message, asking) = (variables.message(), variables.asking());
                let asker = Asker { message, turn: self.turn(), asking };
                match remote::lookup(*function, arguments, asker) {
                    Ok(lookup) => self.look_up(*function, lookup),
                    Err(value) => Ok(value),
                }
            }
        }
    }

    /// Names this evaluation and its place between writes.
    fn turn(&self) -> Turn {
        Turn { evaluation: self.scene.variables.turn(), writes: self.writes }
    }

    /// `||` ends at the first operand that is true, `&&` at the first that is false. If that is the first of all,
    /// it comes out as it is; else 1 or 0.
    fn chain(&mut self, parts: &'a [Checked], ends_at: bool) -> Result<Value<'a>, Interrupt> {
        for (place, part) in parts.iter().enumerate() {
            let value = self.run(part)?;
            if value.is_true() == ends_at {
                return Ok(if place == 0 { value } else { Value::truth(ends_at) });
            }
        }
        Ok(Value::truth(!ends_at))
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        operands: &'a [Checked; 2],
    ) -> Result<Value<'a>, Interrupt> {
        let left = self.run(&operands[0])?;
        let right = self.run(&operands[1])?;
        self.spend(left.weight().saturating_add(right.weight()))?;
        if operator == BinaryOperator::In {
            return Ok(Value::truth(in_list(&left, &right)));
        }
        bounded(binary(operator, left, right))
    }

    fn arguments(&mut self, parts: &'a [Checked]) -> Result<[Value<'a>; ARGUMENTS_MAX], Interrupt> {
        let mut arguments = [const { Value::Integer(0) }; ARGUMENTS_MAX];
        for (argument, part) in arguments.iter_mut().zip(parts) {
            *argument = self.run(part)?;
        }
        Ok(arguments)
    }

    fn call(&mut self, builtin: &'static Builtin, parts: &'a [Checked]) -> Result<Value<'a>, Interrupt> {
        let arguments = self.arguments(parts)?;
        let [first, second, third] = [0, 1, 2].map(|place| arguments[place].weight());
        self.spend(match builtin.cost {
            Cost::Sum => first.saturating_add(second).saturating_add(third),
            Cost::Product => first.saturating_mul(second),
            Cost::Square => first.saturating_mul(first),
        })?;
        bounded((builtin.run)(arguments))
    }

    fn matches(&mut self, regex: &Regex, subject: &'a Checked) -> Result<Value<'a>, Interrupt> {
        let text = self.run(subject)?.into_text();
        if text.len() > REGEX_INPUT_BYTES_MAX {
            let message = format!("a text of more than {REGEX_INPUT_BYTES_MAX} bytes cannot be matched");
            return Err(Interrupt::Failed(message));
        }
        self.spend(text.len())?;
        self.captures.clear();
        if let Some(found) = regex.captures(&text) {
            self.captures.extend(found.iter().map(|group| group.map(|group| group.range())));
        }
        self.captured = text;
        Ok(Value::truth(!self.captures.is_empty()))
    }

    fn capture(&self, number: usize) -> Value<'a> {
        let range = self.captures.get(number).cloned().flatten().unwrap_or_default();
        match &self.captured {
            Cow::Borrowed(text) => Value::text(text.get(range).unwrap_or_default()),
            Cow::Owned(text) => Value::owned(text.get(range).unwrap_or_default().to_owned()),
        }
    }

    fn system(&self, name: SystemName) -> Value<'a> {
        match name {
            SystemName::Domain => Value::text(self.scene.surroundings.domain()),
            SystemName::Hostname | SystemName::NodeHostname => {
                Value::text(self.scene.surroundings.hostname())
            }
            SystemName::NodeId => Value::Integer(0),
            SystemName::NodeRole => Value::text(""),
        }
    }

    fn look_up(&mut self, function: LookupFunction, lookup: Lookup) -> Result<Value<'a>, Interrupt> {
        self.lookups += 1;
        if self.lookups > LOOKUPS_PER_DECISION_MAX {
            let message = format!("more than {LOOKUPS_PER_DECISION_MAX} lookups are needed");
            return Err(Interrupt::Failed(message));
        }
        self.writes += u32::from(matches!(&lookup, Lookup::Store { question, .. } if question.writes()));
        let value = match self.scene.answers.answer(&lookup) {
            Some(Ok(answer)) => remote::value(function, answer),
            Some(Err(reason)) => return Err(Interrupt::Failed(format!("{lookup}: {reason}"))),
            None => return Err(Interrupt::Needs(Box::new(lookup))),
        };
        // An answer may be long; what is done with it counts against the same bound.
        self.spend(value.weight())?;
        self.note(|| lookup.to_string(), &value);
        Ok(value)
    }

    fn spend(&mut self, steps: usize) -> Result<(), Interrupt> {
        let left = u32::try_from(steps).ok().and_then(|steps| self.steps_left.checked_sub(steps));
        self.steps_left = left.unwrap_or(0);
        match left {
            Some(_) => Ok(()),
            None => Err(Interrupt::Failed(format!("more than {EVALUATION_STEPS_MAX} steps are needed"))),
        }
    }

    fn note(&mut self, name: impl FnOnce() -> String, value: &Value<'_>) {
        if let Some(seen) = &mut self.seen {
            let entry = (name(), show(value));
            if !seen.contains(&entry) {
                seen.push(entry);
            }
        }
    }
}

/// A text that an evaluation makes may not grow from branch to branch.
fn bounded(value: Value<'_>) -> Result<Value<'_>, Interrupt> {
    match &value {
        Value::Text(Cow::Owned(text)) if text.len() > EVALUATION_TEXT_BYTES_MAX => {
            Err(Interrupt::Failed(format!("a text of more than {EVALUATION_TEXT_BYTES_MAX} bytes was made")))
        }
        _ => Ok(value),
    }
}

/// A value for people, cut off where it gets long.
pub(super) fn show(value: &Value<'_>) -> String {
    const SHOWN_CHARS_MAX: usize = 200;
    let whole = match value {
        Value::Text(text) => format!("'{}'", text.escape_debug()),
        Value::List(list) => {
            let some = list.items().iter().take(10).map(show).collect::<Vec<_>>().join(", ");
            format!("[{some}{}]", if list.items().len() > 10 { ", …" } else { "" })
        }
        Value::Integer(_) | Value::Float(_) | Value::Constant(_) => value.to_text().into_owned(),
    };
    match whole.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}
