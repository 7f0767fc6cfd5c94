//! A message as an Email object, with what was asked of it (RFC 8621 section 4.1).

use mail::digest::{Addresses, Bodies, Digest, Ids, Part};
use serde_json::{Map, Value, json};
use store::messages::Email;

use super::super::blob::BlobId;
use super::body_part::{Parts, slice};
use super::body_values::values;
use super::header_property::all_fields;
use super::keywords::keywords;
use super::properties::Shown;

/// What the store knows of a message.
pub(crate) fn of_store(email: &Email, shown: &Shown, object: &mut Map<String, Value>) {
    let mut put = |name: &str, value: &dyn Fn() -> Value| {
        if name == "id" || shown.email.has(name) {
            object.insert(name.to_owned(), value());
        }
    };
    put("id", &|| email.id.to_string().into());
    put("blobId", &|| BlobId::email(email.id).to_string().into());
    put("threadId", &|| email.thread.to_string().into());
    put("mailboxIds", &|| {
        let ids = email.places.iter().map(|(mailbox, _)| (mailbox.to_string(), true.into()));
        ids.collect::<Map<_, _>>().into()
    });
    put("keywords", &|| keywords(&email.flags));
    put("size", &|| email.size.into());
    put("receivedAt", &|| email.received_at.rfc3339().into());
}

/// A message, to be shown.
pub(crate) struct Message<'a> {
    /// By which id its content is known.
    pub(crate) blob: &'a BlobId,
    /// What it says about itself.
    pub(crate) digest: Digest<'a>,
    /// All of it; empty if nothing that is shown needs it.
    pub(crate) content: &'a [u8],
}

impl Message<'_> {
    /// What it says about itself. `left` is how many bytes of texts may still be given.
    pub(crate) fn show(&self, shown: &Shown, left: &mut usize, object: &mut Map<String, Value>) {
        self.heads(shown, object);
        let wants = |names: &[&str]| names.iter().any(|name| shown.email.has(name));
        if wants(&["bodyValues", "textBody", "htmlBody", "attachments", "bodyStructure"]) {
            let parts = self.digest.parts();
            self.bodies(shown, &parts, left, object);
        }
        if shown.email.has("headers") {
            object.insert("headers".to_owned(), all_fields(self.header()));
        }
        for (name, field) in &shown.email.fields {
            object.insert(name.clone(), field.value(self.header()));
        }
    }

    fn header(&self) -> &[u8] {
        slice(self.content, &self.digest.header())
    }

    fn heads(&self, shown: &Shown, object: &mut Map<String, Value>) {
        let said = &self.digest.envelope;
        let mut put = |name: &str, value: &dyn Fn() -> Value| {
            if shown.email.has(name) {
                object.insert(name.to_owned(), value());
            }
        };
        put("messageId", &|| ids(self.digest.message_ids));
        put("inReplyTo", &|| ids(self.digest.in_reply_to));
        put("references", &|| ids(self.digest.references));
        put("sender", &|| addresses(said.sender));
        put("from", &|| addresses(said.from));
        put("to", &|| addresses(said.to));
        put("cc", &|| addresses(said.cc));
        put("bcc", &|| addresses(said.bcc));
        put("replyTo", &|| addresses(said.reply_to));
        put("subject", &|| json!(said.decoded_subject()));
        put("sentAt", &|| json!(self.digest.sent_at.map(|at| at.rfc3339())));
        put("hasAttachment", &|| self.digest.has_attachment.into());
        put("preview", &|| self.digest.preview.into());
    }

    fn bodies(&self, shown: &Shown, parts: &[Part<'_>], left: &mut usize, object: &mut Map<String, Value>) {
        let bodies = Bodies::of(parts);
        let all = Parts { blob: self.blob, parts, content: self.content, names: &shown.part };
        let lists =
            [("textBody", &bodies.text), ("htmlBody", &bodies.html), ("attachments", &bodies.attachments)];
        for (name, list) in lists.into_iter().filter(|(name, _)| shown.email.has(name)) {
            object.insert(name.to_owned(), all.list(list));
        }
        if shown.email.has("bodyStructure") {
            object.insert("bodyStructure".to_owned(), all.tree());
        }
        if shown.email.has("bodyValues") {
            let values = values(shown, self.content, parts, &bodies, left);
            object.insert("bodyValues".to_owned(), values);
        }
    }
}

fn ids(ids: Ids<'_>) -> Value {
    if ids.is_empty() { Value::Null } else { ids.iter().map(Value::from).collect() }
}

fn addresses(list: Option<Addresses<'_>>) -> Value {
    let Some(list) = list else { return Value::Null };
    list.mailboxes().map(|one| json!({ "name": one.decoded_name(), "email": one.address() })).collect()
}
