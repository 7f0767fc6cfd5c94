//! The way from mailbox access into the queue and out to push services: `access` asks, `mta` does.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use access::world::{Delivered, NotTaken, Offer, Standing, Submission, Taken};
use admin::Observer;
use admin::history::{self, Ending};
use async_trait::async_trait;
use mail::dsn::one_line;
use mail::{Address, EnhancedStatus, MessageId, Reply, Timestamp};
use mta::World;
use mta::submit::{self, Door};
use mta::web::Reach;
use mta::world::{Telling, WebLimits};
use policy::Trouble;
use policy::settings::Account;
use policy::vacation::Vacation;
use store::StoreError;

/// Characters of a reply in our words.
const TEXT_CHARS_MAX: usize = 500;
/// What a push service may take and say.
const PUSH_LIMITS: WebLimits = WebLimits { body_bytes_max: 16 * 1024, time_max: Duration::from_secs(30) };

/// The outbox of this process.
pub(crate) struct Outbox {
    /// Where mail comes in.
    pub(crate) door: Door,
    /// The queue.
    pub(crate) world: World,
    /// What has left the queue.
    pub(crate) observer: Arc<Observer>,
}

#[async_trait]
impl access::Outbox for Outbox {
    async fn offer(&self, account: &Account, client: IpAddr) -> Offer {
        let offered = self.door.offered(&account.name, client).await;
        Offer {
            delay_max: offered.future_release.unwrap_or_default(),
            dsn: offered.dsn,
            deliver_by_max: offered.deliver_by,
            priority: offered.mt_priority.is_some(),
            require_tls: offered.require_tls,
            message_bytes_max: self.door.message_bytes_max(),
            recipients_max: self.door.recipients_max(),
        }
    }

    async fn submit(&self, submission: Submission) -> Result<Taken, NotTaken> {
        let recipients = submission.recipients.into_iter().map(|one| submit::SubmittedRecipient {
            forward_path: one.forward_path,
            original: one.original,
            notify: one.notify,
        });
        let asked = submit::Submission {
            account: submission.account.name.clone(),
            client: submission.client,
            reverse_path: submission.reverse_path,
            recipients: recipients.collect(),
            parameters: submission.parameters,
            content: submission.content,
        };
        match self.door.submit(asked).await {
            Ok(submit::Taken { message, forward_paths }) => Ok(Taken { message, forward_paths }),
            Err(submit::NotTaken::Message(reply)) => Err(NotTaken::Message(reply)),
            Err(submit::NotTaken::Recipients(refused)) => Err(NotTaken::Recipients(refused)),
        }
    }

    async fn take_back(&self, account: &Account, message: MessageId) -> Result<bool, StoreError> {
        submit::recall(&self.world, &account.name, message).await
    }

    async fn standing(&self, account: &Account, message: MessageId) -> Result<Vec<Standing>, StoreError> {
        let queued = submit::standing(&self.world, &account.name, message).await?;
        if !queued.is_empty() {
            return Ok(queued.into_iter().map(|(_, to, standing)| of_queued(to, standing)).collect());
        }
        let remembered = history::endings(&self.observer, message).await;
        Ok(remembered.into_iter().filter_map(of_ended).collect())
    }

    async fn vacation(&self, account: &Account) -> Result<Vacation, StoreError> {
        Ok(self.world.vacations.of(&account.name))
    }

    async fn answer_for(&self, account: &Account, vacation: &Vacation) -> Result<(), StoreError> {
        self.world.vacations.say(&self.world, &account.name, vacation).await
    }

    async fn find(
        &self,
        account: &Account,
        envelope_id: &str,
        since: Timestamp,
    ) -> Result<Option<MessageId>, StoreError> {
        submit::find(&self.world, &account.name, envelope_id, since).await
    }
}

fn of_queued(forward_path: Address, standing: submit::Standing) -> Standing {
    let (delivered, reply) = match standing {
        submit::Standing::Waits(trouble) => (Delivered::Queued, trouble.map(|trouble| said(&trouble))),
        submit::Standing::Delivered(delivered) => (arrived(delivered.last_hop), Some(delivered.reply)),
        submit::Standing::Failed(trouble) => (Delivered::No, Some(said(&trouble))),
    };
    Standing { forward_path, delivered, reply }
}

/// Whether it is in a mailbox is known of the last hop only (RFC 8621 section 7).
fn arrived(last_hop: bool) -> Delivered {
    if last_hop { Delivered::Yes } else { Delivered::Unknown }
}

fn said(trouble: &Trouble) -> Reply {
    match &trouble.reply {
        Some((_, reply)) => reply.clone(),
        None => {
            let code = if trouble.status.class == 5 { 550 } else { 450 };
            Reply::new(code, Some(trouble.status), one_line(&trouble.text, TEXT_CHARS_MAX))
        }
    }
}

fn of_ended(ending: Ending) -> Option<Standing> {
    let forward_path = Address::parse(&ending.address).ok()?;
    let reply = |code, class| {
        let text = ending.reply.as_deref().unwrap_or_default();
        let text = one_line(text, TEXT_CHARS_MAX);
        Some(parsed(&text).unwrap_or_else(|| Reply::new(code, Some(EnhancedStatus::new(class, 0, 0)), text)))
    };
    let (delivered, reply) = match ending.state {
        "delivered" => (arrived(ending.is_local), reply(250, 2)),
        "failed" | "cancelled" => (Delivered::No, reply(550, 5)),
        _ => (Delivered::Unknown, None),
    };
    Some(Standing { forward_path, delivered, reply })
}

/// A reply as it is written in one line.
fn parsed(text: &str) -> Option<Reply> {
    let (code, rest) = text.split_once(' ')?;
    let code = code.parse().ok().filter(|code| (200..600).contains(code))?;
    match rest.split_once(' ').and_then(|(status, words)| Some((EnhancedStatus::parse(status)?, words))) {
        Some((status, words)) => Some(Reply::new(code, Some(status), words)),
        None => Some(Reply::new(code, None, rest)),
    }
}

/// The way to push services.
pub(crate) struct Courier {
    /// The web.
    pub(crate) world: World,
    /// How far it reaches.
    pub(crate) reach: Reach,
}

#[async_trait]
impl access::Courier for Courier {
    async fn post(&self, url: &str, fields: &[(&str, String)], body: Vec<u8>) -> io::Result<u16> {
        let telling = Telling { url, fields, body, reach: self.reach };
        let answer = self.world.web.tell(telling, PUSH_LIMITS).await?;
        Ok(answer.status)
    }
}
