//! CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 section 6.3, RFC 6154).

use mail::{Address, Role};
use store::StoreError;
use store::messages::{Alteration, Altered, MailboxId, Refusal};
use wire::imap::Command;

use super::session::{Answer, Session};
use super::tree::Tree;

const NO_MAILBOX: &str = "there is no such mailbox";

/// Answers a command that changes which mailboxes there are.
pub(super) async fn command(
    session: &mut Session,
    account: &Address,
    command: Command,
) -> Result<Answer, StoreError> {
    match command {
        Command::Create { mailbox, uses } => create(session, account, &mailbox, &uses).await,
        Command::Delete(mailbox) => delete(session, account, &mailbox).await,
        Command::Rename(from, to) => rename(session, account, &from, &to).await,
        Command::Subscribe(mailbox) => subscribe(session, account, &mailbox, true).await,
        Command::Unsubscribe(mailbox) => subscribe(session, account, &mailbox, false).await,
        _ => Ok(Answer::bad("there is no such command")),
    }
}

async fn create(
    session: &Session,
    account: &Address,
    path: &str,
    uses: &[String],
) -> Result<Answer, StoreError> {
    let role = match uses {
        [] => None,
        [one] => match Role::ALL
            .into_iter()
            .find(|role| role.imap().is_some_and(|name| name.eq_ignore_ascii_case(one)))
        {
            Some(role) => Some(role),
            None => return Ok(Answer::no("[USEATTR]", "mailboxes are not used for that")),
        },
        _ => return Ok(Answer::no("[USEATTR]", "a mailbox has one use")),
    };
    // RFC 9051 section 6.3.4: a separator at the end says that others are to be made in it, which is always so.
    let path = path.strip_suffix('/').unwrap_or(path);
    let tree = Tree::load(&session.world, account).await?;
    if tree.find(path).is_some() {
        return Ok(Answer::no("[ALREADYEXISTS]", "there is a mailbox of this name"));
    }
    let (parent, name) = match made_parents(session, account, &tree, path).await? {
        Ok(place) => place,
        Err(refusal) => return Ok(refused(&refusal)),
    };
    Ok(match make(session, account, parent, name, role).await? {
        Ok(id) => Answer::ok_with(format!("[MAILBOXID ({id})]"), "made"),
        Err(Refusal::RoleTaken(_)) => Answer::no("[USEATTR]", "another mailbox is used for that"),
        Err(refusal) => refused(&refusal),
    })
}

/// Where a path leads: the mailbox that it lies in, and the name there. What is missing on the way is made (RFC 9051
/// section 6.3.4).
async fn made_parents<'p>(
    session: &Session,
    account: &Address,
    tree: &Tree,
    path: &'p str,
) -> Result<Result<(Option<MailboxId>, &'p str), Refusal>, StoreError> {
    let Some((above, name)) = path.rsplit_once('/') else { return Ok(Ok((None, path))) };
    if path.split('/').any(str::is_empty) {
        return Ok(Err(Refusal::BadName("a level has no name")));
    }
    let (mut parent, mut so_far) = (None, String::new());
    for level in above.split('/') {
        so_far = if so_far.is_empty() { level.to_owned() } else { format!("{so_far}/{level}") };
        parent = Some(match tree.find(&so_far) {
            Some(mailbox) => mailbox.id,
            None => match make(session, account, parent, level, None).await? {
                Ok(id) => id,
                Err(refusal) => return Ok(Err(refusal)),
            },
        });
    }
    Ok(Ok((parent, name)))
}

async fn make(
    session: &Session,
    account: &Address,
    parent: Option<MailboxId>,
    name: &str,
    role: Option<Role>,
) -> Result<Result<MailboxId, Refusal>, StoreError> {
    let name = name.to_owned();
    let new = Alteration::CreateMailbox { parent, name, role, sort_order: 0, subscribed: false };
    Ok(match alter(session, account, new).await? {
        Ok(Altered::Mailbox(id)) => Ok(id),
        Ok(_) => Err(Refusal::BadName("it was not made")),
        Err(refusal) => Err(refusal),
    })
}

async fn delete(session: &Session, account: &Address, path: &str) -> Result<Answer, StoreError> {
    let tree = Tree::load(&session.world, account).await?;
    let Some(mailbox) = tree.find(path) else { return Ok(Answer::no("[NONEXISTENT]", NO_MAILBOX)) };
    let gone = Alteration::DestroyMailbox { id: mailbox.id, with_emails: true };
    Ok(match alter(session, account, gone).await? {
        Ok(_) => Answer::ok("gone, with all that lay in it only"),
        Err(refusal) => refused(&refusal),
    })
}

async fn rename(session: &Session, account: &Address, from: &str, to: &str) -> Result<Answer, StoreError> {
    let tree = Tree::load(&session.world, account).await?;
    let Some(mailbox) = tree.find(from) else { return Ok(Answer::no("[NONEXISTENT]", NO_MAILBOX)) };
    let to = to.strip_suffix('/').unwrap_or(to);
    if tree.find(to).is_some() {
        return Ok(Answer::no("[ALREADYEXISTS]", "there is a mailbox of this name"));
    }
    if to.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) && mailbox.role != Some(Role::Inbox) {
        return Ok(refused(&Refusal::BadParent));
    }
    let (parent, name) = match made_parents(session, account, &tree, to).await? {
        Ok(place) => place,
        Err(refusal) => return Ok(refused(&refusal)),
    };
    if mailbox.role == Some(Role::Inbox) {
        return empty_inbox(session, account, mailbox.id, parent, name).await;
    }
    let change = Alteration::UpdateMailbox {
        id: mailbox.id,
        parent: Some(parent),
        name: Some(name.to_owned()),
        role: None,
        sort_order: None,
        subscribed: None,
    };
    Ok(match alter(session, account, change).await? {
        Ok(_) => Answer::ok("renamed, with all below it"),
        Err(refusal) => refused(&refusal),
    })
}

/// RENAME of INBOX: its messages go to a new mailbox, it stays, and so does what is below it (RFC 9051 section 6.3.6).
async fn empty_inbox(
    session: &Session,
    account: &Address,
    inbox: MailboxId,
    parent: Option<MailboxId>,
    name: &str,
) -> Result<Answer, StoreError> {
    let to = match make(session, account, parent, name, None).await? {
        Ok(id) => id,
        Err(refusal) => return Ok(refused(&refusal)),
    };
    let uids = session.world.messages.uids(account, inbox).await?.map(|(_, uids)| uids).unwrap_or_default();
    if uids.is_empty() {
        return Ok(Answer::ok("there is a new mailbox; there were no messages to move to it"));
    }
    Ok(match alter(session, account, Alteration::Move { from: inbox, uids, to }).await? {
        Ok(_) => Answer::ok("its messages are in the new mailbox"),
        Err(refusal) => refused(&refusal),
    })
}

async fn subscribe(
    session: &Session,
    account: &Address,
    path: &str,
    subscribed: bool,
) -> Result<Answer, StoreError> {
    let tree = Tree::load(&session.world, account).await?;
    let Some(mailbox) = tree.find(path) else {
        // What is not there is not subscribed.
        return Ok(match subscribed {
            true => Answer::no("[NONEXISTENT]", NO_MAILBOX),
            false => Answer::ok("it is not subscribed"),
        });
    };
    if mailbox.subscribed == subscribed {
        return Ok(Answer::ok("so it was already"));
    }
    let change = Alteration::UpdateMailbox {
        id: mailbox.id,
        parent: None,
        name: None,
        role: None,
        sort_order: None,
        subscribed: Some(subscribed),
    };
    Ok(match alter(session, account, change).await? {
        Ok(_) => Answer::ok("done"),
        Err(refusal) => refused(&refusal),
    })
}

/// Makes one change.
pub(super) async fn alter(
    session: &Session,
    account: &Address,
    alteration: Alteration,
) -> Result<Result<Altered, Refusal>, StoreError> {
    let (room, now) = (session.room(), session.now());
    let mut outcome = session.world.messages.alter(account, vec![alteration], room, now).await?;
    Ok(outcome.each.pop().unwrap_or(Ok(Altered::Done)))
}

/// How a refusal of the store is said (RFC 9051 section 7.1, RFC 5530).
pub(super) fn refused(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::NoMailbox(_) => Answer::no("[NONEXISTENT]", NO_MAILBOX),
        Refusal::NameTaken => Answer::no("[ALREADYEXISTS]", "there is a mailbox of this name"),
        Refusal::BadName(why) => Answer::no("[CANNOT]", why),
        Refusal::RoleTaken(_) => Answer::no("[USEATTR]", "another mailbox is used for that"),
        Refusal::BadParent => Answer::no("[CANNOT]", "it would lie in itself, or too deep"),
        Refusal::HasChildren => Answer::no("[HASCHILDREN]", "others lie in it: delete them first"),
        Refusal::HasEmails => Answer::no("[INUSE]", "there are messages in it"),
        Refusal::IsInbox => Answer::no("[CANNOT]", "the inbox stays"),
        Refusal::OverQuota => Answer::no("[OVERQUOTA]", "the account would hold more than it may"),
        Refusal::TooMany(what, _) => Answer::no("[LIMIT]", what),
        _ => Answer::no("[CANNOT]", "that cannot be done"),
    }
}
