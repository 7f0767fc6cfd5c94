//! Searches of a real store, beside searches that read every message.

use bytes::Bytes;
use mail::{Address, Flags, ModSeq, SystemFlag, Timestamp, UidSet};
use proptest::prelude::*;

use crate::messages::alteration::Source;
use crate::messages::{Alteration, Criterion, Filter, MailboxId, Query, Room, Sort, SortKey};
use crate::{MemoryStore, MessageStore, SqliteOptions, SqliteStore};

const NOW: Timestamp = Timestamp::from_millis(1_795_509_910_000);

fn ann() -> Address {
    Address::parse("ann@home.example").unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(work)
}

fn append(mailbox: MailboxId, content: &str, system: u8, at: u64) -> Alteration {
    Alteration::Append {
        mailboxes: vec![mailbox],
        content: Source::Bytes(Bytes::copy_from_slice(content.as_bytes())),
        flags: Flags { system, ..Flags::NONE },
        received_at: Timestamp::from_millis(at),
    }
}

async fn alter(store: &dyn MessageStore, account: &Address, alterations: Vec<Alteration>) {
    let outcome = store.alter(account, alterations, Room::default(), NOW).await.unwrap();
    assert!(outcome.each.iter().all(Result::is_ok), "{outcome:?}");
}

async fn boxes(store: &dyn MessageStore, account: &Address) -> Vec<MailboxId> {
    store.open(account, NOW).await.unwrap();
    store.mailbox_list(account).await.unwrap().iter().map(|mailbox| mailbox.id).collect()
}

fn query(filter: Filter) -> Query {
    Query { mailbox: None, filter, sort: Vec::new(), collapse_threads: false, limit: None }
}

fn is(criterion: Criterion) -> Filter {
    Filter::Is(criterion)
}

const WORDS: [&str; 14] = [
    "Invoice",
    "invoices",
    "VOICE",
    "Grüße",
    "日本語の手紙",
    "no",
    "a",
    "=",
    "meeting tomorrow",
    "re",
    "ß",
    "ΟΔΟΣ",
    "x--y",
    "résumé",
];

fn letter() -> impl Strategy<Value = String> {
    let word = prop::sample::select(WORDS.to_vec());
    let words = |count| prop::collection::vec(word.clone(), 0..count).prop_map(|words| words.join(" "));
    (words(3), words(3), words(8), 0..6u32, any::<bool>()).prop_map(|(subject, name, body, nth, html)| {
        let kind = if html { "text/html" } else { "text/plain" };
        format!(
            "From: {name} <ann{nth}@example.org>\r\nTo: bob@example.net\r\nCc: \"{name}\" <c@x>\r\nSubject: {subject}\r\n\
             Message-ID: <{nth}@x>\r\nReferences: <{}@x>\r\nX-{nth}: {body}\r\nDate: {} Nov 2026 10:00:00 +0000\r\n\
             Content-Type: {kind}; charset=utf-8\r\n\r\n{body}\r\n{name}",
            nth / 2,
            nth + 1
        )
    })
}

fn criterion() -> impl Strategy<Value = Criterion> {
    let text = (prop::sample::select(WORDS.to_vec()), 0..4usize, 0..12usize)
        .prop_map(|(word, from, len)| word.chars().skip(from).take(len).collect::<String>());
    let text = prop_oneof![
        text,
        prop::sample::select(vec!["voice meet".to_owned(), "ann3@".to_owned(), "zzz".to_owned()])
    ];
    (0..15u32, text, 0..6u32).prop_map(|(kind, text, nth)| match kind {
        0 => Criterion::From(text),
        1 => Criterion::To(text),
        2 => Criterion::Cc(text),
        3 => Criterion::Subject(text),
        4 => Criterion::Body(text),
        5 | 6 => Criterion::Text(text),
        7 => Criterion::Header(format!("x-{nth}"), text),
        8 => Criterion::System(SystemFlag::Seen),
        9 => Criterion::Larger(u64::from(nth) * 100),
        10 => Criterion::SentSince(20_400 + i64::from(nth) + 30),
        11 => Criterion::Since(Timestamp::from_millis(u64::from(nth) * 1000)),
        12 => Criterion::SomeInThread(Flags::of(SystemFlag::Flagged)),
        13 => Criterion::AllInThread(Flags::of(SystemFlag::Seen)),
        _ => Criterion::Uids(UidSet::range(1, nth * 8 + 1)),
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    criterion().prop_map(Filter::Is).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

/// What is asked: filter, order, whether in the inbox only, whether one of each conversation, how many.
type Question = (Filter, Vec<Sort>, bool, bool, Option<usize>);

fn sort() -> impl Strategy<Value = Vec<Sort>> {
    let key = prop::sample::select(vec![
        SortKey::ReceivedAt,
        SortKey::SentAt,
        SortKey::Size,
        SortKey::From,
        SortKey::DisplayFrom,
        SortKey::Subject,
        SortKey::HasFlags(Flags::of(SystemFlag::Flagged)),
        SortKey::SomeInThread(Flags::of(SystemFlag::Seen)),
    ]);
    prop::collection::vec((key, any::<bool>()).prop_map(|(key, descending)| Sort { key, descending }), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_what_reading_everything_finds(
        letters in prop::collection::vec((letter(), any::<u8>(), 0..6000u64, any::<bool>()), 20..60),
        gone in prop::collection::vec(1..60u32, 0..6),
        queries in prop::collection::vec((filter(), sort(), any::<bool>(), any::<bool>(), prop::option::of(0..20usize)), 12),
    ) {
        run(async {
            let directory = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
            let account = ann();
            let reference = MemoryStore::new();
            let boxes = self::boxes(&store, &account).await;
            assert_eq!(boxes, self::boxes(&reference, &account).await);
            let letters: Vec<_> = letters.iter().map(|(letter, flags, at, archived)| {
                append(boxes[usize::from(*archived)], letter, flags & 7, *at)
            }).collect();
            alter(&store, &account, letters.clone()).await;
            alter(&reference, &account, letters).await;
            let check = async |queries: &[Question]| {
                for (filter, sort, in_box, collapse_threads, limit) in queries {
                    let mailbox = in_box.then_some(boxes[0]);
                    let query = Query {
                        mailbox, filter: filter.clone(), sort: sort.clone(), collapse_threads: *collapse_threads, limit: *limit,
                    };
                    let found = store.search(&account, &query).await.unwrap();
                    assert_eq!(found, reference.search(&account, &query).await.unwrap(), "{query:?}");
                }
            };
            check(&queries[..6]).await;
            let uids = gone.into_iter().collect::<UidSet>();
            let expunge = Alteration::Expunge { mailbox: boxes[0], uids: Some(uids), deleted_only: false };
            alter(&store, &account, vec![expunge.clone()]).await;
            alter(&reference, &account, vec![expunge]).await;
            check(&queries[6..]).await;
        });
    }
}

fn letters(mailbox: MailboxId, count: u64) -> Vec<Alteration> {
    (0..count)
        .map(|nth| append(mailbox, &format!("Subject: letter {nth}\r\n\r\nAbout nothing {nth}."), 0, nth))
        .collect()
}

async fn texts(store: &SqliteStore, account: &Address, text: &str) -> u64 {
    store.search(account, &query(is(Criterion::Text(text.into())))).await.unwrap().total
}

#[test]
fn accounts_never_see_each_others_mail() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
        let bob = Address::parse("bob@home.example").unwrap();
        let (of_ann, of_bob) = (boxes(&store, &ann()).await, boxes(&store, &bob).await);
        alter(&store, &ann(), letters(of_ann[0], 40)).await;
        let mut more = letters(of_bob[0], 30);
        more.push(append(of_bob[0], "Subject: secret\r\n\r\nthe treasure", 0, 1));
        alter(&store, &bob, more).await;
        assert_eq!(texts(&store, &ann(), "treasure").await, 0);
        assert_eq!(texts(&store, &bob, "treasure").await, 1);
        assert_eq!(texts(&store, &ann(), "nothing").await, 40);
        assert_eq!(texts(&store, &bob, "NOTHING").await, 30);
    });
}

// The index is derived: it may be lost, damaged or of another version.
#[test]
fn a_lost_or_damaged_index_is_made_anew() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("search.db");
        let damages: [&dyn Fn(); 3] = [&|| {}, &|| std::fs::remove_file(&file).unwrap(), &|| {
            std::fs::write(&file, "this is no database".repeat(1000)).unwrap()
        }];
        for (nth, damage) in (1..).zip(damages) {
            let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
            let boxes = boxes(&store, &ann()).await;
            alter(&store, &ann(), letters(boxes[0], 30)).await;
            assert_eq!(texts(&store, &ann(), "about noth").await, nth * 30);
            drop(store);
            damage();
        }
        let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
        assert_eq!(texts(&store, &ann(), "about noth").await, 90);
        assert_eq!(texts(&store, &ann(), "about noth").await, 90);
    });
}

// proves: I8
#[test]
fn searches_that_nobody_waits_for_end_and_keep_no_place() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
        let boxes = boxes(&store, &ann()).await;
        alter(&store, &ann(), letters(boxes[0], 100)).await;
        let needle = "about ".repeat(50_000);
        let many = (0..50).map(|_| is(Criterion::Body(needle.clone())));
        let slow = query(Filter::Or(many.collect()));
        for _ in 0..20 {
            // Asked, and given up at once.
            let _ = tokio::time::timeout(std::time::Duration::ZERO, store.search(&ann(), &slow)).await;
        }
        assert_eq!(store.search(&ann(), &slow).await.unwrap().total, 0);
        assert_eq!(texts(&store, &ann(), "nothing").await, 100);
    });
}

#[test]
fn a_text_longer_than_what_is_indexed_is_found_to_its_end() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
        let boxes = boxes(&store, &ann()).await;
        let mut mail = letters(boxes[0], 20);
        mail.push(append(boxes[0], &format!("Subject: long\r\n\r\n{} needle", "hay ".repeat(200_000)), 0, 1));
        alter(&store, &ann(), mail).await;
        assert_eq!(texts(&store, &ann(), "needle").await, 1);
        assert_eq!(texts(&store, &ann(), "dle").await, 1);
    });
}

#[test]
fn the_greatest_modification_sequence_of_what_was_found_is_told() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
        let boxes = boxes(&store, &ann()).await;
        alter(&store, &ann(), letters(boxes[0], 2)).await;
        let found = store.search(&ann(), &query(Filter::And(Vec::new()))).await.unwrap();
        assert_eq!((found.total, found.highest_modseq), (2, found.modseq));
        let none = query(is(Criterion::ModSeqFrom(ModSeq(u64::MAX))));
        assert_eq!(store.search(&ann(), &none).await.unwrap().highest_modseq, ModSeq(0));
    });
}
