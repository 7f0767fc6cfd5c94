//! A copy is whole, and what is restored is what was.

use std::path::Path;

use bytes::Bytes;
use mail::{Flags, UidSet};

use super::*;
use crate::conformance::subject::*;
use crate::messages::alteration::Source;
use crate::messages::{Alteration, Kind, Room};
use crate::{MessageStore, Queue, SqliteOptions, SqliteStore};

fn open(directory: &Path) -> SqliteStore {
    let options = SqliteOptions { free_bytes_min: 0, ..SqliteOptions::default() };
    SqliteStore::open(directory, options).unwrap()
}

async fn append(store: &SqliteStore, bytes: usize) {
    let ann = address("ann@example.org");
    store.open(&ann, at(0)).await.unwrap();
    let inbox = store.mailbox_list(&ann).await.unwrap().remove(0).id;
    let append = Alteration::Append {
        mailboxes: vec![inbox],
        content: Source::Bytes(Bytes::from(vec![b'x'; bytes])),
        flags: Flags::NONE,
        received_at: at(1),
    };
    let outcome = store.alter(&ann, vec![append], Room::default(), at(1)).await.unwrap();
    assert!(outcome.each[0].is_ok());
}

// proves: I4
#[tokio::test]
async fn what_is_restored_is_what_was_under_other_numbers() {
    let place = tempfile::tempdir().unwrap();
    let (data, copy, again) =
        (place.path().join("data"), place.path().join("copy"), place.path().join("again"));
    let store = open(&data);
    append(&store, 10).await;
    append(&store, 300_000).await;
    accept(&store, START, &[at(0)]).await;
    std::fs::write(data.join("settings.json"), "{}").unwrap();
    let settings = place.path().join("boot.toml");
    std::fs::write(&settings, "x = 1").unwrap();
    let copied = backup(&data, &copy, &[settings], at(50), &mut |_| ()).unwrap();
    assert_eq!((copied.spool_files, copied.emails, copied.recipients, copied.gone_meanwhile), (1, 2, 1, 0));
    assert!(backup(&data, &copy, &[], at(50), &mut |_| ()).is_err(), "nothing is overwritten");
    let ann = address("ann@example.org");
    let before = store.mailbox_list(&ann).await.unwrap();
    let state = store.open(&ann, at(0)).await.unwrap().modseq;
    drop(store);
    assert!(restore(&copy, &data, RestoreQueue::Keep, at(60), &mut |_| ()).is_err(), "only where nothing is");
    let restored = restore(&copy, &again, RestoreQueue::Keep, at(60), &mut |_| ()).unwrap();
    assert!(restored.has_outside);
    let store = open(&again);
    assert_eq!(pending(&store).await, 1);
    let after = store.mailbox_list(&ann).await.unwrap();
    for (old, new) in before.iter().zip(&after) {
        assert_eq!((old.id, old.total, old.uid_next), (new.id, new.total, new.uid_next));
        assert!(new.uid_validity > old.uid_validity);
    }
    let entries = store.entries_of(&ann, after[0].id, &UidSet::range(1, 9), 9).await.unwrap();
    assert_eq!(store.content(&ann, entries[1].email).await.unwrap().unwrap().len(), 300_000);
    assert_eq!(store.changes(&ann, Kind::Email, state, 9).await.unwrap(), None, "old states are forgotten");
    assert_eq!(std::fs::read_to_string(again.join("settings.json")).unwrap(), "{}");
    drop(store);
    let third = place.path().join("third");
    restore(&copy, &third, RestoreQueue::Drop, at(60), &mut |_| ()).unwrap();
    assert_eq!(pending(&open(&third)).await, 0);
}

#[tokio::test]
async fn a_message_that_goes_while_it_is_copied_is_not_in_the_copy() {
    let place = tempfile::tempdir().unwrap();
    let (data, copy) = (place.path().join("data"), place.path().join("copy"));
    let store = open(&data);
    append(&store, 300_000).await;
    append(&store, 300_001).await;
    let large = crate::Content::Memory(Bytes::from(vec![b'q'; 300_000]));
    store.accept(message(START, &[at(0)]), large).await.unwrap();
    // As if an expunge and a delivery came between the snapshot and the copy of their files.
    let sql = "SELECT file FROM message WHERE size <> 300001";
    let db = Connection::open(data.join(database::NAME)).unwrap();
    let mut select = db.prepare(sql).unwrap();
    let files: Vec<String> = select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    files.iter().for_each(|file| std::fs::remove_file(data.join("spool").join(file)).unwrap());
    let copied = backup(&data, &copy, &[], at(50), &mut |_| ()).unwrap();
    assert_eq!((copied.spool_files, copied.gone_meanwhile), (1, 2));
    let again = place.path().join("again");
    restore(&copy, &again, RestoreQueue::Keep, at(60), &mut |_| ()).unwrap();
    let store = open(&again);
    assert_eq!(pending(&store).await, 0);
    let state = store.open(&address("ann@example.org"), at(0)).await.unwrap();
    assert_eq!((state.emails, state.usage), (1, 300_001));
}

#[tokio::test]
async fn a_damaged_copy_is_not_restored() {
    let place = tempfile::tempdir().unwrap();
    let (data, copy, again) =
        (place.path().join("data"), place.path().join("copy"), place.path().join("again"));
    append(&open(&data), 300_000).await;
    backup(&data, &copy, &[], at(50), &mut |_| ()).unwrap();
    let mut all = Vec::new();
    files::all(&copy, Path::new("spool"), &mut all).unwrap();
    std::fs::write(copy.join(&all[0]), vec![b'y'; 300_000]).unwrap();
    let damaged = restore(&copy, &again, RestoreQueue::Keep, at(60), &mut |_| ());
    assert!(matches!(damaged, Err(StoreError::Damaged { .. })), "{damaged:?}");
    assert!(!again.exists());
}

// proves: I4
#[tokio::test]
async fn what_has_its_old_numbers_is_never_taken_for_whole() {
    let place = tempfile::tempdir().unwrap();
    let (data, copy, again) =
        (place.path().join("data"), place.path().join("copy"), place.path().join("again"));
    append(&open(&data), 10).await;
    backup(&data, &copy, &[], at(50), &mut |_| ()).unwrap();
    let db = Connection::open(copy.join(database::NAME)).unwrap();
    let sql =
        "CREATE TRIGGER power_fails BEFORE UPDATE ON mailbox BEGIN SELECT RAISE(ABORT, 'it fails'); END";
    db.execute_batch(sql).unwrap();
    drop(db);
    assert!(restore(&copy, &again, RestoreQueue::Keep, at(60), &mut |_| ()).is_err());
    assert!(!again.join(database::NAME).exists(), "no server starts with it");
    let whole = place.path().join("whole");
    let db = Connection::open(copy.join(database::NAME)).unwrap();
    db.execute_batch("DROP TRIGGER power_fails").unwrap();
    drop(db);
    restore(&copy, &whole, RestoreQueue::Keep, at(60), &mut |_| ()).unwrap();
    let beside = |name: &str| whole.join(format!("waypost.db{name}")).exists();
    assert!(beside("") && !beside(".restoring") && !beside(".restoring-wal") && !beside(".restoring-shm"));
}
