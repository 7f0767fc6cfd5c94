//! Small things that must outlast a restart: values under keys, in named spaces.

use async_trait::async_trait;
use bytes::Bytes;
use mail::Timestamp;

use crate::StoreError;

/// Bytes of a space's name.
pub const SPACE_BYTES_MAX: usize = 64;
/// Bytes of a key.
pub const KEY_BYTES_MAX: usize = 1024;
/// Bytes of a value.
pub const VALUE_BYTES_MAX: usize = 256 << 10;
/// Changes in one transaction.
pub const CHANGES_MAX: usize = 65_536;

/// One change of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyChange {
    /// The space, such as `mta-sts`; it need not be made.
    pub space: String,
    /// The key.
    pub key: Vec<u8>,
    /// What becomes of it.
    pub becomes: Becomes,
}

/// What becomes of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Becomes {
    /// It has this value, until it expires if it does.
    Value(Bytes, Option<Timestamp>),
    /// It is gone.
    Gone,
}

impl KeyChange {
    /// Gives a key a value.
    pub fn put(space: &str, key: &[u8], value: impl Into<Bytes>, expires: Option<Timestamp>) -> Self {
        let becomes = Becomes::Value(value.into(), expires);
        KeyChange { space: space.to_owned(), key: key.to_owned(), becomes }
    }

    /// Removes a key, if it is there.
    pub fn remove(space: &str, key: &[u8]) -> Self {
        KeyChange { space: space.to_owned(), key: key.to_owned(), becomes: Becomes::Gone }
    }

    /// Refuses what is longer than the limits.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        check(&self.space, &self.key)?;
        match &self.becomes {
            Becomes::Value(value, _) => fits("a value", value.len(), VALUE_BYTES_MAX),
            Becomes::Gone => Ok(()),
        }
    }
}

/// An addition to a counter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Addition {
    /// The space.
    pub space: String,
    /// The key.
    pub key: Vec<u8>,
    /// By how much it grows.
    pub by: i64,
    /// When the counter expires, if it begins with this addition.
    pub expires: Option<Timestamp>,
}

/// Values under keys. What was changed is durable when the call returns. What has expired is not there.
#[async_trait]
pub trait KeyValues: Send + Sync {
    /// The value of a key, if it has one.
    async fn value(&self, space: &str, key: &[u8], now: Timestamp) -> Result<Option<Bytes>, StoreError>;

    /// Makes all of these changes, or none. At most [`CHANGES_MAX`].
    async fn change(&self, changes: Vec<KeyChange>, now: Timestamp) -> Result<(), StoreError>;

    /// Adds to a counter, and gives what it is then. A counter's value is its decimal digits; what has none begins
    /// at 0, and what is there but is no number is refused with `NoCounter`.
    async fn add(&self, addition: Addition, now: Timestamp) -> Result<i64, StoreError>;

    /// Keys and values of a space in the order of the keys: those after `after`, at most `limit`.
    async fn scan(
        &self,
        space: &str,
        after: Option<&[u8]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError>;

    /// Gives one key a value.
    async fn put(
        &self,
        space: &str,
        key: &[u8],
        value: Bytes,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(vec![KeyChange::put(space, key, value, expires)], now).await
    }

    /// Removes one key, if it is there.
    async fn remove(&self, space: &str, key: &[u8], now: Timestamp) -> Result<(), StoreError> {
        self.change(vec![KeyChange::remove(space, key)], now).await
    }
}

/// Refuses a space or a key that is longer than the limits.
pub(crate) fn check(space: &str, key: &[u8]) -> Result<(), StoreError> {
    fits("the name of a space", space.len(), SPACE_BYTES_MAX)?;
    fits("a key", key.len(), KEY_BYTES_MAX)
}

/// Refuses a set of changes that is larger than the limits.
pub(crate) fn check_all(changes: &[KeyChange]) -> Result<(), StoreError> {
    fits("a set of changes", changes.len(), CHANGES_MAX)?;
    changes.iter().try_for_each(KeyChange::check)
}

fn fits(what: &'static str, length: usize, length_max: usize) -> Result<(), StoreError> {
    if length > length_max { Err(StoreError::TooLong { what, length, length_max }) } else { Ok(()) }
}

/// What a counter is after an addition; `None` if the value is no number.
pub(crate) fn sum(value: Option<&[u8]>, by: i64) -> Option<i64> {
    let before = match value {
        None => 0,
        Some(digits) => std::str::from_utf8(digits).ok()?.parse::<i64>().ok()?,
    };
    Some(before.saturating_add(by))
}

/// The refusal of [`KeyValues::add`].
pub(crate) fn no_counter(space: &str, key: &[u8]) -> StoreError {
    StoreError::NoCounter { space: space.to_owned(), key: String::from_utf8_lossy(key).into_owned() }
}
