//! A lookup store in memory: quick, and empty after a restart.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use policy::expr::{LookupValue, Question};

use super::{Asked, value_of};

/// Keys at most.
const KEYS_MAX: usize = 100_000;
/// Bytes of keys and values at most.
const BYTES_MAX: usize = 64 << 20;

/// Keys with their values. When there is no room for another, the one that was written longest ago is forgotten:
/// whoever can make up keys must not be able to stop the mail of others.
#[derive(Default)]
pub(super) struct MemoryLookups {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    keys: BTreeMap<String, Entry>,
    /// Keys by when they were written.
    order: BTreeMap<u64, String>,
    writes: u64,
    bytes: usize,
}

struct Entry {
    value: Result<String, i64>,
    written: u64,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.value.as_ref().map_or(8, String::len)
    }
}

impl Held {
    fn put(&mut self, key: &str, value: Result<String, i64>) {
        self.remove(key);
        self.writes = self.writes.saturating_add(1);
        let entry = Entry { value, written: self.writes };
        self.bytes = self.bytes.saturating_add(key.len()).saturating_add(entry.bytes());
        self.order.insert(entry.written, key.to_owned());
        self.keys.insert(key.to_owned(), entry);
        while self.keys.len() > KEYS_MAX || self.bytes > BYTES_MAX {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.keys.remove(key) {
            self.order.remove(&entry.written);
            self.bytes = self.bytes.saturating_sub(key.len()).saturating_sub(entry.bytes());
        }
    }

    fn count(&self, key: &str) -> i64 {
        let number = self.keys.get(key).and_then(|entry| entry.value.as_ref().err());
        number.copied().unwrap_or(0)
    }
}

#[async_trait]
impl Asked for MemoryLookups {
    async fn ask(&self, question: &Question) -> Result<LookupValue, String> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match question {
            Question::Get { key } => match held.keys.get(key).map(|entry| &entry.value) {
                Some(Ok(text)) => LookupValue::Text(text.clone()),
                Some(Err(number)) => LookupValue::Integer(*number),
                None => value_of(None, None),
            },
            Question::Exists { key } => LookupValue::Integer(held.keys.contains_key(key).into()),
            Question::Set { key, value } => {
                held.put(key, Ok(value.clone()));
                LookupValue::Integer(1)
            }
            Question::Increment { key, by } => {
                let number = held.count(key).saturating_add(*by);
                held.put(key, Err(number));
                LookupValue::Integer(number)
            }
            Question::Count { key } => LookupValue::Integer(held.count(key)),
            Question::Sql { .. } => return Err("a store in memory knows no SQL".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_longest_ago_makes_room() {
        let mut held = Held::default();
        for number in 0..KEYS_MAX {
            held.put(&number.to_string(), Err(1));
        }
        held.put("0", Err(2));
        held.put("new", Ok("x".to_owned()));
        assert_eq!(held.keys.len(), KEYS_MAX);
        assert!(held.keys.contains_key("0") && !held.keys.contains_key("1") && held.keys.contains_key("2"));
        let bytes: usize = held.keys.iter().map(|(key, entry)| key.len() + entry.bytes()).sum();
        assert_eq!((held.bytes, held.order.len()), (bytes, KEYS_MAX));
    }
}
