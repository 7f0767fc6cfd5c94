//! Why one object of a `/set` was not made, changed or removed (RFC 8620 section 5.3).

use serde_json::{Map, Value, json};

/// An error of one object.
#[derive(Clone, PartialEq, Debug)]
pub struct SetError {
    /// What kind.
    pub kind: SetErrorKind,
    /// What is wrong, for people.
    pub description: Option<String>,
    /// The properties that are wrong, as names or paths.
    pub properties: Vec<String>,
    /// Further members, such as `objectId` or `linkedObjects`.
    pub more: Map<String, Value>,
}

/// The kinds of errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetErrorKind {
    /// A path or its value cannot be applied.
    InvalidPatch,
    /// A value is of the wrong kind.
    InvalidProperties,
    /// Another object has this name.
    PrimaryKeyViolation,
    /// An object that is referred to is missing.
    InvalidForeignKey,
    /// Others refer to the object that was to be removed.
    ObjectIsLinked,
    /// A constraint or an expression is broken.
    ValidationFailed,
    /// There is no such object.
    NotFound,
    /// The caller may not.
    Forbidden,
    /// There is one, and it stays.
    Singleton,
    /// It is to be removed in the same call.
    WillDestroy,
    /// The object is too large.
    TooLarge,
    /// There are too many.
    OverQuota,
    /// Too many in a short time.
    RateLimit,
    /// What was read when the change was made is not what is there now.
    StateMismatch,
    /// The server could not, by its own fault.
    ServerFail,
    /// A mailbox that has children is not removed (RFC 8621 section 2.5).
    MailboxHasChild,
    /// A mailbox that has messages is not removed.
    MailboxHasEmail,
    /// Content that is referred to is missing (RFC 8621 section 4.6).
    BlobNotFound,
    /// A message would have more keywords than it may.
    TooManyKeywords,
    /// A message would lie in more mailboxes than it may.
    TooManyMailboxes,
    /// There is one already (RFC 8620 section 5.4).
    AlreadyExists,
    /// It is no message (RFC 8621 section 4.8).
    InvalidEmail,
    /// There are too many recipients (RFC 8621 section 7.5).
    TooManyRecipients,
    /// There is no recipient.
    NoRecipients,
    /// Addresses of recipients are wrong.
    InvalidRecipients,
    /// The reverse-path is not one that this account may use.
    ForbiddenMailFrom,
    /// The From field is not one that this account may use.
    ForbiddenFrom,
    /// This account may not send now.
    ForbiddenToSend,
    /// What was sent is on its way.
    CannotUnsend,
}

impl SetErrorKind {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            SetErrorKind::InvalidPatch => "invalidPatch",
            SetErrorKind::InvalidProperties => "invalidProperties",
            SetErrorKind::PrimaryKeyViolation => "primaryKeyViolation",
            SetErrorKind::InvalidForeignKey => "invalidForeignKey",
            SetErrorKind::ObjectIsLinked => "objectIsLinked",
            SetErrorKind::ValidationFailed => "validationFailed",
            SetErrorKind::NotFound => "notFound",
            SetErrorKind::Forbidden => "forbidden",
            SetErrorKind::Singleton => "singleton",
            SetErrorKind::WillDestroy => "willDestroy",
            SetErrorKind::TooLarge => "tooLarge",
            SetErrorKind::OverQuota => "overQuota",
            SetErrorKind::RateLimit => "rateLimit",
            SetErrorKind::StateMismatch => "stateMismatch",
            SetErrorKind::ServerFail => "serverFail",
            SetErrorKind::MailboxHasChild => "mailboxHasChild",
            SetErrorKind::MailboxHasEmail => "mailboxHasEmail",
            SetErrorKind::BlobNotFound => "blobNotFound",
            SetErrorKind::TooManyKeywords => "tooManyKeywords",
            SetErrorKind::TooManyMailboxes => "tooManyMailboxes",
            SetErrorKind::AlreadyExists => "alreadyExists",
            SetErrorKind::InvalidEmail => "invalidEmail",
            SetErrorKind::TooManyRecipients => "tooManyRecipients",
            SetErrorKind::NoRecipients => "noRecipients",
            SetErrorKind::InvalidRecipients => "invalidRecipients",
            SetErrorKind::ForbiddenMailFrom => "forbiddenMailFrom",
            SetErrorKind::ForbiddenFrom => "forbiddenFrom",
            SetErrorKind::ForbiddenToSend => "forbiddenToSend",
            SetErrorKind::CannotUnsend => "cannotUnsend",
        }
    }
}

impl SetError {
    /// An error with a description.
    pub fn new(kind: SetErrorKind, description: impl Into<String>) -> Self {
        SetError { kind, description: Some(description.into()), properties: Vec::new(), more: Map::new() }
    }

    /// One without: its kind says it all.
    pub fn bare(kind: SetErrorKind) -> Self {
        SetError { kind, description: None, properties: Vec::new(), more: Map::new() }
    }

    /// A property has a wrong value.
    pub fn invalid_property(property: &str, description: impl Into<String>) -> Self {
        Self::new(SetErrorKind::InvalidProperties, description).at(property)
    }

    /// About this property too.
    pub fn at(mut self, property: &str) -> Self {
        self.properties.push(property.to_owned());
        self
    }

    /// With a further member.
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.more.insert(member.to_owned(), value.into());
        self
    }

    /// As it goes out.
    pub fn to_value(&self) -> Value {
        let mut members = self.more.clone();
        members.insert("type".to_owned(), self.kind.name().into());
        if let Some(description) = &self.description {
            members.insert("description".to_owned(), description.as_str().into());
        }
        if !self.properties.is_empty() {
            members.insert("properties".to_owned(), json!(self.properties));
        }
        members.into()
    }
}

impl From<SetError> for Value {
    fn from(error: SetError) -> Value {
        error.to_value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: 5.17 JMAP errors
    #[test]
    fn an_error_has_the_members_that_it_needs_and_no_others() {
        assert_eq!(SetError::bare(SetErrorKind::NotFound).to_value(), json!({ "type": "notFound" }));
        let linked = json!([{ "object": "MtaDeliverySchedule", "id": "d" }]);
        let error = SetError::new(SetErrorKind::ObjectIsLinked, "in use")
            .at("queueId")
            .with("linkedObjects", linked.clone());
        let expected = json!({
            "type": "objectIsLinked", "description": "in use", "properties": ["queueId"], "linkedObjects": linked,
        });
        assert_eq!(error.to_value(), expected);
    }
}
