//! What a command on the selected mailbox works with, and how the view catches up with the store.

use mail::{Address, ModSeq, SystemFlag, Timestamp, Uid, UidSet};
use store::messages::{Entry, Refusal, Room};
use store::{MessageStore, StoreError};
use tokio::sync::watch;
use wire::imap::{Names, Numbers};

use super::view::{Expunges, Manner, View};

/// Messages that are read from the store at once.
pub(super) const BATCH: usize = 500;

/// The selected mailbox, and who tells that something has changed.
#[derive(Debug)]
pub(super) struct Selected {
    /// What the client knows.
    pub view: View,
    /// Has a new value when the account has changed.
    pub changes: watch::Receiver<ModSeq>,
    /// A look into the store has failed: it is not known whether anything has changed.
    pub stale: bool,
}

/// What a command on the selected mailbox works with.
pub(super) struct Desk<'a> {
    /// Mail at rest.
    pub store: &'a dyn MessageStore,
    /// Whose.
    pub account: &'a Address,
    /// How much the account may hold.
    pub room: Room,
    /// Now.
    pub now: Timestamp,
    /// What the client understands.
    pub manner: Manner,
    /// How texts are written.
    pub names: Names,
    /// The mailbox.
    pub selected: &'a mut Selected,
    /// What is to be sent.
    pub out: &'a mut Vec<u8>,
}

/// How a command ends. The texts are for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// Done; with a response code in its brackets, if there is one.
    Ok(Option<String>),
    /// Not done, or not wholly: the response code, and why.
    No(Option<String>, &'static str),
    /// The client must not ask this.
    Bad(&'static str),
}

impl Ending {
    /// Done, with nothing to add.
    pub(super) const OK: Ending = Ending::Ok(None);
    /// The mailbox may only be read.
    pub(super) const READ_ONLY: Ending = Ending::No(None, "the mailbox is open for reading only");
    /// A sequence number is greater than the number of messages.
    pub(super) const NO_SUCH_NUMBER: Ending = Ending::Bad("there are fewer messages");

    /// Some messages are gone, of which the client has not been told (RFC 5530 section 3, RFC 2180 section 4.1).
    pub(super) fn gone() -> Ending {
        Ending::No(Some("[EXPUNGEISSUED]".into()), "some of the messages no longer exist")
    }

    /// Why the store has not done it.
    pub(super) fn refused(refusal: &Refusal) -> Ending {
        match refusal {
            Refusal::NoMailbox(_) => Ending::No(Some("[TRYCREATE]".into()), "there is no such mailbox"),
            Refusal::OverQuota => {
                Ending::No(Some("[OVERQUOTA]".into()), "the account would hold more than it may")
            }
            Refusal::TooMany(..) => Ending::No(Some("[LIMIT]".into()), "there are too many"),
            _ => Ending::No(None, "that cannot be done"),
        }
    }
}

/// Why a command cannot go on.
#[derive(Debug)]
pub(super) enum Broken {
    /// The selected mailbox is not there any more, or is another one by now: its UIDs mean nothing.
    MailboxGone,
    /// The store does not answer.
    Store(StoreError),
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Broken::Store(error)
    }
}

impl Desk<'_> {
    /// Tells what has happened since, if anything has. Costs nothing if nothing has.
    pub(super) async fn catch_up(&mut self, expunges: Expunges) -> Result<(), Broken> {
        match self.selected.changes.has_changed() {
            Ok(false) if !self.selected.stale => self.tell_gone(expunges),
            _ => self.look(expunges).await?,
        }
        Ok(())
    }

    /// Tells what has happened since, looking into the store in any case.
    pub(super) async fn look(&mut self, expunges: Expunges) -> Result<(), Broken> {
        self.selected.changes.borrow_and_update();
        self.selected.stale = true;
        let (mailbox, since) = (self.selected.view.mailbox, self.selected.view.modseq());
        let changes = self.store.mailbox_changes(self.account, mailbox, since).await?;
        let mut changes = changes.ok_or(Broken::MailboxGone)?;
        if changes.mailbox.uid_validity != self.selected.view.uid_validity {
            return Err(Broken::MailboxGone);
        }
        if changes.forgotten {
            let (_, there) = self.store.uids(self.account, mailbox).await?.ok_or(Broken::MailboxGone)?;
            changes.vanished = self.selected.view.uids().without(&there);
        }
        self.selected.view.take(&changes, self.manner, expunges, self.out);
        self.selected.stale = false;
        Ok(())
    }

    fn tell_gone(&mut self, expunges: Expunges) {
        if expunges == Expunges::Tell {
            self.selected.view.tell_gone(self.manner, self.out);
        }
    }

    /// The account's latest change that the view has taken in, as far as is known.
    pub(super) fn standing(&self) -> ModSeq {
        (*self.selected.changes.borrow()).max(self.selected.view.modseq())
    }

    /// The next of these messages as they are now, [`BATCH`] at most; takes them, and those before them that are gone,
    /// out of `left`. The second says which are gone.
    pub(super) async fn batch(&mut self, left: &mut UidSet) -> Result<(Vec<Entry>, UidSet), Broken> {
        let entries = self.store.entries_of(self.account, self.selected.view.mailbox, left, BATCH).await?;
        let last = entries.last().filter(|_| entries.len() >= BATCH).map_or(Uid::MAX, |entry| entry.uid);
        let taken = left.and(&UidSet::range(1, last));
        *left = left.without(&taken);
        let found: UidSet = entries.iter().map(|entry| entry.uid).collect();
        Ok((entries, taken.without(&found)))
    }

    /// As client understands these UIDs: as they are, or as sequence numbers.
    pub(super) fn as_named(&self, uids: &UidSet, by: Numbers) -> UidSet {
        match by {
            Numbers::Uid => uids.clone(),
            Numbers::Sequence => self.selected.view.places_of(uids),
        }
    }
}

/// Whether a client may be told that messages are gone while it is answered (RFC 9051 section 7.5.1): not if it counts.
pub(super) fn expunges(by: Numbers) -> Expunges {
    match by {
        Numbers::Uid => Expunges::Tell,
        Numbers::Sequence => Expunges::Withhold,
    }
}

/// The entries that have not been read.
pub(super) fn unread(entries: &[Entry]) -> UidSet {
    entries.iter().filter(|entry| !entry.flags.has(SystemFlag::Seen)).map(|entry| entry.uid).collect()
}
