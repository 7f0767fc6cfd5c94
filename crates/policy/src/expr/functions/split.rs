//! Functions that cut a text into a list.

use std::borrow::Cow;

use super::Arguments;
use crate::expr::value::Value;

pub(super) fn lines<'a>([value, ..]: Arguments<'a>) -> Value<'a> {
    match value {
        Value::Text(text) => pieces(text, |text| text.lines().collect()),
        other => other,
    }
}

pub(super) fn split<'a>([text, separator, _]: Arguments<'a>) -> Value<'a> {
    let separator = separator.into_text();
    pieces(text.into_text(), |text| text.split(separator.as_ref()).collect())
}

pub(super) fn rsplit<'a>([text, separator, _]: Arguments<'a>) -> Value<'a> {
    let separator = separator.into_text();
    pieces(text.into_text(), |text| text.rsplit(separator.as_ref()).collect())
}

pub(super) fn split_once<'a>([text, separator, _]: Arguments<'a>) -> Value<'a> {
    let separator = separator.into_text();
    pair(pieces(text.into_text(), |text| halves(text.split_once(separator.as_ref()))))
}

pub(super) fn rsplit_once<'a>([text, separator, _]: Arguments<'a>) -> Value<'a> {
    let separator = separator.into_text();
    pair(pieces(text.into_text(), |text| halves(text.rsplit_once(separator.as_ref()))))
}

pub(super) fn split_n<'a>([text, separator, splits]: Arguments<'a>) -> Value<'a> {
    let separator = separator.into_text();
    let parts = usize::try_from(splits.integer()).unwrap_or(0).saturating_add(1);
    pieces(text.into_text(), |text| text.splitn(parts, separator.as_ref()).collect())
}

pub(super) fn split_words<'a>([text, ..]: Arguments<'a>) -> Value<'a> {
    let is_word = |word: &&str| word.chars().all(char::is_alphanumeric);
    pieces(text.into_text(), |text| text.split_whitespace().filter(is_word).collect())
}

fn pieces<'a>(text: Cow<'a, str>, cut: impl for<'x> FnOnce(&'x str) -> Vec<&'x str>) -> Value<'a> {
    Value::list(match text {
        Cow::Borrowed(text) => cut(text).into_iter().map(Value::text).collect(),
        Cow::Owned(text) => cut(&text).into_iter().map(|piece| Value::owned(piece.to_owned())).collect(),
    })
}

fn halves<'x>(found: Option<(&'x str, &'x str)>) -> Vec<&'x str> {
    found.map_or(Vec::new(), |(left, right)| vec![left, right])
}

/// The separator was absent if there are no halves.
fn pair(value: Value<'_>) -> Value<'_> {
    if value.is_true() { value } else { Value::text("") }
}
