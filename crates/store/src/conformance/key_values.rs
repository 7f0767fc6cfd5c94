//! Values are there until they are removed or expire, whatever happens in between.

use bytes::Bytes;

use super::subject::*;
use crate::key_values::{CHANGES_MAX, KEY_BYTES_MAX, SPACE_BYTES_MAX, VALUE_BYTES_MAX};
use crate::{Addition, KeyChange, Store, StoreError};

async fn value(store: &dyn Store, space: &str, key: &str, seconds: u64) -> Option<String> {
    let value = store.value(space, key.as_bytes(), at(seconds)).await.unwrap()?;
    Some(String::from_utf8(value.to_vec()).unwrap())
}

async fn put(store: &dyn Store, space: &str, key: &str, value: &str, expires: Option<u64>) {
    let value = Bytes::copy_from_slice(value.as_bytes());
    store.put(space, key.as_bytes(), value, expires.map(at), at(0)).await.unwrap();
}

async fn keys(
    store: &dyn Store,
    space: &str,
    after: Option<&str>,
    limit: usize,
    seconds: u64,
) -> Vec<String> {
    let found = store.scan(space, after.map(str::as_bytes), limit, at(seconds)).await.unwrap();
    found.into_iter().map(|(key, _)| String::from_utf8(key.to_vec()).unwrap()).collect()
}

fn addition(key: &str, by: i64, expires: Option<u64>) -> Addition {
    Addition { space: "counts".into(), key: key.into(), by, expires: expires.map(at) }
}

pub(super) async fn a_value_is_there_until_it_is_removed(subject: &mut dyn Subject) {
    let store = subject.store();
    assert_eq!(value(store, "a", "k", 0).await, None);
    put(store, "a", "k", "one", None).await;
    put(store, "b", "k", "other", None).await;
    assert_eq!(value(store, "a", "k", 1).await.unwrap(), "one");
    put(store, "a", "k", "two", None).await;
    assert_eq!(value(store, "a", "k", 1).await.unwrap(), "two");
    assert_eq!(value(store, "b", "k", 1).await.unwrap(), "other");
    store.remove("a", b"k", at(1)).await.unwrap();
    store.remove("a", b"k", at(1)).await.unwrap();
    assert_eq!(value(store, "a", "k", 1).await, None);
    assert_eq!(value(store, "b", "k", 1).await.unwrap(), "other");
}

pub(super) async fn values_survive_a_crash(subject: &mut dyn Subject) {
    put(subject.store(), "a", "k", "one", Some(100)).await;
    subject.store().add(addition("n", 3, None), at(0)).await.unwrap();
    subject.crash();
    assert_eq!(value(subject.store(), "a", "k", 99).await.unwrap(), "one");
    assert_eq!(subject.store().add(addition("n", 4, None), at(0)).await.unwrap(), 7);
}

pub(super) async fn what_has_expired_is_not_there(subject: &mut dyn Subject) {
    let store = subject.store();
    put(store, "a", "k", "one", Some(10)).await;
    put(store, "a", "l", "two", Some(20)).await;
    assert_eq!(value(store, "a", "k", 9).await.unwrap(), "one");
    assert_eq!(value(store, "a", "k", 10).await, None);
    assert_eq!(keys(store, "a", None, 10, 10).await, ["l"]);
    put(store, "a", "k", "again", None).await;
    assert_eq!(value(store, "a", "k", 1000).await.unwrap(), "again");
}

pub(super) async fn changes_are_all_or_nothing(subject: &mut dyn Subject) {
    let store = subject.store();
    put(store, "a", "old", "one", None).await;
    let long = vec![b'x'; KEY_BYTES_MAX + 1];
    let change = |last: &[u8]| {
        let put = KeyChange::put("a", b"new", "two", None);
        vec![put, KeyChange::remove("a", b"old"), KeyChange::put("a", last, "three", None)]
    };
    let refused = store.change(change(&long), at(0)).await;
    assert!(matches!(refused, Err(StoreError::TooLong { what: "a key", .. })), "{refused:?}");
    assert_eq!(keys(store, "a", None, 10, 0).await, ["old"]);
    store.change(change(b"last"), at(0)).await.unwrap();
    store.change(Vec::new(), at(0)).await.unwrap();
    assert_eq!(keys(store, "a", None, 10, 0).await, ["last", "new"]);
}

pub(super) async fn a_counter_adds_up(subject: &mut dyn Subject) {
    let store = subject.store();
    assert_eq!(store.add(addition("n", 3, Some(10)), at(0)).await.unwrap(), 3);
    assert_eq!(store.add(addition("n", -1, Some(900)), at(5)).await.unwrap(), 2, "the first expiry stays");
    assert_eq!(value(store, "counts", "n", 9).await.unwrap(), "2");
    assert_eq!(store.add(addition("n", 5, None), at(10)).await.unwrap(), 5, "it began anew");
    assert_eq!(store.add(addition("n", i64::MAX, None), at(10)).await.unwrap(), i64::MAX);
    put(store, "counts", "text", "many", None).await;
    let refused = store.add(addition("text", 1, None), at(10)).await;
    assert!(matches!(refused, Err(StoreError::NoCounter { .. })), "{refused:?}");
    assert_eq!(value(store, "counts", "text", 10).await.unwrap(), "many");
}

pub(super) async fn additions_at_once_are_all_counted(subject: &mut dyn Subject) {
    let store = subject.store();
    let all = (0..20).map(|_| store.add(addition("n", 1, None), at(0)));
    let mut sums = Vec::new();
    for sum in futures_util::future::join_all(all).await {
        sums.push(sum.unwrap());
    }
    sums.sort_unstable();
    assert_eq!(sums, (1..=20).collect::<Vec<i64>>());
}

pub(super) async fn a_space_is_listed_in_pages(subject: &mut dyn Subject) {
    let store = subject.store();
    for key in ["b", "a", "", "c", "ab"] {
        put(store, "a", key, key, None).await;
    }
    put(store, "ab", "x", "of another space", None).await;
    assert_eq!(keys(store, "a", None, 10, 0).await, ["", "a", "ab", "b", "c"]);
    assert_eq!(keys(store, "a", None, 2, 0).await, ["", "a"]);
    assert_eq!(keys(store, "a", Some("a"), 2, 0).await, ["ab", "b"]);
    assert_eq!(keys(store, "a", Some("b"), 2, 0).await, ["c"]);
    assert!(keys(store, "none", None, 2, 0).await.is_empty());
}

pub(super) async fn what_is_too_long_is_refused(subject: &mut dyn Subject) {
    let store = subject.store();
    let (key, value) = (vec![b'k'; KEY_BYTES_MAX], vec![b'v'; VALUE_BYTES_MAX]);
    let space = "s".repeat(SPACE_BYTES_MAX);
    store.put(&space, &key, value.clone().into(), None, at(0)).await.unwrap();
    assert_eq!(store.value(&space, &key, at(0)).await.unwrap().unwrap(), value);
    let (space_long, key_long) = (format!("{space}s"), [&key[..], b"k"].concat());
    let value_long = Bytes::from([&value[..], b"v"].concat());
    let many = vec![KeyChange::remove("a", b"k"); CHANGES_MAX + 1];
    let refused = [
        store.put(&space_long, b"k", Bytes::new(), None, at(0)).await.unwrap_err(),
        store.put("a", &key_long, Bytes::new(), None, at(0)).await.unwrap_err(),
        store.put("a", b"k", value_long, None, at(0)).await.unwrap_err(),
        store.value(&space_long, b"k", at(0)).await.unwrap_err(),
        store.scan("a", Some(&key_long), 1, at(0)).await.unwrap_err(),
        store.change(many, at(0)).await.unwrap_err(),
    ];
    for error in refused {
        assert!(matches!(error, StoreError::TooLong { .. }), "{error}");
    }
}
