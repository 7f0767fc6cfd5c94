//! What do ids of content mean, and `Blob/copy` (RFC 8620 section 6.3).

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use mail::digest::{Digest, Structure, digest};
use mail::{Address, MessageId};
use serde_json::{Map, Value};
use store::StoreError;
use store::messages::EmailId;
use store::messages::ids::numbered;
use wire::jmap::MethodError;

use super::arguments::Arguments;
use super::call::{Answer, Call};
use crate::World;

/// How often a part may lie within a message that is itself a part.
const NESTED_MAX: usize = 16;

/// Content: a message or an upload of the account, or a part of it, or of a message within it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BlobId {
    root: Root,
    /// The number of a part in the message, then in the message that this part is, and so on.
    parts: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Root {
    Email(EmailId),
    Uploaded(MessageId),
}

impl BlobId {
    /// A whole message.
    pub(crate) fn email(id: EmailId) -> Self {
        BlobId { root: Root::Email(id), parts: Vec::new() }
    }

    /// An upload.
    pub(crate) fn uploaded(id: MessageId) -> Self {
        BlobId { root: Root::Uploaded(id), parts: Vec::new() }
    }

    /// A part of it, by its number; `None` if that is too deep.
    pub(crate) fn part(&self, number: u32) -> Option<Self> {
        let mut parts = self.parts.clone();
        parts.push(number);
        (parts.len() <= NESTED_MAX).then_some(BlobId { root: self.root, parts })
    }

    /// Reads one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut steps = text.strip_prefix('b')?.split('-');
        let root = steps.next()?;
        let root = match numbered(root, 'u') {
            Some(id) => Root::Uploaded(MessageId(id)),
            None => Root::Email(root.parse().ok()?),
        };
        let parts: Vec<u32> =
            steps.map(|step| numbered(step, 'p')?.try_into().ok()).collect::<Option<_>>()?;
        (parts.len() <= NESTED_MAX).then_some(BlobId { root, parts })
    }

    /// What was uploaded, if it is that, whole.
    pub(crate) fn as_upload(&self) -> Option<MessageId> {
        match self.root {
            Root::Uploaded(id) if self.parts.is_empty() => Some(id),
            Root::Uploaded(_) | Root::Email(_) => None,
        }
    }

    /// The message, if it is one of the account's, whole.
    pub(crate) fn as_email(&self) -> Option<EmailId> {
        match self.root {
            Root::Email(id) if self.parts.is_empty() => Some(id),
            Root::Uploaded(_) | Root::Email(_) => None,
        }
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.root {
            Root::Email(id) => write!(f, "b{id}")?,
            Root::Uploaded(id) => write!(f, "bu{}", id.0)?,
        }
        self.parts.iter().try_for_each(|part| write!(f, "-p{part}"))
    }
}

/// The content of an id; none if the account has no such content.
pub(crate) async fn content(world: &World, account: &Address, id: &str) -> Result<Option<Bytes>, StoreError> {
    let Some(id) = BlobId::parse(id) else { return Ok(None) };
    let whole = match id.root {
        Root::Email(email) => world.messages.content(account, email).await?,
        Root::Uploaded(upload) => world.messages.uploaded(account, upload).await?,
    };
    Ok(whole.and_then(|whole| within(whole, &id.parts)))
}

/// The part of a message, of a message in it, and so on.
fn within(whole: Bytes, numbers: &[u32]) -> Option<Bytes> {
    let mut content = whole;
    for number in numbers {
        let record = digest(&content);
        let parts = Digest::read(&record).parts();
        let part = parts.get(usize::try_from(*number).ok()?)?;
        if part.structure == Structure::Multipart {
            return None;
        }
        content = match mail::digest::part(&content, part) {
            Cow::Borrowed(body) => content.slice_ref(body),
            Cow::Owned(body) => body.into(),
        };
    }
    Some(content)
}

/// Answers a call about blobs.
pub(super) async fn call(call: &mut Call<'_>, verb: &str, arguments: Map<String, Value>) -> Answer {
    match verb {
        "copy" => copy(call, &mut Arguments::new(arguments)),
        _ => Err(MethodError::unknown_method(&format!("Blob/{verb}"))),
    }
}

/// The caller has one account only, so there is no other from which something could be copied.
fn copy(call: &Call<'_>, arguments: &mut Arguments) -> Answer {
    let from = arguments.needed_text("fromAccountId")?;
    arguments.texts("blobIds")?.ok_or_else(|| MethodError::invalid_arguments("blobIds is missing"))?;
    Err(other_account(call, &from))
}

/// Why nothing can be copied from this account.
pub(crate) fn other_account(call: &Call<'_>, from: &str) -> MethodError {
    if from == call.account_id {
        return MethodError::invalid_arguments("fromAccountId must not be accountId");
    }
    MethodError::new("fromAccountNotFound", "there is no such account")
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: I6
    #[test]
    fn an_id_is_read_as_it_was_written() {
        for id in ["be1", "bu18446744073709551615", "be1-p2", "bu1-p0-p3"] {
            assert_eq!(BlobId::parse(id).unwrap().to_string(), id);
        }
        let deep = |levels: usize| format!("be1{}", "-p1".repeat(levels));
        assert!(BlobId::parse(&deep(NESTED_MAX)).is_some());
        for wrong in
            ["", "b", "e1", "be", "be01", "be1-", "be1-2", "be1-p4294967296", "bu-p1", &deep(NESTED_MAX + 1)]
        {
            assert_eq!(BlobId::parse(wrong), None, "{wrong}");
        }
        assert!(BlobId::email(EmailId(1)).part(3).unwrap().as_email().is_none());
    }
}
