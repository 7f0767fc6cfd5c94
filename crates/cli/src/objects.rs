//! Finds objects: by id or by the name that people know them by, one or all.

use serde_json::{Value, json};

use crate::client::{OBJECTS_PER_CALL_MAX, call};
use crate::desk::Desk;
use crate::failure::Failure;
use crate::schema::{Kind, Type};

/// The id of the only object of its type.
pub(crate) const SINGLETON: &str = "singleton";

/// The object that is meant: by its name, or else by its id.
pub(crate) async fn find(desk: &Desk<'_>, kind: &Type, wanted: &str) -> Result<Value, Failure> {
    if kind.singleton {
        return singleton(desk, kind).await;
    }
    let by_name = named(desk, kind, wanted).await?;
    let mut found = by_name.into_iter();
    match (found.next(), found.next()) {
        (Some(one), None) => return Ok(one),
        (Some(one), Some(other)) => {
            let text = format!(
                "several objects of type {} are called `{wanted}`, with the ids {} and {}",
                kind.name,
                id(&one)?,
                id(&other)?
            );
            return Err(Failure::failed(text).hint("name it by its id"));
        }
        (None, _) => {}
    }
    let answer = desk.client.ask(&kind.name, "get", json!({ "ids": [wanted] })).await?;
    list(&answer)?.first().cloned().ok_or_else(|| {
        Failure::failed(format!("there is no {} named `{wanted}`", kind.name))
            .hint(format!("`waypost query {}` lists what there is", kind.name))
    })
}

/// The objects with this label.
async fn named(desk: &Desk<'_>, kind: &Type, wanted: &str) -> Result<Vec<Value>, Failure> {
    let Some(label) = kind.label.as_deref() else { return Ok(Vec::new()) };
    let indexed = kind.property(label).is_some_and(|property| property.indexed);
    let mut candidates = match indexed {
        true => all(desk, kind, json!({ (label): wanted })).await?,
        false => all(desk, kind, json!({})).await?,
    };
    candidates.retain(|object| object.get(label).and_then(Value::as_str) == Some(wanted));
    Ok(candidates)
}

/// The only object of its type.
pub(crate) async fn singleton(desk: &Desk<'_>, kind: &Type) -> Result<Value, Failure> {
    let answer = desk.client.ask(&kind.name, "get", json!({ "ids": [SINGLETON] })).await?;
    list(&answer)?.first().cloned().ok_or_else(|| Failure::strange(&format!("there is no {}", kind.name)))
}

/// All objects that pass the filter, in the order in which they were made.
pub(crate) async fn all(desk: &Desk<'_>, kind: &Type, filter: Value) -> Result<Vec<Value>, Failure> {
    if kind.singleton {
        return Ok(vec![singleton(desk, kind).await?]);
    }
    pages(desk, &kind.name, filter, Value::Null, usize::MAX).await.map(|mut objects| {
        // The order of a settings query is by id, descending; people think of what they made first.
        if kind.described {
            objects.reverse();
        }
        objects
    })
}

/// The objects as people read them: what refers to another object names it.
pub(crate) async fn readable(
    desk: &Desk<'_>,
    kind: &Type,
    mut objects: Vec<Value>,
) -> Result<Vec<Value>, Failure> {
    for property in kind.variants.iter().flat_map(|variant| &variant.properties) {
        let Kind::Reference(to) = &property.kind else { continue };
        let to = desk.schema().await?.find(to)?;
        let others = all(desk, &to, json!({})).await?;
        for value in objects.iter_mut().filter_map(|object| object.get_mut(&property.name)) {
            let other = others.iter().find(|other| other.get("id") == Some(value));
            if let Some(other) = other {
                *value = to.name_of(other).into();
            }
        }
    }
    Ok(objects)
}

/// Objects that pass the filter in the server's order, `most` of them at most.
pub(crate) async fn pages(
    desk: &Desk<'_>,
    object: &str,
    filter: Value,
    sort: Value,
    most: usize,
) -> Result<Vec<Value>, Failure> {
    let mut objects: Vec<Value> = Vec::new();
    while objects.len() < most {
        let limit = OBJECTS_PER_CALL_MAX.min(most - objects.len());
        let mut query = json!({ "filter": filter, "position": objects.len(), "limit": limit });
        if !sort.is_null() {
            query["sort"] = sort.clone();
        }
        let ids = json!({ "resultOf": "c0", "name": format!("x:{object}/query"), "path": "/ids" });
        let calls = [call(object, "query", query), call(object, "get", json!({ "#ids": ids }))];
        let mut answers = desk.client.batch(&calls).await?.into_iter();
        let (Some(query), Some(get)) = (answers.next(), answers.next()) else {
            return Err(Failure::strange("two calls, fewer answers"));
        };
        let (ids, got) = (ids_of(&query?)?, get?);
        let list = list(&got)?;
        objects.extend(in_order(&ids, list));
        if ids.len() < limit {
            break;
        }
    }
    Ok(objects)
}

/// Which objects a query has found.
pub(crate) fn ids_of(answer: &Value) -> Result<Vec<String>, Failure> {
    let ids = answer.get("ids").and_then(Value::as_array);
    let ids = ids.ok_or_else(|| Failure::strange("a query without `ids`"))?;
    Ok(ids.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn in_order(ids: &[String], list: &[Value]) -> Vec<Value> {
    let of = |id: &String| list.iter().find(|object| object.get("id").and_then(Value::as_str) == Some(id));
    ids.iter().filter_map(of).cloned().collect()
}

/// The objects of an answer to `get`.
pub(crate) fn list(answer: &Value) -> Result<&Vec<Value>, Failure> {
    answer.get("list").and_then(Value::as_array).ok_or_else(|| Failure::strange("a get without `list`"))
}

/// An object's id.
pub(crate) fn id(object: &Value) -> Result<&str, Failure> {
    object.get("id").and_then(Value::as_str).ok_or_else(|| Failure::strange("an object without an id"))
}
