//! Random histories of an account: the same alterations to the reference and to SQLite, the same to be seen in both; and
//! what clients are told of changes leads from any old state to the new one.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mail::{Flags, MessageId, ModSeq, Role, SystemFlag, Uid, UidSet};
use proptest::prelude::*;

use super::super::subject::*;
use super::ann;
use crate::MessageStore;
use crate::messages::alteration::Source;
use crate::messages::{
    AccountState, Alteration, Altered, Changes, Email, EmailId, Entry, FlagChange, Kind, Mailbox, MailboxId,
    Outcome, Room, Target, ThreadId,
};

/// An alteration in which mailboxes and messages are named by their place among those that there are.
#[derive(Clone, Debug)]
enum Step {
    Create { parent: Option<usize>, name: usize },
    Update { which: usize, parent: Option<Option<usize>>, name: Option<usize>, role: Option<Option<Role>> },
    Destroy { which: usize, with_emails: bool },
    Append { to: Vec<usize>, content: usize, flags: Flags, of: Option<usize> },
    Flag { mailbox: usize, uids: (u32, u32), change: FlagChange, old: bool },
    FlagEmails { emails: Vec<usize>, change: FlagChange, old: bool },
    Copy { from: usize, uids: (u32, u32), to: usize, moves: bool },
    Expunge { mailbox: usize, uids: Option<(u32, u32)>, deleted_only: bool },
    Place { email: usize, to: Vec<usize> },
    Refile { email: usize, into: Vec<usize>, out_of: Vec<usize> },
    DestroyEmail(usize),
    Put { id: Option<usize>, document: usize },
    DestroyRecord(usize),
    Annotate { mailbox: Option<usize>, value: Option<usize> },
}

fn any_flags() -> impl Strategy<Value = Flags> {
    let keyword = prop_oneof![Just("$forwarded"), Just("todo"), Just("$junk")];
    (0_u8..32, proptest::collection::btree_set(keyword, 0..2)).prop_map(|(system, keywords)| Flags {
        system: system & (SystemFlag::Seen as u8 | SystemFlag::Deleted as u8 | SystemFlag::Draft as u8),
        keywords: keywords.into_iter().map(str::to_owned).collect(),
    })
}

fn any_change() -> impl Strategy<Value = FlagChange> {
    prop_oneof![
        any_flags().prop_map(FlagChange::Add),
        any_flags().prop_map(FlagChange::Remove),
        any_flags().prop_map(FlagChange::Replace),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let mailbox = || 0_usize..9;
    let email = || 0_usize..12;
    let uids = || (1_u32..8, 1_u32..8);
    let role =
        prop_oneof![Just(None), Just(Some(Role::Junk)), Just(Some(Role::Important)), Just(Some(Role::Inbox))];
    prop_oneof![
        2 => (proptest::option::of(mailbox()), 0_usize..4).prop_map(|(parent, name)| Step::Create { parent, name }),
        1 => (
            mailbox(),
            proptest::option::of(proptest::option::of(mailbox())),
            proptest::option::of(0_usize..4),
            proptest::option::of(role),
        ).prop_map(|(which, parent, name, role)| Step::Update { which, parent, name, role }),
        1 => (mailbox(), any::<bool>()).prop_map(|(which, with_emails)| Step::Destroy { which, with_emails }),
        6 => (
            proptest::collection::vec(mailbox(), 0..3), 0_usize..6, any_flags(), proptest::option::weighted(0.2, email()),
        ).prop_map(|(to, content, flags, of)| Step::Append { to, content, flags, of }),
        3 => (mailbox(), uids(), any_change(), any::<bool>())
            .prop_map(|(mailbox, uids, change, old)| Step::Flag { mailbox, uids, change, old }),
        2 => (proptest::collection::vec(email(), 0..4), any_change(), any::<bool>())
            .prop_map(|(emails, change, old)| Step::FlagEmails { emails, change, old }),
        3 => (mailbox(), uids(), mailbox(), any::<bool>())
            .prop_map(|(from, uids, to, moves)| Step::Copy { from, uids, to, moves }),
        2 => (mailbox(), proptest::option::of(uids()), any::<bool>())
            .prop_map(|(mailbox, uids, deleted_only)| Step::Expunge { mailbox, uids, deleted_only }),
        2 => (email(), proptest::collection::vec(mailbox(), 0..3)).prop_map(|(email, to)| Step::Place { email, to }),
        2 => (
            email(), proptest::collection::vec(mailbox(), 0..2), proptest::collection::vec(mailbox(), 0..3),
        ).prop_map(|(email, into, out_of)| Step::Refile { email, into, out_of }),
        1 => email().prop_map(Step::DestroyEmail),
        1 => (proptest::option::of(0_usize..3), 0_usize..3).prop_map(|(id, document)| Step::Put { id, document }),
        1 => (0_usize..3).prop_map(Step::DestroyRecord),
        1 => (proptest::option::of(mailbox()), proptest::option::of(0_usize..3))
            .prop_map(|(mailbox, value)| Step::Annotate { mailbox, value }),
    ]
}

const CONTENTS: [&str; 6] = [
    "Message-ID: <a@x>\r\nSubject: one\r\n\r\nfirst\r\n",
    "Message-ID: <b@x>\r\nIn-Reply-To: <a@x>\r\nSubject: Re: one\r\n\r\nsecond\r\n",
    "Message-ID: <c@x>\r\nSubject: other\r\n\r\nthird\r\n",
    "Message-ID: <d@x>\r\nReferences: <a@x> <b@x>\r\nSubject: Re: one\r\n\r\nfourth\r\n",
    "no header at all",
    "Message-ID: <a@x>\r\nSubject: one\r\n\r\nthe same id, another content\r\n",
];

/// All that a client can see of an account.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Seen {
    state: AccountState,
    mailboxes: Vec<Mailbox>,
    entries: BTreeMap<MailboxId, BTreeMap<Uid, Entry>>,
    emails: BTreeMap<EmailId, Email>,
    threads: BTreeMap<ThreadId, Vec<EmailId>>,
    records: BTreeMap<u64, String>,
    annotations: Vec<(Option<MailboxId>, String, Bytes)>,
}

pub(crate) async fn see(store: &dyn MessageStore) -> Seen {
    let state = store.open(&ann(), at(0)).await.unwrap();
    let mailboxes = store.mailbox_list(&ann()).await.unwrap();
    let (mut entries, mut ids, mut annotations) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
    for of in std::iter::once(None).chain(mailboxes.iter().map(|mailbox| Some(mailbox.id))) {
        let here = store.annotations(&ann(), of).await.unwrap();
        annotations.extend(here.into_iter().map(|(entry, value)| (of, entry, value)));
    }
    for mailbox in &mailboxes {
        let all = store.entries_of(&ann(), mailbox.id, &UidSet::range(1, u32::MAX), 1000).await.unwrap();
        ids.extend(all.iter().map(|entry| entry.email));
        let (same, uids) = store.uids(&ann(), mailbox.id).await.unwrap().unwrap();
        assert_eq!((&same, uids), (mailbox, all.iter().map(|entry| entry.uid).collect()));
        assert!(
            all.iter().all(|entry| entry.uid < mailbox.uid_next && entry.modseq <= mailbox.highest_modseq)
        );
        let count = |flag, has| all.iter().filter(|entry| entry.flags.has(flag) == has).count() as u64;
        let recount = (all.len() as u64, count(SystemFlag::Seen, false), count(SystemFlag::Deleted, true));
        assert_eq!((mailbox.total, mailbox.unseen, mailbox.deleted), recount);
        assert_eq!(mailbox.size, all.iter().map(|entry| entry.size).sum::<u64>());
        entries.insert(mailbox.id, all.into_iter().map(|entry| (entry.uid, entry)).collect());
    }
    let ids: Vec<_> = ids.into_iter().collect();
    let all = store.emails(&ann(), &ids).await.unwrap();
    assert_eq!(state.usage, all.iter().map(|email| email.size).sum::<u64>(), "usage is the sum of sizes");
    assert_eq!(state.emails, all.len() as u64);
    let threads: BTreeSet<_> = all.iter().map(|email| email.thread).collect();
    let threads = store.threads(&ann(), &threads.into_iter().collect::<Vec<_>>()).await.unwrap();
    let records = store.records(&ann(), Kind::Identity, None).await.unwrap();
    Seen {
        state,
        mailboxes,
        entries,
        // Contents are numbered by each store in its own way.
        emails: all.into_iter().map(|email| (email.id, Email { message: MessageId(0), ..email })).collect(),
        threads: threads.into_iter().collect(),
        records: records.into_iter().map(|record| (record.id, record.document)).collect(),
        annotations,
    }
}

impl Seen {
    pub(crate) fn state(&self) -> AccountState {
        self.state
    }
}

impl Step {
    fn alteration(&self, seen: &Seen) -> Option<Alteration> {
        let mailbox =
            |nth: usize| seen.mailboxes.get(nth % (seen.mailboxes.len() + 1)).map(|mailbox| mailbox.id);
        let mailbox = |nth| mailbox(nth).unwrap_or(MailboxId(77));
        let email =
            |nth: usize| *seen.emails.keys().nth(nth % (seen.emails.len() + 1)).unwrap_or(&EmailId(77));
        let record = |nth: usize| *seen.records.keys().nth(nth).unwrap_or(&77);
        let since = |old: bool| old.then_some(ModSeq(seen.state.modseq.0.saturating_sub(3)));
        let name = |nth: usize| ["a", "b", "inbox", "with/slash"][nth].to_owned();
        let all = |nths: &[usize]| nths.iter().map(|nth| mailbox(*nth)).collect();
        Some(match self.clone() {
            Step::Create { parent, name: nth } => Alteration::CreateMailbox {
                parent: parent.map(mailbox),
                name: name(nth),
                role: None,
                sort_order: 7,
                subscribed: false,
            },
            Step::Update { which, parent, name: nth, role } => Alteration::UpdateMailbox {
                id: mailbox(which),
                parent: parent.map(|parent| parent.map(mailbox)),
                name: nth.map(name),
                role,
                sort_order: None,
                subscribed: Some(true),
            },
            Step::Destroy { which, with_emails } => {
                Alteration::DestroyMailbox { id: mailbox(which), with_emails }
            }
            Step::Append { to, content, flags, of } => Alteration::Append {
                mailboxes: all(&to),
                content: match of {
                    Some(nth) => Source::Email(email(nth)),
                    None => Source::Bytes(Bytes::from_static(CONTENTS[content].as_bytes())),
                },
                flags,
                received_at: at(content as u64),
            },
            Step::Flag { mailbox: nth, uids, change, old } => Alteration::Flag {
                target: Target::Entries(mailbox(nth), UidSet::range(uids.0, uids.1)),
                change,
                unchanged_since: since(old),
            },
            Step::FlagEmails { emails, change, old } => Alteration::Flag {
                target: Target::Emails(emails.iter().map(|nth| email(*nth)).collect()),
                change,
                unchanged_since: since(old),
            },
            Step::Copy { from, uids, to, moves } => relocation(mailbox(from), uids, mailbox(to), moves),
            Step::Expunge { mailbox: nth, uids, deleted_only } => Alteration::Expunge {
                mailbox: mailbox(nth),
                uids: uids.map(|(first, last)| UidSet::range(first, last)),
                deleted_only,
            },
            Step::Place { email: nth, to } => Alteration::Place { email: email(nth), mailboxes: all(&to) },
            Step::Refile { email: nth, into, out_of } => {
                Alteration::Refile { email: email(nth), into: all(&into), out_of: all(&out_of) }
            }
            Step::DestroyEmail(nth) => Alteration::DestroyEmail(email(nth)),
            Step::Put { id, document } => {
                let document = format!("{{\"n\":{document}}}");
                Alteration::PutRecord { kind: Kind::Identity, id: id.map(record), document }
            }
            Step::DestroyRecord(nth) => Alteration::DestroyRecord { kind: Kind::Identity, id: record(nth) },
            Step::Annotate { mailbox: nth, value } => Alteration::Annotate {
                mailbox: nth.map(mailbox),
                entry: "/private/comment".to_owned(),
                value: value.map(|value| Bytes::from(value.to_string())),
            },
        })
    }
}

fn relocation(from: MailboxId, (first, last): (u32, u32), to: MailboxId, moves: bool) -> Alteration {
    let uids = UidSet::range(first, last);
    if moves { Alteration::Move { from, uids, to } } else { Alteration::Copy { from, uids, to } }
}

/// What each alteration gave, without the names of contents.
fn plain(outcome: Outcome) -> Outcome {
    let plain = |altered| match altered {
        Altered::Email { id, thread, size, places, .. } => {
            Altered::Email { id, thread, message: MessageId(0), size, places }
        }
        other => other,
    };
    Outcome { each: outcome.each.into_iter().map(|each| each.map(plain)).collect(), ..outcome }
}

/// Ids after changes, in as many answers as the limit makes of them.
async fn follow(
    store: &dyn MessageStore,
    kind: Kind,
    from: ModSeq,
    known: &BTreeSet<u64>,
    limit: usize,
) -> BTreeSet<u64> {
    let (mut ids, mut since) = (known.clone(), from);
    loop {
        let Changes { created, updated, destroyed, state, more, .. } =
            store.changes(&ann(), kind, since, limit).await.unwrap().unwrap();
        for id in created {
            assert!(ids.insert(id), "{kind:?} {id} was there before it was made");
        }
        assert!(
            updated.iter().all(|id| ids.contains(id)),
            "{kind:?}: only what is known is updated: {updated:?}"
        );
        ids.retain(|id| !destroyed.contains(id));
        if !more {
            return ids;
        }
        assert!(state > since);
        since = state;
    }
}

/// A client that knew `old` and hears of changes knows `new` then.
async fn catches_up(store: &dyn MessageStore, old: &Seen, new: &Seen) {
    let since = old.state.modseq;
    for limit in [1, 3, 1000] {
        let mailboxes = |seen: &Seen| seen.mailboxes.iter().map(|mailbox| mailbox.id.0).collect();
        let emails = |seen: &Seen| seen.emails.keys().map(|id| id.0).collect();
        let threads = |seen: &Seen| seen.threads.keys().map(|id| id.0).collect();
        let records = |seen: &Seen| seen.records.keys().copied().collect();
        for (kind, before, after) in [
            (Kind::Mailbox, mailboxes(old), mailboxes(new)),
            (Kind::Email, emails(old), emails(new)),
            (Kind::Thread, threads(old), threads(new)),
            (Kind::Identity, records(old), records(new)),
        ] {
            let reached: BTreeSet<u64> = follow(store, kind, since, &before, limit).await;
            assert_eq!(reached, after, "{kind:?} since {since} by {limit}");
        }
    }
    let told =
        |changes: Changes| -> BTreeSet<u64> { changes.created.into_iter().chain(changes.updated).collect() };
    let emails = told(store.changes(&ann(), Kind::Email, since, 1000).await.unwrap().unwrap());
    let threads = told(store.changes(&ann(), Kind::Thread, since, 1000).await.unwrap().unwrap());
    for (id, email) in &new.emails {
        assert!(old.emails.get(id) == Some(email) || emails.contains(&id.0), "{email:?} is another");
    }
    for (id, members) in &new.threads {
        let same = old.threads.get(id) == Some(members);
        assert!(same || threads.contains(&id.0), "the conversation {id:?} is another: {members:?}");
    }
    for mailbox in &new.mailboxes {
        let changes = store.mailbox_changes(&ann(), mailbox.id, since).await.unwrap().unwrap();
        assert!(!changes.forgotten);
        assert_eq!(&changes.mailbox, mailbox);
        let mut entries = old.entries.get(&mailbox.id).cloned().unwrap_or_default();
        entries.retain(|uid, _| !changes.vanished.contains(*uid));
        entries.extend(changes.entries.into_iter().map(|entry| (entry.uid, entry)));
        assert_eq!(entries, new.entries[&mailbox.id], "what was, with what has changed, is what is");
    }
}

fn run(calls: &[Vec<Step>], bytes_max: Option<u64>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (mut reference, mut tested) = (MemorySubject::new(), SqliteSubject::new());
        let begin = see(reference.messages()).await;
        assert_eq!(begin, see(tested.messages()).await);
        let mut history = vec![begin];
        let mut given: BTreeMap<MailboxId, Uid> = BTreeMap::new();
        for (nth, steps) in calls.iter().enumerate() {
            let before = history.last().unwrap();
            let all: Vec<_> = steps.iter().filter_map(|step| step.alteration(before)).collect();
            let (room, now) = (Room { bytes_max }, at(100 + nth as u64));
            let expected = reference.messages().alter(&ann(), all.clone(), room, now).await.unwrap();
            let found = tested.messages().alter(&ann(), all.clone(), room, now).await.unwrap();
            assert_eq!(plain(expected), plain(found), "{all:?}");
            if nth % 7 == 6 {
                reference.crash();
                tested.crash();
            }
            let seen = see(reference.messages()).await;
            assert_eq!(seen, see(tested.messages()).await, "after {all:?}");
            for mailbox in &seen.mailboxes {
                let uid_next = given.entry(mailbox.id).or_insert(1);
                assert!(mailbox.uid_next >= *uid_next, "no UID is used again");
                *uid_next = mailbox.uid_next;
            }
            history.push(seen);
        }
        let new = history.last().unwrap();
        for old in &history {
            catches_up(tested.messages(), old, new).await;
            catches_up(reference.messages(), old, new).await;
        }
        let counts = reference.messages().thread_counts(&ann()).await.unwrap();
        assert_eq!(counts, tested.messages().thread_counts(&ann()).await.unwrap());
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    // proves: I4, I6
    #[test]
    fn sqlite_keeps_mail_as_the_reference_does(
        calls in proptest::collection::vec(proptest::collection::vec(any_step(), 1..4), 1..25),
        bytes_max in proptest::option::weighted(0.3, 100_u64..600),
    ) {
        run(&calls, bytes_max);
    }
}
