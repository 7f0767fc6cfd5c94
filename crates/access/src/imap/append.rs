//! APPEND: messages that a client brings (RFC 9051 section 6.3.12, RFC 3502, RFC 6855, RFC 7889).

use bytes::{Bytes, BytesMut};
use mail::{Address, Timestamp, UidSet};
use store::StoreError;
use store::messages::alteration::Source;
use store::messages::{Alteration, Altered, Mailbox, Refusal};
use tokio::sync::{Semaphore, SemaphorePermit};
use wire::imap::append::{Following, Upcoming};
use wire::imap::reply::in_order;
use wire::imap::{Announced, append as words};

use super::limits::{APPENDED_MAX, APPENDING_KIB_MAX};
use super::mailboxes::refused;
use super::session::{Answer, Session};
use super::talk::{Ended, Heard};
use super::tree::Tree;

/// Memory for messages that are being brought, in KiB: that of this program, for all who are served.
static MEMORY: Semaphore = Semaphore::const_new(APPENDING_KIB_MAX as usize);

/// What has come so far.
struct Appending {
    account: Address,
    mailbox: Mailbox,
    messages: Vec<(Upcoming, Bytes)>,
    bytes: u64,
    memory: Option<SemaphorePermit<'static>>,
}

impl Appending {
    /// Takes memory for a message; whether there is any.
    fn has_memory_for(&mut self, bytes: u64) -> bool {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let Ok(more) = MEMORY.try_acquire_many(kib) else { return false };
        match &mut self.memory {
            Some(memory) => memory.merge(more),
            None => self.memory = Some(more),
        }
        true
    }
}

/// Takes an APPEND of which the head was heard.
pub(super) async fn append(session: &mut Session, head: &[u8], announced: Announced) -> Result<(), Ended> {
    let head = match words::head(head, session.names()) {
        Ok(head) => head,
        Err(_) => {
            session.talk.no_message()?;
            return session.talk.not_understood(None, "there is no tag");
        }
    };
    let tag = head.tag;
    let Some(account) = session.account.clone() else {
        session.end(&tag, &Answer::bad("log in first"));
        session.talk.no_message()?;
        return session.talk.nonsense();
    };
    let (path, first) = match head.first {
        Ok(first) => first,
        Err(fault) => {
            session.talk.no_message()?;
            return session.fault(&tag, fault);
        }
    };
    let answer = match begin(session, &account.name, &path).await {
        Ok(Ok(appending)) => messages(session, &tag, appending, first, announced).await?,
        Ok(Err(answer)) => {
            session.talk.no_message()?;
            Some(answer)
        }
        Err(error) => {
            session.talk.no_message()?;
            Some(Answer::store(&account.name, &error))
        }
    };
    match answer {
        Some(answer) => session.end_and_tell(&tag, &answer).await,
        None => Ok(()),
    }
}

async fn begin(
    session: &Session,
    account: &Address,
    path: &str,
) -> Result<Result<Appending, Answer>, StoreError> {
    let tree = Tree::load(&session.world, account).await?;
    Ok(match tree.find(path) {
        Some(mailbox) => {
            let mailbox = mailbox.clone();
            Ok(Appending { account: account.clone(), mailbox, messages: Vec::new(), bytes: 0, memory: None })
        }
        None => Err(Answer::no("[TRYCREATE]", "there is no such mailbox")),
    })
}

/// Takes message after message, then keeps them. Nothing is to be said if the command broke off, which was said.
async fn messages(
    session: &mut Session,
    tag: &str,
    mut appending: Appending,
    first: Upcoming,
    announced: Announced,
) -> Result<Option<Answer>, Ended> {
    let (mut next, mut announced) = (first, announced);
    loop {
        if let Some(answer) = not_taken(session, &mut appending, announced).await {
            session.talk.no_message()?;
            return Ok(Some(answer));
        }
        let message = session.talk.message(announced).await?;
        let has_nul = !announced.binary && memchr::memchr(0, &message).is_some();
        appending.bytes = appending.bytes.saturating_add(message.len() as u64);
        appending.messages.push((next.clone(), with_line_ends(message)));
        let following = match session.talk.hear().await? {
            Heard::Message(rest, another) => {
                announced = another;
                words::following(&rest, session.names(), &next, true)
            }
            Heard::Command(rest) => words::following(&rest, session.names(), &next, false),
        };
        match following {
            Ok(_) if has_nul => {
                session.talk.no_message()?;
                return Ok(Some(Answer::bad("there is a NUL in a literal that is not binary")));
            }
            Ok(Following::Another(another)) => next = another,
            Ok(Following::End) => break,
            Err(fault) => {
                session.talk.no_message()?;
                session.fault(tag, fault)?;
                return Ok(None);
            }
        }
    }
    let account = appending.account.clone();
    Ok(Some(keep(session, appending).await.unwrap_or_else(|error| Answer::store(&account, &error))))
}

/// Why a message is not taken, if it is not; said before it is sent.
async fn not_taken(session: &Session, appending: &mut Appending, announced: Announced) -> Option<Answer> {
    if announced.size > session.message_bytes_max {
        return Some(Answer::no("[TOOBIG]", "the message is too big"));
    }
    if announced.size == 0 {
        // RFC 3502 section 6.3.11: this is how a client gives up.
        return Some(Answer::no("", "there is no message"));
    }
    let bytes = appending.bytes.saturating_add(announced.size);
    if bytes > session.message_bytes_max.saturating_mul(2) || appending.messages.len() >= APPENDED_MAX {
        return Some(Answer::no("[LIMIT]", "that is too much at once"));
    }
    if !appending.has_memory_for(announced.size) {
        return Some(Answer::no("[INUSE]", "too many messages are on their way, try again later"));
    }
    let max = session.room().bytes_max?;
    match session.world.messages.open(&appending.account, session.now()).await {
        Ok(state) if state.usage.saturating_add(bytes) > max => {
            Some(Answer::no("[OVERQUOTA]", "the account would hold more than it may"))
        }
        Ok(_) => None,
        Err(error) => Some(Answer::store(&appending.account, &error)),
    }
}

async fn keep(session: &Session, appending: Appending) -> Result<Answer, StoreError> {
    let now = session.now();
    let mailboxes = [appending.mailbox.id];
    let one = |(upcoming, content): (Upcoming, Bytes)| Alteration::Append {
        mailboxes: mailboxes.to_vec(),
        content: Source::Bytes(content),
        flags: upcoming.flags,
        received_at: upcoming.received_at.unwrap_or(Timestamp::from_millis(now.as_millis() / 1000 * 1000)),
    };
    let alterations = appending.messages.into_iter().map(one).collect();
    let outcome = session.world.messages.alter(&appending.account, alterations, session.room(), now).await?;
    let (mut uids, mut validity, mut refusal) = (Vec::new(), appending.mailbox.uid_validity, None);
    for each in outcome.each {
        match each {
            Ok(Altered::Email { places, .. }) => {
                for (_, uid, uid_validity) in places {
                    validity = uid_validity;
                    uids.push(uid);
                }
            }
            Ok(_) => {}
            Err(other) => refusal = Some(other),
        }
    }
    if let Some(refusal) = refusal {
        // RFC 3502 section 6.3.11: all are kept, or none is.
        let uids: UidSet = uids.into_iter().collect();
        if !uids.is_empty() {
            let back =
                Alteration::Expunge { mailbox: appending.mailbox.id, uids: Some(uids), deleted_only: false };
            session.world.messages.alter(&appending.account, vec![back], session.room(), now).await?;
        }
        return Ok(match refusal {
            Refusal::NoMailbox(_) => Answer::no("[TRYCREATE]", "there is no such mailbox"),
            refusal => refused(&refusal),
        });
    }
    Ok(Answer::ok_with(format!("[APPENDUID {validity} {}]", in_order(uids)), "kept"))
}

/// Lines end with CRLF in what is kept, whatever the client has sent.
fn with_line_ends(message: BytesMut) -> Bytes {
    let bare = memchr::memchr_iter(b'\n', &message).any(|at| at == 0 || message[at - 1] != b'\r');
    if !bare {
        return message.freeze();
    }
    let mut mended = Vec::with_capacity(message.len() + message.len() / 32);
    let mut before = 0;
    for byte in message {
        if byte == b'\n' && before != b'\r' {
            mended.push(b'\r');
        }
        mended.push(byte);
        before = byte;
    }
    mended.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_crlf() {
        let table = [
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("\na\n\r\n", "\r\na\r\n\r\n"),
            ("a", "a"),
            ("a\r\rb\n", "a\r\rb\r\n"),
        ];
        for (sent, kept) in table {
            assert_eq!(with_line_ends(BytesMut::from(sent)), Bytes::from(kept), "{sent:?}");
        }
    }
}
