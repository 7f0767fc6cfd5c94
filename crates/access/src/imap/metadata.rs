//! GETMETADATA and SETMETADATA: what people and programs have noted at mailboxes (RFC 5464).

use bytes::Bytes;
use mail::Address;
use store::StoreError;
use store::messages::{Alteration, MailboxId};
use wire::imap::metadata::{Depth, GetMetadata, SetMetadata};
use wire::imap::print;

use super::limits::{ANNOTATION_BYTES_MAX, ANNOTATIONS_MAX};
use super::mailboxes::refused;
use super::session::{Answer, Session};
use super::tree::Tree;

/// GETMETADATA.
pub(super) async fn read(
    session: &mut Session,
    account: &Address,
    get: &GetMetadata,
) -> Result<Answer, StoreError> {
    let Some(mailbox) = whose(session, account, &get.mailbox).await? else {
        return Ok(Answer::no("[NONEXISTENT]", "there is no such mailbox"));
    };
    let all = session.world.messages.annotations(account, mailbox).await?;
    let mut found: Vec<(&str, Option<&[u8]>)> = Vec::new();
    let mut longest: Option<usize> = None;
    for asked in &get.entries {
        if !all.iter().any(|(name, _)| name == asked) && get.depth == Depth::Zero {
            found.push((asked, None));
        }
    }
    for (name, value) in &all {
        if !get.entries.iter().any(|asked| covers(asked, get.depth, name)) {
            continue;
        }
        match get.bytes_max {
            Some(max) if value.len() as u64 > max => longest = longest.max(Some(value.len())),
            _ => found.push((name, Some(value))),
        }
    }
    print_entries(session, &get.mailbox, &found);
    Ok(match longest {
        Some(size) => Answer::ok_with(format!("[METADATA LONGENTRIES {size}]"), "others are longer"),
        None => Answer::ok("these are all"),
    })
}

/// Writes the annotations of these names for LIST (RFC 9590).
pub(super) async fn tell(
    session: &mut Session,
    account: &Address,
    path: &str,
    mailbox: MailboxId,
    entries: &[String],
) -> Result<(), StoreError> {
    let all = session.world.messages.annotations(account, Some(mailbox)).await?;
    let value = |asked: &String| {
        all.iter().find(|(name, _)| name.eq_ignore_ascii_case(asked)).map(|(_, value)| value.as_ref())
    };
    let found: Vec<(&str, Option<&[u8]>)> =
        entries.iter().map(|asked| (asked.as_str(), value(asked))).collect();
    print_entries(session, path, &found);
    Ok(())
}

fn covers(asked: &str, depth: Depth, name: &str) -> bool {
    match name.strip_prefix(asked) {
        Some("") => true,
        Some(rest) => match (depth, rest.strip_prefix('/')) {
            (Depth::One, Some(below)) => !below.contains('/'),
            (Depth::Infinity, Some(_)) => true,
            _ => false,
        },
        None => false,
    }
}

fn print_entries(session: &mut Session, path: &str, found: &[(&str, Option<&[u8]>)]) {
    if found.is_empty() {
        return;
    }
    let names = session.names();
    let output = &mut session.talk.output;
    output.extend_from_slice(b"* METADATA ");
    print::mailbox(output, path, names);
    for (index, (name, value)) in found.iter().enumerate() {
        output.extend_from_slice(if index == 0 { b" (" } else { b" " });
        print::astring(output, name, names);
        output.push(b' ');
        print::nstring(output, *value, names);
    }
    output.extend_from_slice(b")\r\n");
}

/// SETMETADATA: all or nothing, as far as can be said before (RFC 5464 section 4.3).
pub(super) async fn write(
    session: &mut Session,
    account: &Address,
    set: SetMetadata,
) -> Result<Answer, StoreError> {
    let Some(mailbox) = whose(session, account, &set.mailbox).await? else {
        return Ok(Answer::no("[NONEXISTENT]", "there is no such mailbox"));
    };
    let too_long = |value: &Vec<u8>| value.len() > ANNOTATION_BYTES_MAX;
    if set.values.iter().filter_map(|(_, value)| value.as_ref()).any(too_long) {
        return Ok(Answer::no(&format!("[METADATA MAXSIZE {ANNOTATION_BYTES_MAX}]"), "a value is too long"));
    }
    let all = session.world.messages.annotations(account, mailbox).await?;
    let is_new = |(name, value): &&(String, Option<Vec<u8>>)| {
        value.is_some() && !all.iter().any(|(known, _)| known == name)
    };
    if all.len() + set.values.iter().filter(is_new).count() > ANNOTATIONS_MAX {
        return Ok(Answer::no("[METADATA TOOMANY]", "there are too many annotations"));
    }
    let annotate = |(entry, value): (String, Option<Vec<u8>>)| Alteration::Annotate {
        mailbox,
        entry,
        value: value.map(Bytes::from),
    };
    let alterations: Vec<Alteration> = set.values.into_iter().map(annotate).collect();
    if alterations.is_empty() {
        return Ok(Answer::ok("nothing done"));
    }
    let (room, now) = (session.room(), session.now());
    let outcome = session.world.messages.alter(account, alterations, room, now).await?;
    Ok(match outcome.each.into_iter().find_map(Result::err) {
        Some(refusal) => refused(&refusal),
        None => Answer::ok("noted"),
    })
}

/// Whose annotations: the mailbox's, or the account's if it has no name. `None` if there is no such mailbox.
async fn whose(
    session: &Session,
    account: &Address,
    path: &str,
) -> Result<Option<Option<MailboxId>>, StoreError> {
    if path.is_empty() {
        return Ok(Some(None));
    }
    Ok(Tree::load(&session.world, account).await?.find(path).map(|mailbox| Some(mailbox.id)))
}
