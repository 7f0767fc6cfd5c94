//! Into the local store: one copy for each account, within its quota.

use std::collections::BTreeSet;
use std::sync::Arc;

use mail::header::delivery_prefix;
use mail::{Address, EnhancedStatus, Envelope, Reply};
use policy::outcome::Delivered;
use policy::settings::Account;
use policy::{AttemptOutcome, Configuration, Scope, Trouble, TroubleKind};
use store::{Deposit, QueuedRecipient};

use crate::world::World;

/// The mailbox that mail goes to.
const INBOX: &str = "INBOX";
/// The host that is named as the one that took the mail.
const LOCAL_HOST: &str = "localhost";

/// What the local store makes of each recipient, and the copies to be written with the verdicts.
pub(crate) async fn deliver(
    world: &World,
    configuration: &Configuration,
    envelope: &Envelope,
    recipients: &[QueuedRecipient],
) -> (Vec<AttemptOutcome>, Vec<Deposit>) {
    let mut outcomes = Vec::with_capacity(recipients.len());
    let mut deposits: Vec<Deposit> = Vec::with_capacity(recipients.len());
    let mut served: BTreeSet<Address> = BTreeSet::new();
    for queued in recipients {
        let forward_path = &queued.recipient.forward_path;
        let Some(account) = account_of(configuration, forward_path) else {
            outcomes.push(match configuration.incomplete {
                true => AttemptOutcome::Deferred(unsure(forward_path)),
                false => AttemptOutcome::Failed(unknown(forward_path)),
            });
            continue;
        };
        if let Some(trouble) = over_quota(world, &account, envelope, forward_path).await {
            outcomes.push(AttemptOutcome::Deferred(trouble));
            continue;
        }
        // Two addresses of one account get one copy.
        if served.insert(account.name.clone()) {
            deposits.push(Deposit {
                recipient: queued.recipient.id,
                account: account.name.clone(),
                mailbox: INBOX.to_owned(),
                // RFC 5321 section 4.4: the last hop writes down the reverse-path.
                prefix: delivery_prefix(&envelope.reverse_path, forward_path).into(),
                received_at: world.clock.now(),
            });
        }
        outcomes.push(AttemptOutcome::Delivered(Delivered {
            host: LOCAL_HOST.to_owned(),
            reply: Reply::new(250, Some(EnhancedStatus::new(2, 1, 5)), "delivered"),
            last_hop: true,
            dsn_handed_on: false,
            traced: false,
        }));
    }
    (outcomes, deposits)
}

/// The account of an address: its own, that of the same local part under the domain's main name, or the catch-all's.
fn account_of(configuration: &Configuration, address: &Address) -> Option<Arc<Account>> {
    if let Some(account) = configuration.account(address) {
        return Some(Arc::clone(account));
    }
    let domain = configuration.local_domain(&address.domain)?;
    let main = Address { local_part: address.local_part.clone(), domain: domain.name.clone() };
    let found = configuration.account(&main);
    found.or_else(|| configuration.account(domain.catch_all_address.as_ref()?)).map(Arc::clone)
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
