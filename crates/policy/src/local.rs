//! Who gets a local copy, and into which mailboxes does it go?
//!
//! What a script of the account's owner would say is said by [`filing`] instead; scripts can take its place.

use std::sync::Arc;

use mail::{Address, Flags, LocalPart};

use crate::configuration::Configuration;
use crate::settings::{Account, MailingList};

/// What stands between a local part and its detail, unless the admission rules say otherwise (RFC 5233).
pub const DETAIL_SEPARATOR: char = '+';
/// The mailbox that mail goes to.
pub const INBOX: &str = "INBOX";
/// Mailboxes that no sender can choose, in lower case: mail in them is not looked at, or is taken for the owner's own.
const NOT_BY_DETAIL: [&str; 4] = ["drafts", "sent", "trash", "junk"];
/// Addresses of a list behind which is its owner: those of RFC 2142 section 6, and where notifications go.
const DOORS: [&str; 3] = ["-owner", "-request", "-bounces"];

/// What an address of ours stands for.
#[derive(Clone, PartialEq, Debug)]
pub enum Resident {
    /// Somebody with a mailbox.
    Account {
        /// Who.
        account: Arc<Account>,
        /// What stands behind the separator, if the address is the account's with a detail.
        detail: Option<String>,
    },
    /// The members of a list.
    List(Arc<MailingList>),
    /// The owner of a list.
    ListOwner(Arc<MailingList>),
}

/// Whose address it is: somebody's own or a list's; without its detail; the owner of a list; the catch-all's. In a
/// domain with several names, all of them are the same.
pub fn resident(
    configuration: &Configuration,
    separator: Option<char>,
    address: &Address,
) -> Option<Resident> {
    let domain = configuration.local_domain(&address.domain);
    addressed(configuration, separator, address)
        .or_else(|| by_name(configuration, domain?.catch_all_address.as_ref()?))
}

/// The same without the catch-all.
pub fn addressed(
    configuration: &Configuration,
    separator: Option<char>,
    address: &Address,
) -> Option<Resident> {
    by_name(configuration, address)
        .or_else(|| by_detail(configuration, separator?, address))
        .or_else(|| by_door(configuration, address))
}

/// What must be asked of a directory elsewhere about an address: the first of these that is somebody's counts. Nothing
/// for what is ours, and in domains that no such directory knows.
pub fn questions(configuration: &Configuration, separator: Option<char>, address: &Address) -> Vec<Address> {
    if configuration.elsewhere(address).is_none() || addressed(configuration, separator, address).is_some() {
        return Vec::new();
    }
    let plain = || {
        let (plain, _) = address.local_part.as_str().split_once(separator?)?;
        with_local_part(address, plain)
    };
    std::iter::once(address.clone()).chain(plain()).collect()
}

fn by_name(configuration: &Configuration, address: &Address) -> Option<Resident> {
    if let Some(account) = configuration.account(address) {
        return Some(Resident::Account { account: Arc::clone(account), detail: None });
    }
    configuration.mailing_list(address).map(|list| Resident::List(Arc::clone(list)))
}

fn by_detail(configuration: &Configuration, separator: char, address: &Address) -> Option<Resident> {
    let (plain, detail) = address.local_part.as_str().split_once(separator)?;
    let plain = with_local_part(address, plain)?;
    match by_name(configuration, &plain)? {
        Resident::Account { account, .. } => {
            let detail = Some(detail.to_owned()).filter(|detail| !detail.is_empty());
            Some(Resident::Account { account, detail })
        }
        other => Some(other),
    }
}

fn by_door(configuration: &Configuration, address: &Address) -> Option<Resident> {
    let local_part = address.local_part.as_str();
    let plain = DOORS.iter().find_map(|door| {
        let at = local_part.len().checked_sub(door.len())?;
        let (plain, end) = local_part.split_at_checked(at)?;
        end.eq_ignore_ascii_case(door).then_some(plain)
    })?;
    let list = configuration.mailing_list(&with_local_part(address, plain)?)?;
    Some(Resident::ListOwner(Arc::clone(list)))
}

fn with_local_part(address: &Address, local_part: &str) -> Option<Address> {
    let local_part = LocalPart::parse(local_part).ok()?;
    Some(Address { local_part, domain: address.domain.clone() })
}

/// The address under which an account's mail is queued: its name, with the detail if that says where it goes.
pub fn queued_as(account: &Account, detail: Option<&str>, separator: Option<char>) -> Address {
    let detailed = || {
        let (detail, separator) = (detail.filter(|_| account.detail_to_mailbox)?, separator?);
        with_local_part(&account.name, &format!("{}{separator}{detail}", account.name.local_part))
    };
    detailed().unwrap_or_else(|| account.name.clone())
}

/// Where one copy goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filing {
    /// The mailbox's path, its levels parted by `/`.
    pub mailbox: String,
    /// Its flags there.
    pub flags: Flags,
}

/// Whether [`filing`] must know which mailboxes there are.
pub fn asks_for_mailboxes(account: &Account, detail: Option<&str>) -> bool {
    account.detail_to_mailbox && detail.is_some()
}

/// Into which mailboxes a message for this account goes; at least one. `mailboxes` are the paths of those that there
/// are: a sender makes no new ones.
pub fn filing<'m>(
    account: &Account,
    detail: Option<&str>,
    mailboxes: impl IntoIterator<Item = &'m str>,
) -> Vec<Filing> {
    let named = detail.filter(|_| account.detail_to_mailbox).map(str::to_lowercase);
    let named = named.filter(|detail| !NOT_BY_DETAIL.contains(&detail.as_str()));
    let found = named.and_then(|detail| {
        mailboxes.into_iter().find(|path| path.to_lowercase() == detail).map(str::to_owned)
    });
    vec![Filing { mailbox: found.unwrap_or_else(|| INBOX.to_owned()), flags: Flags::NONE }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Environment;

    fn configuration() -> Configuration {
        let text = r#"{
            "Domain": [{"name": "example.org", "aliases": ["example.net"]},
                       {"name": "all.example", "catchAllAddress": "info@example.org"}],
            "Account": [{"name": "ann@example.org", "aliases": ["info@example.org"], "detailToMailbox": true},
                        {"name": "bob@example.org"}, {"name": "team-request@example.org"}],
            "MailingList": [{"name": "team@example.org", "owner": "ann@example.org", "members": ["bob@example.org"]}]
        }"#;
        Configuration::from_settings_json(text, &Environment::default()).unwrap()
    }

    #[track_caller]
    fn check(address: &str, expected: &str) {
        let found = resident(&configuration(), Some('+'), &Address::parse(address).unwrap());
        let shown = match found {
            None => "nobody".to_owned(),
            Some(Resident::Account { account, detail }) => {
                format!("{}{}", account.name, detail.map_or(String::new(), |detail| format!(" {detail}")))
            }
            Some(Resident::List(list)) => format!("list {}", list.name),
            Some(Resident::ListOwner(list)) => format!("owner of {}", list.name),
        };
        assert_eq!(shown, expected, "{address}");
    }

    #[test]
    fn an_address_is_an_account_a_list_or_the_owner_of_a_list() {
        check("ann@example.org", "ann@example.org");
        check("INFO@example.net", "ann@example.org");
        check("ann+work@example.org", "ann@example.org work");
        check("bob+@example.net", "bob@example.org");
        check("team@example.net", "list team@example.org");
        check("team+x@example.org", "list team@example.org");
        check("Team-Bounces@example.org", "owner of team@example.org");
        check("team-owner@example.org", "owner of team@example.org");
        check("team-request@example.org", "team-request@example.org");
        check("nobody@example.org", "nobody");
        check("-owner@example.org", "nobody");
        check("anybody@all.example", "ann@example.org");
        check("ann@elsewhere.example", "nobody");
    }

    #[test]
    fn a_detail_is_kept_where_it_says_something() {
        let configuration = configuration();
        let account = |name: &str| Arc::clone(configuration.account(&Address::parse(name).unwrap()).unwrap());
        let queued = |name: &str, detail| queued_as(&account(name), detail, Some('+')).to_string();
        assert_eq!(queued("ann@example.org", Some("work")), "ann+work@example.org");
        assert_eq!(queued("ann@example.org", None), "ann@example.org");
        assert_eq!(queued("bob@example.org", Some("work")), "bob@example.org");
    }

    #[test]
    fn a_copy_goes_into_the_mailbox_of_its_detail_if_there_is_one_and_it_is_nothing_special() {
        let configuration = configuration();
        let account = |name: &str| Arc::clone(configuration.account(&Address::parse(name).unwrap()).unwrap());
        let (ann, bob) = (account("ann@example.org"), account("bob@example.org"));
        let there = ["INBOX", "Trash", "Work", "Lists/Rust"];
        let mailbox = |account: &Account, detail| filing(account, detail, there).remove(0).mailbox;
        assert_eq!(mailbox(&ann, Some("work")), "Work");
        assert_eq!(mailbox(&ann, Some("lists/rust")), "Lists/Rust");
        assert_eq!(mailbox(&ann, Some("new")), "INBOX");
        assert_eq!(mailbox(&ann, Some("trash")), "INBOX");
        assert_eq!(mailbox(&ann, None), "INBOX");
        assert_eq!(mailbox(&bob, Some("work")), "INBOX");
        assert!(asks_for_mailboxes(&ann, Some("work")) && !asks_for_mailboxes(&bob, Some("work")));
    }
}
