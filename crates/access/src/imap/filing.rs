//! Changes that a client makes in its selected mailbox: STORE, EXPUNGE, COPY, MOVE (RFC 9051, RFC 7162, RFC 4315).

use mail::{Flags, ModSeq, UidSet};
use store::messages::{Alteration, Altered, FlagChange, MailboxId, Refusal, Target};
use wire::imap::{Numbers, SequenceSet, reply};

use super::desk::{Broken, Desk, Ending, expunges};
use super::view::Expunges;

/// Whether a client wants to see what became of flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It does.
    Flags,
    /// It can work it out: `.SILENT`.
    Silent,
}

/// What is to become of the messages in another mailbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Going {
    /// They are there too.
    Copy,
    /// They are there instead.
    Move,
}

impl Desk<'_> {
    /// STORE (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3).
    pub async fn store_flags(
        &mut self,
        (set, by): (&SequenceSet, Numbers),
        change: FlagChange,
        unchanged_since: Option<ModSeq>,
        answer: Answer,
    ) -> Result<Ending, Broken> {
        let Ok(uids) = self.selected.view.named(set, by) else { return Ok(Ending::NO_SUCH_NUMBER) };
        if self.selected.view.read_only {
            return Ok(Ending::READ_ONLY);
        }
        // What others did before is told by itself, so that what is told after is what has come of this.
        self.look(Expunges::Withhold).await?;
        let before = self.standing();
        let target = Target::Entries(self.selected.view.mailbox, uids.clone());
        let (after, altered) = self.alter(Alteration::Flag { target, change, unchanged_since }).await?;
        let (changed, modified) = match altered {
            Ok(Altered::Flagged { changed, modified, .. }) => (changed, modified),
            Ok(_) => (UidSet::EMPTY, UidSet::EMPTY),
            Err(Refusal::NoMailbox(_)) => return Err(Broken::MailboxGone),
            Err(refusal) => return Ok(Ending::refused(&refusal)),
        };
        // If somebody else has changed the account in between, a client that only reckons could be wrong.
        if answer == Answer::Silent && after.0 == before.0.saturating_add(1) {
            self.selected.view.told(after, &changed);
        }
        let missing = self.answer_store(uids.without(&modified), answer).await?;
        self.look(expunges(by)).await?;
        if unchanged_since.is_some() {
            let mut left = modified;
            missing.ranges().for_each(|range| left.insert_range(*range.start(), *range.end()));
            let left = self.as_named(&left, by);
            return Ok(match left.is_empty() {
                true => Ending::OK,
                false => Ending::Ok(Some(format!("[MODIFIED {left}]"))),
            });
        }
        let tell = by == Numbers::Sequence && answer == Answer::Flags && !missing.is_empty();
        Ok(if tell { Ending::gone() } else { Ending::OK })
    }

    /// Says how the messages are now; gives those that are gone.
    async fn answer_store(&mut self, mut left: UidSet, answer: Answer) -> Result<UidSet, Broken> {
        let mut missing = UidSet::EMPTY;
        if answer == Answer::Silent && !self.manner.condstore {
            return Ok(left.and(self.selected.view.gone()));
        }
        while !left.is_empty() {
            let (entries, gone) = self.batch(&mut left).await?;
            gone.iter().for_each(|uid| missing.insert(uid));
            for entry in &entries {
                match answer {
                    Answer::Flags => {
                        self.selected.view.tell_entry(entry, self.manner, self.out);
                        self.selected.view.told(entry.modseq, &UidSet::one(entry.uid));
                    }
                    Answer::Silent => self.selected.view.tell_modseq(entry, self.out),
                }
            }
        }
        Ok(missing)
    }

    /// EXPUNGE and UID EXPUNGE (RFC 9051 section 6.4.3, RFC 4315 section 2.1).
    pub async fn expunge(&mut self, set: Option<&SequenceSet>) -> Result<Ending, Broken> {
        if self.selected.view.read_only {
            return Ok(Ending::READ_ONLY);
        }
        let uids = match set.map(|set| self.selected.view.named(set, Numbers::Uid)) {
            Some(Err(_)) => return Ok(Ending::NO_SUCH_NUMBER),
            Some(Ok(uids)) => Some(uids),
            None => None,
        };
        let mailbox = self.selected.view.mailbox;
        let (_, altered) = self.alter(Alteration::Expunge { mailbox, uids, deleted_only: true }).await?;
        match altered {
            Err(Refusal::NoMailbox(_)) => return Err(Broken::MailboxGone),
            Err(refusal) => return Ok(Ending::refused(&refusal)),
            Ok(_) => {}
        }
        self.look(Expunges::Tell).await?;
        Ok(Ending::Ok(self.modseq_code(&altered)))
    }

    fn modseq_code(&self, altered: &Result<Altered, Refusal>) -> Option<String> {
        let some = match altered {
            Ok(Altered::Expunged(uids)) => !uids.is_empty(),
            Ok(Altered::Copied { pairs, .. }) => !pairs.is_empty(),
            _ => false,
        };
        let wanted = some && (self.manner.condstore || self.manner.qresync);
        wanted.then(|| format!("[HIGHESTMODSEQ {}]", self.selected.view.modseq()))
    }

    /// COPY and MOVE (RFC 9051 sections 6.4.7 and 6.4.8, RFC 4315 section 3).
    pub async fn file(
        &mut self,
        (set, by): (&SequenceSet, Numbers),
        to: Option<MailboxId>,
        going: Going,
    ) -> Result<Ending, Broken> {
        let Ok(uids) = self.selected.view.named(set, by) else { return Ok(Ending::NO_SUCH_NUMBER) };
        if going == Going::Move && self.selected.view.read_only {
            return Ok(Ending::READ_ONLY);
        }
        let Some(to) = to else { return Ok(Ending::refused(&Refusal::NoMailbox(MailboxId(0)))) };
        self.catch_up(Expunges::Withhold).await?;
        // All or none (RFC 9051 section 6.4.7): a client that counts hears that it could not be all.
        if by == Numbers::Sequence && !uids.and(self.selected.view.gone()).is_empty() {
            return Ok(Ending::gone());
        }
        let from = self.selected.view.mailbox;
        let (_, altered) = self
            .alter(match going {
                Going::Copy => Alteration::Copy { from, uids, to },
                Going::Move => Alteration::Move { from, uids, to },
            })
            .await?;
        let code = match &altered {
            Ok(Altered::Copied { uid_validity, pairs }) => {
                Some(reply::copy_uid(*uid_validity, pairs)).filter(|code| !code.is_empty())
            }
            Ok(_) => None,
            Err(Refusal::NoMailbox(id)) if *id == from => return Err(Broken::MailboxGone),
            Err(refusal) => return Ok(Ending::refused(refusal)),
        };
        if going == Going::Copy {
            self.look(Expunges::Tell).await?;
            return Ok(Ending::Ok(code));
        }
        // Before the EXPUNGEs, so that the client knows where its messages have gone (RFC 6851 section 4.3).
        if let Some(code) = code {
            self.out.extend_from_slice(format!("* OK {code} moved\r\n").as_bytes());
        }
        self.look(Expunges::Tell).await?;
        Ok(Ending::Ok(self.modseq_code(&altered)))
    }

    /// CLOSE: what is marked as deleted goes, and nothing is said of it (RFC 9051 section 6.4.1).
    pub async fn close(&mut self) -> Result<Ending, Broken> {
        let mailbox = self.selected.view.mailbox;
        if !self.selected.view.read_only {
            self.alter(Alteration::Expunge { mailbox, uids: None, deleted_only: true }).await?.1.ok();
        }
        Ok(Ending::OK)
    }

    /// Marks messages as read; gives the change that did it.
    pub async fn mark(&mut self, uids: UidSet, flags: Flags) -> Result<ModSeq, Broken> {
        let target = Target::Entries(self.selected.view.mailbox, uids);
        let change = FlagChange::Add(flags);
        Ok(self.alter(Alteration::Flag { target, change, unchanged_since: None }).await?.0)
    }

    async fn alter(&mut self, alteration: Alteration) -> Result<(ModSeq, Result<Altered, Refusal>), Broken> {
        let mut outcome = self.store.alter(self.account, vec![alteration], self.room, self.now).await?;
        Ok((outcome.modseq, outcome.each.pop().unwrap_or(Ok(Altered::Done))))
    }
}
