//! What only this store does with mail: kills, a log that is bounded, content that is freed, files.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use mail::{Flags, ModSeq, UidSet};
use rusqlite::Connection;

use crate::conformance::messages::{alter, ann, append, history::see, inbox};
use crate::conformance::subject::*;
use crate::messages::alteration::Source;
use crate::messages::limits::LOG_ROWS_MAX;
use crate::messages::{Alteration, Altered, Kind, Refusal, Room};
use crate::sqlite::database::NAME;
use crate::{MessageStore, SqliteOptions, SqliteStore};

const CHILD: &str = "WAYPOST_STORE_MESSAGES_CHILD";
const KILLS: usize = 4;

fn open(directory: &Path) -> SqliteStore {
    let options = SqliteOptions { free_bytes_min: 0, ..SqliteOptions::default() };
    SqliteStore::open(directory, options).unwrap()
}

/// Alterations that belong together: two messages, one of them in a file, and a record that says so.
async fn pair(store: &SqliteStore, number: usize) {
    let inbox = inbox(store).await;
    let large = format!(
        "Subject: {number}\r\n\r\n{}",
        "x".repeat(if number.is_multiple_of(4) { 300_000 } else { 10 })
    );
    let record = Alteration::PutRecord { kind: Kind::Submission, id: None, document: number.to_string() };
    alter(store, vec![append(inbox, &large), record, append(inbox, "small")]).await;
}

#[test]
fn child_alters_until_it_is_killed() {
    let Some(directory) = std::env::var_os(CHILD) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let store = open(Path::new(&directory));
        for number in 0.. {
            pair(&store, number).await;
            let mut out = std::io::stdout().lock();
            writeln!(out, "\nACK {number}").unwrap();
        }
    });
}

fn acknowledged_until_killed(directory: &Path, after: usize) -> usize {
    let name = "sqlite::messages::tests::child_alters_until_it_is_killed";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let Ok(line) = line else { break };
        acknowledged += usize::from(line.starts_with("ACK "));
        if acknowledged == after {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "it is killed, it does not end");
    acknowledged
}

// proves: I1, A3, A9
#[tokio::test]
async fn a_killed_alteration_is_whole_or_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        acknowledged += acknowledged_until_killed(directory.path(), 1 + kill * 5);
        let store = open(directory.path());
        let state = see(&store).await.state();
        let records = store.records(&ann(), Kind::Submission, None).await.unwrap();
        assert_eq!(state.emails, 2 * records.len() as u64, "each change is whole");
        assert!(records.len() >= acknowledged);
        let inbox = inbox(&store).await;
        for entry in store.entries_of(&ann(), inbox, &UidSet::range(1, u32::MAX), usize::MAX).await.unwrap() {
            let content = store.content(&ann(), entry.email).await.unwrap().unwrap();
            assert_eq!(content.len() as u64, entry.size);
        }
    }
    let files: BTreeSet<_> = files(directory.path());
    let db = Connection::open(directory.path().join(NAME)).unwrap();
    let named: i64 = db.query_row("SELECT count(file) FROM message", [], |row| row.get(0)).unwrap();
    assert_eq!(files.len() as i64, named, "no file is left that nobody names");
}

fn files(directory: &Path) -> BTreeSet<std::path::PathBuf> {
    let shelves = std::fs::read_dir(directory.join("spool")).unwrap().map(|entry| entry.unwrap().path());
    shelves.flat_map(|shelf| std::fs::read_dir(shelf).unwrap().map(|entry| entry.unwrap().path())).collect()
}

#[tokio::test]
async fn content_goes_with_the_last_of_its_emails() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let inbox = inbox(&store).await;
    let made = alter(&store, vec![append(inbox, &"x".repeat(300_000))]).await.remove(0);
    let Altered::Email { id, .. } = made else { panic!("{made:?}") };
    let again = Alteration::Append {
        mailboxes: vec![inbox],
        content: Source::Email(id),
        flags: Flags::NONE,
        received_at: at(2),
    };
    let made = alter(&store, vec![again]).await.remove(0);
    let Altered::Email { id: other, .. } = made else { panic!("{made:?}") };
    assert_eq!(files(directory.path()).len(), 1, "kept once");
    alter(&store, vec![Alteration::DestroyEmail(id)]).await;
    assert_eq!(store.content(&ann(), other).await.unwrap().unwrap().len(), 300_000);
    alter(&store, vec![Alteration::DestroyEmail(other)]).await;
    let refused = append(inbox, &"y".repeat(300_000));
    let room = Room { bytes_max: Some(1000) };
    let outcome = store.alter(&ann(), vec![refused], room, at(3)).await.unwrap();
    assert_eq!(outcome.each, [Err(Refusal::OverQuota)]);
    drop(store);
    assert!(files(directory.path()).is_empty());
    let db = Connection::open(directory.path().join(NAME)).unwrap();
    for table in ["message", "digest", "email", "entry", "reference"] {
        let rows: i64 = db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}

#[tokio::test]
async fn what_is_gone_is_remembered_up_to_a_limit() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let inbox = inbox(&store).await;
    alter(&store, vec![append(inbox, "a"), append(inbox, "b")]).await;
    drop(store);
    let rows = LOG_ROWS_MAX;
    let db = Connection::open(directory.path().join(NAME)).unwrap();
    db.execute_batch(&format!(
        "INSERT INTO gone WITH RECURSIVE n (i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < {rows} + 2)
         SELECT 1, i, 0, 2, i, 0, 0 FROM n;
         UPDATE account SET log_rows = {rows}, modseq = {rows} + 2"
    ))
    .unwrap();
    drop(db);
    let store = open(directory.path());
    let before = store.open(&ann(), at(0)).await.unwrap();
    assert_eq!(before.log_since, ModSeq(0));
    let expunge = Alteration::Expunge { mailbox: inbox, uids: Some(UidSet::one(1)), deleted_only: false };
    alter(&store, vec![expunge]).await;
    let state = store.open(&ann(), at(0)).await.unwrap();
    assert!(state.log_since > ModSeq(2) && state.log_since < before.modseq, "{state:?}");
    assert_eq!(store.changes(&ann(), Kind::Email, ModSeq(2), 10).await.unwrap(), None);
    let changes = store.changes(&ann(), Kind::Email, before.modseq, 10).await.unwrap().unwrap();
    assert_eq!(changes.destroyed.len(), 1);
    let of_mailbox = store.mailbox_changes(&ann(), inbox, ModSeq(2)).await.unwrap().unwrap();
    assert!(of_mailbox.forgotten);
    let of_mailbox = store.mailbox_changes(&ann(), inbox, before.modseq).await.unwrap().unwrap();
    assert_eq!((of_mailbox.forgotten, of_mailbox.vanished), (false, UidSet::one(1)));
    let kept: i64 = Connection::open(directory.path().join(NAME))
        .unwrap()
        .query_row("SELECT count(*) FROM gone", [], |row| row.get(0))
        .unwrap();
    assert!(kept.cast_unsigned() <= LOG_ROWS_MAX);
}

#[tokio::test]
async fn whoever_watches_hears_of_every_delivery_and_change() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let inbox = inbox(&store).await;
    let mut watched = store.watch(&ann());
    alter(&store, vec![append(inbox, "a")]).await;
    watched.changed().await.unwrap();
    let state = store.open(&ann(), at(0)).await.unwrap();
    assert_eq!(*watched.borrow_and_update(), state.modseq);
    let nothing = Alteration::Expunge { mailbox: inbox, uids: None, deleted_only: true };
    let outcome = store.alter(&ann(), vec![nothing], Room::default(), at(2)).await.unwrap();
    assert_eq!(outcome.modseq, state.modseq, "nothing has changed");
    assert!(!watched.has_changed().unwrap());
    let content = Bytes::from_static(b"blob");
    let id = store.upload(&ann(), content.clone(), at(3), at(60)).await.unwrap().unwrap();
    let bob = address("bob@example.net");
    assert_eq!(store.uploaded(&bob, id).await.unwrap(), None, "what another has uploaded is not there");
    assert_eq!(store.uploaded(&ann(), id).await.unwrap(), Some(content));
    let append = Alteration::Append {
        mailboxes: vec![inbox],
        content: Source::Uploaded(id),
        flags: Flags::NONE,
        received_at: at(3),
    };
    alter(&store, vec![append]).await;
    watched.changed().await.unwrap();
    store.upload(&ann(), Bytes::from_static(b"other"), at(61), at(99)).await.unwrap().unwrap();
    assert_eq!(store.uploaded(&ann(), id).await.unwrap(), None, "its time is over");
    let uids = store.uids(&ann(), inbox).await.unwrap().unwrap().1;
    let last = store.entries_of(&ann(), inbox, &uids, 10).await.unwrap().pop().unwrap();
    assert_eq!(store.content(&ann(), last.email).await.unwrap().unwrap(), "blob", "but the message stays");
}

#[tokio::test]
async fn uploads_of_whom_nobody_hears_any_more_are_freed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let inbox = inbox(&store).await;
    let bob = address("bob@example.net");
    store.upload(&bob, Bytes::from(vec![b'x'; 300_000]), at(1), at(5)).await.unwrap().unwrap();
    let late = store.upload(&bob, Bytes::from_static(b"late"), at(1), at(500)).await.unwrap().unwrap();
    let append = append(inbox, "of another");
    store.alter(&ann(), vec![append], Room::default(), at(60)).await.unwrap();
    let db = Connection::open(directory.path().join(NAME)).unwrap();
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM upload"), 1);
    assert_eq!(count("SELECT count(*) FROM message WHERE size = 300000"), 0);
    assert!(store.uploaded(&bob, late).await.unwrap().is_some());
}

#[tokio::test]
async fn what_people_read_does_not_delay_what_is_delivered() {
    use crate::KeyValues;
    use std::sync::{Arc, mpsc};

    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open(directory.path()));
    inbox(&*store).await;
    let (begun, mut beginnings) = tokio::sync::mpsc::unbounded_channel();
    let mut reads = tokio::task::JoinSet::new();
    let mut holds = Vec::new();
    for _ in 0..crate::sqlite::readers::READERS_MAX {
        let (hold, held) = mpsc::channel::<()>();
        holds.push(hold);
        let (store, begun) = (Arc::clone(&store), begun.clone());
        reads.spawn(async move {
            let ann = ann();
            let read = store.look_up(&ann, (), move |_, _| {
                begun.send(()).unwrap();
                held.recv().unwrap_err();
                Ok(())
            });
            read.await.unwrap();
        });
    }
    for _ in 0..holds.len() {
        beginnings.recv().await.unwrap();
    }
    let value = store.value("space", b"key", at(1));
    let value = tokio::time::timeout(std::time::Duration::from_secs(20), value).await;
    drop(holds);
    assert_eq!(value.expect("it waits for nobody").unwrap(), None);
    while reads.join_next().await.is_some() {}
}

#[tokio::test]
async fn a_message_whose_file_is_gone_does_not_hide_others() {
    use crate::messages::{Criterion, Filter, Query};

    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let inbox = inbox(&store).await;
    let large = format!("Subject: a\r\n\r\nneedle {}", "x".repeat(300_000));
    alter(&store, vec![append(inbox, &large), append(inbox, "Subject: b\r\n\r\nneedle")]).await;
    let db = Connection::open(directory.path().join(NAME)).unwrap();
    let sql = "SELECT file FROM message WHERE file IS NOT NULL";
    let file: String = db.query_row(sql, [], |row| row.get(0)).unwrap();
    std::fs::remove_file(directory.path().join("spool").join(file)).unwrap();
    let is = |part: Criterion| Query {
        mailbox: None,
        filter: Filter::Is(part),
        sort: Vec::new(),
        collapse_threads: false,
        limit: None,
    };
    let found = store.search(&ann(), &is(Criterion::Text("needle".into()))).await.unwrap();
    assert_eq!(found.total, 1);
}
