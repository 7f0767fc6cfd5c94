//! What an IMAP session knows of its selected mailbox, and how it is told what has changed.
//!
//! The session's messages are a set of UIDs; a message's sequence number is its place in it. What others do comes in as
//! [`MailboxChanges`] and goes out as untagged responses. Messages that are gone stay in the set, and keep their
//! numbers, until the client may be told (RFC 9051 section 7.5.1); until then they are also in `gone`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use mail::{Flags, ModSeq, SystemFlag, Uid, UidSet};
use store::messages::{Entry, Mailbox, MailboxChanges, MailboxId};
use wire::imap::{Numbers, SequenceSet, print};

/// Keywords whose names a session is told at most; more are used without an announcement.
const KEYWORDS_TOLD_MAX: usize = 256;
/// Keywords that clients expect to find (the IANA registry of IMAP keywords has them).
const KEYWORDS_USUAL: [&str; 5] = ["$forwarded", "$junk", "$mdnsent", "$notjunk", "$phishing"];

/// Which responses a client understands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Manner {
    /// MODSEQ goes with flags (RFC 7162 section 3.1).
    pub condstore: bool,
    /// VANISHED is sent instead of EXPUNGE (RFC 7162 section 3.2).
    pub qresync: bool,
    /// There is no `\Recent` (RFC 9051 appendix E).
    pub rev2: bool,
}

/// Whether a client may be told now that messages are gone (RFC 9051 section 7.5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expunges {
    /// It may.
    Tell,
    /// Its numbers must stay: it has asked by number and is being answered.
    Withhold,
}

/// A number that the client must not use: there are fewer messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NoSuchNumber(pub u32);

/// The selected mailbox of a session.
#[derive(Debug)]
pub(super) struct View {
    /// Which.
    pub mailbox: MailboxId,
    /// Its UIDVALIDITY.
    pub uid_validity: u32,
    /// Whether nothing may be changed: EXAMINE.
    pub read_only: bool,
    /// The result of the last SEARCH that was to be saved: `$` (RFC 5182).
    pub saved: UidSet,
    uids: UidSet,
    gone: UidSet,
    modseq: ModSeq,
    told: BTreeMap<ModSeq, UidSet>,
    recent_from: Uid,
    uid_next: Uid,
    keywords: BTreeSet<String>,
}

impl View {
    /// The mailbox as it is. Messages from `recent_from` on have `\Recent`.
    pub(super) fn new(mailbox: &Mailbox, uids: UidSet, read_only: bool, recent_from: Uid) -> View {
        View {
            mailbox: mailbox.id,
            uid_validity: mailbox.uid_validity,
            read_only,
            saved: UidSet::EMPTY,
            uids,
            gone: UidSet::EMPTY,
            modseq: mailbox.highest_modseq,
            told: BTreeMap::new(),
            recent_from,
            uid_next: mailbox.uid_next,
            keywords: KEYWORDS_USUAL.iter().map(ToString::to_string).collect(),
        }
    }

    /// The messages that the client knows of, those that it has not been told are gone included.
    pub(super) fn uids(&self) -> &UidSet {
        &self.uids
    }

    /// Messages that are gone, of which the client has not been told.
    pub(super) fn gone(&self) -> &UidSet {
        &self.gone
    }

    /// Changes up to this one are known here.
    pub(super) fn modseq(&self) -> ModSeq {
        self.modseq
    }

    /// How many messages the client knows of.
    pub(super) fn exists(&self) -> u64 {
        self.uids.len()
    }

    /// How many of them are recent (RFC 3501 section 2.3.2).
    pub(super) fn recent(&self) -> u64 {
        self.uids.len() - self.uids.rank(self.recent_from.saturating_sub(1))
    }

    /// The messages that are recent.
    pub(super) fn recent_uids(&self) -> UidSet {
        self.uids.and(&UidSet::range(self.recent_from, Uid::MAX))
    }

    /// Whether the message is recent.
    pub(super) fn is_recent(&self, uid: Uid) -> bool {
        uid >= self.recent_from
    }

    /// The UID that the next message may get.
    pub(super) fn uid_next(&self) -> Uid {
        self.uid_next
    }

    /// The sequence number of a message that the client knows of.
    pub(super) fn number(&self, uid: Uid) -> Option<u32> {
        self.uids.contains(uid).then(|| u32::try_from(self.uids.rank(uid)).unwrap_or(u32::MAX))
    }

    /// Sequence numbers of many messages, asked for in order.
    pub(super) fn numbering(&self) -> Numbering<'_> {
        Numbering {
            ranges: Box::new(self.uids.ranges().map(|range| (*range.start(), *range.end()))),
            at: None,
            before: 0,
        }
    }

    /// The messages that a client names. UIDs that are not there are passed over, numbers must be there.
    pub(super) fn named(&self, set: &SequenceSet, by: Numbers) -> Result<UidSet, NoSuchNumber> {
        match (set, by) {
            (SequenceSet::Saved, _) => Ok(self.saved.and(&self.uids)),
            (_, Numbers::Uid) => Ok(set.resolve(self.uids.last().unwrap_or(0)).and(&self.uids)),
            (_, Numbers::Sequence) => {
                let exists = u32::try_from(self.exists()).unwrap_or(u32::MAX);
                // `9:*` of seven messages is the last one, as with UIDs.
                if set.greatest() > exists && !set.has_star() {
                    return Err(NoSuchNumber(set.greatest()));
                }
                Ok(self.at_places(&set.resolve(exists)))
            }
        }
    }

    fn at_places(&self, places: &UidSet) -> UidSet {
        let mut set = UidSet::EMPTY;
        let mut wanted = places.ranges().map(|range| (*range.start(), *range.end())).peekable();
        let mut before = 0_u32;
        for range in self.uids.ranges() {
            let (first, length) = (*range.start(), range.end() - range.start() + 1);
            while let Some(&(from, to)) = wanted.peek().filter(|(from, _)| *from <= before + length) {
                let (a, b) = (from.max(before + 1), to.min(before + length));
                set.insert_range(first + (a - before - 1), first + (b - before - 1));
                if to > before + length {
                    break;
                }
                wanted.next();
            }
            before += length;
        }
        set
    }

    /// The places of these messages: what a client that counts understands by them.
    pub(super) fn places_of(&self, uids: &UidSet) -> UidSet {
        let mut numbers = self.numbering();
        let mut set = UidSet::EMPTY;
        for range in self.uids.and(uids).ranges() {
            if let (Some(first), Some(last)) = (numbers.of(*range.start()), numbers.of(*range.end())) {
                set.insert_range(first, last);
            }
        }
        set
    }

    /// The client has been answered with the flags of these messages as this change left them: they are not told again.
    pub(super) fn told(&mut self, modseq: ModSeq, uids: &UidSet) {
        if modseq > self.modseq && !uids.is_empty() {
            let told = self.told.entry(modseq).or_default();
            uids.ranges().for_each(|range| told.insert_range(*range.start(), *range.end()));
        }
    }

    /// Takes in what has happened, and says it.
    pub(super) fn take(
        &mut self,
        changes: &MailboxChanges,
        manner: Manner,
        expunges: Expunges,
        out: &mut Vec<u8>,
    ) {
        self.lose(&changes.vanished);
        if expunges == Expunges::Tell {
            self.tell_gone(manner, out);
        }
        let known_to = self.uid_next;
        let before = self.uids.len();
        for entry in changes.entries.iter().filter(|entry| entry.uid >= known_to) {
            self.uids.insert(entry.uid);
        }
        self.uid_next = self.uid_next.max(changes.mailbox.uid_next);
        if self.uids.len() != before {
            self.tell_exists(manner, out);
        }
        self.tell_flags(changes.entries.iter().filter(|entry| entry.uid < known_to), manner, out);
        self.modseq = self.modseq.max(changes.mailbox.highest_modseq);
        let modseq = self.modseq;
        self.told.retain(|told, _| *told > modseq);
    }

    fn tell_exists(&self, manner: Manner, out: &mut Vec<u8>) {
        say(out, format_args!("* {} EXISTS\r\n", self.exists()));
        if !manner.rev2 {
            say(out, format_args!("* {} RECENT\r\n", self.recent()));
        }
    }

    fn tell_flags<'a>(
        &mut self,
        changed: impl Iterator<Item = &'a Entry>,
        manner: Manner,
        out: &mut Vec<u8>,
    ) {
        for entry in changed {
            let told = self.told.get(&entry.modseq).is_some_and(|uids| uids.contains(entry.uid));
            if !told && !self.gone.contains(entry.uid) {
                self.tell_entry(entry, manner, out);
            }
        }
    }

    /// Says the flags of a message, with its UID: clients that do not count have no doubt then.
    pub(super) fn tell_entry(&mut self, entry: &Entry, manner: Manner, out: &mut Vec<u8>) {
        let Some(number) = self.number(entry.uid) else { return };
        self.announce(&entry.flags, out);
        say(out, format_args!("* {number} FETCH (UID {} FLAGS ", entry.uid));
        flags(out, &entry.flags, self.is_recent(entry.uid) && !manner.rev2);
        if manner.condstore {
            say(out, format_args!(" MODSEQ ({})", entry.modseq));
        }
        out.extend_from_slice(b")\r\n");
    }

    /// Says the modification sequence of a message, of which the client knows the flags (RFC 7162 section 3.1.3).
    pub(super) fn tell_modseq(&self, entry: &Entry, out: &mut Vec<u8>) {
        if let Some(number) = self.number(entry.uid) {
            say(out, format_args!("* {number} FETCH (UID {} MODSEQ ({}))\r\n", entry.uid, entry.modseq));
        }
    }

    /// Tells that those in `gone` are gone; whether there were any.
    pub(super) fn tell_gone(&mut self, manner: Manner, out: &mut Vec<u8>) -> bool {
        if self.gone.is_empty() {
            return false;
        }
        let gone = std::mem::take(&mut self.gone);
        if manner.qresync {
            say(out, format_args!("* VANISHED {gone}\r\n"));
        } else {
            let places: Vec<_> = self.places_of(&gone).ranges().collect();
            for number in places.into_iter().rev().flat_map(Iterator::rev) {
                say(out, format_args!("* {number} EXPUNGE\r\n"));
            }
        }
        self.uids = self.uids.without(&gone);
        self.saved = self.saved.without(&gone);
        true
    }

    /// These are gone, as the client itself has asked; it is told by [`View::tell_gone`].
    pub(super) fn lose(&mut self, uids: &UidSet) {
        for range in self.uids.and(uids).ranges() {
            self.gone.insert_range(*range.start(), *range.end());
        }
    }

    /// Says which flags there are, if these have a keyword that the client has not heard of.
    pub(super) fn announce(&mut self, those: &Flags, out: &mut Vec<u8>) {
        let before = self.keywords.len();
        for keyword in &those.keywords {
            if self.keywords.len() < KEYWORDS_TOLD_MAX && !self.keywords.contains(keyword) {
                self.keywords.insert(keyword.clone());
            }
        }
        if self.keywords.len() != before {
            self.tell_flag_names(out);
        }
    }

    /// Says which flags there are: FLAGS (RFC 9051 section 7.3.5).
    pub(super) fn tell_flag_names(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"* FLAGS ");
        print::flags(out, &self.flag_names());
        out.extend_from_slice(b"\r\n");
    }

    /// The flags that there are.
    pub(super) fn flag_names(&self) -> Flags {
        let system = SystemFlag::ALL.iter().fold(0, |all, flag| all | *flag as u8);
        Flags { system, keywords: self.keywords.clone() }
    }
}

/// Gives sequence numbers of messages in the order of their UIDs.
pub(super) struct Numbering<'a> {
    ranges: Box<dyn Iterator<Item = (u32, u32)> + Send + 'a>,
    at: Option<(u32, u32)>,
    before: u32,
}

impl Numbering<'_> {
    /// The number of a message, which is not before the last one that was asked for.
    pub(super) fn of(&mut self, uid: Uid) -> Option<u32> {
        loop {
            let (first, last) = match self.at {
                Some(range) => range,
                None => self.ranges.next()?,
            };
            self.at = Some((first, last));
            if uid < first {
                return None;
            }
            if uid <= last {
                return Some(self.before + (uid - first) + 1);
            }
            self.before += last - first + 1;
            self.at = None;
        }
    }
}

/// Writes flags in parentheses.
pub(super) fn flags(out: &mut Vec<u8>, those: &Flags, recent: bool) {
    print::flags(out, those);
    if recent {
        out.pop();
        out.extend_from_slice(if those.is_empty() { b"\\Recent)" } else { b" \\Recent)" });
    }
}

fn say(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("writing to memory does not fail");
}

#[cfg(test)]
mod tests {
    use mail::Timestamp;
    use proptest::prelude::*;
    use store::messages::{EmailId, ThreadId};

    use super::*;

    fn mailbox(total: u64, uid_next: Uid, modseq: u64) -> Mailbox {
        Mailbox {
            id: MailboxId(1),
            parent: None,
            name: "INBOX".into(),
            role: None,
            sort_order: 0,
            subscribed: true,
            uid_validity: 1,
            uid_next,
            highest_modseq: ModSeq(modseq),
            total,
            unseen: 0,
            deleted: 0,
            size: 0,
            created: ModSeq(1),
            modseq: ModSeq(1),
            counts_modseq: ModSeq(modseq),
        }
    }

    fn entry(uid: Uid, modseq: u64, flags: Flags) -> Entry {
        Entry {
            uid,
            email: EmailId(u64::from(uid)),
            thread: ThreadId(1),
            modseq: ModSeq(modseq),
            flags,
            size: 10,
            received_at: Timestamp::EPOCH,
            saved_at: Timestamp::EPOCH,
        }
    }

    fn view(uids: &[Uid]) -> View {
        let next = uids.iter().max().map_or(1, |last| last + 1);
        View::new(&mailbox(uids.len() as u64, next, 1), uids.iter().copied().collect(), false, next)
    }

    fn changes(view: &View, entries: Vec<Entry>, vanished: &[Uid], modseq: u64) -> MailboxChanges {
        let next = entries.iter().map(|entry| entry.uid + 1).max().unwrap_or(1).max(view.uid_next());
        MailboxChanges {
            mailbox: mailbox(0, next, modseq),
            entries,
            vanished: vanished.iter().copied().collect(),
            forgotten: false,
        }
    }

    fn text(out: &[u8]) -> String {
        String::from_utf8_lossy(out).replace("\r\n", "\n")
    }

    #[test]
    fn what_others_do_is_told_as_the_client_understands_it() {
        let rev1 = Manner::default();
        let quick = Manner { condstore: true, qresync: true, rev2: true };
        for (manner, expected) in [
            (rev1, "* 4 EXPUNGE\n* 2 EXPUNGE\n* 4 EXISTS\n* 1 RECENT\n* 2 FETCH (UID 5 FLAGS (\\Seen))\n"),
            (quick, "* VANISHED 3,9\n* 4 EXISTS\n* 2 FETCH (UID 5 FLAGS (\\Seen) MODSEQ (8))\n"),
        ] {
            let mut view = view(&[1, 3, 5, 9, 10]);
            let seen = Flags::of(SystemFlag::Seen);
            let what = changes(&view, vec![entry(5, 8, seen), entry(12, 9, Flags::NONE)], &[3, 9], 9);
            let mut out = Vec::new();
            view.take(&what, manner, Expunges::Tell, &mut out);
            assert_eq!(text(&out), expected);
            assert_eq!((view.uids().to_string(), view.modseq()), ("1,5,10,12".into(), ModSeq(9)));
        }
    }

    #[test]
    fn numbers_stay_while_the_client_counts() {
        let mut view = view(&[1, 2, 3]);
        let mut out = Vec::new();
        let what = changes(&view, vec![entry(4, 5, Flags::NONE)], &[1], 5);
        view.take(&what, Manner::default(), Expunges::Withhold, &mut out);
        assert_eq!(text(&out), "* 4 EXISTS\n* 1 RECENT\n");
        assert_eq!((view.number(3), view.gone().to_string()), (Some(3), "1".into()));
        out.clear();
        assert!(view.tell_gone(Manner::default(), &mut out));
        assert_eq!((text(&out).as_str(), view.number(3)), ("* 1 EXPUNGE\n", Some(2)));
    }

    #[test]
    fn own_changes_are_told_once() {
        let mut view = view(&[1, 2]);
        let mut out = Vec::new();
        view.told(ModSeq(5), &UidSet::one(1));
        let what = changes(&view, vec![entry(1, 5, Flags::NONE), entry(2, 5, Flags::NONE)], &[], 5);
        view.take(&what, Manner::default(), Expunges::Tell, &mut out);
        assert_eq!(text(&out), "* 2 FETCH (UID 2 FLAGS ())\n");
        // Somebody else has changed it after us.
        out.clear();
        view.told(ModSeq(6), &UidSet::one(1));
        let what = changes(&view, vec![entry(1, 7, Flags::NONE)], &[], 7);
        view.take(&what, Manner::default(), Expunges::Tell, &mut out);
        assert_eq!(text(&out), "* 1 FETCH (UID 1 FLAGS ())\n");
    }

    #[test]
    fn a_new_keyword_is_announced() {
        let mut view = view(&[1]);
        let mut out = Vec::new();
        let flags = Flags { system: 0, keywords: ["work".to_string()].into() };
        let what = changes(&view, vec![entry(1, 2, flags)], &[], 2);
        view.take(&what, Manner::default(), Expunges::Tell, &mut out);
        let told = text(&out);
        assert!(
            told.starts_with("* FLAGS (") && told.contains(" work)\n* 1 FETCH (UID 1 FLAGS (work))\n"),
            "{told}"
        );
    }

    #[test]
    fn sets_name_what_the_client_knows() {
        let mut view = view(&[1, 3, 5, 9]);
        view.saved = [3, 4].into_iter().collect();
        for (text, by, expected) in [
            ("2:3", Numbers::Sequence, Ok("3,5")),
            ("*", Numbers::Sequence, Ok("9")),
            ("9:*", Numbers::Sequence, Ok("9")),
            ("1,5", Numbers::Sequence, Err(NoSuchNumber(5))),
            ("1,4", Numbers::Sequence, Ok("1,9")),
            ("2:6,100", Numbers::Uid, Ok("3,5")),
            ("10:*", Numbers::Uid, Ok("9")),
            ("$", Numbers::Sequence, Ok("3")),
        ] {
            let set = SequenceSet::parse(text.as_bytes()).unwrap();
            assert_eq!(view.named(&set, by).map(|set| set.to_string()), expected.map(String::from), "{text}");
        }
    }

    /// A client that counts, as it must by RFC 9051 section 7.5.1.
    #[derive(Default)]
    struct Counting {
        messages: Vec<Option<Uid>>,
        flags: BTreeMap<Uid, String>,
    }

    impl Counting {
        fn hear(&mut self, text: &str) {
            for line in text.lines() {
                let mut words = line.split(' ').skip(1);
                let first = words.next().unwrap();
                let number: usize = first.parse().unwrap_or(0);
                match words.next().unwrap() {
                    "EXPUNGE" => drop(self.messages.remove(number - 1)),
                    "EXISTS" => {
                        assert!(number >= self.messages.len());
                        self.messages.resize(number, None);
                    }
                    "FETCH" => {
                        let uid: Uid = words.nth(1).unwrap().parse().unwrap();
                        let known = self.messages[number - 1].get_or_insert(uid);
                        assert_eq!(*known, uid);
                        self.flags.insert(uid, words.nth(1).unwrap().trim_matches(['(', ')']).to_string());
                    }
                    _ => {}
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_client_that_counts_is_never_wrong(
            steps in prop::collection::vec((0_u8..3, any::<prop::sample::Index>(), any::<bool>()), 1..60),
        ) {
            let mut truth: BTreeMap<Uid, Flags> = (1..6).map(|uid| (uid, Flags::NONE)).collect();
            let mut view = view(&[1, 2, 3, 4, 5]);
            let mut client = Counting { messages: (1..6).map(Some).collect(), flags: BTreeMap::new() };
            let (mut next, mut modseq) = (6, 1);
            for (what, which, tell) in steps {
                modseq += 1;
                let uid = (!truth.is_empty()).then(|| *which.get(&truth.keys().copied().collect::<Vec<_>>()));
                let (mut entries, mut gone) = (Vec::new(), Vec::new());
                match (what, uid) {
                    (0, Some(uid)) => {
                        truth.remove(&uid);
                        gone.push(uid);
                    }
                    (1, Some(uid)) => {
                        truth.insert(uid, Flags::of(SystemFlag::Flagged));
                        entries.push(entry(uid, modseq, truth[&uid].clone()));
                    }
                    _ => {
                        truth.insert(next, Flags::NONE);
                        entries.push(entry(next, modseq, Flags::NONE));
                        next += 1;
                    }
                }
                let expunges = if tell { Expunges::Tell } else { Expunges::Withhold };
                let mut out = Vec::new();
                let what = changes(&view, entries, &gone, modseq);
                view.take(&what, Manner::default(), expunges, &mut out);
                client.hear(&text(&out));
                prop_assert_eq!(client.messages.len() as u64, view.exists());
                let mut numbering = view.numbering();
                for (place, uid) in (1..).zip(view.uids().iter()) {
                    prop_assert_eq!(numbering.of(uid), Some(place));
                    let known = client.messages[place as usize - 1];
                    prop_assert!(known.is_none_or(|known| known == uid));
                    prop_assert!(truth.contains_key(&uid) || view.gone().contains(uid));
                    let heard = client.flags.get(&uid).is_some_and(|flags| flags == "\\Flagged");
                    prop_assert!(heard || view.gone().contains(uid) || truth.get(&uid) == Some(&Flags::NONE));
                }
                prop_assert_eq!(view.uids().without(view.gone()).iter().collect::<Vec<_>>(), truth.keys().copied().collect::<Vec<_>>());
            }
        }
    }
}
