//! FETCH, piece by piece: which messages are next, what must be read of them, and what it does to them
//! (RFC 9051 section 6.4.5, RFC 7162 section 3.1.4).
//!
//! An answer can be longer than memory. So it is made in pieces: the session sends one, then asks for the next.

use std::collections::VecDeque;

use bytes::Bytes;
use mail::{Flags, ModSeq, SystemFlag, Uid, UidSet};
use store::messages::{EmailId, Entry};
use wire::imap::Numbers;
use wire::imap::fetch::{Fetch, Item};

use super::desk::{Broken, Desk, Ending, expunges, unread};
use super::items::{self, Needs, Told};
use super::view::Expunges;

/// Bytes of one piece, beyond which no further message is put into it.
const PIECE_BYTES: usize = 128 << 10;

/// A FETCH that is being answered.
#[derive(Debug)]
pub(super) struct Fetching {
    items: Vec<Item>,
    /// The same, with the flags.
    items_marked: Vec<Item>,
    needs: Needs,
    by: Numbers,
    /// Messages that have not been read yet.
    left: UidSet,
    /// Messages that were read, and not told yet.
    next: VecDeque<(Entry, Option<Bytes>)>,
    /// Of these, the flags are others by this FETCH.
    marked: UidSet,
    /// Some messages were not there any more.
    missed: bool,
    /// How much of what was asked could be told.
    told: Told,
    /// Only of what has changed since.
    changed_since: Option<ModSeq>,
}

impl Desk<'_> {
    /// Begins to answer a FETCH; `Err` if there is nothing to answer.
    pub(super) async fn begin_fetch(&mut self, fetch: &Fetch) -> Result<Result<Fetching, Ending>, Broken> {
        if fetch.vanished && !self.manner.qresync {
            return Ok(Err(Ending::Bad("VANISHED needs ENABLE QRESYNC")));
        }
        if fetch.numbers == Numbers::Uid {
            self.catch_up(Expunges::Tell).await?;
        }
        let Ok(uids) = self.selected.view.named(&fetch.set, fetch.numbers) else {
            return Ok(Err(Ending::NO_SUCH_NUMBER));
        };
        let mut items = fetch.items.clone();
        let implied = [
            (fetch.numbers == Numbers::Uid || self.manner.qresync, Item::Uid),
            (fetch.changed_since.is_some(), Item::ModSeq),
        ];
        for (wanted, item) in implied {
            if wanted && !items.contains(&item) {
                items.insert(0, item);
            }
        }
        let mut items_marked = items.clone();
        for (wanted, item) in [(true, Item::Flags), (self.manner.condstore, Item::ModSeq)] {
            if wanted && !items.contains(&item) {
                items_marked.push(item);
            }
        }
        let missed = !uids.and(self.selected.view.gone()).is_empty();
        let mut fetching = Fetching {
            needs: Needs::of(&items),
            items,
            items_marked,
            by: fetch.numbers,
            left: uids.without(self.selected.view.gone()),
            next: VecDeque::new(),
            marked: UidSet::EMPTY,
            missed,
            told: Told::All,
            changed_since: fetch.changed_since,
        };
        if let Some(since) = fetch.changed_since {
            self.only_changed(&mut fetching, fetch, since).await?;
        }
        Ok(Ok(fetching))
    }

    /// Leaves out what has not changed; says what is gone, if that is asked for (RFC 7162 section 3.2.6).
    async fn only_changed(
        &mut self,
        fetching: &mut Fetching,
        fetch: &Fetch,
        since: ModSeq,
    ) -> Result<(), Broken> {
        let mailbox = self.selected.view.mailbox;
        let changes =
            self.store.mailbox_changes(self.account, mailbox, since).await?.ok_or(Broken::MailboxGone)?;
        if fetch.vanished {
            let asked = fetch.set.resolve(self.selected.view.uids().last().unwrap_or(0));
            let asked = asked.and(&UidSet::range(1, self.selected.view.uid_next().saturating_sub(1).max(1)));
            let gone = if changes.forgotten { asked } else { changes.vanished.and(&asked) };
            let gone = gone.without(self.selected.view.uids());
            if !gone.is_empty() {
                self.out.extend_from_slice(format!("* VANISHED (EARLIER) {gone}\r\n").as_bytes());
            }
        }
        let changed: UidSet = changes.entries.iter().map(|entry| entry.uid).collect();
        fetching.left = fetching.left.and(&changed);
        Ok(())
    }

    /// Answers the next piece; whether there is more.
    pub(super) async fn fetch_some(&mut self, fetching: &mut Fetching) -> Result<bool, Broken> {
        if fetching.next.is_empty() && !fetching.left.is_empty() {
            self.read_ahead(fetching).await?;
        }
        let numbers: Vec<Uid> = fetching.next.iter().map(|(entry, _)| entry.uid).collect();
        let mut numbers = self.numbers_of(Numbers::Sequence, &numbers).into_iter();
        while self.out.len() < PIECE_BYTES {
            let (Some((entry, digest)), Some(number)) = (fetching.next.pop_front(), numbers.next()) else {
                break;
            };
            let content = match fetching.needs.content {
                true => self.store.content(self.account, entry.email).await?,
                false => None,
            };
            if fetching.needs.content && content.is_none() {
                fetching.missed = true;
                continue;
            }
            self.selected.view.announce(&entry.flags, self.out);
            let message = items::Message {
                number,
                entry: &entry,
                digest: digest.as_ref(),
                content: content.as_ref(),
                recent: !self.manner.rev2 && self.selected.view.is_recent(entry.uid),
                names: self.names,
            };
            let items = match fetching.marked.contains(entry.uid) {
                true => &fetching.items_marked,
                false => &fetching.items,
            };
            fetching.told = fetching.told.max(items::print(&message, items, self.out));
        }
        Ok(!fetching.next.is_empty() || !fetching.left.is_empty())
    }

    async fn read_ahead(&mut self, fetching: &mut Fetching) -> Result<(), Broken> {
        let before = fetching.left.clone();
        let (mut entries, gone) = self.batch(&mut fetching.left).await?;
        fetching.missed |= !gone.is_empty();
        if fetching.needs.seen && !self.selected.view.read_only {
            let unread = unread(&entries);
            if !unread.is_empty() {
                let modseq = self.mark(unread.clone(), Flags::of(SystemFlag::Seen)).await?;
                // Read again: somebody else may have changed other flags.
                let mut again = before.without(&fetching.left);
                entries = self.batch(&mut again).await?.0;
                self.selected.view.told(modseq, &unread);
                fetching.marked = unread;
            }
        }
        if let Some(since) = fetching.changed_since {
            entries.retain(|entry| entry.modseq > since);
        }
        let digests = match fetching.needs.digest {
            true => {
                let ids: Vec<EmailId> = entries.iter().map(|entry| entry.email).collect();
                self.store.digests(self.account, &ids).await?
            }
            false => vec![None; entries.len()],
        };
        fetching.next.extend(entries.into_iter().zip(digests));
        Ok(())
    }

    /// Ends the answer.
    pub(super) async fn end_fetch(&mut self, fetching: &Fetching) -> Result<Ending, Broken> {
        self.catch_up(expunges(fetching.by)).await?;
        Ok(match () {
            () if fetching.told == Told::Cut => {
                Ending::No(Some("[LIMIT]".into()), "this asks too much of one message at once")
            }
            () if fetching.told == Told::Undecoded => {
                Ending::No(Some("[UNKNOWN-CTE]".into()), "a part cannot be decoded")
            }
            () if fetching.missed && fetching.by == Numbers::Sequence => Ending::gone(),
            () => Ending::OK,
        })
    }
}
