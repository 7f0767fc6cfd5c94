//! Passes a message on to the members of a list: a new message, written in the settlement that ends the list's recipient.

use bytes::Bytes;
use mail::{Address, Envelope};
use policy::admit::Admission;
use policy::mailing_list::{Closed, Door, expand};
use policy::settings::MailingList;
use policy::{Configuration, Scope, Trouble, TroubleKind};
use store::{Content, Notice};
use tokio::io::AsyncReadExt;

use super::local::LOCAL_HOST;
use crate::gather::decide_for;
use crate::notices::signed;
use crate::world::World;

/// What the list makes of the message; or why it does not.
pub(super) async fn expansion(
    world: &World,
    configuration: &Configuration,
    envelope: &Envelope,
    (list, door, address): (&MailingList, Door, &Address),
) -> Result<Notice, ListTrouble> {
    let content = match whole(world, envelope).await {
        Ok(content) => content,
        Err(why) => return Err(ListTrouble::Temporary(Trouble::ours(why))),
    };
    let expansion = expand(configuration, list, door, (&envelope.reverse_path, address), &content)
        .map_err(|closed| ListTrouble::Permanent(trouble(list, &closed)))?;
    let now = world.clock.now();
    let mut content = expansion.content;
    if door == Door::Members {
        content = signed(configuration, Some(&list.name.domain), content, now).await;
    }
    let admission = Admission::expanded(envelope, expansion.reverse_path, expansion.recipients);
    let (count, size) = (admission.forward_paths().len(), content.len() as u64);
    let content = Bytes::from(content);
    let seen = Content::Memory(content.clone());
    let first = decide_for(world, count, Some(&seen), |answers| {
        admission.schedule(configuration, answers, envelope.traits, size, now)
    })
    .await
    .map_err(ListTrouble::Temporary)?;
    let accepted = admission.accept(first);
    tracing::info!(id = %envelope.message, list = %list.name, recipients = count, "a list passes a message on");
    Ok(Notice { accepted, content })
}

/// Why a list does not pass a message on.
pub(super) enum ListTrouble {
    /// It may do so later.
    Temporary(Trouble),
    /// It never will.
    Permanent(Trouble),
}

fn trouble(list: &MailingList, closed: &Closed) -> Trouble {
    let name = &list.name;
    let (status, text) = match closed {
        Closed::Loop => ((5, 4, 6), format!("this message has been through the list {name} already")),
        Closed::Empty => ((5, 2, 4), format!("the list {name} has no members")),
        Closed::TooMany(count) => {
            ((5, 2, 4), format!("the list {name} has {count} members, which is too many"))
        }
    };
    Trouble::new(Scope::Recipient, TroubleKind::UnexpectedReply, status, text).at(LOCAL_HOST)
}

async fn whole(world: &World, envelope: &Envelope) -> Result<Bytes, String> {
    let cannot = |why: String| format!("cannot read the content for a list: {why}");
    match world.store.content(envelope.message).await {
        Ok(Some(Content::Memory(bytes))) => Ok(bytes),
        Ok(Some(Content::File(file))) => {
            let mut bytes = Vec::with_capacity(usize::try_from(envelope.size).unwrap_or_default());
            let mut open = crate::content::open(&file).await.map_err(|error| cannot(error.to_string()))?;
            open.read_to_end(&mut bytes).await.map_err(|error| cannot(error.to_string()))?;
            Ok(bytes.into())
        }
        Ok(None) => Err(cannot("it is not there".to_owned())),
        Err(error) => Err(cannot(error.to_string())),
    }
}
