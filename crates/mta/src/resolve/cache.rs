//! Keeps answers for as long as they may be kept, and no more of them than there is room for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::Instant;

use super::message::Found;
use crate::world::Forget;
use policy::dns::DnsError;

/// Answers that are kept at most, absences included.
const ANSWERS_MAX: usize = 16_384;
/// Bytes of an answer that is kept: what strangers publish must not fill the memory.
const ANSWER_BYTES_MAX: usize = 4096;
/// How long an answer is kept at least and at most, whatever it says.
const POSITIVE_TTL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 60 * 60));
/// How long the absence of an answer is kept at least and at most.
const NEGATIVE_TTL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15 * 60));

/// Records, or the word that there are none.
pub(super) type Kept = Result<Arc<Found>, DnsError>;

/// Two halves: what was not asked for since the younger filled up is given up as a whole.
#[derive(Debug, Default)]
pub(super) struct Cache {
    halves: Mutex<Halves>,
}

#[derive(Debug, Default)]
struct Halves {
    young: HashMap<(Name, RecordType), Entry>,
    old: HashMap<(Name, RecordType), Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    kept: Kept,
    until: Instant,
}

impl Cache {
    /// What is known and still holds.
    pub(super) fn find(&self, key: &(Name, RecordType), now: Instant) -> Option<Kept> {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = halves.young.get(key) {
            return (now < entry.until).then(|| entry.kept.clone());
        }
        let (key, entry) = halves.old.remove_entry(key)?;
        if now >= entry.until {
            return None;
        }
        let kept = entry.kept.clone();
        halves.put(key, entry);
        Some(kept)
    }

    /// Forgets answers.
    pub(super) fn forget(&self, what: Forget) {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        let stays = |entry: &Entry| what == Forget::Negative && entry.kept.is_ok();
        halves.young.retain(|_, entry| stays(entry));
        halves.old.retain(|_, entry| stays(entry));
    }

    /// Keeps an answer as long as it says, within bounds. Failures are not kept.
    pub(super) fn keep(&self, key: (Name, RecordType), kept: Kept, ttl: Duration, now: Instant) {
        let (least, most) = match &kept {
            Ok(found) if bytes(found) > ANSWER_BYTES_MAX => return,
            Ok(_) => POSITIVE_TTL,
            Err(DnsError::NoSuchName(_) | DnsError::NoData(_)) => NEGATIVE_TTL,
            Err(DnsError::Bogus(_) | DnsError::Failed(_)) => return,
        };
        let entry = Entry { kept, until: now + ttl.clamp(least, most) };
        self.halves.lock().unwrap_or_else(PoisonError::into_inner).put(key, entry);
    }
}

/// About how much memory an answer takes.
fn bytes(found: &Found) -> usize {
    /// What each part of a text costs beyond its content.
    const PART_BYTES: usize = 48;
    let beyond = |data: &RData| match data {
        RData::TXT(txt) => txt.txt_data.iter().map(|part| part.len() + PART_BYTES).sum(),
        RData::TLSA(tlsa) => tlsa.cert_data.len(),
        _ => 0,
    };
    found.records.iter().map(|data| size_of::<RData>() + beyond(data)).sum()
}

impl Halves {
    fn put(&mut self, key: (Name, RecordType), entry: Entry) {
        if self.young.len() >= ANSWERS_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, entry);
    }
}

#[cfg(test)]
mod tests {
    use policy::dns::Security;

    use super::*;

    fn key(number: usize) -> (Name, RecordType) {
        (Name::from_ascii(format!("n{number}.example.")).expect("valid"), RecordType::MX)
    }

    fn found() -> Kept {
        Ok(Arc::new(Found { records: Vec::new(), security: Security::Unchecked, canonical: None }))
    }

    // proves: C17
    #[test]
    fn times_have_a_floor_and_a_ceiling() {
        const DAY: u64 = 24 * 60 * 60;
        let (cache, now) = (Cache::default(), Instant::now());
        let absent = || Err(DnsError::NoData(Security::Unchecked));
        for (kept, ttl, lives, dies) in [
            (found(), 0, 0, 1),
            (found(), 60, 59, 60),
            (found(), 1 << 31, DAY - 1, DAY),
            (absent(), 0, 0, 1),
            (absent(), 1 << 31, 899, 900),
        ] {
            cache.keep(key(1), kept.clone(), Duration::from_secs(ttl), now);
            assert!(cache.find(&key(1), now + Duration::from_secs(lives)).is_some(), "{kept:?} {ttl}");
            assert!(cache.find(&key(1), now + Duration::from_secs(dies)).is_none(), "{kept:?} {ttl}");
        }
        cache.keep(key(2), Err(DnsError::Failed("SERVFAIL".to_owned())), Duration::from_secs(60), now);
        assert!(cache.find(&key(2), now).is_none());
    }

    #[test]
    fn what_is_forgotten_is_asked_for_again() {
        let (cache, now) = (Cache::default(), Instant::now());
        let hour = Duration::from_secs(3600);
        cache.keep(key(1), found(), hour, now);
        cache.keep(key(2), Err(DnsError::NoData(Security::Unchecked)), hour, now);
        cache.forget(Forget::Negative);
        assert!(cache.find(&key(1), now).is_some() && cache.find(&key(2), now).is_none());
        cache.forget(Forget::All);
        assert!(cache.find(&key(1), now).is_none());
    }

    // proves: C17
    #[test]
    fn a_large_answer_is_not_kept() {
        use hickory_proto::rr::rdata::{TLSA, TXT};
        let text = |parts: usize| RData::TXT(TXT::new(vec!["x".repeat(255); parts]));
        let tlsa = |bytes| RData::TLSA(TLSA::new(3.into(), 1.into(), 0.into(), vec![0; bytes]));
        for (records, expected) in [
            (vec![text(8)], true),
            (vec![text(16)], false),
            (vec![tlsa(2000)], true),
            (vec![tlsa(2000); 3], false),
            (vec![text(0); 1000], false),
        ] {
            let (cache, now) = (Cache::default(), Instant::now());
            let found = Found { records, security: Security::Unchecked, canonical: None };
            cache.keep(key(1), Ok(Arc::new(found)), Duration::from_secs(60), now);
            assert_eq!(cache.find(&key(1), now).is_some(), expected);
        }
    }

    // proves: C17
    #[test]
    fn it_is_bounded_and_keeps_what_is_asked_for() {
        let (cache, now) = (Cache::default(), Instant::now());
        for number in 0..3 * ANSWERS_MAX {
            cache.keep(key(number), found(), Duration::from_secs(60), now);
            assert!(cache.find(&key(0), now).is_some(), "{number}");
        }
        let halves = cache.halves.lock().expect("not poisoned");
        assert!(halves.young.len() + halves.old.len() <= ANSWERS_MAX);
    }
}
