//! Is this forward-path ours, and under which name? If not, may the client send there?

use mail::{Address, LocalPart, Notify, OriginalRecipient, Reply};

use super::{RelayPermit, refusal};
use crate::configuration::Configuration;

/// A recipient that may be sent to. Only this file makes one.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Admitted {
    pub(super) forward_path: Address,
    pub(super) original: Option<OriginalRecipient>,
    pub(super) notify: Notify,
}

/// Where the copy goes, or why not.
enum Resolution {
    /// To this address of ours.
    Ours(Address),
    /// There is no such address in our domain.
    Unknown,
    /// To a domain that is not ours.
    Elsewhere(Address),
}

/// Admits a forward-path. If it is rewritten, what was asked for becomes the original recipient.
pub(super) fn admit(
    configuration: &Configuration,
    permit: Option<RelayPermit>,
    separator: Option<char>,
    asked: Address,
    original: Option<OriginalRecipient>,
    notify: Notify,
) -> Result<Admitted, Box<Reply>> {
    let forward_path = match resolve(configuration, separator, &asked) {
        Resolution::Ours(address) => address,
        Resolution::Unknown if configuration.incomplete => return Err(unsure()),
        Resolution::Unknown => return Err(refusal(550, 5, 1, 1, "Mailbox does not exist.")),
        Resolution::Elsewhere(address) => match permit {
            Some(permit) => elsewhere(permit, address),
            None if configuration.incomplete => return Err(unsure()),
            None => return Err(refusal(550, 5, 1, 2, "Relay not allowed.")),
        },
    };
    let rewritten = forward_path != asked;
    let original = original.or_else(|| rewritten.then(|| original_of(&asked)));
    Ok(Admitted { forward_path, original, notify })
}

/// It may be ours: who sends must keep it until the settings are whole again.
fn unsure() -> Box<Reply> {
    refusal(451, 4, 3, 5, "It cannot be said now whether this address is ours; try again later.")
}

/// The one place where an address that is not ours becomes a recipient.
fn elsewhere(_permit: RelayPermit, address: Address) -> Address {
    address
}

/// RFC 6533 section 3: what is not ASCII has a type of its own.
fn original_of(asked: &Address) -> OriginalRecipient {
    let kind = if asked.needs_smtputf8() { "utf-8" } else { "rfc822" };
    OriginalRecipient { kind: kind.to_owned(), address: asked.to_string() }
}

/// The address itself; then without its detail; then the domain's catch-all; then as it is, where the domain
/// is routed elsewhere.
fn resolve(configuration: &Configuration, separator: Option<char>, asked: &Address) -> Resolution {
    let Some(domain) = configuration.local_domain(&asked.domain) else {
        return Resolution::Elsewhere(asked.clone());
    };
    let known = account(configuration, asked)
        .or_else(|| without_detail(separator, asked).and_then(|plain| account(configuration, &plain)))
        .or_else(|| domain.catch_all_address.clone().map(|to| follow(configuration, to)));
    match known {
        Some(address) => Resolution::Ours(address),
        None if domain.allow_relaying => Resolution::Ours(asked.clone()),
        None => Resolution::Unknown,
    }
}

/// The name of the account with this address.
fn account(configuration: &Configuration, address: &Address) -> Option<Address> {
    configuration.account(address).map(|account| account.name.clone())
}

/// A catch-all may itself be an alias of an account.
fn follow(configuration: &Configuration, address: Address) -> Address {
    account(configuration, &address).unwrap_or(address)
}

fn without_detail(separator: Option<char>, address: &Address) -> Option<Address> {
    let (plain, _) = address.local_part.as_str().split_once(separator?)?;
    let local_part = LocalPart::parse(plain).ok()?;
    Some(Address { local_part, domain: address.domain.clone() })
}
