//! Is this forward-path ours, and under which name? If not, may the client send there?

use mail::{Address, Notify, OriginalRecipient, Reply, ReversePath};

use super::{RelayPermit, refusal};
use crate::configuration::Configuration;
use crate::local::{Resident, questions, queued_as, resident};
use crate::mailing_list::may_post;

/// A recipient that may be sent to. Only this file makes one.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Admitted {
    pub(super) forward_path: Address,
    pub(super) original: Option<OriginalRecipient>,
    pub(super) notify: Notify,
}

/// What a directory elsewhere says of an address in one of its domains.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// It is that of the account of this name.
    Is(Address),
    /// It is nobody's.
    Nobody,
    /// It does not answer.
    NotNow,
}

/// Who asks.
pub(super) struct Client<'c> {
    pub(super) permit: Option<RelayPermit>,
    pub(super) separator: Option<char>,
    pub(super) reverse_path: &'c ReversePath,
    pub(super) authenticated_as: Option<&'c str>,
}

/// Where the copy goes, or why not.
enum Resolution {
    /// To this address of ours.
    Ours(Address),
    /// There is no such address in our domain.
    Unknown,
    /// It cannot be said.
    Unsure,
    /// To a list that this client may not write to.
    Forbidden,
    /// To a domain that is not ours.
    Elsewhere(Address),
}

/// Admits a forward-path. If it is rewritten, what was asked for becomes the original recipient.
pub(super) fn admit(
    configuration: &Configuration,
    client: &Client<'_>,
    asked: Address,
    said: Option<&Said>,
    original: Option<OriginalRecipient>,
    notify: Notify,
) -> Result<Admitted, Box<Reply>> {
    let forward_path = match resolve(configuration, client, &asked, said) {
        Resolution::Ours(address) => address,
        Resolution::Unsure => return Err(unsure()),
        Resolution::Unknown if configuration.incomplete => return Err(unsure()),
        Resolution::Unknown => return Err(refusal(550, 5, 1, 1, "Mailbox does not exist.")),
        Resolution::Forbidden => return Err(refusal(550, 5, 7, 2, "You may not write to this list.")),
        Resolution::Elsewhere(address) => match client.permit {
            Some(permit) => elsewhere(permit, address),
            None if configuration.incomplete => return Err(unsure()),
            None => return Err(refusal(550, 5, 1, 2, "Relay not allowed.")),
        },
    };
    let rewritten = forward_path != asked;
    let original = original.or_else(|| rewritten.then(|| original_of(&asked)));
    Ok(Admitted { forward_path, original, notify })
}

/// It may be ours: who sends must keep it until the settings are whole again and directories answer.
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

/// As `policy::local` says; then the domain's catch-all, wherever that is; then as it is, where the domain is routed
/// elsewhere.
fn resolve(
    configuration: &Configuration,
    client: &Client<'_>,
    asked: &Address,
    said: Option<&Said>,
) -> Resolution {
    let Some(domain) = configuration.local_domain(&asked.domain) else {
        return Resolution::Elsewhere(asked.clone());
    };
    // Nothing is said unless it was asked; where it should have been, doubt is not absence.
    match said {
        Some(Said::Is(name)) => return Resolution::Ours(name.clone()),
        Some(Said::NotNow) => return Resolution::Unsure,
        None if !questions(configuration, client.separator, asked).is_empty() => return Resolution::Unsure,
        Some(Said::Nobody) | None => {}
    }
    match resident(configuration, client.separator, asked) {
        Some(Resident::Account { account, detail }) => {
            Resolution::Ours(queued_as(&account, detail.as_deref(), client.separator))
        }
        Some(Resident::List(list)) => {
            match may_post(configuration, &list, client.reverse_path, client.authenticated_as) {
                true => Resolution::Ours(list.name.clone()),
                false => Resolution::Forbidden,
            }
        }
        Some(Resident::ListOwner(_)) => Resolution::Ours(asked.clone()),
        None => match &domain.catch_all_address {
            Some(address) => Resolution::Ours(address.clone()),
            None if domain.allow_relaying => Resolution::Ours(asked.clone()),
            None => Resolution::Unknown,
        },
    }
}
