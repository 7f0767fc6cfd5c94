//! Values, and how they compare, convert and combine.

use std::borrow::Cow;
use std::cmp::Ordering;

/// What an expression comes to. `'a` is the life of the facts and of the expression's own literals.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number; 1 and 0 stand for true and false.
    Integer(i64),
    /// A number with a point.
    Float(f64),
    /// A list.
    List(List<'a>),
    /// A bare word such as `relaxed`.
    Constant(&'static str),
}

/// A list of values, of the expression's own or made while it ran.
#[derive(Clone, Debug)]
pub enum List<'a> {
    /// The expression's own.
    Borrowed(&'a [Value<'a>]),
    /// Made while it ran.
    Owned(Vec<Value<'a>>),
}

/// Which values are possible, as far as is known without running.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Any.
    Any,
    /// Texts.
    Text,
    /// Numbers.
    Number,
    /// Lists.
    List,
    /// Bare words.
    Constant,
}

impl Kind {
    /// How people call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Any => "a value",
            Kind::Text => "a text",
            Kind::Number => "a number",
            Kind::List => "a list",
            Kind::Constant => "a constant",
        }
    }
}

impl<'a> List<'a> {
    /// The elements.
    pub fn items(&self) -> &[Value<'a>] {
        match self {
            List::Borrowed(items) => items,
            List::Owned(items) => items,
        }
    }

    /// The element of this number, from 0.
    pub fn take(self, at: usize) -> Option<Value<'a>> {
        match self {
            List::Borrowed(items) => items.get(at).map(Value::borrowed),
            List::Owned(mut items) => (at < items.len()).then(|| items.swap_remove(at)),
        }
    }

    /// The elements, to be taken apart.
    pub fn into_items(self) -> Vec<Value<'a>> {
        match self {
            List::Borrowed(items) => items.iter().map(Value::borrowed).collect(),
            List::Owned(items) => items,
        }
    }
}

impl<'a> Value<'a> {
    /// A text that lives long enough.
    pub fn text(text: &'a str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }

    /// A text made while the expression ran.
    pub fn owned(text: String) -> Self {
        Value::Text(Cow::Owned(text))
    }

    /// 1 or 0.
    pub fn truth(truth: bool) -> Self {
        Value::Integer(i64::from(truth))
    }

    /// A list made while the expression ran.
    pub fn list(items: Vec<Value<'a>>) -> Self {
        Value::List(List::Owned(items))
    }

    /// The same value without copying a text or list of it.
    pub fn borrowed(&'a self) -> Self {
        match self {
            Value::Text(text) => Value::text(text),
            Value::Integer(number) => Value::Integer(*number),
            Value::Float(number) => Value::Float(*number),
            Value::List(list) => Value::List(List::Borrowed(list.items())),
            Value::Constant(name) => Value::Constant(name),
        }
    }

    /// Which kind it is of.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Text(_) => Kind::Text,
            Value::Integer(_) | Value::Float(_) => Kind::Number,
            Value::List(_) => Kind::List,
            Value::Constant(_) => Kind::Constant,
        }
    }

    /// Whether it counts as true: a text or list that is not empty, a number other than 0, any constant.
    pub fn is_true(&self) -> bool {
        match self {
            Value::Text(text) => !text.is_empty(),
            Value::Integer(number) => *number != 0,
            Value::Float(number) => *number != 0.0,
            Value::List(list) => !list.items().is_empty(),
            Value::Constant(_) => true,
        }
    }

    /// As a text; the elements of a list are joined with CRLF, and lists within it vanish.
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Value::Text(text) => Cow::Borrowed(text),
            Value::Integer(number) => Cow::Owned(number.to_string()),
            Value::Float(number) => Cow::Owned(number.to_string()),
            Value::List(list) => {
                let flat = list.items().iter().filter(|item| !matches!(item, Value::List(_)));
                Cow::Owned(flat.map(Value::to_text).collect::<Vec<_>>().join("\r\n"))
            }
            Value::Constant(name) => Cow::Borrowed(name),
        }
    }

    /// As [`Value::to_text`], for a value that is not needed any more.
    pub fn into_text(self) -> Cow<'a, str> {
        match self {
            Value::Text(text) => text,
            Value::Constant(name) => Cow::Borrowed(name),
            other => Cow::Owned(other.to_text().into_owned()),
        }
    }

    /// As a number: a text is parsed, and what is no number is 0.
    pub(super) fn number(&self) -> Number {
        match self {
            Value::Integer(number) => Number::Integer(*number),
            Value::Float(number) => Number::Float(*number),
            Value::Text(text) => Number::parse(text),
            Value::List(_) | Value::Constant(_) => Number::Integer(0),
        }
    }

    /// As a whole number, cut off at the point.
    pub fn integer(&self) -> i64 {
        match self.number() {
            Number::Integer(number) => number,
            // `as` saturates, and makes 0 of NaN.
            Number::Float(number) => number as i64,
        }
    }

    /// Steps that it costs to look at the whole of it.
    pub(super) fn weight(&self) -> usize {
        match self {
            Value::Text(text) => 1 + text.len() / 64,
            Value::Integer(_) | Value::Float(_) | Value::Constant(_) => 1,
            Value::List(list) => list.items().iter().map(Value::weight).sum::<usize>().saturating_add(1),
        }
    }
}

/// A number as arithmetic wants it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Integer(i64),
    Float(f64),
}

impl Number {
    fn parse(text: &str) -> Self {
        if let Ok(number) = text.parse() {
            return Number::Integer(number);
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Number::Float(number),
            _ => Number::Integer(0),
        }
    }

    pub(super) fn float(self) -> f64 {
        match self {
            Number::Integer(number) => number as f64,
            Number::Float(number) => number,
        }
    }

    fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Integer(left), Number::Integer(right)) => left.cmp(&right),
            (left, right) => left.float().partial_cmp(&right.float()).unwrap_or(Ordering::Equal),
        }
    }
}

/// Whether two values count as equal. A text is compared with a number as the number that it spells.
pub fn equal(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            let (left, right) = (left.items(), right.items());
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Constant(left), Value::Constant(right)) => left == right,
        (Value::Constant(name), Value::Text(text)) | (Value::Text(text), Value::Constant(name)) => {
            name == text
        }
        (Value::List(_) | Value::Constant(_), _) | (_, Value::List(_) | Value::Constant(_)) => false,
        (left, right) => left.number().compare(right.number()).is_eq(),
    }
}

/// Which of two values comes first. Numbers come before constants, these before texts, these before lists.
pub fn compare(left: &Value<'_>, right: &Value<'_>) -> Ordering {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        (Value::List(left), Value::List(right)) => {
            let pairs = left.items().iter().zip(right.items());
            let first = pairs.map(|(left, right)| compare(left, right)).find(|ordering| ordering.is_ne());
            first.unwrap_or_else(|| left.items().len().cmp(&right.items().len()))
        }
        (Value::Constant(left), Value::Constant(right)) => left.cmp(right),
        (Value::List(_) | Value::Constant(_), _) | (_, Value::List(_) | Value::Constant(_)) => {
            rank(left).cmp(&rank(right))
        }
        (left, right) => left.number().compare(right.number()),
    }
}

/// A total order, for sorting. A text and a number are not compared by what the text spells, and large integers
/// that one float equals stay apart: among three values the order of [`compare`] can go in circles.
pub(super) fn total_order(left: &Value<'_>, right: &Value<'_>) -> Ordering {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        (Value::Constant(left), Value::Constant(right)) => left.cmp(right),
        (Value::List(left), Value::List(right)) => {
            let pairs = left.items().iter().zip(right.items());
            let first = pairs.map(|(left, right)| total_order(left, right)).find(|ordering| ordering.is_ne());
            first.unwrap_or_else(|| left.items().len().cmp(&right.items().len()))
        }
        (Value::Integer(_) | Value::Float(_), Value::Integer(_) | Value::Float(_)) => {
            let key = |value: &Value<'_>| match value.number() {
                Number::Integer(number) => (false, number),
                Number::Float(_) => (true, 0),
            };
            let floats = left.number().float().total_cmp(&right.number().float());
            floats.then_with(|| key(left).cmp(&key(right)))
        }
        (left, right) => rank(left).cmp(&rank(right)),
    }
}

fn rank(value: &Value<'_>) -> u8 {
    match value {
        Value::Integer(_) | Value::Float(_) => 0,
        Value::Constant(_) => 1,
        Value::Text(_) => 2,
        Value::List(_) => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Ordering::{Equal, Greater, Less};

    fn texts(items: &[&'static str]) -> Value<'static> {
        Value::list(items.iter().map(|item| Value::text(item)).collect())
    }

    // proves: 5.16.3
    #[test]
    fn equality_converts_texts_to_numbers() {
        let check = |left: Value<'_>, right: Value<'_>, expected: bool| {
            assert_eq!(equal(&left, &right), expected, "{left:?} {right:?}");
            assert_eq!(equal(&right, &left), expected, "{right:?} {left:?}");
        };
        check(Value::Integer(1), Value::Float(1.0), true);
        check(Value::text("1"), Value::Integer(1), true);
        check(Value::text("1.5"), Value::Float(1.5), true);
        check(Value::text("abc"), Value::Integer(0), true);
        check(Value::text(""), Value::Integer(0), true);
        check(Value::text("inf"), Value::Integer(0), true);
        check(Value::text("1"), Value::text("1.0"), false);
        check(Value::text("A"), Value::text("a"), false);
        check(texts(&["a", "1"]), texts(&["a", "1"]), true);
        check(texts(&["a"]), texts(&["a", "b"]), false);
        check(texts(&["a"]), Value::text("a"), false);
        check(Value::Constant("relaxed"), Value::Constant("relaxed"), true);
        check(Value::Constant("relaxed"), Value::text("relaxed"), true);
        check(Value::Constant("relaxed"), Value::Constant("strict"), false);
        check(Value::Constant("relaxed"), Value::Integer(1), false);
    }

    #[test]
    fn order_is_as_specified() {
        let check = |left: Value<'_>, right: Value<'_>, expected: Ordering| {
            assert_eq!(compare(&left, &right), expected, "{left:?} {right:?}");
            assert_eq!(compare(&right, &left), expected.reverse(), "{right:?} {left:?}");
        };
        check(Value::Integer(i64::MAX), Value::Integer(i64::MIN), Greater);
        check(Value::Integer(2), Value::Float(1.5), Greater);
        check(Value::text("10"), Value::Integer(9), Greater);
        check(Value::text("10"), Value::text("9"), Less);
        check(Value::text("x"), Value::Integer(0), Equal);
        check(texts(&["a", "b"]), texts(&["a", "c"]), Less);
        check(texts(&["a"]), texts(&["a", "b"]), Less);
        check(texts(&[]), Value::Integer(9), Greater);
        check(Value::text("a"), Value::Constant("relaxed"), Greater);
        check(Value::Float(f64::NAN), Value::Integer(1), Equal);
    }

    #[test]
    fn sorting_has_no_circles() {
        let large = 9_007_199_254_740_993;
        let check = |left: Value<'_>, right: Value<'_>| {
            assert_eq!(total_order(&left, &right), Less, "{left:?} {right:?}");
            assert_eq!(total_order(&right, &left), Greater, "{left:?} {right:?}");
        };
        check(Value::Integer(large - 1), Value::Integer(large));
        check(Value::Integer(large), Value::Float(9_007_199_254_740_992.0));
        check(Value::Integer(large - 1), Value::Float(9_007_199_254_740_992.0));
        check(Value::Integer(9), Value::text("1"));
        check(Value::text("1"), Value::text("10"));
        check(Value::Constant("daily"), Value::text(""));
        check(Value::text("z"), texts(&[]));
    }

    #[test]
    fn textual_form_and_truth() {
        let check = |value: Value<'_>, text: &str, truth: bool| {
            assert_eq!((value.to_text().as_ref(), value.is_true()), (text, truth), "{value:?}");
        };
        check(Value::text("0"), "0", true);
        check(Value::text(""), "", false);
        check(Value::Float(0.0), "0", false);
        check(Value::Float(2.5), "2.5", true);
        check(Value::Integer(-7), "-7", true);
        check(Value::Constant("daily"), "daily", true);
        check(texts(&["a", "b"]), "a\r\nb", true);
        check(texts(&[]), "", false);
        check(Value::list(vec![texts(&["x"]), Value::text("a")]), "a", true);
    }
}
