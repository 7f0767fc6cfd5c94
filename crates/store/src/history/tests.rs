//! The history as those see it who write and ask.

use super::*;

fn entry(batch: &mut Batch, message: u64, at: u64, from: &str, to: &str, marks: u8) {
    batch.payload().extend_from_slice(format!("{message} {to}").as_bytes());
    batch.key(KeyKind::From, from);
    batch.key(KeyKind::To, to);
    batch.key(KeyKind::Route, "mx");
    batch.end(MessageId(message), Timestamp::from_millis(at), Marks(marks));
}

fn one(message: u64, from: &str, to: &str, marks: u8) -> Batch {
    let mut batch = Batch::default();
    entry(&mut batch, message, message, from, to, marks);
    batch
}

fn found(history: &History, search: Search) -> Vec<u64> {
    let search = Search { limit: if search.limit == 0 { 100 } else { search.limit }, ..search };
    history.search(&search).unwrap().messages.into_iter().map(|id| id.0).collect()
}

fn text(kinds: &'static [KeyKind], text: &str) -> Search {
    let keys = vec![KeyFilter { kinds, text: text.to_owned(), whole: false }];
    Search { keys, ..Search::default() }
}

const ANY: &[KeyKind] = &[KeyKind::From, KeyKind::To];

#[test]
fn messages_are_found_by_what_they_say() {
    let directory = tempfile::tempdir().unwrap();
    let history = History::open(directory.path()).unwrap();
    history.append(one(1, "Alice@Example.org", "bob@example.net", 1));
    history.append(one(2, "carol@example.com", "alice@example.org", 2));
    history.append(one(3, "dave@example.com", "erin@example.net", 4));
    // The first is tried again.
    history.append(one(1, "alice@example.org", "bob@example.net", 2));
    history.flush();
    assert_eq!(found(&history, Search::default()), [3, 2, 1]);
    assert_eq!(found(&history, text(ANY, "alice@")), [2, 1]);
    assert_eq!(found(&history, text(&[KeyKind::From], "alice@")), [1]);
    assert_eq!(found(&history, text(&[KeyKind::To], "@example.net")), [3, 1]);
    assert_eq!(found(&history, text(ANY, "nobody")), [0_u64; 0]);
    assert_eq!(found(&history, Search { marks: 2, ..Search::default() }), [2, 1]);
    assert_eq!(found(&history, Search { marks: 4, ..text(ANY, "alice") }), [0_u64; 0]);
    assert_eq!(found(&history, Search { before: Some(MessageId(3)), limit: 1, ..Search::default() }), [2]);
    assert_eq!(found(&history, Search { not_before: Some(MessageId(2)), ..Search::default() }), [3, 2]);
    let whole = KeyFilter { kinds: &[KeyKind::Route], text: "m".to_owned(), whole: true };
    assert_eq!(found(&history, Search { keys: vec![whole], ..Search::default() }), [0_u64; 0]);
    let payloads: Vec<_> = history.entries(&[MessageId(1)]).unwrap();
    assert_eq!(payloads.len(), 2);
    assert!(payloads.iter().all(|entry| entry.payload == b"1 bob@example.net"));
}

#[test]
fn paging_gives_each_message_once_however_the_blocks_lie() {
    let directory = tempfile::tempdir().unwrap();
    let history = History::open(directory.path()).unwrap();
    // Every message has a later entry, far behind; parts become blocks on the way.
    for start in (1..=5000_u64).step_by(10) {
        let mut batch = Batch::default();
        for message in start..start + 10 {
            entry(&mut batch, message, message, "a@example.org", &format!("u{message}@example.net"), 2);
        }
        for late in (start.saturating_sub(1000).max(1)..start).take(3) {
            entry(&mut batch, late, start, "a@example.org", &format!("u{late}@example.net"), 1);
        }
        assert!(history.append(batch));
        history.flush();
    }
    let mut all = Vec::new();
    let mut before = None;
    loop {
        let search = Search { before, limit: 333, ..text(ANY, "a@example.org") };
        let page = history.search(&search).unwrap();
        all.extend(page.messages.iter().map(|id| id.0));
        before = page.messages.last().copied();
        assert!(!page.cut);
        if !page.more {
            break;
        }
    }
    let expected: Vec<u64> = (1..=5000).rev().collect();
    assert_eq!(all, expected);
    drop(history);
    let again = History::open(directory.path()).unwrap();
    assert_eq!(found(&again, text(ANY, "u4711@")), [4711]);
    assert_eq!(again.entries(&[MessageId(4711)]).unwrap().len(), 1);
}

#[test]
fn what_is_old_or_too_much_goes() {
    let directory = tempfile::tempdir().unwrap();
    let history = History::open(directory.path()).unwrap();
    let large = |message: u64, at: u64| {
        let mut batch = Batch::default();
        batch.payload().resize(300 * 1024, b'x');
        batch.key(KeyKind::From, "a@b");
        batch.end(MessageId(message), Timestamp::from_millis(at), Marks(1));
        batch
    };
    for message in 1..=10 {
        history.append(large(message, message * 1000));
    }
    history.put_minutes(vec![(0, vec![1]), (1, vec![2])]);
    let keep = Keep { age: Duration::from_secs(7), bytes: u64::MAX };
    history.keep(keep, Timestamp::from_millis(10_000));
    history.flush();
    assert_eq!(found(&history, Search::default()), (3..=10).rev().collect::<Vec<u64>>());
    history.keep(Keep { bytes: 1024 * 1024, ..keep }, Timestamp::from_millis(10_000));
    history.flush();
    assert_eq!(found(&history, Search::default()), [10, 9, 8]);
    let state = history.state();
    assert!(state.entries == 3 && state.bytes < 1024 * 1024 && state.well, "{state:?}");
    assert_eq!(history.minutes(0, 10).unwrap(), [(0, vec![1]), (1, vec![2])]);
}

#[test]
fn a_damaged_history_is_put_aside_and_a_new_one_begun() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(NAME), vec![b'x'; 20_000]).unwrap();
    let history = History::open(directory.path()).unwrap();
    history.append(one(1, "a@b", "c@d", 1));
    history.append(one(2, "a@b", "c@d", 1));
    history.flush();
    assert!(directory.path().join("history.db.damaged").exists());
    assert!(found(&history, Search::default()).contains(&2));
}

#[test]
fn what_is_to_be_told_waits_across_a_restart_and_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let history = History::open(directory.path()).unwrap();
    let bodies = |from: u64, to: u64| (from..to).map(|n| n.to_string().into_bytes()).collect::<Vec<_>>();
    assert!(history.post("a", bodies(0, WAITING_MAX + 5)));
    assert!(history.post("b", bodies(0, 3)));
    drop(history);
    let history = History::open(directory.path()).unwrap();
    assert_eq!(history.count_waiting("a").unwrap(), WAITING_MAX);
    let first = history.waiting("a", 2).unwrap();
    assert_eq!(first[0].body, b"5");
    history.told("a", first[1].id);
    history.receivers(vec!["a".to_owned()]);
    history.flush();
    assert_eq!(history.waiting("a", 1).unwrap()[0].body, b"7");
    assert_eq!(history.count_waiting("b").unwrap(), 0);
}
