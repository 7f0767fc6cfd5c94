//! Mailboxes as JMAP shows them (RFC 8621 section 2): `/get` and `/changes`; which file answers the rest.

mod query;
mod set;

use mail::Role;
use serde_json::{Map, Value, json};
use store::messages::{Kind, Mailbox, MailboxId, ThreadCount};
use wire::jmap::MethodError;

use super::arguments::Arguments;
use super::call::{Answer, Call, unavailable};
use super::changes;
use super::get::Get;

const PROPERTIES: &[&str] = &[
    "id",
    "name",
    "parentId",
    "role",
    "sortOrder",
    "totalEmails",
    "unreadEmails",
    "totalThreads",
    "unreadThreads",
    "myRights",
    "isSubscribed",
];
/// What changes when messages come and go.
const COUNTS: &[&str] = &["totalEmails", "unreadEmails", "totalThreads", "unreadThreads"];

/// Answers a call about mailboxes.
pub(super) async fn call(call: &mut Call<'_>, verb: &str, arguments: Map<String, Value>) -> Answer {
    match verb {
        "get" => get(call, &mut Arguments::new(arguments)).await,
        "changes" => mailbox_changes(call, &mut Arguments::new(arguments)).await,
        "query" => query::query(call, &mut Arguments::new(arguments)).await,
        "queryChanges" => query::query_changes(call, &mut Arguments::new(arguments)).await,
        "set" => set::set(call, &mut Arguments::new(arguments)).await,
        _ => Err(MethodError::unknown_method(&format!("Mailbox/{verb}"))),
    }
}

async fn get(call: &Call<'_>, arguments: &mut Arguments) -> Answer {
    let get = Get::read(call, arguments)?;
    get.check_properties(PROPERTIES)?;
    // The state is read first: at worst a client asks for changes that it has seen.
    let state = call.state().await?;
    let mailboxes = call.world.messages.mailbox_list(call.address()).await.map_err(unavailable)?;
    let counts = match get.wants("totalThreads") || get.wants("unreadThreads") {
        true => call.world.messages.thread_counts(call.address()).await.map_err(unavailable)?,
        false => Vec::new(),
    };
    let shown = |mailbox: &Mailbox| {
        let count = counts.iter().find(|count| count.mailbox == mailbox.id);
        shown(mailbox, count)
    };
    Ok(get.answer(state, mailboxes.iter().map(shown).collect()))
}

/// A mailbox, whole.
fn shown(mailbox: &Mailbox, threads: Option<&ThreadCount>) -> Value {
    json!({
        "id": mailbox.id.to_string(),
        "name": name(mailbox),
        "parentId": mailbox.parent.map(|parent| parent.to_string()),
        "role": mailbox.role.map(Role::jmap),
        "sortOrder": mailbox.sort_order,
        "totalEmails": mailbox.total,
        "unreadEmails": mailbox.unseen,
        "totalThreads": threads.map_or(0, |count| count.total),
        "unreadThreads": threads.map_or(0, |count| count.unread),
        "myRights": rights(mailbox.role),
        "isSubscribed": mailbox.subscribed,
    })
}

/// What IMAP has to write in capitals is written as a word here.
fn name(mailbox: &Mailbox) -> &str {
    if mailbox.role == Some(Role::Inbox) && mailbox.parent.is_none() { "Inbox" } else { &mailbox.name }
}

/// What the owner may do: everything, but the inbox stays.
fn rights(role: Option<Role>) -> Value {
    let stays = role == Some(Role::Inbox);
    json!({
        "mayReadItems": true,
        "mayAddItems": true,
        "mayRemoveItems": true,
        "maySetSeen": true,
        "maySetKeywords": true,
        "mayCreateChild": true,
        "mayRename": !stays,
        "mayDelete": !stays,
        "maySubmit": true,
    })
}

async fn mailbox_changes(call: &Call<'_>, arguments: &mut Arguments) -> Answer {
    let (since, found) = changes::since(call, Kind::Mailbox, arguments).await?;
    let mut answer = changes::answer(&since, &found, |id| MailboxId(id).to_string());
    let only_counts = found.counts_only && !found.updated.is_empty();
    answer.insert("updatedProperties".to_owned(), if only_counts { json!(COUNTS) } else { Value::Null });
    Ok(answer)
}
