//! Which path has a mailbox, and which folder of a Maildir++ is it?

use std::collections::BTreeMap;

use store::messages::{Mailbox, MailboxId};
use wire::imap::names::{from_utf7, to_utf7};

/// A dot inside a name: in Maildir++ dots separate levels.
const DOT: &str = "&AC4-";

/// The paths of mailboxes, parents before children, levels parted by `/`.
pub(super) fn paths(mailboxes: &[Mailbox]) -> Vec<(MailboxId, String)> {
    let mut known: BTreeMap<MailboxId, String> = BTreeMap::new();
    let mut paths = Vec::new();
    for mailbox in mailboxes {
        let path = match mailbox.parent.and_then(|parent| known.get(&parent)) {
            Some(parent) => format!("{parent}/{}", mailbox.name),
            None => mailbox.name.clone(),
        };
        known.insert(mailbox.id, path.clone());
        paths.push((mailbox.id, path));
    }
    paths
}

/// The folder of a mailbox; empty for the inbox, which is the directory itself.
pub(super) fn folder(path: &str) -> String {
    if path == "INBOX" {
        return String::new();
    }
    path.split('/').map(|level| format!(".{}", to_utf7(level).replace('.', DOT))).collect()
}

/// The mailbox of a folder; none if it is no folder's name.
pub(super) fn path(folder: &str) -> Option<String> {
    let levels = folder.strip_prefix('.')?.split('.').map(level);
    let levels: Option<Vec<String>> = levels.collect();
    levels.map(|levels| levels.join("/"))
}

fn level(name: &str) -> Option<String> {
    let parts: Option<Vec<String>> = name.split(DOT).map(from_utf7).collect();
    let level = parts?.join(".");
    let is_name = !level.is_empty() && !level.contains('/');
    is_name.then_some(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for (mailbox, expected) in
            [("INBOX", ""), ("Lists/Rust", ".Lists.Rust"), ("a.b", ".a&AC4-b"), ("Entwürfe", ".Entw&APw-rfe")]
        {
            assert_eq!(folder(mailbox), expected);
            if !expected.is_empty() {
                assert_eq!(path(expected).as_deref(), Some(mailbox));
            }
        }
        assert_eq!((path("cur"), path(".."), path(".")), (None, None, None));
    }
}
