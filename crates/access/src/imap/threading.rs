//! THREAD: the conversations among the messages that a client looks for (RFC 5256 section 3).

use mail::digest::Digest;
use policy::thread::{Thread as Conversation, Threaded, by_references, by_subject};
use store::messages::EmailId;
use wire::imap::print;
use wire::imap::search::{Algorithm, Thread};

use super::desk::{BATCH, Broken, Desk, Ending, expunges};

/// Messages that one THREAD orders at most: all that it needs of them is in memory.
const THREADED_MAX: usize = 200_000;

impl Desk<'_> {
    /// THREAD.
    pub(super) async fn thread(&mut self, thread: &Thread) -> Result<Ending, Broken> {
        self.catch_up(expunges(thread.numbers)).await?;
        let Some(found) = self.found(&thread.key, Vec::new()).await? else {
            return Ok(Ending::NO_SUCH_NUMBER);
        };
        if found.hits.len() > THREADED_MAX {
            return Ok(Ending::No(Some("[LIMIT]".into()), "there are too many messages"));
        }
        let mut uids: Vec<_> = found.hits.iter().map(|hit| (hit.2, hit.0)).collect();
        uids.sort_unstable();
        let numbers = self.numbers_of(thread.numbers, &uids.iter().map(|(uid, _)| *uid).collect::<Vec<_>>());
        let mut digests = Vec::with_capacity(uids.len());
        let mut arrived = Vec::with_capacity(uids.len());
        for chunk in uids.chunks(BATCH) {
            let ids: Vec<EmailId> = chunk.iter().map(|(_, email)| *email).collect();
            digests.extend(self.store.digests(self.account, &ids).await?);
            let set = chunk.iter().map(|(uid, _)| *uid).collect();
            let entries =
                self.store.entries_of(self.account, self.selected.view.mailbox, &set, BATCH).await?;
            let mut entries = entries.into_iter().peekable();
            // A message that went just now has no entry any more.
            arrived.extend(chunk.iter().map(|(uid, _)| {
                entries.next_if(|entry| entry.uid == *uid).map(|entry| entry.received_at).unwrap_or_default()
            }));
        }
        let messages: Vec<Threaded<'_>> = numbers
            .iter()
            .zip(digests.iter().zip(arrived))
            .map(|(number, (digest, arrived))| {
                let digest = Digest::read(digest.as_deref().unwrap_or_default());
                Threaded::of(*number, arrived, &digest)
            })
            .collect();
        let conversations = match thread.algorithm {
            Algorithm::OrderedSubject => by_subject(&messages),
            Algorithm::References | Algorithm::Refs => by_references(&messages),
        };
        self.out.extend_from_slice(b"* THREAD ");
        conversations.iter().for_each(|conversation| group(conversation, self.out));
        self.out.extend_from_slice(b"\r\n");
        self.catch_up(expunges(thread.numbers)).await?;
        Ok(Ending::OK)
    }
}

fn group(conversation: &Conversation, out: &mut Vec<u8>) {
    out.push(b'(');
    members(conversation, out);
    out.push(b')');
}

/// A message and what follows it: one answer in line, several each in a group of its own.
fn members(conversation: &Conversation, out: &mut Vec<u8>) {
    if let Some(number) = conversation.number {
        print::number(out, u64::from(number));
    }
    match &conversation.children[..] {
        [] => {}
        [only] if conversation.number.is_some() => {
            out.push(b' ');
            members(only, out);
        }
        several => {
            if conversation.number.is_some() {
                out.push(b' ');
            }
            several.iter().for_each(|child| group(child, out));
        }
    }
}
