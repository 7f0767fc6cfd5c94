//! Functions of texts.

use std::borrow::Cow;

use super::Arguments;
use crate::expr::value::Value;

pub(super) fn eq_ignore_case<'a>([left, right, _]: Arguments<'a>) -> Value<'a> {
    Value::truth(left.to_text().eq_ignore_ascii_case(&right.to_text()))
}

pub(super) fn starts_with<'a>([text, start, _]: Arguments<'a>) -> Value<'a> {
    Value::truth(text.to_text().starts_with(start.to_text().as_ref()))
}

pub(super) fn ends_with<'a>([text, end, _]: Arguments<'a>) -> Value<'a> {
    Value::truth(text.to_text().ends_with(end.to_text().as_ref()))
}

pub(super) fn len<'a>([value, ..]: Arguments<'a>) -> Value<'a> {
    whole(match &value {
        Value::List(list) => list.items().len(),
        other => other.to_text().len(),
    })
}

pub(super) fn count_chars<'a>([text, ..]: Arguments<'a>) -> Value<'a> {
    whole(text.to_text().chars().count())
}

pub(super) fn count_spaces<'a>([text, ..]: Arguments<'a>) -> Value<'a> {
    whole(text.to_text().chars().filter(|c| c.is_whitespace()).count())
}

pub(super) fn count_uppercase<'a>([text, ..]: Arguments<'a>) -> Value<'a> {
    whole(text.to_text().chars().filter(|c| c.is_uppercase()).count())
}

pub(super) fn count_lowercase<'a>([text, ..]: Arguments<'a>) -> Value<'a> {
    whole(text.to_text().chars().filter(|c| c.is_lowercase()).count())
}

pub(super) fn trim<'a>([value, ..]: Arguments<'a>) -> Value<'a> {
    map(value, |text| part(text, str::trim))
}

pub(super) fn trim_start<'a>([value, ..]: Arguments<'a>) -> Value<'a> {
    map(value, |text| part(text, str::trim_start))
}

pub(super) fn trim_end<'a>([value, ..]: Arguments<'a>) -> Value<'a> {
    map(value, |text| part(text, str::trim_end))
}

pub(super) fn to_lowercase<'a>([value, ..]: Arguments<'a>) -> Value<'a> {
    map(value, |text| Value::owned(text.to_lowercase()))
}

pub(super) fn to_uppercase<'a>([value, ..]: Arguments<'a>) -> Value<'a> {
    map(value, |text| Value::owned(text.to_uppercase()))
}

pub(super) fn is_uppercase<'a>([value, ..]: Arguments<'a>) -> Value<'a> {
    map(value, |text| Value::truth(text.chars().filter(|c| c.is_alphabetic()).all(char::is_uppercase)))
}

pub(super) fn is_lowercase<'a>([value, ..]: Arguments<'a>) -> Value<'a> {
    map(value, |text| Value::truth(text.chars().filter(|c| c.is_alphabetic()).all(char::is_lowercase)))
}

pub(super) fn has_digits<'a>([value, ..]: Arguments<'a>) -> Value<'a> {
    map(value, |text| Value::truth(text.bytes().any(|b| b.is_ascii_digit())))
}

pub(super) fn substring<'a>([text, start, length]: Arguments<'a>) -> Value<'a> {
    let count = |value: &Value<'_>| usize::try_from(value.integer()).unwrap_or(0);
    let (start, length) = (count(&start), count(&length));
    part(text.into_text(), |text| {
        let from = byte_of(text, start);
        let to = byte_of(text, start.saturating_add(length));
        &text[from..to]
    })
}

pub(super) fn strip_prefix<'a>([value, affix, _]: Arguments<'a>) -> Value<'a> {
    let affix = affix.into_text();
    map(value, |text| part(text, |text| text.strip_prefix(affix.as_ref()).unwrap_or("")))
}

pub(super) fn strip_suffix<'a>([value, affix, _]: Arguments<'a>) -> Value<'a> {
    let affix = affix.into_text();
    map(value, |text| part(text, |text| text.strip_suffix(affix.as_ref()).unwrap_or("")))
}

/// A piece of a text, without a copy where the text outlives the evaluation.
pub(super) fn part<'a>(text: Cow<'a, str>, take: impl for<'x> FnOnce(&'x str) -> &'x str) -> Value<'a> {
    match text {
        Cow::Borrowed(text) => Value::text(take(text)),
        Cow::Owned(text) => Value::owned(take(&text).to_owned()),
    }
}

/// Applies `change` to the text, or to each element of the list.
pub(super) fn map<'a>(value: Value<'a>, change: impl Fn(Cow<'a, str>) -> Value<'a>) -> Value<'a> {
    match value {
        Value::List(list) => {
            Value::list(list.into_items().into_iter().map(|item| change(item.into_text())).collect())
        }
        scalar => change(scalar.into_text()),
    }
}

/// Where the character of this number begins; the end if there are fewer.
fn byte_of(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(byte, _)| byte)
}

fn whole<'a>(count: usize) -> Value<'a> {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}
