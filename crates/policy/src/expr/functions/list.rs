//! Functions of lists, and those that look only at what a value is.

use super::Arguments;
use crate::expr::value::{List, Value, equal, total_order};

pub(super) fn count<'a>([value, ..]: Arguments<'a>) -> Value<'a> {
    let count = match &value {
        Value::List(list) => list.items().len(),
        Value::Text(text) => usize::from(!text.is_empty()),
        Value::Integer(_) | Value::Float(_) | Value::Constant(_) => 1,
    };
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

pub(super) fn sort<'a>([value, ascending, _]: Arguments<'a>) -> Value<'a> {
    on_list(value, |mut items| {
        items.sort_by(total_order);
        if !ascending.is_true() {
            items.reverse();
        }
        items
    })
}

pub(super) fn dedup<'a>([value, ..]: Arguments<'a>) -> Value<'a> {
    on_list(value, |items| {
        let mut kept: Vec<Value<'a>> = Vec::new();
        for item in items {
            if !kept.iter().any(|other| equal(other, &item)) {
                kept.push(item);
            }
        }
        kept
    })
}

pub(super) fn winnow<'a>([value, ..]: Arguments<'a>) -> Value<'a> {
    let is_empty = |item: &Value<'_>| matches!(item, Value::Text(text) if text.is_empty());
    on_list(value, |mut items| {
        items.retain(|item| !is_empty(item));
        items
    })
}

pub(super) fn is_intersect<'a>([left, right, _]: Arguments<'a>) -> Value<'a> {
    Value::truth(match (&left, &right) {
        (Value::List(left), Value::List(right)) => left.items().iter().any(|item| has(right, item)),
        (Value::List(list), other) | (other, Value::List(list)) => has(list, other),
        _ => false,
    })
}

pub(super) fn contains<'a>([value, part, _]: Arguments<'a>) -> Value<'a> {
    Value::truth(match &value {
        Value::List(list) => has(list, &part),
        text => text.to_text().contains(part.to_text().as_ref()),
    })
}

pub(super) fn contains_ignore_case<'a>([value, part, _]: Arguments<'a>) -> Value<'a> {
    let part = part.to_text();
    Value::truth(match &value {
        Value::List(list) => list.items().iter().any(|item| item.to_text().eq_ignore_ascii_case(&part)),
        text => text.to_text().to_lowercase().contains(&part.to_lowercase()),
    })
}

pub(super) fn is_empty<'a>([value, ..]: Arguments<'a>) -> Value<'a> {
    Value::truth(match &value {
        Value::Text(text) => text.is_empty(),
        Value::List(list) => list.items().is_empty(),
        Value::Integer(_) | Value::Float(_) | Value::Constant(_) => false,
    })
}

pub(super) fn is_number<'a>([value, ..]: Arguments<'a>) -> Value<'a> {
    Value::truth(matches!(value, Value::Integer(_) | Value::Float(_)))
}

pub(super) fn if_then<'a>([condition, then, otherwise]: Arguments<'a>) -> Value<'a> {
    if condition.is_true() { then } else { otherwise }
}

fn has(list: &List<'_>, wanted: &Value<'_>) -> bool {
    list.items().iter().any(|item| equal(item, wanted))
}

/// Anything but a list stays as it is.
fn on_list<'a>(value: Value<'a>, change: impl FnOnce(Vec<Value<'a>>) -> Vec<Value<'a>>) -> Value<'a> {
    match value {
        Value::List(list) => Value::list(change(list.into_items())),
        scalar => scalar,
    }
}
