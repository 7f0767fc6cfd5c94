//! `Domain` and `Account`: for whom mail is ours.

use super::secret::Secret;

/// A domain whose mail we take.
#[derive(Clone, PartialEq, Debug)]
pub struct Domain {
    /// The domain name.
    pub name: mail::Domain,
    /// For people.
    pub description: Option<String>,
    /// Other names of the same domain.
    pub aliases: Vec<mail::Domain>,
    /// Where mail for unknown addresses goes, if anywhere.
    pub catch_all_address: Option<mail::Address>,
    /// Whether unknown addresses are accepted as they are, to be routed elsewhere.
    pub allow_relaying: bool,
}

/// Somebody with a mailbox.
#[derive(Clone, PartialEq, Debug)]
pub struct Account {
    /// The login name, also the first address.
    pub name: mail::Address,
    /// For people.
    pub description: Option<String>,
    /// Further addresses.
    pub aliases: Vec<mail::Address>,
    /// The password, as an argon2id hash in PHC form or, in a file written by hand, as plain text.
    pub secret: Option<Secret>,
    /// Bytes of mail at most; no limit unless said.
    pub quota: Option<u64>,
}
