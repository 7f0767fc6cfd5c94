//! What does a SetError mean? One line an object, one line a property.

use serde_json::Value;

use crate::failure::Failure;

/// The refusals in an answer to `set`, if there are any: `notCreated`, `notUpdated`, `notDestroyed`.
///
/// `name` gives the words for the object of a creation or object id.
pub(crate) fn refusals(answer: &Value, name: &dyn Fn(&str) -> String) -> Option<Failure> {
    let members = ["notCreated", "notUpdated", "notDestroyed"];
    let errors: Vec<(&String, &Value)> =
        members.iter().filter_map(|member| answer.get(member)?.as_object()).flatten().collect();
    let mut refused: Vec<Failure> = errors.iter().map(|(id, error)| refusal(&name(id), error)).collect();
    if refused.len() < 2 {
        return refused.pop();
    }
    let mut sum = Failure::refused(format!("{} objects were refused", refused.len()));
    for one in refused {
        sum.details.push(one.text);
        sum.details.extend(one.details.into_iter().map(|detail| format!("  {detail}")));
        sum.hint = sum.hint.or(one.hint);
    }
    Some(sum.answer(answer))
}

/// One SetError in words; `what` is the object, such as `MtaRoute smarthost`.
pub(crate) fn refusal(what: &str, error: &Value) -> Failure {
    let kind = error.get("type").and_then(Value::as_str).unwrap_or("refused");
    let said = error.get("description").and_then(Value::as_str);
    let properties = strings(error.get("properties"));
    let text = match (kind, said) {
        ("notFound", _) => format!("{what}: there is no such object"),
        ("primaryKeyViolation", said) => {
            let other = error.get("objectId").map(object_id).or_else(|| existing(error));
            let said = said.unwrap_or("there is one with this name already");
            format!("{what}: {said}{}", other.map_or_else(String::new, |other| format!(" ({other})")))
        }
        ("objectIsLinked", _) => format!("{what}: it is still used by {}", linked(error)),
        ("invalidForeignKey", said) => {
            let missing = error.get("objectId").map_or_else(|| "something".to_owned(), object_id);
            format!("{what}: {}", said.map_or_else(|| format!("there is no {missing}"), str::to_owned))
        }
        ("singleton", said) => format!("{what}: {}", said.unwrap_or("there is always exactly one")),
        ("validationFailed" | "invalidProperties" | "invalidPatch", None) => format!("{what} is refused"),
        (_, Some(said)) => format!("{what}: {said}"),
        (kind, None) => format!("{what}: {kind}"),
    };
    let mut failure = Failure::refused(text).answer(error);
    let validation = error.get("validationErrors").and_then(Value::as_array);
    let validation: Vec<String> = validation.into_iter().flatten().map(validation_error).collect();
    failure.details = if validation.is_empty() && !properties.is_empty() {
        vec![format!("in {}", properties.join(", "))]
    } else {
        validation
    };
    // What stands in the line already is not said twice.
    failure.details.retain(|detail| !failure.text.ends_with(detail.as_str()));
    failure.hint = error.get("hint").and_then(Value::as_str).map(str::to_owned).or_else(|| hint(kind, what));
    failure
}

fn hint(kind: &str, what: &str) -> Option<String> {
    // `line 3: MtaRoute smarthost` of a file is also about a type.
    let object =
        what.strip_prefix("line ").and_then(|rest| rest.split_once(": ")).map_or(what, |(_, rest)| rest);
    let object = object.split(' ').next().unwrap_or(object);
    match kind {
        "invalidPatch" | "invalidProperties" | "validationFailed" => {
            Some(format!("`waypost describe {object}` lists its properties"))
        }
        "primaryKeyViolation" => Some(format!("`waypost set {object} NAME key=value` changes what is there")),
        "notFound" => Some(format!("`waypost query {object}` lists what there is")),
        "objectIsLinked" => Some("change those first".to_owned()),
        _ => None,
    }
}

fn validation_error(error: &Value) -> String {
    let member = |name: &str| error.get(name).filter(|value| !value.is_null());
    let property = member("property").map_or_else(|| "?".to_owned(), plain);
    let value = member("value").map(plain);
    let required = member("required").map(plain);
    let said = member("message").or_else(|| member("description")).map(plain);
    let words = match (error.get("type").and_then(Value::as_str), said, value, required) {
        (_, Some(said), ..) => said,
        (Some("Invalid"), _, Some(value), _) => value,
        (Some("Required"), ..) => "it is missing".to_owned(),
        (Some("MaxLength"), _, _, Some(most)) => format!("it is longer than {most}"),
        (Some("MinLength"), _, _, Some(least)) => format!("it is shorter than {least}"),
        (Some("MaxValue"), _, _, Some(most)) => format!("it is more than {most}"),
        (Some("MinValue"), _, _, Some(least)) => format!("it is less than {least}"),
        (_, _, Some(value), _) => value,
        _ => "it is not valid".to_owned(),
    };
    format!("{property}: {words}")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn strings(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_array).into_iter().flatten().map(plain).collect()
}

fn object_id(value: &Value) -> String {
    let part = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or("?");
    let label = value.get("name").and_then(Value::as_str);
    format!("{} {}", part("object").trim_start_matches("x:"), label.unwrap_or_else(|| part("id")))
}

fn existing(error: &Value) -> Option<String> {
    error.get("existingId").map(|id| format!("id {}", plain(id)))
}

fn linked(error: &Value) -> String {
    let list = error.get("linkedObjects").and_then(Value::as_array);
    let names: Vec<String> = list.into_iter().flatten().map(object_id).collect();
    if names.is_empty() { "others".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn set_errors_name_object_property_and_help() {
        let check = |error: Value, text: &str, details: &[&str]| {
            let failure = refusal("MtaRoute smarthost", &error);
            assert_eq!(failure.text, text);
            assert_eq!(failure.details, details);
        };
        check(
            json!({"type": "validationFailed", "validationErrors": [
                {"type": "Invalid", "property": "route", "value": "Error parsing 'else' expression: no variable mx"},
                {"type": "MaxValue", "property": "port", "required": 65535},
                {"type": "Required", "property": "address"}]}),
            "MtaRoute smarthost is refused",
            &[
                "route: Error parsing 'else' expression: no variable mx",
                "port: it is more than 65535",
                "address: it is missing",
            ],
        );
        check(
            json!({"type": "primaryKeyViolation", "properties": ["name"], "objectId": {"object": "MtaRoute", "id": "e"}}),
            "MtaRoute smarthost: there is one with this name already (MtaRoute e)",
            &["in name"],
        );
        check(
            json!({"type": "objectIsLinked", "objectId": {"object": "MtaVirtualQueue", "id": "c"},
                "linkedObjects": [{"object": "MtaDeliverySchedule", "id": "d"}]}),
            "MtaRoute smarthost: it is still used by MtaDeliverySchedule d",
            &[],
        );
        check(
            json!({"type": "invalidPatch", "description": "Invalid property", "properties": ["prot"]}),
            "MtaRoute smarthost: Invalid property",
            &["in prot"],
        );
        check(json!(null), "MtaRoute smarthost: refused", &[]);
    }

    #[test]
    fn several_refusals_are_one_failure() {
        let name = |id: &str| format!("MtaRoute {id}");
        assert_eq!(refusals(&json!({"updated": {"b": null}}), &name), None);
        let answer = json!({"notUpdated": {"b": {"type": "notFound"}, "c": {"type": "notFound"}}});
        let failure = refusals(&answer, &name).unwrap();
        assert_eq!(failure.text, "2 objects were refused");
        assert_eq!(failure.details[1], "MtaRoute c: there is no such object");
    }
}
