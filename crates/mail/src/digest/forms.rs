//! The forms in which a header field can be asked for: RFC 8621 section 4.1.2.

pub use super::addresses::OwnedAddresses;
pub use super::date::{SentAt, parse as as_date};
use super::{AddressItem, words};

/// An address as JMAP says it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EmailAddress {
    /// The name, decoded.
    pub name: Option<String>,
    /// The address.
    pub email: String,
}

/// Addresses under one name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressGroup {
    /// The name; none for addresses outside all groups.
    pub name: Option<String>,
    /// They.
    pub addresses: Vec<EmailAddress>,
}

/// Raw (section 4.1.2.1): the bytes of the value as they are.
pub fn as_raw(value: &[u8]) -> String {
    String::from_utf8_lossy(value).replace('\0', "\u{fffd}")
}

/// Text (section 4.1.2.2).
pub fn as_text(value: &[u8]) -> String {
    words::decode(value)
}

/// Addresses (section 4.1.2.3).
pub fn as_addresses(value: &[u8]) -> Vec<EmailAddress> {
    as_grouped_addresses(value).into_iter().flat_map(|group| group.addresses).collect()
}

/// Addresses in their groups (section 4.1.2.4).
pub fn as_grouped_addresses(value: &[u8]) -> Vec<AddressGroup> {
    let list = OwnedAddresses::parse(value);
    let mut groups: Vec<AddressGroup> = Vec::new();
    let mut is_named = false;
    for item in list.borrow().items() {
        match item {
            AddressItem::Group(name) => {
                groups.push(AddressGroup { name: Some(words::decode(name)), addresses: Vec::new() });
                is_named = true;
            }
            AddressItem::GroupEnd => is_named = false,
            AddressItem::Mailbox(mailbox) => {
                if !is_named && groups.last().is_none_or(|group| group.name.is_some()) {
                    groups.push(AddressGroup { name: None, addresses: Vec::new() });
                }
                let address = EmailAddress { name: mailbox.decoded_name(), email: mailbox.address() };
                groups.iter_mut().next_back().map(|group| group.addresses.push(address)).unwrap_or_default();
            }
        }
    }
    groups
}

/// Message identifiers (section 4.1.2.5); none if there are none.
pub fn as_message_ids(value: &[u8]) -> Option<Vec<String>> {
    Some(super::ids::parse(value)).filter(|ids| !ids.is_empty())
}

/// URLs in angle brackets (section 4.1.2.7, RFC 2369); none if there are none.
pub fn as_urls(value: &[u8]) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(value);
    let mut urls = Vec::new();
    let mut rest = &text[..];
    while let Some((_, from)) = rest.split_once('<') {
        let Some((url, after)) = from.split_once('>') else { break };
        let url: String = url.chars().filter(|c| !c.is_whitespace()).collect();
        if !url.is_empty() && urls.len() < super::limits::IDS_MAX {
            urls.push(url);
        }
        rest = after;
    }
    (!urls.is_empty()).then_some(urls)
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 8621 sections 4.1.2.3 and 4.1.2.4.
    #[test]
    fn the_examples_of_the_standard() {
        let value = b"\"  James Smythe\" <james@example.com>, Friends:\r\n jane@example.com, =?UTF-8?Q?John_Sm=C3=AEth?=\r\n <john@example.com>;";
        let address = |name: Option<&str>, email: &str| EmailAddress {
            name: name.map(Into::into),
            email: email.into(),
        };
        let (james, jane, john) = (
            address(Some("James Smythe"), "james@example.com"),
            address(None, "jane@example.com"),
            address(Some("John Smîth"), "john@example.com"),
        );
        assert_eq!(as_addresses(value), [james.clone(), jane.clone(), john.clone()]);
        let groups = as_grouped_addresses(value);
        assert_eq!(groups[0], AddressGroup { name: None, addresses: vec![james] });
        assert_eq!(groups[1], AddressGroup { name: Some("Friends".into()), addresses: vec![jane, john] });
    }

    #[test]
    fn urls_are_taken_from_their_brackets() {
        let value = b"<ftp://ftp.host.com/list.txt> (FTP),\r\n <mailto:list@host.com?subject=help>";
        let expected =
            vec!["ftp://ftp.host.com/list.txt".to_owned(), "mailto:list@host.com?subject=help".to_owned()];
        assert_eq!(as_urls(value), Some(expected));
        assert_eq!(as_urls(b"NO"), None);
    }
}
