//! LIST and LSUB: which mailboxes are there (RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154, RFC 9590).

use mail::Address;
use store::StoreError;
use store::messages::Mailbox;
use wire::imap::command::ListSelect;
use wire::imap::list::List;
use wire::imap::reply::{self, ListLine};

use super::session::{Answer, Session};
use super::tree::{Tree, fits};
use super::{metadata, status};

/// Bytes of a pattern, and patterns, that are looked for.
const PATTERN_BYTES_MAX: usize = 2000;
const PATTERNS_MAX: usize = 100;

/// LIST.
pub(super) async fn list(
    session: &mut Session,
    account: &Address,
    list: &List,
) -> Result<Answer, StoreError> {
    if list.patterns.iter().any(|pattern| pattern.len() > PATTERN_BYTES_MAX)
        || list.patterns.len() > PATTERNS_MAX
    {
        return Ok(Answer::no("[LIMIT]", "that is too much to look for"));
    }
    let names = session.names();
    // RFC 9051 section 6.3.9: an empty pattern asks for the separator.
    if !list.extended && list.patterns.iter().all(String::is_empty) {
        let line = ListLine {
            verb: "LIST",
            attributes: vec!["\\Noselect"],
            name: "",
            child_info: None,
            old_name: None,
        };
        reply::list(&mut session.talk.output, &line, names);
        return Ok(Answer::ok("that is the separator"));
    }
    let tree = Tree::load(&session.world, account).await?;
    let patterns: Vec<String> = list.patterns.iter().map(|pattern| whole(&list.reference, pattern)).collect();
    for (path, mailbox) in &tree.mailboxes {
        if !patterns.iter().any(|pattern| fits(path, pattern)) {
            continue;
        }
        let Some(child_info) = wanted(&tree, mailbox, path, list.select) else { continue };
        let attributes = attributes(&tree, mailbox, list.select.subscribed || list.returns.subscribed);
        let line = ListLine {
            verb: "LIST",
            attributes,
            name: path,
            child_info: child_info.as_deref(),
            old_name: None,
        };
        reply::list(&mut session.talk.output, &line, names);
        if !list.returns.status.is_empty() {
            status::tell(session, account, path, mailbox, &list.returns.status).await?;
        }
        if !list.returns.metadata.is_empty() {
            metadata::tell(session, account, path, mailbox.id, &list.returns.metadata).await?;
        }
    }
    Ok(Answer::ok("these are all"))
}

/// LSUB: a mailbox that is not subscribed but has some below it that are stands for them if the pattern ends there
/// (RFC 3501 section 6.3.9).
pub(super) async fn lsub(
    session: &mut Session,
    account: &Address,
    reference: &str,
    pattern: &str,
) -> Result<Answer, StoreError> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Ok(Answer::no("[LIMIT]", "that is too much to look for"));
    }
    let (names, tree) = (session.names(), Tree::load(&session.world, account).await?);
    let pattern = whole(reference, pattern);
    for (path, mailbox) in &tree.mailboxes {
        let below = pattern.ends_with('%') && subscribed_below(&tree, path);
        if fits(path, &pattern) && (mailbox.subscribed || below) {
            let attributes = if mailbox.subscribed { Vec::new() } else { vec!["\\Noselect"] };
            let line = ListLine { verb: "LSUB", attributes, name: path, child_info: None, old_name: None };
            reply::list(&mut session.talk.output, &line, names);
        }
    }
    Ok(Answer::ok("these are all"))
}

/// A pattern relative to a reference; `INBOX` is in upper case also where both make it together.
fn whole(reference: &str, pattern: &str) -> String {
    let joined = format!("{reference}{pattern}");
    match joined.split_at_checked(5) {
        Some((head, tail))
            if head.eq_ignore_ascii_case("INBOX") && (tail.is_empty() || tail.starts_with('/')) =>
        {
            format!("INBOX{tail}")
        }
        _ => joined,
    }
}

/// Whether a mailbox is wanted by the selection options, itself, or with RECURSIVEMATCH for its children; for them the
/// options that they fit are said.
#[expect(clippy::option_option, reason = "not wanted, wanted for itself, wanted for its children")]
fn wanted(tree: &Tree, mailbox: &Mailbox, path: &str, select: ListSelect) -> Option<Option<String>> {
    let fits = |mailbox: &Mailbox| {
        (!select.subscribed || mailbox.subscribed)
            && (!select.special_use || mailbox.role.is_some_and(|role| role.imap().is_some()))
    };
    let child = select.recursive_match && below(tree, path).any(fits);
    let options = [(select.subscribed, "\"SUBSCRIBED\""), (select.special_use, "\"SPECIAL-USE\"")];
    let said = options.iter().filter(|option| option.0).map(|option| option.1).collect::<Vec<_>>().join(" ");
    (fits(mailbox) || child).then(|| child.then_some(said))
}

fn below<'t>(tree: &'t Tree, path: &str) -> impl Iterator<Item = &'t Mailbox> {
    let prefix = format!("{path}/");
    tree.mailboxes.iter().filter(move |(other, _)| other.starts_with(&prefix)).map(|(_, mailbox)| mailbox)
}

fn subscribed_below(tree: &Tree, path: &str) -> bool {
    below(tree, path).any(|mailbox| mailbox.subscribed)
}

fn attributes(tree: &Tree, mailbox: &Mailbox, subscribed: bool) -> Vec<&'static str> {
    let mut attributes = Vec::new();
    if subscribed && mailbox.subscribed {
        attributes.push("\\Subscribed");
    }
    attributes.push(if tree.has_children(mailbox.id) { "\\HasChildren" } else { "\\HasNoChildren" });
    attributes.extend(mailbox.role.and_then(mail::Role::imap));
    attributes
}
