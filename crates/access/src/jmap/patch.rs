//! What does a patch make of an object (RFC 8620 section 5.3)?

use serde_json::{Map, Value};
use wire::jmap::{SetError, SetErrorKind};

/// The properties that the patch names, as they are after it.
pub(crate) fn apply(object: &Value, patch: Value) -> Result<Map<String, Value>, SetError> {
    let Value::Object(patch) = patch else { return Err(wrong("a patch must be an object")) };
    let mut touched: Map<String, Value> = Map::new();
    let paths: Vec<String> = patch.keys().cloned().collect();
    for (path, value) in patch {
        let within = |other: &String| other.strip_prefix(&path).is_some_and(|rest| rest.starts_with('/'));
        if paths.iter().any(within) {
            return Err(wrong("one path lies within another"));
        }
        let mut steps = path.split('/').map(|step| step.replace("~1", "/").replace("~0", "~"));
        let property = steps.next().unwrap_or_default();
        let steps: Vec<String> = steps.collect();
        let Some((last, steps)) = steps.split_last() else {
            touched.insert(property, value);
            continue;
        };
        let known = object.get(&property).cloned().unwrap_or(Value::Null);
        let mut place = touched.entry(property).or_insert(known);
        for step in steps {
            place = place.get_mut(step).ok_or_else(|| wrong("the path leads to nothing"))?;
        }
        let members = place.as_object_mut().ok_or_else(|| wrong("the path leads to nothing"))?;
        if value.is_null() {
            members.remove(last);
        } else {
            members.insert(last.clone(), value);
        }
    }
    Ok(touched)
}

fn wrong(why: &str) -> SetError {
    SetError::new(SetErrorKind::InvalidPatch, why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_what_it_names() {
        let object = json!({ "a": 1, "b": { "c": true, "d/e": true } });
        let check = |patch: Value, expected: Option<Value>| {
            assert_eq!(apply(&object, patch.clone()).ok().map(Value::Object), expected, "{patch}");
        };
        check(json!({ "a": 2 }), Some(json!({ "a": 2 })));
        check(json!({ "b/c": null }), Some(json!({ "b": { "d/e": true } })));
        check(json!({ "b/d~1e": null, "b/f": 1 }), Some(json!({ "b": { "c": true, "f": 1 } })));
        check(json!({ "b/x/y": 1 }), None);
        check(json!({ "a/x": 1 }), None);
        check(json!({ "b": {}, "b/c": 1 }), None);
    }
}
