//! The part of a notification for machines: one recipient's fields (RFC 3464 section 2.3).

use mail::dsn::RecipientStatus;
use mail::{EnhancedStatus, Recipient, Reply, Timestamp};

use super::{Happening, action};
use crate::outcome::{Delivered, Trouble, TroubleKind};

/// What happened to one recipient.
pub(super) fn status_of(recipient: &Recipient, happening: &Happening, now: Timestamp) -> RecipientStatus {
    let trouble = match happening {
        Happening::Delivered(_) => None,
        Happening::Delayed(progress) => progress.last.as_ref(),
        Happening::Failed(trouble) => Some(trouble),
    };
    let status = match happening {
        Happening::Delivered(delivered) => delivered.reply.status(),
        Happening::Delayed(_) => of_class(4, trouble),
        Happening::Failed(_) => of_class(5, trouble),
    };
    let (host, reply) = match happening {
        Happening::Delivered(delivered) if is_local(delivered) => (None, None),
        Happening::Delivered(delivered) => (Some(&delivered.host), Some(&delivered.reply)),
        Happening::Delayed(_) | Happening::Failed(_) => (
            trouble.filter(|trouble| came_from_host(trouble)).map(|trouble| &trouble.host),
            trouble.and_then(|trouble| trouble.reply.as_ref()).map(|(_, reply)| reply),
        ),
    };
    RecipientStatus {
        original: recipient.original.clone(),
        final_recipient: recipient.forward_path.clone(),
        action: action(happening),
        status,
        remote_mta: host.cloned(),
        diagnostic: reply.map(Reply::to_string),
        will_retry_until: match happening {
            Happening::Delayed(progress) => progress.gives_up_at().filter(|at| *at > now),
            Happening::Delivered(_) | Happening::Failed(_) => None,
        },
    }
}

/// Whether no other host took part, so that none is named.
fn is_local(delivered: &Delivered) -> bool {
    delivered.last_hop && delivered.host == "localhost"
}

fn of_class(class: u8, trouble: Option<&Trouble>) -> EnhancedStatus {
    let status = trouble.map_or(EnhancedStatus::new(class, 0, 0), |trouble| trouble.status);
    EnhancedStatus { class, ..status }
}

fn came_from_host(trouble: &Trouble) -> bool {
    let spoke = match trouble.kind {
        TroubleKind::UnexpectedReply | TroubleKind::Connection | TroubleKind::Tls | TroubleKind::Dane => true,
        TroubleKind::Dns
        | TroubleKind::MtaSts
        | TroubleKind::Rate
        | TroubleKind::Concurrency
        | TroubleKind::Io => false,
    };
    spoke && !trouble.host.is_empty()
}
