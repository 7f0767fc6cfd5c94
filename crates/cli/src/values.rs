//! `key=value` on a command line: which JSON is meant?

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::schema::{Kind, Type};
use crate::time;

/// One assignment: where, and what.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Assignment {
    /// Property names and keys, such as `retry`, `intervals`, `0`, `duration`.
    pub(crate) path: Vec<String>,
    /// What stands there then.
    pub(crate) value: Value,
    /// Whether the value names an object of this type, whose id is meant.
    pub(crate) names: Option<String>,
}

/// Reads `key=value`, or `key:=JSON` for a value that is JSON whatever the property is.
pub(crate) fn assignment(text: &str, kind: &Type) -> Result<Assignment, Failure> {
    let wrong = || Failure::usage(format!("`{text}` is no assignment: write key=value, or key:=JSON"));
    let (key, value) = text.split_once('=').ok_or_else(wrong)?;
    let (key, is_json) = key.strip_suffix(':').map_or((key, false), |key| (key, true));
    let path = path(key).ok_or_else(wrong)?;
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    let at = kind.kind_at(&parts);
    let names = match &at {
        Kind::Reference(to) if !is_json && value != "null" => Some(to.clone()),
        _ => None,
    };
    let value = if is_json {
        serde_json::from_str(value)
            .map_err(|error| Failure::usage(format!("`{key}`: this is no JSON: {error}")))?
    } else {
        meant(value, &at).map_err(|why| Failure::usage(format!("`{key}`: {why}")))?
    };
    Ok(Assignment { path, value, names })
}

/// The parts of a JSON pointer, with or without its first slash (RFC 6901).
pub(crate) fn path(pointer: &str) -> Option<Vec<String>> {
    let pointer = pointer.strip_prefix('/').unwrap_or(pointer);
    let parts: Vec<String> =
        pointer.split('/').map(|part| part.trim().replace("~1", "/").replace("~0", "~")).collect();
    parts.iter().all(|part| !part.is_empty()).then_some(parts)
}

/// The pointer of a path, as the server takes it.
pub(crate) fn pointer(path: &[String]) -> String {
    let parts: Vec<String> = path.iter().map(|part| part.replace('~', "~0").replace('/', "~1")).collect();
    parts.join("/")
}

/// The value that a text stands for where values of this kind stand.
pub(crate) fn meant(text: &str, kind: &Kind) -> Result<Value, String> {
    if text == "null" || text.is_empty() {
        return Ok(Value::Null);
    }
    let parsed = || serde_json::from_str::<Value>(text);
    match kind {
        Kind::Text(_) | Kind::Choice(_) | Kind::Reference(_) => Ok(text.into()),
        Kind::Boolean => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" => Ok(true.into()),
            "false" | "no" | "off" => Ok(false.into()),
            _ => Err(format!("`{text}` is neither true nor false")),
        },
        Kind::Integer(_) => {
            text.parse::<i64>().map(Value::from).map_err(|_| format!("`{text}` is no whole number"))
        }
        Kind::Duration => match text.parse::<u64>() {
            Ok(millis) => Ok(millis.into()),
            Err(_) => time::duration(text).map(Value::from),
        },
        Kind::Size(_) => bytes(text).map(Value::from),
        Kind::Set(item) if !text.starts_with('{') => {
            let members = words(text).into_iter().map(|word| match meant(word, item)? {
                Value::String(word) => Ok((word, Value::Bool(true))),
                other => Ok((other.to_string(), Value::Bool(true))),
            });
            Ok(Value::Object(members.collect::<Result<Map<_, _>, String>>()?))
        }
        Kind::List(item) if !text.starts_with(['{', '[']) => {
            let items = words(text).into_iter().enumerate();
            let items = items.map(|(i, word)| Ok((i.to_string(), meant(word, item)?)));
            Ok(Value::Object(items.collect::<Result<Map<_, _>, String>>()?))
        }
        Kind::Expression { .. } if !text.trim_start().starts_with('{') => {
            Ok(serde_json::json!({ "match": {}, "else": text }))
        }
        Kind::Object(variants) if variants.iter().any(|variant| variant.name.as_deref() == Some(text)) => {
            Ok(serde_json::json!({ "@type": text }))
        }
        Kind::List(_) | Kind::Set(_) | Kind::Object(_) | Kind::Expression { .. } => {
            parsed().map_err(|error| format!("this is no JSON: {error}"))
        }
        Kind::Other => Ok(parsed().unwrap_or_else(|_| text.into())),
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()
}

/// Reads `1048576`, `10MB`, `512KiB`: bytes.
fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size: write it in bytes, or as 512KiB, 10MB");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).ok_or_else(wrong)
}

/// Assignments as a patch: each path its own member.
pub(crate) fn patch(assignments: &[Assignment]) -> Map<String, Value> {
    assignments.iter().map(|one| (pointer(&one.path), one.value.clone())).collect()
}

/// Assignments as a whole object: what lies within is put within.
pub(crate) fn whole(assignments: &[Assignment]) -> Result<Map<String, Value>, Failure> {
    let mut object = Map::new();
    for one in assignments {
        put(&mut object, &one.path, one.value.clone()).map_err(|at| {
            Failure::usage(format!("`{at}` is given twice, once as a value and once with parts"))
        })?;
    }
    Ok(object)
}

fn put(object: &mut Map<String, Value>, path: &[String], value: Value) -> Result<(), String> {
    match path {
        [] => Ok(()),
        [name] => {
            if object.insert(name.clone(), value).is_some() {
                return Err(name.clone());
            }
            Ok(())
        }
        [name, rest @ ..] => {
            let within = object.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            put(within.as_object_mut().ok_or_else(|| name.clone())?, rest, value)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::tests::sample;

    #[track_caller]
    fn check(object: &str, text: &str, pointer: &str, value: Value) {
        let kind = sample().exact(object).unwrap().clone();
        let one = assignment(text, &kind).unwrap();
        assert_eq!((super::pointer(&one.path).as_str(), one.value), (pointer, value));
    }

    #[test]
    fn values_are_what_their_property_takes() {
        check("MtaRoute", "port=587", "port", json!(587));
        check("MtaRoute", "address=587", "address", json!("587"));
        check("MtaRoute", "description=a=b", "description", json!("a=b"));
        check("MtaRoute", "/authSecret/secret=x y", "authSecret/secret", json!("x y"));
        check("MtaRoute", "authSecret=None", "authSecret", json!({"@type": "None"}));
        check("MtaRoute", "address=null", "address", json!(null));
        check("MtaRoute", "address:=\"null\"", "address", json!("null"));
        check("MtaOutboundThrottle", "key=mx, rcptDomain", "key", json!({"mx": true, "rcptDomain": true}));
        check("MtaOutboundThrottle", "key/mx=false", "key/mx", json!(false));
        check("MtaOutboundThrottle", "enable=no", "enable", json!(false));
        check("MtaOutboundStrategy", "route='mx'", "route", json!({"match": {}, "else": "'mx'"}));
        check("MtaOutboundStrategy", "route/match/0/if=a == 1", "route/match/0/if", json!("a == 1"));
        check(
            "MtaDeliverySchedule",
            "retry/intervals/0/duration=5m",
            "retry/intervals/0/duration",
            json!(300_000),
        );
        check(
            "MtaDeliverySchedule",
            "retry/intervals/0/duration=5000",
            "retry/intervals/0/duration",
            json!(5000),
        );
        check("MtaRoute", "unknown=[1]", "unknown", json!([1]));
        check("MtaRoute", "a~1b=x", "a~1b", json!("x"));
    }

    #[test]
    fn names_are_accepted_where_ids_are() {
        let kind = sample().exact("MtaDeliverySchedule").unwrap().clone();
        let one = assignment("queueId=remote", &kind).unwrap();
        assert_eq!(one.names.as_deref(), Some("MtaVirtualQueue"));
    }

    #[test]
    fn what_is_no_assignment_is_refused() {
        let schema = sample();
        for (object, text) in [
            ("MtaRoute", "port"),
            ("MtaRoute", "=5"),
            ("MtaRoute", "a//b=5"),
            ("MtaRoute", "port=many"),
            ("MtaRoute", "port:=x"),
            ("MtaOutboundThrottle", "enable=perhaps"),
            ("MtaDeliverySchedule", "retry=sometimes"),
            ("MtaDeliverySchedule", "retry/intervals/0/duration=soon"),
        ] {
            let failure = assignment(text, schema.exact(object).unwrap()).unwrap_err();
            assert_eq!(failure.kind.code(), 2, "{text}");
        }
    }

    #[test]
    fn a_new_object_has_its_parts_within() {
        let kind = sample().exact("MtaRoute").unwrap().clone();
        let of = |texts: &[&str]| {
            let all: Vec<Assignment> = texts.iter().map(|text| assignment(text, &kind).unwrap()).collect();
            whole(&all)
        };
        assert_eq!(
            Value::Object(of(&["name=x", "authSecret/@type=Value", "authSecret/secret=s"]).unwrap()),
            json!({"name": "x", "authSecret": {"@type": "Value", "secret": "s"}})
        );
        assert!(of(&["name=x", "name=y"]).is_err());
        assert!(of(&["authSecret=None", "authSecret/x/y=1", "name/a=1", "name=1"]).is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!((bytes("10"), bytes("512KiB"), bytes("10 MB")), (Ok(10), Ok(524_288), Ok(10_000_000)));
        assert!(bytes("").is_err() && bytes("x").is_err() && bytes("99999999999999999999").is_err());
    }
}
