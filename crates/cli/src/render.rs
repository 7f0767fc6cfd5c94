//! Objects as text: a line a property, values as people say them.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::desk::Look;
use crate::paint::{shown, shown_lines, width};
use crate::schema::{Kind, Type};
use crate::time;

/// Objects within objects that are shown; deeper ones are JSON.
const DEPTH_MAX: usize = 6;

/// One object, a line a property.
pub(crate) fn object(look: &Look, kind: &Type, object: &Value) -> String {
    let paint = look.paint;
    let mut out = format!("{} {}", kind.name, paint.bold(&shown(&kind.name_of(object))));
    let mut remarks: Vec<String> = Vec::new();
    remarks.extend(object.get("@type").and_then(Value::as_str).map(shown));
    remarks.extend(
        object
            .get("id")
            .and_then(Value::as_str)
            .filter(|id| *id != "singleton")
            .map(|id| format!("id {}", shown(id))),
    );
    if !remarks.is_empty() {
        let _ = write!(out, " {}", paint.dim(&format!("({})", remarks.join(", "))));
    }
    out.push('\n');
    let Some(members) = object.as_object() else { return out };
    let ordered = ordered(kind, object, members);
    let wide = ordered.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    for (name, value) in ordered {
        let at = kind.kind_at(&[name.as_str()]);
        let text = lines(&value_text(value, &at, 0));
        let pad = " ".repeat(wide - width(name));
        let _ = writeln!(out, "  {}{pad}  {}", paint.cyan(&shown(name)), indent(&text, wide + 4));
    }
    out
}

/// The properties in the order in which people should see them.
fn ordered<'a>(kind: &Type, object: &Value, members: &'a Map<String, Value>) -> Vec<(&'a String, &'a Value)> {
    let order: Vec<&str> = kind
        .variant_of(object)
        .map(|variant| variant.properties.iter().map(|property| property.name.as_str()).collect())
        .unwrap_or_default();
    let place = |name: &str| order.iter().position(|known| *known == name).unwrap_or(usize::MAX);
    let mut ordered: Vec<(&String, &Value)> =
        members.iter().filter(|(name, _)| !matches!(name.as_str(), "@type" | "id")).collect();
    ordered.sort_by_key(|(name, _)| place(name));
    ordered
}

/// A value on one line, for a table.
pub(crate) fn cell(value: Option<&Value>, kind: &Kind) -> String {
    let Some(value) = value else { return "-".to_owned() };
    shown(&value_text(value, kind, 0).replace('\n', "; "))
}

fn value_text(value: &Value, kind: &Kind, depth: usize) -> String {
    if depth > DEPTH_MAX {
        return value.to_string();
    }
    match (kind, value) {
        (_, Value::Null) => "-".to_owned(),
        (Kind::Duration, Value::Number(millis)) => {
            millis.as_i64().map_or_else(|| millis.to_string(), time::exact)
        }
        (Kind::Size(_), Value::Number(bytes)) => bytes.as_u64().map_or_else(|| bytes.to_string(), size),
        (Kind::Expression { .. }, Value::Object(members)) => expression(members),
        (Kind::Set(_), Value::Object(members)) if !members.is_empty() => {
            members.keys().cloned().collect::<Vec<_>>().join(", ")
        }
        (Kind::List(item), Value::Object(members)) if !members.is_empty() => {
            let items = sorted(members).map(|value| value_text(value, item, depth + 1));
            let items: Vec<String> = items.collect();
            let between = if items.iter().all(|item| !item.contains(' ')) { ", " } else { "\n" };
            items.join(between)
        }
        (Kind::List(_) | Kind::Set(_), Value::Object(_)) => "-".to_owned(),
        (Kind::Object(_) | Kind::Other, Value::Object(members)) if !members.is_empty() => {
            within(members, kind, depth)
        }
        (_, Value::Array(items)) => {
            items.iter().map(|item| value_text(item, &Kind::Other, depth + 1)).collect::<Vec<_>>().join(", ")
        }
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}

/// An object within another on one line: `Custom, intervals 2m, 5m`.
fn within(members: &Map<String, Value>, kind: &Kind, depth: usize) -> String {
    let variant = members.get("@type").and_then(Value::as_str);
    let at = |name: &str| match kind {
        Kind::Object(variants) => {
            let properties = variants.iter().flat_map(|variant| &variant.properties);
            properties
                .into_iter()
                .find(|property| property.name == name)
                .map_or(Kind::Other, |found| found.kind.clone())
        }
        _ => Kind::Other,
    };
    let rest: Vec<(&String, &Value)> =
        members.iter().filter(|(name, value)| *name != "@type" && !value.is_null()).collect();
    if let ([(name, value)], None) = (rest.as_slice(), variant) {
        return value_text(value, &at(name), depth + 1);
    }
    let rest = rest.into_iter().map(|(name, value)| {
        format!("{name} {}", value_text(value, &at(name), depth + 1).replace('\n', "; "))
    });
    variant.map(str::to_owned).into_iter().chain(rest).collect::<Vec<_>>().join(", ")
}

fn expression(members: &Map<String, Value>) -> String {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("?").to_owned();
    let branches = members.get("match").and_then(Value::as_object);
    let mut out = String::new();
    for branch in branches.into_iter().flat_map(sorted) {
        let _ = writeln!(out, "if {} then {}", text(branch.get("if")), text(branch.get("then")));
    }
    let word = if out.is_empty() { "" } else { "else " };
    out + word + &text(members.get("else"))
}

/// The values of a list in its order.
pub(crate) fn sorted(members: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let mut items: Vec<(u64, &Value)> =
        members.iter().map(|(key, value)| (key.parse().unwrap_or(u64::MAX), value)).collect();
    items.sort_by_key(|(key, _)| *key);
    items.into_iter().map(|(_, value)| value)
}

/// Bytes in the largest unit that says enough.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

/// A number with its thousands marked.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 message`, `2 messages`, `1,204 messages`.
pub(crate) fn counted(n: u64, what: &str) -> String {
    format!("{} {what}{}", number(n), if n == 1 { "" } else { "s" })
}

fn lines(text: &str) -> String {
    shown_lines(text)
}

fn indent(text: &str, by: usize) -> String {
    text.replace('\n', &format!("\n{}", " ".repeat(by)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::tests::sample;

    #[test]
    fn an_object_is_shown_a_line_a_property() {
        let schema = sample();
        let look = Look::plain(None);
        let schedule = json!({"id": "b", "name": "re\x1bmote", "queueId": "c",
            "retry": {"@type": "Custom", "intervals": {"0": {"duration": 120_000}, "1": {"duration": 5_400_000}}}});
        assert_eq!(
            object(&look, schema.exact("MtaDeliverySchedule").unwrap(), &schedule),
            "MtaDeliverySchedule re\u{fffd}mote (id b)\n  name     re\u{fffd}mote\n  queueId  c\n  retry    Custom, intervals 2m, 1h30m\n"
        );
        let strategy = json!({"id": "singleton", "route": {"match": {
            "0": {"if": "is_local_domain(rcpt_domain)", "then": "'local'"}, "10": {"if": "b", "then": "'c'"},
            "9": {"if": "a", "then": "'b'"}}, "else": "'mx'"}});
        assert_eq!(
            object(&look, schema.exact("MtaOutboundStrategy").unwrap(), &strategy),
            "MtaOutboundStrategy singleton\n  route  if is_local_domain(rcpt_domain) then 'local'\n         if a then 'b'\n         if b then 'c'\n         else 'mx'\n"
        );
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(number(1_204_567), "1,204,567");
        assert_eq!(counted(1, "message"), "1 message");
        assert_eq!(counted(0, "message"), "0 messages");
        assert_eq!(size(1_500_000), "1500 kB");
    }
}
