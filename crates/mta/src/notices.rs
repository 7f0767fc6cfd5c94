//! Writes the one notification about what happened to a message, in the name and with the signature that settings say.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use mail::{Address, Domain, Envelope, Recipient, ReversePath, Timestamp};
use policy::bounce::{
    Allowance, Happening, NoticeRates, accepted, addressee, notification, notification_envelope,
    original_bytes_wanted, standing, wanted,
};
use policy::facts::Facts;
use policy::reporter::{Reporter, choose_reporter};
use policy::retry::notification_schedule;
use policy::route::choose_schedule;
use policy::settings::MtaDeliverySchedule;
use policy::{Configuration, Progress};
use std::sync::Arc;
use store::{Content, Notice};
use tokio::io::AsyncReadExt;
use tracing::warn;

use crate::gather::decide;
use crate::sign::sign;
use crate::world::World;

/// How many notifications went to whom, on this node.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<NoticeRates>);

impl Rates {
    fn take(&self, to: &Address, envelope: &Envelope, now: Timestamp) -> Allowance {
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rates.take(to, standing(envelope), now)
    }
}

/// The notification about all that happened; none if nobody is to be told.
pub(crate) async fn notice(
    world: &World,
    configuration: &Configuration,
    rates: &Rates,
    envelope: &Envelope,
    happenings: Vec<(Recipient, Happening)>,
    now: Timestamp,
) -> Option<Notice> {
    let is_wanted = |(recipient, happening): &(Recipient, Happening)| {
        wanted(configuration, envelope, recipient, happening)
    };
    let told: Vec<_> = happenings.into_iter().filter(is_wanted).collect();
    let to = addressee(configuration, envelope)?;
    told.first()?;
    let allowed = rates.take(&to, envelope, now);
    if allowed == Allowance::Never {
        warn!(id = %envelope.message, %to, recipients = told.len(),
            "a stranger is not told of a failure: too many notifications went to that address already");
        return None;
    }
    let schedule = schedule(world, configuration, envelope, &notification_envelope(&to, now), now).await;
    let original = original(world, envelope, original_bytes_wanted(envelope, &told)).await;
    let reporter = reporter(world, configuration, envelope).await;
    let content = notification(envelope, &to, &told, &original, &reporter, world.clock.wall())?;
    let content = signed(configuration, reporter.sign_domain.as_ref(), content, now).await;
    let mut progress = Progress::first(&schedule, now, &notification_envelope(&to, now).parameters);
    if let Allowance::At(at) = allowed {
        progress.due = progress.due.max(at);
    }
    Some(Notice { accepted: accepted(envelope, &to, &content, progress, now), content: Bytes::from(content) })
}

/// Says in the log that a notification could not be delivered: nobody hears of it otherwise.
pub(crate) fn log_double_bounce(envelope: &Envelope, recipient: &Recipient, why: &str) {
    if envelope.reverse_path == ReversePath::Null {
        let source = envelope.origin.source.name();
        warn!(id = %envelope.message, recipient = %recipient.forward_path, source, why, "double bounce");
    }
}

async fn reporter(world: &World, configuration: &Configuration, envelope: &Envelope) -> Reporter {
    match decide(world, |answers| choose_reporter(configuration, envelope, answers)).await {
        Ok(reporter) => reporter,
        Err(trouble) => {
            warn!(id = %envelope.message, why = trouble.text, "a notification is written in the plain name");
            Reporter::plain(configuration.hostname.clone(), configuration.domain.clone())
        }
    }
}

/// The content behind the fields that sign it, if this domain has keys.
pub(crate) async fn signed(
    configuration: &Configuration,
    domain: Option<&Domain>,
    content: Vec<u8>,
    now: Timestamp,
) -> Vec<u8> {
    let Some(domain) = domain else { return content };
    let mut signed = sign(configuration, domain, &content, now).await;
    signed.extend(content);
    signed
}

/// The schedule of a message of our own, `seen` as expressions see it, about another.
pub(crate) async fn schedule(
    world: &World,
    configuration: &Configuration,
    envelope: &Envelope,
    seen: &Envelope,
    now: Timestamp,
) -> Arc<MtaDeliverySchedule> {
    let progress = Progress::unscheduled(now);
    let Some(to) = seen.recipients.first() else { return Arc::new(notification_schedule()) };
    let facts = Facts::new(seen, to, &progress, now);
    match decide(world, |answers| choose_schedule(configuration, &facts, answers)).await {
        Ok(schedule) => schedule,
        Err(trouble) => {
            warn!(id = %envelope.message, why = trouble.text, "no schedule can be chosen for a notification");
            Arc::new(notification_schedule())
        }
    }
}

/// The beginning of the message. If it cannot be read, the notification goes without: it is worth more than that.
pub(crate) async fn original(world: &World, envelope: &Envelope, bytes_max: u64) -> Vec<u8> {
    let length = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    match world.store.content(envelope.message).await {
        Ok(Some(Content::Memory(bytes))) => return bytes[..length.min(bytes.len())].to_vec(),
        Ok(Some(Content::File(file))) => {
            let mut start = Vec::new();
            match crate::content::open(&file).await {
                Ok(open) => match open.take(bytes_max).read_to_end(&mut start).await {
                    Ok(_) => return start,
                    Err(why) => warn!(id = %envelope.message, %why, "cannot read the content to return"),
                },
                Err(why) => warn!(id = %envelope.message, %why, "cannot open the content to return"),
            }
        }
        Ok(None) => warn!(id = %envelope.message, "there is no content to return"),
        Err(why) => warn!(id = %envelope.message, %why, "cannot find the content to return"),
    }
    Vec::new()
}
