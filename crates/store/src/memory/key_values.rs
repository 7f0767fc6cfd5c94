//! The values of the reference.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use mail::Timestamp;

use super::MemoryStore;
use crate::key_values::{check, check_all, no_counter, sum};
use crate::{Addition, Becomes, KeyChange, KeyValues, StoreError};

/// All spaces.
#[derive(Debug, Default)]
pub(super) struct MemoryKeyValues {
    values: BTreeMap<(String, Vec<u8>), (Bytes, Option<Timestamp>)>,
}

impl MemoryKeyValues {
    fn value(&self, space: &str, key: &[u8]) -> Option<Bytes> {
        self.values.get(&(space.to_owned(), key.to_owned())).map(|(value, _)| value.clone())
    }

    fn expires(&self, space: &str, key: &[u8]) -> Option<Timestamp> {
        self.values.get(&(space.to_owned(), key.to_owned())).and_then(|(_, expires)| *expires)
    }

    /// What has expired goes at once.
    fn sweep(&mut self, now: Timestamp) {
        self.values.retain(|_, (_, expires)| expires.is_none_or(|expires| expires > now));
    }

    fn change(&mut self, change: KeyChange) {
        let key = (change.space, change.key);
        match change.becomes {
            Becomes::Value(value, expires) => self.values.insert(key, (value, expires)),
            Becomes::Gone => self.values.remove(&key),
        };
    }

    fn scan(&self, space: &str, after: Option<&[u8]>, limit: usize) -> Vec<(Bytes, Bytes)> {
        let of_space =
            self.values.iter().filter(|((owner, key), _)| owner == space && Some(&key[..]) > after);
        of_space.take(limit).map(|((_, key), (value, _))| (key.clone().into(), value.clone())).collect()
    }
}

#[async_trait]
impl KeyValues for MemoryStore {
    async fn value(&self, space: &str, key: &[u8], now: Timestamp) -> Result<Option<Bytes>, StoreError> {
        check(space, key)?;
        let values = &mut self.state()?.key_values;
        values.sweep(now);
        Ok(values.value(space, key))
    }

    async fn change(&self, changes: Vec<KeyChange>, now: Timestamp) -> Result<(), StoreError> {
        check_all(&changes)?;
        let values = &mut self.state()?.key_values;
        values.sweep(now);
        changes.into_iter().for_each(|change| values.change(change));
        Ok(())
    }

    async fn add(&self, addition: Addition, now: Timestamp) -> Result<i64, StoreError> {
        let Addition { space, key, by, expires } = addition;
        check(&space, &key)?;
        let values = &mut self.state()?.key_values;
        values.sweep(now);
        let before = values.value(&space, &key);
        let expires = if before.is_some() { values.expires(&space, &key) } else { expires };
        let sum = sum(before.as_deref(), by).ok_or_else(|| no_counter(&space, &key))?;
        values.change(KeyChange::put(&space, &key, sum.to_string(), expires));
        Ok(sum)
    }

    async fn scan(
        &self,
        space: &str,
        after: Option<&[u8]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        check(space, after.unwrap_or_default())?;
        let values = &mut self.state()?.key_values;
        values.sweep(now);
        Ok(values.scan(space, after, limit))
    }
}
