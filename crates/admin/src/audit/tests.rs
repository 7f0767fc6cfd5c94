//! The audit log over a store.

use super::*;
use crate::testing;

fn act(who: &str) -> Act {
    Act { who: who.to_owned(), method: "x:MtaRoute/set".to_owned(), outcome: "done", ..Act::default() }
}

async fn numbers(audit: &Audit, before: Option<u64>, limit: usize) -> Vec<u64> {
    let entries = audit.entries(before, limit, |_| true).await.unwrap();
    entries.iter().map(|entry| entry.number).collect()
}

// proves: L12
#[tokio::test]
async fn entries_are_numbered_in_order_and_outlast_a_restart() {
    let world = testing::world();
    let audit = Audit::open(&world).await.unwrap();
    assert_eq!(numbers(&audit, None, 10).await, Vec::<u64>::new());
    for who in ["alice", "bob", "carol"] {
        audit.record(act(who)).await;
    }
    assert_eq!(numbers(&audit, None, 10).await, [3, 2, 1]);
    let audit = Audit::open(&world).await.unwrap();
    audit.record(act("dave")).await;
    assert_eq!(numbers(&audit, None, 2).await, [4, 3]);
    assert_eq!(numbers(&audit, Some(3), 10).await, [2, 1]);
    assert_eq!(audit.entry(2).await.unwrap().unwrap().who, "bob");
    assert_eq!(audit.entry(9).await.unwrap(), None);
}

#[tokio::test]
async fn the_oldest_entries_make_room() {
    let world = testing::world();
    let audit = Audit::keeping(&world, 700).await.unwrap();
    for number in 0..1_500 {
        audit.record(act(&number.to_string())).await;
    }
    let kept = numbers(&audit, None, usize::MAX).await;
    assert_eq!((kept.len(), kept[0], kept[699]), (700, 1_500, 801));
    let audit = Audit::keeping(&world, 700).await.unwrap();
    assert_eq!(numbers(&audit, None, 1).await, [1_500]);
    let found = audit.entries(None, 5, |entry| entry.who == "900").await.unwrap();
    assert_eq!(found.len(), 1);
}

// proves: L14
#[tokio::test]
async fn what_a_stranger_says_stays_on_one_short_line() {
    let world = testing::world();
    let audit = Audit::open(&world).await.unwrap();
    let name = format!("eve\r\n2026 done \u{1b}[31m{}", "é".repeat(5_000));
    audit.record(Act { who: name, ..act("") }).await;
    let entry = audit.entry(1).await.unwrap().unwrap();
    assert!(!entry.who.chars().any(char::is_control) && entry.who.len() < 1_100, "{}", entry.who.len());
}

#[tokio::test]
async fn a_flood_of_logins_is_a_handful_of_entries() {
    let world = testing::world();
    let audit = Audit::open(&world).await.unwrap();
    for _ in 0..500 {
        audit.record_refusal(Act { outcome: "refused", ..act("eve") }).await;
    }
    audit.settle(true).await;
    let entries = audit.entries(None, 10, |_| true).await.unwrap();
    assert_eq!(entries.len(), 2);
    assert!(entries[0].summary.starts_with("499 more times"), "{entries:?}");
}
