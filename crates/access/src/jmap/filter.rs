//! What must hold, and in which order, as a `/query` says it (RFC 8620 section 5.5).

use serde_json::{Map, Value};
use wire::jmap::MethodError;

use super::arguments::wrong;

/// Operators within each other at most.
const DEPTH_MAX: usize = 32;
/// Conditions and operators of one filter at most.
pub(crate) const NODES_MAX: usize = 1_000;
/// Orders of one query at most.
const SORTS_MAX: usize = 16;

/// Conditions, joined by operators.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Filter<C> {
    /// All of these.
    And(Vec<Filter<C>>),
    /// One of these.
    Or(Vec<Filter<C>>),
    /// None of these.
    Not(Vec<Filter<C>>),
    /// This.
    Is(C),
}

impl<C> Filter<C> {
    /// Reads one; `condition` reads what stands between the operators. Nothing given is nothing asked.
    pub(crate) fn read(
        value: Option<Value>,
        condition: &mut dyn FnMut(Map<String, Value>) -> Result<C, MethodError>,
    ) -> Result<Filter<C>, MethodError> {
        let mut left = NODES_MAX;
        match value {
            None => Ok(Filter::And(Vec::new())),
            Some(value) => read(value, 0, &mut left, condition),
        }
    }

    /// Whether it holds of something.
    pub(crate) fn holds(&self, of: &dyn Fn(&C) -> bool) -> bool {
        match self {
            Filter::And(all) => all.iter().all(|filter| filter.holds(of)),
            Filter::Or(any) => any.iter().any(|filter| filter.holds(of)),
            Filter::Not(none) => !none.iter().any(|filter| filter.holds(of)),
            Filter::Is(condition) => of(condition),
        }
    }
}

fn read<C>(
    value: Value,
    depth: usize,
    left: &mut usize,
    condition: &mut dyn FnMut(Map<String, Value>) -> Result<C, MethodError>,
) -> Result<Filter<C>, MethodError> {
    let Value::Object(mut members) = value else { return Err(wrong("a filter must be an object")) };
    *left = left.checked_sub(1).ok_or_else(|| unsupported_filter("the filter has too many conditions"))?;
    let Some(operator) = members.remove("operator") else { return condition(members).map(Filter::Is) };
    if depth >= DEPTH_MAX {
        return Err(unsupported_filter("the filter is too deep"));
    }
    let Some(Value::Array(conditions)) = members.remove("conditions") else {
        return Err(wrong("conditions must be an array"));
    };
    let mut parts = Vec::with_capacity(conditions.len().min(NODES_MAX));
    for part in conditions {
        parts.push(read(part, depth + 1, left, condition)?);
    }
    match operator.as_str() {
        Some("AND") => Ok(Filter::And(parts)),
        Some("OR") => Ok(Filter::Or(parts)),
        Some("NOT") => Ok(Filter::Not(parts)),
        _ => Err(wrong("operator must be AND, OR or NOT")),
    }
}

/// An order.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Comparator {
    /// By what.
    pub(crate) property: String,
    /// The least first.
    pub(crate) ascending: bool,
    /// The keyword that it is about, if the property is.
    pub(crate) keyword: Option<String>,
}

/// Reads the argument `sort`; `known` are the properties that can be sorted by.
pub(crate) fn sorts(value: Option<Value>, known: &[&str]) -> Result<Vec<Comparator>, MethodError> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let Value::Array(items) = value else { return Err(wrong("sort must be an array")) };
    if items.len() > SORTS_MAX {
        return Err(unsupported_sort(format!("sort may have {SORTS_MAX} members at most")));
    }
    items.into_iter().map(|item| comparator(item, known)).collect()
}

fn comparator(value: Value, known: &[&str]) -> Result<Comparator, MethodError> {
    let Value::Object(members) = value else { return Err(wrong("sort must hold objects")) };
    let text = |name: &str| match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(format!("{name} of a comparator must be a string"))),
    };
    let property = text("property")?.ok_or_else(|| wrong("a comparator must have a property"))?;
    let ascending = match members.get("isAscending") {
        None | Some(Value::Null) => true,
        Some(Value::Bool(ascending)) => *ascending,
        Some(_) => return Err(wrong("isAscending must be true or false")),
    };
    if !known.contains(&property.as_str()) {
        return Err(unsupported_sort(format!("nothing can be sorted by {property}")));
    }
    let collation = text("collation")?;
    if collation.as_deref().is_some_and(|name| !super::session::COLLATIONS.contains(&name)) {
        return Err(unsupported_sort("the collation is not known".to_owned()));
    }
    let keyword = text("keyword")?.map(|keyword| keyword.to_ascii_lowercase());
    if property.ends_with("Keyword") && keyword.is_none() {
        return Err(wrong(format!("{property} needs a keyword")));
    }
    Ok(Comparator { property, ascending, keyword })
}

/// The filter asks what cannot be asked.
pub(crate) fn unsupported_filter(why: impl Into<String>) -> MethodError {
    MethodError::new("unsupportedFilter", why)
}

fn unsupported_sort(why: String) -> MethodError {
    MethodError::new("unsupportedSort", why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(value: Value) -> Result<Filter<String>, MethodError> {
        Filter::read(Some(value), &mut |members| {
            members.keys().next().cloned().ok_or_else(|| unsupported_filter("empty"))
        })
    }

    #[test]
    fn operators_join_conditions() {
        let filter = parsed(
            json!({ "operator": "NOT", "conditions": [{ "a": 1 }, { "operator": "AND", "conditions": [] }] }),
        );
        let expected = Filter::Not(vec![Filter::Is("a".to_owned()), Filter::And(vec![])]);
        assert_eq!(filter.unwrap(), expected);
        // RFC 8620 section 5.5: NOT is none of them.
        assert!(!expected.holds(&|_| false));
    }

    // proves: L11
    #[test]
    fn what_is_deep_or_long_is_refused() {
        let mut deep = json!({ "a": 1 });
        for _ in 0..=DEPTH_MAX {
            deep = json!({ "operator": "AND", "conditions": [deep] });
        }
        assert_eq!(parsed(deep).unwrap_err().kind, "unsupportedFilter");
        let long = json!({ "operator": "OR", "conditions": vec![json!({ "a": 1 }); NODES_MAX + 1] });
        assert_eq!(parsed(long).unwrap_err().kind, "unsupportedFilter");
        for wrong in [json!([]), json!({ "operator": "XOR", "conditions": [] }), json!({ "operator": "OR" })]
        {
            assert_eq!(parsed(wrong).unwrap_err().kind, "invalidArguments");
        }
    }

    #[test]
    fn an_order_is_by_what_there_is() {
        let read = |value: Value| sorts(Some(value), &["size", "hasKeyword"]);
        let one =
            read(json!([{ "property": "hasKeyword", "keyword": "$Seen", "isAscending": false }])).unwrap();
        let expected =
            Comparator { property: "hasKeyword".into(), ascending: false, keyword: Some("$seen".into()) };
        assert_eq!(one, [expected]);
        let kind = |value: Value| read(value).unwrap_err().kind;
        assert_eq!(kind(json!([{ "property": "nothing" }])), "unsupportedSort");
        assert_eq!(kind(json!([{ "property": "size", "collation": "i;x" }])), "unsupportedSort");
        assert_eq!(kind(json!([{ "property": "hasKeyword" }])), "invalidArguments");
        assert_eq!(kind(json!({ "property": "size" })), "invalidArguments");
    }
}
