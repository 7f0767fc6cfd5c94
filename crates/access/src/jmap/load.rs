//! How much does one account ask at once?

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum What {
    /// Requests.
    Request,
    /// Uploads.
    Upload,
    /// Streams of changes.
    Stream,
}

/// Counts what is under way; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Load(Arc<Mutex<BTreeMap<(What, String), usize>>>);

/// One that is under way, until it is dropped.
pub(crate) struct UnderWay {
    load: Load,
    of: (What, String),
}

impl Load {
    /// One more, if there may be `most` at once.
    pub(crate) fn begin(&self, what: What, account_id: &str, most: usize) -> Option<UnderWay> {
        let of = (what, account_id.to_owned());
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(of.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(UnderWay { load: self.clone(), of })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut counts = self.load.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.of) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_its_share_and_no_more() {
        let load = Load::default();
        let begin = |account| load.begin(What::Request, account, 2);
        let (first, second) = (begin("a"), begin("a"));
        assert!(first.is_some() && second.is_some() && begin("a").is_none());
        assert!(begin("b").is_some() && load.begin(What::Upload, "a", 1).is_some());
        drop(first);
        assert!(begin("a").is_some());
        drop(second);
        assert!(load.0.lock().unwrap().is_empty());
    }
}
