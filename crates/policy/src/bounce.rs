//! Who is told what? RFC 3461.

mod addressee;
mod english;
mod rate;
mod returned;
mod status;
#[cfg(test)]
mod tests;
mod text;

use mail::dsn::{Action, DeliveryStatus, Dsn};
use mail::{
    Address, Body, ContentTraits, Envelope, MessageId, Notify, Origin, Parameters, Recipient, ReversePath,
    Source, Timestamp,
};

pub use self::addressee::{Standing, addressee, standing};
pub use self::rate::{Allowance, NoticeRates};
pub use self::returned::original_bytes_wanted;
use crate::admit::{Accepted, NewRecipient};
use crate::configuration::Configuration;
use crate::outcome::{Delivered, Trouble};
use crate::reporter::Reporter;
use crate::retry::Progress;

/// Something that happened to a recipient and that its sender may want to know.
#[derive(Clone, PartialEq, Debug)]
pub enum Happening {
    /// The next hop has it.
    Delivered(Delivered),
    /// It is still being tried.
    Delayed(Progress),
    /// We have given up.
    Failed(Trouble),
}

/// Whether the sender is to be told (RFC 3461 section 4.1): it asked for it, there is somebody to tell (I3), and it is
/// known well enough to be written to.
///
/// Where the request was handed on, the next hop tells of the success (RFC 3461 section 5.2.1).
pub fn wanted(
    configuration: &Configuration,
    envelope: &Envelope,
    recipient: &Recipient,
    happening: &Happening,
) -> bool {
    if envelope.reverse_path == ReversePath::Null {
        return matches!(happening, Happening::Failed(_))
            && configuration.reports.double_bounce_to_postmaster
            && !addressee::is_postmaster(configuration, recipient);
    }
    let asked = match happening {
        // RFC 2852 section 4: a handing on that is traced is told of also by the way.
        Happening::Delivered(delivered) => {
            (recipient.notify.success && !delivered.dsn_handed_on)
                || (delivered.traced && recipient.notify != Notify::NEVER)
        }
        Happening::Delayed(_) => recipient.notify.delay,
        Happening::Failed(_) => recipient.notify.failure,
    };
    asked && addressee::may_tell(configuration, envelope, recipient)
}

/// The envelope of a notification as expressions see it: what its schedule is chosen by.
pub fn notification_envelope(to: &Address, now: Timestamp) -> Envelope {
    Envelope {
        message: MessageId(0),
        reverse_path: ReversePath::Null,
        accepted_at: now,
        origin: Origin::own(Source::Dsn),
        parameters: Parameters::default(),
        traits: ContentTraits::default(),
        size: 0,
        recipients: vec![to.clone()],
    }
}

/// The one notification about all that happened to a message and that is [`wanted`]; none if nothing is.
///
/// `original` is the beginning of the message, [`original_bytes_wanted`] long.
pub fn notification(
    envelope: &Envelope,
    to: &Address,
    wanted: &[(Recipient, Happening)],
    original: &[u8],
    reporter: &Reporter,
    now: Timestamp,
) -> Option<Vec<u8>> {
    let mut told: Vec<&(Recipient, Happening)> = wanted.iter().collect();
    told.sort_by_key(|(recipient, happening)| (action(happening), recipient.id));
    let (first, _) = told.first()?;
    let news = text::news(&told);
    let dsn = Dsn {
        from_name: reporter.from_name.clone(),
        from: reporter.from.clone(),
        to: to.clone(),
        subject: english::subject(news).to_owned(),
        date: now,
        message_id: format!("{:x}.{}.{}@{}", now.as_millis(), envelope.message, first.id, reporter.hostname),
        text: text::text(&told, reporter, envelope.reverse_path == ReversePath::Null),
        status: DeliveryStatus {
            reporting_mta: reporter.hostname.to_string(),
            arrival_date: envelope.accepted_at,
            envelope_id: envelope.parameters.envelope_id.clone(),
            recipients: told
                .iter()
                .map(|(recipient, happening)| status::status_of(recipient, happening, now))
                .collect(),
        },
        returned: returned::returned(envelope, news.failure, original),
    };
    Some(dsn.print())
}

/// A notification on its way into the queue: from nobody, and never told about itself. `content` is complete, its
/// signature included.
pub fn accepted(
    about: &Envelope,
    to: &Address,
    content: &[u8],
    progress: Progress,
    now: Timestamp,
) -> Accepted {
    let eight_bit = !content.is_ascii();
    Accepted {
        reverse_path: ReversePath::Null,
        accepted_at: now,
        origin: Origin::own(Source::Dsn),
        parameters: Parameters {
            body: if eight_bit { Body::EightBitMime } else { Body::SevenBit },
            smtputf8: to.needs_smtputf8(),
            // RFC 8689 section 5: what was to travel by TLS only is not told about in the clear.
            require_tls: about.parameters.require_tls,
            ..Parameters::default()
        },
        traits: ContentTraits { eight_bit, binary: false, long_lines: about.traits.long_lines },
        size: content.len() as u64,
        recipients: vec![NewRecipient {
            forward_path: to.clone(),
            original: None,
            notify: Notify::NEVER,
            progress,
        }],
    }
}

fn action(happening: &Happening) -> Action {
    match happening {
        Happening::Delivered(delivered) if delivered.last_hop => Action::Delivered,
        Happening::Delivered(_) => Action::Relayed,
        Happening::Delayed(_) => Action::Delayed,
        Happening::Failed(_) => Action::Failed,
    }
}
