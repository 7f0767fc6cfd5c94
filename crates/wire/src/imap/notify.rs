//! Reads NOTIFY (RFC 5465 section 6, RFC 9051 for names).

use super::cursor::{Cursor, Fault, Read};
use super::fetch::{self, Item};

/// NOTIFY.
#[derive(Clone, PartialEq, Debug)]
pub enum Notify {
    /// Nothing is to be told.
    None,
    /// This is.
    Set {
        /// Whether a STATUS of each mailbox is to be told at once.
        status: bool,
        /// What is to be told of which mailboxes.
        groups: Vec<(Which, Events)>,
    },
}

/// Which mailboxes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Which {
    /// The one that is selected, at once.
    Selected,
    /// The one that is selected, when sequence numbers may change.
    SelectedDelayed,
    /// INBOX.
    Inboxes,
    /// All of the account.
    Personal,
    /// Those that are subscribed.
    Subscribed,
    /// These and all below.
    Subtree(Vec<String>),
    /// These.
    Mailboxes(Vec<String>),
}

/// What is told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Events {
    /// New messages; of the selected mailbox with these items.
    pub message_new: Option<Vec<Item>>,
    /// Messages that are gone.
    pub message_expunge: bool,
    /// Other flags.
    pub flag_change: bool,
    /// Other annotations of messages; there are none.
    pub annotation_change: bool,
    /// Mailboxes that are new, gone, or named otherwise.
    pub mailbox_name: bool,
    /// Mailboxes that are subscribed or no longer.
    pub subscription_change: bool,
    /// Annotations of mailboxes.
    pub mailbox_metadata_change: bool,
    /// Annotations of the account.
    pub server_metadata_change: bool,
}

/// Reads what follows the verb.
pub(super) fn arguments(cursor: &mut Cursor<'_>) -> Read<Notify> {
    cursor.space()?;
    if cursor.eat_word("NONE") {
        return Ok(Notify::None);
    }
    if !cursor.eat_word("SET") {
        return Err(Fault::Bad("NOTIFY takes SET or NONE"));
    }
    cursor.space()?;
    let status = cursor.eat_word("STATUS");
    if status {
        cursor.space()?;
    }
    let mut groups = vec![group(cursor)?];
    while !cursor.is_at_end() {
        cursor.space()?;
        if !cursor.is_at_end() {
            groups.push(group(cursor)?);
        }
    }
    let selected = |group: &&(Which, Events)| matches!(group.0, Which::Selected | Which::SelectedDelayed);
    if groups.iter().filter(selected).count() > 1 {
        return Err(Fault::Bad("the selected mailbox is named twice"));
    }
    Ok(Notify::Set { status, groups })
}

fn group(cursor: &mut Cursor<'_>) -> Read<(Which, Events)> {
    cursor.expect(b'(', "a list is missing")?;
    let which = which(cursor)?;
    cursor.space()?;
    let events = if cursor.eat_word("NONE") { Events::default() } else { events(cursor)? };
    cursor.expect(b')', "a list does not end")?;
    check(&which, &events)?;
    Ok((which, events))
}

fn which(cursor: &mut Cursor<'_>) -> Read<Which> {
    Ok(match cursor.word()?.as_str() {
        "SELECTED" => Which::Selected,
        "SELECTED-DELAYED" => Which::SelectedDelayed,
        "INBOXES" => Which::Inboxes,
        "PERSONAL" => Which::Personal,
        "SUBSCRIBED" => Which::Subscribed,
        "SUBTREE" => Which::Subtree(some_mailboxes(cursor)?),
        "MAILBOXES" => Which::Mailboxes(some_mailboxes(cursor)?),
        _ => return Err(Fault::Bad("there are no such mailboxes")),
    })
}

fn some_mailboxes(cursor: &mut Cursor<'_>) -> Read<Vec<String>> {
    cursor.space()?;
    if cursor.peek() == Some(b'(') { cursor.list(Cursor::mailbox) } else { Ok(vec![cursor.mailbox()?]) }
}

fn events(cursor: &mut Cursor<'_>) -> Read<Events> {
    let mut events = Events::default();
    cursor.list(|cursor| {
        match cursor.word()?.as_str() {
            "MESSAGENEW" => events.message_new = Some(new_items(cursor)?),
            "MESSAGEEXPUNGE" => events.message_expunge = true,
            "FLAGCHANGE" => events.flag_change = true,
            "ANNOTATIONCHANGE" => events.annotation_change = true,
            "MAILBOXNAME" => events.mailbox_name = true,
            "SUBSCRIPTIONCHANGE" => events.subscription_change = true,
            "MAILBOXMETADATACHANGE" => events.mailbox_metadata_change = true,
            "SERVERMETADATACHANGE" => events.server_metadata_change = true,
            _ => return Err(Fault::Bad("there is no such event")),
        }
        Ok(())
    })?;
    Ok(events)
}

fn new_items(cursor: &mut Cursor<'_>) -> Read<Vec<Item>> {
    let mut ahead = cursor.clone();
    if ahead.space().is_err() || ahead.peek() != Some(b'(') {
        return Ok(Vec::new());
    }
    *cursor = ahead;
    fetch::items(cursor)
}

/// RFC 5465 section 5: messages are told of only with those that are gone, and flags only with messages.
fn check(which: &Which, events: &Events) -> Read<()> {
    if events.message_new.is_some() != events.message_expunge {
        return Err(Fault::Bad("MessageNew and MessageExpunge belong together"));
    }
    if (events.flag_change || events.annotation_change) && !events.message_expunge {
        return Err(Fault::Bad("FlagChange needs MessageNew and MessageExpunge"));
    }
    let selected = matches!(which, Which::Selected | Which::SelectedDelayed);
    let of_names = events.mailbox_name || events.subscription_change || events.mailbox_metadata_change;
    if selected && (of_names || events.server_metadata_change) {
        return Err(Fault::Bad("the selected mailbox tells of its messages only"));
    }
    if !selected && events.message_new.as_ref().is_some_and(|items| !items.is_empty()) {
        return Err(Fault::Bad("items are told of the selected mailbox only"));
    }
    Ok(())
}
