//! A header field as a property: `header:Subject:asText:all` (RFC 8621 sections 4.1.2 and 4.1.3).

use mail::digest::forms;
use serde_json::{Value, json};

/// In which form a field is asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Form {
    /// As it stands there.
    Raw,
    /// Decoded text.
    Text,
    /// Addresses.
    Addresses,
    /// Addresses in their groups.
    GroupedAddresses,
    /// Message identifiers.
    MessageIds,
    /// A date.
    Date,
    /// URLs.
    Urls,
}

/// A field that is asked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct HeaderProperty {
    /// The name of the field, as the client has written it.
    pub(crate) field: String,
    /// In which form.
    pub(crate) form: Form,
    /// Whether all of the name are wanted, not just the last.
    pub(crate) all: bool,
}

const ADDRESSES: &[&str] = &[
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "resent-from",
    "resent-sender",
    "resent-reply-to",
    "resent-to",
    "resent-cc",
    "resent-bcc",
];
const TEXTS: &[&str] = &["subject", "comments", "keywords", "list-id"];
const MESSAGE_IDS: &[&str] = &["message-id", "in-reply-to", "references", "resent-message-id"];
const DATES: &[&str] = &["date", "resent-date"];
const URLS: &[&str] =
    &["list-help", "list-unsubscribe", "list-subscribe", "list-post", "list-owner", "list-archive"];
/// Fields of RFC 5322 that have the raw form only.
const RAW_ONLY: &[&str] = &["received", "return-path"];

impl HeaderProperty {
    /// Reads the name of a property; `None` if it is none of these.
    pub(crate) fn parse(property: &str) -> Option<Self> {
        let mut parts = property.strip_prefix("header:")?.split(':');
        let field = parts.next().filter(|field| mail::header::is_field_name(field))?.to_owned();
        let mut next = parts.next();
        let form = match next {
            Some("asRaw") => Some(Form::Raw),
            Some("asText") => Some(Form::Text),
            Some("asAddresses") => Some(Form::Addresses),
            Some("asGroupedAddresses") => Some(Form::GroupedAddresses),
            Some("asMessageIds") => Some(Form::MessageIds),
            Some("asDate") => Some(Form::Date),
            Some("asURLs") => Some(Form::Urls),
            _ => None,
        };
        if form.is_some() {
            next = parts.next();
        }
        let all = match next {
            None => false,
            Some("all") => true,
            Some(_) => return None,
        };
        if parts.next().is_some() {
            return None;
        }
        let property = HeaderProperty { field, form: form.unwrap_or(Form::Raw), all };
        property.is_permitted().then_some(property)
    }

    /// Whether the field has this form (RFC 8621 section 4.1.2).
    fn is_permitted(&self) -> bool {
        let name = self.field.to_ascii_lowercase();
        let has = |list: &[&str]| list.contains(&name.as_str());
        let known = [ADDRESSES, TEXTS, MESSAGE_IDS, DATES, URLS, RAW_ONLY].into_iter().any(has);
        match self.form {
            Form::Raw => true,
            Form::Text => !known || has(TEXTS),
            Form::Addresses | Form::GroupedAddresses => !known || has(ADDRESSES),
            Form::MessageIds => !known || has(MESSAGE_IDS),
            Form::Date => !known || has(DATES),
            Form::Urls => !known || has(URLS),
        }
    }

    /// What it is in a header.
    pub(crate) fn value(&self, header: &[u8]) -> Value {
        let values = raw_fields(header)
            .filter(|(name, _)| name.eq_ignore_ascii_case(self.field.as_bytes()))
            .map(|(_, value)| in_form(self.form, value));
        match self.all {
            true => values.collect(),
            false => values.last().unwrap_or(Value::Null),
        }
    }
}

/// Names and values of all fields, in order; values as they stand there, from the colon to the line end.
pub(crate) fn raw_fields(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    mail::header::split_fields(header).filter_map(|field| {
        let colon = field.iter().position(|byte| *byte == b':')?;
        let (name, value) = (field[..colon].trim_ascii_end(), &field[colon + 1..]);
        let value = value.strip_suffix(b"\n").unwrap_or(value);
        let value = value.strip_suffix(b"\r").unwrap_or(value);
        (!name.is_empty()).then_some((name, value))
    })
}

/// All fields as `headers` has them.
pub(crate) fn all_fields(header: &[u8]) -> Value {
    raw_fields(header)
        .map(|(name, value)| json!({ "name": String::from_utf8_lossy(name), "value": forms::as_raw(value) }))
        .collect()
}

fn in_form(form: Form, value: &[u8]) -> Value {
    let address = |one: forms::EmailAddress| json!({ "name": one.name, "email": one.email });
    match form {
        Form::Raw => forms::as_raw(value).into(),
        Form::Text => forms::as_text(value).into(),
        Form::Addresses => forms::as_addresses(value).into_iter().map(address).collect(),
        Form::GroupedAddresses => forms::as_grouped_addresses(value)
            .into_iter()
            .map(|group| {
                let addresses: Vec<_> = group.addresses.into_iter().map(address).collect();
                json!({ "name": group.name, "addresses": addresses })
            })
            .collect(),
        Form::MessageIds => json!(forms::as_message_ids(value)),
        Form::Date => json!(forms::as_date(value).map(|date| date.rfc3339())),
        Form::Urls => json!(forms::as_urls(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_belong_to_fields() {
        for name in [
            "header:X-Any:asText",
            "header:x-any:asAddresses:all",
            "header:Subject:asText",
            "header:Subject",
            "header:received:all",
            "header:Date:asDate",
            "header:From:asGroupedAddresses",
            "header:List-Post:asURLs",
        ] {
            assert!(HeaderProperty::parse(name).is_some(), "{name}");
        }
        for name in [
            "header:",
            "header:A B",
            "header:Subject:asDate",
            "header:From:asText",
            "header:Received:asText",
            "header:X:all:asText",
            "header:X:asText:all:all",
            "header:X:asNothing",
            "Header:X",
            "subject",
        ] {
            assert!(HeaderProperty::parse(name).is_none(), "{name}");
        }
    }

    // proves: H21
    #[test]
    fn what_is_no_field_is_no_property() {
        let header = b"A: 1\r\n: empty\r\nno colon\r\n__proto__: x\r\n\xff\xfe: y\r\na:  2 \r\n 3\r\n\r\n";
        let value = |name: &str| HeaderProperty::parse(name).unwrap().value(header);
        assert_eq!(value("header:A"), json!("  2 \r\n 3"));
        assert_eq!(value("header:A:all"), json!([" 1", "  2 \r\n 3"]));
        assert_eq!(value("header:A:asText:all"), json!(["1", "2  3"]));
        assert_eq!(value("header:__proto__"), json!(" x"));
        assert_eq!(value("header:None:all"), json!([]));
        assert_eq!(value("header:None"), Value::Null);
        assert_eq!(all_fields(header).as_array().unwrap().len(), 4);
    }
}
