//! What the operators do with two values.

use super::tree::BinaryOperator;
use super::value::{Number, Value, compare, equal};

/// Applies an operator. Integers saturate; what would be infinite or undefined is 0.
pub(super) fn binary<'a>(operator: BinaryOperator, left: Value<'a>, right: Value<'a>) -> Value<'a> {
    match operator {
        BinaryOperator::Xor => Value::truth(left.is_true() != right.is_true()),
        BinaryOperator::Equal => Value::truth(equal(&left, &right)),
        BinaryOperator::NotEqual => Value::truth(!equal(&left, &right)),
        BinaryOperator::In => Value::truth(in_list(&left, &right)),
        BinaryOperator::Below => Value::truth(compare(&left, &right).is_lt()),
        BinaryOperator::AtMost => Value::truth(compare(&left, &right).is_le()),
        BinaryOperator::Above => Value::truth(compare(&left, &right).is_gt()),
        BinaryOperator::AtLeast => Value::truth(compare(&left, &right).is_ge()),
        BinaryOperator::Plus => plus(left, right),
        BinaryOperator::Minus => minus(left, right),
        BinaryOperator::Times => numbers(&left, &right, i64::saturating_mul, |a, b| a * b),
        BinaryOperator::Over => {
            let divisor = right.number().float();
            float(if divisor == 0.0 { 0.0 } else { left.number().float() / divisor })
        }
        BinaryOperator::Modulo => {
            let remainder = |a: i64, b: i64| if b == 0 { 0 } else { a.wrapping_rem(b) };
            numbers(&left, &right, remainder, |a, b| if b == 0.0 { 0.0 } else { a % b })
        }
    }
}

/// Whether the right side has an element equal to the left side; a scalar is a list of one.
pub(super) fn in_list(item: &Value<'_>, list: &Value<'_>) -> bool {
    match list {
        Value::List(list) => list.items().iter().any(|other| equal(other, item)),
        scalar => equal(scalar, item),
    }
}

/// An element by its number from 0; an empty text if there is none. A scalar is a list of one.
pub(super) fn index<'a>(list: Value<'a>, at: &Value<'_>) -> Value<'a> {
    let at = usize::try_from(at.integer()).ok();
    let found = match list {
        Value::List(list) => at.and_then(|at| list.take(at)),
        Value::Text(text) if text.is_empty() => None,
        scalar => (at == Some(0)).then_some(scalar),
    };
    found.unwrap_or(Value::text(""))
}

fn plus<'a>(left: Value<'a>, right: Value<'a>) -> Value<'a> {
    match (left, right) {
        (Value::List(left), Value::List(right)) => {
            let mut items = left.into_items();
            items.extend(right.into_items());
            Value::list(items)
        }
        (Value::List(list), item) => {
            let mut items = list.into_items();
            items.push(item);
            Value::list(items)
        }
        (item, Value::List(list)) => {
            let mut items = list.into_items();
            items.insert(0, item);
            Value::list(items)
        }
        (Value::Constant(_), Value::Constant(_)) => Value::text(""),
        (Value::Constant(_), other) | (other, Value::Constant(_)) => other,
        (Value::Text(empty), other) | (other, Value::Text(empty)) if empty.is_empty() => other,
        (left @ Value::Text(_), right) | (left, right @ Value::Text(_)) => {
            let mut text = left.into_text().into_owned();
            text.push_str(&right.to_text());
            Value::owned(text)
        }
        (left, right) => numbers(&left, &right, i64::saturating_add, |a, b| a + b),
    }
}

fn minus<'a>(left: Value<'a>, right: Value<'a>) -> Value<'a> {
    let without = |items: Vec<Value<'a>>, unwanted: &Value<'_>| {
        Value::list(items.into_iter().filter(|item| !equal(item, unwanted)).collect())
    };
    match (left, right) {
        (Value::List(list), unwanted) => without(list.into_items(), &unwanted),
        (unwanted, Value::List(list)) => without(list.into_items(), &unwanted),
        (left, right) => numbers(&left, &right, i64::saturating_sub, |a, b| a - b),
    }
}

fn numbers<'a>(
    left: &Value<'_>,
    right: &Value<'_>,
    integers: impl FnOnce(i64, i64) -> i64,
    floats: impl FnOnce(f64, f64) -> f64,
) -> Value<'a> {
    match (left.number(), right.number()) {
        (Number::Integer(left), Number::Integer(right)) => Value::Integer(integers(left, right)),
        (left, right) => float(floats(left.float(), right.float())),
    }
}

fn float<'a>(number: f64) -> Value<'a> {
    Value::Float(if number.is_finite() { number } else { 0.0 })
}
