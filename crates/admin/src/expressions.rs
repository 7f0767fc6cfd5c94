//! `x:Expression/check` and `complete`: what is wrong with an expression while it is written, and what may stand there?

use policy::check::{Finding, Severity};
use policy::expr::{Branch, Context, ExprError, Expression, Place, Proposal};
use policy::queue_filter::QueueFilter;
use policy::registry::schema::ExpressionKind;
use policy::registry::{Registry, expression_kind, read_expression};
use policy::settings::ObjectType;
use serde_json::{Value, json};

use crate::api::Api;
use crate::error::MethodError;

/// Bytes of all texts of a property that are looked at.
const BYTES_MAX: usize = 256 * 1024;
/// Findings that are told.
const FINDINGS_MAX: usize = 200;

/// The object and property of the queue's filter, which is no setting.
const QUEUE: (&str, &str) = ("QueuedMessage", "expression");

/// Which expression is spoken of.
enum Subject {
    /// A property of a settings object.
    Property(ObjectType, String, ExpressionKind),
    /// The filter of the queue.
    QueueFilter,
}

/// Answers `check` and `complete`.
pub(crate) fn call(api: &Api, verb: &str, arguments: &Value) -> Result<Value, MethodError> {
    let registry = &api.settings.current().registry;
    match verb {
        "check" => check(registry, arguments),
        "complete" => complete(registry, arguments),
        _ => Err(MethodError::unknown_method(&format!("x:Expression/{verb}"))),
    }
}

fn subject(arguments: &Value) -> Result<Subject, MethodError> {
    let text = |name: &str| {
        let found = arguments.get(name).and_then(Value::as_str);
        found.ok_or_else(|| MethodError::invalid_arguments(format!("`{name}` must be a text")))
    };
    let (object, property) = (text("object")?, text("property")?);
    let plain = object.strip_prefix("x:").unwrap_or(object);
    if (plain, property) == QUEUE {
        return Ok(Subject::QueueFilter);
    }
    let kind = ObjectType::named(object)
        .ok_or_else(|| MethodError::invalid_arguments(format!("there is no type of objects {object}")))?;
    let expression = expression_kind(kind, property).ok_or_else(|| {
        MethodError::invalid_arguments(format!("{kind} has no expression property {property}"))
    })?;
    Ok(Subject::Property(kind, property.to_owned(), expression))
}

fn check(registry: &Registry, arguments: &Value) -> Result<Value, MethodError> {
    let subject = subject(arguments)?;
    if arguments.to_string().len() > BYTES_MAX {
        let message = format!("an expression of more than {BYTES_MAX} bytes is not looked at");
        return Err(MethodError::new("requestTooLarge", message));
    }
    match subject {
        Subject::QueueFilter => {
            let text = arguments.get("text").and_then(Value::as_str).unwrap_or_default();
            Ok(json!({ "errors": filter_errors(text), "warnings": [] }))
        }
        Subject::Property(object, property, kind) => {
            let (expression, at) = match arguments.get("value") {
                Some(value) => match read_expression(value) {
                    Ok(expression) => (expression, At::Whole),
                    Err(error) => {
                        return Ok(json!({ "errors": [whole_error(&error.description)], "warnings": [] }));
                    }
                },
                None => alone(arguments)?,
            };
            let findings = registry.check_expression((object, &property), &expression, kind);
            let findings = findings.map_err(|errors| {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                MethodError::new("serverFail", format!("the settings cannot be read: {}", errors.join("; ")))
            })?;
            Ok(answer(&findings, &property, at))
        }
    }
}

fn filter_errors(text: &str) -> Vec<Value> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    QueueFilter::compile(text).err().map(|error| place_error("text", &error)).into_iter().collect()
}

fn place_error(place: &str, error: &ExprError) -> Value {
    json!({
        "place": place, "start": error.span.start, "end": error.span.end,
        "message": error.message, "hint": error.hint,
    })
}

fn whole_error(message: &str) -> Value {
    json!({ "place": "", "start": 0, "end": 0, "message": message, "hint": null })
}

/// Where the text that was asked about stands in the property that was checked.
#[derive(Clone, Copy)]
enum At {
    /// The whole property was asked about.
    Whole,
    /// One text alone.
    Text(Place),
}

/// One text by itself, in a property that is otherwise empty. `part` says what it is: `if` unless said, `then`, `else`.
fn alone(arguments: &Value) -> Result<(Expression, At), MethodError> {
    let text = arguments.get("text").and_then(Value::as_str);
    let text = text.ok_or_else(|| MethodError::invalid_arguments("`text` or `value` must be given"))?;
    let part = arguments.get("part").and_then(Value::as_str).unwrap_or("if");
    let expression = match part {
        "if" => Expression {
            matches: vec![Branch { condition: text.to_owned(), then: "0".to_owned() }],
            otherwise: Some("0".to_owned()),
        },
        "then" | "else" => Expression { matches: Vec::new(), otherwise: Some(text.to_owned()) },
        other => {
            let message = format!("`part` is if, then or else, not {other}");
            return Err(MethodError::invalid_arguments(message));
        }
    };
    let place = if part == "if" { Place::If(0) } else { Place::Else };
    Ok((expression, At::Text(place)))
}

/// The findings, apart by how bad they are.
fn answer(findings: &[Finding], property: &str, at: At) -> Value {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for finding in findings.iter().take(FINDINGS_MAX) {
        let place = finding.property.strip_prefix(property).unwrap_or(&finding.property);
        let place = place.trim_start_matches('.');
        if let At::Text(only) = at
            && place != only.to_string()
        {
            continue;
        }
        let span = finding.span.unwrap_or_default();
        let told = json!({
            "place": if matches!(at, At::Text(_)) { "text" } else { place },
            "start": span.start, "end": span.end, "message": finding.message, "hint": finding.hint,
        });
        match finding.severity {
            Severity::Error => errors.push(told),
            Severity::Warning => warnings.push(told),
        }
    }
    json!({ "errors": errors, "warnings": warnings })
}

fn complete(registry: &Registry, arguments: &Value) -> Result<Value, MethodError> {
    let kind = match subject(arguments)? {
        Subject::Property(_, _, kind) => kind,
        Subject::QueueFilter => ExpressionKind { context: Context::Queued, yields: None },
    };
    let text = arguments.get("text").and_then(Value::as_str);
    let text = text.ok_or_else(|| MethodError::invalid_arguments("`text` must be a text"))?;
    let cursor = match arguments.get("cursor") {
        None | Some(Value::Null) => text.len(),
        Some(cursor) => {
            let cursor = cursor.as_u64().and_then(|cursor| usize::try_from(cursor).ok());
            cursor.ok_or_else(|| MethodError::invalid_arguments("`cursor` is a number of bytes"))?
        }
    };
    let completion = registry.complete(text, cursor, kind);
    let item = |item: &Proposal| json!({ "label": item.label, "kind": item.kind, "detail": item.detail, "help": item.help });
    Ok(json!({ "from": completion.from, "items": completion.items.iter().map(item).collect::<Vec<_>>() }))
}

#[cfg(test)]
mod tests;
