//! What of messages does a client want to see (RFC 8621 sections 4.2 and 4.9)?

use std::collections::BTreeSet;

use wire::jmap::MethodError;

use super::super::arguments::{Arguments, wrong};
use super::header_property::HeaderProperty;

/// What the store knows of a message of the account.
pub(crate) const OF_STORE: &[&str] =
    &["id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt"];
/// What a message says about itself: also what `Email/parse` shows if nothing is said (RFC 8621 section 4.9).
pub(crate) const OF_MESSAGE: &[&str] = &[
    "messageId",
    "inReplyTo",
    "references",
    "sender",
    "from",
    "to",
    "cc",
    "bcc",
    "replyTo",
    "subject",
    "sentAt",
    "hasAttachment",
    "preview",
    "bodyValues",
    "textBody",
    "htmlBody",
    "attachments",
];
/// What is shown only to those who ask for it.
const ON_DEMAND: &[&str] = &["bodyStructure", "headers"];
const OF_PART: &[&str] = &[
    "partId",
    "blobId",
    "size",
    "headers",
    "name",
    "type",
    "charset",
    "disposition",
    "cid",
    "language",
    "location",
    "subParts",
];
/// What is shown of a part if nothing is said.
const OF_PART_BY_DEFAULT: &[&str] =
    &["partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language", "location"];

/// Fields of one list of properties at most: each is looked for in the header of each message.
const FIELDS_MAX: usize = 100;

/// Named properties, and fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    names: BTreeSet<String>,
    /// Fields, by the name of the property.
    pub(crate) fields: Vec<(String, HeaderProperty)>,
}

impl Names {
    fn read(asked: Vec<String>, known: &dyn Fn(&str) -> bool) -> Result<Names, MethodError> {
        let mut names = Names::default();
        for name in asked {
            if known(&name) {
                names.names.insert(name);
                continue;
            }
            if names.fields.iter().any(|(other, _)| *other == name) {
                continue;
            }
            if names.fields.len() == FIELDS_MAX {
                return Err(wrong(format!("there may be {FIELDS_MAX} fields among the properties")));
            }
            let field = HeaderProperty::parse(&name);
            let field = field.ok_or_else(|| wrong(format!("there is no property {name}")))?;
            names.fields.push((name, field));
        }
        Ok(names)
    }

    /// Whether this one is wanted.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }
}

/// All that a client has said about what it wants to see.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// Of messages.
    pub(crate) email: Names,
    /// Of parts.
    pub(crate) part: Names,
    /// Values of the texts in `textBody`.
    pub(crate) text_values: bool,
    /// Values of the texts in `htmlBody`.
    pub(crate) html_values: bool,
    /// Values of all texts.
    pub(crate) all_values: bool,
    /// Bytes of a value at most; all if 0.
    pub(crate) value_bytes_max: usize,
}

impl Shown {
    /// Reads it; `parsed` is of messages that do not belong to the account.
    pub(crate) fn read(arguments: &mut Arguments, parsed: bool) -> Result<Shown, MethodError> {
        let owned = |names: &[&[&str]]| names.concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
        let default = if parsed { owned(&[OF_MESSAGE]) } else { owned(&[OF_STORE, OF_MESSAGE]) };
        let asked = arguments.texts("properties")?.unwrap_or(default);
        let known =
            |name: &str| [OF_STORE, OF_MESSAGE, ON_DEMAND].into_iter().any(|list| list.contains(&name));
        let parts = arguments.texts("bodyProperties")?.unwrap_or_else(|| owned(&[OF_PART_BY_DEFAULT]));
        let value_bytes_max = arguments.unsigned("maxBodyValueBytes")?.unwrap_or(0);
        Ok(Shown {
            email: Names::read(asked, &known)?,
            part: Names::read(parts, &|name| OF_PART.contains(&name))?,
            text_values: arguments.flag("fetchTextBodyValues", false)?,
            html_values: arguments.flag("fetchHTMLBodyValues", false)?,
            all_values: arguments.flag("fetchAllBodyValues", false)?,
            value_bytes_max: usize::try_from(value_bytes_max).unwrap_or(usize::MAX),
        })
    }

    /// Whether the record of the message is needed.
    pub(crate) fn needs_digest(&self) -> bool {
        self.email.has_any(OF_MESSAGE) || self.email.has_any(ON_DEMAND) || !self.email.fields.is_empty()
    }

    /// Whether the message itself is needed.
    pub(crate) fn needs_content(&self) -> bool {
        let values = self.text_values || self.html_values || self.all_values;
        let parts = self.email.has_any(&["bodyStructure", "textBody", "htmlBody", "attachments"]);
        let part_fields = self.part.has("headers") || !self.part.fields.is_empty();
        !self.email.fields.is_empty()
            || self.email.has("headers")
            || self.email.has("bodyValues") && values
            || parts && part_fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_so_many_fields_and_each_once() {
        let read = |names: Vec<String>| Names::read(names, &|_| false);
        let twice = read(vec!["header:a".to_owned(); 1_000]).unwrap();
        assert_eq!(twice.fields.len(), 1);
        let named = |count: usize| (0..count).map(|n| format!("header:a{n}")).collect::<Vec<_>>();
        assert_eq!(read(named(FIELDS_MAX)).unwrap().fields.len(), FIELDS_MAX);
        assert_eq!(read(named(FIELDS_MAX + 1)).unwrap_err().kind, "invalidArguments");
    }
}
