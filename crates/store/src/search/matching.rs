//! Does a message match? Said as soon as enough of it is known.

use std::collections::BTreeMap;

use mail::digest::{Addresses, Digest, SearchText, fold};
use mail::{Flags, ModSeq, Timestamp, Uid};

use super::answers::Answers;
use crate::messages::{Criterion, Email, EmailId, Entry, Filter, MailboxId, ThreadId};

/// Seconds of a day.
const DAY_SECONDS: u64 = 86_400;
/// Between fields of a header that are searched as one text; in no text that is looked for.
const FIELD_END: char = '\u{1}';

/// What the tables know of a message.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// In the mailbox that is searched; 0 if it is none.
    pub(crate) uid: Uid,
    pub(crate) email: EmailId,
    pub(crate) thread: ThreadId,
    pub(crate) modseq: ModSeq,
    pub(crate) flags: Flags,
    pub(crate) size: u64,
    pub(crate) received_at: Timestamp,
    pub(crate) saved_at: Timestamp,
    /// The mailboxes in which it lies.
    pub(crate) places: Vec<MailboxId>,
}

impl Row {
    /// Of a message in the mailbox that is searched.
    pub(crate) fn of_entry(entry: &Entry, places: Vec<MailboxId>) -> Row {
        Row {
            uid: entry.uid,
            email: entry.email,
            thread: entry.thread,
            modseq: entry.modseq,
            flags: entry.flags.clone(),
            size: entry.size,
            received_at: entry.received_at,
            saved_at: entry.saved_at,
            places,
        }
    }

    /// Of a message anywhere in the account.
    pub(crate) fn of_email(email: Email) -> Row {
        Row {
            uid: 0,
            email: email.id,
            thread: email.thread,
            modseq: email.modseq,
            flags: email.flags,
            size: email.size,
            received_at: email.received_at,
            saved_at: email.received_at,
            places: email.places.iter().map(|(mailbox, _)| *mailbox).collect(),
        }
    }
}

/// Flags of all messages of the account, by conversation.
pub(crate) type ThreadFlags = BTreeMap<ThreadId, Vec<Flags>>;

/// What is searched of a message, made comparable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folded {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) cc: String,
    pub(crate) bcc: String,
    pub(crate) subject: String,
    /// By name.
    pub(crate) headers: Vec<(String, String)>,
    /// `name: value` of all fields that people look into.
    pub(crate) header: String,
    pub(crate) body: String,
}

/// Fields of signatures: nobody looks for a word in them, and chance puts many there. `HEADER` finds them.
const SIGNATURES: [&str; 6] = [
    "dkim-signature",
    "arc-seal",
    "arc-message-signature",
    "domainkey-signature",
    "x-google-dkim-signature",
    "x-gm-message-state",
];

pub(crate) fn is_signature(name: &str) -> bool {
    SIGNATURES.contains(&name)
}

impl Folded {
    pub(crate) fn of(text: &SearchText) -> Folded {
        let headers: Vec<_> = text.headers.iter().map(|(name, value)| (name.clone(), fold(value))).collect();
        let mut header = String::new();
        for (name, value) in headers.iter().filter(|(name, _)| !is_signature(name)) {
            header.push_str(&fold(name));
            header.push_str(": ");
            header.push_str(value);
            header.push(FIELD_END);
        }
        Folded {
            from: fold(&text.from),
            to: fold(&text.to),
            cc: fold(&text.cc),
            bcc: fold(&text.bcc),
            subject: fold(&text.subject),
            headers,
            header,
            body: fold(&text.body),
        }
    }

    fn has_anywhere(&self, needle: &str) -> bool {
        let short = [&self.header, &self.from, &self.to, &self.cc, &self.bcc, &self.subject];
        short.iter().any(|text| text.contains(needle)) || has(&self.body, needle)
    }
}

fn has(text: &str, needle: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), needle.as_bytes()).is_some()
}

/// A filter whose texts are comparable, with a number for each that the index may be asked about.
#[derive(Debug)]
pub(crate) enum Plan<'q> {
    And(Vec<Plan<'q>>),
    Or(Vec<Plan<'q>>),
    Not(Box<Plan<'q>>),
    Is(&'q Criterion),
    Text(usize),
}

/// A text that is looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Wanted {
    pub(crate) place: Place,
    /// Comparable.
    pub(crate) needle: String,
}

/// Where it is looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    From,
    To,
    Cc,
    Bcc,
    Subject,
    Header(String),
    Body,
    Anywhere,
}

/// A plan, and the texts in it.
pub(crate) fn plan(filter: &Filter) -> (Plan<'_>, Vec<Wanted>) {
    let mut wanted = Vec::new();
    let plan = planned(filter, &mut wanted);
    (plan, wanted)
}

fn planned<'q>(filter: &'q Filter, wanted: &mut Vec<Wanted>) -> Plan<'q> {
    let mut all = |list: &'q [Filter]| list.iter().map(|filter| planned(filter, wanted)).collect();
    match filter {
        Filter::And(list) => Plan::And(all(list)),
        Filter::Or(list) => Plan::Or(all(list)),
        Filter::Not(filter) => Plan::Not(Box::new(planned(filter, wanted))),
        Filter::Is(criterion) => match text_of(criterion) {
            Some(text) => {
                let known = wanted.iter().position(|other| *other == text);
                Plan::Text(known.unwrap_or_else(|| {
                    wanted.push(text);
                    wanted.len() - 1
                }))
            }
            None => Plan::Is(criterion),
        },
    }
}

fn text_of(criterion: &Criterion) -> Option<Wanted> {
    let (place, text) = match criterion {
        Criterion::From(text) => (Place::From, text),
        Criterion::To(text) => (Place::To, text),
        Criterion::Cc(text) => (Place::Cc, text),
        Criterion::Bcc(text) => (Place::Bcc, text),
        Criterion::Subject(text) => (Place::Subject, text),
        Criterion::Header(name, text) => (Place::Header(name.to_ascii_lowercase()), text),
        Criterion::Body(text) => (Place::Body, text),
        Criterion::Text(text) => (Place::Anywhere, text),
        _ => return None,
    };
    Some(Wanted { place, needle: fold(text) })
}

/// Whether conversations are asked about.
pub(crate) fn asks_threads(plan: &Plan<'_>) -> bool {
    match plan {
        Plan::And(list) | Plan::Or(list) => list.iter().any(asks_threads),
        Plan::Not(plan) => asks_threads(plan),
        Plan::Is(Criterion::AllInThread(_) | Criterion::SomeInThread(_)) => true,
        Plan::Is(_) | Plan::Text(_) => false,
    }
}

/// Whether it is asked where messages lie.
pub(crate) fn asks_places(plan: &Plan<'_>) -> bool {
    match plan {
        Plan::And(list) | Plan::Or(list) => list.iter().any(asks_places),
        Plan::Not(plan) => asks_places(plan),
        Plan::Is(Criterion::InMailbox(_) | Criterion::InOtherThan(_)) => true,
        Plan::Is(_) | Plan::Text(_) => false,
    }
}

/// A criterion that must hold in any case.
pub(crate) fn must<'q, T>(plan: &Plan<'q>, pick: &impl Fn(&'q Criterion) -> Option<T>) -> Option<T> {
    match plan {
        Plan::And(list) => list.iter().find_map(|plan| must(plan, pick)),
        Plan::Is(criterion) => pick(criterion),
        Plan::Or(_) | Plan::Not(_) | Plan::Text(_) => None,
    }
}

/// What is known of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    pub(crate) row: &'a Row,
    pub(crate) threads: &'a ThreadFlags,
    pub(crate) digest: Option<&'a Digest<'a>>,
    pub(crate) answers: Option<&'a Answers>,
    pub(crate) text: Option<&'a Folded>,
}

impl Known<'_> {
    /// Whether the message matches; `None` if more must be known of it.
    pub(crate) fn judge(&self, plan: &Plan<'_>, wanted: &[Wanted]) -> Option<bool> {
        match plan {
            Plan::And(list) => self.all(list, wanted, true),
            Plan::Or(list) => self.all(list, wanted, false).map(|found| !found),
            Plan::Not(plan) => self.judge(plan, wanted).map(|found| !found),
            Plan::Is(criterion) => self.criterion(criterion),
            Plan::Text(nth) => self.wanted(*nth, &wanted[*nth]),
        }
    }

    /// Whether all of these are `expected`.
    fn all(&self, list: &[Plan<'_>], wanted: &[Wanted], expected: bool) -> Option<bool> {
        let mut is_open = false;
        for plan in list {
            match self.judge(plan, wanted) {
                Some(found) if found != expected => return Some(false),
                Some(_) => {}
                None => is_open = true,
            }
        }
        (!is_open).then_some(true)
    }

    fn criterion(&self, criterion: &Criterion) -> Option<bool> {
        let row = self.row;
        Some(match criterion {
            Criterion::InMailbox(id) => row.places.contains(id),
            Criterion::InOtherThan(ids) => row.places.iter().any(|place| !ids.contains(place)),
            Criterion::Uids(uids) => uids.contains(row.uid),
            Criterion::Email(id) => row.email == *id,
            Criterion::Thread(id) => row.thread == *id,
            Criterion::System(flag) => row.flags.has(*flag),
            Criterion::Keyword(keyword) => row.flags.keywords.contains(keyword),
            Criterion::AllInThread(flags) => all_in_thread(self.threads, row.thread, flags),
            Criterion::SomeInThread(flags) => some_in_thread(self.threads, row.thread, flags),
            Criterion::ModSeqFrom(modseq) => row.modseq >= *modseq,
            Criterion::Before(at) => row.received_at < *at,
            Criterion::Since(at) => row.received_at >= *at,
            Criterion::SentBefore(day) => sent_day(row, self.digest?) < *day,
            Criterion::SentSince(day) => sent_day(row, self.digest?) >= *day,
            Criterion::SavedBefore(at) => row.saved_at < *at,
            Criterion::SavedSince(at) => row.saved_at >= *at,
            Criterion::Larger(size) => row.size > *size,
            Criterion::Smaller(size) => row.size < *size,
            Criterion::HasAttachment => self.digest?.has_attachment,
            // Texts are planned as such.
            Criterion::From(_)
            | Criterion::To(_)
            | Criterion::Cc(_)
            | Criterion::Bcc(_)
            | Criterion::Subject(_)
            | Criterion::Header(..)
            | Criterion::Body(_)
            | Criterion::Text(_) => false,
        })
    }

    fn wanted(&self, nth: usize, wanted: &Wanted) -> Option<bool> {
        let needle = &wanted.needle[..];
        if needle.is_empty() && !matches!(wanted.place, Place::Header(_)) {
            return Some(true);
        }
        if let Some(answer) = self.answers.and_then(|answers| answers.of(nth, self.row.email)) {
            return Some(answer);
        }
        if let Some(text) = self.text {
            return Some(match &wanted.place {
                Place::From => text.from.contains(needle),
                Place::To => text.to.contains(needle),
                Place::Cc => text.cc.contains(needle),
                Place::Bcc => text.bcc.contains(needle),
                Place::Subject => text.subject.contains(needle),
                Place::Header(name) => {
                    text.headers.iter().any(|(other, value)| other == name && value.contains(needle))
                }
                Place::Body => has(&text.body, needle),
                Place::Anywhere => text.has_anywhere(needle),
            });
        }
        let said = &self.digest?.envelope;
        let names =
            |list: Option<Addresses<'_>>| Some(list.is_some_and(|list| fold(&list.text()).contains(needle)));
        match &wanted.place {
            Place::From => names(said.from),
            Place::To => names(said.to),
            Place::Cc => names(said.cc),
            Place::Bcc => names(said.bcc),
            Place::Subject => Some(said.decoded_subject().is_some_and(|text| fold(&text).contains(needle))),
            Place::Header(_) | Place::Body | Place::Anywhere => None,
        }
    }
}

pub(crate) fn has_all(flags: &Flags, wanted: &Flags) -> bool {
    wanted.system & !flags.system == 0 && wanted.keywords.is_subset(&flags.keywords)
}

pub(crate) fn all_in_thread(threads: &ThreadFlags, thread: ThreadId, wanted: &Flags) -> bool {
    threads.get(&thread).is_some_and(|list| list.iter().all(|flags| has_all(flags, wanted)))
}

pub(crate) fn some_in_thread(threads: &ThreadFlags, thread: ThreadId, wanted: &Flags) -> bool {
    threads.get(&thread).is_some_and(|list| list.iter().any(|flags| has_all(flags, wanted)))
}

/// Of a message that does not say when it was sent: when it came (RFC 5256 section 2.2).
fn sent_day(row: &Row, digest: &Digest<'_>) -> i64 {
    let received = i64::try_from(row.received_at.as_secs() / DAY_SECONDS).unwrap_or(i64::MAX);
    digest.sent_at.map_or(received, |at| at.day())
}
