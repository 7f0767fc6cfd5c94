//! Who may write to a list, who gets it, and what stands before it? RFC 5321 section 3.9.2, RFC 2369, RFC 2919.

use std::collections::BTreeSet;

use mail::header::{fields, header_end, parts, split_fields};
use mail::{Address, LocalPart, ReversePath};

use crate::configuration::{Configuration, lower_case};
use crate::limits::LIST_RECIPIENTS_MAX;
use crate::local::{DETAIL_SEPARATOR, Resident, queued_as, resident};
use crate::settings::{AllowedSenders, MailingList, ReplyTo};

/// Fields that speak of another list, or of the way so far: ours stand in their place (RFC 2369 section 4).
const REPLACED: [&str; 11] = [
    "return-path",
    "precedence",
    "list-id",
    "list-post",
    "list-owner",
    "list-help",
    "list-archive",
    "list-subscribe",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "x-loop",
];

/// To whom a list passes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// To all members.
    Members,
    /// To the owner.
    Owner,
}

/// Why a list does not pass on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Closed {
    /// It has been through this list.
    Loop,
    /// There is nobody to pass it on to.
    Empty,
    /// There are more than one message may have.
    TooMany(usize),
}

/// Whether this sender may write to the list: by the account that authenticated, else by the reverse-path. Nobody's mail
/// is a notification, which no list takes.
pub fn may_post(
    configuration: &Configuration,
    list: &MailingList,
    reverse_path: &ReversePath,
    authenticated_as: Option<&str>,
) -> bool {
    let Some(reverse_path) = reverse_path.address() else { return false };
    if list.allowed_senders == AllowedSenders::Anyone {
        return true;
    }
    let account = authenticated_as.and_then(|name| Address::parse(name).ok());
    let sender = same(configuration, account.as_ref().unwrap_or(reverse_path));
    let is = |address: &Address| same(configuration, address) == sender;
    let named = is(&list.owner) || list.senders.iter().any(is);
    named
        || match list.allowed_senders {
            AllowedSenders::Anyone => true,
            AllowedSenders::Named => false,
            AllowedSenders::Members => members(configuration, list).contains(&sender),
        }
}

/// The form in which two addresses of one account are equal.
fn same(configuration: &Configuration, address: &Address) -> Address {
    match resident(configuration, Some(DETAIL_SEPARATOR), address) {
        Some(Resident::Account { account, .. }) => lower_case(&account.name),
        Some(Resident::List(list)) => lower_case(&list.name),
        Some(Resident::ListOwner(_)) | None => lower_case(address),
    }
}

/// All members, those of lists among them included, in the form in which they are compared.
fn members(configuration: &Configuration, list: &MailingList) -> BTreeSet<Address> {
    recipients(configuration, list, Door::Members)
        .iter()
        .map(|address| same(configuration, address))
        .collect()
}

/// Who gets it: each account and each address once. Members of a list among the members are members.
pub fn recipients(configuration: &Configuration, list: &MailingList, door: Door) -> Vec<Address> {
    let first: &[Address] = match door {
        Door::Members => &list.members,
        Door::Owner => std::slice::from_ref(&list.owner),
    };
    let mut entered = BTreeSet::from([lower_case(&list.name)]);
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    let mut open: Vec<Address> = first.iter().rev().cloned().collect();
    while let Some(address) = open.pop() {
        let to = match resident(configuration, Some(DETAIL_SEPARATOR), &address) {
            Some(Resident::List(inner)) => {
                if entered.insert(lower_case(&inner.name)) {
                    open.extend(inner.members.iter().rev().cloned());
                }
                continue;
            }
            Some(Resident::Account { account, detail }) => {
                if !seen.insert(lower_case(&account.name)) {
                    continue;
                }
                queued_as(&account, detail.as_deref(), Some(DETAIL_SEPARATOR))
            }
            Some(Resident::ListOwner(_)) | None => address,
        };
        if seen.insert(lower_case(&to)) || configuration.account(&to).is_some() {
            found.push(to);
        }
    }
    found
}

/// Where notifications about mail of the list go.
pub fn bounces(list: &MailingList) -> Address {
    let local_part = LocalPart::parse(&format!("{}-bounces", list.name.local_part));
    match local_part {
        Ok(local_part) => Address { local_part, domain: list.name.domain.clone() },
        Err(_) => list.owner.clone(),
    }
}

/// What is passed on, and to whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expansion {
    /// Where notifications about it go.
    pub reverse_path: ReversePath,
    /// Who gets it.
    pub recipients: Vec<Address>,
    /// The message.
    pub content: Vec<u8>,
}

/// What a message for this address of the list becomes. It is never dropped: what is not passed on, its sender is told
/// of.
pub fn expand(
    configuration: &Configuration,
    list: &MailingList,
    door: Door,
    (reverse_path, address): (&ReversePath, &Address),
    content: &[u8],
) -> Result<Expansion, Closed> {
    if has_been_here(list, door, address, content) {
        return Err(Closed::Loop);
    }
    let recipients = recipients(configuration, list, door);
    match recipients.len() {
        0 => return Err(Closed::Empty),
        count if count > LIST_RECIPIENTS_MAX => return Err(Closed::TooMany(count)),
        _ => {}
    }
    let is_notification = door == Door::Owner && *reverse_path == ReversePath::Null;
    Ok(Expansion {
        reverse_path: match is_notification {
            true => ReversePath::Null,
            false => ReversePath::Address(bounces(list)),
        },
        recipients,
        content: match door {
            Door::Members => stamped(list, content),
            Door::Owner => [format!("Delivered-To: {address}\r\n").as_bytes(), content].concat(),
        },
    })
}

/// Only what we ourselves have written says so: each list puts its own address there, and nobody else does.
fn has_been_here(list: &MailingList, door: Door, address: &Address, content: &[u8]) -> bool {
    let mark = match door {
        Door::Members => &list.name,
        Door::Owner => address,
    };
    let mark = mark.to_string();
    fields(content, "delivered-to").any(|value| value.eq_ignore_ascii_case(mark.as_bytes()))
}

/// The message with the fields of the list before it, in place of those of others. The body is as it was, and so is what
/// a signature of the author's usually covers.
fn stamped(list: &MailingList, content: &[u8]) -> Vec<u8> {
    let (local_part, domain) = (&list.name.local_part, &list.name.domain);
    let title = list.description.as_deref().map(plain_words).unwrap_or_default();
    let name = &list.name;
    let mut out = format!(
        "Delivered-To: {name}\r\nList-Id: {title}<{}.{domain}>\r\nList-Post: <mailto:{name}>\r\n\
         List-Owner: <mailto:{local_part}-owner@{domain}>\r\n\
         List-Unsubscribe: <mailto:{local_part}-request@{domain}?subject=unsubscribe>\r\nPrecedence: list\r\n",
        local_part.as_str().to_lowercase(),
    )
    .into_bytes();
    let to_list = list.reply_to == ReplyTo::List;
    if to_list {
        out.extend_from_slice(format!("Reply-To: <{name}>\r\n").as_bytes());
    }
    for field in split_fields(content) {
        let name = parts(field).map(|(name, _)| name.trim_ascii()).unwrap_or_default();
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        if !(REPLACED.iter().any(|other| is(other)) || to_list && is("reply-to")) {
            out.extend_from_slice(field);
        }
    }
    out.extend_from_slice(&content[header_end(content)..]);
    out
}

/// A phrase of a field: letters, digits and spaces (RFC 2919 section 3).
fn plain_words(text: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() { c } else { ' ' };
    let words: String = text.chars().map(word).collect();
    let words = words.split_whitespace().take(12).collect::<Vec<_>>().join(" ");
    if words.is_empty() { words } else { format!("{words} ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Environment;

    fn configuration() -> Configuration {
        let text = r#"{
            "Domain": [{"name": "example.org"}],
            "Account": [{"name": "ann@example.org", "aliases": ["info@example.org"]}, {"name": "bob@example.org"}],
            "MailingList": [
                {"name": "team@example.org", "owner": "ann@example.org", "description": "The <team>",
                 "members": ["info@example.org", "Ann@example.org", "friends@example.org", "x@far.example"],
                 "senders": ["boss@far.example"], "replyTo": "list"},
                {"name": "friends@example.org", "owner": "ann@example.org", "allowedSenders": "named",
                 "members": ["team@example.org", "bob@example.org", "x@far.example", "gone@example.org"]},
                {"name": "all@example.org", "owner": "ann@example.org", "allowedSenders": "anyone"}
            ]
        }"#;
        Configuration::from_settings_json(text, &Environment::default()).unwrap()
    }

    fn list(configuration: &Configuration, name: &str) -> MailingList {
        MailingList::clone(configuration.mailing_list(&Address::parse(name).unwrap()).unwrap())
    }

    #[test]
    fn each_account_and_each_address_is_once_among_the_recipients() {
        let configuration = configuration();
        let found = recipients(&configuration, &list(&configuration, "team@example.org"), Door::Members);
        let found: Vec<String> = found.iter().map(Address::to_string).collect();
        assert_eq!(found, ["ann@example.org", "bob@example.org", "x@far.example", "gone@example.org"]);
    }

    #[test]
    fn members_owner_and_named_senders_may_write() {
        let configuration = configuration();
        let may = |name: &str, from: &str, account: Option<&str>| {
            let from = Address::parse(from).map_or(ReversePath::Null, ReversePath::Address);
            may_post(&configuration, &list(&configuration, name), &from, account)
        };
        assert!(may("team@example.org", "bob@example.org", None));
        assert!(may("team@example.org", "INFO@example.org", None));
        assert!(may("team@example.org", "boss@far.example", None));
        assert!(!may("team@example.org", "eve@far.example", None));
        assert!(may("team@example.org", "eve@far.example", Some("bob@example.org")));
        assert!(!may("friends@example.org", "bob@example.org", None));
        assert!(may("friends@example.org", "info@example.org", None));
        assert!(may("all@example.org", "eve@far.example", None));
        assert!(!may("all@example.org", "", None));
    }

    #[test]
    fn a_list_writes_its_own_fields_and_passes_nothing_on_twice() {
        let configuration = configuration();
        let list = list(&configuration, "team@example.org");
        let mail = b"List-Id: <other>\r\nSubject: x\r\nReply-To: bob@example.org\r\n\r\nList-Id: body\r\n";
        let from = ReversePath::Address(Address::parse("bob@example.org").unwrap());
        let expand =
            |content: &[u8]| expand(&configuration, &list, Door::Members, (&from, &list.name), content);
        let expansion = expand(mail).unwrap();
        assert_eq!(expansion.reverse_path.to_string(), "team-bounces@example.org");
        let text = String::from_utf8(expansion.content).unwrap();
        assert!(
            text.starts_with("Delivered-To: team@example.org\r\nList-Id: The team <team.example.org>\r\n")
        );
        assert!(
            text.ends_with("Reply-To: <team@example.org>\r\nSubject: x\r\n\r\nList-Id: body\r\n"),
            "{text}"
        );
        assert_eq!(expand(text.as_bytes()).unwrap_err(), Closed::Loop);
        // What a message quotes in its body has not been on its way.
        assert!(expand(b"Subject: x\r\n\r\nDelivered-To: team@example.org\r\n").is_ok());
    }

    #[test]
    fn the_owner_gets_notifications_as_notifications() {
        let configuration = configuration();
        let list = list(&configuration, "team@example.org");
        let door = bounces(&list);
        let expansion =
            expand(&configuration, &list, Door::Owner, (&ReversePath::Null, &door), b"Subject: x\r\n\r\n");
        let expansion = expansion.unwrap();
        assert_eq!(expansion.reverse_path, ReversePath::Null);
        assert_eq!(expansion.recipients, [Address::parse("ann@example.org").unwrap()]);
        assert!(expansion.content.starts_with(b"Delivered-To: team-bounces@example.org\r\nSubject"));
    }

    #[test]
    fn a_list_without_members_says_so() {
        let configuration = configuration();
        let list = list(&configuration, "all@example.org");
        let closed = expand(&configuration, &list, Door::Members, (&ReversePath::Null, &list.name), b"");
        assert_eq!(closed.unwrap_err(), Closed::Empty);
    }
}
