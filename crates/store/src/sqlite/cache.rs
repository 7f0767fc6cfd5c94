//! Content that was accepted a moment ago, so that its first delivery reads nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use mail::MessageId;

/// Bytes of content kept in memory; the oldest goes first.
const CACHE_BYTES_MAX: usize = 64 << 20;

/// Recent content by message; ids grow, so the first is the oldest.
#[derive(Debug, Default)]
pub(super) struct Cache {
    contents: BTreeMap<MessageId, Bytes>,
    bytes: usize,
}

impl Cache {
    pub(super) fn insert(&mut self, message: MessageId, content: Bytes) {
        self.bytes += content.len();
        if let Some(before) = self.contents.insert(message, content) {
            self.bytes -= before.len();
        }
        while self.bytes > CACHE_BYTES_MAX {
            let Some((_, oldest)) = self.contents.pop_first() else { break };
            self.bytes -= oldest.len();
        }
    }

    pub(super) fn remove(&mut self, message: MessageId) {
        if let Some(content) = self.contents.remove(&message) {
            self.bytes -= content.len();
        }
    }

    pub(super) fn find(&self, message: MessageId) -> Option<Bytes> {
        self.contents.get(&message).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first_and_the_bytes_are_bounded() {
        let mut cache = Cache::default();
        let quarter = Bytes::from(vec![0; CACHE_BYTES_MAX / 4]);
        for id in 0..6 {
            cache.insert(MessageId(id), quarter.clone());
        }
        cache.remove(MessageId(3));
        let kept: Vec<bool> = (0..6).map(|id| cache.find(MessageId(id)).is_some()).collect();
        assert_eq!(kept, [false, false, true, false, true, true]);
        assert_eq!(cache.bytes, 3 * quarter.len());
    }
}
