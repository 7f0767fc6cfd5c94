//! The arguments of `set` and `query` as JSON, and the answer of `set`.

use serde_json::{Value, json};

use super::{Document, Query, SetError, SetOutcome, SetRequest, Unanswerable};

/// Filters inside one another at most.
const FILTER_DEPTH_MAX: usize = 8;
/// Conditions of a filter at most.
const CONDITIONS_MAX: usize = 100;

impl Unanswerable {
    /// An error with its description.
    pub fn new(kind: &'static str, description: impl Into<String>) -> Self {
        Unanswerable { kind, description: description.into() }
    }

    fn arguments(description: impl Into<String>) -> Self {
        Self::new("invalidArguments", description)
    }
}

impl SetRequest {
    /// Reads the arguments of a method call; what is wrong with them otherwise.
    pub fn from_arguments(arguments: &Value) -> Result<Self, Unanswerable> {
        let destroy = match arguments.get("destroy") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(ids)) => ids
                .iter()
                .map(|id| id.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or_else(|| Unanswerable::arguments("destroy is a list of ids"))?,
            Some(_) => return Err(Unanswerable::arguments("destroy is a list of ids")),
        };
        Ok(SetRequest { create: by_id(arguments, "create")?, update: by_id(arguments, "update")?, destroy })
    }

    /// How many objects it is about.
    pub fn len(&self) -> usize {
        self.create.len() + self.update.len() + self.destroy.len()
    }

    /// Whether it is about none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn by_id(arguments: &Value, name: &str) -> Result<Vec<(String, Value)>, Unanswerable> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Object(members)) => {
            Ok(members.iter().map(|(id, value)| (id.clone(), value.clone())).collect())
        }
        Some(_) => Err(Unanswerable::arguments(format!("{name} is an object of objects by id"))),
    }
}

impl SetOutcome {
    /// Whether nothing was refused.
    pub fn is_whole(&self) -> bool {
        self.not_created.is_empty() && self.not_updated.is_empty() && self.not_destroyed.is_empty()
    }

    /// The members of the answer; those that say nothing are left out.
    pub fn answer(&self) -> Document {
        let mut answer = Document::new();
        let mut put = |name: &str, value: Value, is_empty: bool| {
            if !is_empty {
                answer.insert(name.to_owned(), value);
            }
        };
        let created =
            self.created.iter().map(|(creation, id)| (creation.clone(), json!({ "id": id }))).collect();
        put("created", Value::Object(created), self.created.is_empty());
        let updated = self.updated.iter().map(|id| (id.clone(), Value::Null)).collect();
        put("updated", Value::Object(updated), self.updated.is_empty());
        put("destroyed", self.destroyed.clone().into(), self.destroyed.is_empty());
        let refused = |all: &[(String, SetError)]| {
            Value::Object(all.iter().map(|(id, error)| (id.clone(), error.json())).collect())
        };
        put("notCreated", refused(&self.not_created), self.not_created.is_empty());
        put("notUpdated", refused(&self.not_updated), self.not_updated.is_empty());
        put("notDestroyed", refused(&self.not_destroyed), self.not_destroyed.is_empty());
        answer
    }
}

impl Query {
    /// Reads the arguments of a method call.
    pub fn from_arguments(arguments: &Value) -> Result<Self, Unanswerable> {
        let mut query = Query::default();
        if let Some(filter) = arguments.get("filter").filter(|filter| !filter.is_null()) {
            conditions(filter, 0, &mut query.filter)?;
        }
        for comparator in list(arguments, "sort")? {
            let property = comparator.get("property").and_then(Value::as_str);
            let property =
                property.ok_or_else(|| Unanswerable::arguments("a comparator names a property"))?;
            let ascends = comparator.get("isAscending").and_then(Value::as_bool).unwrap_or(true);
            query.sort.push((property.to_owned(), ascends));
        }
        query.position = number(arguments, "position")?.unwrap_or(0);
        query.anchor = match arguments.get("anchor").and_then(Value::as_str) {
            Some(anchor) => Some((anchor.to_owned(), number(arguments, "anchorOffset")?.unwrap_or(0))),
            None => None,
        };
        query.limit = match number(arguments, "limit")? {
            Some(limit) => {
                Some(usize::try_from(limit).map_err(|_| Unanswerable::arguments("limit is less than 0"))?)
            }
            None => None,
        };
        query.calculate_total = arguments.get("calculateTotal").and_then(Value::as_bool).unwrap_or(false);
        Ok(query)
    }
}

fn list<'a>(arguments: &'a Value, name: &str) -> Result<&'a [Value], Unanswerable> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(Unanswerable::arguments(format!("{name} is a list"))),
    }
}

fn number(arguments: &Value, name: &str) -> Result<Option<i64>, Unanswerable> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number =
                value.as_i64().ok_or_else(|| Unanswerable::arguments(format!("{name} is a whole number")))?;
            Ok(Some(number))
        }
    }
}

/// Conditions that must all hold; other operators are not known.
fn conditions(filter: &Value, depth: usize, all: &mut Vec<(String, Value)>) -> Result<(), Unanswerable> {
    let Value::Object(members) = filter else {
        return Err(Unanswerable::arguments("a filter is an object"));
    };
    let unsupported = |text: &str| Unanswerable::new("unsupportedFilter", text);
    if depth > FILTER_DEPTH_MAX || all.len() + members.len() > CONDITIONS_MAX {
        return Err(unsupported("the filter is too large"));
    }
    match members.get("operator").and_then(Value::as_str) {
        None => {
            all.extend(members.iter().map(|(name, value)| (name.clone(), value.clone())));
            Ok(())
        }
        Some("AND") => list(filter, "conditions")?.iter().try_for_each(|one| conditions(one, depth + 1, all)),
        Some(_) => Err(unsupported("Only AND is supported in filters")),
    }
}
