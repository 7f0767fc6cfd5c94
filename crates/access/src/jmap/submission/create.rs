//! Sends a message (RFC 8621 section 7.5).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use bytes::Bytes;
use mail::{Address, Reply, ReversePath, header};
use serde_json::{Value, json};
use store::messages::{Email, EmailId, Kind};
use wire::jmap::{SetError, SetErrorKind};

use super::super::call::Call;
use super::super::identity;
use super::super::own_address::is_own;
use super::super::records::{self, Kept, failed};
use super::envelope::{self, Envelope, addresses, derived, without_bcc};
use super::held::Turn;
use super::record::{Sent, Undo, all};
use super::status::text;
use crate::world::{NotTaken, Submission};

/// A submission that is asked for again within this time, by the same creation id and with the same envelope, is the one
/// that was made: the client did not hear the answer.
const SAME_WITHIN: Duration = Duration::from_secs(60);
/// Submissions that are kept of an account; of more, the oldest that have ended are forgotten.
const KEPT_MAX: usize = 5_000;

/// Sends a message, and keeps what was sent.
pub(super) async fn create(call: &Call<'_>, creation: &str, object: Value) -> Result<Kept<Sent>, SetError> {
    // One submission of an account at a time: who asks twice at once is not to send twice.
    let _turn = Turn::take(&call.account.name).await;
    let asked = asked(call, &object).await?;
    let now = call.world.clock.now();
    let kept = all(call).await.map_err(|error| failed(error.description.unwrap_or_default()))?;
    if let Some(same) = kept.iter().rev().find(|sent| {
        // Of what is in doubt, a second copy is better than none.
        !sent.value.is_in_doubt
            && sent.value.creation == creation
            && sent.value.email == asked.email.id.0
            && sent.value.identity == asked.identity
            && sent.value.envelope == asked.envelope.shown
            && now.since(sent.value.made_at()) < SAME_WITHIN
    }) {
        return Ok(same.clone());
    }
    make_room(call, &kept).await?;
    send(call, creation, asked).await
}

/// What is to be sent.
struct Asked {
    identity: u64,
    email: Email,
    content: Bytes,
    envelope: Envelope,
}

async fn asked(call: &Call<'_>, object: &Value) -> Result<Asked, SetError> {
    let known = ["identityId", "emailId", "envelope", "undoStatus"];
    if let Some(name) =
        object.as_object().into_iter().flat_map(|all| all.keys()).find(|name| !known.contains(&name.as_str()))
    {
        return Err(SetError::invalid_property(name, "it cannot be set"));
    }
    let identities =
        identity::all(call).await.map_err(|error| failed(error.description.unwrap_or_default()))?;
    let meant = |property: &str| object[property].as_str().and_then(|id| call.meant(id));
    let identity = meant("identityId").and_then(|id| identity::find(&identities, id));
    let identity =
        identity.ok_or_else(|| SetError::invalid_property("identityId", "there is no such identity"))?.id;
    let no_email = || SetError::invalid_property("emailId", "there is no such message");
    let id: EmailId = meant("emailId").and_then(|id| id.parse().ok()).ok_or_else(no_email)?;
    let store = &call.world.messages;
    let found = store.emails(call.address(), &[id]).await.map_err(|error| failed(error.to_string()))?;
    let email = found.into_iter().next().ok_or_else(no_email)?;
    let content = store.content(call.address(), id).await.map_err(|error| failed(error.to_string()))?;
    let content = content.ok_or_else(no_email)?;
    let offer = call.world.outbox.offer(call.account, call.client).await;
    if let Some(most) = offer.message_bytes_max
        && content.len() as u64 > most
    {
        return Err(SetError::bare(SetErrorKind::TooLarge).with("maxSize", most));
    }
    let given = Some(&object["envelope"]).filter(|given| !given.is_null()).cloned();
    let given = given.unwrap_or_else(|| derived(&content));
    check_from(call, &content)?;
    let envelope = envelope::read(&given, &offer, call.world.clock.now())?;
    check_mail_from(call, &envelope.reverse_path)?;
    Ok(Asked { identity, email, content, envelope })
}

/// Nobody writes in the name of others.
fn check_from(call: &Call<'_>, content: &[u8]) -> Result<(), SetError> {
    let from = addresses(content, "From");
    if header::fields(content, "From").count() != 1 || from.is_empty() {
        let error = SetError::new(SetErrorKind::InvalidEmail, "it must have one From field with an address");
        return Err(error.at("from"));
    }
    let configuration = call.world.configuration.borrow().clone();
    let own = |text: &String| {
        Address::parse(text).is_ok_and(|address| is_own(&configuration, call.account, &address))
    };
    // Where several have written it, one of them sends it (RFC 5322 section 3.6.2).
    let sender = addresses(content, "Sender");
    let signs =
        if sender.is_empty() { from.iter().all(own) } else { from.iter().any(own) && sender.iter().all(own) };
    if signs {
        Ok(())
    } else {
        Err(SetError::new(SetErrorKind::ForbiddenFrom, "From is no address of this account"))
    }
}

fn check_mail_from(call: &Call<'_>, reverse_path: &ReversePath) -> Result<(), SetError> {
    let configuration = call.world.configuration.borrow().clone();
    match reverse_path {
        ReversePath::Null => Ok(()),
        ReversePath::Address(address) if is_own(&configuration, call.account, address) => Ok(()),
        ReversePath::Address(address) => {
            let text = format!("{address} is no address of this account");
            Err(SetError::new(SetErrorKind::ForbiddenMailFrom, text))
        }
    }
}

async fn make_room(call: &Call<'_>, kept: &[Kept<Sent>]) -> Result<(), SetError> {
    let over = (kept.len() + 1).saturating_sub(KEPT_MAX);
    let ended = kept.iter().filter(|sent| sent.value.ended.is_some() || sent.value.message.is_some());
    for sent in ended.take(over) {
        records::remove(call, Kind::Submission, sent.id).await?;
    }
    Ok(())
}

/// Writes the submission down, hands the message over, and writes down where it is: in this order, so that a crash leaves
/// nothing in the queue that has no submission.
async fn send(call: &Call<'_>, creation: &str, asked: Asked) -> Result<Kept<Sent>, SetError> {
    let Asked { identity, email, content, mut envelope } = asked;
    let now = call.world.clock.now();
    let envelope_id = match envelope.parameters.envelope_id.clone() {
        Some(given) => given,
        None => fresh_id()?,
    };
    envelope.parameters.envelope_id = Some(envelope_id.clone());
    let hold = envelope.parameters.hold_until;
    let numbers = (identity, email.id.0, email.thread.0);
    let mut value = Sent::begin(numbers, envelope.shown, envelope_id, creation, (now, hold));
    let id = records::put(call, Kind::Submission, None, &value).await?;
    let taken = call.world.outbox.submit(Submission {
        account: Arc::clone(call.account),
        client: call.client,
        reverse_path: envelope.reverse_path,
        recipients: envelope.recipients,
        parameters: envelope.parameters,
        content: without_bcc(&content).into(),
    });
    match taken.await {
        Ok(taken) => {
            value.message = Some(taken.message.0);
            value.paths = taken.forward_paths.iter().map(Address::to_string).collect();
            // It is sent, whatever becomes of this: the next look at the account completes it.
            if let Err(error) = records::put(call, Kind::Submission, Some(id), &value).await {
                tracing::warn!(account = %call.address(), id, ?error, "what was sent could not be written down");
            }
            if value.undo == Undo::Pending {
                call.pushes.foresee(call.world, call.address());
            }
            Ok(Kept { id, value })
        }
        Err(refused) => {
            records::remove(call, Kind::Submission, id).await?;
            Err(refusal(refused))
        }
    }
}

/// A name for the message in the queue that no other has.
fn fresh_id() -> Result<String, SetError> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| failed("the system has no randomness".to_owned()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn refusal(refused: NotTaken) -> SetError {
    match refused {
        NotTaken::Message(reply) => SetError::new(kind(&reply), text(&reply)),
        NotTaken::Recipients(refused) => {
            let words: Vec<String> =
                refused.iter().map(|(address, reply)| format!("{address}: {}", text(reply))).collect();
            let addresses: Vec<Value> =
                refused.iter().map(|(address, _)| json!(address.to_string())).collect();
            let for_now = refused.iter().all(|(_, reply)| reply.code < 500);
            let kind = if for_now { SetErrorKind::ForbiddenToSend } else { SetErrorKind::InvalidRecipients };
            SetError::new(kind, words.join("; ")).with("invalidRecipients", addresses)
        }
    }
}

fn kind(reply: &Reply) -> SetErrorKind {
    let status = reply.enhanced.map(|status| (status.subject, status.detail));
    match (reply.code, status) {
        (552, _) => SetErrorKind::TooLarge,
        (450..=459, Some((4, 5))) => SetErrorKind::RateLimit,
        (452, _) => SetErrorKind::OverQuota,
        (500 | 550, Some((6, _))) => SetErrorKind::InvalidEmail,
        (550, Some((5, 3))) => SetErrorKind::TooManyRecipients,
        _ => SetErrorKind::ForbiddenToSend,
    }
}
