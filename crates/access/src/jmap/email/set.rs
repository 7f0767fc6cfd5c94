//! `Email/set` (RFC 8621 section 4.6).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use store::messages::{Alteration, Altered, Email, EmailId, Kind, MailboxId, Outcome, Refusal, Room};
use wire::jmap::{MethodError, SetError, SetErrorKind};

use super::super::arguments::Arguments;
use super::super::blob::BlobId;
use super::super::call::{Answer, Call, unavailable};
use super::super::set::{Set, SetAnswer, not_found};
use super::super::span::Span;
use super::create;
use super::patch::{Patch, no_mailbox};

/// Answers `Email/set`.
pub(super) async fn set(call: &mut Call<'_>, arguments: &mut Arguments) -> Answer {
    let set = Set::read(call, arguments)?;
    call.check_state(Kind::Email, set.if_in_state.as_deref()).await?;
    let mut span = Span::at(call.state().await?);
    let mut answer = SetAnswer::default();
    let mailboxes = call.world.messages.mailbox_list(call.address()).await.map_err(unavailable)?;
    let known: BTreeSet<MailboxId> = mailboxes.iter().map(|mailbox| mailbox.id).collect();
    create_all(call, set.create, &known, &mut span, &mut answer).await?;
    change_all(call, set.update, set.destroy, &known, &mut span, &mut answer).await?;
    Ok(answer.into_answer(span.old, span.new))
}

async fn create_all(
    call: &mut Call<'_>,
    objects: Map<String, Value>,
    known: &BTreeSet<MailboxId>,
    span: &mut Span,
    answer: &mut SetAnswer,
) -> Result<(), MethodError> {
    for (creation, object) in objects {
        // One at a time: messages are large, and each is a transaction of its own anyway if it is refused.
        let made = match create::appended(call, object, known).await? {
            Ok(alteration) => append(call, alteration, span).await?,
            Err(error) => Err(error),
        };
        answer.create(call, creation, made);
    }
    Ok(())
}

/// Appends a message; gives what only the server knows of it.
pub(super) async fn append(
    call: &Call<'_>,
    alteration: Alteration,
    span: &mut Span,
) -> Result<Result<Value, SetError>, MethodError> {
    let room = Room { bytes_max: call.account.quota };
    let outcome = call.world.messages.alter(call.address(), vec![alteration], room, call.now).await;
    let Outcome { modseq, each } = outcome.map_err(unavailable)?;
    span.then(modseq);
    Ok(match each.into_iter().next() {
        Some(Ok(Altered::Email { id, thread, size, .. })) => Ok(serde_json::json!({
            "id": id.to_string(),
            "blobId": BlobId::email(id).to_string(),
            "threadId": thread.to_string(),
            "size": size,
        })),
        Some(Err(refusal)) => Err(refused(&refusal, None)),
        Some(Ok(_)) | None => Err(SetError::bare(SetErrorKind::ServerFail)),
    })
}

/// One change of a message, and where its alterations end.
struct Change {
    /// As the client has named it, without creation ids.
    id: String,
    target: EmailId,
    is_destroy: bool,
    count: usize,
}

async fn change_all(
    call: &mut Call<'_>,
    update: Map<String, Value>,
    destroy: Vec<String>,
    known: &BTreeSet<MailboxId>,
    span: &mut Span,
    answer: &mut SetAnswer,
) -> Result<(), MethodError> {
    let named = update.keys().chain(&destroy).filter_map(|id| call.meant(id)?.parse().ok());
    let ids: Vec<EmailId> = named.collect();
    let emails = call.world.messages.emails(call.address(), &ids).await.map_err(unavailable)?;
    let emails: BTreeMap<EmailId, Email> = emails.into_iter().map(|email| (email.id, email)).collect();
    let doomed: BTreeSet<EmailId> = destroy.iter().filter_map(|id| call.meant(id)?.parse().ok()).collect();
    let find = |id: &str| emails.get(&call.meant(id)?.parse().ok()?);
    let mut alterations = Vec::new();
    let mut changes = Vec::new();
    for (id, patch) in update {
        let planned = match find(&id) {
            None => Err(not_found()),
            Some(email) if doomed.contains(&email.id) => Err(SetError::bare(SetErrorKind::WillDestroy)),
            Some(email) => planned(call, email, &patch, known).map(|planned| (email, planned)),
        };
        match planned {
            Err(error) => answer.update(id, Err(error)),
            Ok((email, planned)) => {
                let (id, target, count) = (email.id.to_string(), email.id, planned.len());
                changes.push(Change { id, target, is_destroy: false, count });
                alterations.extend(planned);
            }
        }
    }
    for id in destroy {
        match find(&id) {
            None => answer.destroy(id, Err(not_found())),
            Some(email) => {
                changes.push(Change {
                    id: email.id.to_string(),
                    target: email.id,
                    is_destroy: true,
                    count: 1,
                });
                alterations.push(Alteration::DestroyEmail(email.id));
            }
        }
    }
    if alterations.is_empty() {
        report(changes, Vec::new(), answer);
        return Ok(());
    }
    let room = Room { bytes_max: call.account.quota };
    let outcome = call.world.messages.alter(call.address(), alterations, room, call.now).await;
    let Outcome { modseq, each } = outcome.map_err(unavailable)?;
    span.then(modseq);
    report(changes, each, answer);
    Ok(())
}

fn planned(
    call: &Call<'_>,
    email: &Email,
    patch: &Value,
    known: &BTreeSet<MailboxId>,
) -> Result<Vec<Alteration>, SetError> {
    let empty = Map::new();
    let members = patch.as_object().unwrap_or(&empty);
    let shown = |name: &str| match name {
        "id" => Some(Value::from(email.id.to_string())),
        "blobId" => Some(BlobId::email(email.id).to_string().into()),
        "threadId" => Some(email.thread.to_string().into()),
        "size" => Some(email.size.into()),
        "receivedAt" => Some(email.received_at.rfc3339().into()),
        _ => None,
    };
    Patch::read(call, members, &shown)?.alterations(email, known)
}

/// What became of each change, from what became of its alterations.
fn report(changes: Vec<Change>, each: Vec<Result<Altered, Refusal>>, answer: &mut SetAnswer) {
    let mut each = each.into_iter();
    for change in changes {
        let mut error = None;
        for _ in 0..change.count {
            match each.next() {
                Some(Err(refusal)) => error = error.or(Some(refused(&refusal, Some(change.target)))),
                Some(Ok(Altered::Flagged { emails_left, .. })) if emails_left.contains(&change.target) => {
                    error = error.or(Some(not_found()));
                }
                Some(Ok(_)) | None => {}
            }
        }
        match (change.is_destroy, error) {
            (true, error) => answer.destroy(change.id, error.map_or(Ok(()), Err)),
            (false, error) => answer.update(change.id, error.map_or(Ok(Value::Null), Err)),
        }
    }
}

/// What the refusal of the store is called here; `target` is the message that was to be changed.
pub(super) fn refused(refusal: &Refusal, target: Option<EmailId>) -> SetError {
    match refusal {
        Refusal::NoEmail(id) if Some(*id) == target => not_found(),
        Refusal::NoMailbox(_) => no_mailbox(),
        Refusal::NoContent | Refusal::NoEmail(_) => SetError::bare(SetErrorKind::BlobNotFound),
        Refusal::OverQuota => SetError::new(SetErrorKind::OverQuota, "the account is full"),
        Refusal::TooMany("keywords of a message", _) => SetError::bare(SetErrorKind::TooManyKeywords),
        Refusal::TooMany(what, most) => {
            SetError::new(SetErrorKind::OverQuota, format!("there may be {most} {what}"))
        }
        Refusal::BadName(why) => SetError::invalid_property("keywords", *why),
        Refusal::Nowhere => SetError::invalid_property("mailboxIds", "a message must lie in a mailbox"),
        Refusal::NoRecord(_)
        | Refusal::NameTaken
        | Refusal::RoleTaken(_)
        | Refusal::BadParent
        | Refusal::HasChildren
        | Refusal::HasEmails
        | Refusal::IsInbox => SetError::bare(SetErrorKind::ServerFail),
    }
}
