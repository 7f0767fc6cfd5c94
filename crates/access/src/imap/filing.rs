//! Changes that a client makes in its selected mailbox: STORE, EXPUNGE, COPY, MOVE (RFC 9051, RFC 7162, RFC 4315).

use mail::{Flags, ModSeq, Uid, UidSet};
use store::messages::{Alteration, Altered, FlagChange, MailboxId, Refusal, Target};
use wire::imap::{Numbers, SequenceSet, reply};

use super::desk::{Broken, Desk, Ending, expunges};
use super::view::Expunges;

/// Messages that one alteration changes at most: others who write have their turn before the next.
const AT_ONCE: u32 = 2_000;

/// Whether a client wants to see what became of flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// It does.
    Flags,
    /// It can work it out: `.SILENT`.
    Silent,
}

/// What is to become of the messages in another mailbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Going {
    /// They are there too.
    Copy,
    /// They are there instead.
    Move,
}

/// What has been filed, and why the rest was not.
#[derive(Default)]
struct Filed {
    uid_validity: u32,
    pairs: Vec<(Uid, Uid)>,
    refused: Option<Ending>,
}

impl Desk<'_> {
    /// STORE (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3).
    pub(super) async fn store_flags(
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
        let mut modified = UidSet::EMPTY;
        let (mut before, mut alone) = (self.standing(), true);
        for piece in pieces(&uids) {
            let target = Target::Entries(self.selected.view.mailbox, piece);
            let flag = Alteration::Flag { target, change: change.clone(), unchanged_since };
            let (after, altered) = self.alter(flag).await?;
            let (changed, left) = match altered {
                Ok(Altered::Flagged { changed, modified, .. }) => (changed, modified),
                Ok(_) => (UidSet::EMPTY, UidSet::EMPTY),
                Err(Refusal::NoMailbox(_)) => return Err(Broken::MailboxGone),
                Err(refusal) => return Ok(Ending::refused(&refusal)),
            };
            left.ranges().for_each(|range| modified.insert_range(*range.start(), *range.end()));
            // If somebody else has changed the account in between, a client that only reckons could be wrong.
            alone &= after.0 == before.0.saturating_add(u64::from(!changed.is_empty()));
            if answer == Answer::Silent && alone {
                self.selected.view.told(after, &changed);
            }
            before = after;
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
    pub(super) async fn expunge(&mut self, set: Option<&SequenceSet>) -> Result<Ending, Broken> {
        if self.selected.view.read_only {
            return Ok(Ending::READ_ONLY);
        }
        let uids = match set.map(|set| self.selected.view.named(set, Numbers::Uid)) {
            Some(Err(_)) => return Ok(Ending::NO_SUCH_NUMBER),
            Some(Ok(uids)) => Some(uids),
            None => None,
        };
        let some = self.expunge_in_pieces(uids).await?;
        self.look(Expunges::Tell).await?;
        Ok(Ending::Ok(self.modseq_code().filter(|_| some)))
    }

    /// Removes what is marked as deleted: of these, or all. Says whether there was any.
    async fn expunge_in_pieces(&mut self, uids: Option<UidSet>) -> Result<bool, Broken> {
        let mut pieces = pieces(uids.as_ref().unwrap_or(self.selected.view.uids()));
        if uids.is_none()
            && let Some(last) = pieces.last_mut()
        {
            // What has come since is marked by others, and goes all the same.
            last.insert_range(last.last().unwrap_or(1), Uid::MAX);
        }
        let (mailbox, mut some) = (self.selected.view.mailbox, false);
        for piece in pieces {
            let expunge = Alteration::Expunge { mailbox, uids: Some(piece), deleted_only: true };
            match self.alter(expunge).await?.1 {
                Ok(Altered::Expunged(uids)) => some |= !uids.is_empty(),
                Ok(_) => {}
                Err(_) => return Err(Broken::MailboxGone),
            }
        }
        Ok(some)
    }

    fn modseq_code(&self) -> Option<String> {
        let wanted = self.manner.condstore || self.manner.qresync;
        wanted.then(|| format!("[HIGHESTMODSEQ {}]", self.selected.view.modseq()))
    }

    /// COPY and MOVE (RFC 9051 sections 6.4.7 and 6.4.8, RFC 4315 section 3).
    pub(super) async fn file(
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
        let filed = self.file_in_pieces(&uids, to, going).await?;
        let code = Some(reply::copy_uid(filed.uid_validity, &filed.pairs)).filter(|code| !code.is_empty());
        let some = code.is_some();
        if going == Going::Copy {
            self.look(Expunges::Tell).await?;
            return Ok(filed.refused.unwrap_or(Ending::Ok(code)));
        }
        // Before the EXPUNGEs, so that the client knows where its messages have gone (RFC 6851 section 4.3).
        if let Some(code) = code {
            self.out.extend_from_slice(format!("* OK {code} moved\r\n").as_bytes());
        }
        self.look(Expunges::Tell).await?;
        Ok(filed.refused.unwrap_or_else(|| Ending::Ok(self.modseq_code().filter(|_| some))))
    }

    /// A copy is made wholly or not at all (RFC 9051 section 6.4.7); each message is moved or not (RFC 6851 section 3.3).
    async fn file_in_pieces(&mut self, uids: &UidSet, to: MailboxId, going: Going) -> Result<Filed, Broken> {
        let from = self.selected.view.mailbox;
        let mut filed = Filed::default();
        for uids in pieces(uids) {
            let alteration = match going {
                Going::Copy => Alteration::Copy { from, uids, to },
                Going::Move => Alteration::Move { from, uids, to },
            };
            let refused = match self.alter(alteration).await {
                Ok((_, Ok(Altered::Copied { uid_validity, pairs }))) => {
                    filed.uid_validity = uid_validity;
                    filed.pairs.extend(pairs);
                    continue;
                }
                Ok((_, Ok(_))) => continue,
                Ok((_, Err(Refusal::NoMailbox(id)))) if id == from => Err(Broken::MailboxGone),
                Ok((_, Err(refusal))) => Ok(Ending::refused(&refusal)),
                Err(broken) => Err(broken),
            };
            if going == Going::Copy && !filed.pairs.is_empty() {
                let uids = Some(filed.pairs.drain(..).map(|(_, uid)| uid).collect());
                let undo = Alteration::Expunge { mailbox: to, uids, deleted_only: false };
                self.alter(undo).await?.1.ok();
            }
            filed.refused = Some(refused?);
            break;
        }
        Ok(filed)
    }

    /// CLOSE: what is marked as deleted goes, and nothing is said of it (RFC 9051 section 6.4.1).
    pub(super) async fn close(&mut self) -> Result<Ending, Broken> {
        if !self.selected.view.read_only {
            match self.expunge_in_pieces(None).await {
                // It is closed all the same.
                Ok(_) | Err(Broken::MailboxGone) => {}
                Err(broken) => return Err(broken),
            }
        }
        Ok(Ending::OK)
    }

    /// Marks messages as read; gives the change that did it.
    pub(super) async fn mark(&mut self, uids: UidSet, flags: Flags) -> Result<ModSeq, Broken> {
        let target = Target::Entries(self.selected.view.mailbox, uids);
        let change = FlagChange::Add(flags);
        Ok(self.alter(Alteration::Flag { target, change, unchanged_since: None }).await?.0)
    }

    async fn alter(&mut self, alteration: Alteration) -> Result<(ModSeq, Result<Altered, Refusal>), Broken> {
        let mut outcome = self.store.alter(self.account, vec![alteration], self.room, self.now).await?;
        Ok((outcome.modseq, outcome.each.pop().unwrap_or(Ok(Altered::Done))))
    }
}

/// The same in pieces of [`AT_ONCE`] at most; there is always one.
fn pieces(uids: &UidSet) -> Vec<UidSet> {
    let (mut left, mut pieces) = (uids.clone(), Vec::new());
    while let Some(last) = left.nth(AT_ONCE) {
        let piece = left.and(&UidSet::range(1, last));
        left = left.without(&piece);
        pieces.push(piece);
    }
    if pieces.is_empty() || !left.is_empty() {
        pieces.push(left);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_is_altered_in_pieces() {
        let mut uids = UidSet::range(5, 4_003);
        uids.insert(9_000);
        uids.insert_range(10_000, 10_001);
        let pieces_of = |uids: &UidSet| pieces(uids).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(pieces_of(&uids), ["5:2004", "2005:4003,9000", "10000:10001"]);
        assert_eq!(pieces_of(&UidSet::range(1, 2_000)), ["1:2000"]);
        assert_eq!(pieces(&UidSet::EMPTY), [UidSet::EMPTY]);
    }
}
