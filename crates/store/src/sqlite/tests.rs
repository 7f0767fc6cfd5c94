//! What only this store does: one process, kills, damage, a full disk, long queues.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use futures_util::FutureExt;
use mail::{MessageId, RecipientId};
use policy::Edit;
use rusqlite::Connection;
use tempfile::TempDir;

use super::database::NAME;
use super::{SqliteOptions, SqliteStore};
use crate::conformance::subject::*;
use crate::queue::scramble;
use crate::{
    Content, Deposit, Detail, KeyChange, KeyValues, Look, Mailboxes, Notice, Queue, Revision, Settlement,
    Sight, Spool, StoreError,
};

fn open(directory: &Path) -> SqliteStore {
    let options = SqliteOptions { free_bytes_min: 0, ..SqliteOptions::default() };
    SqliteStore::open(directory, options).unwrap()
}

fn database(directory: &Path) -> Connection {
    Connection::open(directory.join(NAME)).unwrap()
}

fn count(directory: &Path, table: &str) -> i64 {
    database(directory).query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

async fn end(store: &SqliteStore, claim: &crate::Claim) {
    let all = ids(claim);
    begin(store, claim.lease, &all, at(0)).await;
    store.settle(settlement(claim, &all, &delivered(), false)).await.unwrap();
}

// proves: A27
#[test]
fn a_second_opening_is_refused_with_the_holder() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path());
    match SqliteStore::open(directory.path(), SqliteOptions::default()) {
        Err(StoreError::Held { holder, .. }) => assert_eq!(holder, std::process::id().to_string()),
        other => panic!("{other:?}"),
    }
    drop(first);
    open(directory.path());
}

#[tokio::test]
async fn closing_leaves_no_log() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    accept(&store, START, &[at(0)]).await;
    drop(store);
    let log = std::fs::metadata(directory.path().join("waypost.db-wal")).map_or(0, |found| found.len());
    assert_eq!(log, 0);
    assert_eq!(pending(&open(directory.path())).await, 1);
}

// proves: A17
#[tokio::test]
async fn a_store_that_has_stopped_refuses_everything() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    accept(&store, START, &[at(0), at(0)]).await;
    let claim = claim_one(&store, at(0)).await;
    let all = ids(&claim);
    store.shared.stop("an fsync that failed".into());
    let content = || Content::Memory(Bytes::from_static(b"hello"));
    let results = [
        store.accept(message(START, &[at(0)]), content()).await.err(),
        store.claim(at(0), LEASE, 1).await.err(),
        store.begin(claim.lease, &all, at(0), LEASE).await.err(),
        store.settle(settlement(&claim, &all, &failed(), false)).await.err(),
        store.release(claim.lease, &all).await.err(),
        store.next_event().await.err(),
        store.pending(None, 1).await.err(),
        store.content(claim.envelope.message).await.err(),
        store.writer().await.err(),
        store.usage(&address("bob@example.net")).await.err(),
    ];
    for result in results {
        assert!(
            matches!(&result, Some(StoreError::Stopped(why)) if why == "an fsync that failed"),
            "{result:?}"
        );
    }
    drop(store);
    assert_eq!(pending(&open(directory.path())).await, 2, "a restart finds what was written");
}

#[tokio::test]
async fn a_database_cut_short_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    accept(&store, START, &[at(0)]).await;
    drop(store);
    let file = std::fs::OpenOptions::new().write(true).open(directory.path().join(NAME)).unwrap();
    file.set_len(8192).unwrap();
    let broken = SqliteStore::open(directory.path(), SqliteOptions::default());
    assert!(matches!(broken, Err(StoreError::Database { .. })), "{broken:?}");
}

// proves: A22, A23
#[tokio::test]
async fn a_full_database_refuses_intake_and_still_ends_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions { free_bytes_min: 0, pages_max: Some(300) };
    let store = SqliteStore::open(directory.path(), options).unwrap();
    let content = Content::Memory(Bytes::from(vec![b'x'; 20_000]));
    let mut accepted = 0;
    let full = loop {
        match store.accept(message(START, &[at(0)]), content.clone()).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, StoreError::Full { .. }), "{full}");
    assert!(accepted > 10);
    assert_eq!(pending(&store).await, accepted);
    for claim in claim(&store, at(0)).await {
        end(&store, &claim).await;
    }
    assert_eq!(pending(&store).await, 0);
    store.accept(message(START, &[at(0)]), content).await.unwrap();
}

#[tokio::test]
async fn an_ending_that_finds_no_room_waits_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions { free_bytes_min: 0, pages_max: Some(300) };
    let store = SqliteStore::open(directory.path(), options).unwrap();
    let content = Content::Memory(Bytes::from(vec![b'x'; 20_000]));
    while store.accept(message(START, &[at(0)]), content.clone()).await.is_ok() {}
    let claims = claim(&store, at(0)).await;
    let (first, rest) = claims.split_first().unwrap();
    let large = Notice { content: Bytes::from(vec![b'y'; 100_000]), ..notice(at(0)) };
    let settled = settlement(first, &ids(first), &failed(), false);
    let mut waits = std::pin::pin!(store.settle(Settlement { notices: vec![large], ..settled }));
    for claim in rest {
        assert!(waits.as_mut().now_or_never().is_none(), "there is no room yet");
        end(&store, claim).await;
        if pending(&store).await == claims.len() - 10 {
            break;
        }
    }
    waits.await.unwrap();
    assert_eq!(claim_one(&store, at(1)).await.recipients.len(), 1, "the notice");
}

#[tokio::test]
async fn intake_stops_below_the_floor_of_free_space() {
    let directory = tempfile::tempdir().unwrap();
    accept(&open(directory.path()), START, &[at(0)]).await;
    let options = SqliteOptions { free_bytes_min: u64::MAX, ..SqliteOptions::default() };
    let store = SqliteStore::open(directory.path(), options).unwrap();
    assert!(matches!(store.writer().await.err(), Some(StoreError::Full { .. })));
    let content = Content::Memory(Bytes::from_static(b"hello"));
    let refused = store.accept(message(START, &[at(0)]), content).await;
    assert!(matches!(refused, Err(StoreError::Full { .. })));
    end(&store, &claim_one(&store, at(0)).await).await;
}

// proves: A19
#[tokio::test]
async fn a_damaged_row_is_set_aside_and_the_others_go_on() {
    let directory = tempfile::tempdir().unwrap();
    for damage in [
        "UPDATE recipient SET progress = x'00' WHERE id = ?1",
        "UPDATE recipient SET wishes = zeroblob(length(wishes)) WHERE id = ?1",
        "UPDATE message SET envelope = substr(envelope, 2) WHERE id = ?1 - 1",
    ] {
        let store = open(directory.path());
        let bad = accept(&store, START, &[at(0)]).await;
        let good = accept(&store, START, &[at(0)]).await;
        drop(store);
        let id = i64::try_from(bad.0 + 1).unwrap();
        assert_eq!(database(directory.path()).execute(damage, [id]).unwrap(), 1);
        let before = count(directory.path(), "damaged");
        let store = open(directory.path());
        let claim = claim_one(&store, at(0)).await;
        assert_eq!(claim.envelope.message, good, "{damage}");
        end(&store, &claim).await;
        assert_eq!(store.next_event().await.unwrap(), None);
        assert_eq!(pending(&store).await, 0);
        assert_eq!(count(directory.path(), "damaged"), before + 1, "{damage}");
        assert!(store.content(bad).await.unwrap().is_some(), "what is damaged is kept");
        drop(store);
        assert!(claim_nothing(&open(directory.path())).await, "it stays set aside");
    }
}

async fn claim_nothing(store: &SqliteStore) -> bool {
    claim(store, at(0)).await.is_empty()
}

// proves: A20
#[tokio::test]
async fn damaged_content_is_not_delivered() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let small = accept(&store, START, &[at(0)]).await;
    let large = Content::Memory(Bytes::from(vec![b'x'; 300_000]));
    let large = store.accept(message(START, &[at(0)]), large).await.unwrap();
    drop(store);
    database(directory.path()).execute("UPDATE message SET content = x'68656c6c70'", []).unwrap();
    let name: String = database(directory.path())
        .query_row("SELECT file FROM message WHERE file IS NOT NULL", [], |row| row.get(0))
        .unwrap();
    database(directory.path())
        .execute("UPDATE message SET content = NULL WHERE file IS NOT NULL", [])
        .unwrap();
    let mut file =
        std::fs::OpenOptions::new().write(true).open(directory.path().join("spool").join(name)).unwrap();
    file.write_all(b"y").unwrap();
    let store = open(directory.path());
    for message in [small, large] {
        let content = store.content(message).await;
        assert!(matches!(content, Err(StoreError::Damaged { .. })), "{content:?}");
    }
}

fn files(directory: &Path) -> usize {
    let spool = std::fs::read_dir(directory.join("spool")).unwrap();
    spool.map(|shelf| std::fs::read_dir(shelf.unwrap().path()).unwrap().count()).sum()
}

// proves: A2
#[tokio::test]
async fn files_that_no_message_names_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let large = Bytes::from(vec![b'x'; 300_000]);
    let kept = store.accept(message(START, &[at(0)]), Content::Memory(large.clone())).await.unwrap();
    assert_eq!(files(directory.path()), 1);
    let mut writer = store.writer().await.unwrap();
    writer.write(&large).await.unwrap();
    assert_eq!(files(directory.path()), 2);
    let finished = writer.finish().await.unwrap();
    assert_eq!(files(directory.path()), 2);
    drop(finished);
    assert_eq!(files(directory.path()), 1);
    drop(store);
    for orphan in ["incoming/1", "ff/2"] {
        let path = directory.path().join("spool").join(orphan);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"half").unwrap();
    }
    let store = open(directory.path());
    assert_eq!(files(directory.path()), 1);
    assert!(store.content(kept).await.unwrap().is_some());
    let claim = claim_one(&store, at(0)).await;
    end(&store, &claim).await;
    drop(store);
    assert_eq!(files(directory.path()), 0);
}

#[tokio::test]
async fn a_queue_longer_than_memory_holds_is_claimed_once_and_whole() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    for _ in 0..2 {
        accept(&store, START, &vec![at(0); 12_000]).await;
    }
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        claim_all_but_release_some(&store, &mut seen).await;
    }
    assert_eq!(seen.len(), 24_000);
    drop(store);
    let store = open(directory.path());
    let claimed: usize = claim_in_pages(&store).await.iter().map(|claim| claim.recipients.len()).sum();
    assert_eq!(claimed, 24_000);
}

async fn claim_in_pages(store: &SqliteStore) -> Vec<crate::Claim> {
    let mut claims = Vec::new();
    loop {
        let page = store.claim(at(0), LEASE, 5000).await.unwrap();
        if page.is_empty() {
            return claims;
        }
        claims.extend(page);
    }
}

async fn claim_all_but_release_some(store: &SqliteStore, seen: &mut BTreeSet<RecipientId>) {
    for claim in claim_in_pages(store).await {
        let all = ids(&claim);
        let (back, kept) = all.split_at(all.len() / 3);
        store.release(claim.lease, back).await.unwrap();
        assert!(kept.iter().all(|id| seen.insert(*id)), "nobody is claimed twice");
    }
    let rest = claim_in_pages(store).await;
    for claim in rest {
        assert!(ids(&claim).into_iter().all(|id| seen.insert(id)), "nobody is claimed twice");
    }
}

#[tokio::test]
async fn the_queue_is_read_through_its_index() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let plan = |sql: &str| -> String {
        let db = database(directory.path());
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines = statement.query_map([0, 0], |row| row.get::<_, String>(3)).unwrap();
        lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    };
    let scan = plan(super::read::SCAN);
    assert!(scan.contains("COVERING INDEX recipient_next_event (next_event>?)"), "{scan}");
    assert!(!scan.contains("TEMP B-TREE"), "{scan}");
    drop(store);
}

/// Many claim at once from the table, while others' settlements change it: nobody is delivered twice, nobody forgotten.
// proves: 5.11.1
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn claims_and_settlements_at_once_deliver_each_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    for _ in 0..50 {
        accept(&store, START, &[at(0); 20]).await;
    }
    drop(store);
    let store = std::sync::Arc::new(open(directory.path()));
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..8_u64 {
        let store = std::sync::Arc::clone(&store);
        workers.spawn(async move {
            let mut ended = Vec::new();
            while store.next_event().await.unwrap().is_some() {
                for claim in store.claim(at(0), LEASE, 7).await.unwrap() {
                    ended.extend(deliver_some(&store, &claim, worker).await);
                }
            }
            ended
        });
    }
    let mut ended: Vec<RecipientId> = workers.join_all().await.into_iter().flatten().collect();
    // A worker may have seen an empty queue while the last few were with another, who gave them back.
    for claim in claim_in_pages(&store).await {
        end(&store, &claim).await;
        ended.extend(ids(&claim));
    }
    let unique: BTreeSet<_> = ended.iter().collect();
    assert_eq!((ended.len(), unique.len()), (1000, 1000));
    assert_eq!(pending(&*store).await, 0);
}

/// Ends about half of a claim; the rest is given back or retried at once. Gives those that have ended.
async fn deliver_some(store: &SqliteStore, claim: &crate::Claim, worker: u64) -> Vec<RecipientId> {
    let all = ids(claim);
    begin(store, claim.lease, &all, at(0)).await;
    let kind = |id: &RecipientId| scramble(id.0 ^ claim.lease.0 ^ worker) % 4;
    let of =
        |kinds: &[u64]| -> Vec<_> { all.iter().copied().filter(|id| kinds.contains(&kind(id))).collect() };
    let (ended, back, again) = (of(&[0, 1]), of(&[2]), of(&[3]));
    if !ended.is_empty() {
        store.settle(settlement(claim, &ended, &delivered(), false)).await.unwrap();
    }
    if !again.is_empty() {
        store.settle(settlement(claim, &again, &retry(at(0)), false)).await.unwrap();
    }
    store.release(claim.lease, &back).await.unwrap();
    ended
}

const CHILD: &str = "WAYPOST_STORE_TEST_DIRECTORY";
const KILLS: usize = 20;

/// The victim of the test below, in a process of its own: accepts, and ends every other message in a mailbox.
#[test]
fn child_writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(CHILD) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = open(Path::new(&directory));
        let write = |writer: usize| {
            let store = &store;
            async move {
                loop {
                    let size = if writer == 0 { 300_000 } else { 3000 };
                    let content = Content::Memory(vec![b'x'; size].into());
                    let id = store.accept(message(START, &[at(0)]), content).await.unwrap();
                    println!("\nACK {id}");
                    for claim in store.claim(at(0), LEASE, 1).await.unwrap() {
                        deposit(store, &claim).await;
                    }
                }
            }
        };
        futures_util::future::join_all((0..16).map(write)).await;
    });
}

async fn deposit(store: &SqliteStore, claim: &crate::Claim) {
    let all = ids(claim);
    begin(store, claim.lease, &all, at(0)).await;
    let deposit = Deposit {
        recipient: all[0],
        account: address("bob@example.net"),
        mailbox: "INBOX".into(),
        prefix: format!("{}\n", claim.envelope.message).into(),
        received_at: at(0),
    };
    let settled = settlement(claim, &all, &delivered(), false);
    store.settle(Settlement { deposits: vec![deposit], ..settled }).await.unwrap();
}

/// Kills the child after so many acknowledgements. Gives them all.
fn acknowledged_until_killed(directory: &Path, after: usize) -> Vec<MessageId> {
    let name = "sqlite::tests::child_writes_until_it_is_killed";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let Ok(line) = line else { break };
        if let Some(id) = line.strip_prefix("ACK ") {
            acknowledged.push(MessageId(u64::from_str_radix(id, 16).unwrap()));
        }
        if acknowledged.len() == after {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "it is killed, it does not end");
    assert!(acknowledged.len() >= after);
    acknowledged
}

async fn in_mailbox(store: &SqliteStore) -> Vec<MessageId> {
    let bob = address("bob@example.net");
    let mut found = Vec::new();
    for entry in store.entries(&bob, "INBOX").await.unwrap() {
        let bytes = store.message(&bob, "INBOX", entry.uid).await.unwrap().unwrap();
        assert_eq!(bytes.len() as u64, entry.size);
        let id = bytes.split(|byte| *byte == b'\n').next().unwrap();
        found.push(MessageId(u64::from_str_radix(std::str::from_utf8(id).unwrap(), 16).unwrap()));
    }
    found
}

// proves: A3, A4, A5, A14
#[tokio::test]
async fn kills_lose_nothing_that_was_acknowledged() {
    let directory = TempDir::new().unwrap();
    let mut acknowledged = BTreeSet::new();
    for kill in 0..KILLS {
        acknowledged.extend(acknowledged_until_killed(directory.path(), 1 + kill * 7 % 50));
    }
    let store = open(directory.path());
    let pages = store.pending(None, usize::MAX).await.unwrap();
    let queued: BTreeSet<_> = pages.iter().map(|claim| claim.envelope.message).collect();
    let deposited = in_mailbox(&store).await;
    let unique: BTreeSet<_> = deposited.iter().copied().collect();
    assert_eq!(unique.len(), deposited.len(), "each is in the mailbox once");
    assert!(queued.is_disjoint(&unique), "what is in the mailbox has left the queue");
    let there: BTreeSet<_> = queued.union(&unique).copied().collect();
    assert_eq!(acknowledged.difference(&there).count(), 0, "of {}", acknowledged.len());
    for message in queued {
        assert!(store.content(message).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn expired_values_do_not_stay_in_the_table() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let change = |key: u32| KeyChange::put("a", &key.to_be_bytes(), "x", Some(at(10)));
    store.change((0..100).map(change).collect(), at(0)).await.unwrap();
    assert_eq!(count(directory.path(), "key_value"), 100);
    for _ in 0..2 {
        store.put("b", b"k", Bytes::from_static(b"x"), None, at(11)).await.unwrap();
    }
    assert_eq!(count(directory.path(), "key_value"), 1);
}

#[tokio::test]
async fn an_edit_holds_though_the_settlement_of_its_attempt_fails_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    accept(&store, START, &[at(0)]).await;
    let claimed = claim_one(&store, at(0)).await;
    let all = ids(&claimed);
    begin(&store, claimed.lease, &all, at(0)).await;
    let edits = vec![Edit::Hold { reason: "asked".to_owned(), counts: false }];
    store.revise(vec![Revision { recipient: all[0], edits }], "alice", at(1)).await.unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON recipient BEGIN SELECT raise(ABORT, 'odd'); END";
    database(directory.path()).execute_batch(refuse).unwrap();
    let retried = settlement(&claimed, &all, &retry(at(30)), false);
    store.settle(retried.clone()).await.unwrap_err();
    database(directory.path()).execute_batch("DROP TRIGGER refuse").unwrap();
    store.settle(retried).await.unwrap();
    let progress = store.pending(None, 1).await.unwrap().remove(0).recipients.remove(0).progress;
    assert!(progress.held().is_some(), "{progress:?}");
    assert!(claim(&store, at(100)).await.is_empty());
}

#[tokio::test]
async fn those_who_look_leave_room_for_claims() {
    let directory = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(open(directory.path()));
    accept(&*store, START, &[at(0), at(9)]).await;
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let gone = std::sync::Arc::new(std::sync::Mutex::new(gone));
    let mut looks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (store, gone) = (std::sync::Arc::clone(&store), std::sync::Arc::clone(&gone));
        let see = move |_: Sight| {
            let _ = gone.lock().unwrap().recv();
            ControlFlow::Break(())
        };
        looks.spawn(async move { store.look(Look::all(Detail::Keys), Box::new(see)).await });
    }
    tokio::task::yield_now().await;
    assert_eq!(store.looking.available_permits(), 0);
    assert_eq!(claim(&*store, at(9)).await.len(), 1, "a claim reads the table meanwhile");
    let text = crate::messages::Criterion::Text("a".to_owned());
    let query = crate::messages::Query {
        mailbox: None,
        filter: crate::messages::Filter::Is(text),
        sort: Vec::new(),
        collapse_threads: false,
        limit: None,
    };
    let ann = mail::Address::parse("ann@example.org").unwrap();
    let found = crate::MessageStore::search(&*store, &ann, &query).await.unwrap();
    assert_eq!(found.total, 0, "a search of messages has a place of its own");
    drop(go);
    assert!(looks.join_all().await.into_iter().all(|looked| looked.is_ok()));
}
