//! Which header fields does a client want in a message that it makes (RFC 8621 section 4.6)?

use std::collections::BTreeSet;

use mail::Timestamp;
use mail::compose::{Field, FieldValue, Group, Named};
use serde_json::{Map, Value};
use wire::jmap::SetError;

use super::header_property::{Form, HeaderProperty};

/// Properties that stand for a field: name, field, form.
const CONVENIENT: &[(&str, &str, Form)] = &[
    ("messageId", "Message-ID", Form::MessageIds),
    ("inReplyTo", "In-Reply-To", Form::MessageIds),
    ("references", "References", Form::MessageIds),
    ("sender", "Sender", Form::Addresses),
    ("from", "From", Form::Addresses),
    ("to", "To", Form::Addresses),
    ("cc", "Cc", Form::Addresses),
    ("bcc", "Bcc", Form::Addresses),
    ("replyTo", "Reply-To", Form::Addresses),
    ("subject", "Subject", Form::Text),
    ("sentAt", "Date", Form::Date),
];

/// Of what the fields are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Of {
    /// A message; its body is described elsewhere.
    Email,
    /// A part.
    Part,
}

/// Takes the fields out of an object, in order; no field twice.
pub(super) fn take(members: &mut Map<String, Value>, of: Of) -> Result<Vec<Field>, SetError> {
    let mut fields = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, value) in std::mem::take(members) {
        let Some((field, form, all)) = meant(&name, of)? else {
            members.insert(name, value);
            continue;
        };
        let lower = field.to_ascii_lowercase();
        let is_of_body = lower.starts_with("content-");
        if is_of_body && of == Of::Email || lower == "content-transfer-encoding" || lower == "mime-version" {
            return Err(SetError::invalid_property(&name, "this field is the server's, or that of a part"));
        }
        if !seen.insert(lower) {
            return Err(SetError::invalid_property(&name, "this field is there by another name already"));
        }
        let wrong =
            || SetError::invalid_property(&name, "its value is not of the form that it is said to have");
        let values = match (value, all) {
            (Value::Null, _) => Vec::new(),
            (Value::Array(values), true) => values,
            (_, true) => return Err(wrong()),
            (value, false) => vec![value],
        };
        for value in values {
            let value = field_value(form, &value).ok_or_else(wrong)?;
            fields.push(Field { name: field.clone(), value });
        }
    }
    Ok(fields)
}

/// The field that a property stands for, if it does.
fn meant(property: &str, of: Of) -> Result<Option<(String, Form, bool)>, SetError> {
    if property.starts_with("header:") {
        let wrong = || SetError::invalid_property(property, "there is no such field, or not in this form");
        let HeaderProperty { field, form, all } = HeaderProperty::parse(property).ok_or_else(wrong)?;
        return Ok(Some((field, form, all)));
    }
    let found = CONVENIENT.iter().filter(|_| of == Of::Email).find(|(name, ..)| *name == property);
    Ok(found.map(|(_, field, form)| ((*field).to_owned(), *form, false)))
}

fn field_value(form: Form, value: &Value) -> Option<FieldValue> {
    let texts = |value: &Value| -> Option<Vec<String>> {
        value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
    };
    Some(match form {
        Form::Raw => FieldValue::Raw(value.as_str()?.to_owned()),
        Form::Text => FieldValue::Text(value.as_str()?.to_owned()),
        Form::Addresses => FieldValue::Addresses(vec![Group { name: None, members: addresses(value)? }]),
        Form::GroupedAddresses => {
            let group = |group: &Value| {
                Some(Group { name: optional_text(&group["name"])?, members: addresses(&group["addresses"])? })
            };
            FieldValue::Addresses(value.as_array()?.iter().map(group).collect::<Option<_>>()?)
        }
        Form::MessageIds => FieldValue::MessageIds(texts(value)?),
        Form::Date => FieldValue::Raw(rfc5322(value.as_str()?)?),
        Form::Urls => FieldValue::Urls(texts(value)?),
    })
}

fn addresses(value: &Value) -> Option<Vec<Named>> {
    let one = |one: &Value| {
        let address = one.as_object()?.get("email")?.as_str()?.to_owned();
        Some(Named { name: optional_text(&one["name"])?, address })
    };
    value.as_array()?.iter().map(one).collect()
}

fn optional_text(value: &Value) -> Option<Option<String>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) => Some(Some(text.clone())),
        _ => None,
    }
}

/// A date as a field has it, in its own zone.
fn rfc5322(text: &str) -> Option<String> {
    let at = Timestamp::parse_rfc3339(text)?;
    let zone = text.get(text.len().checked_sub(6)?..).filter(|_| !text.ends_with(['Z', 'z']));
    let Some(zone) = zone else { return Some(at.rfc5322()) };
    let (sign, rest) = zone.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let seconds = (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?) * 60;
    let local = at.plus_seconds(if sign == "-" { -seconds } else { seconds }).rfc5322();
    Some(format!("{}{sign}{hours}{minutes}", local.strip_suffix("+0000")?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_date_keeps_its_zone() {
        let check = |text: &str, expected: &str| assert_eq!(rfc5322(text).as_deref(), Some(expected));
        check("2026-11-24T08:45:10Z", "Tue, 24 Nov 2026 08:45:10 +0000");
        check("2026-11-24T01:45:10+02:30", "Tue, 24 Nov 2026 01:45:10 +0230");
        check("2026-11-24T23:45:10-11:00", "Tue, 24 Nov 2026 23:45:10 -1100");
        assert_eq!(rfc5322("yesterday"), None);
    }

    #[test]
    fn a_field_is_there_once_and_in_its_form() {
        let taken = |value: Value, of: Of| {
            let Value::Object(mut members) = value else { panic!("no object") };
            take(&mut members, of)
                .map(|fields| (fields.len(), members.len()))
                .map_err(|error| error.properties)
        };
        assert_eq!(
            taken(json!({ "subject": "a", "x": 1, "header:X:asText:all": ["a", "b"] }), Of::Email),
            Ok((3, 1))
        );
        for (value, property) in [
            (json!({ "from": [], "header:From:asAddresses": [] }), "header:From:asAddresses"),
            (json!({ "subject": 1 }), "subject"),
            (json!({ "from": [{ "name": "a" }] }), "from"),
            (json!({ "header:Content-Type": "a/b" }), "header:Content-Type"),
            (json!({ "header:Subject:asDate": "a" }), "header:Subject:asDate"),
        ] {
            assert_eq!(taken(value, Of::Email), Err(vec![property.to_owned()]));
        }
        assert!(taken(json!({ "header:Content-Transfer-Encoding": "8bit" }), Of::Part).is_err());
    }
}
