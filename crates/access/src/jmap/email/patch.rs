//! What is to become of a message: keywords and mailboxes, whole or in patches (RFC 8620 section 5.3, RFC 8621 section
//! 4.6).

use std::collections::BTreeSet;

use mail::Flags;
use serde_json::{Map, Value};
use store::messages::limits::KEYWORDS_MAX;
use store::messages::{Alteration, Email, FlagChange, MailboxId, Target};
use wire::jmap::{SetError, SetErrorKind};

use super::super::call::Call;
use super::keywords::{flag, flags};

/// What a client wants of a message.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Patch {
    keywords: Option<Flags>,
    added: Flags,
    removed: Flags,
    mailboxes: Option<BTreeSet<MailboxId>>,
    into: BTreeSet<MailboxId>,
    out_of: BTreeSet<MailboxId>,
}

impl Patch {
    /// Reads a patch; `shown` is the message as the client sees it, so that what it repeats is no change.
    pub(crate) fn read(
        call: &Call<'_>,
        members: &Map<String, Value>,
        shown: &dyn Fn(&str) -> Option<Value>,
    ) -> Result<Patch, SetError> {
        let mut patch = Patch::default();
        for (path, value) in members {
            match path.split_once('/') {
                None => patch.whole(call, path, value, shown)?,
                Some(("keywords", keyword)) => patch.keyword(path, &unescaped(keyword), value)?,
                Some(("mailboxIds", id)) => patch.mailbox(call, path, &unescaped(id), value)?,
                Some(_) => {
                    return Err(SetError::new(SetErrorKind::InvalidPatch, format!("{path} is no property")));
                }
            }
        }
        let both_keywords =
            patch.keywords.is_some() && (!patch.added.is_empty() || !patch.removed.is_empty());
        let both_mailboxes = patch.mailboxes.is_some() && !(patch.into.is_empty() && patch.out_of.is_empty());
        if both_keywords || both_mailboxes {
            let why = "one path is the begin of another";
            return Err(SetError::new(SetErrorKind::InvalidPatch, why));
        }
        Ok(patch)
    }

    fn whole(
        &mut self,
        call: &Call<'_>,
        name: &str,
        value: &Value,
        shown: &dyn Fn(&str) -> Option<Value>,
    ) -> Result<(), SetError> {
        match name {
            "keywords" => {
                let empty = Map::new();
                let members = if value.is_null() { Some(&empty) } else { value.as_object() };
                let members = members.ok_or_else(|| SetError::invalid_property(name, "its type is wrong"))?;
                self.keywords = Some(flags(members).map_err(|keyword| bad_keyword(&keyword))?);
            }
            "mailboxIds" => self.mailboxes = Some(mailboxes(call, value)?),
            _ if shown(name).as_ref() == Some(value) => {}
            _ => return Err(SetError::invalid_property(name, "a message does not change")),
        }
        Ok(())
    }

    fn keyword(&mut self, path: &str, keyword: &str, value: &Value) -> Result<(), SetError> {
        let flag = flag(keyword).ok_or_else(|| bad_keyword(keyword))?;
        match value {
            Value::Bool(true) => self.added = self.added.with(&flag),
            Value::Null => self.removed = self.removed.with(&flag),
            _ => return Err(SetError::invalid_property(path, "it must be true or null")),
        }
        Ok(())
    }

    fn mailbox(&mut self, call: &Call<'_>, path: &str, id: &str, value: &Value) -> Result<(), SetError> {
        let mailbox = call.meant(id).and_then(|id| id.parse().ok());
        match (value, mailbox) {
            (Value::Bool(true), Some(mailbox)) => drop(self.into.insert(mailbox)),
            (Value::Null, Some(mailbox)) => drop(self.out_of.insert(mailbox)),
            (Value::Null, None) => {}
            (Value::Bool(true), None) => return Err(no_mailbox()),
            _ => return Err(SetError::invalid_property(path, "it must be true or null")),
        }
        Ok(())
    }

    /// The alterations that do it. `known` are the mailboxes that there are; all or nothing has to be done.
    pub(crate) fn alterations(
        &self,
        email: &Email,
        known: &BTreeSet<MailboxId>,
    ) -> Result<Vec<Alteration>, SetError> {
        let mut alterations = Vec::new();
        let now: BTreeSet<MailboxId> = email.places.iter().map(|(mailbox, _)| *mailbox).collect();
        let wanted = match &self.mailboxes {
            Some(mailboxes) => mailboxes.clone(),
            None => &(&now - &self.out_of) | &self.into,
        };
        if wanted.is_empty() {
            return Err(SetError::invalid_property("mailboxIds", "a message must lie in a mailbox"));
        }
        if !wanted.is_subset(known) {
            return Err(no_mailbox());
        }
        if wanted != now {
            let list = |mailboxes: &BTreeSet<MailboxId>| mailboxes.iter().copied().collect();
            // Only what was said is changed: another client may have moved the message since it was looked at.
            alterations.push(match &self.mailboxes {
                Some(mailboxes) => Alteration::Place { email: email.id, mailboxes: list(mailboxes) },
                None => {
                    Alteration::Refile { email: email.id, into: list(&self.into), out_of: list(&self.out_of) }
                }
            });
        }
        let after = match &self.keywords {
            Some(keywords) => keywords.clone(),
            None => email.flags.without(&self.removed).with(&self.added),
        };
        if after.keywords.len() as u64 > KEYWORDS_MAX {
            return Err(SetError::bare(SetErrorKind::TooManyKeywords));
        }
        let flag = |change: FlagChange| Alteration::Flag {
            target: Target::Emails(vec![email.id]),
            change,
            unchanged_since: None,
        };
        if let Some(keywords) = &self.keywords {
            alterations.push(flag(FlagChange::Replace(keywords.clone())));
        }
        if !self.added.is_empty() {
            alterations.push(flag(FlagChange::Add(self.added.clone())));
        }
        if !self.removed.is_empty() {
            alterations.push(flag(FlagChange::Remove(self.removed.clone())));
        }
        Ok(alterations)
    }
}

/// The mailboxes of an object of ids, each `true`.
pub(crate) fn mailboxes(call: &Call<'_>, value: &Value) -> Result<BTreeSet<MailboxId>, SetError> {
    let members =
        value.as_object().ok_or_else(|| SetError::invalid_property("mailboxIds", "its type is wrong"))?;
    let mut mailboxes = BTreeSet::new();
    for (id, is) in members {
        if *is != true {
            return Err(SetError::invalid_property("mailboxIds", "every value must be true"));
        }
        mailboxes.insert(call.meant(id).and_then(|id| id.parse().ok()).ok_or_else(no_mailbox)?);
    }
    if mailboxes.is_empty() {
        return Err(SetError::invalid_property("mailboxIds", "a message must lie in a mailbox"));
    }
    Ok(mailboxes)
}

/// A mailbox that is not there.
pub(crate) fn no_mailbox() -> SetError {
    SetError::invalid_property("mailboxIds", "there is no such mailbox")
}

/// A keyword that cannot be one.
pub(crate) fn bad_keyword(keyword: &str) -> SetError {
    SetError::invalid_property(
        "keywords",
        format!("{keyword:?} cannot be a keyword, or its value is not true"),
    )
}

/// RFC 6901 section 4.
fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}
