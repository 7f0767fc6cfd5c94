//! Which mailbox has which path? The mailboxes of an account as IMAP names them: `a/b/c`.

use std::collections::BTreeMap;

use mail::Address;
use store::StoreError;
use store::messages::{Mailbox, MailboxId};

use crate::world::World;

/// The mailboxes of an account with their paths, parents before children.
pub(super) struct Tree {
    /// Each with its path.
    pub(super) mailboxes: Vec<(String, Mailbox)>,
}

impl Tree {
    /// As they are now.
    pub(super) async fn load(world: &World, account: &Address) -> Result<Tree, StoreError> {
        Ok(Tree::of(world.messages.mailbox_list(account).await?))
    }

    /// Of a list that has parents before children.
    pub(super) fn of(list: Vec<Mailbox>) -> Tree {
        let mut paths: BTreeMap<MailboxId, String> = BTreeMap::new();
        let mut mailboxes = Vec::with_capacity(list.len());
        for mailbox in list {
            let path = match mailbox.parent.and_then(|parent| paths.get(&parent)) {
                Some(parent) => format!("{parent}/{}", mailbox.name),
                None => mailbox.name.clone(),
            };
            paths.insert(mailbox.id, path.clone());
            mailboxes.push((path, mailbox));
        }
        Tree { mailboxes }
    }

    /// The mailbox of this path.
    pub(super) fn find(&self, path: &str) -> Option<&Mailbox> {
        self.mailboxes.iter().find(|(known, _)| known == path).map(|(_, mailbox)| mailbox)
    }

    /// Whether others lie in it.
    pub(super) fn has_children(&self, id: MailboxId) -> bool {
        self.mailboxes.iter().any(|(_, mailbox)| mailbox.parent == Some(id))
    }
}

/// Whether a name fits a pattern: `*` stands for anything, `%` for anything without `/`.
pub(super) fn fits(name: &str, pattern: &str) -> bool {
    let (name, pattern) = (name.as_bytes(), pattern.as_bytes());
    // What has fitted so far, by how much of the name is used up: no backtracking, whatever the pattern.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for symbol in pattern {
        match symbol {
            b'*' | b'%' => {
                for at in 0..name.len() {
                    reached[at + 1] |= reached[at] && (*symbol == b'*' || name[at] != b'/');
                }
            }
            symbol => {
                for at in (0..name.len()).rev() {
                    reached[at + 1] = reached[at] && name[at] == *symbol;
                }
                reached[0] = false;
            }
        }
        if !reached.contains(&true) {
            return false;
        }
    }
    reached[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_names() {
        let table = [
            ("INBOX", "*", true),
            ("a/b", "%", false),
            ("a/b", "%/%", true),
            ("a/b", "a*", true),
            ("a/b", "a%", false),
            ("a/b/c", "a/%/c", true),
            ("a/b/c", "*c", true),
            ("a", "", false),
            ("", "", true),
            ("a", "a%*%", true),
            ("b", "a", false),
        ];
        for (name, pattern, expected) in table {
            assert_eq!(fits(name, pattern), expected, "{name} {pattern}");
        }
    }

    // proves: I7
    #[test]
    fn a_pattern_of_many_stars_takes_no_time() {
        assert!(!fits(&"a".repeat(200), &format!("{}b", "*a".repeat(2000))));
    }
}
