//! Into the local store: one copy for each account, within its quota; and on to the members of lists.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use directory::Known;
use mail::header::delivery_prefix;
use mail::{Address, EnhancedStatus, Envelope, Reply};
use policy::local::{
    DETAIL_SEPARATOR, Filing, Resident, addressed, asks_for_mailboxes, filing, questions, resident,
};
use policy::mailing_list::Door;
use policy::outcome::Delivered;
use policy::settings::{Account, MailingList};
use policy::{AttemptOutcome, Configuration, Scope, Trouble, TroubleKind};
use store::{Deposit, Notice, QueuedRecipient};

use super::expand::{ListTrouble, expansion};
use crate::world::World;

/// The host that is named as the one that took the mail.
pub(super) const LOCAL_HOST: &str = "localhost";
/// Bytes of what lists pass on of one message that are held until all of it is written.
const EXPANSION_BYTES_MAX: u64 = 64 << 20;
/// When a list has its turn that found no room.
const EXPANSION_DELAY: Duration = Duration::from_secs(1);

/// What is to be written with the verdicts of a local delivery.
#[derive(Debug, Default)]
pub(crate) struct Local {
    /// What it meant for each recipient.
    pub(crate) outcomes: Vec<AttemptOutcome>,
    /// Copies for accounts.
    pub(crate) deposits: Vec<Deposit>,
    /// What lists pass on.
    pub(crate) expansions: Vec<Notice>,
}

/// What the local store makes of each recipient, and the copies to be written with the verdicts.
pub(crate) async fn deliver(
    world: &World,
    configuration: &Configuration,
    envelope: &Envelope,
    recipients: &[QueuedRecipient],
) -> Local {
    let mut local = Local::default();
    let mut served: BTreeSet<Address> = BTreeSet::new();
    for queued in recipients {
        let forward_path = &queued.recipient.forward_path;
        let resident = match elsewhere(world, configuration, forward_path).await {
            Ok(Some(account)) => Some(Resident::Account { account, detail: None }),
            Ok(None) => resident(configuration, Some(DETAIL_SEPARATOR), forward_path),
            Err(trouble) => {
                local.outcomes.push(AttemptOutcome::Deferred(trouble));
                continue;
            }
        };
        let outcome = match resident {
            None if configuration.incomplete => AttemptOutcome::Deferred(unsure(forward_path)),
            None => AttemptOutcome::Failed(unknown(forward_path)),
            Some(Resident::Account { account, detail }) => {
                let new = !served.contains(&account.name);
                let copies = copies(world, envelope, queued, (&account, detail.as_deref()), new).await;
                copies.map_or_else(AttemptOutcome::Deferred, |deposits| {
                    // Two addresses of one account get one copy.
                    if new {
                        served.insert(account.name.clone());
                    }
                    local.deposits.extend(deposits);
                    delivered("delivered")
                })
            }
            Some(Resident::List(list)) => {
                pass_on(world, configuration, envelope, (&list, Door::Members, forward_path), &mut local)
                    .await
            }
            Some(Resident::ListOwner(list)) => {
                pass_on(world, configuration, envelope, (&list, Door::Owner, forward_path), &mut local).await
            }
        };
        local.outcomes.push(outcome);
    }
    local
}

/// The copies for one account; none if it has one already.
async fn copies(
    world: &World,
    envelope: &Envelope,
    queued: &QueuedRecipient,
    (account, detail): (&Arc<Account>, Option<&str>),
    new: bool,
) -> Result<Vec<Deposit>, Trouble> {
    let forward_path = &queued.recipient.forward_path;
    if let Some(trouble) = over_quota(world, account, envelope, forward_path).await {
        return Err(trouble);
    }
    if !new {
        return Ok(Vec::new());
    }
    let there = match asks_for_mailboxes(account, detail) {
        false => Vec::new(),
        true => {
            let there = world.store.mailboxes(&account.name).await;
            there.map_err(|error| Trouble::ours(error.to_string()))?
        }
    };
    let filings = filing(account, detail, there.iter().map(|(path, _)| path.as_str()));
    let deposit = |filing: Filing| Deposit {
        recipient: queued.recipient.id,
        account: account.name.clone(),
        mailbox: filing.mailbox,
        // RFC 5321 section 4.4: the last hop writes down the reverse-path.
        prefix: delivery_prefix(&envelope.reverse_path, forward_path).into(),
        received_at: world.clock.now(),
    };
    Ok(filings.into_iter().map(deposit).collect())
}

/// Hands the message to a list, whose own message is written with the end of this recipient: both or neither.
async fn pass_on(
    world: &World,
    configuration: &Configuration,
    envelope: &Envelope,
    to: (&MailingList, Door, &Address),
    local: &mut Local,
) -> AttemptOutcome {
    let held = local.expansions.iter().map(|notice| notice.content.len() as u64).sum();
    if !has_room(held, envelope.size) {
        let text = "passed on when what other lists pass on of this message is written".to_owned();
        let trouble = local_trouble(TroubleKind::Rate, (4, 4, 5), text);
        return AttemptOutcome::Postponed { until: world.clock.now().plus(EXPANSION_DELAY), trouble };
    }
    match expansion(world, configuration, envelope, to).await {
        Ok(notice) => {
            let text = format!("passed on to {} recipients", notice.accepted.recipients().len());
            local.expansions.push(notice);
            delivered(&text)
        }
        Err(ListTrouble::Temporary(trouble)) => AttemptOutcome::Deferred(trouble),
        Err(ListTrouble::Permanent(trouble)) => AttemptOutcome::Failed(trouble),
    }
}

/// Whether one more copy for a list may be held beside those that are. One always may.
fn has_room(held: u64, more: u64) -> bool {
    held == 0 || held.saturating_add(more) <= EXPANSION_BYTES_MAX
}

fn delivered(text: &str) -> AttemptOutcome {
    AttemptOutcome::Delivered(Delivered {
        host: LOCAL_HOST.to_owned(),
        reply: Reply::new(250, Some(EnhancedStatus::new(2, 1, 5)), text),
        last_hop: true,
        dsn_handed_on: false,
        traced: false,
    })
}

/// The account of an address that a directory elsewhere knows, or of its catch-all. Costs nothing for our own.
async fn elsewhere(
    world: &World,
    configuration: &Configuration,
    address: &Address,
) -> Result<Option<Arc<Account>>, Trouble> {
    let separator = Some(DETAIL_SEPARATOR);
    if configuration.directories.is_empty() || addressed(configuration, separator, address).is_some() {
        return Ok(None);
    }
    let catch_all =
        configuration.local_domain(&address.domain).and_then(|domain| domain.catch_all_address.as_ref());
    let mut asked = questions(configuration, separator, address);
    asked.extend(catch_all.into_iter().flat_map(|address| questions(configuration, separator, address)));
    for address in &asked {
        match world.directory.account(address).await {
            Known::Is(account) => return Ok(Some(account)),
            Known::Nobody => {}
            Known::NotNow => {
                let text = format!("it cannot be said now whether there is a mailbox for {address}");
                return Err(local_trouble(TroubleKind::Io, (4, 3, 0), text));
            }
        }
    }
    Ok(None)
}

async fn over_quota(
    world: &World,
    account: &Account,
    envelope: &Envelope,
    forward_path: &Address,
) -> Option<Trouble> {
    let quota = account.quota?;
    match world.store.usage(&account.name).await {
        Ok(used) if used.saturating_add(envelope.size) <= quota => None,
        Ok(_) => {
            let text = format!("the mailbox of {forward_path} is full");
            Some(local_trouble(TroubleKind::Io, (4, 2, 2), text))
        }
        Err(error) => Some(Trouble::ours(error.to_string())),
    }
}

fn unknown(forward_path: &Address) -> Trouble {
    let text = format!("there is no mailbox for {forward_path}");
    local_trouble(TroubleKind::UnexpectedReply, (5, 1, 1), text)
}

fn unsure(forward_path: &Address) -> Trouble {
    let text = format!(
        "stored settings cannot be read: it cannot be said whether there is a mailbox for {forward_path}"
    );
    local_trouble(TroubleKind::Io, (4, 3, 5), text)
}

fn local_trouble(kind: TroubleKind, status: (u8, u16, u16), text: String) -> Trouble {
    Trouble::new(Scope::Recipient, kind, status, text).at(LOCAL_HOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_share_a_large_message_take_turns() {
        let message = 50 << 20;
        let held = |lists: &[u64]| {
            lists.iter().fold(0, |held, size| if has_room(held, *size) { held + size } else { held })
        };
        assert_eq!(held(&[message; 100]), message, "as much memory as one needs");
        assert_eq!(held(&[1 << 20; 100]), EXPANSION_BYTES_MAX);
        assert_eq!(held(&[EXPANSION_BYTES_MAX * 2]), EXPANSION_BYTES_MAX * 2, "one always has its turn");
    }
}
